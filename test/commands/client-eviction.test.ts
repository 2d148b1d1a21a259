/** `maxmemory-clients` over real connections: who is closed when all clients together take too much memory. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RawClient } from '../support/server.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const MIB = 1024 * 1024

describe.each(SHARD_COUNTS)('client eviction at %i shards', (shards) => {
  let server: TestServer
  const clients: RawClient[] = []
  beforeAll(async () => {
    server = await startServer({ shards })
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    const control = server.client()
    await control.config('SET', 'maxmemory-clients', '0')
    await expect.poll(async () => (await names()).length).toBe(0)
  })
  afterAll(() => server.stop())

  /** Names of the clients that have one. */
  async function names(): Promise<string[]> {
    const control = server.client()
    const list = (await control.client('LIST')) as string
    control.disconnect()
    return [...list.matchAll(/ name=(\S+) /g)].map(([, name]) => name as string).sort()
  }

  /** A client that holds so many bytes of a command that does not end. */
  async function holding(name: string, bytes: number, noEvict = false): Promise<RawClient> {
    const client = await server.raw()
    clients.push(client)
    client.send('CLIENT', 'SETNAME', name)
    await client.line()
    if (noEvict) {
      client.send('CLIENT', 'NO-EVICT', 'on')
      await client.line()
    }
    client.write(`*2\r\n$3\r\nGET\r\n$${MIB * 64}\r\n${'x'.repeat(bytes)}`)
    const control = server.client()
    await expect
      .poll(async () => {
        const list = (await control.client('LIST')) as string
        return Number(new RegExp(` name=${name} .* qbuf=(\\d+)`).exec(list)?.[1])
      })
      .toBe(bytes)
    control.disconnect()
    return client
  }

  it('closes the largest, and no more than it must', async () => {
    const control = server.client()
    const before = Number(/evicted_clients:(\d+)/.exec(await control.info('stats'))?.[1])
    await holding('small', 1 * MIB)
    const large = await holding('large', 6 * MIB)
    await holding('middle', 3 * MIB)
    await control.config('SET', 'maxmemory-clients', String(8 * MIB))
    await large.rest()
    expect(await names()).toEqual(['middle', 'small'])
    expect(Number(/evicted_clients:(\d+)/.exec(await control.info('stats'))?.[1])).toBe(before + 1)
  })

  it('closes a client that grows past the limit, in whichever way', async () => {
    const control = server.client()
    await control.config('SET', 'maxmemory-clients', String(2 * MIB))
    const transaction = await server.raw()
    clients.push(transaction)
    transaction.send('MULTI')
    for (let i = 0; i < 30; i++) transaction.send('SET', 'k', 'x'.repeat(100_000))
    await transaction.rest()
    const subscriber = await server.raw()
    clients.push(subscriber)
    for (let i = 0; i < 40_000; i++) subscriber.send('SUBSCRIBE', `channel-${i}`)
    await subscriber.rest()
    expect(await control.ping()).toBe('PONG')
    expect(await control.pubsub('CHANNELS', 'channel-*')).toEqual([])
  })

  it('spares who is not to be evicted, and knows percentages of maxmemory', async () => {
    const control = server.client()
    await control.client('NO-EVICT', 'ON')
    await holding('spared', 3 * MIB, true)
    await control.config('SET', 'maxmemory', String(100 * MIB), 'maxmemory-clients', '2%')
    const large = await server.raw()
    large.send('CLIENT', 'SETNAME', 'evicted')
    await large.rest()
    expect(await names()).toEqual(['spared'])
    await control.config('SET', 'maxmemory', '0')
  })
})
