import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import {
  decayedCounter,
  idleSecondsOf,
  lfuMinutesAt,
  lruClockAt,
  touchedLfuClock,
} from '../../src/store/access-clock.js'
import { NO_EXPIRY } from '../../src/store/value-type.js'
import { findText, makeKeyspace, peekText, START_MS, setText } from './keyspaces.js'

describe('LRU clocks', () => {
  test('are the lowest 24 bits of the time in seconds', () => {
    expect(lruClockAt(1999)).toBe(1)
    expect(lruClockAt(1_700_000_000_999)).toBe(1_700_000_000 % 2 ** 24)
    expect(lruClockAt(2 ** 24 * 1000)).toBe(0)
  })

  test('a clock ahead of now has wrapped once', () => {
    expect(idleSecondsOf(10, 15)).toBe(5)
    expect(idleSecondsOf(0xfffffe, 3)).toBe(4)
  })

  test('rise with reads and writes, not with peeks, and not while touching is off', () => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    setText(db, 'k', 'v', NO_EXPIRY)
    expect(db.idleSeconds()).toBe(0)
    keyspace.nowMs = START_MS + 30_000
    expect(peekText(db, 'k')).toBe(true)
    expect(db.idleSeconds()).toBe(30)
    keyspace.noTouch = true
    findText(db, 'k')
    expect(db.idleSeconds()).toBe(30)
    keyspace.noTouch = false
    findText(db, 'k')
    expect(db.idleSeconds()).toBe(0)
    keyspace.nowMs = START_MS + 90_000
    expect(peekText(db, 'k')).toBe(true)
    expect(db.idleSeconds()).toBe(60)
    setText(db, 'k', 'another value', NO_EXPIRY)
    expect(db.idleSeconds()).toBe(0)
    expect(db.type).toBe(0)
  })
})

describe('LFU clocks', () => {
  test('lose one for each period without an access', () => {
    const clock = (1000 << 8) | 10
    expect(decayedCounter(clock, 1000, 1)).toBe(10)
    expect(decayedCounter(clock, 1003, 1)).toBe(7)
    expect(decayedCounter(clock, 1003, 2)).toBe(9)
    expect(decayedCounter(clock, 1011, 1)).toBe(0)
    expect(decayedCounter(clock, 9999, 0)).toBe(10)
    // The minutes have wrapped once since the access, with the same missing minute as in Redis.
    expect(decayedCounter((65_534 << 8) | 10, 2, 1)).toBe(7)
    expect(lfuMinutesAt(65_537 * 60_000 + 59_999)).toBe(1)
  })

  test('rise as fast as the probabilities of the formula say', () => {
    const prng = new Prng(42)
    // redis.conf: with a factor of 10, the counter is 10 after 100 hits and 18 after 1000; it is 255 after a million.
    const counterAfter = (hits: number): number => {
      let sum = 0
      for (let run = 0; run < 20; run++) {
        let clock = 5
        for (let i = 0; i < hits; i++) clock = touchedLfuClock(clock, 0, 1, 10, prng)
        sum += clock & 255
      }
      return sum / 20
    }
    expect(counterAfter(100)).toBeGreaterThan(8)
    expect(counterAfter(100)).toBeLessThan(12)
    expect(counterAfter(1000)).toBeGreaterThan(16)
    expect(counterAfter(1000)).toBeLessThan(20)
    expect(touchedLfuClock(255, 0, 1, 10, prng)).toBe(255)
    // With a factor of 0 every access counts.
    expect(touchedLfuClock((7 << 8) | 200, 8, 1, 0, prng)).toBe((8 << 8) | 200)
    expect(touchedLfuClock((7 << 8) | 200, 7, 1, 0, prng)).toBe((7 << 8) | 201)
  })

  test('begin at 5, and overwriting a key keeps them', () => {
    const keyspace = makeKeyspace()
    keyspace.lfu = true
    keyspace.lfuLogFactor = 0
    const db = keyspace.database(0)
    setText(db, 'k', 'v', NO_EXPIRY)
    expect(db.accessFrequency()).toBe(5)
    findText(db, 'k')
    findText(db, 'k')
    expect(db.accessFrequency()).toBe(7)
    setText(db, 'k', 'a much longer value than before', NO_EXPIRY)
    expect(db.accessFrequency()).toBe(8)
    keyspace.nowMs = START_MS + 3 * 60_000
    expect(peekText(db, 'k')).toBe(true)
    expect(db.accessFrequency()).toBe(5)
  })
})
