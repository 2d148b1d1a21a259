/**
 * The sorted set commands that Redis 7.0 has, beside a real one, on one shard and on four, in both encodings.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 60

const SCORES = [
  '0',
  '-0',
  '1',
  '-1',
  '1.5',
  '0.1',
  '3.0000000000000004',
  '1e17',
  '123456789012345678',
  '4611686018427387904',
  '9223372036854775807',
  '1e300',
  '5e-324',
  'inf',
  '-inf',
  '+inf',
  '0x10',
]
const BAD_SCORES = ['nan', 'x', '', ' 1', '1 ', '1e400', '(1']
const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'ab', '', '1', '-5', '12345678901', '9223372036854775807', 'x'.repeat(65)]
const SCORE_BOUNDS = [...SCORES, '(1', '(-1', '(inf', '(-inf', '(1.5', '', '(', ' 2', '1e400', '-1e400', '0x1p3']
const BAD_BOUNDS = ['x', 'nan', '((1', '1 ', '[1']
const MEMBER_BOUNDS = ['-', '+', '[a', '(a', '[b', '(c', '[', '(', '[zz', '[1', '(12345678901']
const BAD_MEMBER_BOUNDS = ['a', '', '+x', '-x', '1', '-5']
const RANKS = ['0', '1', '2', '-1', '-2', '-100', '100', '3', '9223372036854775807', '-9223372036854775808']

describe.skipIf(!hasRedis7).each([1, 4])('sorted set commands on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
    await both.same('CONFIG', 'SET', 'zset-max-listpack-entries', 128)
    await both.same('CONFIG', 'SET', 'zset-max-listpack-value', 64)
  })

  /** A sorted set of some elements, in a listpack or not. */
  async function fill(key: string, packed: boolean, ...pairs: Argument[]): Promise<void> {
    await both.same('CONFIG', 'SET', 'zset-max-listpack-entries', packed ? 128 : 0)
    await both.allSame(['DEL', key], ['ZADD', key, ...pairs])
    await both.same('CONFIG', 'SET', 'zset-max-listpack-entries', 128)
  }

  async function contents(key: string): Promise<void> {
    await both.allSame(
      ['ZRANGE', key, 0, -1, 'WITHSCORES'],
      ['ZREVRANGE', key, 0, -1],
      ['ZCARD', key],
      ['OBJECT', 'ENCODING', key],
      ['TYPE', key],
    )
  }

  it('adds with every combination of options', async () => {
    const options = ['NX', 'XX', 'GT', 'LT', 'CH', 'INCR']
    for (let mask = 0; mask < 64; mask++) {
      const chosen = options.filter((_, i) => (mask & (1 << i)) !== 0)
      for (const pair of [
        ['5', 'a'],
        ['-5', 'b'],
        ['1', 'c'],
        ['7', 'new'],
      ]) {
        await both.allSame(
          ['DEL', 'z'],
          ['ZADD', 'z', 1, 'a', 1, 'b', 1, 'c'],
          ['ZADD', 'z', ...chosen, ...pair],
          ['ZRANGE', 'z', 0, -1, 'WITHSCORES'],
          ['ZADD', 'missing', ...chosen, ...pair],
          ['DEL', 'missing'],
        )
      }
      await both.same('ZADD', 'z', ...chosen, '1', 'a', '2', 'b')
    }
    await both.allSame(
      ['ZADD', 'z', 'NX'],
      ['ZADD', 'z', 'NX', '1'],
      ['ZADD', 'z', '1', 'a', '2'],
      ['ZADD', 'z', '1', 'a', 'x', 'b'],
      ['ZADD', 'z', 'nx', 'ch', '1', 'f', '2', 'g'],
      ['ZINCRBY', 'z', 'nx', 'a'],
      ['ZINCRBY', 'z', '1', 'a'],
      ['ZINCRBY', 'z', 'inf', 'a'],
      ['ZINCRBY', 'z', '-inf', 'a'],
      ['ZINCRBY', 'new', 'x', 'a'],
      ['EXISTS', 'new'],
    )
  })

  it.each([true, false])('keeps every kind of score and member (packed: %s)', async (packed) => {
    await fill('z', packed, '0', 'first')
    for (const score of [...SCORES, ...BAD_SCORES]) {
      await both.allSame(
        ['ZADD', 'z', score, `m${score}`],
        ['ZSCORE', 'z', `m${score}`],
        ['ZADD', 'new', score, 'm'],
        ['ZSCORE', 'new', 'm'],
        ['DEL', 'new'],
        ['ZINCRBY', 'z', score, 'first'],
        ['ZADD', 'z', 'INCR', score, `m${score}`],
      )
    }
    for (const member of MEMBERS)
      await both.allSame(['ZADD', 'z', 1, member], ['ZSCORE', 'z', member], ['ZRANK', 'z', member])
    await contents('z')
    await both.each('HELLO', 3)
    for (const score of SCORES) await both.same('ZSCORE', 'z', `m${score}`)
    await both.same('ZMSCORE', 'z', 'first', 'missing', ...MEMBERS)
    await contents('z')
    await both.each('HELLO', 2)
  })

  it('changes encodings where Redis does', async () => {
    await both.same('CONFIG', 'SET', 'zset-max-listpack-entries', 5)
    for (let i = 0; i < 8; i++) await both.allSame(['ZADD', 'z', i, `m${i}`], ['OBJECT', 'ENCODING', 'z'])
    await both.allSame(['ZREM', 'z', 'm0', 'm1', 'm2', 'm3', 'm4', 'm5'], ['OBJECT', 'ENCODING', 'z'])
    for (const length of [63, 64, 65, 66]) {
      await both.allSame(
        ['DEL', 'z', 'y', 'x'],
        ['ZADD', 'z', 1, 'x'.repeat(length)],
        ['OBJECT', 'ENCODING', 'z'],
        ['ZADD', 'y', 1, 'a'],
        ['ZADD', 'y', 2, 'x'.repeat(length), 3, 'b'],
        ['OBJECT', 'ENCODING', 'y'],
        ['ZRANGE', 'y', 0, -1, 'WITHSCORES'],
        ['ZUNIONSTORE', 'x', 2, 'z', 'y'],
        ['OBJECT', 'ENCODING', 'x'],
        ['ZRANGESTORE', 'x', 'y', 0, -1],
        ['OBJECT', 'ENCODING', 'x'],
        ['ZDIFFSTORE', 'x', 2, 'y', 'z'],
        ['OBJECT', 'ENCODING', 'x'],
      )
    }
    await both.same('DEL', 'z')
    for (let i = 0; i < 12; i++) await both.same('ZADD', 'z', i, `m${i}`)
    for (const stop of [3, 4, 5, 8])
      await both.allSame(['ZRANGESTORE', 'x', 'z', 0, stop], ['OBJECT', 'ENCODING', 'x'], ['ZCARD', 'x'])
  })

  it.each([true, false])('finds ranges by rank, score and member (packed: %s)', async (packed) => {
    const byScore = SCORES.flatMap((score, i) => [score, `m${i}`])
    await fill('z', packed, ...byScore, 1, 'also', 1, 'b')
    await fill('lex', packed, ...MEMBERS.flatMap((member) => ['0', member]))
    for (const start of RANKS) {
      for (const stop of RANKS) {
        await both.allSame(['ZRANGE', 'z', start, stop], ['ZREVRANGE', 'z', start, stop, 'WITHSCORES'])
      }
      await both.allSame(['ZRANGE', 'z', start, 'x'], ['ZRANGE', 'z', 0, start, 'REV'])
    }
    for (const min of [...SCORE_BOUNDS, ...BAD_BOUNDS]) {
      for (const max of ['inf', '(inf', '1', '(1', '-inf', '1e18', 'x', '']) {
        await both.allSame(
          ['ZRANGEBYSCORE', 'z', min, max, 'WITHSCORES'],
          ['ZREVRANGEBYSCORE', 'z', max, min],
          ['ZCOUNT', 'z', min, max],
          ['ZRANGE', 'z', min, max, 'BYSCORE', 'LIMIT', 1, 2],
          ['ZRANGE', 'z', max, min, 'BYSCORE', 'REV', 'LIMIT', 1, 3, 'WITHSCORES'],
        )
      }
    }
    for (const min of [...MEMBER_BOUNDS, ...BAD_MEMBER_BOUNDS]) {
      for (const max of [...MEMBER_BOUNDS, 'x']) {
        await both.allSame(
          ['ZRANGEBYLEX', 'lex', min, max],
          ['ZREVRANGEBYLEX', 'lex', max, min, 'LIMIT', 1, 2],
          ['ZLEXCOUNT', 'lex', min, max],
          ['ZRANGE', 'lex', min, max, 'BYLEX', 'LIMIT', 0, -1],
        )
      }
    }
  })

  it('takes the options of ranges that fit together, and refuses the others', async () => {
    await both.same('ZADD', 'z', 1, 'a', 2, 'b', 3, 'c', 4, 'd')
    const words = [
      ['BYSCORE'],
      ['BYLEX'],
      ['REV'],
      ['WITHSCORES'],
      ['LIMIT', '1', '2'],
      ['LIMIT', '0', '-1'],
      ['LIMIT', '1'],
    ]
    const limits = [
      ['LIMIT', '-1', '2'],
      ['LIMIT', '2', '0'],
      ['LIMIT', '9', '1'],
      ['LIMIT', 'x', '1'],
      ['LIMIT', '1', 'y'],
    ]
    const options = [...words, ...limits, ['nonsense']]
    const sets: string[][] = [[], ...options]
    for (const first of options) for (const second of options) sets.push([...first, ...second])
    for (const first of words)
      for (const second of words) sets.push([...first, ...second, 'BYSCORE'], [...first, ...second, 'rev'])
    for (const chosen of sets) {
      await both.allSame(
        ['ZRANGE', 'z', 0, 3, ...chosen],
        ['ZRANGE', 'z', 3, 0, ...chosen],
        ['ZRANGESTORE', 'd', 'z', 1, 3, ...chosen],
        ['ZRANGE', 'd', 0, -1, 'WITHSCORES'],
        ['ZRANGEBYSCORE', 'z', 1, 3, ...chosen],
        ['ZREVRANGEBYSCORE', 'z', 3, 1, ...chosen],
        ['ZRANGEBYLEX', 'z', '-', '+', ...chosen],
        ['ZREVRANGE', 'z', 0, 2, ...chosen],
        ['ZRANGE', 'missing', 0, 1, ...chosen],
      )
    }
    await both.each('HELLO', 3)
    await both.allSame(
      ['ZRANGE', 'z', 0, -1, 'WITHSCORES'],
      ['ZRANGE', 'z', 0, -1],
      ['ZREVRANGEBYSCORE', 'z', '+inf', '-inf', 'WITHSCORES', 'LIMIT', 1, 2],
      ['ZRANGE', 'missing', 0, -1, 'WITHSCORES'],
    )
    await both.each('HELLO', 2)
  })

  it.each([true, false])('removes ranges and pops (packed: %s)', async (packed) => {
    const pairs = Array.from({ length: 20 }, (_, i) => [i - 5, `m${i}`]).flat()
    for (const removal of [
      ['ZREMRANGEBYRANK', 'z', 0, 0],
      ['ZREMRANGEBYRANK', 'z', 3, -4],
      ['ZREMRANGEBYRANK', 'z', 0, -1],
      ['ZREMRANGEBYRANK', 'z', 5, 2],
      ['ZREMRANGEBYRANK', 'z', 'x', 2],
      ['ZREMRANGEBYSCORE', 'z', '-inf', '(3'],
      ['ZREMRANGEBYSCORE', 'z', '-inf', '+inf'],
      ['ZREMRANGEBYSCORE', 'z', '5', 'x'],
      ['ZPOPMIN', 'z'],
      ['ZPOPMAX', 'z'],
      ['ZPOPMIN', 'z', 0],
      ['ZPOPMAX', 'z', 3],
      ['ZPOPMIN', 'z', 100],
      ['ZPOPMIN', 'z', -1],
      ['ZPOPMIN', 'z', 'x'],
      ['ZPOPMIN', 'z', 1, 2],
      ['ZMPOP', 1, 'z', 'MIN'],
      ['ZMPOP', 2, 'none', 'z', 'MAX', 'COUNT', 4],
      ['ZMPOP', 2, 'z', 'none', 'min', 'count', 50],
      ['ZMPOP', 0, 'z', 'MIN'],
      ['ZMPOP', 3, 'z', 'none', 'MIN'],
      ['ZMPOP', 1, 'z', 'MID'],
      ['ZMPOP', 1, 'z', 'MIN', 'COUNT', 0],
      ['ZMPOP', 1, 'z', 'MIN', 'COUNT'],
      ['ZMPOP', 1, 'z', 'MIN', 'COUNT', 1, 'COUNT', 1],
      ['ZMPOP', 'x', 'z', 'MIN'],
      ['ZMPOP', 1, 'none', 'MIN'],
      ['BZPOPMIN', 'none', 'z', 1],
      ['BZPOPMAX', 'z', 'none', 0],
      ['BZPOPMIN', 'z', 'x'],
      ['BZPOPMIN', 'z', -1],
      ['BZMPOP', 1, 2, 'none', 'z', 'MAX', 'COUNT', 2],
      ['BZMPOP', -1, 1, 'z', 'MAX'],
      ['BZMPOP', 1, 1, 'z', 'MAX', 'COUNT', 0],
    ] as Argument[][]) {
      for (const protocol of [2, 3]) {
        await both.each('HELLO', protocol)
        await fill('z', packed, ...pairs)
        await both.same(...removal)
        await contents('z')
      }
      await both.each('HELLO', 2)
    }
    await fill('lex', packed, ...MEMBERS.flatMap((member) => ['0', member]))
    await both.allSame(
      ['ZREMRANGEBYLEX', 'lex', '[b', '(d'],
      ['ZREMRANGEBYLEX', 'lex', '-', '[1'],
      ['ZREMRANGEBYLEX', 'lex', '-', 'x'],
      ['ZRANGE', 'lex', 0, -1],
      ['ZREMRANGEBYLEX', 'lex', '-', '+'],
      ['EXISTS', 'lex'],
    )
  })

  it('combines sorted sets and sets', async () => {
    await fill('a', true, 1, 'x', 2, 'y', 3, 'z', 'inf', 'i', 0.1, 'f')
    await fill('b', false, 10, 'y', 20, 'z', 30, 'w', '-inf', 'i', 0.2, 'f')
    await fill('c', true, 5, 'z', 6, 'v', 0, 'i', 0.3, 'f')
    await both.allSame(
      ['SADD', 's', 'x', 'z', '17', 'long member of a set'],
      ['SADD', 'ints', 17, 18],
      ['SET', 'str', 1],
    )
    const keySets = [
      ['1', 'a'],
      ['2', 'a', 'b'],
      ['3', 'a', 'b', 'c'],
      ['2', 'a', 's'],
      ['3', 's', 'ints', 'a'],
      ['2', 'a', 'a'],
      ['2', 'a', 'none'],
      ['2', 'none', 'a'],
      ['2', 'a', 'str'],
      ['0', 'a'],
      ['x', 'a'],
      ['4', 'a', 'b'],
      ['-1', 'a'],
    ]
    const options = [
      [],
      ['WEIGHTS', '2'],
      ['WEIGHTS', '2', '0.5'],
      ['WEIGHTS', '2', '0', '-1'],
      ['WEIGHTS', 'x', 'y', 'z'],
      ['WEIGHTS', 'inf', '-inf'],
      ['AGGREGATE', 'MIN'],
      ['AGGREGATE', 'max'],
      ['AGGREGATE', 'SUM', 'WEIGHTS', '1', '1'],
      ['AGGREGATE', 'MID'],
      ['AGGREGATE'],
      ['LIMIT', '1'],
      ['LIMIT', '-1'],
      ['LIMIT', 'x'],
      ['nonsense'],
    ]
    for (const protocol of [2, 3]) {
      await both.each('HELLO', protocol)
      for (const keys of keySets) {
        for (const option of options) {
          for (const operation of ['ZUNION', 'ZINTER', 'ZDIFF']) {
            await both.allSame(
              [operation, ...keys, ...option],
              [operation, ...keys, ...option, 'WITHSCORES'],
              [`${operation}STORE`, 'dest', ...keys, ...option],
              ['ZRANGE', 'dest', 0, -1, 'WITHSCORES'],
              ['OBJECT', 'ENCODING', 'dest'],
            )
          }
          await both.same('ZINTERCARD', ...keys, ...option)
        }
      }
    }
    await both.each('HELLO', 2)
    await both.allSame(
      ['SET', 'dest', 'a string'],
      ['ZUNIONSTORE', 'dest', 2, 'a', 'b'],
      ['TYPE', 'dest'],
      ['EXPIRE', 'dest', 100],
      ['ZINTERSTORE', 'dest', 2, 'dest', 'a'],
      ['TTL', 'dest'],
      ['ZRANGE', 'dest', 0, -1, 'WITHSCORES'],
      ['ZDIFFSTORE', 'dest', 2, 'dest', 'dest'],
      ['EXISTS', 'dest'],
      ['ZRANGESTORE', 'a', 'a', 1, 2],
      ['ZRANGE', 'a', 0, -1, 'WITHSCORES'],
      ['ZRANGESTORE', 'a', 'none', 1, 2],
      ['EXISTS', 'a'],
      ['ZRANGESTORE', 'a', 'str', 1, 2],
    )
  })

  it('combines large sets in slices', async () => {
    for (let part = 0; part < 3; part++) {
      const pairs = (step: number) =>
        Array.from({ length: 1000 }, (_, i) => [(i * 7919) % 613, `m${(part * 1000 + i) * step}`]).flat()
      await both.allSame(['ZADD', 'big', ...pairs(2)], ['ZADD', 'other', ...pairs(3)])
      await both.same('SADD', 'members', ...pairs(5))
    }
    await both.allSame(
      ['ZUNIONSTORE', 'd', 3, 'big', 'other', 'members', 'WEIGHTS', 1, 0.5, 3],
      ['ZRANGE', 'd', 0, -1, 'WITHSCORES'],
      ['OBJECT', 'ENCODING', 'd'],
      ['ZINTERSTORE', 'e', 2, 'big', 'other', 'AGGREGATE', 'MAX'],
      ['ZRANGE', 'e', 0, -1, 'WITHSCORES'],
      ['ZDIFFSTORE', 'e', 3, 'd', 'big', 'members'],
      ['ZRANGE', 'e', 0, -1, 'WITHSCORES'],
      ['ZDIFF', 2, 'big', 'other'],
      ['ZDIFF', 6, 'big', 'other', 'none1', 'none2', 'none3', 'none4', 'WITHSCORES'],
      ['ZINTERCARD', 2, 'big', 'other'],
      ['ZINTERCARD', 2, 'big', 'other', 'LIMIT', 17],
      ['ZRANGESTORE', 'e', 'big', 100, 2800],
      ['ZRANGE', 'e', 0, -1, 'WITHSCORES'],
      ['ZRANGESTORE', 'e', 'big', '(500', '-inf', 'BYSCORE', 'REV', 'LIMIT', 10, 2100],
      ['ZRANGE', 'e', 0, -1, 'WITHSCORES'],
      ['ZCARD', 'e'],
      ['DBSIZE'],
    )
    await both.allSame(['COPY', 'd', 'copy'], ['RENAME', 'copy', 'renamed'], ['ZRANGE', 'renamed', 0, -1, 'WITHSCORES'])
    await both.allSame(['UNLINK', 'd'], ['DEL', 'renamed'], ['DBSIZE'])
  })

  it('lets others in between the slices of a large command without mixing their sets up', async () => {
    const pairs = Array.from({ length: 4000 }, (_, i) => [(i * 7919) % 613, `m${i}`]).flat()
    const evens = Array.from({ length: 4000 }, (_, i) => `m${i * 2}`)
    await both.allSame(['ZADD', 'big', ...pairs], ['SADD', 'members', ...evens], ['ZADD', 'busy', 1, 'a'])
    const others = both.server.client()
    const long = [
      both.same('ZUNIONSTORE', 'd', 2, 'big', 'members', 'WEIGHTS', 2, -1),
      both.same('ZINTERSTORE', 'e', 2, 'big', 'members'),
      both.same('ZRANGESTORE', 'f', 'big', 10, -10),
    ]
    const short: Promise<unknown>[] = []
    for (let i = 0; i < 300; i++) {
      short.push(others.zadd('busy', i % 50, `b${i}`), others.zunion(2, 'busy', 'none'), others.zpopmin('busy'))
      short.push(others.zadd(`packed${i % 7}`, i, `p${i}`), others.sadd('busy set', i), others.spop('busy set'))
    }
    await Promise.all([...long, ...short])
    for (const key of ['d', 'e', 'f', 'big']) await both.same('ZRANGE', key, 0, -1, 'WITHSCORES')
    expect(await others.zcard('busy')).toBe(1)
    others.disconnect()
  })

  it.each([true, false])('chooses at random, and only among what is there (packed: %s)', async (packed) => {
    const pairs = Array.from({ length: 60 }, (_, i) => [i, `m${i}`]).flat()
    await fill('z', packed, ...pairs)
    await both.allSame(
      ['ZRANDMEMBER', 'none'],
      ['ZRANDMEMBER', 'none', 3],
      ['ZRANDMEMBER', 'z', 0],
      ['ZRANDMEMBER', 'z', 'x'],
      ['ZRANDMEMBER', 'z', 1, 'nonsense'],
      ['ZRANDMEMBER', 'z', 1, 'WITHSCORES', 'x'],
      ['ZRANDMEMBER', 'z', '-9223372036854775808'],
      ['ZRANDMEMBER', 'z', '9223372036854775807', 'WITHSCORES'],
      ['ZRANDMEMBER', 'z', '-9223372036854775807', 'WITHSCORES'],
    )
    for (const count of [1, 5, 19, 20, 21, 59, 60, 100, -1, -5, -200]) {
      const { ours } = await both.each('ZRANDMEMBER', 'z', count, 'WITHSCORES')
      const flat = ours as string[]
      const members = flat.filter((_, i) => i % 2 === 0)
      expect(members.length).toBe(count < 0 ? -count : Math.min(count, 60))
      for (const [i, member] of members.entries()) expect(member).toBe(`m${flat[i * 2 + 1]}`)
      if (count > 0) expect(new Set(members).size).toBe(members.length)
    }
    const drawn = new Map<string, number>()
    for (let i = 0; i < 300; i++) {
      for (const member of (await both.ours.call('ZRANDMEMBER', 'z', 30)) as string[])
        drawn.set(member, (drawn.get(member) ?? 0) + 1)
    }
    // Each is drawn about 150 times; six standard deviations are 52.
    for (let i = 0; i < 60; i++) expect(Math.abs((drawn.get(`m${i}`) ?? 0) - 150)).toBeLessThan(52)
  })

  it('scans every element, also while the set shrinks and grows', async () => {
    await both.same('ZADD', 'small', '1', 'a', '1e17', 'b', '4611686018427387904', 'c', '0.1', 'd')
    await both.allSame(
      ['ZSCAN', 'small', 0],
      ['ZSCAN', 'small', 0, 'MATCH', '[ab]'],
      ['ZSCAN', 'small', 0, 'COUNT', 1],
      ['ZSCAN', 'small', 'x'],
      ['ZSCAN', 'small', 0, 'COUNT', 0],
      ['ZSCAN', 'small', 0, 'COUNT', 'x'],
      ['ZSCAN', 'small', 0, 'TYPE', 'zset'],
      ['ZSCAN', 'none', 0, 'nonsense'],
      ['ZSCAN', 'small', 0, 'MATCH'],
    )
    const pairs = Array.from({ length: 1000 }, (_, i) => [i, `m${i}`]).flat()
    await both.same('ZADD', 'z', ...pairs)
    const seen = new Map<string, string>()
    let cursor = '0'
    let steps = 0
    do {
      const [next, found] = (await both.ours.call('ZSCAN', 'z', cursor, 'COUNT', 20)) as [string, string[]]
      for (let i = 0; i < found.length; i += 2) seen.set(found[i] as string, found[i + 1] as string)
      cursor = next
      steps++
      if (steps === 5) for (let i = 500; i < 1000; i++) await both.same('ZREM', 'z', `m${i}`)
      if (steps === 9) for (let i = 0; i < 700; i++) await both.same('ZADD', 'z', 1, `new${i}`)
    } while (cursor !== '0')
    for (let i = 0; i < 500; i++) expect(seen.get(`m${i}`)).toBe(String(i))
    expect(steps).toBeGreaterThan(10)
  })

  it('refuses other types everywhere', async () => {
    await both.allSame(['SET', 'str', 'x'], ['ZADD', 'z', 1, 'a'])
    for (const argv of [
      ['ZADD', 'str', 1, 'a'],
      ['ZADD', 'str', 'XX', 1, 'a'],
      ['ZINCRBY', 'str', 1, 'a'],
      ['ZREM', 'str', 'a'],
      ['ZCARD', 'str'],
      ['ZSCORE', 'str', 'a'],
      ['ZMSCORE', 'str', 'a'],
      ['ZRANK', 'str', 'a'],
      ['ZREVRANK', 'str', 'a'],
      ['ZCOUNT', 'str', 0, 1],
      ['ZLEXCOUNT', 'str', '-', '+'],
      ['ZRANGE', 'str', 0, 1],
      ['ZRANGEBYSCORE', 'str', 0, 1],
      ['ZRANGEBYLEX', 'str', '-', '+'],
      ['ZREMRANGEBYRANK', 'str', 0, 1],
      ['ZREMRANGEBYSCORE', 'str', 0, 1],
      ['ZREMRANGEBYLEX', 'str', '-', '+'],
      ['ZPOPMIN', 'str'],
      ['ZPOPMIN', 'str', 0],
      ['ZMPOP', 2, 'str', 'z', 'MIN'],
      ['BZPOPMIN', 'str', 'z', 1],
      ['BZMPOP', 1, 1, 'str', 'MIN'],
      ['ZRANDMEMBER', 'str'],
      ['ZRANDMEMBER', 'str', 1],
      ['ZSCAN', 'str', 0],
      ['GET', 'z'],
      ['LPUSH', 'z', 1],
      ['SADD', 'z', 1],
      ['HSET', 'z', 'f', 1],
      ['APPEND', 'z', 'x'],
    ] as Argument[][])
      await both.same(...argv)
  })

  it('keeps the sign of a zero where Redis does', async () => {
    const long = 'n'.repeat(65)
    await both.allSame(
      ['CONFIG', 'SET', 'zset-max-listpack-entries', 4],
      ['ZADD', 'large', 0, long, '-0', 'a', '-0', 'o', '-0', 'p'],
      ['ZRANGE', 'large', 0, -1, 'WITHSCORES'],
    )
    for (const range of [
      [0, -1],
      [0, -1, 'REV'],
      [-1, 1, 'BYSCORE'],
      [1, -1, 'BYSCORE', 'REV'],
      ['-', '+', 'BYLEX'],
      ['+', '-', 'BYLEX', 'REV'],
      [1, 2],
      [2, 3],
    ])
      await both.allSame(['ZRANGESTORE', 'part', 'large', ...range], ['ZRANGE', 'part', 0, -1, 'WITHSCORES'])
    await both.allSame(
      ['ZADD', 'large', '-0', 'b', '-0', 'c', '-0', 'd'],
      ['ZRANGESTORE', 'part', 'large', 0, -1],
      ['ZRANGE', 'part', 0, -1, 'WITHSCORES'],
      ['ZRANGESTORE', 'part', 'large', 1, -1, 'BYSCORE', 'REV'],
      ['ZRANGE', 'part', 0, -1, 'WITHSCORES'],
      ['ZUNIONSTORE', 'part', 1, 'large'],
      ['ZRANGE', 'part', 0, -1, 'WITHSCORES'],
      ['CONFIG', 'SET', 'zset-max-listpack-entries', 128],
    )
  })

  it('answers the same to any series of sorted set commands', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const member = fc.constantFrom(...MEMBERS)
    const score = fc.oneof(
      fc.constantFrom(...SCORES),
      fc.integer({ min: -4, max: 4 }).map(String),
      fc.double({ noNaN: true }).map(String),
    )
    const bound = fc.constantFrom(...SCORE_BOUNDS)
    const rank = fc.constantFrom(...RANKS)
    const pairs = fc.array(fc.tuple(score, member), { minLength: 1, maxLength: 6 }).map((list) => list.flat())
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constant('ZADD'), key, pairs) },
      fc.tuple(fc.constant('ZADD'), key, fc.constantFrom('NX', 'XX', 'GT', 'LT', 'CH'), pairs),
      fc.tuple(fc.constant('ZINCRBY'), key, score, member),
      fc.tuple(fc.constantFrom('ZREM', 'ZSCORE', 'ZRANK', 'ZREVRANK'), key, member),
      fc.tuple(fc.constantFrom('ZPOPMIN', 'ZPOPMAX'), key),
      fc.tuple(fc.constantFrom('ZCOUNT', 'ZREMRANGEBYSCORE', 'ZRANGEBYSCORE'), key, bound, bound),
      fc.tuple(fc.constantFrom('ZRANGE', 'ZREVRANGE'), key, rank, rank, fc.constant('WITHSCORES')),
      fc.tuple(fc.constant('ZREMRANGEBYRANK'), key, rank, rank),
      fc.tuple(fc.constantFrom('ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'), key, fc.constant('2'), key, key),
      fc.tuple(fc.constant('ZRANGESTORE'), key, key, rank, rank),
      fc.tuple(fc.constantFrom('RENAME', 'COPY'), key, key),
      fc.tuple(fc.constantFrom('DEL', 'ZCARD'), key),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 10, maxLength: 60 }),
        fc.constantFrom('0', '4', '128'),
        async (commands, entriesMax) => {
          await both.same('FLUSHALL')
          await both.same('CONFIG', 'SET', 'zset-max-listpack-entries', entriesMax)
          for (const argv of commands) await both.same(...argv.flat())
          for (const name of ['a', 'b', 'c'])
            await both.allSame(['ZRANGE', name, 0, -1, 'WITHSCORES'], ['OBJECT', 'ENCODING', name])
        },
      ),
      { numRuns: SERIES_RUNS },
    )
  })
})
