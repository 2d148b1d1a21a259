/**
 * The byte layout of a record: one block of the arena that holds a key, its value and what is known about it.
 *
 * Used by the thread that owns the arena.
 *
 *   word 0   | type 4 | encoding 4 | access clock 24 |                                                lowest bits first
 *   word 1   | value length 18 | key length 10 | expiry 1 | wide 1 | epoch 1 | field expiry 1 |
 *   2 words  | key length | value length |              only when `wide`: either length may outgrow its field
 *   8 bytes  | expiry as a double, in ms, or -1 |       only when `expiry`: room for a time to live
 *            | key, filled up with zeros to whole words |
 *            | value |                                  begins at a multiple of 8
 *
 * Invariants: the key begins at a multiple of 8 and its last word is filled up with zero bytes, so that keys are hashed
 * and compared by words. A record of a 16-byte key and a 32-byte value takes 56 bytes. `epoch` tells the records that the
 * snapshot in hand has yet to write from all others, see rdb/snapshot-walk.ts. `field expiry` says that the record is in the
 * table of hashes that have fields with a time to live.
 */

import { copyBytes } from '../base/bytes.js'

export const HEADER_WORDS = 2
export const KEY_LENGTH_INLINE_MAX = 1023
export const VALUE_LENGTH_INLINE_MAX = 262143

/**
 * A record with room for a larger value than this has room for an expiry from the start: giving it a time to live must
 * not mean to move so much.
 */
export const EXPIRY_ROOM_VALUE_BYTES_MIN = 4096

export const CLOCK_SHIFT = 8
export const TYPE_AND_ENCODING_MASK = 0xff

export const EXPIRY_FLAG = 1 << 28
export const WIDE_FLAG = 1 << 29
export const LAYOUT_FLAGS = EXPIRY_FLAG | WIDE_FLAG
/** Says nothing about the layout: it goes along with a record that changes its layout or place. */
export const FIELD_EXPIRY_FLAG = 1 << 31
/** Likewise. What it means changes with every snapshot, see `Epoch`. */
export const EPOCH_FLAG = 1 << 30
/** What stays with a record whose lengths change. */
export const KEPT_FLAGS = LAYOUT_FLAGS | FIELD_EXPIRY_FLAG | EPOCH_FLAG

const KEY_LENGTH_SHIFT = 18

/** The first word of a record. */
export function headerWord(type: number, encoding: number, clock: number): number {
  return type | (encoding << 4) | (clock << CLOCK_SHIFT)
}

/** The layout flags of a record with this key and room for a value of `capacity` bytes. */
export function layoutFor(keyLength: number, capacity: number, expires: boolean): number {
  let layout = 0
  if (expires || capacity > EXPIRY_ROOM_VALUE_BYTES_MIN) layout |= EXPIRY_FLAG
  if (keyLength > KEY_LENGTH_INLINE_MAX || capacity > VALUE_LENGTH_INLINE_MAX) layout |= WIDE_FLAG
  return layout
}

/** How many words lie before the key. `meta` is the record's second word, or its layout flags. */
export function keyWordOffset(meta: number): number {
  return HEADER_WORDS + ((meta >>> 27) & 2) + ((meta >>> 28) & 2)
}

/** How many bytes lie before the value. */
export function valueByteOffset(meta: number, keyLength: number): number {
  return (keyWordOffset(meta) << 2) + ((keyLength + 7) & ~7)
}

/** The length of the key of the record at word `at`. */
export function keyLengthAt(words: Int32Array, at: number): number {
  const meta = words[at + 1]!
  return (meta & WIDE_FLAG) === 0 ? (meta >>> KEY_LENGTH_SHIFT) & KEY_LENGTH_INLINE_MAX : words[at + HEADER_WORDS]!
}

/** The length of the value of the record at word `at`. */
export function valueLengthAt(words: Int32Array, at: number): number {
  const meta = words[at + 1]!
  return (meta & WIDE_FLAG) === 0 ? meta & VALUE_LENGTH_INLINE_MAX : words[at + HEADER_WORDS + 1]!
}

/** Writes both lengths and the layout flags of the record at word `at`. */
export function writeLengths(
  words: Int32Array,
  at: number,
  layout: number,
  keyLength: number,
  valueLength: number,
): void {
  if ((layout & WIDE_FLAG) === 0) {
    words[at + 1] = layout | (keyLength << KEY_LENGTH_SHIFT) | valueLength
    return
  }
  words[at + 1] = layout
  words[at + HEADER_WORDS] = keyLength
  words[at + HEADER_WORDS + 1] = valueLength
}

/** Where the expiry of the record at word `at` lies in the chunk's doubles, when its layout has one. */
export function expiryDoubleIndex(meta: number, at: number): number {
  return (at + HEADER_WORDS + ((meta >>> 28) & 2)) >>> 1
}

/** Up to here assembling words costs no more than a view for `TypedArray.set`, and it leaves no garbage. */
const COPY_BY_WORDS_BYTES_MAX = 128

/**
 * Copies a value into its place in a record, which begins at a whole word and may be written to up to the end of its
 * last word. The source may be a part of the same record, from the place on: words are read before they are
 * overwritten.
 */
export function copyValue(
  from: Uint8Array,
  fromOffset: number,
  words: Int32Array,
  bytes: Uint8Array,
  toOffset: number,
  length: number,
): void {
  if (length > COPY_BY_WORDS_BYTES_MAX) {
    copyBytes(from, fromOffset, bytes, toOffset, length)
    return
  }
  let at = fromOffset
  let to = toOffset >>> 2
  const end = to + (length >>> 2)
  for (; to < end; to++) {
    words[to] = from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24)
    at += 4
  }
  const rest = length & 3
  if (rest === 0) return
  let word = from[at]!
  if (rest > 1) word |= from[at + 1]! << 8
  if (rest > 2) word |= from[at + 2]! << 16
  words[to] = word
}
