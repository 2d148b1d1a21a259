/**
 * Strings in RDB.
 *
 * Owned by one shard's thread.
 */
import type { Database } from '../database.js'
import { encodingOfValue } from '../string-encoding.js'
import type { LoadTarget, RdbForm } from './rdb-form.js'
import { RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

export const stringForm: RdbForm = {
  rdbType: () => RdbType.string,
  write(db: Database, writer: RdbWriter): void {
    writer.string(db.bytes, db.valueOffset, db.valueLength)
  },
}

export function loadString(reader: RdbReader, _rdbType: number, { db, key, expireAtMs }: LoadTarget): void {
  reader.string()
  const { text, textOffset, textLength } = reader
  const encoding = encodingOfValue(text, textOffset, textLength)
  db.setString(key, 0, key.length, text, textOffset, textLength, encoding, expireAtMs)
}
