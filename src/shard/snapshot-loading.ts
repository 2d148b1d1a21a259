/**
 * Loads an RDB file into one shard: reads all of it, and makes the keys that are the shard's own.
 *
 * Runs in a shard worker, portion by portion, while clients are told that the data set is being loaded. The names of all keys
 * are looked at by all shards, and values only where they are made, once: a string is made from the window that it was read
 * into, by one lookup.
 */
import { assert } from '../base/assert.js'
import { copyBytes } from '../base/bytes.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import type { LoadOptions, LoadReport, ShardLoading } from '../commands/rdb/shard-loading.js'
import { RdbFileError } from '../rdb/file-error.js'
import { RdbFileReader } from '../rdb/file-reader.js'
import { ArenaFullError } from '../store/arena.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { RdbType } from '../store/rdb/rdb-format.js'
import { RdbEmptyValueError, RdbFormatError, type RdbReader } from '../store/rdb/rdb-reader.js'
import { skipValue } from '../store/rdb/value-extent.js'
import { readValue } from '../store/rdb/value-forms.js'
import { encodingOfValue } from '../store/string-encoding.js'
import { NO_EXPIRY } from '../store/value-type.js'

const NAME_BYTES_INITIAL = 64

/** Of keys without elements so many are named in a report: no more are logged. */
const EMPTY_NAMES_MAX = 10

const NO_FILE: LoadOptions = { path: '', dueMs: 0, replaces: false }

export class SnapshotLoading implements ShardLoading {
  readonly #keyspace: Keyspace
  readonly #shard: number
  readonly #shardCount: number
  #options = NO_FILE
  #file: RdbFileReader | null = null
  #report: LoadReport = emptyReport()
  /** The next key is known to be the shard's own. */
  #isOwn = false
  /** A name that does not lie in the file as it is: the next number that is read would lie in the same place. */
  #name = new Uint8Array(NAME_BYTES_INITIAL)

  constructor(keyspace: Keyspace, shard: number, shardCount: number) {
    this.#keyspace = keyspace
    this.#shard = shard
    this.#shardCount = shardCount
  }

  open(options: LoadOptions): LoadReport {
    this.#options = options
    return this.#portion(() => {
      const isFirst = this.#shard === 0
      this.#file = RdbFileReader.openSync(options.path, false, {
        aux: (name, value) => isFirst && this.#report.aux.push([name, value]),
        library: (code) => isFirst && this.#report.libraries.push(Buffer.from(code).toString('base64')),
        moduleData: (type) => isFirst && this.#report.modules.push(type),
        checksumMissing: () => {},
        databaseSize: (index, keys) => this.#reserve(index, keys),
      })
    })
  }

  step(bytes: number): LoadReport {
    const file = this.#file
    assert(file !== null, 'a file is loaded that is not open')
    const untilByte = file.loadedBytes + bytes
    return this.#portion(() => {
      while (!file.isAtEnd && file.loadedBytes < untilByte) {
        this.#isOwn = this.#shardCount === 1 || file.passOverForeign(this.#shard, this.#shardCount)
        if (!file.nextName() || !file.take(this.#take)) {
          if (!file.isAtEnd) file.fillSync()
        }
      }
    })
  }

  close(): void {
    this.#file?.closeSync()
    this.#file = null
    for (let index = 0; index < this.#keyspace.databases; index++) {
      const db = this.#keyspace.existingDatabase(index)
      if (db !== null) db.keepsBuckets = false
    }
  }

  /** Does what it is given, and reports what has come of it. What is loaded counts as no modification. */
  #portion(act: () => void): LoadReport {
    const { stats } = this.#keyspace
    const { dirty } = stats
    const report = emptyReport()
    this.#report = report
    try {
      act()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (error instanceof RdbFileError) report.fault = error.message
      else if (error instanceof ArenaFullError) report.fault = 'the data do not fit into the memory of their shard'
      else if (code !== undefined && (error as NodeJS.ErrnoException).syscall !== undefined) report.code = code
      else throw error
    }
    stats.dirty = dirty
    const file = this.#file
    if (file !== null) {
      report.at = file.loadedBytes
      report.isAtEnd = file.isAtEnd
      report.version = file.version
    }
    return report
  }

  /** Makes the table of a database large enough, for as many keys as are likely to come. */
  #reserve(index: number, keys: number): void {
    if (index >= this.#keyspace.databases) return
    const db = this.#keyspace.database(index)
    // Until they are there, the table is larger than it should be.
    db.keepsBuckets = true
    db.reserve(Math.ceil(keys / this.#shardCount))
  }

  /** Takes the key in hand, or passes over it. */
  readonly #take = (reader: RdbReader): void => {
    const file = this.#file as RdbFileReader
    if (file.database >= this.#keyspace.databases) {
      throw new RdbFileError(
        `FATAL: Data file was created with a server configured to handle more than ${this.#keyspace.databases} databases.`,
      )
    }
    const { keyOffset, keyLength } = file
    if (!this.#isOwn && !this.#owns(file.key, keyOffset, keyLength)) {
      skipValue(reader, file.rdbType)
    } else if (file.expireAtMs !== NO_EXPIRY && file.expireAtMs < this.#options.dueMs) {
      skipValue(reader, file.rdbType)
      this.#report.expired++
    } else {
      const db = this.#keyspace.database(file.database)
      if (file.rdbType === RdbType.string) this.#makeString(reader, file, db)
      else this.#make(reader, file, db)
    }
  }

  #owns(key: Uint8Array, offset: number, length: number): boolean {
    return shardOfSlot(keySlot(key, offset, length), this.#shardCount) === this.#shard
  }

  #makeString(reader: RdbReader, file: RdbFileReader, db: Database): void {
    let { key, keyOffset } = file
    const { keyLength, expireAtMs } = file
    if (key !== reader.bytes) {
      if (keyLength > this.#name.length) this.#name = new Uint8Array(keyLength * 2)
      copyBytes(key, keyOffset, this.#name, 0, keyLength)
      key = this.#name
      keyOffset = 0
    }
    reader.string()
    const { text, textOffset, textLength } = reader
    const encoding = encodingOfValue(text, textOffset, textLength)
    const { size } = db
    db.setString(key, keyOffset, keyLength, text, textOffset, textLength, encoding, expireAtMs)
    if (db.size === size && !this.#options.replaces) this.#failAt(file, 'a key that is not there yet')
    setClock(file, db)
    this.#report.keys++
  }

  #make(reader: RdbReader, file: RdbFileReader, db: Database): void {
    const { rdbType, expireAtMs } = file
    const key = file.key.slice(file.keyOffset, file.keyOffset + file.keyLength)
    // Whether it is all there is found out before anything is made of it.
    const at = reader.position
    skipValue(reader, rdbType)
    const end = reader.position
    reader.position = at
    if (db.peek(key, 0, key.length)) {
      if (!this.#options.replaces) this.#failAt(file, 'a key that is not there yet')
      db.remove()
    }
    try {
      readValue(reader, rdbType, { db, key, expireAtMs })
      if (hasClock(file) && db.has(key, 0, key.length)) setClock(file, db)
      this.#report.keys++
    } catch (error) {
      if (!(error instanceof RdbFormatError)) throw error
      if (!(error instanceof RdbEmptyValueError)) this.#failAt(file, error.expected)
      if (db.peek(key, 0, key.length)) db.remove()
      this.#report.empty++
      const { emptyNames } = this.#report
      if (emptyNames.length < EMPTY_NAMES_MAX) emptyNames.push(Buffer.from(key).toString('latin1'))
    }
    reader.position = end
  }

  #failAt({ entryAt }: RdbFileReader, expected: string): never {
    throw new RdbFileError(`malformed value in the key at byte ${entryAt}: expected ${expected}`)
  }
}

function hasClock({ idleSeconds, frequency }: RdbFileReader): boolean {
  return idleSeconds >= 0 || frequency >= 0
}

/** Sets the access clock of the record in hand to what the file says, if that is of the kind in use. */
function setClock({ idleSeconds, frequency }: RdbFileReader, db: Database): void {
  if (frequency >= 0 && db.keyspace.lfu) db.setAccessFrequency(frequency)
  if (idleSeconds >= 0 && !db.keyspace.lfu) db.setIdleSeconds(idleSeconds)
}

function emptyReport(): LoadReport {
  return {
    at: 0,
    isAtEnd: false,
    version: 0,
    keys: 0,
    expired: 0,
    empty: 0,
    emptyNames: [],
    aux: [],
    libraries: [],
    modules: [],
  }
}
