/**
 * The grammar of floating-point numbers as C's strtod reads it, and the rounding that turns such a text into a binary
 * number of any precision.
 *
 * Runs on every thread, off the hot path: it works with big integers. Invariant: a text is taken whole or not at all,
 * and a value is rounded exactly once, to the nearest, ties to even.
 *
 *   [+-] ( digits [. digits] | . digits ) [ e [+-] digits ]
 *   [+-] 0x ( hex [. hex] | . hex ) [ p [+-] digits ]
 *   [+-] ( inf | infinity )                                     letters in either case
 *
 * strtod also knows "nan", which every caller in Redis refuses, so that it is not part of this grammar.
 */

import { asciiBytes, equalsAsciiIgnoreCase, latin1Of, lowerByte } from './bytes.js'

const INF = asciiBytes('inf')
const INFINITY = asciiBytes('infinity')

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const LOWER_E = 0x65
const LOWER_P = 0x70
const LOWER_X = 0x78

/** Exponents beyond it are cut: no text is long enough to make up for such an exponent with its digits. */
const EXPONENT_MAX = 2_000_000_000

/**
 * Hexadecimal digits that are kept: 128 bits, twice the widest mantissa. What follows can only decide a tie, and one bit
 * tells that.
 */
const HEX_DIGITS_KEPT = 32

/** A text that follows the grammar, taken apart. The value is `mantissa * base ** exponent`, with the sign apart. */
export interface FloatText {
  readonly kind: 'decimal' | 'hexadecimal' | 'infinity'
  readonly negative: boolean
  /** The digits without the point and without trailing zeros, as a text of decimal or hexadecimal digits. */
  readonly digits: string
  /** A power of ten for a decimal text, a power of two for a hexadecimal one. */
  readonly exponent: number
}

/** A finite binary number, `mantissa * 2 ** exponent`. The sign is the mantissa's. */
export interface BinaryFloat {
  readonly mantissa: bigint
  readonly exponent: number
}

/** Takes a range apart; undefined when it does not follow the grammar. */
export function scanFloatText(buffer: Uint8Array, offset: number, length: number): FloatText | undefined {
  const end = offset + length
  let position = offset
  const negative = length > 0 && buffer[position] === MINUS
  if (negative || (length > 0 && buffer[position] === PLUS)) position++

  if (equalsAsciiIgnoreCase(buffer, position, end - position, INF)) return infinity(negative)
  if (equalsAsciiIgnoreCase(buffer, position, end - position, INFINITY)) return infinity(negative)

  const hexadecimal = end - position > 2 && buffer[position] === ZERO && lowerByte(buffer[position + 1]!) === LOWER_X
  if (hexadecimal) position += 2

  const digitsStart = position
  while (position < end && isDigit(buffer[position]!, hexadecimal)) position++
  let digits = latin1Of(buffer, digitsStart, position - digitsStart)
  let exponent = 0
  if (position < end && buffer[position] === DOT) {
    const fractionStart = ++position
    while (position < end && isDigit(buffer[position]!, hexadecimal)) position++
    const fraction = latin1Of(buffer, fractionStart, position - fractionStart)
    digits += fraction
    exponent = hexadecimal ? -4 * fraction.length : -fraction.length
  }
  if (digits.length === 0) return undefined

  if (position < end && lowerByte(buffer[position]!) === (hexadecimal ? LOWER_P : LOWER_E)) {
    position++
    const negativeExponent = position < end && buffer[position] === MINUS
    if (negativeExponent || (position < end && buffer[position] === PLUS)) position++
    if (position === end) return undefined
    let written = 0
    while (position < end && isDigit(buffer[position]!, false)) {
      written = Math.min(written * 10 + (buffer[position]! - ZERO), EXPONENT_MAX)
      position++
    }
    exponent += negativeExponent ? -written : written
  }
  if (position !== end) return undefined

  const significant = withoutTrailingZeros(digits)
  exponent += (digits.length - significant.length) * (hexadecimal ? 4 : 1)
  return { kind: hexadecimal ? 'hexadecimal' : 'decimal', negative, digits: significant, exponent }
}

function infinity(negative: boolean): FloatText {
  return { kind: 'infinity', negative, digits: '', exponent: 0 }
}

function isDigit(byte: number, hexadecimal: boolean): boolean {
  if (byte >= ZERO && byte <= ZERO + 9) return true
  const lower = lowerByte(byte)
  return hexadecimal && lower >= 0x61 && lower <= 0x66
}

/** In a loop, because a regular expression anchored at the end would look at every run of zeros in the text. */
function withoutTrailingZeros(digits: string): string {
  let length = digits.length
  while (length > 0 && digits.charCodeAt(length - 1) === ZERO) length--
  return digits.slice(0, length)
}

/**
 * The binary number of `precision` bits (with no bit below `2 ** exponentLeast`) that is nearest to a decimal or
 * hexadecimal text, without its sign. The caller has made sure that a decimal exponent is of a size that can be computed
 * with, and judges overflow itself.
 */
export function nearestBinary(text: FloatText, precision: number, exponentLeast: number): BinaryFloat {
  if (text.kind === 'hexadecimal') {
    const kept = text.digits.slice(0, HEX_DIGITS_KEPT + leadingZeros(text.digits))
    const dropped = text.digits.length - kept.length
    const mantissa = kept.length === 0 ? 0n : BigInt(`0x${kept}`)
    return roundBinary(mantissa, text.exponent + 4 * dropped, dropped > 0, precision, exponentLeast)
  }
  const digits = BigInt(text.digits === '' ? '0' : text.digits)
  if (text.exponent >= 0) {
    return roundBinary(digits * 10n ** BigInt(text.exponent), 0, false, precision, exponentLeast)
  }
  const divisor = 10n ** BigInt(-text.exponent)
  // The quotient gets two bits more than the precision; the remainder tells whether anything follows them.
  const shift = Math.max(0, precision + 2 + bitLength(divisor) - bitLength(digits))
  const shifted = digits << BigInt(shift)
  const quotient = shifted / divisor
  return roundBinary(quotient, -shift, quotient * divisor !== shifted, precision, exponentLeast)
}

function leadingZeros(digits: string): number {
  let count = 0
  while (count < digits.length && digits.charCodeAt(count) === ZERO) count++
  return count
}

/**
 * Rounds `mantissa * 2 ** exponent` to `precision` bits, ties to even. `more` says that the true value is a little
 * greater than the mantissa; it needs a mantissa of at least two bits more than the precision.
 */
export function roundBinary(
  mantissa: bigint,
  exponent: number,
  more: boolean,
  precision: number,
  exponentLeast: number,
): BinaryFloat {
  const excess = Math.max(bitLength(mantissa) - precision, exponentLeast - exponent)
  if (excess <= 0) return { mantissa, exponent }
  // A difference so great that nothing of the mantissa is left would make a shift of millions of bits.
  if (excess > bitLength(mantissa) + 1) return { mantissa: 0n, exponent: exponent + excess }
  const shift = BigInt(excess)
  let rounded = mantissa >> shift
  const rest = mantissa - (rounded << shift)
  const half = 1n << (shift - 1n)
  if (rest > half || (rest === half && (more || (rounded & 1n) === 1n))) rounded += 1n
  return { mantissa: rounded, exponent: exponent + excess }
}

/** The number of bits of a non-negative integer; 0 for 0. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0
  const hex = value.toString(16)
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex.charAt(0), 16)) - 28)
}
