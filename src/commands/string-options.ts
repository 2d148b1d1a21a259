/**
 * The options that SET, GETEX and MSETEX share: conditions and expiry.
 *
 * Runs in a shard worker. There is one parser for the thread, filled anew by every `parse`, so that SET with options
 * allocates nothing. Invariant after a successful parse: at most one condition and at most one way to say the expiry
 * are set.
 *
 * Options: https://redis.io/docs/latest/commands/set/
 */
import { INT64_MAX } from '../base/integer.js'
import { errors, invalidExpire } from '../resp/errors.js'
import { KEEP_TTL, NO_EXPIRY } from '../store/value-type.js'
import type { ShardCall } from './shard-call.js'
import type { ArgumentSpec } from './spec.js'

export const StringOption = {
  nx: 1 << 0,
  xx: 1 << 1,
  ifeq: 1 << 2,
  ifne: 1 << 3,
  ifdeq: 1 << 4,
  ifdne: 1 << 5,
  get: 1 << 6,
  keepTtl: 1 << 7,
  persist: 1 << 8,
  ex: 1 << 9,
  px: 1 << 10,
  exat: 1 << 11,
  pxat: 1 << 12,
} as const

const COMPARISONS = StringOption.ifeq | StringOption.ifne | StringOption.ifdeq | StringOption.ifdne
const CONDITIONS = StringOption.nx | StringOption.xx | COMPARISONS
const TIMES = StringOption.ex | StringOption.px | StringOption.exat | StringOption.pxat
const EXPIRIES = TIMES | StringOption.keepTtl | StringOption.persist

export const SET_OPTIONS = CONDITIONS | TIMES | StringOption.keepTtl | StringOption.get
export const GETEX_OPTIONS = TIMES | StringOption.persist
export const MSETEX_OPTIONS = StringOption.nx | StringOption.xx | TIMES | StringOption.keepTtl

class StringOptions {
  /** The options given, as bits of `StringOption`. */
  flags = 0
  /** Position of the value or digest to compare with. */
  matchArgument = 0
  #timeArgument = 0

  /**
   * Reads the arguments from `first` to the end; `allowed` says which options the command knows.
   * @returns false after it has replied with a syntax error
   */
  parse(call: ShardCall, first: number, allowed: number): boolean {
    this.flags = 0
    const argc = call.argc
    for (let i = first; i < argc; i++) {
      const option = optionAt(call, i) & allowed
      if (option === 0 || this.#conflicts(option)) {
        call.reply.error(errors.syntax)
        return false
      }
      this.flags |= option
      if ((option & (TIMES | COMPARISONS)) === 0) continue
      if (++i === argc) {
        call.reply.error(errors.syntax)
        return false
      }
      if ((option & TIMES) !== 0) this.#timeArgument = i
      else this.matchArgument = i
    }
    return true
  }

  /** Redis lets a client repeat an option (the last one counts), but not mix it with another of its kind. */
  #conflicts(option: number): boolean {
    if ((option & CONDITIONS) !== 0) return (this.flags & CONDITIONS & ~option) !== 0
    if ((option & EXPIRIES) !== 0) return (this.flags & EXPIRIES & ~option) !== 0
    return false
  }

  has(options: number): boolean {
    return (this.flags & options) !== 0
  }

  /** Whether the value in hand is to be compared before the command does its work. */
  get compares(): boolean {
    return (this.flags & COMPARISONS) !== 0
  }

  get comparesDigest(): boolean {
    return (this.flags & (StringOption.ifdeq | StringOption.ifdne)) !== 0
  }

  get hasTime(): boolean {
    return (this.flags & TIMES) !== 0
  }

  /** Whether the time given is a point in time rather than a duration. */
  get timeIsAbsolute(): boolean {
    return (this.flags & (StringOption.exat | StringOption.pxat)) !== 0
  }

  /**
   * The expiry to hand to the store: milliseconds since 1970, KEEP_TTL, or NO_EXPIRY.
   * @returns NaN after it has replied with an error
   */
  expireAtMs(call: ShardCall): number {
    if (!this.hasTime) return this.has(StringOption.keepTtl) ? KEEP_TTL : NO_EXPIRY
    const unitMs = this.has(StringOption.ex | StringOption.exat) ? 1000 : 1
    return expiryAt(call, this.#timeArgument, unitMs, this.timeIsAbsolute ? 0 : call.nowMs)
  }
}

/** The parser of this thread. */
export const options = new StringOptions()

function optionAt(call: ShardCall, i: number): number {
  switch (call.lengths[i]) {
    case 2:
      if (call.is(i, 'EX')) return StringOption.ex
      if (call.is(i, 'NX')) return StringOption.nx
      if (call.is(i, 'PX')) return StringOption.px
      return call.is(i, 'XX') ? StringOption.xx : 0
    case 3:
      return call.is(i, 'GET') ? StringOption.get : 0
    case 4:
      if (call.is(i, 'EXAT')) return StringOption.exat
      if (call.is(i, 'PXAT')) return StringOption.pxat
      if (call.is(i, 'IFEQ')) return StringOption.ifeq
      return call.is(i, 'IFNE') ? StringOption.ifne : 0
    case 5:
      if (call.is(i, 'IFDEQ')) return StringOption.ifdeq
      return call.is(i, 'IFDNE') ? StringOption.ifdne : 0
    case 7:
      if (call.is(i, 'KEEPTTL')) return StringOption.keepTtl
      return call.is(i, 'PERSIST') ? StringOption.persist : 0
    default:
      return 0
  }
}

/**
 * Argument `i` as a point in time in milliseconds: `baseMs` plus the argument in units of `unitMs` (1 or 1000).
 * The time must be positive and fit an int64, as in Redis; what lies beyond 2^53-1 ms (the year 287396) counts as that.
 * @returns NaN after it has replied with an error
 */
export function expiryAt(call: ShardCall, i: number, unitMs: number, baseMs: number): number {
  const time = call.integer(i)
  if (time > 0) return Math.min(time * unitMs + baseMs, Number.MAX_SAFE_INTEGER)
  // Not positive, or beyond 2^53-1: only the latter may still be a valid time.
  const large = call.int64(i)
  if (large === undefined) {
    call.reply.error(errors.notAnInteger)
    return Number.NaN
  }
  if (large <= 0n || large * BigInt(unitMs) + BigInt(baseMs) > INT64_MAX) {
    call.reply.error(invalidExpire(call.spec.name))
    return Number.NaN
  }
  return Number.MAX_SAFE_INTEGER
}

/** The times of SET, GETEX and MSETEX for COMMAND DOCS; `since` names the versions where they differ. */
export function timeArguments(sinceOfRelative?: string, sinceOfAbsolute?: string): readonly ArgumentSpec[] {
  const relative = sinceOfRelative === undefined ? {} : { since: sinceOfRelative }
  const absolute = sinceOfAbsolute === undefined ? {} : { since: sinceOfAbsolute }
  return [
    { name: 'seconds', type: 'integer', token: 'EX', ...relative },
    { name: 'milliseconds', type: 'integer', token: 'PX', ...relative },
    { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT', ...absolute },
    { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT', ...absolute },
  ]
}
