/**
 * Numbers in JSON as C's `strtod` reads them: also hexadecimal ones, `inf`, `nan`, and whatever follows them is left.
 *
 * Runs wherever scripts run. Integers and short decimals are read without a string.
 * Invariant: `end` says where the number ended that `read` was called for last; where it began when there was none.
 */
import { latin1Of, lowerByte } from '../../base/bytes.js'
import { parseDouble } from '../../base/float.js'

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const UNDERSCORE = 0x5f
const LOWER_E = 0x65
const LOWER_P = 0x70
const LOWER_X = 0x78

/** Digits of an integer that a double holds exactly. */
const EXACT_DIGITS_MAX = 15
const EXACT_POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`))

export class JsonNumber {
  end = 0

  /** Reads the number at `start`, where the text ends with a zero byte. */
  read(bytes: Uint8Array, start: number): number {
    const negative = bytes[start] === MINUS
    const first = negative || bytes[start] === PLUS ? start + 1 : start
    if (bytes[first] === ZERO && lowerByte(bytes[first + 1] as number) === LOWER_X) {
      const hexadecimal = this.#readHexadecimal(bytes, start, first + 2)
      if (this.end > start) return hexadecimal
    }
    let at = first
    let value = 0
    let digits = 0
    let decimals = 0
    for (; digitAt(bytes, at) >= 0; at++) {
      value = value * 10 + digitAt(bytes, at)
      digits++
    }
    if (bytes[at] === DOT && (digits > 0 || digitAt(bytes, at + 1) >= 0)) {
      for (at++; digitAt(bytes, at) >= 0; at++) {
        value = value * 10 + digitAt(bytes, at)
        digits++
        decimals++
      }
    }
    if (digits === 0) return this.#readWord(bytes, start, first, negative)
    const exponentEnd = endOfExponent(bytes, at, LOWER_E)
    this.end = exponentEnd
    if (exponentEnd > at || digits > EXACT_DIGITS_MAX) return Number(latin1Of(bytes, start, exponentEnd - start))
    // Both are exact, so that the division rounds once.
    if (decimals > 0) value /= EXACT_POWERS_OF_TEN[decimals] as number
    return negative ? -value : value
  }

  /** A number whose digits begin at `digitsStart`; sets `end` to `start` when there are none. */
  #readHexadecimal(bytes: Uint8Array, start: number, digitsStart: number): number {
    let at = digitsStart
    let digits = 0
    let fractionDigits = 0
    for (; isHexDigit(bytes[at] as number); at++) digits++
    if (bytes[at] === DOT) {
      for (at++; isHexDigit(bytes[at] as number); at++) fractionDigits++
    }
    if (digits + fractionDigits === 0) {
      this.end = start
      return Number.NaN
    }
    const exponentEnd = endOfExponent(bytes, at, LOWER_P)
    this.end = exponentEnd
    const value = parseDouble(bytes, start, exponentEnd - start)
    if (!Number.isNaN(value)) return value
    // Out of the range of doubles, on the side on which the exponent and the number of digits put it.
    const exponent = exponentEnd > at ? Number(latin1Of(bytes, at + 1, exponentEnd - at - 1)) : 0
    const magnitude = exponent + digits * 4 > 0 ? Infinity : 0
    return bytes[start] === MINUS ? -magnitude : magnitude
  }

  /** `inf`, `infinity`, `nan`, `nan(word)`; no number at all otherwise. */
  #readWord(bytes: Uint8Array, start: number, first: number, negative: boolean): number {
    this.end = start
    if (hasWord(bytes, first, 'inf')) {
      this.end = first + (hasWord(bytes, first, 'infinity') ? 8 : 3)
      return negative ? -Infinity : Infinity
    }
    if (!hasWord(bytes, first, 'nan')) return 0
    this.end = first + 3
    if (bytes[this.end] === 0x28) {
      let at = this.end + 1
      while (isWordByte(bytes[at] as number)) at++
      if (bytes[at] === 0x29) this.end = at + 1
    }
    return Number.NaN
  }
}

/** Whether the text at `at` begins with a word, given in lower case, whatever its own case. */
export function hasWord(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (lowerByte(bytes[at + i] as number) !== word.charCodeAt(i)) return false
  return true
}

function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] as number) - ZERO
  return digit <= 9 ? digit : -1
}

function isHexDigit(byte: number): boolean {
  const lower = lowerByte(byte)
  return (byte >= ZERO && byte <= ZERO + 9) || (lower >= 0x61 && lower <= 0x66)
}

function isWordByte(byte: number): boolean {
  const lower = lowerByte(byte)
  return (byte >= ZERO && byte <= ZERO + 9) || (lower >= 0x61 && lower <= 0x7a) || byte === UNDERSCORE
}

/** Where an exponent that begins at `at` ends; `at` when none does. */
function endOfExponent(bytes: Uint8Array, at: number, letter: number): number {
  if (lowerByte(bytes[at] as number) !== letter) return at
  let end = at + 1
  if (bytes[end] === PLUS || bytes[end] === MINUS) end++
  if (digitAt(bytes, end) < 0) return at
  while (digitAt(bytes, end) >= 0) end++
  return end
}
