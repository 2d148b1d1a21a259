/**
 * The sum of two numbers given as texts, with the digits that Redis gives: the arithmetic of INCRBYFLOAT.
 *
 * Runs on shard threads. Invariant: the result is byte for byte that of `long-double.ts`. The short way is taken only
 * where it can be proved to agree, see `writeShortSum`.
 */

import { writeAscii } from './bytes.js'
import { writeInteger } from './integer.js'
import { addLongDoubles, longDoubleText, parseLongDouble } from './long-double.js'

/** What `writeFloatSum` returns instead of a length. */
export const FloatSumError = {
  /** The left text is not a valid float. */
  leftInvalid: -1,
  /** The right text is not a valid float. */
  rightInvalid: -2,
  /** "increment would produce NaN or Infinity" */
  notFinite: -3,
} as const

const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30

/** So many decimals at most, so that the sum of two numbers below 46, in units of the last decimal, is a safe integer. */
const SHORT_DECIMALS_MAX = 14
const SHORT_DIGITS_MAX = 15

/**
 * Long doubles of `left` and `right` and their sum are each off by at most 2^-64 of their size, together by less than
 * 2^-63 of |left| + |right|. Below 46 that is less than half of the seventeenth decimal, so that rounding to 17 decimals
 * gives the exact decimal sum back.
 */
const SHORT_MAGNITUDE_SUM_MAX = 46

const POWERS_OF_TEN = Float64Array.from({ length: SHORT_DECIMALS_MAX + 1 }, (_, power) => 10 ** power)

/** What `scanShort` found: the digits as an integer with its sign, and how many of them stand behind the point. */
let scannedUnits = 0
let scannedDecimals = 0

/**
 * Adds two numbers and writes the sum as Redis would, at most `LONG_DOUBLE_TEXT_BYTES_MAX` bytes.
 * @returns the number of bytes written, or one of `FloatSumError`.
 */
export function writeFloatSum(
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
  target: Uint8Array,
  targetOffset: number,
): number {
  if (scanShort(left, leftOffset, leftLength)) {
    const leftUnits = scannedUnits
    const leftDecimals = scannedDecimals
    if (scanShort(right, rightOffset, rightLength)) {
      const length = writeShortSum(leftUnits, leftDecimals, scannedUnits, scannedDecimals, target, targetOffset)
      if (length > 0) return length
    }
  }
  const leftValue = parseLongDouble(left, leftOffset, leftLength)
  if (leftValue === undefined) return FloatSumError.leftInvalid
  const rightValue = parseLongDouble(right, rightOffset, rightLength)
  if (rightValue === undefined) return FloatSumError.rightInvalid
  const sum = addLongDoubles(leftValue, rightValue)
  if (sum === undefined || typeof sum === 'string') return FloatSumError.notFinite
  return writeAscii(target, targetOffset, longDoubleText(sum))
}

/** Plain decimal numbers of few digits; false for all others, valid or not. */
function scanShort(buffer: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length
  let position = offset
  const negative = length > 0 && buffer[position] === MINUS
  if (negative) position++
  const digitsStart = position
  let units = 0
  let dot = -1
  for (; position < end; position++) {
    const byte = buffer[position]!
    if (byte === DOT && dot < 0) {
      dot = position
      continue
    }
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) return false
    if (position - digitsStart > SHORT_DIGITS_MAX) return false
    units = units * 10 + digit
  }
  const digits = end - digitsStart - (dot < 0 ? 0 : 1)
  if (digits < 1 || digits > SHORT_DIGITS_MAX) return false
  scannedUnits = negative ? -units : units
  scannedDecimals = dot < 0 ? 0 : end - dot - 1
  return scannedDecimals <= SHORT_DECIMALS_MAX
}

/**
 * The decimal sum, where it is what long doubles give: integers (which are exact) and small numbers with decimals.
 * @returns the number of bytes written, 0 where the long way has to be taken.
 */
function writeShortSum(
  leftUnits: number,
  leftDecimals: number,
  rightUnits: number,
  rightDecimals: number,
  target: Uint8Array,
  targetOffset: number,
): number {
  const decimals = Math.max(leftDecimals, rightDecimals)
  if (decimals === 0) return writeInteger(target, targetOffset, leftUnits + rightUnits)

  const unitsPerOne = POWERS_OF_TEN[decimals]!
  const left = leftUnits * POWERS_OF_TEN[decimals - leftDecimals]!
  const right = rightUnits * POWERS_OF_TEN[decimals - rightDecimals]!
  if (Math.abs(left) + Math.abs(right) >= SHORT_MAGNITUDE_SUM_MAX * unitsPerOne) return 0

  const sum = left + right
  const magnitude = Math.abs(sum)
  const integer = Math.floor(magnitude / unitsPerOne)
  let fraction = magnitude - integer * unitsPerOne
  let position = targetOffset
  if (sum < 0) target[position++] = MINUS
  position += writeInteger(target, position, integer)
  if (fraction > 0) {
    let places = decimals
    while (fraction % 10 === 0) {
      fraction /= 10
      places--
    }
    target[position] = DOT
    for (let i = places; i > 0; i--) {
      const quotient = Math.floor(fraction / 10)
      target[position + i] = ZERO + (fraction - quotient * 10)
      fraction = quotient
    }
    position += places + 1
  }
  return position - targetOffset
}
