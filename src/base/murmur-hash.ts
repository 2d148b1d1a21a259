/**
 * MurmurHash64A by Austin Appleby: the hash of Redis's HyperLogLogs, of which every bit counts, because the registers that it
 * leads to are written to files and sent to others.
 *
 * Runs on every thread. 64-bit words are two int32 halves: bigints would take some 200 ns for each multiplication. The caller
 * takes the two halves of the result before the next call.
 */

/** The multiplier 0xc6a4a7935bd1e995, and its lower half in parts of 16 bits. */
const M_HIGH = 0xc6a4a793 | 0
const M_LOW = 0x5bd1e995
const M_LOW_HIGH_PART = 0x5bd1
const M_LOW_LOW_PART = 0xe995

/** The upper half of the last product. The lower half is returned: two results without an object. */
let productHigh = 0

/** Multiplies by M, modulo 2^64. */
function multiply(low: number, high: number): number {
  const lowPart = low & 0xffff
  const highPart = low >>> 16
  // The upper half of the product of two 32-bit numbers, put together from products of 16 bits: none exceeds 2^32.
  const middle = (Math.imul(highPart, M_LOW_LOW_PART) >>> 0) + (Math.imul(lowPart, M_LOW_LOW_PART) >>> 16)
  const carry = ((Math.imul(lowPart, M_LOW_HIGH_PART) >>> 0) + (middle & 0xffff)) >>> 16
  const upper = Math.imul(highPart, M_LOW_HIGH_PART) + (middle >>> 16) + carry
  productHigh = (upper + Math.imul(low, M_HIGH) + Math.imul(high, M_LOW)) | 0
  return Math.imul(low, M_LOW)
}

/** The result of `murmurHash64A`, as two int32. */
export const murmurResult = { low: 0, high: 0 }

/** Hashes `length` bytes of `buffer` from `offset` on; the result is in `murmurResult`. */
export function murmurHash64A(buffer: Uint8Array, offset: number, length: number, seed: number): void {
  let low = multiply(length | 0, 0) ^ seed
  let high = productHigh
  const end = offset + (length & ~7)
  let at = offset
  for (; at < end; at += 8) {
    let wordLow = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)
    let wordHigh = buffer[at + 4]! | (buffer[at + 5]! << 8) | (buffer[at + 6]! << 16) | (buffer[at + 7]! << 24)
    wordLow = multiply(wordLow, wordHigh)
    wordHigh = productHigh
    // The shift by 47 brings bits of the upper half into the lower one only.
    wordLow = multiply(wordLow ^ (wordHigh >>> 15), wordHigh)
    low = multiply(low ^ wordLow, high ^ productHigh)
    high = productHigh
  }
  const rest = length & 7
  if (rest > 0) {
    for (let i = 0; i < rest; i++) {
      if (i < 4) low ^= buffer[at + i]! << (i * 8)
      else high ^= buffer[at + i]! << ((i - 4) * 8)
    }
    low = multiply(low, high)
    high = productHigh
  }
  low = multiply(low ^ (high >>> 15), high)
  high = productHigh
  murmurResult.low = low ^ (high >>> 15)
  murmurResult.high = high
}
