/**
 * One node of a stream: some dozens of entries in a listpack, in the layout that Redis keeps in memory and in RDB files.
 *
 *   master   | entries | deleted entries | n | field ... n times | 0 |
 *   entry    | flags | ms difference | sequence difference | m | field, value ... m times | elements of the entry |
 *            | flags | ms difference | sequence difference | value ... n times | elements of the entry |
 *                                                                                         with the fields of the master
 *
 * Owned by one shard's thread. One object stands on one node after the other; `openEntry` reads an entry's head into its
 * fields. Differences are to the node's own ID, the one it has in the index, modulo 2^64. An entry that is deleted is only
 * marked. The number of an entry's elements, without that number itself, stands at its end for those who come from behind.
 *
 * Invariants: a node has an entry that is not deleted. Its block has room for both counters to grow, but for a node that
 * was closed (`shrink`) or loaded; so an append can only fail before it has changed anything.
 */
import { equalBytes } from '../../base/bytes.js'
import type { Arena } from '../arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF } from '../arena-ref.js'
import { LISTPACK_FIRST, Listpack, type ListpackRoom } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import { StreamId } from './stream-id.js'

const DELETED_FLAG = 1
const SAME_FIELDS_FLAG = 2

/** How much two counters can grow from one value to the next. */
const COUNTER_GROWTH_BYTES = 8

const TWO_32 = 4294967296

export class StreamNode implements ListpackRoom {
  readonly listpack = new Listpack(true, this)

  /** The node's ID in the index. */
  readonly masterId = new StreamId()

  /** The entry read by `openEntry`: its ID, how many fields it has, and where the first of its fields or values stands. */
  readonly entryId = new StreamId()
  fieldCount = 0
  isDeleted = false
  hasMasterFields = false
  elementsAt = 0

  /** Where the first field of the master stands, and how many there are. */
  masterFieldsAt = 0
  masterFieldCount = 0

  /** The bytes that a node may grow to before the next is begun; larger blocks are not made in advance. */
  private bytesWanted = 0
  private ref: ArenaRef = NO_REF
  /** The word that names the node's block, in the leaf of the index. */
  private ownerWords: Int32Array = new Int32Array(1)
  private ownerAt = 0

  private high = 0
  private low = 0

  constructor(private readonly arena: Arena) {}

  /**
   * Stands on the node whose block the word names, which it may change when the node grows.
   * @param bytesWanted how large a node is planned to get
   */
  openNode(words: Int32Array, at: number, bytesWanted: number): void {
    const { listpack } = this
    this.ownerWords = words
    this.ownerAt = at
    this.bytesWanted = bytesWanted
    this.standOn(words[at]! as ArenaRef)
    const countAt = listpack.next(this.deletedAt)
    this.masterFieldCount = this.integerAt(countAt)
    this.masterFieldsAt = listpack.next(countAt)
  }

  get liveEntries(): number {
    return this.integerAt(LISTPACK_FIRST)
  }

  get deletedEntries(): number {
    return this.integerAt(this.deletedAt)
  }

  /** Where the first entry stands. */
  get firstEntryAt(): number {
    return this.skip(this.masterFieldsAt, this.masterFieldCount + 1)
  }

  /** Where the entry in front of an entry, or of the end, stands; -1 when there is none. */
  entryBefore(position: number): number {
    const { listpack } = this
    let at = listpack.previous(position)
    const elements = this.integerAt(at)
    if (elements === 0) return -1
    for (let i = 0; i < elements; i++) at = listpack.previous(at)
    return at
  }

  /** Reads the head of the entry at the position. */
  openEntry(position: number): void {
    const flags = this.integerAt(position)
    this.isDeleted = (flags & DELETED_FLAG) !== 0
    this.hasMasterFields = (flags & SAME_FIELDS_FLAG) !== 0
    const { entryId } = this
    entryId.copy(this.masterId)
    let at = this.skip(position, 1)
    this.decode(at)
    entryId.addMs(this.high, this.low)
    at = this.skip(at, 1)
    this.decode(at)
    entryId.addSeq(this.high, this.low)
    at = this.skip(at, 1)
    if (this.hasMasterFields) {
      this.fieldCount = this.masterFieldCount
    } else {
      this.fieldCount = this.integerAt(at)
      at = this.skip(at, 1)
    }
    this.elementsAt = at
  }

  /** How many elements follow `elementsAt` until the next entry. */
  get elementsAhead(): number {
    return (this.hasMasterFields ? this.fieldCount : this.fieldCount * 2) + 1
  }

  /** Where the entry behind the one that was opened stands, or the end. */
  get nextEntryAt(): number {
    return this.skip(this.elementsAt, this.elementsAhead)
  }

  /**
   * The first entry from the position on that is not deleted and whose ID is not less than this one, which is opened; or
   * the end. IDs of deleted entries say nothing of what follows: XSETID may have taken the stream back behind them.
   */
  seekEntry(position: number, id: StreamId): number {
    let at = position
    while (!this.listpack.isEnd(at)) {
      this.openEntry(at)
      if (!this.isDeleted && this.entryId.compare(id) >= 0) break
      at = this.nextEntryAt
    }
    return at
  }

  /** The position behind so many elements. */
  skip(position: number, count: number): number {
    const { listpack } = this
    const { bytes, base } = listpack
    let at = base + position
    for (let i = count; i > 0; i--) {
      // The commonest encodings have their length in the first byte, and a byte behind them for the way back.
      const first = bytes[at]!
      if (first < 0x80) at += 2
      else if (first < 0xc0) at += (first & 63) + 2
      else at = base + listpack.next(at - base)
    }
    return at - base
  }

  /** Marks the entry at the position, which is not deleted, as deleted. It must not be the node's last one. */
  deleteEntry(position: number): void {
    const { listpack } = this
    const flags = this.integerAt(position)
    const before = listpack.totalBytes
    // First what may need memory.
    this.setInteger(this.deletedAt, this.deletedEntries + 1)
    this.setInteger(LISTPACK_FIRST, this.liveEntries - 1)
    // In place, or in fewer bytes where a loaded node has it in more than it needs.
    this.setInteger(position + listpack.totalBytes - before, flags | DELETED_FLAG)
  }

  /**
   * Makes the block of a new node with one entry.
   * @param lengths of the fields and values in turn, as `offsets` into `buffer`, from `first` up to `end`
   * @param bytesPlanned how many bytes the block has at least
   * @returns the block
   * @throws ArenaFullError
   */
  create(
    buffer: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    end: number,
    bytesPlanned: number,
  ): ArenaRef {
    const { listpack } = this
    const fields = (end - first) >>> 1
    listpack.clearPut()
    listpack.putInteger(1)
    listpack.putInteger(0)
    listpack.putInteger(fields)
    for (let i = first; i < end; i += 2) listpack.put(buffer, offsets[i]!, lengths[i]!)
    listpack.putInteger(0)
    listpack.putInteger(SAME_FIELDS_FLAG)
    listpack.putInteger(0)
    listpack.putInteger(0)
    for (let i = first + 1; i < end; i += 2) listpack.put(buffer, offsets[i]!, lengths[i]!)
    listpack.putInteger(fields + 3)
    const needed = LISTPACK_EMPTY_BYTES + listpack.putBytes + COUNTER_GROWTH_BYTES
    this.standOn(this.arena.allocate(Math.max(needed, bytesPlanned)))
    listpack.writePut()
    listpack.clearPut()
    return this.ref
  }

  /**
   * Appends an entry, with arguments as those of `create`.
   * @throws ArenaFullError
   */
  append(id: StreamId, buffer: Uint8Array, offsets: Int32Array, lengths: Int32Array, first: number, end: number): void {
    const { listpack } = this
    const fields = (end - first) >>> 1
    const sameFields = this.hasSameFields(buffer, offsets, lengths, first, end)
    listpack.clearPut()
    listpack.putInteger(sameFields ? SAME_FIELDS_FLAG : 0)
    this.putDifference(id.msHigh, id.msLow, this.masterId.msHigh, this.masterId.msLow)
    this.putDifference(id.seqHigh, id.seqLow, this.masterId.seqHigh, this.masterId.seqLow)
    if (sameFields) {
      for (let i = first + 1; i < end; i += 2) listpack.put(buffer, offsets[i]!, lengths[i]!)
    } else {
      listpack.putInteger(fields)
      for (let i = first; i < end; i++) listpack.put(buffer, offsets[i]!, lengths[i]!)
    }
    listpack.putInteger(listpack.putEntries)
    listpack.insertPut(listpack.end)
    listpack.clearPut()
    this.setInteger(LISTPACK_FIRST, this.liveEntries + 1)
  }

  /** Moves the node to a block that is no larger than it needs; when there is none, it stays. */
  shrink(): void {
    const { arena, ref } = this
    const total = this.listpack.totalBytes
    if (arena.blockBytes(total) >= arena.usableSize(ref)) return
    const smaller = arena.tryAllocate(total)
    if (smaller !== NO_REF) this.moveTo(smaller)
  }

  /** What the node's block takes of the arena. */
  get blockBytes(): number {
    return this.arena.usableSize(this.ref)
  }

  /** As `ListpackRoom`. */
  splice(position: number, removed: number, inserted: number): void {
    const { listpack, arena } = this
    const total = listpack.totalBytes
    const needed = total - removed + inserted + COUNTER_GROWTH_BYTES
    if (inserted > removed && needed > arena.usableSize(this.ref)) {
      this.moveTo(arena.allocate(Math.max(needed, Math.min(needed * 2, this.bytesWanted))))
    }
    const from = listpack.base + position + removed
    listpack.bytes.copyWithin(from + inserted - removed, from, listpack.base + total)
  }

  private get deletedAt(): number {
    return this.listpack.next(LISTPACK_FIRST)
  }

  private standOn(ref: ArenaRef): void {
    this.ref = ref
    this.listpack.stand(this.arena.chunkBytes[chunkOf(ref)]!, byteIndexOf(ref))
  }

  private moveTo(ref: ArenaRef): void {
    const { listpack, arena } = this
    const { bytes, base } = listpack
    const total = listpack.totalBytes
    arena.chunkBytes[chunkOf(ref)]!.set(bytes.subarray(base, base + total), byteIndexOf(ref))
    arena.free(this.ref)
    this.ownerWords[this.ownerAt] = ref
    this.standOn(ref)
  }

  private hasSameFields(
    buffer: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    end: number,
  ): boolean {
    const { listpack } = this
    if ((end - first) >>> 1 !== this.masterFieldCount) return false
    let at = this.masterFieldsAt
    for (let i = first; i < end; i += 2) {
      listpack.read(at)
      const length = lengths[i]!
      if (length !== listpack.valueLength) return false
      if (!equalBytes(buffer, offsets[i]!, listpack.valueBytes, listpack.valueOffset, length)) return false
      at = listpack.next(at)
    }
    return true
  }

  /** Puts the difference of two unsigned 64-bit numbers, modulo 2^64, as a signed one. */
  private putDifference(high: number, low: number, fromHigh: number, fromLow: number): void {
    const { listpack } = this
    if (high === fromHigh) {
      listpack.putInteger((low >>> 0) - (fromLow >>> 0))
      return
    }
    const borrow = low >>> 0 < fromLow >>> 0 ? 1 : 0
    const differenceHigh = (high - fromHigh - borrow) | 0
    const differenceLow = (low - fromLow) >>> 0
    const number = differenceHigh * TWO_32 + differenceLow
    if (Number.isSafeInteger(number)) {
      listpack.putInteger(number)
      return
    }
    const text = Buffer.from(((BigInt(differenceHigh) << 32n) | BigInt(differenceLow)).toString(), 'latin1')
    listpack.put(text, 0, text.length)
  }

  /** Replaces the integer at the position, in place where it takes as many bytes. */
  private setInteger(position: number, value: number): void {
    const { listpack } = this
    const { bytes, base } = listpack
    if (value < 128 && bytes[base + position]! < 128) {
      bytes[base + position] = value
      return
    }
    listpack.clearPut()
    listpack.putInteger(value)
    listpack.replaceWithPut(position, listpack.next(position), 1)
  }

  /** The integer at the position, exact up to 2^53. */
  private integerAt(position: number): number {
    const { listpack } = this
    const first = listpack.bytes[listpack.base + position]!
    if (first < 128) return first
    this.decode(position)
    return this.high * TWO_32 + (this.low >>> 0)
  }

  /** Reads the integer at the position into `high` and `low`. */
  private decode(position: number): void {
    const { listpack } = this
    const { bytes } = listpack
    const at = listpack.base + position
    const first = bytes[at]!
    if (first < 0x80) {
      this.low = first
      this.high = 0
      return
    }
    if (first >>> 5 === 6) this.low = ((((first & 31) << 8) | bytes[at + 1]!) << 19) >> 19
    else if (first === 0xf1) this.low = ((bytes[at + 1]! | (bytes[at + 2]! << 8)) << 16) >> 16
    else if (first === 0xf2) this.low = ((bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)) << 8) >> 8
    else this.low = int32At(bytes, at + 1)
    this.high = first === 0xf4 ? int32At(bytes, at + 5) : this.low >> 31
  }
}

function int32At(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
