/**
 * Keys on their way out of an RDB file or a server, each with its value as RDB has it.
 *
 * Any thread. No more is in memory than the largest key and a window of the file.
 */

import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { globMatches } from '../base/glob.js'
import { RdbFileError } from '../rdb/file-error.js'
import { RdbFileReader } from '../rdb/file-reader.js'
import type { Database } from '../store/database.js'
import { Keyspace } from '../store/keyspace.js'
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY, RdbType } from '../store/rdb/rdb-format.js'
import { RdbFormatError, RdbReader } from '../store/rdb/rdb-reader.js'
import { readValue } from '../store/rdb/value-forms.js'
import { NO_EXPIRY } from '../store/value-type.js'
import type { TypeName } from './typed-value.js'

export interface SourceKey {
  readonly database: number
  readonly key: Buffer
  /** Unix time in ms, or null. */
  readonly expireAtMs: number | null
  /** Type and value. */
  readonly rdbValue: Buffer
}

export interface SourceLibrary {
  readonly library: Buffer
}

export type SourceItem = SourceKey | SourceLibrary

export function isLibrary(item: SourceItem): item is SourceLibrary {
  return 'library' in item
}

/** Which keys are wanted. */
export interface KeyFilter {
  /** Glob patterns of names, one of which must match; none for all. */
  readonly patterns: readonly Buffer[]
  readonly types: readonly TypeName[]
  readonly databases: readonly number[]
}

export function isWanted({ patterns, types, databases }: KeyFilter, { database, key, rdbValue }: SourceKey): boolean {
  if (databases.length > 0 && !databases.includes(database)) return false
  if (types.length > 0 && !types.some((type) => type === typeOfRdb(rdbValue[0] as number))) return false
  return (
    patterns.length === 0 ||
    patterns.some((pattern) => globMatches(pattern, 0, pattern.length, key, 0, key.length, false))
  )
}

const TYPES: readonly (readonly [TypeName, readonly number[]])[] = [
  ['string', [RdbType.string]],
  ['list', [RdbType.list, RdbType.listZiplist, RdbType.listQuicklist, RdbType.listQuicklist2]],
  ['set', [RdbType.set, RdbType.setIntset, RdbType.setListpack]],
  ['zset', [RdbType.zset, RdbType.zset2, RdbType.zsetZiplist, RdbType.zsetListpack]],
  ['stream', [RdbType.streamListpacks, RdbType.streamListpacks2, RdbType.streamListpacks3]],
]

function typeOfRdb(rdbType: number): TypeName {
  // What is left are the many forms of hashes.
  return TYPES.find(([, forms]) => forms.includes(rdbType))?.[0] ?? 'hash'
}

/**
 * Everything that an RDB file holds, keys whose time is over left out.
 * @param onBytes is told how far it has come, how long the file is, and of what version
 * @throws RdbFileError, or the system's error when it cannot be opened or read
 */
export async function* itemsOfRdb(
  path: string,
  nowMs: number,
  onBytes: (bytes: number, total: number, version: number) => void = () => {},
): AsyncGenerator<SourceItem> {
  const libraries: Buffer[] = []
  const file = await RdbFileReader.open(path, true, {
    aux() {},
    library: (code) => void libraries.push(Buffer.from(code)),
    moduleData() {},
    checksumMissing() {},
  })
  try {
    const reader = new RdbReader()
    while (!file.isAtEnd) {
      await file.fill()
      let hasNext = file.next()
      onBytes(file.loadedBytes, file.totalBytes, file.version)
      for (; hasNext; hasNext = file.next()) {
        while (libraries.length > 0) yield { library: libraries.shift() as Buffer }
        if (file.expireAtMs !== NO_EXPIRY && file.expireAtMs <= nowMs) continue
        reader.open(file.bytes, file.entryOffset, file.entryLength)
        const type = reader.byte()
        const key = Buffer.from(reader.stringCopy())
        const end = file.entryOffset + file.entryLength
        yield {
          database: file.database,
          key,
          expireAtMs: file.expireAtMs === NO_EXPIRY ? null : file.expireAtMs,
          rdbValue: Buffer.concat([Buffer.of(type), file.bytes.subarray(reader.position, end)]),
        }
      }
    }
    while (libraries.length > 0) yield { library: libraries.shift() as Buffer }
  } finally {
    await file.close()
  }
}

/** Makes values of keys, one after the other, in a keyspace of its own. */
export class ValueReader {
  readonly #db: Database
  readonly #reader = new RdbReader()

  constructor() {
    const keyspace = new Keyspace({ databases: 1, hashSeed: [1, 2], randomSeed: 1 })
    keyspace.isReplaying = true
    this.#db = keyspace.database(0)
  }

  /**
   * The database in which the key is in hand until the next call.
   * @throws RdbFileError when the value is malformed or of a type that is not known
   */
  read({ key, rdbValue }: SourceKey): Database {
    const db = this.#db
    for (const left of this.#left.splice(0)) if (db.peek(left, 0, left.length)) db.remove()
    this.#left.push(key)
    try {
      this.#reader.open(rdbValue, 0, rdbValue.length)
      readValue(this.#reader, this.#reader.byte(), { db, key, expireAtMs: NO_EXPIRY })
    } catch (error) {
      if (!(error instanceof RdbFormatError)) throw error
      throw new RdbFileError(`the value of a key cannot be read: expected ${error.expected}`)
    }
    if (!db.peek(key, 0, key.length)) throw new RdbFileError('the value of a key has no elements')
    return db
  }

  /** What is still there of earlier calls. */
  readonly #left: Buffer[] = []
}

/** The first version of RDB that has a type of value. */
export function rdbVersionNeeded(rdbType: number): number {
  if (rdbType >= RdbType.hashMetadataPreGa) return RDB_VERSION_FIELD_EXPIRY
  return rdbType >= RdbType.setListpack ? RDB_VERSION_REDIS_7_2 : RDB_VERSION
}

const RDB_VERSION_REDIS_7_2 = 11

/** What RESTORE takes: type and value with a version that has them, and a checksum. */
export function dumpPayloadOf(rdbValue: Buffer): Buffer {
  const version = rdbVersionNeeded(rdbValue[0] as number)
  const payload = Buffer.concat([rdbValue, Buffer.of(version & 0xff, version >>> 8), Buffer.alloc(CRC64_BYTES)])
  const crc = new Crc64()
  crc.update(payload, 0, payload.length - CRC64_BYTES)
  crc.writeTo(payload, payload.length - CRC64_BYTES)
  return payload
}
