/**
 * Values of any type as RDB: the one place that knows which form writes a type and which loader reads a form.
 *
 * Owned by one shard's thread.
 */
import { assert } from '../../base/assert.js'
import type { Database } from '../database.js'
import { isFlat, ValueType } from '../value-type.js'
import { hashForm, loadHash } from './hash-form.js'
import { listForm, loadList } from './list-form.js'
import { type LoadTarget, type RdbForm, type RdbLoader, WRITTEN } from './rdb-form.js'
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY, RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'
import { loadSet, setForm } from './set-form.js'
import { loadStream, streamForm } from './stream-form.js'
import { loadString, stringForm } from './string-form.js'
import { loadZset, zsetForm } from './zset-form.js'

const forms: ReadonlyMap<number, RdbForm> = new Map([
  [ValueType.string, stringForm],
  [ValueType.list, listForm],
  [ValueType.set, setForm],
  [ValueType.zset, zsetForm],
  [ValueType.hash, hashForm],
  [ValueType.stream, streamForm],
])

const loaders: ReadonlyMap<number, RdbLoader> = new Map<number, RdbLoader>([
  [RdbType.string, loadString],
  [RdbType.list, loadList],
  [RdbType.listZiplist, loadList],
  [RdbType.listQuicklist, loadList],
  [RdbType.listQuicklist2, loadList],
  [RdbType.set, loadSet],
  [RdbType.setIntset, loadSet],
  [RdbType.setListpack, loadSet],
  [RdbType.zset, loadZset],
  [RdbType.zset2, loadZset],
  [RdbType.zsetZiplist, loadZset],
  [RdbType.zsetListpack, loadZset],
  [RdbType.hash, loadHash],
  [RdbType.hashZipmap, loadHash],
  [RdbType.hashZiplist, loadHash],
  [RdbType.hashListpack, loadHash],
  [RdbType.hashListpackExPreGa, loadHash],
  [RdbType.hashMetadataPreGa, loadHash],
  [RdbType.hashListpackEx, loadHash],
  [RdbType.hashMetadata, loadHash],
  [RdbType.streamListpacks, loadStream],
  [RdbType.streamListpacks2, loadStream],
  [RdbType.streamListpacks3, loadStream],
])

function formOf(db: Database): RdbForm {
  const form = forms.get(db.type)
  assert(form !== undefined, 'a type without a form in RDB')
  return form
}

/** The byte that says the type and form of the value in hand. */
export function rdbTypeOf(db: Database): number {
  return formOf(db).rdbType(db)
}

/** Writes the value in hand without that byte, which stands before the key in files. */
export function writeValue(db: Database, writer: RdbWriter): void {
  formOf(db).write(db, writer)
}

/** A value of more elements takes more than a millisecond or two. */
const STRAIGHT_ELEMENTS_MAX = 2000
/** Likewise of a string, most of it for its compression. */
const STRAIGHT_STRING_BYTES_MAX = 128 * 1024

/** Whether the value in hand is so large that it is better written in portions, and can be. */
export function isWrittenInPortions(db: Database): boolean {
  if (db.type === ValueType.string) return db.valueLength > STRAIGHT_STRING_BYTES_MAX
  if (isFlat(db.encoding) || formOf(db).writeSome === undefined) return false
  return db.kind.elementCount(db) > STRAIGHT_ELEMENTS_MAX
}

/** Writes a portion of such a value. A string is not compressed then. As `RdbForm.writeSome`. */
export function writeValueSome(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
  if (db.type !== ValueType.string) return formOf(db).writeSome?.(db, writer, position, elementsMax) ?? WRITTEN
  if (position === 0) writer.length(db.valueLength)
  const length = Math.min(STRAIGHT_STRING_BYTES_MAX, db.valueLength - position)
  writer.raw(db.bytes, db.valueOffset + position, length)
  return position + length === db.valueLength ? WRITTEN : position + length
}

/** The least version whose readers know values of this form. */
export function rdbVersionOf(rdbType: number): number {
  const isNewer = rdbType === RdbType.hashMetadata || rdbType === RdbType.hashListpackEx
  return isNewer ? RDB_VERSION_FIELD_EXPIRY : RDB_VERSION
}

/**
 * Makes the target's key with the value that the reader stands before. As `RdbLoader`.
 * @throws RdbFormatError
 * @throws ArenaFullError
 */
export function readValue(reader: RdbReader, rdbType: number, target: LoadTarget): void {
  const load = loaders.get(rdbType)
  if (load === undefined) reader.fail('a value of a type that is known')
  load(reader, rdbType, target)
}
