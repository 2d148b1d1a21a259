/**
 * The timeout of blocking commands that is given in seconds: BLPOP, BLMOVE, BZPOPMIN and their like.
 *
 * Runs in a shard worker.
 */
import { parseDouble } from '../base/float.js'
import { parseLongDouble } from '../base/long-double.js'
import { encodeError } from '../resp/errors.js'
import type { ShardCall } from './shard-call.js'

const NOT_A_FLOAT = encodeError('ERR timeout is not a float or out of range')
const NEGATIVE = encodeError('ERR timeout is negative')

/** Redis counts milliseconds in an int64; from here on it sees a negative number. */
const TIMEOUT_MS_LIMIT = 2 ** 63

/** A product of a decimal fraction and 1000 that is so close to a whole number is meant to be it. */
const ROUNDING = 1e-6

/**
 * Argument `i`, in seconds with decimals, as whole milliseconds, rounded up; 0 is for ever.
 * @returns NaN after an error reply
 */
export function timeoutMsAt(call: ShardCall, i: number): number {
  const offset = call.offsets[i] as number
  const length = call.lengths[i] as number
  const seconds = parseDouble(call.bytes, offset, length)
  if (Number.isNaN(seconds)) return timeoutMsOfWide(call, offset, length)
  const exactMs = seconds * 1000
  const nearestMs = Math.round(exactMs)
  const timeoutMs = nearestMs !== 0 && Math.abs(exactMs - nearestMs) < ROUNDING ? nearestMs : Math.ceil(exactMs)
  if (timeoutMs >= 0 && timeoutMs < TIMEOUT_MS_LIMIT) return Math.max(0, timeoutMs)
  call.reply.error(NEGATIVE)
  return Number.NaN
}

/** What no double can hold, but the wider numbers that Redis reads here can: too great, or next to nothing. */
function timeoutMsOfWide(call: ShardCall, offset: number, length: number): number {
  const value = parseLongDouble(call.bytes, offset, length)
  if (value === undefined) {
    call.reply.error(NOT_A_FLOAT)
    return Number.NaN
  }
  if (typeof value !== 'string' && value.exponent < 0) return value.mantissa > 0n ? 1 : 0
  call.reply.error(NEGATIVE)
  return Number.NaN
}
