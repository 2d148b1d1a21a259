/**
 * The bytes of a listpack's header and entries (see listpack.ts), and the check of one that comes from outside.
 *
 * Pure functions, used on every thread. Where an entry begins is given as a place in `bytes`.
 *
 * Format: https://github.com/antirez/listpack/blob/master/listpack.md
 */

export const LISTPACK_HEADER_BYTES = 6
/** Header and end mark. */
export const LISTPACK_EMPTY_BYTES = 7

export const END = 0xff
export const COUNT_UNKNOWN = 65535

export const INT13 = 0xc0
export const STRING12 = 0xe0
export const STRING32 = 0xf0
export const INT16 = 0xf1
export const INT24 = 0xf2
export const INT32 = 0xf3
export const INT64 = 0xf4

const TWO_32 = 4294967296

/**
 * Checks a listpack that comes from outside: whether it fills exactly `length` bytes, all its entries lie inside and say
 * the same length forwards and backwards, and their number is what the header says.
 * @returns the number of entries, or -1 when it is malformed
 */
export function checkListpack(bytes: Uint8Array, base: number, length: number): number {
  if (length < LISTPACK_EMPTY_BYTES || readU32(bytes, base) !== length) return -1
  const last = base + length - 1
  if (bytes[last] !== END) return -1
  let count = 0
  let at = base + LISTPACK_HEADER_BYTES
  while (at < last) {
    // The five bytes that may say a length must lie inside before they are read.
    const first = bytes[at]!
    if (first === END || first > INT64 || (first === STRING32 && at + 5 > last)) return -1
    const entry = encodedBytes(bytes, at)
    const end = at + entry + backLengthBytes(entry)
    if (end > last || !hasBackLength(bytes, at + entry, entry)) return -1
    at = end
    count++
  }
  const known = bytes[base + 4]! | (bytes[base + 5]! << 8)
  return known === COUNT_UNKNOWN || known === count ? count : -1
}

/** How many bytes the encoding and value of the entry take, without the length behind it. */
export function encodedBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  if (first < INT13) return 1 + (first & 63)
  if (first < STRING12) return 2
  if (first < STRING32) return 2 + (((first & 15) << 8) | bytes[at + 1]!)
  if (first === STRING32) return 5 + readU32(bytes, at + 1)
  return first === INT64 ? 9 : first - INT16 + 3
}

/** How many bytes the entry takes; where it is not `isTwoWay` there is no length behind it. */
export function entryBytes(bytes: Uint8Array, at: number, isTwoWay: boolean): number {
  const length = encodedBytes(bytes, at)
  return isTwoWay ? length + backLengthBytes(length) : length
}

/** The integer that the entry is, rounded where it is beyond 2^53; NaN for a string. */
export function integerAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return first
  if (first < INT13) return Number.NaN
  if (first < STRING12) return ((((first & 31) << 8) | bytes[at + 1]!) << 19) >> 19
  switch (first) {
    case INT16:
      return ((bytes[at + 1]! | (bytes[at + 2]! << 8)) << 16) >> 16
    case INT24:
      return ((bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)) << 8) >> 8
    case INT32:
      return readU32(bytes, at + 1) | 0
    case INT64:
      return (readU32(bytes, at + 5) | 0) * TWO_32 + readU32(bytes, at + 1)
    default:
      return Number.NaN
  }
}

export function backLengthBytes(length: number): number {
  if (length < 128) return 1
  if (length < 16383) return 2
  if (length < 2097151) return 3
  return length < 268435455 ? 4 : 5
}

/** Writes the length in as many bytes as `backLengthBytes` says, the highest 7 bits first, all but the first marked. */
export function writeBackLength(bytes: Uint8Array, at: number, length: number): number {
  const size = backLengthBytes(length)
  let rest = length
  for (let i = size - 1; i > 0; i--) {
    bytes[at + i] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[at] = rest
  return size
}

export function hasBackLength(bytes: Uint8Array, at: number, length: number): boolean {
  let rest = length
  for (let i = backLengthBytes(length) - 1; i > 0; i--) {
    if (bytes[at + i] !== ((rest & 127) | 128)) return false
    rest >>>= 7
  }
  return bytes[at] === rest
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeLow(bytes, at, value, 4)
}

/** Writes the lowest bytes of a number, the lowest first. @returns the position behind them */
export function writeLow(bytes: Uint8Array, at: number, value: number, count: number): number {
  for (let i = 0; i < count; i++) bytes[at + i] = (value >>> (8 * i)) & 255
  return at + count
}
