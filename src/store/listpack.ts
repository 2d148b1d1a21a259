/**
 * A listpack: small values one behind the other in one run of bytes, in Redis's own format.
 *
 *   | bytes, u32 | entries, u16 (65535: count them) | entry... | 0xff |
 *   entry = | encoding and value | length of that, 7 bits a byte, to be read backwards |
 *
 * Used by the thread that owns the arena. One object stands on one listpack after the other (`stand`), so that looking
 * at one makes no garbage; who holds it knows how its room grows (`ListpackRoom`). Positions are counted from the
 * listpack's begin, so that they stay right when it moves.
 *
 * The class is final: hashes, lists, sorted sets, sets and streams all come through these methods, and the optimiser sees
 * one shape of object there. With a subclass for each, it gave up on them in servers that have many data types.
 *
 * Invariant: a value that is the canonical text of an int64 is always kept as an integer in the shortest encoding, so
 * that equal values have equal bytes, and finding one is comparing bytes.
 *
 * Format: https://github.com/antirez/listpack/blob/master/listpack.md
 */
import { assert } from '../base/assert.js'
import { copyBytes } from '../base/bytes.js'
import {
  INT64_TEXT_BYTES_MAX,
  isCanonicalInt64,
  parseInt64,
  parseSafeInteger,
  writeBigInt,
  writeInteger,
} from '../base/integer.js'
import {
  backLengthBytes,
  COUNT_UNKNOWN,
  END,
  encodedBytes,
  entryBytes,
  INT13,
  INT16,
  INT24,
  INT32,
  INT64,
  LISTPACK_EMPTY_BYTES,
  LISTPACK_HEADER_BYTES,
  readU32,
  STRING12,
  STRING32,
  writeBackLength,
  writeLow,
  writeU32,
} from './listpack-entry.js'
import type { PackedEntries } from './packed-entries.js'

/** Where the first entry stands, if there is one. */
export const LISTPACK_FIRST = LISTPACK_HEADER_BYTES

const TWO_32 = 4294967296

/** Room for what is put: a long value should not keep more than that for the next one. */
const PENDING_BYTES_MIN = 128
const PENDING_BYTES_KEPT_MAX = 256 * 1024

/** Longer values are only encoded to be sought where there is anything as long. */
const SOUGHT_BYTES_MIN = 4096

/** Encoded entries never need more than this beside the bytes of a string: 5 before and 5 behind it. */
const ENTRY_OVERHEAD_BYTES_MAX = 10

/** What holds a listpack that is edited. */
export interface ListpackRoom {
  /**
   * Replaces `removed` bytes at the position by `inserted` bytes of undefined contents, making the listpack's room
   * larger or smaller, and has the listpack stand where it is then. The header is not looked at.
   * @throws ArenaFullError before anything was changed
   */
  splice(position: number, removed: number, inserted: number): void
}

/** That of a listpack which is only read, or made of what was put. */
const NO_ROOM: ListpackRoom = { splice: () => assert(false, 'a listpack without room was edited') }

export class Listpack {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the listpack begins in `bytes`. */
  base = 0

  /** What `read` found: the value as text. For an integer it lies in memory of this object, until the next `read`. */
  valueBytes: Uint8Array = this.bytes
  valueOffset = 0
  valueLength = 0
  isInteger = false
  /** The integer, rounded where it is beyond 2^53; NaN for a string. */
  number = Number.NaN

  /** The entries that `put` has encoded since `clearPut`, and how many bytes and entries they are. */
  private pending = new Uint8Array(PENDING_BYTES_MIN)
  putBytes = 0
  putEntries = 0

  private readonly digits = new Uint8Array(INT64_TEXT_BYTES_MAX)

  /**
   * @param isTwoWay false: entries have no length behind them, which saves a byte or more each, and cannot be walked
   * backwards. That is no listpack to anybody else, see `asTwoWay`.
   */
  constructor(
    private readonly isTwoWay = true,
    private readonly room = NO_ROOM,
  ) {}

  stand(bytes: Uint8Array, base: number): void {
    this.bytes = bytes
    this.base = base
  }

  /** The whole listpack's length in bytes. */
  get totalBytes(): number {
    return readU32(this.bytes, this.base)
  }

  /** How many entries there are. */
  get count(): number {
    const known = this.knownCount
    if (known !== COUNT_UNKNOWN) return known
    let count = 0
    for (let at = LISTPACK_FIRST; !this.isEnd(at); at = this.next(at)) count++
    if (count < COUNT_UNKNOWN) this.writeHeader(this.totalBytes, count)
    return count
  }

  /** The position of the end mark, where entries are appended. */
  get end(): number {
    return this.totalBytes - 1
  }

  isEnd(position: number): boolean {
    return this.bytes[this.base + position] === END
  }

  /** The position after the entry at this one. */
  next(position: number): number {
    return position + entryBytes(this.bytes, this.base + position, this.isTwoWay)
  }

  /** The position of the entry before this one, -1 at the first. `end` may be given, to get the last. */
  previous(position: number): number {
    assert(this.isTwoWay, 'a listpack of one way was walked backwards')
    if (position === LISTPACK_FIRST) return -1
    const { bytes, base } = this
    let at = base + position - 1
    let length = 0
    let shift = 0
    for (;;) {
      const byte = bytes[at]!
      length |= (byte & 127) << shift
      if ((byte & 128) === 0) break
      shift += 7
      at--
    }
    return position - length - backLengthBytes(length)
  }

  /** The position of the entry with this index; negative ones count from the end. -1 when there is none. */
  seek(index: number): number {
    const { count } = this
    const target = index < 0 ? count + index : index
    if (target < 0 || target >= count) return -1
    if (target * 2 <= count || !this.isTwoWay) {
      let at = LISTPACK_FIRST
      for (let i = 0; i < target; i++) at = this.next(at)
      return at
    }
    let at = this.end
    for (let i = count; i > target; i--) at = this.previous(at)
    return at
  }

  /** Reads the entry at the position into the fields. */
  read(position: number): void {
    const { bytes } = this
    const at = this.base + position
    const first = bytes[at]!
    if (first < 0x80) {
      this.readNumber(first)
    } else if (first < INT13) {
      this.readString(at + 1, first & 63)
    } else if (first < STRING12) {
      const value = ((first & 31) << 8) | bytes[at + 1]!
      this.readNumber((value << 19) >> 19)
    } else if (first < STRING32) {
      this.readString(at + 2, ((first & 15) << 8) | bytes[at + 1]!)
    } else {
      this.readLong(first, at)
    }
  }

  /** Takes so many bytes from `base` on, which are no listpack, as the value that was read. */
  readPlain(length: number): void {
    this.readString(this.base, length)
  }

  /** Forgets what was put. */
  clearPut(): void {
    if (this.pending.length > PENDING_BYTES_KEPT_MAX) this.pending = new Uint8Array(PENDING_BYTES_MIN)
    this.putBytes = 0
    this.putEntries = 0
  }

  /** Encodes a value behind those put before. It may lie in any memory, also in this listpack. */
  put(buffer: Uint8Array, offset: number, length: number): void {
    // Only few strings can be integers, and the first byte tells most of the others.
    if (length <= INT64_TEXT_BYTES_MAX && length > 0 && buffer[offset]! <= 0x39) {
      const number = parseSafeInteger(buffer, offset, length)
      if (!Number.isNaN(number)) {
        this.putInteger(number)
        return
      }
      if (isCanonicalInt64(buffer, offset, length)) {
        this.putInt64(BigInt.asUintN(64, parseInt64(buffer, offset, length)!))
        return
      }
    }
    this.ensure(length)
    const out = this.pending
    const start = this.putBytes
    let at = start
    if (length < 64) {
      out[at++] = 0x80 | length
    } else if (length < 4096) {
      out[at++] = STRING12 | (length >>> 8)
      out[at++] = length & 255
    } else {
      out[at] = STRING32
      writeU32(out, at + 1, length)
      at += 5
    }
    copyBytes(buffer, offset, out, at, length)
    this.endPut(start, at + length)
  }

  /** Encodes a safe integer, as `put` would its text. */
  putInteger(number: number): void {
    this.ensure(0)
    const out = this.pending
    const start = this.putBytes
    let at = start
    if (number >= 0 && number < 128) {
      out[at++] = number
    } else if (number >= -4096 && number < 4096) {
      out[at++] = INT13 | ((number >> 8) & 31)
      out[at++] = number & 255
    } else if (number >= -32768 && number < 32768) {
      out[at++] = INT16
      at = writeLow(out, at, number, 2)
    } else if (number >= -8388608 && number < 8388608) {
      out[at++] = INT24
      at = writeLow(out, at, number, 3)
    } else if (number >= -2147483648 && number < 2147483648) {
      out[at++] = INT32
      at = writeLow(out, at, number, 4)
    } else {
      out[at++] = INT64
      at = writeLow(out, at, number | 0, 4)
      at = writeLow(out, at, Math.floor(number / TWO_32) | 0, 4)
    }
    this.endPut(start, at)
  }

  /** Adds entries that stand encoded already behind those put. */
  putEncoded(buffer: Uint8Array, offset: number, bytes: number, entries: number): void {
    this.ensure(bytes)
    copyBytes(buffer, offset, this.pending, this.putBytes, bytes)
    this.putBytes += bytes
    this.putEntries += entries
  }

  /**
   * Takes a value as the one put, for `find`.
   * @returns false, with nothing put, when it is longer than the listpack and so cannot be found
   */
  putSought(buffer: Uint8Array, offset: number, length: number): boolean {
    this.clearPut()
    if (length >= SOUGHT_BYTES_MIN && length > this.totalBytes) return false
    this.put(buffer, offset, length)
    return true
  }

  /** The first entry from the position on, stepping over `step - 1` between, that is the one value put; -1 for none. */
  find(position: number, step: number): number {
    const { bytes, base, isTwoWay, pending, putBytes } = this
    const first = pending[0]!
    let at = base + position
    while (bytes[at] !== END) {
      if (bytes[at] === first) {
        let i = 1
        while (i < putBytes && bytes[at + i] === pending[i]) i++
        if (i === putBytes) return at - base
      }
      for (let i = 0; i < step && bytes[at] !== END; i++) at += entryBytes(bytes, at, isTwoWay)
    }
    return -1
  }

  /** Whether the entry at the position is the one value put. */
  isPut(position: number): boolean {
    const { bytes, base, pending, putBytes } = this
    for (let i = 0; i < putBytes; i++) if (bytes[base + position + i] !== pending[i]) return false
    return true
  }

  /** How many bytes the listpack would have with all that was put. */
  get bytesWithPut(): number {
    return this.totalBytes + this.putBytes
  }

  /**
   * Inserts all that was put before the entry at the position, or at the end.
   * @throws ArenaFullError before anything was changed
   */
  insertPut(position: number): void {
    this.replaceWithPut(position, position, 0)
  }

  /**
   * Replaces the entries between two positions, `entries` of them, by all that was put.
   * @throws ArenaFullError before anything was changed
   */
  replaceWithPut(from: number, to: number, entries: number): void {
    const total = this.totalBytes
    this.room.splice(from, to - from, this.putBytes)
    copyBytes(this.pending, 0, this.bytes, this.base + from, this.putBytes)
    this.changeHeader(total - (to - from) + this.putBytes, this.putEntries - entries)
  }

  /** Removes the entries between two positions, `entries` of them. */
  removeRange(from: number, to: number, entries: number): void {
    const total = this.totalBytes
    this.room.splice(from, to - from, 0)
    this.changeHeader(total - (to - from), -entries)
  }

  /** Removes so many entries from the position on; there must be as many. What followed them stands at the position. */
  remove(position: number, entries: number): void {
    let to = position
    for (let i = 0; i < entries; i++) to = this.next(to)
    this.removeRange(position, to, entries)
  }

  /** Writes an empty listpack at the beginning of `bytes` from `base` on, of `LISTPACK_EMPTY_BYTES`. */
  writeEmpty(): void {
    this.writeHeader(LISTPACK_EMPTY_BYTES, 0)
    this.bytes[this.base + LISTPACK_HEADER_BYTES] = END
  }

  /** A listpack of all that was put, in memory of its own. This object stands on it afterwards. */
  putAsBytes(): Uint8Array {
    const bytes = new Uint8Array(LISTPACK_EMPTY_BYTES + this.putBytes)
    this.stand(bytes, 0)
    this.writePut()
    return bytes
  }

  /** Writes a listpack of all that was put, of `LISTPACK_EMPTY_BYTES + putBytes`, from `base` on. */
  writePut(): void {
    const { bytes, base, putBytes } = this
    this.writeHeader(LISTPACK_EMPTY_BYTES + putBytes, this.putEntries)
    copyBytes(this.pending, 0, bytes, base + LISTPACK_HEADER_BYTES, putBytes)
    bytes[base + LISTPACK_HEADER_BYTES + putBytes] = END
  }

  /** How many bytes a listpack of these entries takes. */
  bytesFor(entries: PackedEntries): number {
    return LISTPACK_EMPTY_BYTES + (this.isTwoWay ? entries.end - entries.begin : entries.encodedBytes)
  }

  /** Writes a listpack of these entries, which must be canonical, of `bytesFor` them, from `base` on. */
  writeEntries(entries: PackedEntries): void {
    const { bytes, base } = this
    const total = this.bytesFor(entries)
    this.writeHeader(total, entries.count)
    bytes[base + total - 1] = END
    let to = base + LISTPACK_HEADER_BYTES
    if (this.isTwoWay) {
      copyBytes(entries.bytes, entries.begin, bytes, to, entries.end - entries.begin)
      return
    }
    for (let at = entries.begin; at < entries.end; ) {
      const length = encodedBytes(entries.bytes, at)
      copyBytes(entries.bytes, at, bytes, to, length)
      to += length
      at += length + backLengthBytes(length)
    }
  }

  /** Has the entries that were put looked through. */
  showPut(entries: PackedEntries): void {
    const isWhole = this.isTwoWay && entries.openEntries(this.pending, 0, this.putBytes)
    assert(isWhole, 'what was put is no row of entries')
  }

  /** How many entries the header says that there are. */
  private get knownCount(): number {
    const { bytes, base } = this
    return bytes[base + 4]! | (bytes[base + 5]! << 8)
  }

  /** Nobody counts the entries for an edit: what was not known stays so. */
  private changeHeader(total: number, entriesMore: number): void {
    const known = this.knownCount
    this.writeHeader(total, known === COUNT_UNKNOWN ? known : known + entriesMore)
  }

  private writeHeader(total: number, count: number): void {
    const { bytes, base } = this
    writeU32(bytes, base, total)
    const known = count < COUNT_UNKNOWN ? count : COUNT_UNKNOWN
    bytes[base + 4] = known & 255
    bytes[base + 5] = known >>> 8
  }

  private readString(offset: number, length: number): void {
    this.isInteger = false
    this.number = Number.NaN
    this.valueBytes = this.bytes
    this.valueOffset = offset
    this.valueLength = length
  }

  private readNumber(number: number): void {
    this.isInteger = true
    this.number = number
    this.valueBytes = this.digits
    this.valueOffset = 0
    this.valueLength = writeInteger(this.digits, 0, number)
  }

  private readLong(first: number, at: number): void {
    const { bytes } = this
    switch (first) {
      case STRING32:
        this.readString(at + 5, readU32(bytes, at + 1))
        return
      case INT16:
        this.readNumber(((bytes[at + 1]! | (bytes[at + 2]! << 8)) << 16) >> 16)
        return
      case INT24:
        this.readNumber(((bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)) << 8) >> 8)
        return
      case INT32:
        this.readNumber(readU32(bytes, at + 1) | 0)
        return
      default: {
        const low = readU32(bytes, at + 1)
        const high = readU32(bytes, at + 5) | 0
        const number = high * TWO_32 + low
        if (Number.isSafeInteger(number)) {
          this.readNumber(number)
          return
        }
        this.isInteger = true
        this.number = number
        this.valueBytes = this.digits
        this.valueOffset = 0
        this.valueLength = writeBigInt(this.digits, 0, (BigInt(high) << 32n) | BigInt(low))
      }
    }
  }

  private putInt64(value: bigint): void {
    this.ensure(0)
    const out = this.pending
    const start = this.putBytes
    out[start] = INT64
    writeU32(out, start + 1, Number(value & 0xffffffffn))
    writeU32(out, start + 5, Number(value >> 32n))
    this.endPut(start, start + 9)
  }

  private ensure(length: number): void {
    const needed = this.putBytes + length + ENTRY_OVERHEAD_BYTES_MAX
    if (needed <= this.pending.length) return
    const larger = new Uint8Array(needed * 2)
    larger.set(this.pending)
    this.pending = larger
  }

  private endPut(start: number, end: number): void {
    this.putBytes = this.isTwoWay ? end + writeBackLength(this.pending, end, end - start) : end
    this.putEntries++
  }
}

/** The bytes of Redis's listpack with the entries of one of either kind. */
export function asTwoWay(listpack: Listpack): Uint8Array {
  const loose = new Listpack()
  for (let at = LISTPACK_FIRST; !listpack.isEnd(at); at = listpack.next(at)) {
    listpack.read(at)
    loose.put(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
  }
  return loose.putAsBytes()
}
