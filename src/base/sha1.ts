/**
 * SHA-1 of short data, without an object for each: a digest of a data set takes several for every key, and the platform's hash
 * costs microseconds before its first byte.
 *
 * Runs on every thread. Nothing here is a matter of security.
 *
 * Algorithm: FIPS 180-4, section 6.1.
 */
import { createHash } from 'node:crypto'

export const SHA1_BYTES = 20

const BLOCK_BYTES = 64
/** What follows the data in its last block: one byte, and the length in 8. */
const TAIL_BYTES = 9
/** Beyond this the platform's is as fast. */
const SHORT_BYTES_MAX = 1024

const schedule = new Int32Array(80)
const state = new Int32Array(5)
const padded = new Uint8Array(SHORT_BYTES_MAX + BLOCK_BYTES + TAIL_BYTES)

/** Writes the hash of `data` to the beginning of `target`, which may be `data` itself. */
export function sha1Into(target: Uint8Array, data: Uint8Array): void {
  const length = data.length
  if (length > SHORT_BYTES_MAX) {
    target.set(createHash('sha1').update(data).digest())
    return
  }
  const blocks = Math.ceil((length + TAIL_BYTES) / BLOCK_BYTES)
  const end = blocks * BLOCK_BYTES
  for (let i = 0; i < length; i++) padded[i] = data[i] as number
  padded.fill(0, length, end)
  padded[length] = 0x80
  // The length in bits; short data has fewer than 65,536.
  padded[end - 2] = length >>> 5
  padded[end - 1] = length << 3
  state[0] = 0x67452301
  state[1] = 0xefcdab89
  state[2] = 0x98badcfe
  state[3] = 0x10325476
  state[4] = 0xc3d2e1f0
  for (let block = 0; block < end; block += BLOCK_BYTES) addBlock(block)
  for (let i = 0; i < SHA1_BYTES; i++) target[i] = (state[i >> 2] as number) >>> (24 - (i & 3) * 8)
}

function addBlock(start: number): void {
  for (let i = 0; i < 16; i++) {
    const at = start + i * 4
    schedule[i] =
      ((padded[at] as number) << 24) |
      ((padded[at + 1] as number) << 16) |
      ((padded[at + 2] as number) << 8) |
      (padded[at + 3] as number)
  }
  for (let i = 16; i < 80; i++) {
    const word =
      (schedule[i - 3] as number) ^
      (schedule[i - 8] as number) ^
      (schedule[i - 14] as number) ^
      (schedule[i - 16] as number)
    schedule[i] = (word << 1) | (word >>> 31)
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  for (let i = 0; i < 20; i++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + e + (schedule[i] as number) + 0x5a827999) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let i = 20; i < 40; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + (schedule[i] as number) + 0x6ed9eba1) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let i = 40; i < 60; i++) {
    const next =
      (((a << 5) | (a >>> 27)) + ((b & c) | (b & d) | (c & d)) + e + (schedule[i] as number) + 0x8f1bbcdc) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  for (let i = 60; i < 80; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + (schedule[i] as number) + 0xca62c1d6) | 0
    e = d
    d = c
    c = (b << 30) | (b >>> 2)
    b = a
    a = next
  }
  state[0] = ((state[0] as number) + a) | 0
  state[1] = ((state[1] as number) + b) | 0
  state[2] = ((state[2] as number) + c) | 0
  state[3] = ((state[3] as number) + d) | 0
  state[4] = ((state[4] as number) + e) | 0
}
