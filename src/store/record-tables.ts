/**
 * The tables that find the records of one database: all of them, those with an expiry time, and hashes of which fields have
 * one. Also what is done to them as a whole: walked over, handed to another database, given back.
 *
 * Owned by the shard's thread. Invariants: every record is in `table`; those and only those with an expiry time are in
 * `expires` too, as the same reference, and those and only those whose `FIELD_EXPIRY_FLAG` is set are in `fieldExpires`. The
 * tables' found place is that of the record in hand.
 */
import { assert } from '../base/assert.js'
import { halfSipHashOfWords } from '../base/half-siphash.js'
import { type Arena, ArenaFullError } from './arena.js'
import { type ArenaRef, NO_REF } from './arena-ref.js'
import { BUCKET_BYTES } from './bucket.js'
import type { ChainRebuild } from './chain-rebuild.js'
import { type Epoch, EpochRecords } from './epoch-records.js'
import { FIELD_EXPIRY_FLAG } from './record.js'
import { TABLE_STATE_WORDS, Table } from './table.js'

export abstract class RecordTables extends EpochRecords {
  protected readonly table: Table
  protected readonly expires: Table
  /** Hashes that have fields with a time to live, for active expiry to find them. */
  protected readonly fieldExpires: Table

  constructor(
    arena: Arena,
    rebuild: ChainRebuild,
    protected readonly hashKey0: number,
    protected readonly hashKey1: number,
    epoch: Epoch,
  ) {
    super(arena, epoch)
    this.table = new Table(arena, rebuild, hashKey0, hashKey1)
    this.expires = new Table(arena, rebuild, hashKey0, hashKey1)
    this.fieldExpires = new Table(arena, rebuild, hashKey0, hashKey1)
  }

  /** The hash of the key in hand. */
  protected cursorHash(): number {
    return halfSipHashOfWords(this.words, this.keyOffset >>> 2, this.keyLength, this.hashKey0, this.hashKey1)
  }

  /** Buckets of keys; as many from `pauseResizing` to `resumeResizing`. */
  get buckets(): number {
    return this.table.buckets
  }

  /** No key changes its bucket until `resumeResizing`, so that a walk over the buckets in portions meets each once. */
  pauseResizing(): void {
    this.table.pauseResizing()
  }

  resumeResizing(): void {
    this.table.resumeResizing()
  }

  /** How many hashes have fields with a time to live, and how many buckets `visitFieldExpires` can be called for. */
  get fieldExpiresSize(): number {
    return this.fieldExpires.size
  }

  get fieldExpiresBuckets(): number {
    return this.fieldExpires.buckets
  }

  /** Whether active expiry looks for fields of the value in hand. */
  get hasFieldExpiry(): boolean {
    return (this.meta & FIELD_EXPIRY_FLAG) !== 0
  }

  /**
   * Makes active expiry look for fields of the value in hand.
   * @throws ArenaFullError before anything was changed
   */
  joinFieldExpires(): void {
    if (this.hasFieldExpiry) return
    if (!this.fieldExpires.insert(this.cursorHash(), this.ref)) throw new ArenaFullError(BUCKET_BYTES)
    this.setMeta(this.meta | FIELD_EXPIRY_FLAG)
  }

  leaveFieldExpires(): void {
    if (!this.hasFieldExpiry) return
    this.findIn(this.fieldExpires)
    this.fieldExpires.removeFound()
    this.setMeta(this.meta & ~FIELD_EXPIRY_FLAG)
  }

  /**
   * Calls `visit` with the cursor on each hash of a bucket that has fields with a time to live. It may change or remove
   * the record in hand.
   * @returns how many there were
   */
  visitFieldExpires(bucket: number, visit: () => void): number {
    const { fieldExpires } = this
    const count = fieldExpires.openChain(bucket)
    fieldExpires.pauseResizing()
    for (let i = count - 1; i >= 0; i--) {
      this.load(fieldExpires.select(i))
      const isInTable = this.table.findRef(this.cursorHash(), this.ref)
      assert(isInTable, 'a hash with fields that expire is not in the table')
      visit()
    }
    fieldExpires.resumeResizing()
    return count
  }

  /** Gives all records and tables to another store, which has none. */
  protected handOver(other: RecordTables): void {
    const state = new Int32Array(TABLE_STATE_WORDS)
    const pairs = [
      [this.table, other.table],
      [this.expires, other.expires],
      [this.fieldExpires, other.fieldExpires],
    ] as const
    for (const [own, others] of pairs) {
      own.save(state, 0)
      others.load(state, 0)
      own.forget()
    }
    this.ref = NO_REF
  }

  /**
   * Gives back a portion of the records, from the last bucket on, and in the end the tables: of a store that is being given
   * up. Only this may follow.
   * @param workMax about so many records and buckets are looked at
   * @returns true when nothing is left
   */
  freeSome(workMax: number): boolean {
    let left = this.dropBuckets(this.expires, workMax, false)
    if (left > 0) left = this.dropBuckets(this.fieldExpires, left, false)
    return left > 0 && this.dropBuckets(this.table, left, true) > 0
  }

  /** Gives back a record whose place in the table is about to go. @returns how much work that was, at least 1 */
  protected freeRecord(ref: ArenaRef): number {
    this.arena.free(ref)
    return 1
  }

  /**
   * Gives up buckets of a table from the last on, and in the end the table.
   * @returns how much of the work is left; 0 when there may be more buckets
   */
  private dropBuckets(table: Table, workMax: number, freesRecords: boolean): number {
    let left = workMax
    while (table.buckets > 0) {
      if (left <= 0) return 0
      const count = table.openChain(table.buckets - 1)
      if (freesRecords) for (let i = 0; i < count; i++) left -= this.freeRecord(table.select(i))
      else left -= count
      table.dropLastBucket(count)
      left--
    }
    table.clear()
    return Math.max(1, left)
  }

  /** Has the table stand on the record in hand, which it must have. */
  protected findIn(table: Table): void {
    assert(table.findRef(this.cursorHash(), this.ref), 'a record is not in a table of those that expire')
  }

  protected replaceInFieldExpires(ref: ArenaRef): void {
    this.findIn(this.fieldExpires)
    this.fieldExpires.replaceFound(ref)
  }

  protected replaceInExpires(ref: ArenaRef): void {
    this.findIn(this.expires)
    this.expires.replaceFound(ref)
  }

  protected removeFromExpires(): void {
    this.findIn(this.expires)
    this.expires.removeFound()
  }
}
