/**
 * What every collection type can do with a value as a whole, whatever it is: give it up, count it, digest it, move it.
 *
 * Implemented once a type (`lists`, `sets`, `sortedSets`, `hashes`, `streams` of a keyspace), so that nothing else names
 * the types: commands such as COPY, UNLINK, MEMORY USAGE and DEBUG DIGEST ask the kind of the key in hand (`Database.kind`).
 * In every call the cursor of `db` stands on a key of the type.
 *
 * Work on large values comes in portions, so that nobody waits for all of it: a portion is about so many elements. Between
 * two portions the value does not change, but the cursor and whatever the type keeps between calls may have moved: a
 * portion begins from what it is given.
 */
import type { ByteSink, ByteSource } from '../base/byte-sink.js'
import type { Database } from './database.js'

/** As an element count for a portion: all of it. */
export const WHOLE = Number.POSITIVE_INFINITY

export interface ValueKind {
  /** How many elements the value has: how much work it is. */
  elementCount(db: Database): number

  /** Redis's name for the encoding, for OBJECT ENCODING. */
  encodingName(db: Database): string

  /** What the value holds of the arena beside its record, in bytes; an estimate from so many samples (0: all) will do. */
  memoryUsage(db: Database, samples: number): number

  /**
   * Gives back a portion of what the value holds of the arena beside its record. Only for encodings that are not flat. The
   * value is no value any more after the first portion: only this may be called.
   * @returns true when nothing is left but the record itself
   */
  freeSome(db: Database, elementsMax: number): boolean

  /** Adds the value to a digest as Redis does (debug.c, xorObjectDigest, without type and expiry). */
  addToDigest(db: Database, digest: Uint8Array): void

  /**
   * Writes a portion of the value, so that `readSome` can make an equal one with the same encoding, order and internal
   * state in another arena. Only for encodings that are not flat.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or -1 when all is written
   */
  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number

  /**
   * Makes a key that does not exist, with an empty value of this encoding that is not flat. Only `readSome` may follow.
   * @throws ArenaFullError
   */
  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    encoding: number,
    expireAtMs: number,
  ): void

  /**
   * Adds a portion of what `writeSome` wrote, until the source is at its end.
   * @throws ArenaFullError with the value as it was or longer
   */
  readSome(db: Database, source: ByteSource, elementsMax: number): void
}
