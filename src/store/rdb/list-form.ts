/**
 * Lists in RDB: pieces of a quicklist, each a listpack or one element as it is.
 *
 * Owned by one shard's thread.
 */
import type { Database } from '../database.js'
import type { Lists } from '../list/lists.js'
import { PackedEntries } from '../packed-entries.js'
import { type ElementSource, ListpackSource, StringSource, ZiplistSource } from './element-source.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { QUICKLIST_NODE_PACKED, QUICKLIST_NODE_PLAIN, RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

const WHAT_IS_EXPECTED = 'a list with elements'

/** What is being loaded: no call keeps it. */
const entries = new PackedEntries()

export const listForm: RdbForm = {
  rdbType: () => RdbType.listQuicklist2,
  write(db: Database, writer: RdbWriter): void {
    const { lists } = db.keyspace
    writer.length(lists.pieceCount(db))
    lists.visitPieces(db, (isPlain, bytes, offset, length) => writePiece(writer, isPlain, bytes, offset, length))
  },
  writeSome(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
    const { lists } = db.keyspace
    if (position === 0) writer.length(lists.pieceCount(db))
    const next = lists.visitSomePieces(db, position, elementsMax, (isPlain, bytes, offset, length) =>
      writePiece(writer, isPlain, bytes, offset, length),
    )
    return next === -1 ? WRITTEN : next
  },
}

function writePiece(writer: RdbWriter, isPlain: boolean, bytes: Uint8Array, offset: number, length: number): void {
  writer.length(isPlain ? QUICKLIST_NODE_PLAIN : QUICKLIST_NODE_PACKED)
  writer.string(bytes, offset, length)
}

export function loadList(reader: RdbReader, rdbType: number, target: LoadTarget): void {
  const { db, key, expireAtMs } = target
  const { lists } = db.keyspace
  if (rdbType === RdbType.listQuicklist2) {
    loadPieces(reader, target)
    return
  }
  lists.create(db, key, 0, key.length, expireAtMs)
  if (rdbType === RdbType.list) {
    append(lists, db, new StringSource(reader, reader.count(1)))
  } else {
    const pieces = rdbType === RdbType.listZiplist ? 1 : reader.count(1)
    for (let left = pieces; left > 0; left--) appendZiplist(reader, lists, db)
  }
  if (lists.length(db) === 0) reader.failEmpty(WHAT_IS_EXPECTED)
}

/** Most lists are one piece, and small. */
function loadPieces(reader: RdbReader, target: LoadTarget): void {
  const { db, key, expireAtMs } = target
  const { lists } = db.keyspace
  const pieces = reader.count(2)
  for (let left = pieces; left > 0; left--) {
    const isPlain = readPiece(reader)
    const { text, textOffset, textLength } = reader
    if (!isPlain && !entries.open(text, textOffset, textLength)) reader.fail('a listpack')
    if (pieces === 1 && !isPlain && lists.createFromEntries(db, key, entries, expireAtMs)) return
    if (left === pieces) lists.create(db, key, 0, key.length, expireAtMs)
    if (isPlain) lists.push(db, false, text, textOffset, textLength)
    else if (entries.isCanonical) lists.appendListpack(db, text, textOffset, textLength)
    else append(lists, db, new ListpackSource(text, textOffset, textLength))
  }
  if (pieces === 0 || lists.length(db) === 0) reader.failEmpty(WHAT_IS_EXPECTED)
}

/** Reads a piece. @returns whether it is one element as it is, else a listpack */
function readPiece(reader: RdbReader): boolean {
  const form = reader.length()
  reader.string()
  // As in Redis; what can be written there as plain is long.
  if (reader.textLength === 0) reader.fail('a piece of a list')
  if (form !== QUICKLIST_NODE_PLAIN && form !== QUICKLIST_NODE_PACKED) reader.fail('the form of a piece of a list')
  return form === QUICKLIST_NODE_PLAIN
}

function appendZiplist(reader: RdbReader, lists: Lists, db: Database): void {
  reader.string()
  append(lists, db, new ZiplistSource(reader.text, reader.textOffset, reader.textLength))
}

function append(lists: Lists, db: Database, source: ElementSource): void {
  while (source.next()) lists.push(db, false, source.text, source.textOffset, source.textLength)
}
