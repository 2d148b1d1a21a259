/**
 * CRC16 and the hash slot of a key.
 *
 * Runs on every thread. The variant is CRC-16/XMODEM (polynomial 0x1021, initial value 0, nothing reflected), the one
 * that the Redis Cluster specification prescribes, so that clients and servers agree where a key lives.
 */

import { HASH_SLOTS } from './limits.js'

const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

const SLOT_MASK = HASH_SLOTS - 1

/** What eight shifts make of each value of the top byte. */
const TABLE = buildTable()

function buildTable(): Uint16Array {
  const table = new Uint16Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte << 8
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1
    }
    table[byte] = remainder & 0xffff
  }
  return table
}

/** CRC-16/XMODEM of a range. */
export function crc16(buffer: Uint8Array, offset: number, length: number): number {
  let crc = 0
  const end = offset + length
  for (let i = offset; i < end; i++) {
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >>> 8) ^ buffer[i]!]!
  }
  return crc
}

/**
 * The hash slot (0 to 16383) of a key. Where the key holds a `{` with a `}` somewhere after it and at least one byte
 * between the two, only what stands between the first `{` and the next `}` is hashed, so that a client can put keys
 * into one slot.
 */
export function keySlot(buffer: Uint8Array, offset: number, length: number): number {
  const end = offset + length
  let crc = 0
  for (let i = offset; i < end; i++) {
    const byte = buffer[i]!
    if (byte === OPENING_BRACE) {
      const closing = indexOfClosingBrace(buffer, i + 1, end)
      if (closing > i + 1) return crc16(buffer, i + 1, closing - i - 1) & SLOT_MASK
      // Only the first `{` counts: without a tag behind it the whole key is hashed.
      return crc16(buffer, offset, length) & SLOT_MASK
    }
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >>> 8) ^ byte]!
  }
  return crc & SLOT_MASK
}

function indexOfClosingBrace(buffer: Uint8Array, from: number, end: number): number {
  for (let i = from; i < end; i++) {
    if (buffer[i] === CLOSING_BRACE) return i
  }
  return -1
}

/** The shard that owns a hash slot: each has a range of them. */
export function shardOfSlot(slot: number, shardCount: number): number {
  return Math.floor((slot * shardCount) / HASH_SLOTS)
}
