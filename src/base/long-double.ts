/**
 * The 80-bit extended numbers of x86 ("long double"), as far as INCRBYFLOAT and HINCRBYFLOAT need them.
 *
 * Runs on shard threads, and only where `float-sum.ts` cannot tell the result by plain integers. Redis computes these
 * commands in long double, and the digits that a client sees depend on it, so that the same rounding is done here with
 * big integers: 64 bits of mantissa, to the nearest, ties to even, denormals included.
 * Invariant: a finite value has a mantissa of at most 64 bits and an exponent from -16445 to 16320.
 */

import { type BinaryFloat, bitLength, nearestBinary, roundBinary, scanFloatText } from './float-text.js'

const PRECISION = 64

/** The lowest bit of the smallest denormal number. */
const EXPONENT_LEAST = -16445

/** A value of 2^16384 or more is infinite. */
const MAGNITUDE_BITS_MAX = 16384

/** Decimal magnitudes that cannot be reached, so that no power of ten needs to be computed for them. */
const DECIMAL_MAGNITUDE_MAX = 4934
const DECIMAL_MAGNITUDE_LEAST = -4952

/** Redis copies the text into a buffer of 5 KiB, with a zero behind it, and refuses what does not fit. */
const INPUT_BYTES_MAX = 5 * 1024 - 1

/** The longest text that `longDoubleText` gives: a sign and the 4933 digits of the greatest finite number. */
export const LONG_DOUBLE_TEXT_BYTES_MAX = 4934

/** printf's %.17Lf. */
const DECIMALS = 17
const DECIMALS_POWER = 10n ** BigInt(DECIMALS)

/** A finite number, or one of the two infinities. There is no negative zero: no caller could tell it from zero. */
export type LongDouble = BinaryFloat | 'inf' | '-inf'

/**
 * Reads a number as Redis does for INCRBYFLOAT: what C's strtold takes as a whole, "inf" included. undefined stands for
 * "not a valid float": any other text, more than 5119 bytes, a number too great or, unless zero, too small.
 */
export function parseLongDouble(buffer: Uint8Array, offset: number, length: number): LongDouble | undefined {
  if (length > INPUT_BYTES_MAX) return undefined
  const text = scanFloatText(buffer, offset, length)
  if (text === undefined) return undefined
  if (text.kind === 'infinity') return text.negative ? '-inf' : 'inf'

  const significantDigits = text.digits.replace(/^0+/, '').length
  if (significantDigits === 0) return { mantissa: 0n, exponent: 0 }
  if (text.kind === 'decimal') {
    const decimalMagnitude = significantDigits + text.exponent
    if (decimalMagnitude > DECIMAL_MAGNITUDE_MAX || decimalMagnitude < DECIMAL_MAGNITUDE_LEAST) return undefined
  }
  const nearest = nearestBinary(text, PRECISION, EXPONENT_LEAST)
  if (nearest.mantissa === 0n || isTooGreat(nearest)) return undefined
  return text.negative ? { mantissa: -nearest.mantissa, exponent: nearest.exponent } : nearest
}

/** The sum, rounded once; undefined when it is not a number (infinities of opposite signs). */
export function addLongDoubles(left: LongDouble, right: LongDouble): LongDouble | undefined {
  if (typeof left === 'string' || typeof right === 'string') {
    if (typeof left !== 'string') return right
    return typeof right !== 'string' || right === left ? left : undefined
  }
  // A zero has no exponent of its own, and the difference of two exponents decides the size of the shift.
  if (left.mantissa === 0n) return right
  if (right.mantissa === 0n) return left
  const exponent = Math.min(left.exponent, right.exponent)
  const sum =
    (left.mantissa << BigInt(left.exponent - exponent)) + (right.mantissa << BigInt(right.exponent - exponent))
  const rounded = roundBinary(magnitudeOf(sum), exponent, false, PRECISION, EXPONENT_LEAST)
  if (isTooGreat(rounded)) return sum < 0n ? '-inf' : 'inf'
  return sum < 0n ? { mantissa: -rounded.mantissa, exponent: rounded.exponent } : rounded
}

/** The long double that a finite or infinite double is; every double is one exactly. */
export function longDoubleOf(value: number): LongDouble {
  if (value === Infinity) return 'inf'
  if (value === -Infinity) return '-inf'
  let mantissa = value
  let exponent = 0
  // Doubling is exact, and 1074 doublings make an integer of every double.
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    exponent--
  }
  // Integers above 2^53 have zeros at the end, which rounding to 64 bits takes away without a loss.
  const rounded = roundBinary(magnitudeOf(BigInt(mantissa)), exponent, false, PRECISION, EXPONENT_LEAST)
  return value < 0 ? { mantissa: -rounded.mantissa, exponent: rounded.exponent } : rounded
}

/**
 * Redis's "human" text of a long double: all integer digits, up to 17 decimals rounded to the nearest (ties to even),
 * no zeros at the end, no exponent, and never "-0".
 */
export function longDoubleText(value: LongDouble): string {
  if (typeof value === 'string') return value
  const magnitude = magnitudeOf(value.mantissa)
  // A unit is 10^-17. The exponent is zero afterwards, because that is the lowest bit allowed here.
  const units =
    value.exponent >= 0
      ? (magnitude << BigInt(value.exponent)) * DECIMALS_POWER
      : roundToInteger(magnitude * DECIMALS_POWER, value.exponent)
  const integer = units / DECIMALS_POWER
  const fraction = (units - integer * DECIMALS_POWER).toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  const sign = value.mantissa < 0n && units !== 0n ? '-' : ''
  return fraction === '' ? `${sign}${integer}` : `${sign}${integer}.${fraction}`
}

function roundToInteger(mantissa: bigint, exponent: number): bigint {
  // With as many bits of precision as the mantissa has, only the lowest bit that is allowed rounds.
  return roundBinary(mantissa, exponent, false, bitLength(mantissa), 0).mantissa
}

function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value
}

function isTooGreat(value: BinaryFloat): boolean {
  return bitLength(value.mantissa) + value.exponent > MAGNITUDE_BITS_MAX
}
