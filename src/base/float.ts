/**
 * Doubles in byte ranges: read as Redis reads a score, written as Redis replies one.
 *
 * Runs on every thread. Short decimal numbers and integers, which most scores are, are read and written without
 * making a string. Invariant: reading is correctly rounded, and what is written reads back as the same double.
 */

import { latin1Of, writeAscii } from './bytes.js'
import { nearestBinary, scanFloatText } from './float-text.js'
import { writeInteger } from './integer.js'

/** The longest text of a double: "-2.2250738585072014e-308". */
export const DOUBLE_TEXT_BYTES_MAX = 24

const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30

/** Powers of ten up to this one are exact as doubles. */
const EXACT_POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

/** Integers of so many digits are exact as doubles. */
const EXACT_DIGITS_MAX = 15

/** printf's %.17g: more significant digits than these are never written. */
const SIGNIFICANT_DIGITS = 17

/** Greater integers are written with an exponent by %.17g. */
const PLAIN_INTEGER_MAX = 1e17

const DOUBLE_PRECISION = 53
const DOUBLE_EXPONENT_LEAST = -1074

/**
 * Reads a double as Redis does: what C's strtod takes as a whole, with "inf" and hexadecimal floats, without leading
 * space. NaN stands for "not a valid float": any other text, "nan", and numbers too great or, unless they are zero, too
 * small for a double. (Denormal numbers are valid.)
 */
export function parseDouble(buffer: Uint8Array, offset: number, length: number): number {
  const short = parseShortDecimal(buffer, offset, length)
  if (!Number.isNaN(short)) return short
  const text = scanFloatText(buffer, offset, length)
  if (text === undefined) return Number.NaN
  if (text.kind === 'infinity') return text.negative ? -Infinity : Infinity
  let magnitude: number
  if (!/[1-9a-f]/i.test(text.digits)) return text.negative ? -0 : 0
  if (text.kind === 'decimal') {
    magnitude = Math.abs(Number(latin1Of(buffer, offset, length)))
  } else {
    const nearest = nearestBinary(text, DOUBLE_PRECISION, DOUBLE_EXPONENT_LEAST)
    magnitude = scaleByPowerOfTwo(Number(nearest.mantissa), nearest.exponent)
  }
  if (magnitude === Infinity || magnitude === 0) return Number.NaN
  return text.negative ? -magnitude : magnitude
}

/**
 * Plain decimal numbers of up to 15 digits: integer and power of ten are then exact, and one division rounds once. And
 * integers of 16 digits up to 2^53 - 1: times in fractions of a millisecond are common scores. NaN for everything else,
 * which is then read the long way.
 */
function parseShortDecimal(buffer: Uint8Array, offset: number, length: number): number {
  const end = offset + length
  let position = offset
  const negative = length > 0 && buffer[position] === MINUS
  if (negative) position++
  // One byte more for the point.
  if (position === end || end - position > EXACT_DIGITS_MAX + 1) return Number.NaN
  let digits = 0
  let decimals = -1
  let value = 0
  for (; position < end; position++) {
    const byte = buffer[position]!
    if (byte === DOT && decimals < 0) {
      decimals = 0
      continue
    }
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
    digits++
    if (decimals >= 0) decimals++
  }
  if (digits === 0) return Number.NaN
  if (digits > EXACT_DIGITS_MAX && (decimals >= 0 || value > Number.MAX_SAFE_INTEGER)) return Number.NaN
  const magnitude = decimals > 0 ? value / EXACT_POWERS_OF_TEN[decimals]! : value
  return negative ? -magnitude : magnitude
}

/** `value * 2 ** exponent` where the result is exact or overflows. Two steps, since 2 ** 1100 alone would overflow. */
function scaleByPowerOfTwo(value: number, exponent: number): number {
  if (exponent > 1000) return value * 2 ** 1000 * 2 ** (exponent - 1000)
  if (exponent < -1000) return value * 2 ** (exponent + 1000) * 2 ** -1000
  return value * 2 ** exponent
}

/**
 * Writes a double as Redis 7.0 replies it (printf's "%.17g", "inf", "-inf") and returns the number of bytes written, at
 * most `DOUBLE_TEXT_BYTES_MAX`. The caller guarantees the room.
 */
export function writeDouble(buffer: Uint8Array, offset: number, value: number): number {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writeInteger(buffer, offset, value)
  return writeAscii(buffer, offset, formatDouble(value))
}

/** The same text as `writeDouble` writes. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (value === Infinity) return 'inf'
  if (value === -Infinity) return '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  // JavaScript writes integers below 1e21 without an exponent and exactly up to 2^53; between that and 1e17 they need
  // their own way, because JavaScript stops at the digits that tell a double from its neighbours.
  if (Number.isInteger(value) && Math.abs(value) < PLAIN_INTEGER_MAX) return BigInt(value).toString()

  const sign = value < 0 ? '-' : ''
  const scientific = roundedTo17Digits(Math.abs(value))
  const marker = scientific.indexOf('e')
  const exponent = Number(scientific.slice(marker + 1))
  const digits = withoutTrailingZeros(scientific.charAt(0) + scientific.slice(2, marker))

  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const power = Math.abs(exponent).toString().padStart(2, '0')
    return `${sign}${digits.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0')
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

/** A positive double as "d.dddddddddddddddde±x", 17 digits, ties to even as C does. JavaScript rounds ties up. */
function roundedTo17Digits(value: number): string {
  const rounded = value.toExponential(SIGNIFICANT_DIGITS - 1)
  const exponent = Number(rounded.slice(rounded.indexOf('e') + 1))
  // A tie has 18 significant digits and so 17 - exponent decimals. A number has exactly n decimals when it takes
  // exactly n halvings to make it from an integer, which is seen without its decimal digits.
  const decimals = SIGNIFICANT_DIGITS - exponent
  if (decimals < 1 || decimals > 100 || Math.abs((value * 2 ** decimals) % 2) !== 1) return rounded
  const exact = value.toExponential(SIGNIFICANT_DIGITS)
  const lastKept = SIGNIFICANT_DIGITS
  const isEven = exact.charCodeAt(lastKept) % 2 === 0
  return isEven ? exact.slice(0, lastKept + 1) + exact.slice(exact.indexOf('e')) : rounded
}

function withoutTrailingZeros(digits: string): string {
  let length = digits.length
  while (length > 1 && digits.charCodeAt(length - 1) === ZERO) length--
  return digits.slice(0, length)
}
