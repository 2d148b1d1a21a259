/**
 * Integers of up to 2^53 in two 32-bit words of a block, the high word first.
 *
 * Used by the thread that owns the arena; pure functions. A block's words need not be aligned to 8 as a double would be.
 */

const TWO_32 = 4294967296

export const WIDE_WORDS = 2

export function readWide(words: Int32Array, at: number): number {
  return words[at]! * TWO_32 + (words[at + 1]! >>> 0)
}

/** @param value a safe integer, also a negative one */
export function writeWide(words: Int32Array, at: number, value: number): void {
  words[at] = Math.floor(value / TWO_32)
  words[at + 1] = value | 0
}
