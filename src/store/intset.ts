/**
 * An intset: 64-bit integers in ascending order, all as wide as the widest of them needs, in Redis's own format.
 *
 *   | width of a member in bytes, u32: 2, 4 or 8 | members, u32 | member, signed... |           all lowest byte first
 *
 * Used by the thread that owns the arena. One object stands on one intset after the other (`stand`), so that looking at
 * one makes no garbage; a subclass knows how its room grows. An integer is handled as two 32-bit halves, because a double
 * is not exact beyond 2^53 and a BigInt is garbage.
 *
 * Invariants: members are ascending and distinct. The width never goes down, as in Redis.
 *
 * Format: intset.h of Redis, and RDB_TYPE_SET_INTSET.
 */
import { INT64_TEXT_BYTES_MAX, parseInt64, parseSafeInteger, writeBigInt, writeInteger } from '../base/integer.js'

export const INTSET_HEADER_BYTES = 8

const INT16_BYTES = 2
const INT32_BYTES = 4
const INT64_BYTES = 8

const TWO_32 = 4294967296

export abstract class Intset {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the intset begins in `bytes`. */
  base = 0

  /** Where `find` found the integer sought, or where it belongs. */
  place = 0

  /** The text of the member that `read` has read; it lies here until the next `read`. */
  readonly text = new Uint8Array(INT64_TEXT_BYTES_MAX)
  textLength = 0

  private soughtHigh = 0
  private soughtLow = 0
  private soughtBytes = INT16_BYTES

  /**
   * Replaces `removed` bytes at the position, which counts from the begin, by `inserted` bytes of undefined contents,
   * making the intset's room larger or smaller, and stands on it again where it is then.
   * @throws ArenaFullError before anything was changed
   */
  protected abstract splice(position: number, removed: number, inserted: number): void

  stand(bytes: Uint8Array, base: number): void {
    this.bytes = bytes
    this.base = base
  }

  /** How many members there are. */
  get count(): number {
    return readU32(this.bytes, this.base + 4)
  }

  /** The whole intset's length in bytes. */
  get totalBytes(): number {
    return INTSET_HEADER_BYTES + this.count * this.width
  }

  /** How many bytes an intset has whose only member is the integer sought. */
  get bytesOfSought(): number {
    return INTSET_HEADER_BYTES + this.soughtBytes
  }

  /** Takes a text as the integer sought. @returns false when it is not the canonical text of an int64 */
  seek(buffer: Uint8Array, offset: number, length: number): boolean {
    if (length === 0 || length > INT64_TEXT_BYTES_MAX) return false
    const number = parseSafeInteger(buffer, offset, length)
    if (!Number.isNaN(number)) {
      this.soughtLow = number | 0
      this.soughtHigh = Math.floor(number / TWO_32) | 0
      if (this.soughtLow !== number) this.soughtBytes = INT64_BYTES
      else this.soughtBytes = number === (number << 16) >> 16 ? INT16_BYTES : INT32_BYTES
      return true
    }
    const large = parseInt64(buffer, offset, length)
    if (large === undefined) return false
    this.soughtLow = Number(BigInt.asIntN(32, large))
    this.soughtHigh = Number(large >> 32n)
    this.soughtBytes = INT64_BYTES
    return true
  }

  /** Looks for the integer sought and sets `place`. */
  find(): boolean {
    const { count, width } = this
    if (this.soughtBytes > width) {
      this.place = this.soughtHigh < 0 ? 0 : count
      return false
    }
    let first = 0
    let last = count - 1
    while (first <= last) {
      const middle = (first + last) >>> 1
      const order = this.order(middle, width)
      if (order === 0) {
        this.place = middle
        return true
      }
      if (order < 0) first = middle + 1
      else last = middle - 1
    }
    this.place = first
    return false
  }

  /**
   * Adds the integer that `find` has just not found.
   * @throws ArenaFullError before anything was changed
   */
  insert(): void {
    const { count, place } = this
    if (this.soughtBytes > this.width) {
      this.widen(count)
      // What needs more room than all others is less or greater than all others.
      if (place === 0) this.moveMembers(0, 1, count)
    } else {
      this.splice(INTSET_HEADER_BYTES + place * this.width, 0, this.width)
    }
    this.writeSought(place)
    writeU32(this.bytes, this.base + 4, count + 1)
  }

  /** Removes the member with this index. */
  removeAt(index: number): void {
    const { count, width } = this
    this.splice(INTSET_HEADER_BYTES + index * width, width, 0)
    writeU32(this.bytes, this.base + 4, count - 1)
  }

  /** Reads the member with this index into `text`. */
  read(index: number): void {
    const { width, bytes, text } = this
    const at = this.memberAt(index, width)
    if (width === INT16_BYTES) this.textLength = writeInteger(text, 0, readInt16(bytes, at))
    else if (width === INT32_BYTES) this.textLength = writeInteger(text, 0, readInt32(bytes, at))
    else this.readWide(at)
  }

  /** Writes an intset of the integer sought at the begin of `bytes` from `base` on, of `bytesOfSought`. */
  writeOnlySought(): void {
    writeU32(this.bytes, this.base, this.soughtBytes)
    writeU32(this.bytes, this.base + 4, 1)
    this.writeSought(0)
  }

  private get width(): number {
    return this.bytes[this.base]!
  }

  private memberAt(index: number, width: number): number {
    return this.base + INTSET_HEADER_BYTES + index * width
  }

  /** Less than, equal to or greater than zero as the member is to the integer sought. */
  private order(index: number, width: number): number {
    const { bytes } = this
    const at = this.memberAt(index, width)
    if (width === INT16_BYTES) return readInt16(bytes, at) - this.soughtLow
    if (width === INT32_BYTES) return readInt32(bytes, at) - this.soughtLow
    const high = readInt32(bytes, at + 4)
    if (high !== this.soughtHigh) return high - this.soughtHigh
    return (readInt32(bytes, at) >>> 0) - (this.soughtLow >>> 0)
  }

  /** Makes members as wide as the integer sought, with room for it behind the last. */
  private widen(count: number): void {
    const from = this.width
    const to = this.soughtBytes
    const oldBytes = count * from
    this.splice(INTSET_HEADER_BYTES + oldBytes, 0, (count + 1) * to - oldBytes)
    const { bytes } = this
    writeU32(bytes, this.base, to)
    // From the last one down: a member's new place lies behind all old places that are still to be read.
    for (let i = count - 1; i >= 0; i--) {
      const at = this.memberAt(i, from)
      const value = from === INT16_BYTES ? readInt16(bytes, at) : readInt32(bytes, at)
      this.write(i, value, value >> 31)
    }
  }

  private moveMembers(from: number, to: number, count: number): void {
    const { width, bytes } = this
    const start = this.memberAt(from, width)
    bytes.copyWithin(this.memberAt(to, width), start, start + count * width)
  }

  private writeSought(index: number): void {
    this.write(index, this.soughtLow, this.soughtHigh)
  }

  private write(index: number, low: number, high: number): void {
    const { bytes, width } = this
    const at = this.memberAt(index, width)
    bytes[at] = low & 255
    bytes[at + 1] = (low >>> 8) & 255
    if (width === INT16_BYTES) return
    bytes[at + 2] = (low >>> 16) & 255
    bytes[at + 3] = low >>> 24
    if (width === INT64_BYTES) writeU32(bytes, at + 4, high)
  }

  private readWide(at: number): void {
    const { bytes, text } = this
    const low = readInt32(bytes, at) >>> 0
    const high = readInt32(bytes, at + 4)
    const number = high * TWO_32 + low
    if (Number.isSafeInteger(number)) this.textLength = writeInteger(text, 0, number)
    else this.textLength = writeBigInt(text, 0, (BigInt(high) << 32n) | BigInt(low))
  }
}

/**
 * Checks an intset that comes from outside: whether it fills exactly `length` bytes, and its members ascend.
 * @returns the number of members, or -1 when it is malformed
 */
export function checkIntset(bytes: Uint8Array, base: number, length: number): number {
  if (length < INTSET_HEADER_BYTES) return -1
  const width = readU32(bytes, base)
  const count = readU32(bytes, base + 4)
  if (width !== INT16_BYTES && width !== INT32_BYTES && width !== INT64_BYTES) return -1
  if (INTSET_HEADER_BYTES + count * width !== length) return -1
  const view = new DataView(bytes.buffer, bytes.byteOffset + base + INTSET_HEADER_BYTES, count * width)
  for (let i = 1; i < count; i++) if (!ascends(view, width, i)) return -1
  return count
}

function ascends(members: DataView, width: number, index: number): boolean {
  const at = index * width
  if (width === INT16_BYTES) return members.getInt16(at - width, true) < members.getInt16(at, true)
  if (width === INT32_BYTES) return members.getInt32(at - width, true) < members.getInt32(at, true)
  return members.getBigInt64(at - width, true) < members.getBigInt64(at, true)
}

function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! | (bytes[at + 1]! << 8)) << 16) >> 16
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function readU32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 255
  bytes[at + 1] = (value >>> 8) & 255
  bytes[at + 2] = (value >>> 16) & 255
  bytes[at + 3] = (value >>> 24) & 255
}
