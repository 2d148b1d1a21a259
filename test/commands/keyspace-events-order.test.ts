/**
 * The order in which keyspace events of one key come when another shard than the key's own raises some of them: scripts over
 * several shards, whose commands are executed here and there.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keySlot, shardOfSlot } from '../../src/base/crc16.js'
import { EventLog } from '../support/event-log.js'
import { RespConnection } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const SHARDS = 2
const RING_BYTES = 65536

/** Keys of the two shards. */
const KEYS = ['b', 'a'] as const

const MOVE = "redis.call('rename', KEYS[2], KEYS[1])"
const MOVE_AND_WRITE = `${MOVE} redis.call('hset', KEYS[1], 'script', 1)`

describe('keyspace events of one key', () => {
  let server: TestServer
  let client: RespConnection
  let log: EventLog

  beforeAll(async () => {
    server = await startServer({ shards: SHARDS, args: ['--ring-size', String(RING_BYTES)] })
    client = await RespConnection.open(server.port)
    await client.call('config', 'set', 'notify-keyspace-events', 'KAn')
    log = await EventLog.open(server.port, SHARDS)
  })

  afterAll(async () => {
    log.close()
    client.close()
    await server.stop()
  })

  beforeEach(async () => {
    await client.call('flushall')
    await log.take(1)
  })

  async function eventsOf(key: string): Promise<string[]> {
    return (await log.take(1)).filter(([channel]) => channel === `__keyspace@0__:${key}`).map(([, event]) => event)
  }

  it('has keys of both shards to look at', () => {
    const shards = KEYS.map((key) => shardOfSlot(keySlot(Buffer.from(key), 0, key.length), SHARDS))
    expect(shards).toEqual([0, 1])
  })

  // The first key is the home's.
  it.each([
    ['to the home and from', KEYS],
    ['to the home and from', [...KEYS].reverse()],
  ])('come in their order from a script, and from what follows it: %s %j', async (_, [to = '', from = '']) => {
    for (let i = 0; i < 5; i++) {
      await client.call('hset', from, 'f', i)
      await Promise.all([client.call('eval', MOVE_AND_WRITE, 2, to, from), client.call('hset', to, 'g', i)])
      expect(await eventsOf(to), `time ${i}`).toEqual(['new', 'rename_to', 'hset', 'hset'])
      await client.call('hset', from, 'f', i)
      await Promise.all([client.call('eval', MOVE, 2, to, from), client.call('hset', to, 'g', i)])
      expect(await eventsOf(to), `time ${i}`).toEqual(['new', 'rename_to', 'hset'])
      await client.call('multi')
      await Promise.all([
        client.call('hset', from, 'f', i),
        client.call('eval', MOVE_AND_WRITE, 2, to, from),
        client.call('hdel', to, 'f'),
        client.call('exec'),
      ])
      expect(await eventsOf(to), `time ${i}`).toEqual(['new', 'rename_to', 'hset', 'hdel'])
      await client.call('del', to)
      await eventsOf(to)
    }
  })

  it.each([...KEYS])(
    'come in their order where a script has more of them than the ring holds: home %s',
    async (home) => {
      const long = 'x'.repeat(RING_BYTES / 4)
      const key = `{${home === KEYS[0] ? KEYS[1] : KEYS[0]}}${long}`
      const script = "for i = 1, 20 do redis.call('rpush', KEYS[2], i) end"
      const next = await RespConnection.open(server.port)
      await Promise.all([
        client.call('eval', script, 2, home, key),
        next.call('hset', key, 'f', 1),
        next.call('lpop', key),
      ])
      next.close()
      expect(await eventsOf(key)).toEqual(['new', ...new Array(20).fill('rpush'), 'lpop'])
    },
  )

  it.each([...KEYS])(
    'come in the order of the commands where a script has keys of both shards: home %s',
    async (home) => {
      const other = home === KEYS[0] ? KEYS[1] : KEYS[0]
      const script = "for i = 1, 3 do for _, key in ipairs(KEYS) do redis.call('incr', key) end end"
      await client.call('eval', script, 2, home, other)
      const events = (await log.take(1)).filter(([, event]) => event === 'incrby')
      const channels = [home, other].map((key) => `__keyspace@0__:${key}`)
      expect(events.map(([channel]) => channel)).toEqual([...channels, ...channels, ...channels])
    },
  )

  it.each([...KEYS])('stand in front of a message that their script publishes behind them: home %s', async (home) => {
    const other = home === KEYS[0] ? KEYS[1] : KEYS[0]
    const script = `redis.call('set', KEYS[1], 1) redis.call('set', KEYS[2], 1)
      redis.call('publish', '__keyspace@0__:' .. KEYS[2], 'message') redis.call('del', KEYS[2])`
    await client.call('eval', script, 2, home, other)
    expect(await eventsOf(other)).toEqual(['new', 'set', 'message', 'del'])
    await client.call('eval', script, 2, other, home)
    expect(await eventsOf(home)).toEqual(['set', 'message', 'del'])
  })
})
