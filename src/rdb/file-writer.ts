/**
 * Writes an RDB file: under a temporary name, synced, and only then in the place of the file that it replaces.
 *
 *   "REDIS" version in 4 digits | aux fields | [ libraries of functions ]
 *   ( SELECTDB index | RESIZEDB keys, keys with an expiry | keys, see store/rdb/key-entry.ts )...
 *   EOF | CRC-64 of all before it, or zeros
 *
 * Runs on the main thread. Invariant: whatever goes wrong, and whenever the process is killed, the file of that name is
 * the old one or a whole new one.
 */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import path from 'node:path'
import { asciiBytes } from '../base/bytes.js'
import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { RdbOpcode } from '../store/rdb/rdb-format.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'
import { RdbWriteError } from './file-error.js'

/** Redis syncs as often, so that the last sync finds little left to do and does not keep the disk from others. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024

const VERSION_DIGITS = 4
const NO_CHECKSUM = new Uint8Array(CRC64_BYTES)

export interface RdbFileOptions {
  readonly version: number
  /** `rdbchecksum` */
  readonly hasChecksum: boolean
  /** `rdb-save-incremental-fsync` */
  readonly syncsAsItGoes: boolean
  /** Puts the system's reason for an error in words. */
  readonly reasonOf: (error: unknown) => string
}

export class RdbFileWriter {
  /** Bytes written so far, those on their way included. */
  writtenBytes = 0
  readonly #crc = new Crc64()
  readonly #writer = new RdbWriter()
  #unsyncedBytes = 0
  #isClosed = false
  /** The writes in their order; ends when the last one so far has. */
  #tail: Promise<void> = Promise.resolve()

  private constructor(
    private readonly handle: FileHandle,
    private readonly temporaryPath: string,
    private readonly options: RdbFileOptions,
  ) {}

  /**
   * Begins a file with its header.
   * @throws RdbWriteError
   */
  static async create(temporaryPath: string, options: RdbFileOptions): Promise<RdbFileWriter> {
    let handle: FileHandle
    try {
      handle = await open(temporaryPath, 'w', 0o644)
    } catch (error) {
      throw new RdbWriteError(
        `Failed opening the temp RDB file ${path.basename(temporaryPath)} (in server root dir ` +
          `${path.dirname(temporaryPath)}) for saving: ${options.reasonOf(error)}`,
      )
    }
    const file = new RdbFileWriter(handle, temporaryPath, options)
    void file.add(asciiBytes(`REDIS${String(options.version).padStart(VERSION_DIGITS, '0')}`))
    return file
  }

  /** A field about the file, for whoever knows its name. */
  aux(name: string, value: string): void {
    this.#put((writer) => {
      writer.byte(RdbOpcode.aux)
      this.#text(name)
      this.#text(value)
    })
  }

  /** A library of functions, by its code. */
  library(code: Uint8Array): void {
    this.#put((writer) => {
      writer.byte(RdbOpcode.function2)
      writer.string(code, 0, code.length)
    })
  }

  /** The keys that follow are of this database. The sizes are hints. */
  selectDatabase(index: number, keys: number, expires: number): void {
    this.#put((writer) => {
      writer.byte(RdbOpcode.selectDb)
      writer.length(index)
      writer.byte(RdbOpcode.resizeDb)
      writer.length(keys)
      writer.length(expires)
    })
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    this.#writer.string(bytes, 0, bytes.length)
  }

  #put(write: (writer: RdbWriter) => void): void {
    this.#writer.reset()
    write(this.#writer)
    void this.add(this.#writer.take())
  }

  /**
   * Adds bytes, which must not change any more. Ends when they, and all before them, have been written.
   * @throws RdbWriteError
   */
  add(bytes: Uint8Array): Promise<void> {
    if (this.options.hasChecksum) this.#crc.update(bytes, 0, bytes.length)
    this.writtenBytes += bytes.length
    const written = this.#tail.then(() => this.#write(bytes))
    this.#tail = written
    // Who does not wait for these bytes hears of the failure with the next ones, or in `finish`.
    written.catch(() => {})
    return written
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at)
        at += bytesWritten
      }
      this.#unsyncedBytes += bytes.length
      if (this.options.syncsAsItGoes && this.#unsyncedBytes >= SYNC_EVERY_BYTES) {
        await this.handle.datasync()
        this.#unsyncedBytes = 0
      }
    } catch (error) {
      throw this.#failure('write', error)
    }
  }

  /**
   * Ends the file and gives it its name, for good: both file and folder are synced.
   * @throws RdbWriteError
   */
  async finish(finalPath: string): Promise<void> {
    await this.add(Uint8Array.of(RdbOpcode.end))
    const checksum = new Uint8Array(NO_CHECKSUM)
    if (this.options.hasChecksum) this.#crc.writeTo(checksum, 0)
    await this.add(checksum)
    try {
      await this.handle.sync()
      this.#isClosed = true
      await this.handle.close()
    } catch (error) {
      throw this.#failure('fsync', error)
    }
    try {
      await rename(this.temporaryPath, finalPath)
    } catch (error) {
      throw new RdbWriteError(
        `Error moving temp DB file ${path.basename(this.temporaryPath)} on the final destination ` +
          `${path.basename(finalPath)} (in server root dir ${path.dirname(finalPath)}): ${this.options.reasonOf(error)}`,
      )
    }
    try {
      const folder = await open(path.dirname(finalPath), 'r')
      await folder.sync().finally(() => folder.close())
    } catch (error) {
      throw this.#failure('fsyncFileDir', error)
    }
  }

  /** Takes the unfinished file away. */
  async abandon(): Promise<void> {
    // What is on its way would be written to a descriptor that is somebody else's by then.
    await this.#tail.catch(() => {})
    if (!this.#isClosed) {
      this.#isClosed = true
      await this.handle.close().catch(() => {})
    }
    // It may have its final name already, or never have had one.
    await unlink(this.temporaryPath).catch(() => {})
  }

  #failure(operation: string, error: unknown): RdbWriteError {
    return new RdbWriteError(`Write error saving DB on disk(${operation}): ${this.options.reasonOf(error)}`)
  }
}
