/**
 * The set commands beside Redis 7.0, on one shard and on four, in RESP2 and RESP3. Where the order of members is nobody's
 * promise, replies are compared as sets.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { RespValue } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 40

/** The members of an array or set. */
function membersOf(value: RespValue): string[] {
  if (Array.isArray(value)) return value as string[]
  if (value !== null && typeof value === 'object' && 'set' in value) return value.set as string[]
  throw new Error(`no members: ${JSON.stringify(value)}`)
}

/** The same reply with its members in one order. */
function ordered(value: RespValue): RespValue {
  if (Array.isArray(value)) return [...value].sort()
  if (value !== null && typeof value === 'object' && 'set' in value) return { set: [...value.set].sort() }
  return value
}

function numbered(count: number, prefix = 'm:', from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${from + i}`)
}

describe.skipIf(!hasRedis7).each([
  [1, 2],
  [4, 2],
  [4, 3],
])('set commands on %i shard(s) beside Redis 7.0, RESP%i', (shards, protocol) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
    await both.each('HELLO', protocol)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
  })

  /** Sends a command to both whose replies must have the same members. */
  async function sameMembers(...argv: Argument[]): Promise<RespValue> {
    const { ours, redis } = await both.each(...argv)
    expect(ordered(ours), `reply to ${argv.join(' ').slice(0, 200)}`).toEqual(ordered(redis))
    return ours
  }

  async function sameState(...keys: string[]): Promise<void> {
    for (const key of keys) {
      await both.same('OBJECT', 'ENCODING', key)
      await sameMembers('SMEMBERS', key)
    }
  }

  it('adds, finds and removes members of any bytes', async () => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await both.allSame(
      ['SADD', 's', 'a', 'b', 'a', ''],
      ['SADD', 's', everyByte],
      ['SCARD', 's'],
      ['SISMEMBER', 's', everyByte],
      ['SISMEMBER', 's', ''],
      ['SISMEMBER', 's', 'c'],
      ['SISMEMBER', 'missing', 'c'],
      ['SMISMEMBER', 's', 'a', 'x', '', 'b', everyByte],
      ['SMISMEMBER', 'missing', 'a', 'x'],
      ['SREM', 's', 'a', 'a', 'x', ''],
      ['SREM', 'missing', 'a'],
      ['SCARD', 'missing'],
      ['SMEMBERS', 'missing'],
      ['SREM', 's', 'b', everyByte, 'more', 'than', 'there', 'are'],
      ['EXISTS', 's'],
    )
  })

  it('keeps the encoding that Redis would', async () => {
    const large = ['32767', '32768', '-32769', '2147483648', '-9223372036854775808', '9223372036854775807']
    for (const members of [
      ...large.map((member) => [member]),
      large,
      ['9223372036854775808'],
      ['-9223372036854775809'],
      ['007'],
      ['-0'],
      ['1', '2', 'x'],
      ['x', '1', '2'],
      numbered(512, ''),
      numbered(513, ''),
      [...numbered(512, ''), 'x'],
      numbered(128),
      numbered(129),
      ['x'.repeat(64)],
      ['x'.repeat(65)],
      ['1', 'x'.repeat(65)],
      [...numbered(128), 'y'.repeat(65)],
    ]) {
      await both.allSame(['DEL', 's'], ['SADD', 's', ...members])
      await sameState('s')
      await sameMembers('SMEMBERS', 's')
      await both.same('SADD', 's', ...members, 'one more')
      await both.same('SREM', 's', 'one more')
      await sameState('s')
    }
    for (const limit of [0, 3]) {
      await both.same('CONFIG', 'SET', 'set-max-intset-entries', limit)
      for (const members of [['1'], ['1', '2', '3'], ['1', '2', '3', '4']]) {
        await both.allSame(['DEL', 's'], ['SADD', 's', ...members])
        await sameState('s')
        await both.allSame(['SINTERSTORE', 'd', 's', 's'], ['SUNIONSTORE', 'e', 's'])
        await sameState('d', 'e')
      }
    }
    await both.same('CONFIG', 'SET', 'set-max-intset-entries', 512)
  })

  it('says what is wrong as Redis does', async () => {
    await both.allSame(['SET', 'string', 'v'], ['SADD', 's', 'a', 'b', 'c'], ['SADD', 'ints', 1, 2, 3])
    const commands: Argument[][] = [
      ['SADD', 'string', 'a'],
      ['SREM', 'string', 'a'],
      ['SCARD', 'string'],
      ['SISMEMBER', 'string', 'a'],
      ['SMISMEMBER', 'string', 'a'],
      ['SMEMBERS', 'string'],
      ['SPOP', 'string'],
      ['SPOP', 'string', 0],
      ['SPOP', 'string', -1],
      ['SPOP', 's', 'x'],
      ['SPOP', 's', -1],
      ['SPOP', 's', '-9223372036854775808'],
      ['SPOP', 's', '9223372036854775808'],
      ['SPOP', 's', 1, 2],
      ['SPOP', 's', 0],
      ['SPOP', 'missing'],
      ['SPOP', 'missing', 2],
      ['SPOP', 'missing', 'x'],
      ['SRANDMEMBER', 'string'],
      ['SRANDMEMBER', 'string', 0],
      ['SRANDMEMBER', 's', 'x'],
      ['SRANDMEMBER', 's', 0],
      ['SRANDMEMBER', 's', 1, 2],
      ['SRANDMEMBER', 's', '-9223372036854775808'],
      ['SRANDMEMBER', 's', '9223372036854775808'],
      ['SRANDMEMBER', 'missing'],
      ['SRANDMEMBER', 'missing', 3],
      ['SRANDMEMBER', 'missing', -3],
      ['SMOVE', 'string', 's', 'a'],
      ['SMOVE', 's', 'string', 'a'],
      ['SMOVE', 's', 'string', 'not there'],
      ['SMOVE', 'missing', 'string', 'a'],
      ['SMOVE', 's', 's', 'a'],
      ['SMOVE', 's', 's', 'x'],
      ['SMOVE', 'string', 'string', 'x'],
      ['SINTER', 'string'],
      ['SINTER', 'missing', 'string'],
      ['SINTER', 's', 'missing', 'string'],
      ['SUNION', 'missing', 'string'],
      ['SDIFF', 'missing', 'string'],
      ['SDIFF', 's', 'string'],
      ['SINTERSTORE', 'd', 's', 'string'],
      ['SUNIONSTORE', 'd', 's', 'string'],
      ['SDIFFSTORE', 'd', 'missing', 'string'],
      ['SINTERCARD', 0, 's'],
      ['SINTERCARD', 'x', 's'],
      ['SINTERCARD', -1, 's'],
      ['SINTERCARD', 2, 's'],
      ['SINTERCARD', '9223372036854775807', 's'],
      ['SINTERCARD', 1, 's', 'LIMIT'],
      ['SINTERCARD', 1, 's', 'LIMIT', -1],
      ['SINTERCARD', 1, 's', 'LIMIT', 'x'],
      ['SINTERCARD', 1, 's', 'LIMIT', 2],
      ['SINTERCARD', 1, 's', 'LIMIT', 0],
      ['SINTERCARD', 1, 's', 'LIMIT', 1, 'limit', 3],
      ['SINTERCARD', 1, 's', 'OTHER', 1],
      ['SINTERCARD', 1, 's', 's'],
      ['SINTERCARD', 2, 's', 'string'],
      ['SINTERCARD', 2, 'missing', 'string'],
      ['SSCAN', 'string', 0],
      ['SSCAN', 's', 'x'],
      ['SSCAN', 'missing', 'x'],
      ['SSCAN', 'missing', 0],
      ['SSCAN', 'missing', 0, 'NONSENSE'],
      ['SSCAN', 's', 0, 'NONSENSE'],
      ['SSCAN', 's', 0, 'COUNT'],
      ['SSCAN', 's', 0, 'COUNT', 0],
      ['SSCAN', 's', 0, 'COUNT', 'x'],
      ['SSCAN', 's', 0, 'TYPE', 'set'],
      ['SSCAN', 'ints', 0, 'MATCH', '[12]', 'COUNT', 1],
      ['SSCAN', 'ints', 0, 'MATCH', '*'],
      ['SADD', 's'],
      ['SMEMBERS', 's', 't'],
      ['SINTERCARD', 1],
    ]
    for (const command of commands) await both.same(...command)
    await both.allSame(['GET', 'string'], ['SCARD', 's'], ['SCARD', 'ints'], ['EXISTS', 'd'])
  })

  it('moves members between keys', async () => {
    await both.allSame(['SADD', 'from', 1, 'a', 'b'], ['SADD', 'to', 2, 3, 4])
    for (const member of ['a', 1, 'x', 'b']) {
      await both.same('SMOVE', 'from', 'to', member)
      await sameState('from', 'to')
    }
    await both.allSame(['EXISTS', 'from'], ['SMOVE', 'to', 'new', '2'])
    await sameState('to', 'new')
    await both.allSame(['SADD', 'from', 3], ['SMOVE', 'from', 'to', 3], ['SCARD', 'to'], ['EXISTS', 'from'])
    await both.allSame(['SADD', 'large', ...numbered(3000)], ['SADD', 'larger', ...numbered(4000)])
    await both.allSame(['SMOVE', 'larger', 'large', 'm:3999'], ['SMOVE', 'larger', 'large', 'm:1'])
    await sameState('large', 'larger')
  })

  it('combines sets of all encodings and sizes', async () => {
    const contents: Record<string, Argument[]> = {
      ints: [1, 2, 3, 40, 500, 70000, '9007199254740993'],
      someInts: [2, 40, '9007199254740993', '-9223372036854775808'],
      mixed: [1, 'a', 'b', 40, 'm:1'],
      words: ['a', 'b', 'c', ...numbered(20)],
      table: ['a', 'x'.repeat(100), 2, ...numbered(300)],
      large: [...numbered(3000), 1, 'b'],
      larger: numbered(6000, 'm:', 1500),
    }
    for (const [key, members] of Object.entries(contents)) await both.same('SADD', key, ...members)
    await both.same('SET', 'string', 'v')
    const keys = [...Object.keys(contents), 'missing']
    const choice = fc.array(fc.constantFrom(...keys), { minLength: 1, maxLength: 7 })
    const operation = fc.constantFrom('SINTER', 'SUNION', 'SDIFF')
    await fc.assert(
      fc.asyncProperty(operation, choice, fc.nat(400), fc.boolean(), async (name, sources, limit, ontoString) => {
        await sameMembers(name, ...sources)
        await both.same('SINTERCARD', sources.length, ...sources, 'LIMIT', limit)
        const target = ontoString ? 'string' : 'target'
        await both.allSame(['SET', target, 'v', 'EX', 1000], [`${name}STORE`, target, ...sources])
        await sameState(target)
        await both.same('TTL', target)
        // Over one of the sources, which must be there again for the next round.
        const source = sources[sources.length - 1] as string
        await both.same(`${name}STORE`, source, ...sources)
        await sameState(source)
        const members = contents[source]
        await both.same('DEL', source)
        if (members !== undefined) await both.same('SADD', source, ...members)
      }),
      { numRuns: SERIES_RUNS },
    )
  })

  it('does what Redis does in any series of commands', async () => {
    const key = fc.constantFrom('k1', 'k2', 'k3')
    const member = fc.oneof(
      fc.integer({ min: -12, max: 12 }).map(String),
      fc.constantFrom('a', 'b', 'c', 'd', '', 'x'.repeat(70), '123456789012', '9223372036854775807'),
    )
    const members = fc.array(member, { minLength: 1, maxLength: 6 })
    const keys = fc.array(key, { minLength: 1, maxLength: 3 })
    const command: fc.Arbitrary<string[]> = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(key, members).map(([k, m]) => ['SADD', k, ...m]) },
      { weight: 2, arbitrary: fc.tuple(key, members).map(([k, m]) => ['SREM', k, ...m]) },
      { weight: 1, arbitrary: fc.tuple(key, members).map(([k, m]) => ['SMISMEMBER', k, ...m]) },
      { weight: 1, arbitrary: fc.tuple(key, key, member).map(([a, b, m]) => ['SMOVE', a, b, m]) },
      { weight: 1, arbitrary: keys.map((k) => ['SUNION', ...k]) },
      { weight: 1, arbitrary: keys.map((k) => ['SINTER', ...k]) },
      { weight: 1, arbitrary: keys.map((k) => ['SDIFF', ...k]) },
      { weight: 1, arbitrary: fc.tuple(key, keys).map(([d, k]) => ['SUNIONSTORE', d, ...k]) },
      { weight: 1, arbitrary: fc.tuple(key, keys).map(([d, k]) => ['SINTERSTORE', d, ...k]) },
      { weight: 1, arbitrary: fc.tuple(key, keys).map(([d, k]) => ['SDIFFSTORE', d, ...k]) },
      { weight: 1, arbitrary: key.map((k) => ['SRANDMEMBER', k, '100']) },
      { weight: 1, arbitrary: key.map((k) => ['SPOP', k, '100']) },
      { weight: 1, arbitrary: key.map((k) => ['SMEMBERS', k]) },
      { weight: 1, arbitrary: key.map((k) => ['SET', k, 'v']) },
      { weight: 1, arbitrary: key.map((k) => ['DEL', k]) },
      { weight: 1, arbitrary: fc.tuple(key, key).map(([a, b]) => ['RENAME', a, b]) },
      { weight: 1, arbitrary: fc.tuple(key, key).map(([a, b]) => ['COPY', a, b, 'REPLACE']) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
        await both.same('FLUSHALL')
        for (const argv of commands) await sameMembers(...argv)
        await sameState('k1', 'k2', 'k3')
      }),
      { numRuns: SERIES_RUNS },
    )
  })

  it.each([
    ['intset', numbered(100, '')],
    ['packed', numbered(100)],
    ['hash table', numbered(1000)],
  ])('pops and returns different members of a set that is a %s', async (_, members) => {
    const ours = both.ours
    for (const count of [1, 2, members.length / 2, members.length - 2, members.length - 1, members.length, 5000]) {
      await both.allSame(['DEL', 's'], ['SADD', 's', ...members], ['EXPIRE', 's', 1000])
      const sample = membersOf(await ours.call('SRANDMEMBER', 's', count))
      expect(new Set(sample).size).toBe(Math.min(count, members.length))
      for (const member of sample) expect(members).toContain(member)
      const repeated = membersOf(await ours.call('SRANDMEMBER', 's', -count))
      expect(repeated.length).toBe(count)
      for (const member of repeated) expect(members).toContain(member)
      const { ours: popped, redis } = await both.each('SPOP', 's', count)
      expect(membersOf(popped).length).toBe(membersOf(redis).length)
      expect(Array.isArray(popped)).toBe(Array.isArray(redis))
      const left = membersOf(await ours.call('SMEMBERS', 's'))
      expect([...membersOf(popped), ...left].sort()).toEqual([...members].sort())
      await both.same('SCARD', 's')
      await both.sameWithin(1, 'TTL', 's')
      await both.same('OBJECT', 'ENCODING', 's')
    }
    await both.allSame(['DEL', 's'], ['SADD', 's', ...members])
    const popped = new Set<RespValue>()
    for (let i = 0; i < members.length; i++) {
      popped.add(await ours.call('SPOP', 's'))
      await both.redis.call('SPOP', 's')
    }
    expect(popped.size).toBe(members.length)
    await both.same('EXISTS', 's')
  })

  it('scans every member', async () => {
    for (const members of [numbered(50, ''), numbered(100), numbered(2500)]) {
      await both.allSame(['DEL', 's'], ['SADD', 's', ...members])
      for (const options of [[], ['COUNT', 100], ['MATCH', '*1*']]) {
        const found = new Set<string>()
        let cursor = '0'
        do {
          const reply = (await both.ours.call('SSCAN', 's', cursor, ...options)) as RespValue[]
          cursor = reply[0] as string
          for (const member of membersOf(reply[1] as RespValue)) found.add(member)
        } while (cursor !== '0')
        const expected = options[0] === 'MATCH' ? members.filter((member) => member.includes('1')) : members
        expect([...found].sort()).toEqual([...expected].sort())
      }
    }
  })

  it('counts a change once, and breaks a WATCH when there was one', async () => {
    const { ours } = both
    const changes: [Argument[], boolean][] = [
      [['SADD', 's', 'new'], true],
      [['SADD', 's', 'a'], false],
      [['SREM', 's', 'b'], true],
      [['SREM', 's', 'x'], false],
      [['SPOP', 's'], true],
      [['SMOVE', 's', 'other', 'a'], true],
      [['SMOVE', 's', 's', 'a'], false],
      [['SRANDMEMBER', 's', 2], false],
      [['SUNIONSTORE', 's', 's'], true],
      [['SINTERSTORE', 's', 'missing'], true],
      [['SUNION', 's', 'other'], false],
    ]
    for (const [argv, breaks] of changes) {
      await ours.call('DEL', 's', 'other')
      await ours.call('SADD', 's', 'a', 'b', 'c')
      await ours.call('WATCH', 's')
      await ours.call(...argv)
      await ours.call('MULTI')
      await ours.call('PING')
      const result = await ours.call('EXEC')
      expect(result === null, argv.join(' ')).toBe(breaks)
    }
  })
})
