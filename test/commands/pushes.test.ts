/**
 * What clients are told beside their replies (messages, events, news of cached keys, MONITOR) where it goes wrong most
 * easily: clients that go in the middle of it, settings that change under way, several writers of a key, values that are huge.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { EventLog } from '../support/event-log.js'
import type { RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { CachingClient } from './caching-client.js'

const EVENTS = 2000

describe.each(SHARD_COUNTS)('pushes at %i shard(s)', (shards) => {
  let server: TestServer
  const clients: CachingClient[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  afterEach(async () => {
    const cleaner = await CachingClient.open(server.port)
    await cleaner.call('CONFIG', 'SET', 'notify-keyspace-events', '')
    await cleaner.call('FLUSHALL')
    for (const client of [cleaner, ...clients.splice(0)]) client.close()
  })

  async function open(resp: 2 | 3 = 3): Promise<CachingClient> {
    const client = await CachingClient.open(server.port, resp)
    clients.push(client)
    return client
  }

  /** When nothing more can come of what has been answered. */
  async function settled(client: CachingClient): Promise<RespValue[]> {
    // A reply of every shard comes behind what the shard told before.
    await client.call('DBSIZE')
    return client.pushes.splice(0)
  }

  async function infoField(client: CachingClient, name: string): Promise<number> {
    const info = (await client.call('INFO')) as { verbatim: string }
    return Number(new RegExp(`\\r\\n${name}:(\\d+)`).exec(info.verbatim)?.[1])
  }

  it('lets a client that is gone begin nothing in the rest of its transaction', async () => {
    const watcher = await open()
    // So large that it goes to another shard in slices, in the middle of which the client is killed.
    const some = Array.from({ length: 5000 }, (_, i) => i)
    for (let i = 0; i < 40; i++) await watcher.call('RPUSH', 'a', ...some)
    for (const begin of [
      ['SUBSCRIBE', 'c'],
      ['PSUBSCRIBE', 'p*'],
      ['CLIENT', 'TRACKING', 'ON', 'BCAST'],
    ]) {
      const leaver = await open()
      for (const argv of [['MULTI'], ['RENAME', 'a', 'b'], ['RENAME', 'b', 'a'], begin, ['EXEC']]) leaver.send(argv)
      watcher.send(['CLIENT', 'KILL', 'ID', leaver.id])
      await watcher.call('EXISTS', 'a')
      await watcher.call('PING')
    }
    await expect.poll(() => infoField(watcher, 'connected_clients')).toBe(1)
    expect(await watcher.call('PUBLISH', 'c', 'x')).toBe(0)
    expect(await watcher.call('PUBSUB', 'NUMPAT')).toBe(0)
    expect(await infoField(watcher, 'tracking_clients')).toBe(0)
  })

  it('ends the subscriptions of a client that has quit and does not hang up', async () => {
    const raw = await server.raw()
    const publisher = await open()
    raw.socket.allowHalfOpen = true
    raw.write('SUBSCRIBE c\r\nQUIT\r\n')
    await raw.readUntil('+OK\r\n')
    expect(await publisher.call('PUBLISH', 'c', 'x')).toBe(0)
  })

  it('publishes the events of commands that came before the setting was changed, where it said so', async () => {
    const client = await open()
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'K$')
    const log = await EventLog.open(server.port, shards)
    for (let i = 0; i < EVENTS; i++) client.send(['SET', `key:${i}`, i])
    client.send(['CONFIG', 'SET', 'notify-keyspace-events', 'E$'])
    for (let i = 0; i < EVENTS; i++) client.send(['SET', `key:${i}`, i])
    client.send(['CONFIG', 'SET', 'notify-keyspace-events', ''])
    client.send(['SET', 'key:0', 0])
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'Kg')
    const channels = (await log.take(1)).map(([channel]) => channel.split(':')[0])
    expect(channels.filter((channel) => channel === '__keyspace@0__')).toHaveLength(EVENTS)
    expect(channels.filter((channel) => channel === '__keyevent@0__')).toHaveLength(EVENTS)
    log.close()
  })

  it('tells a client under NOLOOP of a key that another one has changed as well', async () => {
    const client = await open()
    const other = await open()
    const third = await open()
    await client.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'NOLOOP')
    const busy = "local sum = 0 for i = 1, 2000000 do sum = sum + i end return redis.call('exists', KEYS[1])"
    for (const [first, second] of [
      [other, client],
      [client, other],
    ] as const) {
      // The shard has both changes on hand when it comes to the first, so that the news of both come at once.
      const waiting = third.call('EVAL', busy, 1, 'k')
      await delay(2)
      first.send(['HSET', 'k', `${first.id}`, 1])
      await delay(1)
      second.send(['HSET', 'k', `${second.id}`, 1])
      await waiting
      // The script is answered before what came behind it, and so may the client's own command be.
      await settled(other)
      expect(await settled(client)).toEqual([{ push: ['invalidate', ['k']] }])
      await client.call('DEL', 'k')
    }
  })

  it('remembers what a script has read', async () => {
    const reader = await open()
    const writer = await open()
    await reader.call('CLIENT', 'TRACKING', 'ON')
    const script = "return redis.call('get', KEYS[1])"
    await reader.call('EVAL', script, 1, 'a')
    await reader.call('MULTI')
    await reader.call('EVAL', script, 2, 'b', 'c')
    await reader.call('EXEC')
    await writer.call('MSET', 'a', 1, 'b', 1, 'd', 1)
    await settled(writer)
    const keys = (await settled(reader)).flatMap((push) => (push as { push: [string, string[]] }).push[1])
    expect(keys.sort()).toEqual(['a', 'b'])
  })

  it('shows the beginning of what is too large to show', async () => {
    const monitor = await server.raw()
    const client = await server.raw()
    monitor.write('MONITOR\r\n')
    await monitor.readUntil('+OK\r\n')
    const value = Buffer.alloc(80 * 1024 * 1024, 1)
    client.socket.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`)
    client.socket.write(value)
    client.socket.write('\r\n')
    await client.readUntil('+OK\r\n')
    const line = await monitor.readUntil(' more bytes)\r\n')
    expect(line).toMatch(/"SET" "k" "(\\x01)+"\.\.\. \(\d+ more bytes\)\r\n$/)
    expect(line.length).toBeLessThan(5 * 1024 * 1024)
  }, 60000)

  it.skipIf(process.platform !== 'linux')('sleeps while it has nothing to do but to listen', async () => {
    const client = await open()
    await client.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEA')
    await delay(200)
    const before = switchesOfMainThread(server.process.pid as number)
    await delay(1000)
    expect(switchesOfMainThread(server.process.pid as number) - before).toBeLessThan(300)
  })
})

/** How often the main thread of a process has gone to sleep so far. */
function switchesOfMainThread(pid: number): number {
  const status = readFileSync(`/proc/${pid}/task/${pid}/status`, 'latin1')
  return Number(/\nvoluntary_ctxt_switches:\s*(\d+)/.exec(status)?.[1])
}
