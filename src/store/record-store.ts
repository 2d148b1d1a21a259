/**
 * The records of one database: how they are made, changed, moved and removed, in step with the tables that find them.
 *
 * Owned by the shard's thread. What a change means to clients (expiry, clocks, statistics, who is told) is decided in
 * `Database`; here it is memory only.
 *
 * Invariants: those of the tables (record-tables.ts). A call that fails for lack of memory (`ArenaFullError`) has changed no
 * record.
 */

import { copyBytes } from '../base/bytes.js'
import { GATHERED_WORDS, halfSipHash, halfSipHashAligned } from '../base/half-siphash.js'
import { type Arena, ArenaFullError } from './arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from './arena-ref.js'
import { BUCKET_BYTES } from './bucket.js'
import type { ChainRebuild } from './chain-rebuild.js'
import type { Epoch } from './epoch-records.js'
import {
  copyValue,
  EPOCH_FLAG,
  EXPIRY_FLAG,
  FIELD_EXPIRY_FLAG,
  KEPT_FLAGS,
  keyWordOffset,
  LAYOUT_FLAGS,
  layoutFor,
  VALUE_LENGTH_INLINE_MAX,
  valueByteOffset,
  WIDE_FLAG,
  writeLengths,
} from './record.js'
import { RecordTables } from './record-tables.js'
import { NO_EXPIRY, ValueType } from './value-type.js'

/** The words of the key in hand, see `halfSipHash`. Shared by all databases of the thread: no call keeps them. */
const gathered = new Int32Array(GATHERED_WORDS)

/** Comparing a longer key by bytes costs as much as finding it. */
const KEY_IN_HAND_BYTES_MAX = 32

/** A growing value gets as much again as slack, and from here on an eighth: appending stays linear in the total. */
const DOUBLING_BYTES_MAX = 1024 * 1024

/** The buffer that most keys come in, also as words: keys that begin at a word of it are hashed without looking at bytes. */
export interface RequestView {
  bytes: Uint8Array
  words: Int32Array
}

export abstract class RecordStore extends RecordTables {
  constructor(
    arena: Arena,
    rebuild: ChainRebuild,
    hashKey0: number,
    hashKey1: number,
    private readonly requestView: RequestView,
    epoch: Epoch,
  ) {
    super(arena, rebuild, hashKey0, hashKey1, epoch)
  }

  /**
   * Gives back what the value in hand holds of the arena beside its record, because the value is about to go.
   * @returns true when somebody else will do that later, and give the record's block back with it
   */
  protected abstract releaseValue(): boolean

  /**
   * Makes the value of the record in hand longer or shorter: the beginning stays, growth is zeros. The record may move,
   * and the cursor with it. Not counted as a modification: the caller changes bytes next and then calls `modified`.
   * @throws ArenaFullError only when it grows
   */
  resizeValue(length: number): void {
    const old = this.valueLength
    const usable = this.arena.usableSize(this.ref)
    const needed = this.overheadBytes + length
    const fits = needed <= usable && ((this.meta & WIDE_FLAG) !== 0 || length <= VALUE_LENGTH_INLINE_MAX)
    if (length > old) {
      if (fits) {
        this.setValueLength(length)
        this.bytes.fill(0, this.valueOffset + old, this.valueOffset + length)
        return
      }
      const slack = length <= DOUBLING_BYTES_MAX ? length : Math.max(DOUBLING_BYTES_MAX, length >>> 3)
      const layout = layoutFor(this.keyLength, length + slack, this.expireAtMs() !== NO_EXPIRY)
      const bytes = valueByteOffset(layout, this.keyLength) + length + slack
      this.move(this.arena.allocate(bytes), layout)
      this.setValueLength(length)
      if (!this.arena.isZeroed(this.ref)) {
        this.bytes.fill(0, this.valueOffset + old, this.valueOffset + length)
      }
      return
    }
    this.setValueLength(length)
    if (needed * 2 >= usable) return
    const layout = layoutFor(this.keyLength, length, this.expireAtMs() !== NO_EXPIRY)
    const bytes = valueByteOffset(layout, this.keyLength) + length
    if (this.arena.blockBytes(bytes) * 2 > usable) return
    // Shrinking must not fail: without memory for the smaller block the larger one stays.
    const smaller = this.arena.tryAllocate(bytes)
    if (smaller !== NO_REF) this.move(smaller, layout)
  }

  /**
   * Replaces `removed` bytes of the value in hand at `position` by `inserted` bytes of undefined contents. The record's
   * block is made as large as it needs to be and no larger: for packed collections, of which there may be many. The
   * record may move, and the cursor with it. Not counted as a modification.
   * @throws ArenaFullError only when the value grows, before anything was changed
   */
  spliceValue(position: number, removed: number, inserted: number): void {
    const old = this.valueLength
    const length = old - removed + inserted
    const tail = old - position - removed
    const usable = this.arena.usableSize(this.ref)
    if (length > old) {
      const fits = this.overheadBytes + length <= usable
      if (!fits || ((this.meta & WIDE_FLAG) === 0 && length > VALUE_LENGTH_INLINE_MAX)) {
        const layout = layoutFor(this.keyLength, length, this.expireAtMs() !== NO_EXPIRY)
        this.move(this.arena.allocate(valueByteOffset(layout, this.keyLength) + length), layout)
      }
    }
    const from = this.valueOffset + position
    copyBytes(this.bytes, from + removed, this.bytes, from + inserted, tail)
    if (length >= old) this.setValueLength(length)
    else this.resizeValue(length)
  }

  /** The hash of a key; leaves its words for `findRecord` and `add`, until the next call. */
  protected hash(buffer: Uint8Array, offset: number, length: number): number {
    const request = this.requestView
    if (buffer === request.bytes && (offset & 3) === 0) {
      return halfSipHashAligned(request.words, offset >>> 2, length, this.hashKey0, this.hashKey1, gathered)
    }
    return halfSipHash(buffer, offset, length, this.hashKey0, this.hashKey1, gathered)
  }

  /**
   * Whether the record in hand has this key and is where the table has found it: commands that follow one another often
   * have the same key, and comparing it costs less than hashing and finding it.
   */
  protected isInHand(buffer: Uint8Array, offset: number, length: number): boolean {
    if (length !== this.keyLength || this.table.foundRef !== this.ref || this.ref === NO_REF) return false
    if (length > KEY_IN_HAND_BYTES_MAX) return false
    const { bytes, keyOffset } = this
    // From the end, where keys differ first.
    for (let i = length - 1; i >= 0; i--) if (bytes[keyOffset + i] !== buffer[offset + i]) return false
    return true
  }

  /** The record with this key, which has just been hashed, or `NO_REF`. */
  protected findRecord(hash: number, buffer: Uint8Array, offset: number, length: number): ArenaRef {
    return this.table.find(hash, buffer, offset, length, gathered)
  }

  /** Moves the cursor to a key, if it is one that the snapshot in hand has yet to write. @returns whether it is */
  standOnPast(buffer: Uint8Array, offset: number, length: number): boolean {
    const ref = this.findRecord(this.hash(buffer, offset, length), buffer, offset, length)
    if (ref === NO_REF) return false
    this.load(ref)
    return this.isPast
  }

  /** Adds a record for a key that has just been hashed and is not there, and loads it. Its value's bytes are undefined. */
  protected add(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    header: number,
    valueLength: number,
    expireAtMs: number,
  ): void {
    const { arena } = this
    const layout = layoutFor(keyLength, valueLength, expireAtMs !== NO_EXPIRY)
    const ref = arena.allocate(valueByteOffset(layout, keyLength) + valueLength)
    const words = arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    words[at] = header
    writeLengths(words, at, layout | this.epoch.present, keyLength, valueLength)
    const keyAt = at + keyWordOffset(layout)
    const keyWords = (keyLength + 3) >>> 2
    if (keyWords <= GATHERED_WORDS) {
      for (let i = 0; i < keyWords; i++) words[keyAt + i] = gathered[i]!
    } else {
      words[keyAt + keyWords - 1] = 0
      copyBytes(key, keyOffset, arena.chunkBytes[chunkOf(ref)]!, keyAt << 2, keyLength)
    }
    if (!this.table.insert(hash, ref)) {
      arena.free(ref)
      throw new ArenaFullError(keyLength + valueLength)
    }
    this.load(ref)
    if ((layout & EXPIRY_FLAG) === 0) return
    this.setExpiryField(expireAtMs)
    if (expireAtMs === NO_EXPIRY || this.expires.insert(hash, ref)) return
    this.setExpiryField(NO_EXPIRY)
    this.table.removeFound()
    arena.free(ref)
    throw new ArenaFullError(keyLength + valueLength)
  }

  /**
   * Gives the record in hand a new header, value and expiry, in place where it was a string and its block is the right one.
   * The value may be a part of the old one. Of a collection it is the flat value or the root.
   */
  protected replaceValue(
    hash: number,
    header: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    expiry: number,
  ): void {
    if (this.isPast) this.writeToSnapshot()
    if (
      valueLength === this.valueLength &&
      (this.meta & LAYOUT_FLAGS) === 0 &&
      expiry === NO_EXPIRY &&
      this.type === ValueType.string
    ) {
      // The commonest overwrite by far: nothing of the record changes but its header and value.
      this.words[this.at] = header
      this.encoding = (header >>> 4) & 15
      copyValue(value, valueOffset, this.words, this.bytes, this.valueOffset, valueLength)
      return
    }
    const { arena, keyLength } = this
    const hadExpiry = this.expireAtMs() !== NO_EXPIRY
    const hasExpiry = expiry !== NO_EXPIRY
    const layout = layoutFor(keyLength, valueLength, hasExpiry)
    const bytes = valueByteOffset(layout, keyLength) + valueLength
    const old = this.ref
    // A collection's record may have to outlive its value, see `releaseValue`.
    const stays =
      this.type === ValueType.string &&
      (this.meta & LAYOUT_FLAGS) === layout &&
      arena.usableSize(old) === arena.blockBytes(bytes)
    const ref = stays ? old : arena.allocate(bytes)
    if (hasExpiry && !hadExpiry && !this.expires.insert(hash, ref)) {
      if (!stays) arena.free(ref)
      throw new ArenaFullError(bytes)
    }
    this.leaveFieldExpires()
    const outlives = this.releaseValue()
    if (hadExpiry && !hasExpiry) this.removeFromExpires()
    else if (hadExpiry && !stays) this.replaceInExpires(ref)
    const keyWordsAt = this.keyOffset >>> 2
    const oldWords = this.words
    const words = arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    words[at] = header
    writeLengths(words, at, layout | this.epoch.present, keyLength, valueLength)
    if (!stays) {
      const keyAt = at + keyWordOffset(layout)
      const keyWords = (keyLength + 3) >>> 2
      for (let i = 0; i < keyWords; i++) words[keyAt + i] = oldWords[keyWordsAt + i]!
      this.table.replaceFound(ref)
    }
    this.load(ref)
    if ((layout & EXPIRY_FLAG) !== 0) this.setExpiryField(expiry)
    copyValue(value, valueOffset, this.words, this.bytes, this.valueOffset, valueLength)
    // Last, as the value may have been a part of the old record.
    if (!stays && !outlives) arena.free(old)
  }

  /**
   * Sets the expiry of the record in hand, which may move.
   * @throws ArenaFullError
   */
  protected putExpiry(expireAtMs: number): void {
    if (this.isPast) this.writeToSnapshot()
    const hadExpiry = this.expireAtMs() !== NO_EXPIRY
    if ((this.meta & EXPIRY_FLAG) === 0) this.addExpiryField()
    if (!hadExpiry && !this.expires.insert(this.cursorHash(), this.ref)) throw new ArenaFullError(BUCKET_BYTES)
    this.setExpiryField(expireAtMs)
  }

  /** Takes the expiry of the record in hand away; the room for it stays. */
  protected dropExpiry(): void {
    if (this.isPast) this.writeToSnapshot()
    this.removeFromExpires()
    this.setExpiryField(NO_EXPIRY)
  }

  /** Takes the record in hand out of the tables and gives its memory back. */
  protected unlink(): void {
    if (this.isPast) this.writeToSnapshot()
    if (this.expireAtMs() !== NO_EXPIRY) this.removeFromExpires()
    this.leaveFieldExpires()
    const outlives = this.releaseValue()
    this.table.removeFound()
    if (!outlives) this.arena.free(this.ref)
    this.ref = NO_REF
  }

  /** Moves the cursor to a record that is in no table any more. Only for giving its value back. */
  standOnDetached(ref: ArenaRef): void {
    this.load(ref)
  }

  /** Moves the record in hand to a larger or smaller block with other layout flags, as much of its value as fits. */
  private move(ref: ArenaRef, layout: number): void {
    const { arena, keyLength } = this
    const old = this.ref
    const expireAtMs = this.expireAtMs()
    const valueLength = this.valueLength
    const words = arena.chunkWords[chunkOf(ref)]!
    const bytes = arena.chunkBytes[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    words[at] = this.words[this.at]!
    writeLengths(words, at, layout | (this.meta & EPOCH_FLAG), keyLength, valueLength)
    // The key, its padding and the value lie in a row in both layouts.
    const length = this.valueOffset - this.keyOffset + valueLength
    copyBytes(this.bytes, this.keyOffset, bytes, (at + keyWordOffset(layout)) << 2, length)
    if (expireAtMs !== NO_EXPIRY) this.replaceInExpires(ref)
    const fieldExpires = this.meta & FIELD_EXPIRY_FLAG
    if (fieldExpires !== 0) this.replaceInFieldExpires(ref)
    this.table.replaceFound(ref)
    this.load(ref)
    if (fieldExpires !== 0) this.setMeta(this.meta | FIELD_EXPIRY_FLAG)
    if ((layout & EXPIRY_FLAG) !== 0) this.setExpiryField(expireAtMs)
    arena.free(old)
  }

  /** Makes room for an expiry in the record in hand: in its block if that has room, else in a larger one. */
  private addExpiryField(): void {
    const { arena } = this
    const layout = (this.meta & KEPT_FLAGS) | EXPIRY_FLAG
    const bytes = valueByteOffset(layout, this.keyLength) + this.valueLength
    if (bytes > arena.usableSize(this.ref)) {
      this.move(arena.allocate(bytes), layout)
      return
    }
    const length = this.valueOffset - this.keyOffset + this.valueLength
    this.bytes.copyWithin(this.keyOffset + 8, this.keyOffset, this.keyOffset + length)
    writeLengths(this.words, this.at, layout, this.keyLength, this.valueLength)
    this.load(this.ref)
    this.setExpiryField(NO_EXPIRY)
  }

  private setValueLength(length: number): void {
    writeLengths(this.words, this.at, this.meta & KEPT_FLAGS, this.keyLength, length)
    this.meta = this.words[this.at + 1]!
    this.valueLength = length
  }
}
