/**
 * Reads an RDB file key by key, without making values of what it finds: each key is shown as the bytes that it takes.
 *
 * Runs on any thread. The file is read in blocks; a key that is longer gets a window that holds it. `next` moves to the next
 * key as long as one is wholly in the window, `fill` reads on: so nothing waits but once a block. Whoever wants to read values
 * while the file is read goes by `nextName` and `take`, and a thread that may block by `fillSync`.
 *
 * Invariant: whatever the file claims, no more memory is taken than the part of it that has been read, twice.
 */
import fs from 'node:fs'
import { promisify } from 'node:util'
import { copyBytes, latin1Of } from '../base/bytes.js'
import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { moduleTypeName } from '../store/rdb/module-type.js'
import { ModulePiece, RDB_VERSION_READABLE_MAX, RdbOpcode } from '../store/rdb/rdb-format.js'
import { RdbEndError, RdbFormatError, RdbReader } from '../store/rdb/rdb-reader.js'
import { skipModulePieces, skipValue } from '../store/rdb/value-extent.js'
import { NO_EXPIRY } from '../store/value-type.js'
import { checksumError } from './file-checksum.js'
import { RdbFileError } from './file-error.js'
import { behindForeignKeys } from './foreign-keys.js'

const BLOCK_BYTES = 1024 * 1024

const openFile = promisify(fs.open)
const readFile = promisify(fs.read)
const closeFile = promisify(fs.close)
const statFile = promisify(fs.fstat)

const SIGNATURE = 'REDIS'
const HEADER_BYTES = 9
/** Older files have no checksum. */
export const CHECKSUM_VERSION_MIN = 5

const MS_PER_SECOND = 1000
const NOT_GIVEN = -1

/** What stands between keys. Texts hold one character a byte. */
export interface RdbFileEvents {
  aux(name: string, value: string): void
  /** What a database has, as the file says. */
  databaseSize?(database: number, keys: number, expires: number): void
  /** A library of functions. The bytes are the receiver's to keep. */
  library(code: Uint8Array): void
  /** Something of a module that is not a key has been passed over. */
  moduleData(moduleType: string): void
  /** There is a place for a checksum, and none is in it. */
  checksumMissing(): void
}

export class RdbFileReader {
  /** Of the key in hand: its database, expiry in ms or `NO_EXPIRY`, and access clock or -1. */
  database = 0
  expireAtMs = NO_EXPIRY
  idleSeconds = NOT_GIVEN
  frequency = NOT_GIVEN
  /** Its name. Valid like the other ranges here until `next` or `fill`. */
  key: Uint8Array = new Uint8Array(0)
  keyOffset = 0
  keyLength = 0
  /** Its type, name and value as they stand in the file: a range of `bytes`. */
  bytes: Uint8Array = new Uint8Array(0)
  entryOffset = 0
  entryLength = 0
  rdbType = 0
  /** The file has been read to its end, and is whole. */
  isAtEnd = false
  /** The version that the file names. */
  version = 0

  readonly #reader = new RdbReader()
  readonly #crc = new Crc64()
  /** Where in the file the window begins, and where the next block does. */
  #windowAt = 0
  #unreadAt = 0
  /** How much of the window has been worked off, and how much of that has gone into the checksum. */
  #done = 0
  #summed = 0
  /** How many more bytes `next` has found to be needed. */
  #missing = 1
  /** How much the window holds when it has been filled. */
  #capacity = 0
  #readValue: (reader: RdbReader) => void = () => {}

  private constructor(
    private readonly descriptor: number,
    readonly totalBytes: number,
    private readonly checksChecksum: boolean,
    private readonly events: RdbFileEvents,
  ) {
    this.#reader.open(this.bytes, 0, 0)
  }

  /** Opens a file; the system's error is passed on. */
  static async open(path: string, checksChecksum: boolean, events: RdbFileEvents): Promise<RdbFileReader> {
    const descriptor = await openFile(path, 'r')
    const { size } = await statFile(descriptor)
    return new RdbFileReader(descriptor, size, checksChecksum, events)
  }

  /** As `open`, without a turn of the event loop. */
  static openSync(path: string, checksChecksum: boolean, events: RdbFileEvents): RdbFileReader {
    const descriptor = fs.openSync(path, 'r')
    const { size } = fs.fstatSync(descriptor)
    return new RdbFileReader(descriptor, size, checksChecksum, events)
  }

  close(): Promise<void> {
    return closeFile(this.descriptor)
  }

  closeSync(): void {
    fs.closeSync(this.descriptor)
  }

  /** How far the file has been worked off. */
  get loadedBytes(): number {
    return this.#windowAt + this.#done
  }

  /** Where in the file the key in hand begins. */
  get entryAt(): number {
    return this.#windowAt + this.entryOffset
  }

  /**
   * Moves to the next key. @returns false when there is none left (`isAtEnd`), or none that has been read: call `fill`
   * @throws RdbFileError
   */
  next(): boolean {
    return this.nextName() && this.take(this.#skipValue)
  }

  /**
   * Passes over what belongs to other shards, as far as that goes without much looking. `nextName` follows.
   * @returns whether the next key is known to be the shard's own
   */
  passOverForeign(shard: number, shardCount: number): boolean {
    if (this.version === 0) return false
    const next = behindForeignKeys(this.bytes, this.#done, this.#reader.end, shard, shardCount)
    this.#done = next < 0 ? ~next : next
    return next < 0
  }

  /** As `next`, but the value is left to `take`, which must follow. */
  nextName(): boolean {
    this.#reader.position = this.#done
    return this.#attempt(this.#findName)
  }

  /**
   * Has the value of the key in hand read: `read` gets the reader before the value and leaves it behind it.
   * @returns false when it is not wholly there: call `fill`, after which the key comes once more
   * @throws RdbFileError, and what else `read` throws but `RdbFormatError`
   */
  take(read: (reader: RdbReader) => void): boolean {
    this.#readValue = read
    return this.#attempt(this.#takeValue)
  }

  readonly #findName = (): boolean => (this.version === 0 ? this.#header() && this.#take() : this.#take())

  readonly #skipValue = (reader: RdbReader): void => skipValue(reader, this.rdbType)

  readonly #takeValue = (): boolean => {
    const reader = this.#reader
    this.#readValue(reader)
    this.entryLength = reader.position - this.entryOffset
    this.#done = reader.position
    return true
  }

  /** @returns what `act` does, or false when more of the file is needed for it */
  #attempt(act: () => boolean): boolean {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof RdbFormatError)) throw error
      const at = this.#windowAt + error.offset
      if (!(error instanceof RdbEndError)) {
        throw new RdbFileError(`malformed data at byte ${at}: expected ${error.expected}`)
      }
      if (error.missing > this.totalBytes - this.#unreadAt) {
        throw new RdbFileError(`the file ends at byte ${this.totalBytes} in the middle: expected ${error.expected}`)
      }
      this.#missing = error.missing
      return false
    }
  }

  /** Reads on. Nothing of the key in hand is valid any more. */
  async fill(): Promise<void> {
    const kept = this.#makeRoom()
    for (let end = kept; end < this.#capacity; ) {
      const { bytesRead } = await readFile(this.descriptor, this.bytes, end, this.#capacity - end, this.#unreadAt)
      end = this.#hasRead(end, bytesRead)
    }
    this.#reader.open(this.bytes, 0, this.#capacity)
  }

  /** As `fill`, and blocks meanwhile. */
  fillSync(): void {
    const kept = this.#makeRoom()
    for (let end = kept; end < this.#capacity; ) {
      const bytesRead = fs.readSync(this.descriptor, this.bytes, end, this.#capacity - end, this.#unreadAt)
      end = this.#hasRead(end, bytesRead)
    }
    this.#reader.open(this.bytes, 0, this.#capacity)
  }

  #hasRead(end: number, bytesRead: number): number {
    if (bytesRead === 0) throw new RdbFileError(`the file has become shorter while it was read`)
    this.#unreadAt += bytesRead
    return end + bytesRead
  }

  /** Moves what is not worked off to the beginning of the window. @returns how much that is */
  #makeRoom(): number {
    const { bytes } = this
    this.#sum(this.#done)
    const kept = this.#reader.end - this.#done
    const windowBytes = Math.max(BLOCK_BYTES, powerOfTwoFrom(kept + this.#missing))
    const capacity = Math.min(windowBytes, kept + this.totalBytes - this.#unreadAt)
    if (capacity <= bytes.length && bytes.length <= windowBytes) {
      bytes.copyWithin(0, this.#done, this.#done + kept)
    } else {
      this.bytes = new Uint8Array(capacity)
      copyBytes(bytes, this.#done, this.bytes, 0, kept)
    }
    this.#windowAt += this.#done
    this.#missing = 1
    this.#done = 0
    this.#summed = 0
    this.#capacity = capacity
    return kept
  }

  /** Adds the window up to `end` to the checksum. */
  #sum(end: number): void {
    if (this.checksChecksum) this.#crc.update(this.bytes, this.#summed, end - this.#summed)
    this.#summed = end
  }

  #header(): true {
    const reader = this.#reader
    const at = reader.raw(HEADER_BYTES)
    const header = latin1Of(reader.bytes, at, HEADER_BYTES)
    if (!header.startsWith(SIGNATURE)) throw new RdbFileError('Wrong signature trying to load DB from file')
    const version = Number.parseInt(header.slice(SIGNATURE.length), 10)
    if (!(version >= 1 && version <= RDB_VERSION_READABLE_MAX)) {
      throw new RdbFileError(`Can't handle RDB format version ${Number.isNaN(version) ? 0 : version}`)
    }
    this.version = version
    this.#done = reader.position
    return true
  }

  #take(): boolean {
    const reader = this.#reader
    this.expireAtMs = NO_EXPIRY
    this.idleSeconds = NOT_GIVEN
    this.frequency = NOT_GIVEN
    for (;;) {
      const at = reader.position
      const opcode = reader.byte()
      switch (opcode) {
        // What belongs to the next key is read again with it when the window ends before it does.
        case RdbOpcode.expiryMs:
          this.expireAtMs = reader.int64()
          break
        case RdbOpcode.expirySeconds:
          this.expireAtMs = reader.int32() * MS_PER_SECOND
          break
        case RdbOpcode.idle:
          this.idleSeconds = reader.length()
          break
        case RdbOpcode.frequency:
          this.frequency = reader.byte()
          break
        case RdbOpcode.end:
          this.#end()
          return false
        default:
          if (opcode < RdbOpcode.slotInfo) {
            this.#entry(at, opcode)
            return true
          }
          this.#betweenKeys(opcode)
          this.#done = reader.position
      }
    }
  }

  #entry(at: number, rdbType: number): void {
    const reader = this.#reader
    reader.string()
    this.key = reader.text
    this.keyOffset = reader.textOffset
    this.keyLength = reader.textLength
    this.rdbType = rdbType
    this.entryOffset = at
  }

  #betweenKeys(opcode: number): void {
    const reader = this.#reader
    switch (opcode) {
      case RdbOpcode.selectDb:
        this.database = reader.length()
        return
      case RdbOpcode.resizeDb: {
        const keys = reader.length()
        const expires = reader.length()
        this.events.databaseSize?.(this.database, keys, expires)
        return
      }
      case RdbOpcode.slotInfo:
        reader.length()
        reader.length()
        reader.length()
        return
      case RdbOpcode.aux: {
        const name = latin1(reader.stringCopy())
        this.events.aux(name, latin1(reader.stringCopy()))
        return
      }
      case RdbOpcode.function2:
        this.events.library(reader.stringCopy())
        return
      case RdbOpcode.functionPreGa:
        reader.fail('functions in the form of Redis 7.0, and not in that of its release candidates')
        break
      case RdbOpcode.moduleAux: {
        reader.length64()
        const name = moduleTypeName(reader.high, reader.low)
        if (reader.length() !== ModulePiece.unsigned) reader.fail('when a module wants to see its data')
        reader.length()
        skipModulePieces(reader)
        this.events.moduleData(name)
        return
      }
      default:
        reader.position--
        reader.fail(`a key, and not the unknown code ${opcode}`)
    }
  }

  #end(): void {
    const reader = this.#reader
    if (this.version >= CHECKSUM_VERSION_MIN) {
      const at = reader.raw(CRC64_BYTES)
      this.#sum(at)
      if (this.checksChecksum) this.#checkChecksum(at)
    }
    this.#done = reader.position
    this.isAtEnd = true
  }

  #checkChecksum(at: number): void {
    if (this.bytes.subarray(at, at + CRC64_BYTES).every((byte) => byte === 0)) {
      this.events.checksumMissing()
      return
    }
    if (this.#crc.equals(this.bytes, at)) return
    throw checksumError(this.#crc, this.bytes.subarray(at, at + CRC64_BYTES))
  }
}

function latin1(bytes: Uint8Array): string {
  return latin1Of(bytes, 0, bytes.length)
}

function powerOfTwoFrom(n: number): number {
  let power = 1
  while (power < n) power *= 2
  return power
}
