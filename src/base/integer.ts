/**
 * Decimal integers in byte ranges: reading, recognising and writing them without making strings.
 *
 * Runs on every thread. Invariant: only the canonical form is accepted, so that whatever is read here and written
 * again gives the same bytes. That is Redis's rule for integers in commands, and it is what allows a value such as
 * "10" to be stored as a number. Canonical means: no plus sign, no leading zero, no space, no "-0".
 */

export const INT64_MAX = 9223372036854775807n
export const INT64_MIN = -9223372036854775808n

/** The longest canonical int64, "-9223372036854775808". */
export const INT64_TEXT_BYTES_MAX = 20

/** The longest text of a safe integer, "-9007199254740991". */
export const SAFE_INTEGER_TEXT_BYTES_MAX = 17

const ZERO = 0x30
const NINE = 0x39
const MINUS = 0x2d

/** The digits of 2^63 - 1. A negative number of 19 digits may be one greater in its last digit. */
const INT64_MAX_DIGITS = Uint8Array.from('9223372036854775807', (digit) => digit.charCodeAt(0))

/**
 * Reads a canonical integer of up to 2^53 - 1 in absolute value.
 * @returns NaN when the range is anything else. An integer beyond 2^53 - 1 gives NaN as well: read it with
 * `parseInt64` where the whole int64 range counts.
 */
export function parseSafeInteger(buffer: Uint8Array, offset: number, length: number): number {
  if (length > 0 && buffer[offset] === MINUS) {
    const magnitude = parseUnsigned(buffer, offset + 1, length - 1)
    return magnitude > 0 ? -magnitude : Number.NaN
  }
  const value = parseUnsigned(buffer, offset, length)
  return value >= 0 ? value : Number.NaN
}

/**
 * Reads a canonical non-negative integer of up to 2^53 - 1: lengths, counts and cursors.
 * @returns -1 (not NaN, so that the result of the common case stays a small integer) when the range is anything else.
 */
export function parseUnsigned(buffer: Uint8Array, offset: number, length: number): number {
  if (length < 1 || length > 16) return -1
  let value = buffer[offset]! - ZERO
  if (value < 0 || value > 9) return -1
  if (value === 0) return length === 1 ? 0 : -1
  const end = offset + length
  for (let i = offset + 1; i < end; i++) {
    const digit = buffer[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  // 16 digits stay below 2^54, where rounding cannot bring a number above 2^53 - 1 back under it.
  return value <= Number.MAX_SAFE_INTEGER ? value : -1
}

/** Reads a canonical integer of the int64 range; undefined when the range is anything else. */
export function parseInt64(buffer: Uint8Array, offset: number, length: number): bigint | undefined {
  const small = parseSafeInteger(buffer, offset, length)
  if (!Number.isNaN(small)) return BigInt(small)
  if (!isCanonicalInt64(buffer, offset, length)) return undefined
  const negative = buffer[offset] === MINUS
  // More than 15 digits are left, so that both parts are there and each is exact as a double.
  const end = offset + length
  const middle = end - 9
  let high = 0
  for (let i = negative ? offset + 1 : offset; i < middle; i++) high = high * 10 + (buffer[i]! - ZERO)
  let low = 0
  for (let i = middle; i < end; i++) low = low * 10 + (buffer[i]! - ZERO)
  const magnitude = BigInt(high) * 1000000000n + BigInt(low)
  return negative ? -magnitude : magnitude
}

/** True when the range is the canonical text of an int64: the test that decides for Redis's encoding "int". */
export function isCanonicalInt64(buffer: Uint8Array, offset: number, length: number): boolean {
  if (length < 1 || length > INT64_TEXT_BYTES_MAX) return false
  const negative = buffer[offset] === MINUS
  const first = negative ? offset + 1 : offset
  const digits = negative ? length - 1 : length
  if (digits < 1 || digits > 19) return false
  if (buffer[first] === ZERO) return length === 1
  const end = first + digits
  for (let i = first; i < end; i++) {
    const byte = buffer[i]!
    if (byte < ZERO || byte > NINE) return false
  }
  if (digits < 19) return true
  for (let i = 0; i < 18; i++) {
    const order = buffer[first + i]! - INT64_MAX_DIGITS[i]!
    if (order !== 0) return order < 0
  }
  return buffer[end - 1]! <= INT64_MAX_DIGITS[18]! + (negative ? 1 : 0)
}

/** How many bytes `writeInteger` writes for a safe integer, the minus sign included. */
export function integerDigits(n: number): number {
  if (n < 0) return 1 + integerDigits(-n)
  if (n < 10) return 1
  if (n < 100) return 2
  if (n < 1000) return 3
  if (n < 10000) return 4
  if (n < 100000) return 5
  if (n < 1000000) return 6
  if (n < 10000000) return 7
  if (n < 100000000) return 8
  return 8 + integerDigits(Math.floor(n / 100000000))
}

/**
 * Writes a safe integer in decimal and returns the number of bytes written, at most 17. The caller guarantees the
 * room. -0 is written as "0".
 */
export function writeInteger(buffer: Uint8Array, offset: number, n: number): number {
  if (n >= 0 && n < 10) {
    buffer[offset] = ZERO + n
    return 1
  }
  const length = integerDigits(n)
  let rest = n
  let position = offset + length
  if (n < 0) {
    buffer[offset] = MINUS
    rest = -n
  }
  // In groups of eight digits, because the division of numbers above 2^31 is many times slower than that of an int32.
  // The floor is exact: a quotient of integers below 2^53 never rounds up to the next integer.
  while (rest >= 100000000) {
    const higher = Math.floor(rest / 100000000)
    let group = (rest - higher * 100000000) | 0
    for (let i = 0; i < 8; i++) {
      const quotient = (group / 10) | 0
      buffer[--position] = ZERO + (group - quotient * 10)
      group = quotient
    }
    rest = higher
  }
  let group = rest | 0
  do {
    const quotient = (group / 10) | 0
    buffer[--position] = ZERO + (group - quotient * 10)
    group = quotient
  } while (group > 0)
  return length
}

/**
 * Writes an integer in decimal and returns the number of bytes written, at most 20 for an int64. The caller
 * guarantees the room. It allocates beyond 2^53 - 1, where a value is rare.
 */
export function writeBigInt(buffer: Uint8Array, offset: number, n: bigint): number {
  if (n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return writeInteger(buffer, offset, Number(n))
  }
  const text = n.toString()
  for (let i = 0; i < text.length; i++) buffer[offset + i] = text.charCodeAt(i)
  return text.length
}
