/**
 * HalfSipHash-1-3 with a 64-bit key and a 32-bit result (Aumasson and Bernstein, https://github.com/veorq/SipHash).
 *
 * Runs on every thread. It places keys in hash tables: without the secret key nobody can choose keys that collide, so
 * that one client cannot turn a table into a list. The "half" variant works on 32-bit words, the widest that JavaScript
 * computes with without allocating; one compression and three finalisation rounds are what Rust and Python use
 * for their tables.
 *
 * Invariant: both functions give the same result for the same bytes, whether they come from an arbitrary byte range or
 * from aligned words whose last, incomplete word is filled up with zero bytes.
 */

const INITIAL_V2 = 0x6c796765
const INITIAL_V3 = 0x74656462

/** How many words `halfSipHash` leaves in `gathered`; longer inputs overwrite it from its start. */
export const GATHERED_WORDS = 64

/**
 * Hashes `length` bytes of `buffer` from `offset`, which needs no alignment.
 *
 * The words that it assembles on the way (little-endian, the last one filled up with zeros) are kept in `gathered`, an
 * array of `GATHERED_WORDS`: a caller that looks the bytes up afterwards compares and copies these words instead of
 * assembling them again. They are complete when `length` is at most `GATHERED_WORDS * 4`.
 *
 * @returns the hash as a signed 32-bit integer
 */
export function halfSipHash(
  buffer: Uint8Array,
  offset: number,
  length: number,
  key0: number,
  key1: number,
  gathered: Int32Array,
): number {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = INITIAL_V2 ^ key0
  let v3 = INITIAL_V3 ^ key1
  const fullWords = length >>> 2
  // One loop for all rounds: the full words, the last word with the length in its top byte, then three empty ones.
  const rounds = fullWords + 4
  let at = offset
  for (let i = 0; i < rounds; i++) {
    let word = 0
    if (i < fullWords) {
      word = buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)
      gathered[i & (GATHERED_WORDS - 1)] = word
      at += 4
    } else if (i === fullWords) {
      const rest = length & 3
      if (rest > 0) {
        word = buffer[at]!
        if (rest > 1) word |= buffer[at + 1]! << 8
        if (rest > 2) word |= buffer[at + 2]! << 16
        gathered[i & (GATHERED_WORDS - 1)] = word
      }
      word |= length << 24
    } else if (i === fullWords + 1) {
      v2 ^= 0xff
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}

/** The same hash of `length` bytes that lie in `words` from index `at`, the last word filled up with zero bytes. */
export function halfSipHashOfWords(words: Int32Array, at: number, length: number, key0: number, key1: number): number {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = INITIAL_V2 ^ key0
  let v3 = INITIAL_V3 ^ key1
  const fullWords = length >>> 2
  const rounds = fullWords + 4
  for (let i = 0; i < rounds; i++) {
    let word = 0
    if (i < fullWords) word = words[at + i]!
    else if (i === fullWords) word = ((length & 3) === 0 ? 0 : words[at + i]!) | (length << 24)
    else if (i === fullWords + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}

/**
 * The same for bytes that begin at a whole word of `words`, whatever stands in the last word behind them. Leaves the
 * words in `gathered` like `halfSipHash`. This is the form of keys in request frames: there are no single bytes to put
 * together.
 */
export function halfSipHashAligned(
  words: Int32Array,
  at: number,
  length: number,
  key0: number,
  key1: number,
  gathered: Int32Array,
): number {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = INITIAL_V2 ^ key0
  let v3 = INITIAL_V3 ^ key1
  const fullWords = length >>> 2
  const rest = length & 3
  let word = 0
  for (let i = 0; i <= fullWords; i++) {
    if (i < fullWords) {
      word = words[at + i]!
      gathered[i & (GATHERED_WORDS - 1)] = word
    } else {
      word = 0
      if (rest > 0) {
        word = words[at + i]! & ((1 << (rest << 3)) - 1)
        gathered[i & (GATHERED_WORDS - 1)] = word
      }
      word |= length << 24
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  v2 ^= 0xff
  for (let i = 0; i < 3; i++) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  return v1 ^ v3
}
