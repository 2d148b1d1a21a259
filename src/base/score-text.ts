/**
 * Scores of sorted sets as texts: bounds of ranges as clients give them, and scores as they are replied and packed.
 *
 * Runs on every thread. Fractions of usual sizes are written and read without making a string, in a tenth of the time.
 * Invariants: NaN is no score, and stands for a text that is none. What `writeScore` writes is what `writeDouble` writes,
 * and `readScore` reads it as the same double.
 */
import { isSpace, latin1Of } from './bytes.js'
import { parseDouble, writeDouble } from './float.js'
import { scanFloatText } from './float-text.js'
import { writeInteger } from './integer.js'

export { DOUBLE_TEXT_BYTES_MAX as SCORE_TEXT_BYTES_MAX } from './float.js'

const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

/** As many digits as printf's %.17g writes. */
const SIGNIFICANT_DIGITS = 17

/** Smaller numbers are written with an exponent. */
const FIXED_MIN = 1e-4
/** Below this there is at least one bit of fraction, and it shows in 17 digits. */
const FIXED_MAX = 1e15

/** A fraction is kept as three integers of so many bits: times ten they stay int32, and no double has more bits here. */
const LIMB_BITS = 26
const LIMB = 2 ** LIMB_BITS
const LIMB_MASK = LIMB - 1
const HALF_LIMB = LIMB / 2

/** Powers of ten up to this one are exact as doubles. */
const EXACT_POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

/** So many digits are read into one integer and the rest into another, so that both together are exact. */
const HIGH_DIGITS = 9

/** Splits a double into two halves whose products are exact (Dekker): 2^27 + 1. */
const SPLITTER = 134217729

/**
 * Reads the bound of a range as Redis does, which hands it to C's strtod as it is: a zero byte ends it, white space may
 * stand in front, an empty text is 0, and what is too great is infinite.
 */
export function parseScoreBound(buffer: Uint8Array, offset: number, length: number): number {
  const plain = parseDouble(buffer, offset, length)
  if (!Number.isNaN(plain)) return plain
  const limit = offset + length
  let end = offset
  while (end < limit && buffer[end] !== 0) end++
  if (end === offset) return 0
  let begin = offset
  while (begin < end && isSpace(buffer[begin]!)) begin++
  const number = parseDouble(buffer, begin, end - begin)
  return Number.isNaN(number) ? beyondRange(buffer, begin, end - begin) : number
}

/** The infinity or zero that strtod returns for a number too great or too small for a double. */
function beyondRange(buffer: Uint8Array, offset: number, length: number): number {
  const text = scanFloatText(buffer, offset, length)
  if (text === undefined) return Number.NaN
  const digits = text.digits.replace(/^0+/, '').length
  const order = (text.kind === 'hexadecimal' ? digits * 4 : digits) + text.exponent
  const magnitude = order > 0 ? Number.POSITIVE_INFINITY : 0
  return text.negative ? -magnitude : magnitude
}

/**
 * Writes a score as Redis replies it (printf's %.17g) and returns the number of bytes, at most `SCORE_TEXT_BYTES_MAX`. The
 * caller guarantees the room.
 */
export function writeScore(buffer: Uint8Array, offset: number, score: number): number {
  const magnitude = Math.abs(score)
  const whole = Math.floor(magnitude)
  if (whole === magnitude || !(magnitude >= FIXED_MIN && magnitude < FIXED_MAX)) {
    return writeDouble(buffer, offset, score)
  }
  let at = offset
  if (score < 0) buffer[at++] = MINUS
  const digits = writeInteger(buffer, at, whole)
  at += digits
  buffer[at++] = DOT
  return writeFraction(buffer, at, magnitude - whole, whole === 0 ? 0 : digits) - offset
}

/** Writes the decimals of a fraction behind so many significant digits. @returns the position behind them */
function writeFraction(buffer: Uint8Array, offset: number, fraction: number, digitsBefore: number): number {
  let rest = fraction * LIMB
  let high = Math.floor(rest)
  rest = (rest - high) * LIMB
  let middle = Math.floor(rest)
  let low = (rest - middle) * LIMB
  let at = offset
  let significant = digitsBefore
  while (significant < SIGNIFICANT_DIGITS) {
    if ((high | middle | low) === 0) return at
    low *= 10
    middle = middle * 10 + (low >>> LIMB_BITS)
    low &= LIMB_MASK
    high = high * 10 + (middle >>> LIMB_BITS)
    middle &= LIMB_MASK
    const digit = high >>> LIMB_BITS
    high &= LIMB_MASK
    buffer[at++] = ZERO + digit
    if (significant > 0 || digit > 0) significant++
  }
  const isTie = high === HALF_LIMB && (middle | low) === 0
  // Ties to even. The carry ends behind the point: no double lies so close to an integer without being one.
  if (isTie ? (buffer[at - 1]! & 1) === 1 : high >= HALF_LIMB) {
    let last = at - 1
    while (buffer[last] === NINE) buffer[last--] = ZERO
    buffer[last]!++
  }
  while (buffer[at - 1] === ZERO) at--
  return at
}

/** Reads a score that `writeScore` wrote, or another server that writes scores as %.17g. */
export function readScore(buffer: Uint8Array, offset: number, length: number): number {
  const decimal = readDecimal(buffer, offset, length)
  if (!Number.isNaN(decimal)) return decimal
  // JavaScript reads exponents as strtod does, but neither "inf" nor "-inf".
  const scientific = Number(latin1Of(buffer, offset, length))
  return Number.isNaN(scientific) ? parseDouble(buffer, offset, length) : scientific
}

/**
 * Reads a decimal number of up to 17 significant digits without an exponent; NaN for everything else. The digits are taken
 * as the exact sum of two doubles, and their quotient by a power of ten is rounded once, after a correction that leaves an
 * error of 2^-53 of a place: too little to matter for what was written with 17 digits.
 */
function readDecimal(buffer: Uint8Array, offset: number, length: number): number {
  const end = offset + length
  const negative = length > 0 && buffer[offset] === MINUS
  let high = 0
  let low = 0
  let digits = 0
  let decimals = -1
  for (let at = negative ? offset + 1 : offset; at < end; at++) {
    const byte = buffer[at]!
    if (byte === DOT && decimals < 0) {
      decimals = 0
      continue
    }
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    if (decimals >= 0) decimals++
    if (digits === 0 && digit === 0) continue
    if (digits++ < HIGH_DIGITS) high = high * 10 + digit
    else low = low * 10 + digit
  }
  if (digits === 0 || digits > SIGNIFICANT_DIGITS || decimals >= EXACT_POWERS_OF_TEN.length) return Number.NaN
  const shifted = high * EXACT_POWERS_OF_TEN[Math.max(0, digits - HIGH_DIGITS)]!
  const sum = shifted + low
  const error = low - (sum - shifted)
  const magnitude = decimals > 0 ? quotient(sum, error, EXACT_POWERS_OF_TEN[decimals]!) : sum + error
  return negative ? -magnitude : magnitude
}

/** (`sum` + `error`) / `divisor`, where the error is less than half of the sum's last place. */
function quotient(sum: number, error: number, divisor: number): number {
  const rough = sum / divisor
  const product = rough * divisor
  const remainder = sum - product - productError(rough, divisor, product) + error
  return rough + remainder / divisor
}

/** What `left * right`, rounded to `product`, lacks. */
function productError(left: number, right: number, product: number): number {
  const leftSplit = left * SPLITTER
  const leftHigh = leftSplit - (leftSplit - left)
  const leftLow = left - leftHigh
  const rightSplit = right * SPLITTER
  const rightHigh = rightSplit - (rightSplit - right)
  const rightLow = right - rightHigh
  return leftHigh * rightHigh - product + leftHigh * rightLow + leftLow * rightHigh + leftLow * rightLow
}
