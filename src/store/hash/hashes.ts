/**
 * The hashes of one shard: fields with values, each of which may have a time to live.
 *
 * Owned by one shard's thread; one object stands on one hash after the other. A command that changes a hash calls
 * `openForWrite` or `create`, then changes, then `settle`. One that reads calls `open`, see hash-cursor.ts.
 *
 * Encodings: a listpack while the hash is small (packed-hash.ts), then a table (hash-table.ts).
 */
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { mixDigest, xorDigest } from '../../base/data-digest.js'
import type { Database } from '../database.js'
import { rootWordOf } from '../elements.js'
import { keyEvents } from '../keyspace-events.js'
import { asTwoWay } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import type { PackedEntries } from '../packed-entries.js'
import { type ValueKind, WHOLE } from '../value-kind.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { HashCursor } from './hash-cursor.js'
import { HASH_ROOT_BYTES, HASH_ROOT_WORDS } from './hash-table.js'
import { isDue } from './packed-hash.js'

/** A listpack does not become longer than this, whatever the settings allow (LISTPACK_MAX_SAFETY_LIMIT in Redis). */
const LISTPACK_BYTES_MAX = 1 << 30

/** Stands in the place of a field's time to live in digests. */
const FIELD_EXPIRY_MARK = Buffer.from('!!hexpire!!', 'latin1')

/** Gets the ranges of a field's name and value in `bytes`, and its time or `NO_EXPIRY`. */
export type FieldVisitor = (
  bytes: Uint8Array,
  fieldAt: number,
  fieldLength: number,
  valueAt: number,
  valueLength: number,
  timeMs: number,
) => void

export class Hashes extends HashCursor implements ValueKind {
  /** Where the table of a hash that grows out of its listpack is made. */
  private readonly newRoot = new Int32Array(HASH_ROOT_WORDS)

  /**
   * Makes a key that does not exist, with an empty hash, and stands on it. `settle` must follow.
   * @throws ArenaFullError
   */
  create(db: Database, key: Uint8Array, keyOffset: number, keyLength: number): void {
    this.packed.listpack.clearPut()
    this.packed.createFromPut(db, key, keyOffset, keyLength)
    this.openForWrite(db)
  }

  /** Whether a new hash of so many fields may be made by `put` and `createFromPut`. */
  mayPut(fields: number): boolean {
    this.packed.listpack.clearPut()
    return fields <= this.keyspace.limits.hashMaxListpackEntries
  }

  /**
   * Prepares a field of a new hash; no two may be the same.
   * @returns false when it is too long for a small hash: `create` must be used
   */
  put(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): boolean {
    const { listpack } = this.packed
    const bytesMax = this.keyspace.limits.hashMaxListpackValue
    if (fieldLength > bytesMax || valueLength > bytesMax) return false
    listpack.put(field, fieldOffset, fieldLength)
    listpack.put(value, valueOffset, valueLength)
    return listpack.putBytes <= LISTPACK_BYTES_MAX
  }

  /**
   * Makes a key that does not exist, with a hash of all that was put, in one allocation. Nothing need follow.
   * @throws ArenaFullError
   */
  createFromPut(db: Database, key: Uint8Array, keyOffset: number, keyLength: number): void {
    this.packed.createFromPut(db, key, keyOffset, keyLength)
  }

  /**
   * Makes a key that does not exist, with a hash of these entries, fields and values in turn, in one allocation.
   * @returns false, with nothing made, when they are not what a small hash has here
   * @throws ArenaFullError
   */
  createFromEntries(db: Database, key: Uint8Array, entries: PackedEntries, expireAtMs: number): boolean {
    const { hashMaxListpackEntries, hashMaxListpackValue } = this.keyspace.limits
    const { count } = entries
    if (count === 0 || count % 2 !== 0 || count / 2 > hashMaxListpackEntries) return false
    if (entries.textBytesMax > hashMaxListpackValue || !entries.isCanonical || !entries.hasDistinct(2)) return false
    this.packed.createFromEntries(db, key, entries, expireAtMs)
    return true
  }

  /** So many fields will be there: a large hash gets room for them at once. Without memory for that it is as it was. */
  reserve(fields: number): void {
    if (!this.isTable) return
    this.table.reserve(fields)
    this.table.close()
  }

  /**
   * Sets a field, whether it is there or not.
   * @param keepsTime whether a field that is there keeps its time to live
   * @returns whether it was not there, or past its time
   * @throws ArenaFullError with the hash as it was
   */
  set(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    keepsTime: boolean,
  ): boolean {
    if (!this.isTable) {
      const { limits } = this.keyspace
      const bytesMax = limits.hashMaxListpackValue
      const fits =
        fieldLength <= bytesMax &&
        valueLength <= bytesMax &&
        this.packed.listpack.totalBytes + fieldLength + valueLength < LISTPACK_BYTES_MAX
      const at = fits ? this.packed.findField(field, fieldOffset, fieldLength) : -1
      const fields = this.packed.fieldCount + (at < 0 ? 1 : 0)
      if (fits && fields <= limits.hashMaxListpackEntries) {
        if (at >= 0) return this.replacePacked(at, value, valueOffset, valueLength, keepsTime)
        this.packed.append(field, fieldOffset, fieldLength, value, valueOffset, valueLength)
        return true
      }
      this.becomeTable()
    }
    const { table } = this
    const wasThere = table.expiresSize > 0 && this.find(field, fieldOffset, fieldLength)
    const keeps = keepsTime && wasThere
    try {
      return table.setField(field, fieldOffset, fieldLength, value, valueOffset, valueLength, keeps)
    } finally {
      table.close()
    }
  }

  /** Removes a field, also one past its time. @returns false when it is not there */
  remove(field: Uint8Array, offset: number, length: number): boolean {
    if (this.isTable) {
      if (!this.table.find(field, offset, length)) return false
    } else {
      this.at = this.packed.findField(field, offset, length)
      if (this.at < 0) return false
    }
    this.removeFound()
    return true
  }

  /**
   * Gives the field that `find` has just found a time after which it is gone, or with `NO_EXPIRY` takes it away.
   * @throws ArenaFullError with the hash as it was
   */
  setFoundExpiry(timeMs: number): void {
    const { db, table, packed } = this
    if (timeMs !== NO_EXPIRY) db.joinFieldExpires()
    if (this.isTable) {
      try {
        table.setTime(timeMs)
      } finally {
        table.close()
      }
      return
    }
    if (db.encoding === Encoding.listpack) {
      if (timeMs === NO_EXPIRY) return
      this.at = packed.addTimes(db, this.at)
    }
    packed.setTime(this.at, timeMs)
  }

  /**
   * Ends a change: removes the key when no field is left, and says that it was modified.
   * @param isCounted the modification has been counted already, because the command has made the key
   */
  settle(isCounted: boolean): void {
    const { db } = this
    if (this.length === 0) {
      db.notify(keyEvents.del)
      db.remove()
      return
    }
    this.followExpiries(db)
    if (!isCounted) db.modified()
  }

  /** Ends an attempt to change the hash that has changed nothing, but may have met fields past their time. */
  settleUnchanged(): void {
    if (this.length === 0) this.removeExpired()
    else this.followExpiries(this.db)
  }

  /**
   * The hash in hand has got its value as bytes or as a root, by somebody who does not know what is in it: lets active
   * expiry find its fields if any has a time.
   * @throws ArenaFullError
   */
  adopt(db: Database): void {
    this.open(db)
    this.followExpiries(db)
  }

  elementCount(db: Database): number {
    this.open(db)
    return this.length
  }

  /** The packed hash of the key in hand as a listpack in Redis's bytes, in memory of its own. */
  listpackOf(db: Database): Uint8Array {
    this.packed.openHash(db)
    return asTwoWay(this.packed.listpack)
  }

  encodingName(db: Database): string {
    if (db.encoding === Encoding.hashtable) return 'hashtable'
    return db.encoding === Encoding.listpackEx ? 'listpackex' : 'listpack'
  }

  memoryUsage(db: Database, samples: number): number {
    this.open(db)
    return this.table.tableBytes + this.table.elementBytes(samples)
  }

  freeSome(db: Database, elementsMax: number): boolean {
    this.open(db)
    const isDone = this.table.freeSome(elementsMax)
    this.table.close()
    return isDone
  }

  addToDigest(db: Database, digest: Uint8Array): void {
    this.open(db)
    this.rewind()
    while (this.next()) {
      const field = new Uint8Array(digest.length)
      mixDigest(field, this.fieldBytes.subarray(this.fieldOffset, this.fieldOffset + this.fieldLength))
      mixDigest(field, this.valueBytes.subarray(this.valueOffset, this.valueOffset + this.valueLength))
      if (this.expireAtMs !== NO_EXPIRY) xorDigest(field, FIELD_EXPIRY_MARK)
      xorDigest(digest, field)
    }
  }

  /** Fields one after the other: time, field, value. */
  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number {
    this.open(db)
    return this.visitSome(position, elementsMax, (bytes, fieldAt, fieldLength, valueAt, valueLength, timeMs) => {
      sink.f64(timeMs)
      sink.sized(bytes, fieldAt, fieldLength)
      sink.sized(bytes, valueAt, valueLength)
    })
  }

  /**
   * Visits a portion of the fields of the open hash, which is no packed one.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or -1 when all were visited
   */
  visitSome(position: number, fieldsMax: number, visit: FieldVisitor): number {
    const { table } = this
    let left = fieldsMax
    let bucket = position
    for (; bucket < table.buckets && left > 0; bucket++) {
      table.visitBucket(bucket, () => {
        const { bytes, keyOffset, keyLength, valueOffset, valueLength } = table
        visit(bytes, keyOffset, keyLength, valueOffset, valueLength, table.expireAtMs())
        left--
        return true
      })
    }
    return bucket < table.buckets ? bucket : -1
  }

  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    const isTable = encoding === Encoding.hashtable
    const bytes = isTable ? HASH_ROOT_BYTES : LISTPACK_EMPTY_BYTES
    db.create(key, keyOffset, keyLength, ValueType.hash, encoding, bytes, expireAtMs)
    this.openForWrite(db)
    if (!isTable) this.packed.listpack.writeEmpty()
  }

  readSome(db: Database, source: ByteSource, elementsMax: number): void {
    this.openForWrite(db)
    for (let left = elementsMax; left > 0 && !source.isAtEnd; left--) {
      const timeMs = source.f64()
      const fieldLength = source.u32()
      const fieldOffset = source.raw(fieldLength)
      const valueLength = source.u32()
      const valueOffset = source.raw(valueLength)
      this.append(source.bytes, fieldOffset, fieldLength, source.bytes, valueOffset, valueLength, timeMs)
    }
  }

  /**
   * Adds a field that is not there yet, with its time to live, to the hash that `openForWrite` or `createEmpty` stands on.
   * It grows out of its listpack where the limits say so. Nothing need follow.
   * @throws ArenaFullError with the hash as it was
   */
  append(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    timeMs: number,
  ): void {
    this.set(field, fieldOffset, fieldLength, value, valueOffset, valueLength, false)
    if (timeMs === NO_EXPIRY) return
    // Not `find`, which would remove it if its time is over.
    if (this.isTable) this.table.find(field, fieldOffset, fieldLength)
    else this.at = this.packed.findField(field, fieldOffset, fieldLength)
    this.setFoundExpiry(timeMs)
  }

  /** Gives the field at this position of the listpack another value. @returns whether it was past its time */
  private replacePacked(
    at: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    keepsTime: boolean,
  ): boolean {
    const { packed } = this
    const timeMs = packed.timeAt(at)
    const isNew = isDue(timeMs, this.keyspace.dueMs)
    if (isNew) this.passOver(at)
    if (timeMs === NO_EXPIRY || (keepsTime && !isNew)) packed.setValue(at, value, valueOffset, valueLength)
    else packed.setValueWithoutTime(at, value, valueOffset, valueLength)
    return isNew
  }

  /** The field at this position of the listpack is past its time, and another one of its name takes its place. */
  private passOver(at: number): void {
    const { packed, keyspace, db } = this
    if (keyspace.onFieldExpired !== null) {
      const { listpack } = packed
      listpack.read(at)
      keyspace.onFieldExpired(db, listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
    }
    if (packed.fieldCount === 1) this.beginAnew()
  }

  /**
   * Makes a table of a listpack that becomes too large.
   * @throws ArenaFullError with the hash as it was
   */
  private becomeTable(): void {
    const { db, table, newRoot } = this
    newRoot.fill(0)
    table.open(newRoot, 0)
    try {
      this.rewind()
      while (this.next()) {
        table.setField(
          this.fieldBytes,
          this.fieldOffset,
          this.fieldLength,
          this.valueBytes,
          this.valueOffset,
          this.valueLength,
          false,
        )
        if (this.expireAtMs !== NO_EXPIRY) table.setTime(this.expireAtMs)
      }
      db.spliceValue(0, db.valueLength, HASH_ROOT_BYTES)
    } catch (error) {
      table.freeSome(WHOLE)
      throw error
    }
    table.close()
    db.words.set(newRoot, rootWordOf(db.valueOffset))
    db.setEncoding(Encoding.hashtable)
    table.open(db.words, rootWordOf(db.valueOffset))
    this.isTable = true
  }
}
