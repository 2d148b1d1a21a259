/**
 * The two clocks of the program, behind an interface so that tests and simulations can drive time themselves.
 *
 * Runs on every thread. Invariant: nothing below the wiring reads the system's time by itself; whoever needs time is
 * given a `Clock`, or takes the time that came with its batch of work.
 */
import { performance } from 'node:perf_hooks'

export interface Clock {
  /** Wall-clock time in whole milliseconds since 1970. It may jump when the system's clock is set. */
  nowMs(): number
  /** Wall-clock time in whole microseconds since 1970, which a double holds exactly until the year 2255. */
  nowUs(): number
  /** Microseconds, with a fraction, since an arbitrary moment of the past. It never goes back: for durations. */
  monotonicUs(): number
}

/** How far the computed wall clock may stand from the system's before it is set anew: NTP slews stay below it. */
const WALL_CLOCK_ERROR_MS_MAX = 2

/** What has to be added to the monotonic clock to give the wall clock with its microseconds. */
let wallOffsetMs = performance.timeOrigin

/** The real time. */
export const systemClock: Clock = {
  nowMs(): number {
    return Date.now()
  },

  nowUs(): number {
    // Date.now() has only milliseconds, and the monotonic clock does not follow when the system's clock is set.
    const monotonicMs = performance.now()
    const wallMs = Date.now()
    if (Math.abs(monotonicMs + wallOffsetMs - wallMs) > WALL_CLOCK_ERROR_MS_MAX) wallOffsetMs = wallMs - monotonicMs
    return Math.floor((monotonicMs + wallOffsetMs) * 1000)
  },

  monotonicUs(): number {
    return performance.now() * 1000
  },
}
