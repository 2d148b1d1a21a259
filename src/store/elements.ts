/**
 * The elements of one large set, hash or sorted set: records in a table of their own, as keys are in a database.
 *
 * Owned by one shard's thread. One object serves many collections, one after the other: `open` stands on the collection
 * whose root lies in the value of the key in hand, `close` writes the root back. In between it is a cursor over the
 * elements: the element's name is the record's key, what belongs to it (a hash's value, a sorted set's score) its value.
 *
 *   root, in 32-bit words   | the table's state, 7 | the expiring elements' table's state, 7 | 2 unused |
 *
 * Invariants: between `open` and `close` the key's record does not move. Elements are in `expires` when they have a time
 * to live; whether that is over is for the hash type to ask. Every change of the table is followed by `close` before
 * anybody else opens the collection.
 */
import { type ArenaRef, NO_REF } from './arena-ref.js'
import type { Epoch } from './epoch-records.js'
import type { Keyspace } from './keyspace.js'
import { headerWord } from './record.js'
import { RecordStore } from './record-store.js'
import { TABLE_STATE_WORDS } from './table.js'
import { NO_EXPIRY } from './value-type.js'

/** Room for the elements found by a scan that is kept for the next one: 64 KiB. */
const SCANNED_KEPT_MAX = 16384
const SCANNED_MIN = 64

/** A snapshot sees to values as a whole. */
const NO_EPOCH: Epoch = { present: 0, isCut: false }

export const ELEMENTS_ROOT_WORDS = 16
export const ELEMENTS_ROOT_BYTES = ELEMENTS_ROOT_WORDS * 4

export class Elements extends RecordStore {
  /** How many elements the last `scanSome` has found. */
  scannedCount = 0

  /** Those elements, as blocks of the arena. */
  private scanned = new Int32Array(0)
  private readonly keyspace: Keyspace
  private rootWords: Int32Array = new Int32Array(ELEMENTS_ROOT_WORDS)
  private rootAt = 0
  private soughtHash = 0

  constructor(keyspace: Keyspace) {
    const { arena, chainRebuild, hashKey0, hashKey1, requestView } = keyspace
    super(arena, chainRebuild, hashKey0, hashKey1, requestView, NO_EPOCH)
    this.keyspace = keyspace
  }

  /** Stands on the collection whose root begins at this word. A root of zeros is an empty collection. */
  open(words: Int32Array, at: number): void {
    this.rootWords = words
    this.rootAt = at
    this.table.load(words, at)
    this.expires.load(words, at + TABLE_STATE_WORDS)
  }

  /** Writes the root back: after every change of which elements there are or where they lie. */
  close(): void {
    this.table.save(this.rootWords, this.rootAt)
    this.expires.save(this.rootWords, this.rootAt + TABLE_STATE_WORDS)
  }

  protected writeToSnapshot(): void {}

  get size(): number {
    return this.table.size
  }

  /** How many elements have a time to live. */
  get expiresSize(): number {
    return this.expires.size
  }

  /** What the tables hold of the arena, without the elements. */
  get tableBytes(): number {
    return this.table.bytes + this.expires.bytes
  }

  /** The block of the element in hand; it is another one when the element's value has changed its length. */
  get reference(): ArenaRef {
    return this.ref
  }

  /** What the arena holds for the element in hand, without its share of the tables. */
  get blockBytes(): number {
    return this.arena.usableSize(this.ref)
  }

  /** Moves the cursor to the element with this name. @returns false when there is none; `addSought` then adds it */
  find(buffer: Uint8Array, offset: number, length: number): boolean {
    this.soughtHash = this.hash(buffer, offset, length)
    const ref = this.findRecord(this.soughtHash, buffer, offset, length)
    if (ref === NO_REF) return false
    this.load(ref)
    return true
  }

  /**
   * Adds the element that `find` has just not found, with the same name, and stands on it. Its value's bytes are undefined.
   * @throws ArenaFullError before anything was changed
   */
  addSought(buffer: Uint8Array, offset: number, length: number, valueLength: number): void {
    try {
      this.add(this.soughtHash, buffer, offset, length, headerWord(0, 0, 0), valueLength, NO_EXPIRY)
    } catch (error) {
      // The table may have grown before there was no memory for the element.
      this.close()
      throw error
    }
  }

  /**
   * Gives the element in hand another value; it may move. Its time to live stays.
   * @throws ArenaFullError before anything was changed
   */
  setValue(value: Uint8Array, offset: number, length: number): void {
    this.replaceValue(this.cursorHash(), headerWord(0, 0, 0), value, offset, length, this.expireAtMs())
  }

  /**
   * Gives the element in hand a time after which it is gone, or with `NO_EXPIRY` takes it away; it may move.
   * @throws ArenaFullError before anything was changed
   */
  setExpiry(expireAtMs: number): void {
    if (expireAtMs === NO_EXPIRY) {
      if (this.expireAtMs() !== NO_EXPIRY) this.dropExpiry()
      return
    }
    try {
      this.putExpiry(expireAtMs)
    } catch (error) {
      // As in `addSought`.
      this.close()
      throw error
    }
  }

  /** Makes the table large enough for so many elements; without memory for that it stays smaller. `close` must follow. */
  reserve(elements: number): void {
    this.table.reserve(elements)
  }

  /** Removes the element in hand. */
  remove(): void {
    this.unlink()
  }

  /** Moves the cursor to the element in this block, which must be one of the collection's. `remove` may not follow. */
  standOn(ref: ArenaRef): void {
    this.load(ref)
  }

  /** Moves the cursor to a uniformly chosen element. @returns false when there is none */
  random(): boolean {
    const ref = this.table.selectRandom(this.keyspace.prng)
    // It learns how long chains are: without that, not every element is as likely as another.
    this.table.save(this.rootWords, this.rootAt)
    if (ref === NO_REF) return false
    this.load(ref)
    return true
  }

  /** Calls `visit` for every element until it returns false. It must not add or remove any. */
  visitAll(visit: (elements: Elements) => boolean): void {
    for (let bucket = 0; bucket < this.table.buckets; bucket++) if (!this.visitBucket(bucket, visit)) return
  }

  /** How many buckets `visitBucket` can be called for: a walk that is interrupted goes on at the next. */
  get buckets(): number {
    return this.table.buckets
  }

  /** Calls `visit` for every element of a bucket until it returns false. @returns false when it did */
  visitBucket(bucket: number, visit: (elements: Elements) => boolean): boolean {
    const count = this.table.openChain(bucket)
    for (let i = 0; i < count; i++) {
      this.load(this.table.select(i))
      if (!visit(this)) return false
    }
    return true
  }

  /**
   * Takes steps of a scan until it has found so many elements or taken `stepsMax` steps beside the first. An element that is
   * there from the first step of a scan to its last is found at least once, whatever else comes and goes. They are in
   * `standOnScanned`.
   * @param cursor 0 to begin, then what the last call returned
   * @returns where to go on, 0 when the scan is complete
   */
  scanSome(cursor: number, elementsMax: number, stepsMax: number): number {
    const { table } = this
    this.scannedCount = 0
    if (this.scanned.length > SCANNED_KEPT_MAX) this.scanned = new Int32Array(SCANNED_MIN)
    if (table.size === 0) return 0
    let next = cursor
    let stepsLeft = stepsMax
    do {
      this.collectChain(table.scanBucket(next))
      const partner = table.scanPartner(next)
      if (partner >= 0) this.collectChain(partner)
      next = table.nextCursor(next)
    } while (next !== 0 && stepsLeft-- > 0 && this.scannedCount < elementsMax)
    return next
  }

  /** Moves the cursor to the i-th element that `scanSome` has found, as long as none was changed. `remove` may not follow. */
  standOnScanned(i: number): void {
    this.load(this.scanned[i]! as ArenaRef)
  }

  /** An element's value is bytes: it holds nothing of the arena beside its record. */
  protected releaseValue(): boolean {
    return false
  }

  private collectChain(bucket: number): void {
    const count = this.table.openChain(bucket)
    if (this.scannedCount + count > this.scanned.length) {
      const longer = new Int32Array(Math.max(SCANNED_MIN, (this.scannedCount + count) * 2))
      longer.set(this.scanned.subarray(0, this.scannedCount))
      this.scanned = longer
    }
    for (let i = 0; i < count; i++) this.scanned[this.scannedCount++] = this.table.select(i)
  }
}

/** A root's first word, from which `open` reads: where the value of a record in hand begins. */
export function rootWordOf(valueOffset: number): number {
  return valueOffset >>> 2
}
