/**
 * A small hash: a listpack of fields and values, and once a field got a time to live, of fields, values and times.
 *
 * Owned by one shard's thread. One object stands on one hash after the other (`openHash`).
 *
 *   listpack      | field | value | field | value | ...
 *   listpackEx    | field | value | time in ms, 0 for none | ...      those with a time first, in its order
 *
 * Invariant: each call that may fail for lack of memory changes nothing then. The second form is that of Redis 7.4, and
 * its order makes what is due a prefix of the listpack. Entries have no length behind them: nobody walks a hash backwards,
 * and with ten small fields it is a tenth of the memory.
 */
import { copyBytes } from '../../base/bytes.js'
import type { Database } from '../database.js'
import { LISTPACK_FIRST, Listpack } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import type { PackedEntries } from '../packed-entries.js'
import { RecordListpack } from '../record-listpack.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'

/** In the place of a time: the field does not expire. */
const NO_TIME = 0

/** Hears of a field: its name. */
export type FieldVisitor = (bytes: Uint8Array, offset: number, length: number) => void

export class PackedHash {
  private readonly record = new RecordListpack(false)
  readonly listpack = this.record.listpack
  /** How many entries belong to a field: 2, or 3 with times. */
  private width = 2
  /** For values, while this object reads fields: integers are read into the reader's own memory. */
  private readonly valueReader = new Listpack(false)
  /** Where the fields end that `countDue` has counted. */
  private dueEnd = LISTPACK_FIRST
  private rotated = new Uint8Array(128)

  /** Stands on the value of the record in hand. */
  openHash(db: Database): void {
    this.record.open(db)
    this.width = db.encoding === Encoding.listpackEx ? 3 : 2
  }

  /** How many fields there are, due ones included. */
  get fieldCount(): number {
    return this.listpack.count / this.width
  }

  /** The position of the field with this name, or -1. */
  findField(buffer: Uint8Array, offset: number, length: number): number {
    const { listpack } = this
    return listpack.putSought(buffer, offset, length) ? listpack.find(LISTPACK_FIRST, this.width) : -1
  }

  /** The position of the field behind the one at this position. */
  nextField(position: number): number {
    const { listpack } = this
    const next = listpack.next(listpack.next(position))
    return this.width === 3 ? listpack.next(next) : next
  }

  /** A reader that stands on the value of the field at the position, until the next call. */
  readValue(position: number): Listpack {
    const { listpack } = this
    const reader = this.valueReader
    reader.stand(listpack.bytes, listpack.base)
    reader.read(listpack.next(position))
    return reader
  }

  /** When the field at the position expires, or `NO_EXPIRY`. */
  timeAt(position: number): number {
    const { listpack } = this
    if (this.width === 2) return NO_EXPIRY
    const reader = this.valueReader
    reader.stand(listpack.bytes, listpack.base)
    reader.read(listpack.next(listpack.next(position)))
    return reader.number === NO_TIME ? NO_EXPIRY : reader.number
  }

  /** The time at which the first field is due, or `NO_EXPIRY`. */
  get firstDueMs(): number {
    return this.listpack.isEnd(LISTPACK_FIRST) ? NO_EXPIRY : this.timeAt(LISTPACK_FIRST)
  }

  /** How many fields were due before this time, and where the others begin. */
  countDue(nowMs: number): number {
    let count = 0
    let at = LISTPACK_FIRST
    while (!this.listpack.isEnd(at) && isDue(this.timeAt(at), nowMs)) {
      at = this.nextField(at)
      count++
    }
    this.dueEnd = at
    return count
  }
  /** Removes the fields that were due before this time; `tell` hears of each. @returns how many there were */
  removeDue(nowMs: number, tell: FieldVisitor | null): number {
    const { listpack } = this
    const count = this.countDue(nowMs)
    if (tell !== null) {
      for (let at = LISTPACK_FIRST; at !== this.dueEnd; at = this.nextField(at)) {
        listpack.read(at)
        tell(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
      }
    }
    if (count > 0) listpack.removeRange(LISTPACK_FIRST, this.dueEnd, count * this.width)
    return count
  }

  /** The positions of all fields, in a buffer that has room for at least `fieldCount`. */
  writePositions(positions: Int32Array): void {
    let i = 0
    for (let at = LISTPACK_FIRST; !this.listpack.isEnd(at); at = this.nextField(at)) positions[i++] = at
  }

  removeField(position: number): void {
    this.listpack.remove(position, this.width)
  }

  /** Adds a field that is not there yet, without a time. */
  append(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    const { listpack } = this
    listpack.clearPut()
    listpack.put(field, fieldOffset, fieldLength)
    listpack.put(value, valueOffset, valueLength)
    if (this.width === 3) listpack.putInteger(NO_TIME)
    listpack.insertPut(listpack.end)
  }

  /** Gives the field at the position another value; its time stays. */
  setValue(position: number, value: Uint8Array, valueOffset: number, valueLength: number): void {
    const { listpack } = this
    const at = listpack.next(position)
    listpack.clearPut()
    listpack.put(value, valueOffset, valueLength)
    listpack.replaceWithPut(at, listpack.next(at), 1)
  }

  /** Gives the field at the position another value and takes its time away: it moves to the end. */
  setValueWithoutTime(position: number, value: Uint8Array, valueOffset: number, valueLength: number): void {
    const { listpack } = this
    const at = listpack.next(position)
    listpack.clearPut()
    listpack.put(value, valueOffset, valueLength)
    listpack.putInteger(NO_TIME)
    listpack.replaceWithPut(at, listpack.next(listpack.next(at)), 2)
    this.rotate(position, this.nextField(position), listpack.end)
  }

  /** Gives the field at the position a time, or with `NO_EXPIRY` takes it away. Only with times; the field moves. */
  setTime(position: number, timeMs: number): void {
    const { listpack } = this
    const at = listpack.next(listpack.next(position))
    listpack.clearPut()
    listpack.putInteger(timeMs === NO_EXPIRY ? NO_TIME : timeMs)
    listpack.replaceWithPut(at, listpack.next(at), 1)
    const behind = this.nextField(position)
    if (timeMs === NO_EXPIRY) {
      this.rotate(position, behind, listpack.end)
      return
    }
    let target = LISTPACK_FIRST
    while (!listpack.isEnd(target)) {
      if (target !== position) {
        const other = this.timeAt(target)
        if (other === NO_EXPIRY || other > timeMs) break
      }
      target = this.nextField(target)
    }
    this.rotate(position, behind, target)
  }

  /**
   * Makes a listpack without times one with times.
   * @param position of a field
   * @returns that field's position afterwards
   */
  addTimes(db: Database, position: number): number {
    const { listpack } = this
    listpack.clearPut()
    let positionAfter = LISTPACK_FIRST
    for (let at = LISTPACK_FIRST; !listpack.isEnd(at); at = this.nextField(at)) {
      if (at === position) positionAfter = LISTPACK_FIRST + listpack.putBytes
      listpack.read(at)
      listpack.put(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
      const value = this.readValue(at)
      listpack.put(value.valueBytes, value.valueOffset, value.valueLength)
      listpack.putInteger(NO_TIME)
    }
    listpack.replaceWithPut(LISTPACK_FIRST, listpack.end, listpack.count)
    db.setEncoding(Encoding.listpackEx)
    this.width = 3
    return positionAfter
  }

  /** Makes a key that does not exist, whose hash is what was put: pairs of field and value. */
  createFromPut(db: Database, key: Uint8Array, keyOffset: number, keyLength: number): void {
    const { listpack } = this
    const bytes = LISTPACK_EMPTY_BYTES + listpack.putBytes
    db.create(key, keyOffset, keyLength, ValueType.hash, Encoding.listpack, bytes, NO_EXPIRY)
    this.openHash(db)
    listpack.writePut()
  }

  /** Makes a key that does not exist, whose hash is these entries: fields and values in turn. */
  createFromEntries(db: Database, key: Uint8Array, entries: PackedEntries, expireAtMs: number): void {
    const { listpack } = this
    const bytes = listpack.bytesFor(entries)
    db.create(key, 0, key.length, ValueType.hash, Encoding.listpack, bytes, expireAtMs)
    this.openHash(db)
    listpack.writeEntries(entries)
  }

  /** Moves the bytes of one field, which begin at `from` and end at `to`, to where another one begins. */
  private rotate(from: number, to: number, target: number): void {
    if (target >= from && target <= to) return
    const { bytes, base } = this.listpack
    const length = to - from
    if (length > this.rotated.length) this.rotated = new Uint8Array(length * 2)
    copyBytes(bytes, base + from, this.rotated, 0, length)
    if (target < from) {
      copyBytes(bytes, base + target, bytes, base + target + length, from - target)
      copyBytes(this.rotated, 0, bytes, base + target, length)
    } else {
      copyBytes(bytes, base + to, bytes, base + from, target - to)
      copyBytes(this.rotated, 0, bytes, base + target - length, length)
    }
  }
}

/** Whether a time has passed, as for keys: what is due at this very moment is still there. */
export function isDue(timeMs: number, nowMs: number): boolean {
  return timeMs !== NO_EXPIRY && nowMs > timeMs
}
