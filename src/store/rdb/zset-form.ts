/**
 * Sorted sets in RDB: listpacks as they are, large ones element by element with binary scores.
 *
 * Owned by one shard's thread.
 */
import { compareBytes, copyBytes } from '../../base/bytes.js'
import { parseDouble } from '../../base/float.js'
import type { Database } from '../database.js'
import { Listpack } from '../listpack.js'
import { integerAt } from '../listpack-entry.js'
import { PackedEntries } from '../packed-entries.js'
import { RecordListpack } from '../record-listpack.js'
import { WHOLE } from '../value-kind.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { AddResult } from '../zset/sorted-set.js'
import { type ElementSource, ListpackSource, ZiplistSource } from './element-source.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

/** Entries for each element of a packed sorted set: member and score. */
const PAIR = 2

/** A member of one byte takes two, and a score one more. */
const ELEMENT_BYTES_MIN = 2

/** What is being loaded: no call keeps it. */
const entries = new PackedEntries()
const record = new RecordListpack()
const listpack = new Listpack()
const otherListpack = new Listpack()

export const zsetForm: RdbForm = {
  rdbType: (db: Database) => (db.encoding === Encoding.listpack ? RdbType.zsetListpack : RdbType.zset2),
  write(db: Database, writer: RdbWriter): void {
    if (db.encoding === Encoding.listpack) {
      writer.string(db.bytes, db.valueOffset, db.valueLength)
      return
    }
    writeElements(db, writer, 0, WHOLE)
  },
  writeSome: writeElements,
}

/** @param position how many elements have been written */
function writeElements(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
  const set = db.keyspace.sortedSets.open(db)
  const { count } = set
  if (position === 0) writer.length(count)
  if (count === 0) return WRITTEN
  // From the highest down, as Redis does: there each is then inserted at the front.
  set.seek(count - 1 - position)
  const end = Math.min(count, position + elementsMax)
  for (let written = position; written < end; written++) {
    if (written > position) set.previous()
    writer.string(set.memberBytes, set.memberOffset, set.memberLength)
    writer.double(set.score)
  }
  return end === count ? WRITTEN : end
}

export function loadZset(reader: RdbReader, rdbType: number, target: LoadTarget): void {
  switch (rdbType) {
    case RdbType.zsetListpack:
      reader.string()
      loadListpack(reader, target)
      return
    case RdbType.zsetZiplist:
      reader.string()
      addElements(
        reader,
        new PackedElements(new ZiplistSource(reader.text, reader.textOffset, reader.textLength)),
        target,
      )
      return
    default: {
      const count = reader.count(ELEMENT_BYTES_MIN)
      addElements(reader, new PlainElements(reader, count, rdbType), target, count)
    }
  }
}

/** Elements one after the other. */
interface ScoredSource {
  text: Uint8Array
  textOffset: number
  textLength: number
  /** NaN when it is no number. */
  score: number
  next(): boolean
}

class PlainElements implements ScoredSource {
  text: Uint8Array = new Uint8Array(0)
  textOffset = 0
  textLength = 0
  score = 0
  #left: number

  constructor(
    private readonly reader: RdbReader,
    count: number,
    private readonly rdbType: number,
  ) {
    this.#left = count
  }

  next(): boolean {
    if (this.#left === 0) return false
    this.#left--
    const { reader } = this
    reader.string()
    this.text = reader.text
    this.textOffset = reader.textOffset
    this.textLength = reader.textLength
    this.score = this.rdbType === RdbType.zset2 ? reader.double() : reader.textDouble()
    return true
  }
}

class PackedElements implements ScoredSource {
  text: Uint8Array = new Uint8Array(64)
  readonly textOffset = 0
  textLength = 0
  score = 0

  constructor(private readonly entries: ElementSource) {}

  next(): boolean {
    const { entries } = this
    if (!entries.next()) return false
    // A copy, because an integer lies where the score will be read.
    if (entries.textLength > this.text.length) this.text = new Uint8Array(entries.textLength * 2)
    copyBytes(entries.text, entries.textOffset, this.text, 0, entries.textLength)
    this.textLength = entries.textLength
    this.score = entries.next() ? parseDouble(entries.text, entries.textOffset, entries.textLength) : Number.NaN
    return true
  }
}

/** @param expected how many there are, as far as is known: a set that will be large is not made small first */
function addElements(reader: RdbReader, source: ScoredSource, { db, key, expireAtMs }: LoadTarget, expected = 1): void {
  const { set } = db.keyspace.sortedSets
  let isMade = false
  while (source.next()) {
    const { text, textOffset, textLength, score } = source
    if (Number.isNaN(score)) reader.fail('a score')
    if (!isMade) {
      set.create(db, key, 0, key.length, textLength, expected)
      set.reserve(expected)
      isMade = true
    }
    const result = set.add(text, textOffset, textLength, score, 0)
    if (result !== AddResult.added) reader.fail('a sorted set with each member once')
  }
  if (!isMade) reader.failEmpty('a sorted set with elements')
  if (expireAtMs !== NO_EXPIRY) db.setExpire(expireAtMs)
}

/** A listpack that is what this server would make is taken as it is, any other one element by element. */
function loadListpack(reader: RdbReader, target: LoadTarget): void {
  const { text, textOffset, textLength } = reader
  const { db, key, expireAtMs } = target
  const isTaken =
    entries.open(text, textOffset, textLength) &&
    entries.count > 0 &&
    entries.count % PAIR === 0 &&
    entries.count / PAIR <= db.keyspace.limits.zsetMaxListpackEntries &&
    entries.isCanonical &&
    entries.hasDistinct(PAIR) &&
    isInOrder()
  if (!isTaken) {
    addElements(reader, new PackedElements(new ListpackSource(text, textOffset, textLength)), target)
    return
  }
  db.create(key, 0, key.length, ValueType.zset, Encoding.listpack, record.listpack.bytesFor(entries), expireAtMs)
  record.open(db)
  record.listpack.writeEntries(entries)
}

/** Whether each element of the entries comes behind the one before it by score and member, and all scores are numbers. */
function isInOrder(): boolean {
  const { starts, count } = entries
  let lastScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i += PAIR) {
    const score = scoreAt(starts[i + 1]!)
    // Also where it is NaN.
    if (!(score >= lastScore)) return false
    if (i > 0 && score === lastScore && compareTexts(starts[i - PAIR]!, starts[i]!) >= 0) return false
    lastScore = score
  }
  return true
}

function scoreAt(at: number): number {
  const { bytes } = entries
  const integer = integerAt(bytes, at)
  if (!Number.isNaN(integer)) return integer
  listpack.stand(bytes, 0)
  listpack.read(at)
  return parseDouble(bytes, listpack.valueOffset, listpack.valueLength)
}

/** The order of two entries as texts. */
function compareTexts(left: number, right: number): number {
  listpack.stand(entries.bytes, 0)
  otherListpack.stand(entries.bytes, 0)
  listpack.read(left)
  otherListpack.read(right)
  return compareBytes(
    listpack.valueBytes,
    listpack.valueOffset,
    listpack.valueLength,
    otherListpack.valueBytes,
    otherListpack.valueOffset,
    otherListpack.valueLength,
  )
}
