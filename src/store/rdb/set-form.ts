/**
 * Sets in RDB: intsets as they are, all others member by member, because Redis 7.0 knows no packed form for them.
 *
 * Owned by one shard's thread.
 */
import { assert } from '../../base/assert.js'
import { copyBytes } from '../../base/bytes.js'
import type { Database } from '../database.js'
import { checkIntset, Intset } from '../intset.js'
import { PackedEntries } from '../packed-entries.js'
import { RecordListpack } from '../record-listpack.js'
import { type MemberVisitor, VISITED } from '../set/open-set.js'
import { WHOLE } from '../value-kind.js'
import { Encoding, ValueType } from '../value-type.js'
import { type ElementSource, ListpackSource, StringSource } from './element-source.js'
import { packStrings } from './packed-strings.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

/** What is being loaded: no call keeps it. */
const entries = new PackedEntries()
const record = new RecordListpack()

export const setForm: RdbForm = {
  rdbType: (db: Database) => (db.encoding === Encoding.intset ? RdbType.setIntset : RdbType.set),
  write(db: Database, writer: RdbWriter): void {
    if (db.encoding === Encoding.intset) {
      writer.string(db.bytes, db.valueOffset, db.valueLength)
      return
    }
    writeMembers(db, writer, 0, WHOLE)
  },
  writeSome: writeMembers,
}

function writeMembers(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
  const set = db.keyspace.sets.open(db)
  if (position === 0) writer.length(set.size)
  const writeMember: MemberVisitor = {
    member(bytes, offset, length) {
      writer.string(bytes, offset, length)
      return true
    },
  }
  const next = set.visitSome(writeMember, position, elementsMax)
  return next === VISITED ? WRITTEN : next
}

export function loadSet(reader: RdbReader, rdbType: number, target: LoadTarget): void {
  if (rdbType === RdbType.setIntset) {
    loadIntset(reader, target)
  } else if (rdbType === RdbType.setListpack) {
    reader.string()
    const { text, textOffset, textLength } = reader
    if (entries.open(text, textOffset, textLength) && makeSmall(target)) return
    const source = new ListpackSource(text, textOffset, textLength)
    addMembers(reader, source, source.count, target)
  } else {
    const count = reader.count(1)
    const { position } = reader
    const { setMaxListpackEntries, setMaxListpackValue } = target.db.keyspace.limits
    const isSmall = count <= setMaxListpackEntries && packStrings(reader, count, setMaxListpackValue, entries)
    if (isSmall && makeSmall(target)) return
    reader.position = position
    addMembers(reader, new StringSource(reader, count), count, target)
  }
}

/** Makes a small set of strings of the entries. @returns false, with nothing made, when they are not what it has here */
function makeSmall({ db, key, expireAtMs }: LoadTarget): boolean {
  const { limits } = db.keyspace
  const { count } = entries
  if (count === 0 || count > limits.setMaxListpackEntries || entries.textBytesMax > limits.setMaxListpackValue)
    return false
  if (entries.areIntegers || !entries.isCanonical || !entries.hasDistinct(1)) return false
  db.create(key, 0, key.length, ValueType.set, Encoding.listpack, record.listpack.bytesFor(entries), expireAtMs)
  record.open(db)
  record.listpack.writeEntries(entries)
  return true
}

function addMembers(reader: RdbReader, source: ElementSource, expected: number, target: LoadTarget): void {
  const { db, key, expireAtMs } = target
  const { sets } = db.keyspace
  if (!source.next()) reader.failEmpty('a set with members')
  const { text, textOffset, textLength } = source
  const set = sets.create(db, key, 0, key.length, expireAtMs, text, textOffset, textLength, expected)
  set.reserve(expected)
  while (source.next()) {
    if (!set.add(source.text, source.textOffset, source.textLength)) reader.fail('a set with each member once')
  }
}

function loadIntset(reader: RdbReader, target: LoadTarget): void {
  reader.string()
  const { text, textOffset, textLength } = reader
  const count = checkIntset(text, textOffset, textLength)
  if (count <= 0) reader.fail('an intset with members')
  const { db, key, expireAtMs } = target
  if (count > db.keyspace.limits.setMaxIntsetEntries) {
    addMembers(reader, new IntsetSource(text, textOffset), count, target)
    return
  }
  db.create(key, 0, key.length, ValueType.set, Encoding.intset, textLength, expireAtMs)
  copyBytes(text, textOffset, db.bytes, db.valueOffset, textLength)
}

/** The members of an intset that is not a key's value. */
class IntsetSource extends Intset implements ElementSource {
  readonly textOffset = 0
  private index = 0

  constructor(bytes: Uint8Array, offset: number) {
    super()
    this.stand(bytes, offset)
  }

  next(): boolean {
    if (this.index === this.count) return false
    this.read(this.index++)
    return true
  }

  protected splice(): void {
    assert(false, 'an intset that is being loaded was changed')
  }
}
