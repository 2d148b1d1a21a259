/**
 * DUMP and RESTORE beside a real Redis 7.0, on one shard and on four: each reads what the other writes, for every type and
 * encoding, and refuses the same.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../../base/redis-oracle.js'
import { sealed } from '../../store/rdb/payload-samples.js'
import { recordedPayloads } from '../../store/rdb/recorded-payloads.js'
import { RespConnection } from '../../support/resp-value.js'
import { startServer, type TestServer } from '../../support/server.js'

type Argument = string | number | Buffer

const SERIES_RUNS = 60

function bytesOf(reply: unknown): Buffer {
  expect(reply).toBeTypeOf('string')
  return Buffer.from(reply as string, 'latin1')
}

describe.skipIf(!hasRedis7).each([1, 4])('DUMP and RESTORE on %i shard(s) beside Redis 7.0', (shards) => {
  let server: TestServer
  let oracle: RedisOracle
  let ours: RespConnection
  let redis: RespConnection

  beforeAll(async () => {
    oracle = await startRedisOracle('--enable-debug-command', 'yes')
    server = await startServer({ shards })
    ours = await RespConnection.open(server.port)
    redis = await RespConnection.open(oracle.client.options.path as string)
  })

  afterAll(async () => {
    ours?.close()
    redis?.close()
    await server?.stop()
    await oracle?.stop()
  })

  beforeEach(async () => {
    for (const server of [ours, redis]) {
      await server.call('FLUSHALL')
      await server.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  /** Sends a command to both; the replies must be the same. */
  async function same(...argv: Argument[]): Promise<unknown> {
    const [left, right] = await Promise.all([ours.call(...argv), redis.call(...argv)])
    expect(left, argv.map(String).join(' ').slice(0, 200)).toEqual(right)
    return left
  }

  /** Takes a key of Redis here, and back there under another name; every time it must be the same value. */
  async function carryOver(key: string): Promise<void> {
    const digest = await redis.call('DEBUG', 'DIGEST-VALUE', key)
    const payload = bytesOf(await redis.call('DUMP', key))
    expect(await ours.call('RESTORE', key, 0, payload, 'REPLACE')).toEqual({ simple: 'OK' })
    expect(await ours.call('DEBUG', 'DIGEST-VALUE', key), key).toEqual(digest)
    expect(await ours.call('TYPE', key)).toEqual(await redis.call('TYPE', key))
    const back = bytesOf(await ours.call('DUMP', key))
    expect(await redis.call('RESTORE', 'back', 0, back, 'REPLACE')).toEqual({ simple: 'OK' })
    expect(await redis.call('DEBUG', 'DIGEST-VALUE', 'back'), key).toEqual(digest)
    expect(await redis.call('OBJECT', 'ENCODING', 'back'), key).toBe(await redis.call('OBJECT', 'ENCODING', key))
  }

  const element = fc.oneof(
    fc.integer().map(String),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    fc.string({ maxLength: 20 }),
    fc.constantFrom('', '007', '-0', 'x'.repeat(64), 'x'.repeat(65), 'long text '.repeat(40)),
  )
  const elements = fc.uniqueArray(element, { minLength: 1, maxLength: 40 })
  const score = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true }).map(scoreText),
    fc.constantFrom('inf', '-inf'),
  )

  function scoreText(value: number): string {
    return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf'
  }

  it('carries any value there and back', async () => {
    await fc.assert(
      fc.asyncProperty(elements, fc.array(score, { minLength: 40, maxLength: 40 }), async (values, scores) => {
        const bytes = values.map((value) => Buffer.from(value, 'utf8'))
        await redis.call('FLUSHALL')
        await redis.call('SET', 'string', bytes[0] as Buffer)
        await redis.call('RPUSH', 'list', ...bytes, ...bytes)
        await redis.call('SADD', 'set', ...bytes)
        await redis.call('ZADD', 'zset', ...bytes.flatMap((value, i) => [scores[i] as string, value]))
        await redis.call(
          'HSET',
          'hash',
          ...bytes.flatMap((value, i) => [value, bytes[(i * 7) % bytes.length] as Buffer]),
        )
        await redis.call('XADD', 'stream', '*', ...bytes.flatMap((value) => [value, value]))
        for (const key of ['string', 'list', 'set', 'zset', 'hash', 'stream']) await carryOver(key)
      }),
      { numRuns: SERIES_RUNS },
    )
  })

  it('carries large values there and back', async () => {
    for (const count of [127, 128, 129, 511, 512, 513, 3000]) {
      const values = Array.from({ length: count }, (_, i) => `element ${i * 7919}`)
      await redis.call('FLUSHALL')
      await redis.call('RPUSH', 'list', ...values)
      await redis.call('SADD', 'set', ...values)
      await redis.call('SADD', 'intset', ...values.map((_, i) => i * i - 1000))
      await redis.call('ZADD', 'zset', ...values.flatMap((value, i) => [((i * 31) % 97) / 8, value]))
      await redis.call('HSET', 'hash', ...values.flatMap((value) => [value, value]))
      for (const key of ['list', 'set', 'intset', 'zset', 'hash']) await carryOver(key)
    }
    await redis.call('SET', 'string', Buffer.alloc(3_000_000, 'abcdefg '))
    await redis.call('RPUSH', 'long', 'x'.repeat(100_000), 'short', 'y'.repeat(20_000))
    for (const key of ['string', 'long']) await carryOver(key)
  })

  it('carries streams with their groups there and back', async () => {
    for (const [i, count] of [0, 1, 99, 100, 250].entries()) {
      const key = `stream:${i}`
      for (let n = 1; n <= count; n++) await redis.call('XADD', key, `${n}-${n % 3}`, 'field', n, `f${n % 4}`, 'v')
      if (count === 0) {
        await redis.call('XADD', key, '5-1', 'f', 'v')
        await redis.call('XDEL', key, '5-1')
      }
      for (let n = 3; n < count; n += 7) await redis.call('XDEL', key, `${n}-${n % 3}`)
      await redis.call('XGROUP', 'CREATE', key, 'group', '0')
      await redis.call('XGROUP', 'CREATE', key, 'other', '$')
      await redis.call('XGROUP', 'CREATECONSUMER', key, 'other', 'nobody')
      for (const [consumer, entries] of [
        ['alice', 20],
        ['bob', 50],
        ['alice', 3],
      ] as const) {
        await redis.call('XREADGROUP', 'GROUP', 'group', consumer, 'COUNT', entries, 'STREAMS', key, '>')
      }
      await redis.call('XACK', key, 'group', '1-1', '2-2', '4-1')
      await carryOver(key)
      expect(await redis.call('XINFO', 'STREAM', 'back', 'FULL', 'COUNT', 0)).toEqual(
        await redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0),
      )
    }
  })

  it('takes the same payloads, also of old forms, and refuses the same when they are damaged', async () => {
    for (const { name, payload, digest } of recordedPayloads) {
      const bytes = Buffer.from(payload, 'base64')
      expect(await same('RESTORE', 'k', 0, bytes, 'REPLACE'), name).toEqual({ simple: 'OK' })
      expect(await ours.call('DEBUG', 'DIGEST-VALUE', 'k'), name).toEqual([{ simple: digest }])
      await same('RESTORE', 'cut', 0, bytes.subarray(0, bytes.length - 1))
      await same('EXISTS', 'cut')
      // Redis reads on into the footer there.
      const short = Buffer.from(sealed(bytes.subarray(0, bytes.length - 11)))
      expect(await ours.call('RESTORE', 'short', 0, short), name).toEqual({ error: 'ERR Bad data format' })
      expect(await ours.call('EXISTS', 'short')).toBe(0)
    }
  })

  it('checks its arguments as Redis does, in the same order', async () => {
    await same('SET', 'there', 'value')
    const good = bytesOf(await redis.call('DUMP', 'there'))
    const malformed = Buffer.from(sealed(Buffer.from([2, 1])))
    const options: Argument[][] = [
      [],
      ['REPLACE'],
      ['ABSTTL'],
      ['NONSENSE'],
      ['IDLETIME'],
      ['IDLETIME', 10],
      ['IDLETIME', -1],
      ['IDLETIME', 'x'],
      ['FREQ', 10],
      ['FREQ', 256],
      ['FREQ', -1],
      ['FREQ', 'x'],
      ['FREQ', 1, 'IDLETIME', 1],
      ['IDLETIME', 1, 'FREQ', 1],
      ['REPLACE', 'ABSTTL', 'IDLETIME', 5],
    ]
    // Not the greatest int64: in Redis the present time is added to it, and the sum is negative.
    for (const ttl of [0, 100_000, -1, 'x', '9223372036854775808']) {
      for (const payload of [good, malformed, Buffer.from('nonsense'), Buffer.alloc(0)]) {
        for (const option of options) {
          await same('SET', 'there', 'old')
          await same('DEL', 'new')
          for (const key of ['there', 'new']) {
            await same('RESTORE', key, ttl, payload, ...option)
            await same('GET', key)
          }
        }
      }
    }
    await same('RESTORE', 'there')
    await same('DUMP', 'missing')
    await same('DUMP')
  })

  it('gives a time to live, and drops what is over', async () => {
    await same('SET', 'k', 'value')
    const payload = bytesOf(await redis.call('DUMP', 'k'))
    const now = Date.now()
    await same('RESTORE', 'relative', 50_000, payload)
    await same('RESTORE', 'absolute', now + 70_000, payload, 'ABSTTL')
    for (const [key, least, most] of [
      ['relative', 40_000, 50_000],
      ['absolute', 60_000, 70_000],
    ] as const) {
      const ttl = (await ours.call('PTTL', key)) as number
      expect(ttl).toBeGreaterThan(least)
      expect(ttl).toBeLessThanOrEqual(most)
    }
    await same('RESTORE', 'over', 1, payload, 'ABSTTL')
    await same('EXISTS', 'over')
    await same('RESTORE', 'relative', 1, payload, 'ABSTTL', 'REPLACE')
    await same('EXISTS', 'relative')
    await same('DBSIZE')
  })

  it('sets idle time or frequency, whichever the policy goes by', async () => {
    await same('SET', 'k', 'value')
    const payload = bytesOf(await redis.call('DUMP', 'k'))
    await same('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await same('RESTORE', 'idle', 0, payload, 'IDLETIME', 1000)
    const idle = (await ours.call('OBJECT', 'IDLETIME', 'idle')) as number
    expect(idle).toBeGreaterThanOrEqual(1000)
    expect(idle).toBeLessThanOrEqual(1010)
    expect(await ours.call('DEBUG', 'RELOAD')).toEqual({ simple: 'OK' })
    expect((await ours.call('OBJECT', 'IDLETIME', 'idle')) as number).toBeGreaterThanOrEqual(1000)
    await same('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu')
    await same('RESTORE', 'often', 0, payload, 'FREQ', 100)
    await same('OBJECT', 'FREQ', 'often')
    expect(await ours.call('DEBUG', 'RELOAD')).toEqual({ simple: 'OK' })
    expect(await ours.call('OBJECT', 'FREQ', 'often')).toBe(100)
  })

  it('breaks a WATCH only when it has changed the key', async () => {
    await ours.call('SET', 'k', 'value')
    const payload = bytesOf(await ours.call('DUMP', 'k'))
    const restores: readonly (readonly [Argument[], boolean])[] = [
      [['k', 0, payload], false],
      [['k', 0, sealed(Buffer.from([2, 1])) as Buffer, 'REPLACE'], false],
      [['other', 0, payload], false],
      [['k', 0, payload, 'REPLACE'], true],
    ]
    for (const [argv, breaks] of restores) {
      await ours.call('WATCH', 'k')
      await ours.call(
        'RESTORE',
        ...argv.map((argument) => (argument instanceof Uint8Array ? Buffer.from(argument) : argument)),
      )
      await ours.call('MULTI')
      await ours.call('PING')
      expect((await ours.call('EXEC')) === null, String(argv)).toBe(breaks)
    }
  })
})
