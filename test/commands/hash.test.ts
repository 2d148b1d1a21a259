/**
 * The hash commands that Redis 7.0 has, beside a real one, on one shard and on four. Small hashes keep the order of their
 * fields; large ones have an order of their own, so that their replies are compared as maps.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { RespValue } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 40

/** Replies whose elements stand in any order: pairs of a flat array, or a map, or plain elements. */
function unordered(reply: RespValue, step: number): RespValue {
  if (reply !== null && typeof reply === 'object' && !Array.isArray(reply) && 'map' in reply) {
    return { map: [...reply.map].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)) }
  }
  if (!Array.isArray(reply)) return reply
  const elements: string[] = []
  for (let i = 0; i < reply.length; i += step) elements.push(JSON.stringify(reply.slice(i, i + step)))
  return elements.sort()
}

describe.skipIf(!hasRedis7).each([1, 4])('hash commands on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards, '--enable-debug-command', 'yes')
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
  })

  async function sameUnordered(step: number, ...argv: Argument[]): Promise<void> {
    const { ours, redis } = await both.each(...argv)
    expect(unordered(ours, step), argv.join(' ')).toEqual(unordered(redis, step))
  }

  /** Everything that can be asked of a hash, in both versions of the protocol. */
  async function sameHash(key: string, ...fields: Argument[]): Promise<void> {
    for (const version of [2, 3]) {
      await both.each('HELLO', version)
      await both.allSame(['HLEN', key], ['OBJECT', 'ENCODING', key], ['TYPE', key], ['EXISTS', key])
      await sameUnordered(version === 2 ? 2 : 1, 'HGETALL', key)
      await sameUnordered(1, 'HKEYS', key)
      await sameUnordered(1, 'HVALS', key)
      for (const field of fields) {
        await both.allSame(['HGET', key, field], ['HEXISTS', key, field], ['HSTRLEN', key, field])
      }
      await both.same('HMGET', key, 'nope', ...fields)
    }
    await both.each('HELLO', 2)
    await both.allSame(['DEBUG', 'DIGEST-VALUE', key], ['DEBUG', 'DIGEST'])
  }

  it('sets, gets and deletes fields', async () => {
    const everyByte = Buffer.from(Array.from({ length: 60 }, (_, i) => i * 4))
    await both.allSame(
      ['HSET', 'h', 'a', '1', 'b', 'two'],
      ['HSET', 'h', 'a', '2', 'c', '3', 'c', '4'],
      ['HSET', 'h', everyByte, everyByte, '', ''],
      ['HMSET', 'h', 'a', '-5', 'd', 'x'],
      ['HSETNX', 'h', 'a', 'no'],
      ['HSETNX', 'h', 'e', 'yes'],
      ['HSETNX', 'new', 'e', 'yes'],
      ['HGETALL', 'h'],
      ['HKEYS', 'h'],
      ['HVALS', 'h'],
    )
    await sameHash('h', 'a', 'b', 'c', 'd', 'e', '', everyByte)
    await both.allSame(
      ['HDEL', 'h', 'a', 'a', 'nope', 'b'],
      ['HGETALL', 'h'],
      ['HDEL', 'h', 'nope'],
      ['HDEL', 'missing', 'a', 'b'],
      ['HDEL', 'h', 'c', 'd', 'e', '', everyByte, 'more'],
    )
    await sameHash('h', 'a')
    await sameHash('missing', 'a')
  })

  it('refuses what does not fit', async () => {
    await both.allSame(['SET', 's', 'v'], ['HSET', 'h', 'f', 'v', 'n', '5', 'large', '9223372036854775807'])
    const commands: Argument[][] = [
      ['HSET', 's', 'f', 'v'],
      ['HSET', 'h', 'f'],
      ['HSET', 'h', 'f', 'v', 'g'],
      ['HMSET', 'h', 'f', 'v', 'g'],
      ['HMSET', 's', 'f', 'v'],
      ['HSETNX', 's', 'f', 'v'],
      ['HSETNX', 'h', 'f'],
      ['HGET', 's', 'f'],
      ['HMGET', 's', 'f'],
      ['HGETALL', 's'],
      ['HKEYS', 's'],
      ['HVALS', 's'],
      ['HLEN', 's'],
      ['HSTRLEN', 's', 'f'],
      ['HEXISTS', 's', 'f'],
      ['HDEL', 's', 'f'],
      ['HINCRBY', 's', 'f', '1'],
      ['HINCRBY', 's', 'f', 'x'],
      ['HINCRBYFLOAT', 's', 'f', '1'],
      ['HINCRBYFLOAT', 's', 'f', 'x'],
      ['HINCRBYFLOAT', 's', 'f', 'inf'],
      ['HRANDFIELD', 's'],
      ['HRANDFIELD', 's', '3'],
      ['HRANDFIELD', 's', 'x'],
      ['HSCAN', 's', '0'],
      ['HSCAN', 's', 'x'],
      ['HINCRBY', 'h', 'f', '1'],
      ['HINCRBY', 'h', 'n', 'x'],
      ['HINCRBY', 'h', 'n', '1.5'],
      ['HINCRBY', 'h', 'large', '1'],
      ['HINCRBY', 'h', 'n', '9223372036854775807'],
      ['HINCRBY', 'h', 'n', '9223372036854775808'],
      ['HINCRBYFLOAT', 'h', 'f', '1'],
      ['HINCRBYFLOAT', 'h', 'f', 'x'],
      ['HINCRBYFLOAT', 'h', 'f', 'inf'],
      ['HINCRBYFLOAT', 'h', 'n', 'inf'],
      ['HINCRBYFLOAT', 'h', 'n', 'nan'],
      ['HINCRBYFLOAT', 'new', 'n', 'x'],
      ['HRANDFIELD', 'h', '1', 'WITHVALUE'],
      ['HRANDFIELD', 'h', '1', 'WITHVALUES', 'more'],
      ['HRANDFIELD', 'h', '-9223372036854775808'],
      ['HRANDFIELD', 'h', '9223372036854775808'],
      ['HRANDFIELD', 'h', '-4611686018427387904', 'WITHVALUES'],
      ['HRANDFIELD', 'missing', '-4611686018427387904', 'WITHVALUES'],
      ['HRANDFIELD', 'missing', '-4611686018427387904'],
      ['HSCAN', 'h', '0', 'COUNT', '0'],
      ['HSCAN', 'h', '0', 'COUNT', 'x'],
      ['HSCAN', 'h', '0', 'COUNT'],
      ['HSCAN', 'h', '0', 'TYPE', 'hash'],
      ['HSCAN', 'missing', '0', 'nonsense'],
      ['HSCAN', 'missing', 'x'],
      ['EXISTS', 'new'],
    ]
    for (const version of [2, 3]) {
      await both.each('HELLO', version)
      await both.allSame(...commands)
    }
    await both.each('HELLO', 2)
    await sameHash('h', 'f', 'n', 'large')
  })

  it('counts in whole and in broken numbers', async () => {
    await both.allSame(
      ['HINCRBY', 'h', 'n', '5'],
      ['HINCRBY', 'h', 'n', '-7'],
      ['HINCRBY', 'h', 'large', '9007199254740991'],
      ['HINCRBY', 'h', 'large', '9007199254740991'],
      ['HINCRBY', 'h', 'large', '9204353638345295808'],
      ['HINCRBY', 'h', 'large', '9'],
      ['HINCRBY', 'h', 'low', '-9223372036854775808'],
      ['HINCRBY', 'h', 'low', '-1'],
      ['HINCRBYFLOAT', 'h', 'n', '0.1'],
      ['HINCRBYFLOAT', 'h', 'n', '0.2'],
      ['HINCRBYFLOAT', 'h', 'f', '1e3'],
      ['HINCRBYFLOAT', 'h', 'f', '-1000'],
      ['HINCRBYFLOAT', 'h', 'large', '1'],
      ['HINCRBYFLOAT', 'h', 'e', '3.0e-17'],
      ['HSET', 'h', 'inf', 'inf'],
      ['HINCRBYFLOAT', 'h', 'inf', '1'],
      ['HSET', 'h', 'spaces', ' 1'],
      ['HINCRBY', 'h', 'spaces', '1'],
      ['HINCRBYFLOAT', 'h', 'spaces', '1'],
      ['HGETALL', 'h'],
    )
    await sameHash('h', 'n', 'large', 'low', 'f')
  })

  it('changes its encoding where Redis does', async () => {
    await both.allSame(['CONFIG', 'SET', 'hash-max-listpack-entries', 8, 'hash-max-listpack-value', 16])
    try {
      const pairs = Array.from({ length: 20 }, (_, i) => [`f${i}`, `${i}`])
      for (const count of [7, 8, 9, 20]) {
        await both.same('HSET', `at once ${count}`, ...pairs.slice(0, count).flat())
        await sameHash(`at once ${count}`, 'f0', 'f7', 'f8')
        for (const pair of pairs.slice(0, count)) await both.same('HSET', `singly ${count}`, ...pair)
        await sameHash(`singly ${count}`, 'f0', 'f7', 'f8')
      }
      for (const [field, value] of [
        ['f', 'v'.repeat(16)],
        ['f', 'v'.repeat(17)],
        ['f'.repeat(16), 'v'],
        ['f'.repeat(17), 'v'],
      ] as const) {
        const key = `${field} ${value}`
        await both.same('HSET', key, 'a', '1', field, value)
        await sameHash(key, field)
        await both.allSame(['DEL', key], ['HSETNX', key, field, value])
        await sameHash(key, field)
      }
      await both.allSame(
        ['HSET', 'n', 'a', '12345678901234567'],
        ['HINCRBYFLOAT', 'n', 'b', '0.12345678901234567'],
        ['HDEL', 'at once 9', 'f1', 'f2', 'f3'],
      )
      await sameHash('n', 'a', 'b')
      await sameHash('at once 9', 'f0')
      await both.same('HSET', 'same field', ...Array.from({ length: 20 }, (_, i) => ['f', `${i}`]).flat())
      await sameHash('same field', 'f')
    } finally {
      await both.allSame(['CONFIG', 'SET', 'hash-max-listpack-entries', 512, 'hash-max-listpack-value', 64])
    }
  })

  it('gives random fields', async () => {
    for (const size of [5, 700]) {
      const pairs = Array.from({ length: size }, (_, i) => [`f${i}`, `v${i}`])
      await both.same('HSET', 'h', ...pairs.flat())
      const known = new Map(pairs as [string, string][])
      for (const version of [2, 3]) {
        await both.each('HELLO', version)
        for (const count of [0, 1, 3, size - 1, size, size + 5, -1, -7, -2000]) {
          const { ours, redis } = await both.each('HRANDFIELD', 'h', count)
          const fields = ours as string[]
          expect(fields.length).toBe((redis as string[]).length)
          for (const field of fields) expect(known.has(field)).toBe(true)
          if (count >= 0) expect(new Set(fields).size).toBe(fields.length)
          const withValues = await both.each('HRANDFIELD', 'h', count, 'WITHVALUES')
          const flat = (withValues.ours as RespValue[]).flat() as string[]
          expect((withValues.ours as RespValue[]).length).toBe((withValues.redis as RespValue[]).length)
          for (let i = 0; i < flat.length; i += 2) expect(known.get(flat[i] as string)).toBe(flat[i + 1])
        }
        expect(known.has((await both.each('HRANDFIELD', 'h')).ours as string)).toBe(true)
        await both.allSame(['HRANDFIELD', 'missing'], ['HRANDFIELD', 'missing', 5], ['HRANDFIELD', 'missing', -5])
      }
      await both.each('HELLO', 2)
    }
  })

  it('chooses each set of fields equally often', async () => {
    for (const [size, count] of [
      [6, 3],
      [600, 100],
      [600, 400],
    ] as const) {
      const pairs = Array.from({ length: size }, (_, i) => [`f${i}`, ''])
      await both.ours.call('DEL', 'h')
      await both.ours.call('HSET', 'h', ...pairs.flat())
      const counts = new Map<string, number>()
      const rounds = Math.ceil((60 * size) / count)
      for (let i = 0; i < rounds; i++) {
        for (const field of (await both.ours.call('HRANDFIELD', 'h', count)) as string[]) {
          counts.set(field, (counts.get(field) ?? 0) + 1)
        }
      }
      const mean = (rounds * count) / size
      let chiSquare = 0
      for (const [field] of pairs) chiSquare += ((counts.get(field as string) ?? 0) - mean) ** 2 / mean
      expect(chiSquare, `${count} of ${size}`).toBeLessThan(size + 6 * Math.sqrt(2 * size))
    }
  })

  it('scans all fields', async () => {
    for (const size of [10, 1000]) {
      const pairs = Array.from({ length: size }, (_, i) => [`f${i}`, `v${i}`])
      await both.same('HSET', `h${size}`, ...pairs.flat())
      for (const options of [[], ['COUNT', 100], ['MATCH', 'f*7'], ['MATCH', '*', 'COUNT', 3], ['NOVALUES']]) {
        const seen = new Map<string, string>()
        let cursor = '0'
        do {
          const [next, found] = (await both.ours.call('HSCAN', `h${size}`, cursor, ...options)) as [string, string[]]
          cursor = next
          const step = options.includes('NOVALUES') ? 1 : 2
          for (let i = 0; i < found.length; i += step) seen.set(found[i] as string, found[i + step - 1] as string)
          if (size === 10) expect(cursor).toBe('0')
        } while (cursor !== '0')
        const expected = pairs.filter(([field]) => !options.includes('f*7') || field?.endsWith('7'))
        expect(seen.size).toBe(expected.length)
        if (!options.includes('NOVALUES'))
          for (const [field, value] of expected) expect(seen.get(field as string)).toBe(value)
      }
    }
    await both.allSame(['HSCAN', 'h10', 0], ['HSCAN', 'h10', 0, 'MATCH', 'f[135]'], ['HSCAN', 'h10', 5, 'COUNT', 1])
    await both.allSame(['HSCAN', 'missing', 0], ['HSCAN', 'missing', 17])
  })

  it('copies, moves and renames hashes of both encodings', async () => {
    for (const size of [3, 1000]) {
      const pairs = Array.from({ length: size }, (_, i) => [`f${i}`, `v${i}`])
      for (const [i, key] of ['h', 'k', 'other', 'x'].entries()) {
        await both.allSame(['FLUSHALL'], ['HSET', 'h', ...pairs.flat()], ['EXPIRE', 'h', 1000])
        await both.same('COPY', 'h', `${key}${i}`)
        await sameHash(`${key}${i}`, 'f0')
        await both.allSame(['HSET', 'h', 'f0', 'changed'], ['HDEL', 'h', 'f1'], ['HGET', `${key}${i}`, 'f0'])
        await both.same('RENAME', 'h', `renamed${i}`)
        await sameHash(`renamed${i}`, 'f0')
        await both.allSame(['MOVE', `renamed${i}`, 3], ['SELECT', 3])
        await sameHash(`renamed${i}`, 'f0')
        await both.allSame(['SELECT', 0], ['SWAPDB', 0, 3])
        await sameHash(`renamed${i}`, 'f0', 'f1')
        await both.allSame(['UNLINK', `renamed${i}`], ['DBSIZE'])
      }
    }
  })

  it('tells a watching client of changes only', async () => {
    await both.same('HSET', 'h', 'f', '1')
    const quiet: Argument[][] = [
      ['HGET', 'h', 'f'],
      ['HDEL', 'h', 'nope'],
      ['HSETNX', 'h', 'f', 'x'],
      ['HINCRBY', 'h', 'f', 'x'],
      ['HSCAN', 'h', 0],
    ]
    const loud: Argument[][] = [
      ['HSET', 'h', 'f', '1'],
      ['HSETNX', 'h', 'g', 'x'],
      ['HINCRBY', 'h', 'f', '0'],
      ['HDEL', 'h', 'g'],
    ]
    for (const argv of [...quiet, ...loud]) {
      await both.allSame(['WATCH', 'h'], argv, ['MULTI'], ['PING'], ['EXEC'])
    }
  })

  it('answers the same to any series of hash commands', async () => {
    await both.allSame(['CONFIG', 'SET', 'hash-max-listpack-entries', 6, 'hash-max-listpack-value', 12])
    const key = fc.constantFrom('a', 'b', 'c')
    const field = fc.oneof(fc.integer({ min: 0, max: 8 }).map(String), fc.constantFrom('f', 'a field of 16 b.', ''))
    const integer = fc.oneof(
      fc.constantFrom('0', '1', '-1', '2147483648', '9223372036854775807', 'x'),
      fc.integer().map(String),
    )
    const value = fc.oneof(integer, fc.string({ maxLength: 16 }), fc.constantFrom('1.5', '-2e3', 'y'.repeat(70)))
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom('HSET', 'HMSET', 'HSETNX'), key, field, value) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('HSET'), key, field, value, field, value, field, value) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom('HGET', 'HSTRLEN', 'HEXISTS', 'HDEL'), key, field) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom('HMGET', 'HDEL'), key, field, field, field) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('HINCRBY'), key, field, integer) },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constant('HINCRBYFLOAT'),
          key,
          field,
          fc.oneof(integer, fc.constantFrom('0.1', '-7.25')),
        ),
      },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('HLEN', 'DEL', 'TYPE', 'HRANDFIELD'), fc.constant('none')) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('HLEN', 'DEL', 'EXISTS'), key) },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('RENAME', 'COPY'), key, key) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('SET'), key, value) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
        await both.same('FLUSHALL')
        for (const argv of commands) await both.same(...argv.map((argument) => Buffer.from(argument, 'utf8')))
        for (const name of ['a', 'b', 'c']) await sameUnordered(2, 'HGETALL', name)
        await both.same('DEBUG', 'DIGEST')
      }),
      { numRuns: SERIES_RUNS },
    )
    await both.allSame(['CONFIG', 'SET', 'hash-max-listpack-entries', 512, 'hash-max-listpack-value', 64])
  })
})
