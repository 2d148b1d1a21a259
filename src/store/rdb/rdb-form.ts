/**
 * How the values of one type stand in RDB: what each type implements, and what it gets to load from.
 *
 * Owned by one shard's thread.
 */
import type { Database } from '../database.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'

/** Where a value is loaded to: a key that does not exist. */
export interface LoadTarget {
  readonly db: Database
  readonly key: Uint8Array
  /** Absolute ms, or `NO_EXPIRY`. */
  readonly expireAtMs: number
}

export interface RdbForm {
  /** The byte that says the type and form of the value in hand. */
  rdbType(db: Database): number
  /** Writes the value in hand behind that byte. */
  write(db: Database, writer: RdbWriter): void
  /**
   * Writes a portion of the value in hand, of about so many elements, so that all portions are what `write` writes. Between
   * two of them nobody changes the value. Only for encodings that are not flat; a type without it is written in one go.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or `WRITTEN`
   */
  writeSome?(db: Database, writer: RdbWriter, position: number, elementsMax: number): number
}

export const WRITTEN = -1

/**
 * Makes the target's key with the value that the reader stands before, in an encoding by the limits of this server.
 * @throws RdbFormatError when the value is malformed, has an element twice or has none; a part of it may then be there
 * @throws ArenaFullError
 */
export type RdbLoader = (reader: RdbReader, rdbType: number, target: LoadTarget) => void
