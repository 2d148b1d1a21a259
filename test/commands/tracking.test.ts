/**
 * Client-side caching at one shard and at four: what clients are told, what CLIENT answers, and at random that no client
 * ever has a value in its cache that is not the server's, once all that it was told has come in.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { startRedisOracle } from '../base/redis-oracle.js'
import type { RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { CachingClient } from './caching-client.js'

const OK = { simple: 'OK' }

function invalidate(...keys: string[]): RespValue {
  return { push: ['invalidate', keys] }
}

const INVALIDATE_ALL: RespValue = { push: ['invalidate', null] }

describe.each(SHARD_COUNTS)('client tracking at %i shard(s)', (shards) => {
  let server: TestServer
  let reader: CachingClient
  let writer: CachingClient
  const others: CachingClient[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  beforeEach(async () => {
    reader = await CachingClient.open(server.port)
    writer = await CachingClient.open(server.port)
    await writer.call('FLUSHALL')
  })

  afterEach(() => {
    for (const client of [reader, writer, ...others.splice(0)]) client.close()
  })

  async function another(resp: 2 | 3 = 3): Promise<CachingClient> {
    const client = await CachingClient.open(server.port, resp)
    others.push(client)
    return client
  }

  /** What the reader is told because of the commands of the writer. */
  async function told(...commands: (string | number)[][]): Promise<RespValue[]> {
    for (const argv of commands) await writer.call(...argv)
    return settled(reader)
  }

  /** All pushes so far, when nothing more can come of what has been answered; they are forgotten. */
  async function settled(client: CachingClient): Promise<RespValue[]> {
    // A reply of every shard comes behind what the shard told before.
    await writer.call('DBSIZE')
    await client.call('PING')
    return client.pushes.splice(0)
  }

  it('tells of a key that was read, once, until it is read again', async () => {
    await writer.call('SET', 'k', 1)
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('GET', 'k')
    expect(await told(['INCR', 'k'], ['INCR', 'k'], ['SET', 'other', 1])).toEqual([invalidate('k')])
    await reader.call('GET', 'k')
    expect(await told(['DEL', 'k'])).toEqual([invalidate('k')])
    // A key that does not exist can be cached as well.
    await reader.call('GET', 'k')
    expect(await told(['SET', 'k', 1])).toEqual([invalidate('k')])
  })

  it('tells the writer too, behind the reply, unless it has asked for NOLOOP', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('GET', 'k')
    reader.stream.length = 0
    await Promise.all([reader.call('SET', 'k', 1), reader.call('PING')])
    await settled(reader)
    const at = reader.stream.findIndex((value) => JSON.stringify(value) === JSON.stringify(invalidate('k')))
    expect(at).toBeGreaterThanOrEqual(1)
    expect(reader.stream[0]).toEqual(OK)
    await reader.call('CLIENT', 'TRACKING', 'ON', 'NOLOOP')
    await reader.call('MGET', 'k', 'a', 'b', 'c', 'd')
    await reader.call('MSET', 'k', 2, 'a', 1)
    await reader.call('MULTI')
    await reader.call('SET', 'b', 2)
    await reader.call('RENAME', 'b', 'c')
    await reader.call('EXEC')
    expect(await settled(reader)).toEqual([])
    expect(await told(['SET', 'd', 1])).toEqual([invalidate('d')])
  })

  it('forgets what its own command has changed under NOLOOP', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON', 'NOLOOP')
    await reader.call('GET', 'k')
    await reader.call('SET', 'k', 1)
    expect(await told(['SET', 'k', 2])).toEqual([])
  })

  it('remembers what commands over several keys and shards read', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('MGET', 'a', 'b', 'c', 'd', 'e')
    const tell = await told(['MSET', 'a', 1, 'b', 1, 'c', 1, 'd', 1, 'e', 1])
    expect(tell.map((push) => JSON.stringify(push)).sort()).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((key) => JSON.stringify(invalidate(key))),
    )
    await reader.call('SUNION', 's1', 's2', 's3', 's4')
    expect(await told(['SADD', 's3', 'x'])).toEqual([invalidate('s3')])
    await reader.call('XREAD', 'STREAMS', 'x1', 'x2', 0, 0)
    expect(await told(['XADD', 'x2', '*', 'f', 'v'])).toEqual([invalidate('x2')])
  })

  it('remembers what a transaction reads, in order and under locks', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    for (const withHops of [false, true]) {
      await writer.call('SET', 'from', 1)
      await reader.call('MULTI')
      await reader.call('GET', 'a')
      if (withHops) await reader.call('RENAME', 'from', 'to')
      await reader.call('MGET', 'b', 'c')
      await reader.call('EXEC')
      await settled(reader)
      const tell = await told(['SET', 'a', 1], ['SET', 'c', 1], ['SET', 'd', 1])
      expect(tell).toEqual([invalidate('a'), invalidate('c')])
    }
  })

  it('remembers the keys that a script declares once it reads something, as Redis 7.0 does', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    const keys = ['a', 'b', 'c', 'd']
    const change = ['MSET', ...keys.flatMap((key) => [key, 1])]
    const allInvalid = keys.map((key) => invalidate(key))
    const told = async (...argv: (string | number)[]): Promise<RespValue[]> => {
      await reader.call(...argv)
      await writer.call(...change)
      const pushes = await settled(reader)
      return pushes.sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1))
    }
    const read = "return redis.call('GET', KEYS[1])"
    expect(await told('EVAL', "return redis.call('SET', 'e', 1)", 4, ...keys)).toEqual([])
    expect(await told('EVAL', 'return 1', 4, ...keys)).toEqual([])
    expect(await told('EVAL_RO', "return redis.call('PING')", 4, ...keys)).toEqual([])
    expect(await told('EVAL', read, 4, ...keys)).toEqual(allInvalid)
    expect(await told('EVAL_RO', read, 4, ...keys)).toEqual(allInvalid)
    expect(await told('EVAL', "return redis.call('GET', 'elsewhere')", 2, 'a', 'b')).toEqual(allInvalid.slice(0, 2))
    expect(await told('EVAL', "return redis.call('DBSIZE')", 1, 'c')).toEqual([invalidate('c')])
    expect(await told('EVAL', read, 1, 'd')).toEqual([invalidate('d')])
    expect(await told('EVAL', "return redis.call('MGET', 'a', 'b')", 0)).toEqual([])
    // What the script of one client reads is not put down to the next.
    await writer.call('EVAL', read, 4, ...keys)
    expect(await told('EVAL', 'return 1', 4, ...keys)).toEqual([])
    const library = "redis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)"
    await writer.call('FUNCTION', 'LOAD', 'REPLACE', `#!lua name=l\n${library}`)
    expect(await told('FCALL', 'f', 4, ...keys)).toEqual(allInvalid)
    expect(await told('FCALL', 'no-such-function', 4, ...keys)).toEqual([])
    await reader.call('MULTI')
    await reader.call('EVAL', 'return 1', 2, 'c', 'd')
    await reader.call('EVAL', read, 2, 'a', 'b')
    await reader.call('SET', 'e', 1)
    expect(await told('EXEC')).toEqual(allInvalid.slice(0, 2))
    await reader.call('CLIENT', 'TRACKING', 'OFF')
    await reader.call('CLIENT', 'TRACKING', 'ON', 'OPTIN')
    expect(await told('EVAL', read, 4, ...keys)).toEqual([])
    await reader.call('CLIENT', 'CACHING', 'YES')
    expect(await told('EVAL', read, 4, ...keys)).toEqual(allInvalid)
  })

  it('does not tell of a transaction whose watch was broken', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('WATCH', 'w')
    await writer.call('SET', 'w', 1)
    await reader.call('MULTI')
    await reader.call('GET', 'w')
    expect(await reader.call('EXEC')).toBe(null)
    expect(await told(['SET', 'w', 2])).toEqual([])
  })

  it('tells of records that have gone to another shard', async () => {
    await writer.call('SET', 'a', 1)
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('MGET', 'a', 'b', 'c', 'd')
    const tell = await told(['RENAME', 'a', 'b'], ['COPY', 'b', 'c'], ['LMOVE', 'd', 'e', 'LEFT', 'RIGHT'])
    expect(tell.map((push) => JSON.stringify(push)).sort()).toEqual(
      ['a', 'b', 'c'].map((key) => JSON.stringify(invalidate(key))),
    )
  })

  it('tells of keys whose time is over, found by a command or by nobody', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await writer.call('SET', 'k', 1, 'PX', 30)
    await reader.call('GET', 'k')
    await expect.poll(() => reader.pushes.length, { timeout: 5000 }).toBe(1)
    expect(reader.pushes.splice(0)).toEqual([invalidate('k')])
    await writer.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    await writer.call('SET', 'k', 1, 'PX', 20)
    await reader.call('GET', 'k')
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await settled(reader)).toEqual([])
    expect(await told(['GET', 'k'])).toEqual([invalidate('k')])
    await writer.call('DEBUG', 'SET-ACTIVE-EXPIRE', 1)
  })

  it('tells of keys that were evicted', async () => {
    await writer.call('CONFIG', 'SET', 'maxmemory-policy', 'volatile-random')
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await writer.call('SET', 'k', 1, 'EX', 1000)
    await reader.call('GET', 'k')
    await writer.call('CONFIG', 'SET', 'maxmemory', 1)
    await expect.poll(() => reader.pushes.length, { timeout: 5000 }).toBe(1)
    await writer.call('CONFIG', 'SET', 'maxmemory', 0, 'maxmemory-policy', 'noeviction')
    expect(reader.pushes.splice(0)).toEqual([invalidate('k')])
  })

  it('tells once that all keys are gone, to all who track', async () => {
    const broadcast = await another()
    await broadcast.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'x')
    await reader.call('CLIENT', 'TRACKING', 'ON')
    for (const flush of ['FLUSHALL', 'FLUSHDB']) {
      await reader.call('MGET', 'a', 'b', 'c')
      await writer.call('MSET', 'd', 1, 'e', 1)
      expect(await told([flush])).toEqual([INVALIDATE_ALL])
      expect(await settled(broadcast)).toEqual([INVALIDATE_ALL])
      expect(await told(['SET', 'a', 1])).toEqual([])
    }
  })

  it('broadcasts keys by their prefixes, each once and in order', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'a:', 'PREFIX', 'b:')
    const push = ['RPUSH', 'a:{t}2', ...Array.from({ length: 50 }, (_, i) => i)]
    await writer.call('MULTI')
    for (const argv of [push, ['SET', 'a:{t}1', 1], ['SET', 'c:{t}', 1], ['SET', 'b:{t}', 1]])
      await writer.call(...argv)
    await writer.call('EXEC')
    expect(await settled(reader)).toEqual([invalidate('a:{t}1', 'a:{t}2'), invalidate('b:{t}')])
    expect(await told(['RENAME', 'b:{t}', 'a:{t}3'])).toEqual([invalidate('a:{t}3'), invalidate('b:{t}')])
  })

  it('broadcasts only what is changed by a command over shards, not what is lent for it', async () => {
    await writer.call('MSET', 'a', 1, 'b', 1, 'c', 1)
    for (const key of ['s1', 's2', 's3', 's4']) await writer.call('SADD', key, 'm')
    await reader.call('CLIENT', 'TRACKING', 'ON', 'BCAST')
    expect(await told(['SUNION', 's1', 's2', 's3', 's4'], ['SINTERCARD', 3, 's1', 's2', 's3'])).toEqual([])
    expect(await told(['SUNIONSTORE', 's5', 's1', 's2', 's3'])).toEqual([invalidate('s5')])
  })

  it('tells a client that another one redirects to, in both protocols', async () => {
    const old = await another(2)
    const target = await another(2)
    await target.call('SUBSCRIBE', '__redis__:invalidate')
    expect(await old.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', target.id)).toEqual(OK)
    await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', target.id)
    await old.call('GET', 'k')
    await reader.call('GET', 'l')
    await writer.call('MSET', 'k', 1, 'l', 1)
    await settled(reader)
    await expect.poll(() => target.pushes.length).toBe(2)
    expect(target.pushes.splice(0)).toContainEqual(['message', '__redis__:invalidate', ['k']])
    await writer.call('FLUSHALL')
    await expect.poll(() => target.pushes.length).toBe(2)
    expect(target.pushes.splice(0)[0]).toEqual(['message', '__redis__:invalidate', null])
    const modern = await another()
    await old.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', modern.id)
    await old.call('GET', 'k')
    await writer.call('SET', 'k', 2)
    expect(await settled(modern)).toEqual([invalidate('k')])
  })

  it('says that the redirection is broken', async () => {
    const target = await another()
    await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', target.id)
    await reader.call('GET', 'k')
    await writer.call('CLIENT', 'KILL', 'ID', target.id)
    expect(await told(['SET', 'k', 1])).toEqual([{ push: ['tracking-redir-broken', target.id] }])
    const info = await reader.call('CLIENT', 'TRACKINGINFO')
    expect(JSON.stringify(info)).toContain('broken_redirect')
    expect(JSON.stringify(await reader.call('CLIENT', 'INFO'))).toMatch(new RegExp(`flags=tR .*redir=${target.id} `))
    await reader.call('RESET')
    expect(JSON.stringify(await reader.call('CLIENT', 'INFO'))).toMatch(/flags=N .*redir=-1 /)
  })

  it('remembers only what was asked for with OPTIN and OPTOUT', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON', 'OPTIN')
    await reader.call('GET', 'a')
    await reader.call('CLIENT', 'CACHING', 'YES')
    await reader.call('GET', 'b')
    await reader.call('GET', 'c')
    await reader.call('CLIENT', 'CACHING', 'YES')
    await reader.call('MULTI')
    await reader.call('GET', 'd')
    await reader.call('GET', 'e')
    await reader.call('EXEC')
    await reader.call('GET', 'f')
    const tell = await told(...['a', 'b', 'c', 'd', 'e', 'f'].map((key) => ['SET', key, 1]))
    expect(tell).toEqual([invalidate('b'), invalidate('d'), invalidate('e')])
    await reader.call('CLIENT', 'TRACKING', 'OFF')
    await reader.call('CLIENT', 'TRACKING', 'ON', 'OPTOUT')
    await reader.call('CLIENT', 'CACHING', 'NO')
    await reader.call('GET', 'a')
    await reader.call('GET', 'b')
    expect(await told(['SET', 'a', 2], ['SET', 'b', 2])).toEqual([invalidate('b')])
  })

  it('stops with TRACKING OFF, RESET and the end of the connection', async () => {
    const infoField = async (name: string): Promise<number> => {
      const info = (await writer.call('INFO')) as { verbatim: string }
      return Number(new RegExp(`\\r\\n${name}:(\\d+)`).exec(info.verbatim)?.[1])
    }
    const second = await another()
    await second.call('CLIENT', 'TRACKING', 'ON')
    await second.call('GET', 'k')
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await reader.call('MGET', 'k', 'l')
    expect(await infoField('tracking_clients')).toBe(2)
    expect(await infoField('tracking_total_keys')).toBe(2)
    expect(await infoField('tracking_total_items')).toBe(3)
    await reader.call('CLIENT', 'TRACKING', 'OFF')
    expect(await told(['SET', 'k', 1])).toEqual([])
    expect(await infoField('tracking_total_keys')).toBe(1)
    await second.call('RESET')
    expect(await infoField('tracking_clients')).toBe(0)
    expect(await infoField('tracking_total_keys')).toBe(0)
    await reader.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'a', 'PREFIX', 'b')
    expect(await infoField('tracking_total_prefixes')).toBe(2)
    reader.close()
    await expect.poll(() => infoField('tracking_total_prefixes')).toBe(0)
  })

  it('keeps tracking-table-max-keys over all shards', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    await writer.call('CONFIG', 'SET', 'tracking-table-max-keys', 5)
    for (let i = 0; i < 40; i++) await reader.call('GET', `key:${i}`)
    expect(await settled(reader)).toHaveLength(35)
    await writer.call('CONFIG', 'SET', 'tracking-table-max-keys', 1)
    await expect.poll(() => reader.pushes.length).toBe(4)
    await writer.call('CONFIG', 'SET', 'tracking-table-max-keys', 1000000)
  })

  it('lets no value overtake the news that it is old', async () => {
    await reader.call('CLIENT', 'TRACKING', 'ON')
    const keys = Array.from({ length: 16 }, (_, i) => `key:${i}`)
    for (let round = 0; round < 200; round++) {
      reader.send(['MGET', ...keys], (values) => {
        for (const [i, value] of (values as RespValue[]).entries()) reader.cache.set(keys[i] as string, value)
      })
      writer.send(['MSET', ...keys.flatMap((key) => [key, round])])
    }
    await settled(reader)
    const values = (await writer.call('MGET', ...keys)) as RespValue[]
    for (const [key, value] of reader.cache) expect(value, key).toEqual(values[keys.indexOf(key)])
  })
})

describe('CLIENT about tracking, beside redis-server', () => {
  const scenarios: (string | number)[][][] = [
    [['GETREDIR'], ['TRACKINGINFO'], ['CACHING', 'YES'], ['TRACKING', 'MAYBE'], ['TRACKING', 'ON', 'WHAT']],
    [
      ['TRACKING', 'ON', 'REDIRECT', 'x'],
      ['TRACKING', 'ON', 'REDIRECT', 999999],
      ['TRACKING', 'ON', 'REDIRECT'],
    ],
    [
      ['TRACKING', 'ON', 'PREFIX', 'a'],
      ['TRACKING', 'ON', 'BCAST', 'OPTIN'],
      ['TRACKING', 'ON', 'OPTIN', 'OPTOUT'],
    ],
    [
      ['TRACKING', 'ON', 'PREFIX'],
      ['TRACKING', 'OFF', 'PREFIX', 'a'],
      ['TRACKING', 'OFF', 'WHAT'],
    ],
    [['TRACKING', 'ON', 'BCAST', 'PREFIX', 'foobar', 'PREFIX', 'foo'], ['TRACKINGINFO']],
    [
      ['TRACKING', 'ON', 'BCAST', 'PREFIX', 'foo', 'PREFIX', 'bar'],
      ['TRACKING', 'ON', 'BCAST', 'PREFIX', 'fo'],
    ],
    [['TRACKING', 'ON', 'BCAST', 'PREFIX', 'b'], ['TRACKING', 'ON', 'BCAST', 'PREFIX', 'a'], ['TRACKINGINFO']],
    [['TRACKING', 'ON', 'BCAST'], ['TRACKINGINFO'], ['TRACKING', 'ON'], ['TRACKING', 'ON', 'BCAST', 'NOLOOP']],
    [['TRACKING', 'ON', 'OPTIN'], ['CACHING', 'YES'], ['TRACKINGINFO'], ['CACHING', 'NO'], ['CACHING', 'MAYBE']],
    [
      ['TRACKING', 'ON', 'OPTOUT'],
      ['CACHING', 'NO'],
      ['TRACKINGINFO'],
      ['CACHING', 'YES'],
      ['TRACKING', 'ON', 'OPTIN'],
    ],
    [['TRACKING', 'ON', 'NOLOOP'], ['TRACKINGINFO'], ['GETREDIR'], ['TRACKING', 'OFF'], ['TRACKINGINFO']],
    [['TRACKING'], ['CACHING'], ['TRACKINGINFO', 1], ['GETREDIR', 1]],
  ]

  it('answers the same', async () => {
    const oracle = await startRedisOracle('--port', '0')
    const server = await startServer({ shards: 4 })
    const { RespConnection } = await import('../support/resp-value.js')
    try {
      for (const scenario of scenarios) {
        for (const protocol of [2, 3]) {
          const redis = await RespConnection.open(oracle.client.options.path as string)
          const ours = await RespConnection.open(server.port)
          await Promise.all([redis.call('HELLO', protocol), ours.call('HELLO', protocol)])
          for (const argv of scenario) {
            const [own, expected] = await Promise.all([ours.call('CLIENT', ...argv), redis.call('CLIENT', ...argv)])
            expect(own, `CLIENT ${argv.join(' ')} in ${JSON.stringify(scenario)}`).toEqual(expected)
          }
          redis.close()
          ours.close()
        }
      }
    } finally {
      await server.stop()
      await oracle.stop()
    }
  })
})

const KEYS = Array.from({ length: 14 }, (_, i) => `k${i}`)
const ROUNDS = 12
const STEPS = 150

/** A command that changes keys, at random. */
function randomWrite(random: Prng): (string | number)[][] {
  const key = (): string => KEYS[random.below(KEYS.length)] as string
  const value = random.below(1000000)
  switch (random.below(14)) {
    case 0:
      return [['DEL', key(), key()]]
    case 1:
      return [['SET', key(), value, 'PX', 1 + random.below(30)]]
    case 2:
      return [['PEXPIRE', key(), random.below(20)]]
    case 3:
      return [['RENAME', key(), key()]]
    case 4:
      return [['COPY', key(), key(), 'REPLACE']]
    case 5:
      return [['MSET', key(), value, key(), value, key(), value]]
    case 6:
      return [['MULTI'], ['SET', key(), value], ['MGET', key(), key()], ['RENAME', key(), key()], ['EXEC']]
    case 7:
      return [['MULTI'], ['SET', key(), value], ['APPEND', key(), 'x'], ['EXEC']]
    case 8:
      return [['MSETNX', key(), value, key(), value]]
    case 9:
      return [['GETDEL', key()]]
    case 10:
      return random.below(6) === 0 ? [[random.below(2) === 0 ? 'FLUSHALL' : 'FLUSHDB']] : [['APPEND', key(), 'y']]
    default:
      return [['SET', key(), value]]
  }
}

/** Clients of every kind that cache what they read; `act` is one thing that such a client does. */
interface RandomReader {
  readonly client: CachingClient
  readonly act: (random: Prng) => void
}

describe.each(SHARD_COUNTS)('caches at random at %i shard(s)', (shards) => {
  it('hold nothing that is not the value of the server', { timeout: 60000 }, async () => {
    const seed = Number(process.env.TRACKING_SEED ?? Date.now() % 1000000)
    const random = new Prng(seed)
    const server = await startServer({ shards })
    const opened: CachingClient[] = []
    const open = async (resp: 2 | 3 = 3): Promise<CachingClient> => {
      const client = await CachingClient.open(server.port, resp)
      opened.push(client)
      return client
    }
    try {
      const writers = [await open(), await open()]
      const readers = await openReaders(open)
      let kept = 0
      for (let round = 0; round < ROUNDS; round++) {
        for (let step = 0; step < STEPS; step++) {
          const reader = readers[random.below(readers.length)] as RandomReader
          if (random.below(3) > 0) reader.act(random)
          else {
            const writer = random.below(4) === 0 ? reader.client : (writers[random.below(2)] as CachingClient)
            for (const argv of randomWrite(random)) writeBy(writer, readers, argv)
          }
          if (random.below(20) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(4)))
        }
        await Promise.all(opened.map((client) => client.call('PING')))
        const values = (await writers[0]?.call('MGET', ...KEYS)) as RespValue[]
        // The second answer comes behind what every shard has told before the first.
        for (let i = 0; i < 2; i++) await Promise.all(opened.map((client) => client.call('PING')))
        for (const [i, { client }] of readers.entries()) {
          for (const [key, value] of client.cache) {
            kept++
            expect(value, `reader ${i} round ${round}: ${key} (TRACKING_SEED=${seed})`).toEqual(
              values[KEYS.indexOf(key)],
            )
          }
        }
      }
      // A test that always finds empty caches would find nothing.
      expect(kept, `TRACKING_SEED=${seed}`).toBeGreaterThan(ROUNDS)
    } finally {
      for (const client of opened) client.close()
      await server.stop()
    }
  })
})

/** A client that does not hear of its own writes must not keep what they may have changed. */
function writeBy(client: CachingClient, readers: readonly RandomReader[], argv: readonly (string | number)[]): void {
  const forget = (): void => {
    for (const word of argv) client.cache.delete(String(word))
  }
  client.send(argv, readers.some((reader) => reader.client === client) ? forget : undefined)
  forget()
}

async function openReaders(open: (resp?: 2 | 3) => Promise<CachingClient>): Promise<RandomReader[]> {
  const readAny = (client: CachingClient) => (random: Prng) => {
    const keys = Array.from({ length: 1 + random.below(4) }, () => KEYS[random.below(KEYS.length)] as string)
    const keep = (values: RespValue): void => {
      for (const [i, value] of (values as RespValue[]).entries()) client.cache.set(keys[i] as string, value)
    }
    switch (random.below(4)) {
      case 0:
        client.send(['MGET', ...keys], keep)
        break
      case 1:
        client.send(['MULTI'])
        for (const key of keys) client.send(['GET', key])
        client.send(['EXEC'], keep)
        break
      default:
        client.read(keys[0] as string)
    }
  }
  const plain = await open()
  await plain.call('CLIENT', 'TRACKING', 'ON')
  const noLoop = await open()
  await noLoop.call('CLIENT', 'TRACKING', 'ON', 'NOLOOP')
  const broadcast = await open()
  await broadcast.call('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'k')
  const chosen = await open()
  await chosen.call('CLIENT', 'TRACKING', 'ON', 'OPTIN')
  const old = await open(2)
  const redirected = await open(2)
  await redirected.call('SUBSCRIBE', '__redis__:invalidate')
  await old.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', redirected.id)
  const onTheWay = new Map<string, boolean>()
  redirected.onInvalidation = (invalidation) => {
    old.invalidate(invalidation)
    for (const key of invalidation === 'all' ? KEYS : invalidation) if (onTheWay.has(key)) onTheWay.set(key, false)
  }
  return [
    { client: plain, act: readAny(plain) },
    { client: noLoop, act: readAny(noLoop) },
    { client: broadcast, act: readAny(broadcast) },
    {
      client: chosen,
      act: (random) => {
        const key = KEYS[random.below(KEYS.length)] as string
        if (random.below(2) === 0) chosen.send(['GET', key])
        chosen.send(['CLIENT', 'CACHING', 'YES'])
        chosen.read(key)
      },
    },
    {
      // Reply and news come over two connections: what is invalidated while a read is on the way is not kept.
      client: old,
      act: (random) => {
        const key = KEYS[random.below(KEYS.length)] as string
        if (onTheWay.has(key)) return
        onTheWay.set(key, true)
        old.send(['GET', key], (value) => {
          if (onTheWay.get(key) === true) old.cache.set(key, value)
          onTheWay.delete(key)
        })
      },
    },
  ]
}
