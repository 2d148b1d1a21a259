/**
 * Lists in RDB: pieces of a quicklist, each a listpack or one element as it is.
 *
 * Owned by one shard's thread.
 */
import type { Database } from '../database.js'
import type { Lists } from '../list/lists.js'
import { type ElementSource, ListpackSource, StringSource, ZiplistSource } from './element-source.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { QUICKLIST_NODE_PACKED, QUICKLIST_NODE_PLAIN, RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

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

export function loadList(reader: RdbReader, rdbType: number, { db, key, expireAtMs }: LoadTarget): void {
  const { lists } = db.keyspace
  lists.create(db, key, 0, key.length, expireAtMs)
  switch (rdbType) {
    case RdbType.list:
      append(lists, db, new StringSource(reader, reader.count(1)))
      break
    case RdbType.listZiplist:
      reader.string()
      append(lists, db, new ZiplistSource(reader.text, reader.textOffset, reader.textLength))
      break
    case RdbType.listQuicklist:
      for (let pieces = reader.count(1); pieces > 0; pieces--) {
        reader.string()
        append(lists, db, new ZiplistSource(reader.text, reader.textOffset, reader.textLength))
      }
      break
    default:
      for (let pieces = reader.count(2); pieces > 0; pieces--) appendPiece(reader, lists, db)
  }
  if (lists.length(db) === 0) reader.failEmpty('a list with elements')
}

function append(lists: Lists, db: Database, source: ElementSource): void {
  while (source.next()) lists.push(db, false, source.text, source.textOffset, source.textLength)
}

/** Appends a piece; a listpack as a whole if it is what this server would make, else element by element. */
function appendPiece(reader: RdbReader, lists: Lists, db: Database): void {
  const form = reader.length()
  reader.string()
  const { text, textOffset, textLength } = reader
  // As in Redis; what can be written there as plain is long.
  if (textLength === 0) reader.fail('a piece of a list')
  if (form === QUICKLIST_NODE_PLAIN) {
    lists.push(db, false, text, textOffset, textLength)
    return
  }
  if (form !== QUICKLIST_NODE_PACKED) reader.fail('the form of a piece of a list')
  const source = new ListpackSource(text, textOffset, textLength)
  if (source.isCanonical()) lists.appendListpack(db, text, textOffset, textLength)
  else append(lists, db, source)
}
