/**
 * Hashes in RDB: small ones as listpacks, large ones field by field; those with fields that expire in the forms of Redis 7.4.
 *
 *   hashMetadata      | earliest time in ms, or one before it, int64 | fields | (time - that + 1 or 0 | field | value)... |
 *   hashListpackEx    | earliest time in ms, int64 | listpack of (field, value, time in ms or 0)... |
 *
 * The release candidates of 7.4 wrote both without the earliest time, and times as they are.
 *
 * Owned by one shard's thread. A field past its time is written and loaded like any other: it goes when it is met.
 */
import { copyBytes } from '../../base/bytes.js'
import { parseSafeInteger } from '../../base/integer.js'
import type { Database } from '../database.js'
import type { Hashes } from '../hash/hashes.js'
import { PackedEntries } from '../packed-entries.js'
import { Encoding, isFlat, NO_EXPIRY } from '../value-type.js'
import { type ElementSource, ListpackSource, StringSource, ZiplistSource, ZipmapSource } from './element-source.js'
import { packStrings } from './packed-strings.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

/** Entries for each field of a listpack, and in one with times. */
const PAIR = 2
const TRIPLE = 3

/** What is being loaded: no call keeps it. */
const entries = new PackedEntries()

/** A field and a value take a byte each. */
const FIELD_BYTES_MIN = 2

export const hashForm: RdbForm = {
  rdbType(db: Database): number {
    if (db.encoding === Encoding.listpack) return RdbType.hashListpack
    if (baseTime(db) === NO_EXPIRY) return RdbType.hash
    return db.encoding === Encoding.listpackEx ? RdbType.hashListpackEx : RdbType.hashMetadata
  },
  write(db: Database, writer: RdbWriter): void {
    const baseMs = baseTime(db)
    if (isFlat(db.encoding) && (db.encoding === Encoding.listpack || baseMs !== NO_EXPIRY)) {
      if (baseMs !== NO_EXPIRY) writer.int64(baseMs)
      writeListpack(db, writer)
      return
    }
    const { hashes } = db.keyspace
    beginFields(writer, hashes.length, baseMs)
    hashes.rewind()
    while (hashes.next()) {
      writeTime(writer, hashes.expireAtMs, baseMs)
      writer.string(hashes.fieldBytes, hashes.fieldOffset, hashes.fieldLength)
      writer.string(hashes.valueBytes, hashes.valueOffset, hashes.valueLength)
    }
  },
  writeSome(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
    const baseMs = baseTime(db)
    const { hashes } = db.keyspace
    if (position === 0) beginFields(writer, hashes.length, baseMs)
    const next = hashes.visitSome(
      position,
      elementsMax,
      (bytes, fieldAt, fieldLength, valueAt, valueLength, timeMs) => {
        writeTime(writer, timeMs, baseMs)
        writer.string(bytes, fieldAt, fieldLength)
        writer.string(bytes, valueAt, valueLength)
      },
    )
    return next === -1 ? WRITTEN : next
  },
}

function beginFields(writer: RdbWriter, fields: number, baseMs: number): void {
  if (baseMs !== NO_EXPIRY) writer.int64(baseMs)
  writer.length(fields)
}

function writeTime(writer: RdbWriter, timeMs: number, baseMs: number): void {
  if (baseMs !== NO_EXPIRY) writer.length(timeMs === NO_EXPIRY ? 0 : timeMs - baseMs + 1)
}

function writeListpack(db: Database, writer: RdbWriter): void {
  const listpack = db.keyspace.hashes.listpackOf(db)
  writer.string(listpack, 0, listpack.length)
}

/**
 * What the times of fields of the hash in hand are counted from, or `NO_EXPIRY` when there are none. It stays while nobody
 * changes the hash, and opens it. In a table that is a time before the earliest: to find that would take as long as to write.
 */
function baseTime(db: Database): number {
  const { hashes } = db.keyspace
  hashes.open(db)
  return hashes.dueFromMs
}

export function loadHash(reader: RdbReader, rdbType: number, target: LoadTarget): void {
  switch (rdbType) {
    case RdbType.hashListpack:
      reader.string()
      loadListpack(reader, target)
      return
    case RdbType.hashZiplist:
      reader.string()
      addFields(reader, new ZiplistSource(reader.text, reader.textOffset, reader.textLength), target)
      return
    case RdbType.hashZipmap:
      reader.string()
      addFields(reader, new ZipmapSource(reader.text, reader.textOffset, reader.textLength), target)
      return
    case RdbType.hashListpackEx:
      // The earliest time is for readers that need not look at the fields.
      reader.int64()
      loadListpackWithTimes(reader, target)
      return
    case RdbType.hashListpackExPreGa:
      loadListpackWithTimes(reader, target)
      return
    case RdbType.hashMetadata: {
      const earliestMs = reader.int64()
      if (earliestMs < 0) reader.fail('a time')
      loadWithTimes(reader, target, earliestMs - 1)
      return
    }
    case RdbType.hashMetadataPreGa:
      loadWithTimes(reader, target, 0)
      return
    default:
      loadPlain(reader, target)
  }
}

/** Fields and values as strings. What is too large for a small hash is a table from the beginning. */
function loadPlain(reader: RdbReader, target: LoadTarget): void {
  const { db, key, expireAtMs } = target
  const { hashes, limits } = db.keyspace
  const fields = reader.count(FIELD_BYTES_MIN)
  const { position } = reader
  const isSmall =
    fields <= limits.hashMaxListpackEntries && packStrings(reader, fields * PAIR, limits.hashMaxListpackValue, entries)
  if (isSmall && hashes.createFromEntries(db, key, entries, expireAtMs)) return
  reader.position = position
  addFields(reader, new StringSource(reader, fields * PAIR), target, isSmall ? 0 : fields)
}

/** A hash that is being loaded, field by field. */
class HashBeingLoaded {
  private readonly hashes: Hashes
  private isMade = false
  private field = new Uint8Array(64)
  private fieldLength = 0

  /** @param largeFields how many fields it has, where it is known to be too large for a listpack; else 0 */
  constructor(
    private readonly reader: RdbReader,
    private readonly target: LoadTarget,
    private readonly largeFields = 0,
  ) {
    this.hashes = target.db.keyspace.hashes
  }

  /** Keeps a copy of the next field's name: a number lies where the value will be read. */
  takeField({ text, textOffset, textLength }: ElementSource): void {
    if (textLength > this.field.length) this.field = new Uint8Array(textLength * 2)
    copyBytes(text, textOffset, this.field, 0, textLength)
    this.fieldLength = textLength
  }

  /** Adds the field with this value. */
  add({ text, textOffset, textLength }: ElementSource): void {
    const { hashes, field, fieldLength } = this
    if (!this.isMade) this.create()
    const isNew = hashes.set(field, 0, fieldLength, text, textOffset, textLength, false)
    if (!isNew) this.reader.fail('a hash with each field once')
  }

  /** Gives the field that was added last a time after which it is gone. */
  setTime(timeMs: number): void {
    const { hashes, field, fieldLength } = this
    hashes.find(field, 0, fieldLength)
    hashes.setFoundExpiry(timeMs)
  }

  private create(): void {
    const { hashes, largeFields } = this
    const { db, key } = this.target
    if (largeFields === 0) {
      hashes.create(db, key, 0, key.length)
    } else {
      hashes.createEmpty(db, key, 0, key.length, Encoding.hashtable, NO_EXPIRY)
      hashes.reserve(largeFields)
    }
    this.isMade = true
  }

  end(): void {
    if (!this.isMade) this.reader.failEmpty('a hash with fields')
    const { db, expireAtMs } = this.target
    this.hashes.settle(true)
    if (expireAtMs !== NO_EXPIRY) db.setExpire(expireAtMs)
  }
}

function addFields(reader: RdbReader, source: ElementSource, target: LoadTarget, largeFields = 0): void {
  const hash = new HashBeingLoaded(reader, target, largeFields)
  while (source.next()) {
    hash.takeField(source)
    if (!source.next()) reader.fail('a value for each field')
    hash.add(source)
  }
  hash.end()
}

/** A listpack that is what this server would make is taken as a whole, any other one field by field. */
function loadListpack(reader: RdbReader, target: LoadTarget): void {
  const { db, key, expireAtMs } = target
  const isWellFormed = entries.open(reader.text, reader.textOffset, reader.textLength)
  if (isWellFormed && db.keyspace.hashes.createFromEntries(db, key, entries, expireAtMs)) return
  addFields(reader, new ListpackSource(reader.text, reader.textOffset, reader.textLength), target)
}

function loadListpackWithTimes(reader: RdbReader, target: LoadTarget): void {
  reader.string()
  const source = new ListpackSource(reader.text, reader.textOffset, reader.textLength)
  if (source.count % TRIPLE !== 0) reader.fail('field, value and time in turn')
  const hash = new HashBeingLoaded(reader, target)
  while (source.next()) {
    hash.takeField(source)
    source.next()
    hash.add(source)
    source.next()
    const timeMs = parseSafeInteger(source.text, source.textOffset, source.textLength)
    if (!(timeMs >= 0)) reader.fail('the time of a field')
    if (timeMs > 0) hash.setTime(timeMs)
  }
  hash.end()
}

/** @param baseMs what is added to the times of fields */
function loadWithTimes(reader: RdbReader, target: LoadTarget, baseMs: number): void {
  const hash = new HashBeingLoaded(reader, target)
  for (let left = reader.count(FIELD_BYTES_MIN + 1); left > 0; left--) {
    const time = reader.length()
    const timeMs = baseMs + time
    if (!Number.isSafeInteger(timeMs)) reader.fail('the time of a field')
    const strings = new StringSource(reader, PAIR)
    strings.next()
    hash.takeField(strings)
    strings.next()
    hash.add(strings)
    if (time > 0) hash.setTime(timeMs)
  }
  hash.end()
}
