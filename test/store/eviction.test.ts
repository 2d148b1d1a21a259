import { expect, test } from 'vitest'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { findText, makeKeyspace, START_MS, setText } from './keyspaces.js'

const clock = { us: 0, next: (): number => clock.us++ }

function filled(policy: string, keys: number) {
  const keyspace = makeKeyspace()
  keyspace.eviction.isLimited = true
  keyspace.eviction.policy = policy
  keyspace.lfu = policy.endsWith('lfu')
  const db = keyspace.database(0)
  for (let i = 0; i < keys; i++) {
    keyspace.nowMs = START_MS + i * 1000
    setText(db, `key:${i}`, 'x'.repeat(100), i % 2 === 0 ? NO_EXPIRY : START_MS + 1e9 + i)
  }
  return { keyspace, db }
}

function survivors(db: ReturnType<typeof filled>['db'], keys: number): number[] {
  return Array.from({ length: keys }, (_, i) => i).filter((i) => findText(db, `key:${i}`))
}

test.each([
  'allkeys-lru',
  'allkeys-random',
  'allkeys-lfu',
  'volatile-lru',
  'volatile-ttl',
  'volatile-random',
  'volatile-lfu',
])('%s evicts as much as it is asked to, and of volatile keys only where it says so', (policy) => {
  const { keyspace, db } = filled(policy, 2000)
  const before = keyspace.arena.usedBytes
  keyspace.eviction.tenacity = 100
  const evicted = keyspace.eviction.evict(20_000, clock.next)
  expect(keyspace.arena.usedBytes).toBeLessThanOrEqual(before - 20_000)
  expect(keyspace.arena.usedBytes).toBeGreaterThan(before - 22_000)
  expect(keyspace.stats.evictedKeys).toBe(evicted)
  const left = survivors(db, 2000)
  expect(left.length).toBe(2000 - evicted)
  if (policy.startsWith('volatile')) expect(left.filter((i) => i % 2 === 0).length).toBe(1000)
})

test('what goes is close to the oldest by LRU, and the first to expire by TTL', () => {
  for (const policy of ['allkeys-lru', 'volatile-ttl']) {
    const { keyspace, db } = filled(policy, 2000)
    keyspace.eviction.tenacity = 100
    keyspace.eviction.samples = 10
    keyspace.eviction.evict(60_000, clock.next)
    const left = new Set(survivors(db, 2000))
    const gone = Array.from({ length: 2000 }, (_, i) => i).filter((i) => !left.has(i))
    const sum = gone.reduce((a, b) => a + b, 0)
    // The lowest possible mean is half of their number (of every second key with TTL: their number).
    const least = policy === 'allkeys-lru' ? gone.length / 2 : gone.length
    expect(sum / gone.length).toBeLessThan(least * 1.5)
  }
})

test('a volatile policy finds nothing where no key has an expiry, and says so', () => {
  const keyspace = makeKeyspace()
  keyspace.eviction.isLimited = true
  keyspace.eviction.policy = 'volatile-lru'
  const db = keyspace.database(1)
  setText(db, 'k', 'v', NO_EXPIRY)
  expect(keyspace.eviction.evictableKeys).toBe(0)
  expect(keyspace.eviction.evict(1, clock.next)).toBe(0)
  expect(findText(db, 'k')).toBe(true)
})

test('what is evicted counts as no change, and without a policy nothing is', () => {
  for (const policy of ['allkeys-lru', 'noeviction']) {
    const { keyspace, db } = filled('allkeys-lru', 100)
    keyspace.eviction.policy = policy
    const { dirty } = keyspace.stats
    const evicted = keyspace.eviction.evict(1000, clock.next)
    expect(evicted > 0).toBe(policy !== 'noeviction')
    expect(db.size).toBe(100 - evicted)
    expect(keyspace.stats.dirty).toBe(dirty)
  }
})

test('a random policy passes over keys that are protected', () => {
  const { keyspace, db } = filled('allkeys-random', 400)
  keyspace.eviction.tenacity = 100
  keyspace.eviction.isProtected = ({ bytes, keyOffset, keyLength }) => bytes[keyOffset + keyLength - 1]! % 2 === 0
  const before = keyspace.arena.usedBytes
  keyspace.eviction.evict(3000, clock.next)
  expect(keyspace.arena.usedBytes).toBeLessThanOrEqual(before - 3000)
  expect(survivors(db, 400).filter((i) => i % 2 === 0).length).toBe(200)
})
