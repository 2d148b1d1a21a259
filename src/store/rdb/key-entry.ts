/**
 * A key with all that is known of it, as RDB files keep it: expiry, access clock, type, name and value.
 *
 *   [ 0xfc | expiry in ms, int64 ]  [ 0xf8 | idle seconds, length ]  [ 0xf9 | access frequency, byte ]  type | key | value
 *
 * Owned by one shard's thread.
 */
import { assert } from '../../base/assert.js'
import type { Database } from '../database.js'
import { NO_EXPIRY } from '../value-type.js'
import { RdbOpcode } from './rdb-format.js'
import { RdbEmptyValueError, type RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'
import { rdbTypeOf, readValue, writeValue } from './value-forms.js'

/** Which access clock is written along: that of the eviction policy, if it goes by one. */
export type WrittenClock = 'none' | 'idle' | 'frequency'

export function writtenClockOf(maxmemoryPolicy: string): WrittenClock {
  if (maxmemoryPolicy.endsWith('-lfu')) return 'frequency'
  return maxmemoryPolicy.endsWith('-lru') ? 'idle' : 'none'
}

/** Writes the record in hand. */
export function writeKeyEntry(db: Database, writer: RdbWriter, clock: WrittenClock): void {
  writeKeyHead(db, writer, clock)
  writeValue(db, writer)
}

/** Writes what stands in front of the value. */
export function writeKeyHead(db: Database, writer: RdbWriter, clock: WrittenClock): void {
  const expireAtMs = db.expireAtMs()
  if (expireAtMs !== NO_EXPIRY) {
    writer.byte(RdbOpcode.expiryMs)
    writer.int64(expireAtMs)
  }
  if (clock === 'idle') {
    writer.byte(RdbOpcode.idle)
    writer.length(db.idleSeconds())
  } else if (clock === 'frequency') {
    writer.byte(RdbOpcode.frequency)
    writer.byte(db.accessFrequency())
  }
  writer.byte(rdbTypeOf(db))
  writer.string(db.bytes, db.keyOffset, db.keyLength)
}

export interface ReadOptions {
  /** Whether the key may be there already, and is then replaced. */
  readonly replaces: boolean
}

/**
 * Makes the key that the reader stands before.
 * @throws RdbEmptyValueError when its value has no elements; the key is not there then, and the reader behind it
 * @throws RdbFormatError when it is malformed, or is there already and may not be replaced
 * @throws ArenaFullError
 */
export function readKeyEntry(reader: RdbReader, db: Database, { replaces }: ReadOptions): void {
  let expireAtMs = NO_EXPIRY
  let idleSeconds = -1
  let frequency = -1
  let opcode = reader.byte()
  for (; opcode >= RdbOpcode.idle; opcode = reader.byte()) {
    if (opcode === RdbOpcode.expiryMs) expireAtMs = reader.int64()
    else if (opcode === RdbOpcode.idle) idleSeconds = reader.length()
    else if (opcode === RdbOpcode.frequency) frequency = reader.byte()
    else reader.fail('a key')
  }
  const key = reader.stringCopy()
  if (db.peek(key, 0, key.length)) {
    if (!replaces) reader.fail('a key that is not there yet')
    db.remove()
  }
  try {
    readValue(reader, opcode, { db, key, expireAtMs })
  } catch (error) {
    if (error instanceof RdbEmptyValueError && db.peek(key, 0, key.length)) db.remove()
    throw error
  }
  if (idleSeconds < 0 && frequency < 0) return
  const isThere = db.has(key, 0, key.length)
  assert(isThere, 'a key that was read must be there')
  if (frequency >= 0 && db.keyspace.lfu) db.setAccessFrequency(frequency)
  if (idleSeconds >= 0 && !db.keyspace.lfu) db.setIdleSeconds(idleSeconds)
}
