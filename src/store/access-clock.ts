/**
 * The 24 bits of a record that say how recently or how often its key was used, as Redis packs and ages them.
 *
 * Used by the thread that owns the keyspace.
 *
 *   LRU   | seconds, 24 bits |                                      wraps after 194 days
 *   LFU   | minutes of the last access, 16 bits | counter, 8 bits |
 *
 * The counter rises with a probability that falls as it grows, and falls by one for every `decayMinutes` without an
 * access. Switching between the two does not rewrite records: like in Redis, their clocks are then wrong for a while.
 */
import type { Prng } from '../base/prng.js'

const CLOCK_24_MAX = 0xffffff
const MINUTES_MAX = 0xffff
const COUNTER_MAX = 255

/** New keys start here, so that they are not the first to be evicted before they had a chance to be used. */
const COUNTER_INITIAL = 5

/** Seconds since 1970 as an LRU clock. */
export function lruClockAt(nowMs: number): number {
  return Math.floor(nowMs / 1000) % (CLOCK_24_MAX + 1)
}

/** Minutes since 1970 as the upper half of an LFU clock. */
export function lfuMinutesAt(nowMs: number): number {
  return Math.floor(nowMs / 60000) % (MINUTES_MAX + 1)
}

/** The seconds between an LRU clock and now; a clock ahead of now has wrapped once. */
export function idleSecondsOf(clock: number, now: number): number {
  return now >= clock ? now - clock : now + (CLOCK_24_MAX - clock)
}

/** The LRU clock of a key that was used last so many seconds before `now`, itself such a clock. */
export function lruClockBefore(now: number, seconds: number): number {
  const clock = now - (seconds % CLOCK_24_MAX)
  return clock >= 0 ? clock : clock + CLOCK_24_MAX
}

/** The LFU clock of a new key. */
export function initialLfuClock(minutes: number): number {
  return lfuClockOf(minutes, COUNTER_INITIAL)
}

/** The LFU clock of a key whose counter, from 0 to 255, is known at that time. */
export function lfuClockOf(minutes: number, counter: number): number {
  return (minutes << 8) | counter
}

/** The LFU counter of a record as it has decayed until now. */
export function decayedCounter(clock: number, minutes: number, decayMinutes: number): number {
  const counter = clock & COUNTER_MAX
  if (decayMinutes === 0) return counter
  const accessed = clock >>> 8
  const elapsed = minutes >= accessed ? minutes - accessed : MINUTES_MAX - accessed + minutes
  const periods = Math.floor(elapsed / decayMinutes)
  return periods > counter ? 0 : counter - periods
}

/** The LFU clock of a record after one more access. */
export function touchedLfuClock(
  clock: number,
  minutes: number,
  decayMinutes: number,
  logFactor: number,
  prng: Prng,
): number {
  let counter = decayedCounter(clock, minutes, decayMinutes)
  if (counter < COUNTER_MAX) {
    const above = counter > COUNTER_INITIAL ? counter - COUNTER_INITIAL : 0
    if (prng.nextUint32() / 4294967296 < 1 / (above * logFactor + 1)) counter++
  }
  return (minutes << 8) | counter
}
