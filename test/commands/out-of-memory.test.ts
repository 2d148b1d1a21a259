/**
 * Commands of sets, hashes and sorted sets when there is no memory, at each place where they may ask for some: what stood
 * there is whole, nothing is lost or left behind, and whoever watches a key hears of what has changed.
 */
import { describe, expect, it } from 'vitest'
import { OneShard } from './one-shard.js'

type Argv = readonly (string | number)[]

interface Scenario {
  readonly name: string
  readonly settings?: Readonly<Record<string, number>>
  readonly before: readonly Argv[]
  readonly command: Argv
  /** What was done until the memory ended stays; otherwise all or nothing is done. */
  readonly mayEndEarly?: boolean
  /** Which elements are affected is left to chance. */
  readonly isRandom?: boolean
  /** Memory that was given back can be had again; otherwise not even that. */
  readonly reusesMemory?: boolean
}

const OUT_OF_MEMORY = '-OOM'
/** More allocations than any command here needs. */
const ALLOCATIONS_MAX = 2000

function numbered(count: number, each: (i: number) => Argv): (string | number)[] {
  return Array.from({ length: count }, (_, i) => each(i)).flat()
}

const members = (count: number, prefix = 'm') => numbered(count, (i) => [`${prefix}${i}`])
const scored = (count: number) => numbered(count, (i) => [i % 7, `m${i}`])
const fields = (count: number) => numbered(count, (i) => [`f${i}`, `v${i}`])
const numbers = (count: number) => numbered(count, (i) => [i])
const LONG = 'x'.repeat(100)
const VERY_LONG = 'y'.repeat(4000)

const SCENARIOS: readonly Scenario[] = [
  { name: 'SADD of integers', before: [], command: ['sadd', 's', 1, 2, 3, 70000, 2 ** 40], mayEndEarly: true },
  { name: 'SADD of a text to integers', before: [['sadd', 's', ...numbers(60)]], command: ['sadd', 's', 'a'] },
  { name: 'SADD of a long text to integers', before: [['sadd', 's', 1, 2, 3]], command: ['sadd', 's', LONG] },
  {
    name: 'SADD beyond a listpack',
    before: [['sadd', 's', ...members(126)]],
    command: ['sadd', 's', ...members(6, 'n')],
    mayEndEarly: true,
  },
  {
    name: 'SADD to a table',
    before: [['sadd', 's', ...members(150)]],
    command: ['sadd', 's', ...members(25, 'n')],
    mayEndEarly: true,
  },
  {
    name: 'RENAME of a table over a string',
    before: [
      ['sadd', 's', ...members(150)],
      ['set', 't', 'old'],
    ],
    command: ['rename', 's', 't'],
  },
  {
    name: 'RENAME of a hash over a table',
    before: [
      ['hset', 's', ...fields(20)],
      ['sadd', 't', ...members(150)],
    ],
    command: ['rename', 's', 't'],
  },
  {
    name: 'COPY of a packed list over a table',
    before: [
      ['rpush', 's', ...members(20)],
      ['sadd', 't', ...members(150)],
    ],
    command: ['copy', 's', 't', 'replace'],
  },
  { name: 'SMOVE to a new key', before: [['sadd', 's', 'a']], command: ['smove', 's', 't', 'a'] },
  {
    name: 'SMOVE to a table',
    before: [
      ['sadd', 's', ...members(150, 'n')],
      ['sadd', 't', ...members(150)],
    ],
    command: ['smove', 's', 't', 'n7'],
  },
  {
    name: 'SPOP of most members',
    before: [['sadd', 's', ...members(150)]],
    command: ['spop', 's', 149],
    isRandom: true,
  },
  {
    name: 'SPOP of most members of a key that expires',
    before: [
      ['sadd', 's', ...members(150)],
      ['pexpire', 's', 100000],
    ],
    command: ['spop', 's', 142],
    isRandom: true,
  },
  {
    name: 'SPOP with a reply that is sent in parts',
    before: [['sadd', 's', ...members(150, VERY_LONG)]],
    command: ['spop', 's', 149],
    isRandom: true,
    reusesMemory: true,
  },
  {
    name: 'SINTERSTORE over another set',
    before: [
      ['sadd', 'a', ...members(50)],
      ['sadd', 'b', ...members(40)],
      ['sadd', 'd', ...members(200, 'old')],
    ],
    command: ['sinterstore', 'd', 'a', 'b'],
  },
  {
    name: 'SUNIONSTORE over a string that expires',
    before: [
      ['sadd', 'a', ...members(150)],
      ['sadd', 'b', ...members(40, 'n')],
      ['set', 'd', 'old'],
      ['pexpire', 'd', 100000],
    ],
    command: ['sunionstore', 'd', 'a', 'b'],
  },
  {
    name: 'SDIFFSTORE over one of its own inputs',
    before: [
      ['sadd', 'a', ...members(150)],
      ['sadd', 'b', ...members(40)],
    ],
    command: ['sdiffstore', 'a', 'a', 'b'],
  },
  {
    name: 'SUNION of many',
    before: ['a', 'b', 'c', 'd', 'e'].map((key) => ['sadd', key, ...members(45, key)]),
    command: ['sunion', 'a', 'b', 'c', 'd', 'e'],
  },
  { name: 'ZADD of a new key', before: [], command: ['zadd', 'z', ...scored(5)], mayEndEarly: true },
  { name: 'ZADD of a long member', before: [], command: ['zadd', 'z', 1, LONG] },
  {
    name: 'ZADD beyond a listpack',
    before: [['zadd', 'z', ...scored(127)]],
    command: ['zadd', 'z', 1, 'n1', 2, 'n2', 3, 'n3'],
    mayEndEarly: true,
  },
  {
    name: 'ZADD to a tree',
    before: [['zadd', 'z', ...scored(200)]],
    command: ['zadd', 'z', ...numbered(40, (i) => [i, `n${i}`])],
    mayEndEarly: true,
  },
  {
    name: 'ZADD of other scores',
    before: [['zadd', 'z', ...scored(200)]],
    command: ['zadd', 'z', ...numbered(40, (i) => [i + 1000, `m${i}`])],
    mayEndEarly: true,
  },
  {
    name: 'ZINCRBY in a listpack',
    before: [['zadd', 'z', ...scored(5)]],
    command: ['zincrby', 'z', 0.123456789, 'm2'],
  },
  {
    name: 'ZUNIONSTORE over another sorted set',
    before: [
      ['zadd', 'a', ...scored(140)],
      ['sadd', 'b', ...members(40)],
      ['zadd', 'd', 1, 'old'],
    ],
    command: ['zunionstore', 'd', 2, 'a', 'b', 'WEIGHTS', 2, 3],
  },
  {
    name: 'ZINTERSTORE over a large set',
    before: [
      ['zadd', 'a', ...scored(140)],
      ['sadd', 'b', ...members(4)],
      ['sadd', 'd', ...members(140, 'old')],
    ],
    command: ['zinterstore', 'd', 2, 'a', 'b'],
  },
  {
    name: 'ZRANGESTORE over its own input',
    before: [['zadd', 'a', ...scored(140)]],
    command: ['zrangestore', 'a', 'a', 10, 20],
  },
  {
    name: 'ZDIFF',
    before: [
      ['zadd', 'a', ...scored(140)],
      ['zadd', 'b', ...scored(50)],
    ],
    command: ['zdiff', 2, 'a', 'b', 'WITHSCORES'],
  },
  { name: 'HSET of a new key', before: [], command: ['hset', 'h', ...fields(5)] },
  { name: 'HSET of a new large hash', before: [], command: ['hset', 'h', ...fields(60)], mayEndEarly: true },
  { name: 'HSET of a long value', before: [['hset', 'h', ...fields(5)]], command: ['hset', 'h', 'f2', LONG] },
  {
    name: 'HSET beyond a listpack',
    settings: { hashMaxListpackEntries: 20 },
    before: [['hset', 'h', ...fields(19)]],
    command: ['hset', 'h', 'n1', 1, 'n2', 2, 'n3', 3],
    mayEndEarly: true,
  },
  {
    name: 'HSET beyond a listpack, one field',
    settings: { hashMaxListpackEntries: 20 },
    before: [['hset', 'h', ...fields(20)]],
    command: ['hset', 'h', 'n1', 1],
  },
  {
    name: 'HSET in a table, of fields that expire',
    settings: { hashMaxListpackEntries: 20 },
    before: [
      ['hset', 'h', ...fields(60)],
      ['hpexpire', 'h', 100000, 'FIELDS', 2, 'f1', 'f2'],
    ],
    command: ['hset', 'h', 'f1', LONG, 'f2', LONG, 'f3', LONG, 'f70', LONG],
    mayEndEarly: true,
  },
  { name: 'HINCRBYFLOAT of a new field', before: [['hset', 'h', 'a', 1]], command: ['hincrbyfloat', 'h', LONG, 0.1] },
  { name: 'HSETNX of a new key', before: [], command: ['hsetnx', 'h', 'f', LONG] },
  {
    name: 'HPEXPIRE of a small hash',
    before: [['hset', 'h', ...fields(9)]],
    command: ['hpexpire', 'h', 100000, 'FIELDS', 3, 'f1', 'f5', 'f8'],
    mayEndEarly: true,
  },
  {
    name: 'HPEXPIRE of a table',
    settings: { hashMaxListpackEntries: 20 },
    before: [['hset', 'h', ...fields(60)]],
    command: ['hpexpire', 'h', 100000, 'FIELDS', 50, ...members(50, 'f')],
    mayEndEarly: true,
  },
  {
    name: 'HGETEX of a small hash',
    before: [['hset', 'h', ...fields(9)]],
    command: ['hgetex', 'h', 'PX', 100000, 'FIELDS', 3, 'f1', 'f5', 'f8'],
    mayEndEarly: true,
  },
  {
    name: 'HGETEX with a reply that is sent in parts',
    settings: { hashMaxListpackEntries: 20 },
    before: [['hset', 'h', ...numbered(100, (i) => [`f${i}`, VERY_LONG])]],
    command: ['hgetex', 'h', 'PX', 100000, 'FIELDS', 99, ...members(99, 'f')],
    mayEndEarly: true,
  },
  {
    name: 'HSETEX of a new key',
    before: [],
    command: ['hsetex', 'h', 'PX', 100000, 'FIELDS', 2, 'f1', 'v1', 'f2', LONG],
    mayEndEarly: true,
  },
]

const KEYS = ['a', 'b', 'c', 'd', 'e', 's', 't', 'z', 'h']

/** All that clients can know of the keys. */
function contents(shard: OneShard): string[] {
  return KEYS.flatMap((key) => {
    const type = shard.call('type', key).slice(1, -2)
    const expiry = shard.call('pexpiretime', key)
    switch (type) {
      case 'none':
        return []
      case 'set':
        return [key, expiry, ...shard.elements('smembers', key).sort(), shard.call('scard', key)]
      case 'zset':
        return [key, expiry, ...ordered(shard, key), shard.call('zcard', key)]
      case 'hash':
        return [key, expiry, ...timed(shard, key), shard.call('hlen', key)]
      default:
        return [key, expiry, shard.call('get', key)]
    }
  })
}

/** Elements of a sorted set in both directions, each of which must be found. */
function ordered(shard: OneShard, key: string): string[] {
  const up = shard.elements('zrange', key, 0, -1, 'WITHSCORES')
  const down = shard.elements('zrevrange', key, 0, -1, 'WITHSCORES')
  const turned: string[] = []
  for (let i = down.length - 2; i >= 0; i -= 2) turned.push(down[i]!, down[i + 1]!)
  expect(turned).toEqual(up)
  for (let i = 0; i < up.length; i += 2) {
    expect(shard.elements('zscore', key, up[i]!)).toEqual([up[i + 1]])
    expect(shard.call('zrank', key, up[i]!)).toBe(`:${i / 2}\r\n`)
  }
  return up
}

/** Fields with their values and times. */
function timed(shard: OneShard, key: string): string[] {
  const names = shard.elements('hkeys', key).sort()
  const found = names.map((name) => {
    const [value] = shard.elements('hget', key, name)
    return `${name}=${value} until ${shard.elements('hpexpiretime', key, 'FIELDS', 1, name)[0]}`
  })
  expect(shard.elements('hvals', key).length).toBe(names.length)
  return found
}

function prepared({ settings, before }: Scenario): OneShard {
  const shard = new OneShard()
  Object.assign(shard.keyspace.limits, settings)
  for (const argv of before) expect(shard.call(...argv)[0]).not.toBe('-')
  return shard
}

/** Removes all keys one by one, and gives back what they held. */
function usedWhenEmpty(shard: OneShard): number {
  for (const key of KEYS) shard.call('del', key)
  while (shard.keyspace.rehash(Number.POSITIVE_INFINITY, () => 0));
  expect(shard.keyspace.database(0).size).toBe(0)
  expect(shard.keyspace.nursery.size).toBe(0)
  expect(shard.keyspace.database(0).fieldExpiresSize).toBe(0)
  return shard.keyspace.arena.usedBytes
}

describe.each(SCENARIOS)('$name', (scenario) => {
  it('may fail at any allocation', () => {
    const undisturbed = prepared(scenario)
    const usual = undisturbed.call(...scenario.command)
    const after = contents(undisturbed)
    const atRest = usedWhenEmpty(undisturbed)
    let failures = 0
    for (let allocations = 0; allocations < ALLOCATIONS_MAX; allocations++) {
      const shard = prepared(scenario)
      const before = contents(shard)
      const { stats } = shard.keyspace
      const dirty = stats.dirty
      const touched = new Set<string>()
      shard.keyspace.onModified = (db) => {
        if (db.index === 0)
          touched.add(Buffer.from(db.bytes.subarray(db.keyOffset, db.keyOffset + db.keyLength)).toString())
      }
      let reply = ''
      shard.withMemoryFor(allocations, scenario.reusesMemory === true, () => {
        reply = shard.call(...scenario.command)
      })
      shard.keyspace.onModified = null
      const now = contents(shard)
      if (reply.startsWith(OUT_OF_MEMORY)) {
        failures++
        if (scenario.mayEndEarly === true) {
          // Then somebody has been told, and it counts as one change.
          if (now.join() !== before.join()) expect(touched.size).toBeGreaterThan(0)
        } else {
          expect(now).toEqual(before)
        }
        if (now.join() === before.join() && before.length > 0) expect(stats.dirty).toBe(dirty)
        shard.call(...scenario.command)
      } else {
        // What is on its way to the client cannot be taken back, and an error behind it would be taken for the next reply.
        expect(reply).not.toContain(OUT_OF_MEMORY)
        if (scenario.isRandom !== true) expect(reply).toBe(usual)
      }
      if (scenario.isRandom !== true) expect(contents(shard)).toEqual(after)
      expect(usedWhenEmpty(shard)).toBe(atRest)
      if (!reply.startsWith(OUT_OF_MEMORY)) break
    }
    expect(failures).toBeGreaterThan(0)
  })
})
