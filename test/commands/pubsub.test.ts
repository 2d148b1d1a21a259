/**
 * Publish and subscribe over real connections: the bytes that subscribers get beside a real Redis where there is one, and
 * what a real Redis cannot show: pushes beside replies in pieces, subscribers that do not read.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

type Step = readonly [client: number, ...argv: string[]]

/** No two patterns match, and nobody leaves two names at once: Redis's order there is that of its hash tables. */
const CONVERSATIONS: readonly (readonly [name: string, clients: number, steps: readonly Step[]])[] = [
  [
    'channels and patterns',
    2,
    [
      [0, 'SUBSCRIBE', 'a', 'b', 'a'],
      [0, 'PSUBSCRIBE', 'a?*', '[b-c]', ''],
      [1, 'PUBLISH', 'a', 'hello'],
      [1, 'PUBLISH', 'b', ''],
      [1, 'PUBLISH', 'abc', 'x\r\ny'],
      [1, 'PUBLISH', 'a', ''],
      [1, 'PUBLISH', 'none', 'x'],
      [1, 'PUBLISH', '', 'x'],
      [1, 'PUBSUB', 'NUMSUB', 'a', 'b', 'c'],
      [1, 'PUBSUB', 'NUMPAT'],
      [1, 'PUBSUB', 'CHANNELS', 'a*'],
      [1, 'PUBSUB', 'CHANNELS', 'a', 'b'],
      [1, 'PUBSUB', 'NOPE'],
      [0, 'UNSUBSCRIBE', 'a', 'nope'],
      [0, 'PUNSUBSCRIBE', 'a?*'],
      [1, 'PUBLISH', 'a', 'hello'],
      [0, 'UNSUBSCRIBE'],
      [0, 'PUNSUBSCRIBE', '[b-c]', ''],
      [0, 'PING'],
    ],
  ],
  [
    'shard channels apart from the others',
    2,
    [
      [0, 'SSUBSCRIBE', 'a', 'b'],
      [0, 'SUBSCRIBE', 'a'],
      [0, 'PSUBSCRIBE', '*'],
      [1, 'SPUBLISH', 'a', 'shard'],
      [1, 'PUBLISH', 'a', 'all'],
      [1, 'PUBSUB', 'SHARDNUMSUB', 'a', 'c'],
      [1, 'PUBSUB', 'SHARDCHANNELS', 'b*'],
      [1, 'PUBSUB', 'CHANNELS'],
      [0, 'SUNSUBSCRIBE', 'a'],
      [0, 'SUNSUBSCRIBE'],
      [0, 'SUNSUBSCRIBE'],
      [0, 'UNSUBSCRIBE', 'a'],
      [0, 'PUNSUBSCRIBE'],
      [0, 'PING', 'x'],
    ],
  ],
  [
    'unsubscribing from nothing',
    1,
    [
      [0, 'UNSUBSCRIBE'],
      [0, 'PUNSUBSCRIBE'],
      [0, 'SUNSUBSCRIBE'],
      [0, 'UNSUBSCRIBE', 'a', 'b'],
      [0, 'SUBSCRIBE'],
      [0, 'PUBLISH', 'a'],
    ],
  ],
  [
    'what a subscriber may send',
    1,
    [
      [0, 'SUBSCRIBE', 'a'],
      [0, 'GET', 'k'],
      [0, 'CLIENT', 'LIST'],
      [0, 'MULTI'],
      [0, 'nope'],
      [0, 'GET'],
      [0, 'PUBLISH', 'b', 'x'],
      [0, 'PING'],
      [0, 'PING', 'x'],
      [0, 'PING', 'x', 'y'],
      [0, 'HELLO', '3'],
      [0, 'RESET'],
      [0, 'GET', 'nothing'],
      [0, 'SUBSCRIBE', 'a'],
      [0, 'QUIT'],
    ],
  ],
  [
    'in a transaction',
    2,
    [
      [0, 'MULTI'],
      [0, 'SUBSCRIBE', 'a', 'b'],
      [0, 'SSUBSCRIBE', 'a'],
      [0, 'SET', 'k', 'v'],
      [0, 'UNSUBSCRIBE', 'b', 'a'],
      [0, 'EXEC'],
      [0, 'GET', 'k'],
      [0, 'SUBSCRIBE', 'a'],
      [1, 'MULTI'],
      [1, 'PUBLISH', 'a', '1'],
      [1, 'SET', 'k', 'w'],
      [1, 'PUBLISH', 'a', '2'],
      [1, 'EXEC'],
      [0, 'PING'],
    ],
  ],
  [
    'with CLIENT REPLY OFF',
    2,
    [
      [0, 'CLIENT', 'REPLY', 'OFF'],
      [0, 'SUBSCRIBE', 'a'],
      [1, 'PUBLISH', 'a', 'x'],
      [0, 'UNSUBSCRIBE'],
      [0, 'SET', 'k', 'v'],
      [0, 'CLIENT', 'REPLY', 'ON'],
    ],
  ],
]

/** Has the steps done one after the other, and returns what each client got until it was answered a last word. */
async function converse(
  open: () => Promise<RawClient>,
  count: number,
  steps: readonly Step[],
  resp: number,
): Promise<string[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < count; i++) clients.push(await open())
  const control = await open()
  const settle = async (): Promise<void> => {
    control.send('PING')
    await control.line()
    await delay(5)
  }
  if (resp === 3) {
    for (const client of clients) {
      client.send('HELLO', '3')
      await client.reply()
    }
  }
  for (const [client, ...argv] of steps) {
    clients[client]?.send(...argv)
    await settle()
  }
  const got: string[] = []
  for (const client of clients) {
    // An error in every state of a client: what comes before it is what the conversation brought.
    client.send('THE-END')
    const text = await Promise.race([client.readUntil('beginning with: \r\n'), client.rest()])
    got.push(text.replace(/\r\n\$\d+\r\nid\r\n:\d+/, '\r\nid').replace(/7\.\d+\.\d+/, 'version'))
    client.close()
  }
  control.close()
  return got
}

describe.skipIf(!hasRedis7)('what subscribers get, beside Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  describe.each(SHARD_COUNTS)('at %i shards', (shards) => {
    let server: TestServer
    beforeAll(async () => {
      server = await startServer({ shards })
    })
    afterAll(() => server.stop())

    for (const [name, clients, steps] of CONVERSATIONS) {
      it.each([2, 3])(`${name}, RESP%i`, async (resp) => {
        const path = oracle.client.options.path as string
        const expected = await converse(() => RawClient.connect(path), clients, steps, resp)
        expect(await converse(() => RawClient.connect(server.port), clients, steps, resp)).toEqual(expected)
      })
    }
  })
})

describe.each(SHARD_COUNTS)('publish and subscribe at %i shards', (shards) => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ shards })
  })
  afterAll(() => server.stop())

  const clients: { disconnect(): void }[] = []
  function client(): Redis {
    const opened = server.client()
    clients.push(opened)
    return opened
  }
  async function raw(): Promise<RawClient> {
    const opened = await RawClient.connect(server.port)
    clients.push({ disconnect: () => opened.close() })
    return opened
  }
  afterEach(async () => {
    for (const opened of clients.splice(0)) opened.disconnect()
    const control = client()
    await expect.poll(async () => /pubsub_clients:0/.test(await control.info('clients'))).toBe(true)
  })

  it('serves ioredis', async () => {
    const subscriber = client()
    const publisher = client()
    const got: string[] = []
    subscriber.on('message', (channel, message) => got.push(`${channel} ${message}`))
    subscriber.on('pmessage', (pattern, channel, message) => got.push(`${pattern} ${channel} ${message}`))
    expect(await subscriber.subscribe('news', 'sport')).toBe(2)
    expect(await subscriber.psubscribe('n*')).toBe(3)
    for (let i = 0; i < 100; i++) expect(await publisher.publish('news', String(i))).toBe(2)
    expect(await publisher.publish('sport', 'x')).toBe(1)
    await expect.poll(() => got.length).toBe(201)
    expect(got.filter((line) => line.startsWith('news '))).toEqual(Array.from({ length: 100 }, (_, i) => `news ${i}`))
    await subscriber.unsubscribe('news', 'sport')
    await subscriber.punsubscribe('n*')
    expect(await subscriber.ping()).toBe('PONG')
    expect(await publisher.publish('news', 'x')).toBe(0)
  })

  it('shows who listens in CLIENT LIST and INFO, and forgets who has gone', async () => {
    const control = client()
    const subscriber = await raw()
    subscriber.send('SUBSCRIBE', 'a', 'b')
    subscriber.send('PSUBSCRIBE', 'p*')
    subscriber.send('SSUBSCRIBE', 's', 't', 'u')
    for (let i = 0; i < 6; i++) await subscriber.reply()
    const line = (await control.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) as string
    expect(line).toMatch(/ flags=P db=0 sub=2 psub=1 ssub=3 /)
    const info = await control.info()
    const shown = info.split('\r\n').filter((field) => field.startsWith('pubsub'))
    expect(shown).toEqual(['pubsub_clients:1', 'pubsub_channels:2', 'pubsub_patterns:1', 'pubsubshard_channels:3'])
    expect(await control.client('KILL', 'TYPE', 'pubsub')).toBe(1)
    await subscriber.rest()
    expect(await control.info('stats')).toContain(
      'pubsub_channels:0\r\npubsub_patterns:0\r\npubsubshard_channels:0\r\n',
    )
  })

  it('sends a message behind the replies to what a client sent before', async () => {
    const control = client()
    await control.set('k', 'v'.repeat(100))
    const publisher = await raw()
    for (let round = 0; round < 50; round++) {
      const subscriber = await raw()
      // The replies come from the shards, and SUBSCRIBE is done before them.
      subscriber.write('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'.repeat(20))
      subscriber.send('SUBSCRIBE', 'c')
      publisher.send('PUBLISH', 'c', 'm')
      publisher.send('PUBLISH', 'c', 'n')
      for (let i = 0; i < 20; i++) expect(await subscriber.reply()).toBe(`$100\r\n${'v'.repeat(100)}\r\n`)
      expect(await subscriber.reply()).toBe('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n')
      await publisher.reply()
      await publisher.reply()
      subscriber.close()
    }
  })

  it.each([
    ['LRANGE', 'list', '0', '-1'],
    // While a command may still wait, pushes do not stand behind its reply.
    ['XREAD', 'BLOCK', '1000', 'STREAMS', 'stream', '0'],
  ])('never puts a push between the pieces of a reply to %s', async (...command) => {
    const members = 60_000
    const control = client()
    const pipeline = control.pipeline()
    pipeline.del('list', 'stream')
    for (let i = 0; i < members; i += 1000) {
      const elements = Array.from({ length: 1000 }, (_, k) => `element-${i + k}`)
      pipeline.rpush('list', ...elements)
      pipeline.xadd('stream', '*', ...elements)
    }
    await pipeline.exec()
    const subscriber = await RespConnection.open(server.port)
    await subscriber.call('HELLO', '3')
    const expected = JSON.stringify(await subscriber.call(...command))
    expect(expected.length).toBeGreaterThan(900_000)
    subscriber.write('SUBSCRIBE', 'c')
    await subscriber.read()
    const publisher = client()
    let isDone = false
    const publishing = (async (): Promise<number> => {
      let sent = 0
      while (!isDone) {
        const batch = publisher.pipeline()
        for (let i = 0; i < 20; i++) batch.publish('c', `m${sent + i}`)
        await batch.exec()
        sent += 20
        await delay(1)
      }
      return sent
    })()
    let messages = 0
    let wrong = 0
    for (let round = 0; round < 5; round++) {
      subscriber.write(...command)
      for (;;) {
        const value = await subscriber.read()
        if (value === null || typeof value !== 'object' || Array.isArray(value) || !('push' in value)) {
          if (JSON.stringify(value) !== expected) wrong++
          break
        }
        if (value.push[2] !== `m${messages++}`) wrong++
      }
    }
    isDone = true
    const sent = await publishing
    expect(wrong).toBe(0)
    for (; messages < sent; messages++)
      expect(await subscriber.read()).toEqual({ push: ['message', 'c', `m${messages}`] })
    subscriber.close()
  })

  it('pushes to a RESP3 client whose command waits', async () => {
    const waiting = await raw()
    waiting.send('HELLO', '3')
    await waiting.reply()
    waiting.send('SUBSCRIBE', 'c')
    await waiting.reply()
    waiting.send('BLPOP', 'nothing', '0')
    const control = client()
    await expect.poll(async () => /blocked_clients:1/.test(await control.info('clients'))).toBe(true)
    expect(await control.publish('c', 'm')).toBe(1)
    expect(await waiting.reply()).toBe('>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n')
    await control.rpush('nothing', 'x')
    expect(await waiting.reply()).toBe('*2\r\n$7\r\nnothing\r\n$1\r\nx\r\n')
  })

  it('cuts off a subscriber that does not read, and slows nobody else', { timeout: 30_000 }, async () => {
    const control = client()
    await control.config('SET', 'client-output-buffer-limit', 'pubsub 4mb 0 0')
    const slow = await raw()
    slow.send('SUBSCRIBE', 'c')
    await slow.reply()
    slow.socket.pause()
    const fast = client()
    let received = 0
    fast.on('message', () => received++)
    await fast.subscribe('c')
    const publisher = client()
    const message = 'x'.repeat(50_000)
    let longestMs = 0
    for (let i = 0; i < 600; i++) {
      const startedMs = performance.now()
      await publisher.publish('c', message)
      longestMs = Math.max(longestMs, performance.now() - startedMs)
    }
    await expect.poll(() => received).toBe(600)
    expect(longestMs).toBeLessThan(1000)
    expect(await publisher.pubsub('NUMSUB', 'c')).toEqual(['c', 1])
    expect(await control.info('stats')).toContain('client_output_buffer_limit_disconnections:1\r\n')
    await control.config('SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60')
  })

  it('cuts it off within one transaction, too', async () => {
    const control = client()
    await control.config('SET', 'client-output-buffer-limit', 'pubsub 2mb 0 0')
    const slow = await raw()
    slow.send('SUBSCRIBE', 'c')
    await slow.reply()
    slow.socket.pause()
    const publisher = client()
    const transaction = publisher.multi()
    for (let i = 0; i < 400; i++) transaction.publish('c', 'x'.repeat(50_000))
    const replies = ((await transaction.exec()) ?? []).map(([, count]) => count as number)
    expect(replies[0]).toBe(1)
    expect(replies.at(-1)).toBe(0)
    await control.config('SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60')
  })
})
