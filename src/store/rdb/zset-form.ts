/**
 * Sorted sets in RDB: listpacks as they are, large ones element by element with binary scores.
 *
 * Owned by one shard's thread.
 */
import { compareBytes, copyBytes } from '../../base/bytes.js'
import { parseDouble } from '../../base/float.js'
import type { Database } from '../database.js'
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
    default:
      addElements(reader, new PlainElements(reader, reader.count(ELEMENT_BYTES_MIN), rdbType), target)
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

function addElements(reader: RdbReader, source: ScoredSource, { db, key, expireAtMs }: LoadTarget): void {
  const { set } = db.keyspace.sortedSets
  let isMade = false
  while (source.next()) {
    const { text, textOffset, textLength, score } = source
    if (Number.isNaN(score)) reader.fail('a score')
    if (!isMade) set.create(db, key, 0, key.length, textLength)
    isMade = true
    const result = set.add(text, textOffset, textLength, score, 0)
    if (result !== AddResult.added) reader.fail('a sorted set with each member once')
  }
  if (!isMade) reader.failEmpty('a sorted set with elements')
  if (expireAtMs !== NO_EXPIRY) db.setExpire(expireAtMs)
}

/** A listpack that is what this server would make is taken as it is, any other one element by element. */
function loadListpack(reader: RdbReader, target: LoadTarget): void {
  const { text, textOffset, textLength } = reader
  const entries = new ListpackSource(text, textOffset, textLength)
  const { db, key, expireAtMs } = target
  const count = entries.count / PAIR
  const isTaken =
    count > 0 &&
    count <= db.keyspace.limits.zsetMaxListpackEntries &&
    entries.hasDistinct(PAIR) &&
    entries.isCanonical() &&
    isInOrder(new PackedElements(entries))
  if (!isTaken) {
    entries.rewind()
    addElements(reader, new PackedElements(entries), target)
    return
  }
  db.create(key, 0, key.length, ValueType.zset, Encoding.listpack, textLength, expireAtMs)
  copyBytes(text, textOffset, db.bytes, db.valueOffset, textLength)
}

/** Whether each element comes behind the one before it by score and member, and all scores are numbers. */
function isInOrder(source: ScoredSource): boolean {
  let last = new Uint8Array(64)
  let lastLength = 0
  let lastScore = Number.NEGATIVE_INFINITY
  for (let isFirst = true; source.next(); isFirst = false) {
    const { text, textOffset, textLength, score } = source
    if (Number.isNaN(score) || score < lastScore) return false
    if (!isFirst && score === lastScore && compareBytes(text, textOffset, textLength, last, 0, lastLength) <= 0)
      return false
    if (textLength > last.length) last = new Uint8Array(textLength * 2)
    copyBytes(text, textOffset, last, 0, textLength)
    lastLength = textLength
    lastScore = score
  }
  return true
}
