/**
 * One object that stands on one hash after the other: finding fields, walking over them, and what becomes of those past
 * their time.
 *
 * Owned by one shard's thread. `open` it whenever the cursor of the database has moved.
 *
 * Invariants: between commands a hash has at least one field, and the database's `fieldExpires` has every hash that has a
 * field with a time. A field past its time is absent, except that it counts in `length` for as long as it is there, as in
 * Redis; it goes when it is met, or by active expiry.
 */
import type { Database } from '../database.js'
import { rootWordOf } from '../elements.js'
import type { Keyspace } from '../keyspace.js'
import { keyEvents } from '../keyspace-events.js'
import { LISTPACK_FIRST } from '../listpack.js'
import { WHOLE } from '../value-kind.js'
import { Encoding, NO_EXPIRY } from '../value-type.js'
import { FieldPicker } from './field-picker.js'
import { HashTable } from './hash-table.js'
import { isDue, PackedHash } from './packed-hash.js'

export class HashCursor {
  /** The field that was found or visited last, and its value; undefined when the hash is changed. */
  fieldBytes: Uint8Array = new Uint8Array(0)
  fieldOffset = 0
  fieldLength = 0
  valueBytes: Uint8Array = this.fieldBytes
  valueOffset = 0
  valueLength = 0
  /** When that field is due, or `NO_EXPIRY`. */
  expireAtMs: number = NO_EXPIRY

  protected readonly packed = new PackedHash()
  protected readonly table: HashTable
  private readonly picker: FieldPicker
  protected db!: Database
  protected isTable = false
  /** The hash is gone: its last field was past its time. */
  protected isGone = false
  protected isWriting = false
  private hasToldExpired = false
  /** The position of the field found last, or -1. Only for a listpack. */
  protected at = -1
  private walkAt = LISTPACK_FIRST

  constructor(readonly keyspace: Keyspace) {
    this.table = new HashTable(keyspace)
    this.picker = new FieldPicker(keyspace.prng)
  }

  /** Stands on the hash in hand, to read it. When all of its fields turn out to be past their times, the key is removed. */
  open(db: Database): void {
    this.db = db
    this.isGone = false
    this.isWriting = false
    this.hasToldExpired = false
    this.at = -1
    this.isTable = db.encoding === Encoding.hashtable
    if (this.isTable) this.table.open(db.words, rootWordOf(db.valueOffset))
    else this.packed.openHash(db)
  }

  /** Stands on the hash in hand, to change it. `settle` must follow. */
  openForWrite(db: Database): void {
    this.open(db)
    this.isWriting = true
  }

  /** How many fields there are, with those past their time that have not gone yet. */
  get length(): number {
    if (this.isGone) return 0
    return this.isTable ? this.table.size : this.packed.fieldCount
  }

  /** A time before which no field is due, the earliest of a listpack's; `NO_EXPIRY` where no field has a time. */
  get dueFromMs(): number {
    if (!this.isTable) return this.packed.firstDueMs
    return this.table.expiresSize > 0 ? this.table.nextDueMs : NO_EXPIRY
  }

  /** How many fields `next` visits that are not past their time. */
  get liveLength(): number {
    if (this.isGone) return 0
    const { dueMs } = this.keyspace
    return this.length - (this.isTable ? this.table.countDue(dueMs) : this.packed.countDue(dueMs))
  }

  /** Finds one field of the hash in hand, to read it. */
  findField(db: Database, field: Uint8Array, offset: number, length: number): boolean {
    this.open(db)
    return this.find(field, offset, length)
  }

  /** Finds a field and its value. One past its time is not found, and removed. */
  find(field: Uint8Array, offset: number, length: number): boolean {
    if (this.isGone) return false
    if (this.isTable) {
      const { table } = this
      if (!table.find(field, offset, length)) return false
      this.showElement()
      if (!isDue(this.expireAtMs, this.keyspace.dueMs)) return true
    } else {
      const { packed } = this
      this.at = packed.findField(field, offset, length)
      if (this.at < 0) return false
      this.expireAtMs = packed.timeAt(this.at)
      if (!isDue(this.expireAtMs, this.keyspace.dueMs)) {
        this.showValue()
        return true
      }
    }
    if (this.db.mayExpire) this.expireFound(field, offset, length)
    return false
  }

  /** Begins a walk over all fields. Nothing may be changed until its end. */
  rewind(): void {
    this.walkAt = LISTPACK_FIRST
    if (this.isTable) this.table.rewind()
  }

  /** Goes on to the next field of the walk, also one past its time. @returns false at the end */
  next(): boolean {
    if (this.isGone) return false
    if (this.isTable) {
      if (!this.table.nextElement()) return false
      this.showElement()
      return true
    }
    const { packed, walkAt } = this
    if (packed.listpack.isEnd(walkAt)) return false
    this.showPacked(walkAt)
    this.walkAt = packed.nextField(walkAt)
    return true
  }

  /** Goes on to the next field of the walk that is not past its time. @returns false at the end */
  nextLive(): boolean {
    while (this.next()) if (this.isLive) return true
    return false
  }

  /** Whether a scan goes step by step; else one step gives all fields. */
  get scansBySteps(): boolean {
    return this.isTable
  }

  /** Whether the field in hand is not past its time. */
  get isLive(): boolean {
    return !isDue(this.expireAtMs, this.keyspace.dueMs)
  }

  /**
   * Steps of a scan of a hash that `scansBySteps`, as `Elements.scanSome`. The fields that it finds may be past their time.
   * @returns the cursor to go on with, 0 when the scan is complete
   */
  scan(cursor: number, fieldsMax: number, stepsMax: number): number {
    return this.table.scanSome(cursor, fieldsMax, stepsMax)
  }

  /** How many fields `scan` has found. */
  get scannedCount(): number {
    return this.table.scannedCount
  }

  /** Stands on the i-th field that `scan` has found. */
  standOnScanned(i: number): void {
    this.table.standOnScanned(i)
    this.showElement()
  }

  /** Removes all fields past their time, for a command that chooses among the others. The key may be gone afterwards. */
  expireAll(): void {
    const { db, keyspace } = this
    if (!keyspace.lazyExpireDeletes) return
    // To choose it must do without them: what is left of the hash to write is written at once, if any is there.
    if (!db.mayExpire && isDue(this.dueFromMs, keyspace.dueMs)) keyspace.snapshot?.write(db)
    if (db.mayExpire) this.expireSome(db, WHOLE)
  }

  /** Begins a number of picks. Nothing may be changed until the last. */
  beginPicks(): void {
    if (!this.isTable) this.picker.begin(this.packed)
  }

  /** Stands on a uniformly chosen field. There must be one. */
  pick(): void {
    if (this.isTable) {
      this.table.random()
      this.showElement()
    } else {
      this.showPacked(this.picker.pick())
    }
  }

  /** The block of the field in hand, which no other field has; only where `scansBySteps`. */
  get fieldReference(): number {
    return this.table.reference
  }

  /**
   * Removes fields past their time from the hash in hand, looking at about so many. The key goes with its last field.
   * @returns whether there may be more
   */
  expireSome(db: Database, fieldsMax: number): boolean {
    this.open(db)
    const { keyspace, table, packed } = this
    const { dueMs } = keyspace
    const tell = keyspace.onFieldExpired === null ? null : this.tellDue
    const removed = this.isTable ? table.removeDue(dueMs, fieldsMax, tell) : packed.removeDue(dueMs, tell)
    if (removed > 0) {
      keyspace.stats.expiredFields += removed
      this.tellExpired()
      if (this.length === 0) this.removeExpired()
      else this.announceExpired()
    }
    if (this.isGone) return false
    this.followExpiries(db)
    return this.isTable && table.expiresSize > 0 && dueMs > table.nextDueMs
  }

  /** Removes the field that `find` has just found. */
  removeFound(): void {
    if (this.isTable) {
      this.table.remove()
      this.table.close()
    } else {
      this.packed.removeField(this.at)
    }
  }

  private readonly tellDue = (bytes: Uint8Array, offset: number, length: number): void => {
    this.keyspace.onFieldExpired?.(this.db, bytes, offset, length)
  }

  /** Removes the field found last, because its time is over. */
  private expireFound(field: Uint8Array, offset: number, length: number): void {
    this.keyspace.stats.expiredFields++
    if (this.keyspace.onFieldExpired !== null) this.tellDue(field, offset, length)
    this.removeFound()
    this.tellExpired()
    if (this.length === 0) {
      // Who writes may add fields to what is left, and looks after it in `settle`.
      if (this.isWriting) this.beginAnew()
      else this.removeExpired()
      return
    }
    this.followExpiries(this.db)
    this.announceExpired()
  }

  /** That fields were over their time is told once in a command. */
  private tellExpired(): void {
    if (this.hasToldExpired) return
    this.hasToldExpired = true
    this.db.notify(keyEvents.hexpired)
  }

  /** Removes the key, as all of its fields are past their time. */
  protected removeExpired(): void {
    const { stats } = this.keyspace
    const { dirty } = stats
    this.db.notify(keyEvents.del)
    this.db.remove()
    // Nobody has changed anything: that is not counted, as with keys.
    stats.dirty = dirty
    this.isGone = true
  }

  /** The last field is past its time. With what is added now it is another key, which has no time of the old one's. */
  protected beginAnew(): void {
    const { stats } = this.keyspace
    const { dirty } = stats
    this.db.persist()
    stats.dirty = dirty
  }

  private announceExpired(): void {
    const { stats } = this.keyspace
    const { dirty } = stats
    this.db.modified()
    stats.dirty = dirty
  }

  /** Lets active expiry look at the hash as long as it has a field with a time. */
  protected followExpiries(db: Database): void {
    const hasTimes = this.isTable ? this.table.expiresSize > 0 : this.packed.firstDueMs !== NO_EXPIRY
    if (hasTimes === db.hasFieldExpiry) return
    if (hasTimes) db.joinFieldExpires()
    else db.leaveFieldExpires()
  }

  private showElement(): void {
    const { table } = this
    this.fieldBytes = table.bytes
    this.fieldOffset = table.keyOffset
    this.fieldLength = table.keyLength
    this.valueBytes = table.bytes
    this.valueOffset = table.valueOffset
    this.valueLength = table.valueLength
    this.expireAtMs = table.expireAtMs()
  }

  private showPacked(position: number): void {
    const { listpack } = this.packed
    this.at = position
    this.expireAtMs = this.packed.timeAt(position)
    listpack.read(position)
    this.fieldBytes = listpack.valueBytes
    this.fieldOffset = listpack.valueOffset
    this.fieldLength = listpack.valueLength
    this.showValue()
  }

  private showValue(): void {
    const value = this.packed.readValue(this.at)
    this.valueBytes = value.valueBytes
    this.valueOffset = value.valueOffset
    this.valueLength = value.valueLength
  }
}
