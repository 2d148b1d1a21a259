/**
 * DUMP's payload: one value with its type before it and a version and checksum behind it.
 *
 *   | type and form | value | version, u16 | CRC-64 of all before it |       numbers with the lowest byte first
 *
 * Owned by one shard's thread.
 */
import { CRC64_BYTES, Crc64 } from '../../base/crc64.js'
import type { Database } from '../database.js'
import type { LoadTarget } from './rdb-form.js'
import { DUMP_FOOTER_BYTES, RDB_VERSION_READABLE_MAX } from './rdb-format.js'
import { RdbFormatError, RdbReader } from './rdb-reader.js'
import { rdbTypeName } from './rdb-type-name.js'
import type { RdbWriter } from './rdb-writer.js'
import { rdbTypeOf, rdbVersionOf, readValue, writeValue } from './value-forms.js'

/** Writes the payload of the value in hand behind what the writer holds. */
export function writeDumpPayload(db: Database, writer: RdbWriter): void {
  const begin = writer.position
  const rdbType = rdbTypeOf(db)
  writer.byte(rdbType)
  writeValue(db, writer)
  const version = rdbVersionOf(rdbType)
  writer.byte(version & 0xff)
  writer.byte(version >>> 8)
  const crc = new Crc64()
  crc.update(writer.bytes, begin, writer.position - begin)
  writer.ensure(CRC64_BYTES)
  crc.writeTo(writer.bytes, writer.position)
  writer.position += CRC64_BYTES
}

/**
 * Whether a payload is of a version that can be read, and as it was written.
 * @param skipsChecksum for tests of what a checksum would find
 */
export function isDumpPayload(bytes: Uint8Array, offset: number, length: number, skipsChecksum = false): boolean {
  if (length < DUMP_FOOTER_BYTES) return false
  const footer = offset + length - DUMP_FOOTER_BYTES
  const version = bytes[footer]! | (bytes[footer + 1]! << 8)
  if (version > RDB_VERSION_READABLE_MAX) return false
  if (skipsChecksum) return true
  const crc = new Crc64()
  crc.update(bytes, offset, length - CRC64_BYTES)
  return crc.equals(bytes, offset + length - CRC64_BYTES)
}

const reader = new RdbReader()

/**
 * Makes the target's key with the value of a payload that `isDumpPayload` has found to be one.
 * @returns null, or what is wrong when the value is malformed: a part of it may then be there
 * @throws ArenaFullError
 */
export function loadDumpPayload(bytes: Uint8Array, offset: number, length: number, target: LoadTarget): string | null {
  reader.open(bytes, offset, length - DUMP_FOOTER_BYTES)
  try {
    readValue(reader, reader.byte(), target)
    return null
  } catch (error) {
    if (error instanceof RdbFormatError)
      return `${rdbTypeName(bytes[offset]!)} integrity check failed: ${error.message}`
    throw error
  }
}
