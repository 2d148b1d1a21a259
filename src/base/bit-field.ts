/**
 * Integers of 1 to 64 bits at any bit of a byte range, highest bit first, and what becomes of a number that is too great for
 * such a field.
 *
 * Runs on every thread. Fields of up to 52 bits are numbers, so that a sum of two of them is exact; wider ones are bigints.
 * Bit 0 is the highest bit of the first byte; bits behind the range's end read as zeros.
 */

/** Wider fields are read, written and added as bigints. */
export const NUMBER_BITS_MAX = 52

/** What becomes of a number that a field cannot hold. */
export const Overflow = { wrap: 0, saturate: 1, fail: 2 } as const

const WORD_BITS = 32
const TWO_TO_32 = 2 ** 32

/** Up to 32 bits from `offset` on as an unsigned number. */
function readBits(bytes: Uint8Array, start: number, end: number, offset: number, bits: number): number {
  let at = start + Math.floor(offset / 8)
  const lastBit = (offset & 7) + bits
  let value = 0
  // At most 40 bits, which a double holds exactly.
  for (let read = 0; read < lastBit; read += 8) value = value * 256 + (at < end ? bytes[at++]! : 0)
  return Math.floor(value / 2 ** (-lastBit & 7)) % 2 ** bits
}

/** Overwrites up to 32 bits from `offset` on; the bytes must be there. */
function writeBits(bytes: Uint8Array, start: number, offset: number, bits: number, value: number): void {
  let at = start + Math.floor(offset / 8)
  let free = 8 - (offset & 7)
  let left = bits
  while (left > 0) {
    const count = Math.min(free, left)
    const shift = free - count
    const mask = ((1 << count) - 1) << shift
    const part = Math.floor(value / 2 ** (left - count)) & 0xff
    bytes[at] = (bytes[at]! & ~mask) | ((part << shift) & mask)
    left -= count
    free = 8
    at++
  }
}

/** The field of up to 52 bits at bit `offset` of the bytes from `start` to before `end`. */
export function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  bits: number,
  signed: boolean,
): number {
  const highBits = Math.max(0, bits - WORD_BITS)
  const low = readBits(bytes, start, end, offset + highBits, bits - highBits)
  const value = highBits === 0 ? low : readBits(bytes, start, end, offset, highBits) * TWO_TO_32 + low
  return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value
}

/** Writes a value that the field of up to 52 bits can hold. */
export function writeField(bytes: Uint8Array, start: number, offset: number, bits: number, value: number): void {
  const unsigned = value < 0 ? value + 2 ** bits : value
  const highBits = Math.max(0, bits - WORD_BITS)
  if (highBits > 0) writeBits(bytes, start, offset, highBits, Math.floor(unsigned / TWO_TO_32))
  writeBits(bytes, start, offset + highBits, bits - highBits, unsigned % TWO_TO_32)
}

/** As `readField`, for every width. */
export function readWideField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  bits: number,
  signed: boolean,
): bigint {
  const highBits = Math.max(0, bits - WORD_BITS)
  const high = BigInt(readBits(bytes, start, end, offset, highBits))
  const low = BigInt(readBits(bytes, start, end, offset + highBits, bits - highBits))
  const value = (high << 32n) | low
  return signed ? BigInt.asIntN(bits, value) : value
}

/** As `writeField`, for every width. */
export function writeWideField(bytes: Uint8Array, start: number, offset: number, bits: number, value: bigint): void {
  const unsigned = BigInt.asUintN(bits, value)
  const highBits = Math.max(0, bits - WORD_BITS)
  writeBits(bytes, start, offset, highBits, Number(unsigned >> 32n))
  writeBits(bytes, start, offset + highBits, bits - highBits, Number(unsigned & 0xffffffffn))
}

/**
 * What a field of up to 52 bits holds when it is given `value`, of at most 2^53 - 1 in absolute value.
 * @param overflow one of `Overflow`
 * @returns NaN when it is to fail
 */
export function fitted(value: number, bits: number, signed: boolean, overflow: number): number {
  const greatest = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1
  const least = signed ? -greatest - 1 : 0
  if (value >= least && value <= greatest) return value
  if (overflow === Overflow.fail) return Number.NaN
  if (overflow === Overflow.saturate) return value > greatest ? greatest : least
  const range = 2 ** bits
  const remainder = value - Math.floor(value / range) * range
  return remainder > greatest ? remainder - range : remainder
}

/** As `fitted`, for every width and value. @returns undefined when it is to fail */
export function fittedWide(value: bigint, bits: number, signed: boolean, overflow: number): bigint | undefined {
  const wrapped = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  if (wrapped === value) return value
  if (overflow === Overflow.fail) return undefined
  if (overflow === Overflow.wrap) return wrapped
  const greatest = (1n << BigInt(signed ? bits - 1 : bits)) - 1n
  if (value > greatest) return greatest
  return signed ? -greatest - 1n : 0n
}
