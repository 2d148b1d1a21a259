/**
 * IDs of stream entries: two 64-bit numbers, milliseconds and sequence, kept as four 32-bit words.
 *
 * Runs on every thread. One object is filled anew for one ID after the other, so that IDs make no garbage. Invariant: the
 * words are signed, as typed arrays and V8's small integers are; only comparisons and texts see them unsigned.
 *
 * Text form: https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
 */
import { isSpace } from '../../base/bytes.js'
import { isCanonicalInt64, parseUnsigned, writeBigInt, writeInteger } from '../../base/integer.js'

export const STREAM_ID_WORDS = 4

/** Two numbers of 20 digits and the minus between them. */
export const STREAM_ID_TEXT_BYTES_MAX = 41

const TWO_32 = 4294967296
const MINUS = 0x2d
const PLUS = 0x2b
const STAR = 0x2a
const ZERO = 0x30

/** Redis takes no longer argument for an ID. */
const TEXT_BYTES_TAKEN_MAX = 127

/** What `StreamId.parse` takes besides `<ms>` and `<ms>-<seq>`. */
export const IdForm = {
  /** Nothing. */
  strict: 0,
  /** `-` and `+`, the least and the greatest ID. */
  withEnds: 1,
  /** `<ms>-*`: the sequence is for the stream to choose, see `isSequenceGiven`. */
  withOpenSequence: 2,
} as const

export class StreamId {
  msHigh = 0
  msLow = 0
  seqHigh = 0
  seqLow = 0
  /** False after `parse` of `<ms>-*`. */
  isSequenceGiven = true

  set(msHigh: number, msLow: number, seqHigh: number, seqLow: number): this {
    this.msHigh = msHigh
    this.msLow = msLow
    this.seqHigh = seqHigh
    this.seqLow = seqLow
    return this
  }

  copy(from: StreamId): this {
    return this.set(from.msHigh, from.msLow, from.seqHigh, from.seqLow)
  }

  /** 0-0, less than any ID that an entry can have. */
  setMin(): this {
    return this.set(0, 0, 0, 0)
  }

  setMax(): this {
    return this.set(-1, -1, -1, -1)
  }

  /** The first ID of a time in ms, a safe integer. */
  setTime(ms: number): this {
    return this.set(Math.floor(ms / TWO_32), ms | 0, 0, 0)
  }

  load(words: Int32Array, at: number): this {
    return this.set(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!)
  }

  save(words: Int32Array, at: number): void {
    words[at] = this.msHigh
    words[at + 1] = this.msLow
    words[at + 2] = this.seqHigh
    words[at + 3] = this.seqLow
  }

  get isMin(): boolean {
    return (this.msHigh | this.msLow | this.seqHigh | this.seqLow) === 0
  }

  get isMax(): boolean {
    return (this.msHigh & this.msLow & this.seqHigh & this.seqLow) === -1
  }

  /** Whether no sequence is left at this time. */
  get isSequenceMax(): boolean {
    return (this.seqHigh & this.seqLow) === -1
  }

  isSameTime(other: StreamId): boolean {
    return this.msHigh === other.msHigh && this.msLow === other.msLow
  }

  /** Negative, zero or positive. */
  compare(other: StreamId): number {
    if (this.msHigh !== other.msHigh) return (this.msHigh >>> 0) - (other.msHigh >>> 0)
    if (this.msLow !== other.msLow) return (this.msLow >>> 0) - (other.msLow >>> 0)
    if (this.seqHigh !== other.seqHigh) return (this.seqHigh >>> 0) - (other.seqHigh >>> 0)
    return (this.seqLow >>> 0) - (other.seqLow >>> 0)
  }

  /** As `compare`, with the ID that stands in a block's words. */
  compareAt(words: Int32Array, at: number): number {
    if (this.msHigh !== words[at]) return (this.msHigh >>> 0) - (words[at]! >>> 0)
    if (this.msLow !== words[at + 1]) return (this.msLow >>> 0) - (words[at + 1]! >>> 0)
    if (this.seqHigh !== words[at + 2]) return (this.seqHigh >>> 0) - (words[at + 2]! >>> 0)
    return (this.seqLow >>> 0) - (words[at + 3]! >>> 0)
  }

  /** The next greater ID. @returns false at the greatest, which becomes the least */
  increment(): boolean {
    this.seqLow = (this.seqLow + 1) | 0
    if (this.seqLow !== 0) return true
    this.seqHigh = (this.seqHigh + 1) | 0
    if (this.seqHigh !== 0) return true
    this.msLow = (this.msLow + 1) | 0
    if (this.msLow !== 0) return true
    this.msHigh = (this.msHigh + 1) | 0
    return this.msHigh !== 0
  }

  /** The next smaller ID. @returns false at the least, which becomes the greatest */
  decrement(): boolean {
    this.seqLow = (this.seqLow - 1) | 0
    if (this.seqLow !== -1) return true
    this.seqHigh = (this.seqHigh - 1) | 0
    if (this.seqHigh !== -1) return true
    this.msLow = (this.msLow - 1) | 0
    if (this.msLow !== -1) return true
    this.msHigh = (this.msHigh - 1) | 0
    return this.msHigh !== -1
  }

  /** Adds to the milliseconds, modulo 2^64. */
  addMs(high: number, low: number): void {
    const sum = (this.msLow >>> 0) + (low >>> 0)
    this.msLow = sum | 0
    this.msHigh = (this.msHigh + high + (sum >= TWO_32 ? 1 : 0)) | 0
  }

  /** Adds to the sequence, modulo 2^64. */
  addSeq(high: number, low: number): void {
    const sum = (this.seqLow >>> 0) + (low >>> 0)
    this.seqLow = sum | 0
    this.seqHigh = (this.seqHigh + high + (sum >= TWO_32 ? 1 : 0)) | 0
  }

  /**
   * Reads an ID from its text, which a zero byte ends as in Redis. A text without a sequence gets the least one, or with
   * `missingSequenceIsMax` the greatest.
   * @param forms what is taken besides numbers: bits of `IdForm`
   * @returns false when the text is no ID; the fields are undefined then
   */
  parse(bytes: Uint8Array, offset: number, lengthMax: number, forms: number, missingSequenceIsMax = false): boolean {
    if (lengthMax > TEXT_BYTES_TAKEN_MAX) return false
    let length = 0
    while (length < lengthMax && bytes[offset + length] !== 0) length++
    this.isSequenceGiven = true
    if (length === 1 && (bytes[offset] === MINUS || bytes[offset] === PLUS)) {
      if ((forms & IdForm.withEnds) === 0) return false
      if (bytes[offset] === MINUS) this.setMin()
      else this.setMax()
      return true
    }
    let dash = 0
    while (dash < length && bytes[offset + dash] !== MINUS) dash++
    if (!parseUint64(bytes, offset, dash)) return false
    this.msHigh = parsedHigh
    this.msLow = parsedLow
    this.seqHigh = missingSequenceIsMax ? -1 : 0
    this.seqLow = this.seqHigh
    if (dash === length) return true
    const rest = offset + dash + 1
    const restLength = length - dash - 1
    if ((forms & IdForm.withOpenSequence) !== 0 && restLength === 1 && bytes[rest] === STAR) {
      this.isSequenceGiven = false
      this.seqHigh = 0
      this.seqLow = 0
      return true
    }
    if (!parseUint64(bytes, rest, restLength)) return false
    this.seqHigh = parsedHigh
    this.seqLow = parsedLow
    return true
  }

  /** Writes `<ms>-<seq>`; the caller guarantees the room. @returns how many bytes it takes */
  write(bytes: Uint8Array, offset: number, separator = MINUS): number {
    let at = offset + writeUint64(bytes, offset, this.msHigh, this.msLow)
    bytes[at++] = separator
    at += writeUint64(bytes, at, this.seqHigh, this.seqLow)
    return at - offset
  }

  /** The text, for messages and tests. */
  toString(): string {
    const text = Buffer.alloc(STREAM_ID_TEXT_BYTES_MAX)
    return text.toString('latin1', 0, this.write(text, 0))
  }
}

// What `parseUint64` found: module variables, as a result object would be garbage.
let parsedHigh = 0
let parsedLow = 0

/**
 * Reads an unsigned 64-bit number. Redis reads the canonical form first and falls back to `strtoull` above 2^63, which
 * also takes a sign, spaces and leading zeros; here as there those count only for what is no canonical int64.
 */
function parseUint64(bytes: Uint8Array, offset: number, length: number): boolean {
  const small = parseUnsigned(bytes, offset, length)
  if (small >= 0) {
    parsedHigh = Math.floor(small / TWO_32)
    parsedLow = small | 0
    return true
  }
  if (isCanonicalInt64(bytes, offset, length) && bytes[offset] === MINUS) return false
  let at = offset
  const end = offset + length
  while (at < end && isSpace(bytes[at]!)) at++
  const isNegative = at < end && bytes[at] === MINUS
  if (at < end && (isNegative || bytes[at] === PLUS)) at++
  if (at === end) return false
  let value = 0n
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return false
    value = value * 10n + BigInt(digit)
  }
  if (value > 0xffffffffffffffffn) return false
  if (isNegative) value = BigInt.asUintN(64, -value)
  parsedHigh = Number(value >> 32n) | 0
  parsedLow = Number(value & 0xffffffffn) | 0
  return true
}

function writeUint64(bytes: Uint8Array, offset: number, high: number, low: number): number {
  const number = (high >>> 0) * TWO_32 + (low >>> 0)
  if (number <= Number.MAX_SAFE_INTEGER) return writeInteger(bytes, offset, number)
  return writeBigInt(bytes, offset, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
}
