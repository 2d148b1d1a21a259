import { expect, test } from 'vitest'
import { assert, InvariantError } from '../../src/base/assert.js'
import { systemClock } from '../../src/base/clock.js'

test("the wall clocks show the system's time", () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(50)
  expect(Math.abs(systemClock.nowUs() / 1000 - Date.now())).toBeLessThan(50)
  expect(Number.isSafeInteger(systemClock.nowUs())).toBe(true)
})

test('the monotonic clock never goes back and counts microseconds', () => {
  const started = systemClock.monotonicUs()
  const startedMs = Date.now()
  let last = started
  while (Date.now() < startedMs + 5) {
    const now = systemClock.monotonicUs()
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
  last = systemClock.monotonicUs()
  // Both clocks may be slewed, and the wall clock counts whole milliseconds.
  expect(last - started).toBeGreaterThan(1000)
  expect(last - started).toBeLessThan(1_000_000)
})

test('a failed assertion throws the error with the stable code', () => {
  assert(true, 'not thrown')
  expect(() => assert(false, 'the reason')).toThrow(InvariantError)
  expect(() => assert(false, 'the reason')).toThrow(
    expect.objectContaining({ code: 'INVARIANT_BROKEN', message: 'the reason' }),
  )
})
