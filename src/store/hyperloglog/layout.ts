/**
 * The bytes of a HyperLogLog, which is a string to everybody else: clients may GET it, SET it and find it in files of Redis,
 * so that every byte is Redis's.
 *
 * Used by the thread that owns the arena.
 *
 *   "HYLL" | encoding 1 | unused 3 | cardinality 8 |            the header; the lowest byte of the cardinality first
 *   dense:  16384 registers of 6 bits, lowest bits first
 *   sparse: 00llllll            l+1 registers (up to 64) are zero
 *           01llllll llllllll   l+1 registers (up to 16384) are zero
 *           1vvvvvll            l+1 registers (up to 4) are v+1 (up to 32)
 *
 * The highest bit of the cardinality says that it must be computed anew. Format: hyperloglog.c of Redis.
 */
import type { Database } from '../database.js'

export const REGISTERS = 16384
/** How many bits of a hash choose the register. */
export const INDEX_BITS = 14
/** A register counts the zeros in what is left of a hash, and one more. */
export const REGISTER_VALUE_MAX = 64 - INDEX_BITS + 1
export const REGISTER_BITS = 6

export const HEADER_BYTES = 16
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * REGISTER_BITS) / 8

const ENCODING_AT = 4
const CARDINALITY_AT = 8
const STALE_AT = 15
const STALE_BIT = 0x80

export const HllEncoding = { dense: 0, sparse: 1 } as const

const MAGIC = [0x48, 0x59, 0x4c, 0x4c]

/** Two bytes that stand for 16384 registers that are zero. */
const ALL_ZEROS = [0x7f, 0xff]

/** The length of a HyperLogLog to which nothing was added. */
export const EMPTY_BYTES = HEADER_BYTES + ALL_ZEROS.length

/** Whether the string in hand has a header, and the right length if it is dense. What stands behind it may be corrupt. */
export function isHyperLogLog(db: Database): boolean {
  if (db.valueLength < HEADER_BYTES) return false
  for (let i = 0; i < MAGIC.length; i++) if (db.bytes[db.valueOffset + i] !== MAGIC[i]) return false
  const encoding = encodingOf(db)
  return encoding === HllEncoding.sparse || (encoding === HllEncoding.dense && db.valueLength === DENSE_BYTES)
}

/** One of `HllEncoding`. */
export function encodingOf(db: Database): number {
  return db.bytes[db.valueOffset + ENCODING_AT]!
}

/** Writes an empty HyperLogLog over the string in hand, which has `EMPTY_BYTES` bytes, all of them zero. */
export function writeEmpty(db: Database): void {
  db.bytes.set(MAGIC, db.valueOffset)
  db.bytes[db.valueOffset + ENCODING_AT] = HllEncoding.sparse
  db.bytes.set(ALL_ZEROS, db.valueOffset + HEADER_BYTES)
}

export function setEncoding(db: Database, encoding: number): void {
  db.bytes[db.valueOffset + ENCODING_AT] = encoding
}

/** Notes that the cardinality must be computed anew. */
export function markStale(db: Database): void {
  db.bytes[db.valueOffset + STALE_AT] = db.bytes[db.valueOffset + STALE_AT]! | STALE_BIT
}

export function isStale(db: Database): boolean {
  return (db.bytes[db.valueOffset + STALE_AT]! & STALE_BIT) !== 0
}

/** The lower half of the cardinality in the header, from 0 to 2^32 - 1. */
export function cardinalityLow(db: Database): number {
  return db.words[(db.valueOffset + CARDINALITY_AT) >>> 2]! >>> 0
}

/** The upper half, an int32 that is not negative unless the cardinality is stale. Any number may stand there. */
export function cardinalityHigh(db: Database): number {
  return db.words[(db.valueOffset + CARDINALITY_AT + 4) >>> 2]!
}

/** Writes an int64 into the header, given as a double. */
export function storeCardinality(db: Database, cardinality: number): void {
  const at = (db.valueOffset + CARDINALITY_AT) >>> 2
  const high = Math.floor(cardinality / 2 ** 32)
  db.words[at] = cardinality - high * 2 ** 32
  db.words[at + 1] = high
}
