/**
 * The entries of a listpack that comes from outside: looked through once, before a collection is made of them in one go.
 *
 * Owned by one shard's thread. One object looks through one listpack after the other, so that a small collection that is
 * loaded makes no garbage. Invariant: nothing outside of the range that it was opened on is read, and what is said of the
 * entries holds as long as their bytes do.
 */
import { isCanonicalInt64 } from '../base/integer.js'
import {
  backLengthBytes,
  COUNT_UNKNOWN,
  END,
  encodedBytes,
  hasBackLength,
  INT13,
  INT16,
  INT64,
  integerAt,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  readU32,
  STRING12,
  STRING32,
} from './listpack-entry.js'

/** Of more entries nobody makes a packed collection. */
const STARTS_MAX = 65536
const STARTS_INITIAL = 256
const SLOTS_INITIAL = 256
const SLOTS_MIN = 8

/** The text of an int64 may be so long. */
const INTEGER_TEXT_BYTES_MAX = 20

const FNV_PRIME = 0x01000193

export class PackedEntries {
  bytes: Uint8Array = new Uint8Array(0)
  count = 0
  /** Where the first entry begins, and where the end mark stands behind the last one. */
  begin = 0
  end = 0
  /** Where each entry begins. */
  starts = new Int32Array(STARTS_INITIAL)
  /** Whether each stands in the form that it gets here. Others may keep the text of an integer as a text. */
  isCanonical = false
  /** Whether none is a text. */
  areIntegers = false
  /** How long the longest text is at most. */
  textBytesMax = 0
  /** How many bytes all entries take without the lengths behind them. */
  encodedBytes = 0
  /** The entries that `hasDistinct` has met, by a hash: where each begins, 0 for none, counted from `begin` - 1. */
  #slots = new Int32Array(SLOTS_INITIAL)

  /** Looks through a listpack. @returns false when it is malformed */
  open(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < LISTPACK_EMPTY_BYTES || readU32(bytes, offset) !== length) return false
    const end = offset + length - 1
    if (bytes[end] !== END || !this.openEntries(bytes, offset + LISTPACK_HEADER_BYTES, end)) return false
    const known = bytes[offset + 4]! | (bytes[offset + 5]! << 8)
    return known === COUNT_UNKNOWN || known === this.count
  }

  /** Looks through entries without header and end mark. @returns false when they are malformed */
  openEntries(bytes: Uint8Array, begin: number, end: number): boolean {
    this.bytes = bytes
    this.begin = begin
    this.end = end
    let count = 0
    let textBytesMax = 0
    let encodedTotal = 0
    let isCanonical = true
    let areIntegers = true
    for (let at = begin; at < end; ) {
      if (count === this.starts.length && count < STARTS_MAX) this.#growStarts()
      this.starts[count++] = at
      const first = bytes[at]!
      // The bytes that may say a length must lie inside before they are read.
      if (first === END || first > INT64 || at + (first === STRING32 ? 5 : 1) > end) return false
      const encoded = encodedBytes(bytes, at)
      const behind = at + encoded
      const next = behind + backLengthBytes(encoded)
      if (next > end || !hasBackLength(bytes, behind, encoded)) return false
      if (isText(first)) {
        areIntegers = false
        textBytesMax = Math.max(textBytesMax, encoded - textHeaderBytes(first))
      } else if (textBytesMax < INTEGER_TEXT_BYTES_MAX) {
        textBytesMax = INTEGER_TEXT_BYTES_MAX
      }
      if (isCanonical && !isCanonicalAt(bytes, at, encoded)) isCanonical = false
      encodedTotal += encoded
      at = next
    }
    this.count = count
    this.textBytesMax = textBytesMax
    this.encodedBytes = encodedTotal
    this.isCanonical = isCanonical
    this.areIntegers = areIntegers
    return true
  }

  /**
   * Whether of every `step` entries the first ones, names of members or fields, are all different. Only for canonical ones:
   * equal values have equal bytes. False also where there are too many to tell.
   */
  hasDistinct(step: number): boolean {
    const { bytes, starts, count, begin } = this
    if (count > STARTS_MAX) return false
    const mask = this.#clearSlots(count / step)
    const slots = this.#slots
    for (let i = 0; i < count; i += step) {
      const at = starts[i]!
      const length = encodedBytes(bytes, at)
      let hash = 0
      for (let k = 0; k < length; k++) hash = Math.imul(hash ^ bytes[at + k]!, FNV_PRIME)
      let slot = (hash ^ (hash >>> 15)) & mask
      for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const other = begin - 1 + slots[slot]!
        let k = 0
        // The first bytes say the length, so that one entry is not the beginning of another.
        while (k < length && bytes[other + k] === bytes[at + k]) k++
        if (k === length) return false
      }
      slots[slot] = at - begin + 1
    }
    return true
  }

  #growStarts(): void {
    const longer = new Int32Array(this.starts.length * 2)
    longer.set(this.starts)
    this.starts = longer
  }

  /** Makes room for so many names. @returns the mask of the slots in use */
  #clearSlots(names: number): number {
    let size = SLOTS_MIN
    while (size < names * 2) size *= 2
    if (size > this.#slots.length) this.#slots = new Int32Array(size)
    else this.#slots.fill(0, 0, size)
    return size - 1
  }
}

function isText(first: number): boolean {
  return (first >= 0x80 && first < INT13) || (first >= STRING12 && first <= STRING32)
}

function textHeaderBytes(first: number): number {
  if (first < INT13) return 1
  return first < STRING32 ? 2 : 5
}

/** Whether the entry is what `Listpack.put` would make of its value. */
function isCanonicalAt(bytes: Uint8Array, at: number, encoded: number): boolean {
  const first = bytes[at]!
  if (first < 0x80) return true
  if (first < INT13) return !isCanonicalInt64(bytes, at + 1, encoded - 1)
  if (first < STRING12) {
    const value = integerAt(bytes, at)
    return value < 0 || value > 127
  }
  if (first < STRING32) return encoded - 2 >= 64
  if (first === STRING32) return encoded - 5 >= 4096
  return !isWithin(integerAt(bytes, at), BITS_BELOW[first - INT16]!)
}

/** For integers of 16, 24, 32 and 64 bits: with so many they would be shorter. */
const BITS_BELOW = [13, 16, 24, 32] as const

function isWithin(value: number, bits: number): boolean {
  const bound = 2 ** (bits - 1)
  return value >= -bound && value < bound
}
