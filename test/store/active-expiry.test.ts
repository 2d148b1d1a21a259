import { describe, expect, test } from 'vitest'
import type { Keyspace } from '../../src/store/keyspace.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { keyTextOf, makeKeyspace, peekText, START_MS, setText } from './keyspaces.js'

/** Every look at the clock finds this much later. */
function tickingClock(stepUs: number): () => number {
  let us = 0
  return () => (us += stepUs)
}

function fillDatabase(keyspace: Keyspace, index: number, count: number, expireAtMs: (i: number) => number): void {
  const db = keyspace.database(index)
  for (let i = 0; i < count; i++) setText(db, `key:${i}`, 'v', expireAtMs(i))
}

describe('active expiry', () => {
  test('removes what is over its time until little of it is left, and nothing else', () => {
    const keyspace = makeKeyspace()
    fillDatabase(keyspace, 0, 5000, () => NO_EXPIRY)
    fillDatabase(keyspace, 1, 20_000, (i) => (i % 2 === 0 ? START_MS + 1000 : START_MS + 100_000))
    const seen: string[] = []
    keyspace.onExpired = (db) => seen.push(keyTextOf(db))
    expect(keyspace.activeExpire(1e9, tickingClock(1))).toBe(0)
    keyspace.nowMs = START_MS + 1001
    const removed = keyspace.activeExpire(1e9, tickingClock(1))
    const db = keyspace.database(1)
    expect(removed).toBe(seen.length)
    expect(db.size).toBe(20_000 - removed)
    expect(db.expiresSize).toBe(20_000 - removed)
    expect(keyspace.stats.expiredKeys).toBe(removed)
    // A pass ends when a sample of twenty had at most two: rarely before most of them are gone.
    for (let pass = 0; pass < 300; pass++) keyspace.activeExpire(1e9, tickingClock(1))
    expect(db.size).toBeLessThan(10_000 * 1.12)
    for (let i = 1; i < 20_000; i += 2) expect(peekText(db, `key:${i}`)).toBe(true)
    expect(seen.every((key) => Number(key.slice(4)) % 2 === 0)).toBe(true)
    expect(keyspace.database(0).size).toBe(5000)
    expect(db.averageTtlMs).toBeGreaterThan(90_000)
    expect(db.averageTtlMs).toBeLessThan(100_000)
    expect(keyspace.stats.expiredStalePercent).toBeGreaterThan(0)
  })

  test('stops when its time is used up, and goes on with the next database', () => {
    const keyspace = makeKeyspace()
    fillDatabase(keyspace, 0, 10_000, () => START_MS)
    fillDatabase(keyspace, 1, 10_000, () => START_MS)
    keyspace.nowMs = START_MS + 1
    const first = keyspace.activeExpire(1000, tickingClock(300))
    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThan(1500)
    expect(keyspace.stats.expiredTimeCapReached).toBe(1)
    expect(keyspace.database(0).size).toBe(10_000 - first)
    expect(keyspace.database(1).size).toBe(10_000)
    const second = keyspace.activeExpire(1000, tickingClock(300))
    expect(keyspace.database(1).size).toBe(10_000 - second)
    while (keyspace.activeExpire(1000, tickingClock(300)) > 0);
    expect(keyspace.database(0).expiresSize + keyspace.database(1).expiresSize).toBe(0)
  })

  test('takes a larger sample with more effort', () => {
    const removedWith = (effort: number): number => {
      const keyspace = makeKeyspace()
      keyspace.activeExpireEffort = effort
      fillDatabase(keyspace, 0, 10_000, () => START_MS)
      keyspace.nowMs = START_MS + 1
      return keyspace.activeExpire(1, tickingClock(1))
    }
    expect(removedWith(10)).toBeGreaterThan(2 * removedWith(1))
  })

  test('does nothing while it is switched off', () => {
    const keyspace = makeKeyspace()
    fillDatabase(keyspace, 0, 100, () => START_MS)
    keyspace.nowMs = START_MS + 1
    keyspace.expireEnabled = false
    expect(keyspace.activeExpire(1e9, tickingClock(1))).toBe(0)
    expect(keyspace.database(0).size).toBe(100)
  })

  test('the table of expiries gives its memory back when the keys are gone', () => {
    const keyspace = makeKeyspace()
    fillDatabase(keyspace, 0, 50_000, () => START_MS)
    const { tableBytes } = keyspace.memory()
    keyspace.nowMs = START_MS + 1
    while (keyspace.activeExpire(1e9, tickingClock(1)) > 0);
    while (keyspace.rehash(1e9, tickingClock(1)));
    expect(keyspace.database(0).size).toBe(0)
    expect(keyspace.memory().tableBytes).toBeLessThan(tableBytes / 100)
  })
})
