import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import type { Database } from '../../src/store/database.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { findText, keyTextOf, makeKeyspace, peekText, setText } from './keyspaces.js'

function removeText(db: Database, key: string): void {
  if (peekText(db, key)) db.remove()
}

/** Every record is found by its key, and the shape of the table is within its bounds. */
function checkTable(db: Database): void {
  const { keys } = db.tableSlots()
  const total = keys.chainLengths.reduce((sum, chains, length) => sum + chains * length, 0)
  expect(total).toBe(db.size)
  const overflows = keys.chainLengths.reduce(
    (sum, chains, length) => sum + chains * Math.max(0, Math.ceil(length / 12) - 1),
    0,
  )
  expect(keys.overflowBuckets).toBe(overflows)
  expect(db.size).toBeLessThanOrEqual(keys.buckets * 10)
}

describe('SCAN', () => {
  test('without changes every key is visited exactly once', () => {
    for (const count of [0, 1, 3, 39, 40, 41, 100, 500, 20_000]) {
      const db = makeKeyspace().database(0)
      for (let i = 0; i < count; i++) setText(db, `key:${i}`, 'v', NO_EXPIRY)
      checkTable(db)
      const seen: string[] = []
      let cursor = 0
      do {
        cursor = db.scan(cursor, (at) => seen.push(keyTextOf(at)))
        expect(cursor).toBeGreaterThanOrEqual(0)
        expect(cursor).toBeLessThan(2 ** 32)
      } while (cursor !== 0)
      expect(seen).toHaveLength(count)
      expect(new Set(seen).size).toBe(count)
    }
  })

  test('a key that is there from start to end is visited, however the table grows and shrinks meanwhile', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(6000),
        fc.nat(4),
        (seed, kept, others, pace) => {
          const prng = new Prng(seed)
          const db = makeKeyspace().database(0)
          for (let i = 0; i < kept; i++) setText(db, `kept:${i}`, 'v', NO_EXPIRY)
          let live = 0
          for (let i = 0; i < others; i++) setText(db, `other:${live++}`, 'v', NO_EXPIRY)
          const seen = new Set<string>()
          let cursor = 0
          let steps = 0
          do {
            cursor = db.scan(cursor, (at) => seen.add(keyTextOf(at)))
            // Grow for a while, then shrink for a while, at a pace that crosses several doublings within one scan.
            const growing = (steps >> 6) % 2 === (seed & 1)
            for (let i = prng.below(10 * pace + 1); i > 0; i--) {
              if (growing) setText(db, `other:${live++}`, 'v', NO_EXPIRY)
              else if (live > 0) removeText(db, `other:${--live}`)
            }
            steps++
          } while (cursor !== 0 && steps < 20_000)
          expect(cursor).toBe(0)
          for (let i = 0; i < kept; i++) expect(seen.has(`kept:${i}`), `kept:${i}`).toBe(true)
          checkTable(db)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('keys may be removed from within, and the table shrinks afterwards', () => {
    const db = makeKeyspace().database(0)
    for (let i = 0; i < 20_000; i++) setText(db, `key:${i}`, 'v', NO_EXPIRY)
    const { buckets } = db.tableSlots().keys
    let cursor = 0
    do {
      cursor = db.scan(cursor, (at) => {
        if (!keyTextOf(at).endsWith('7')) at.remove()
      })
      checkTable(db)
    } while (cursor !== 0)
    expect(db.size).toBe(2000)
    for (let i = 7; i < 20_000; i += 10) expect(peekText(db, `key:${i}`)).toBe(true)
    let now = 0
    while (db.keyspace.rehash(1, () => now++));
    expect(db.tableSlots().keys.buckets).toBeLessThan(buckets / 5)
    for (let i = 0; i < 20_000; i++) expect(peekText(db, `key:${i}`)).toBe(i % 10 === 7)
  })
})

describe('the table', () => {
  test('growing to 100000 keys and shrinking to none keeps every key findable', () => {
    const seed = 7
    const prng = new Prng(seed)
    const db = makeKeyspace().database(0)
    const count = 100_000
    const order = Array.from({ length: count }, (_, i) => i)
    for (let i = 0; i < count; i++) {
      setText(db, `key:${i}`, 'v', i % 2 === 0 ? NO_EXPIRY : 2e12)
      const probe = prng.below(count)
      if (i % 50 === 0) expect(findText(db, `key:${probe}`)).toBe(probe <= i)
    }
    checkTable(db)
    expect(db.expiresSize).toBe(count / 2)
    for (let i = count - 1; i > 0; i--) {
      const j = prng.below(i + 1)
      ;[order[i], order[j]] = [order[j]!, order[i]!]
    }
    order.forEach((n, done) => {
      removeText(db, `key:${n}`)
      if (done % 50 !== 0) return
      const probe = prng.below(count)
      expect(peekText(db, `key:${order[probe]!}`)).toBe(probe > done)
      checkTable(db)
    })
    expect(db.size).toBe(0)
    expect(db.expiresSize).toBe(0)
    expect(db.keyspace.memory().usedBytes).toBe(db.keyspace.memory().tableBytes)
    expect(db.keyspace.memory().usedBytes).toBeLessThan(2000)
  })

  test('random keys are chosen uniformly enough', () => {
    const db = makeKeyspace(3).database(0)
    const count = 300
    for (let i = 0; i < count; i++) setText(db, `key:${i}`, 'v', NO_EXPIRY)
    const chosen = new Map<string, number>()
    const draws = count * 200
    for (let i = 0; i < draws; i++) {
      expect(db.randomKey()).toBe(true)
      chosen.set(keyTextOf(db), (chosen.get(keyTextOf(db)) ?? 0) + 1)
    }
    // Chi-square with 299 degrees of freedom: 400 is more than four standard deviations above its mean.
    let chiSquare = 0
    for (let i = 0; i < count; i++) chiSquare += ((chosen.get(`key:${i}`) ?? 0) - 200) ** 2 / 200
    expect(chiSquare).toBeLessThan(400)
  })

  test('a lonely key is found at random too, and none in an empty database', () => {
    const db = makeKeyspace().database(0)
    expect(db.randomKey()).toBe(false)
    setText(db, 'only', 'v', NO_EXPIRY)
    for (let i = 0; i < 50; i++) expect(db.randomKey()).toBe(true)
    expect(keyTextOf(db)).toBe('only')
    db.remove()
    expect(db.randomKey()).toBe(false)
  })
})
