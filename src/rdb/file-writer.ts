/**
 * Writes an RDB file: under a temporary name, synced, and only then in the place of the file that it replaces.
 *
 *   "REDIS" version in 4 digits | aux fields | [ libraries of functions ] | ( SELECTDB index | RESIZEDB sizes )...
 *   ( SELECTDB index | keys, see store/rdb/key-entry.ts )...
 *   EOF | CRC-64 of all before it, or zeros
 *
 * Runs on a thread of the background pool, which it blocks. Invariant: whatever goes wrong, and whenever the process is killed,
 * the file of that name is the old one or a whole new one.
 */
import fs from 'node:fs'
import path from 'node:path'
import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { RdbOpcode } from '../store/rdb/rdb-format.js'
import { RdbWriteError } from './file-error.js'

/** Redis syncs as often, so that the last sync finds little left to do and does not keep the disk from others. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024

export interface RdbFileOptions {
  readonly temporaryPath: string
  /** `rdbchecksum` */
  readonly hasChecksum: boolean
  /** `rdb-save-incremental-fsync` */
  readonly syncsAsItGoes: boolean
}

export class RdbFileWriter {
  writtenBytes = 0
  readonly #descriptor: number
  readonly #crc = new Crc64()
  #unsyncedBytes = 0
  #isClosed = false

  /**
   * Begins a file.
   * @param reasonOf puts the system's reason for an error in words
   * @throws RdbWriteError
   */
  constructor(
    private readonly options: RdbFileOptions,
    private readonly reasonOf: (error: unknown) => string,
  ) {
    const { temporaryPath } = options
    try {
      this.#descriptor = fs.openSync(temporaryPath, 'w', 0o644)
    } catch (error) {
      throw new RdbWriteError(
        `Failed opening the temp RDB file ${path.basename(temporaryPath)} (in server root dir ` +
          `${path.dirname(temporaryPath)}) for saving: ${reasonOf(error)}`,
      )
    }
  }

  /** @throws RdbWriteError */
  add(bytes: Uint8Array): void {
    const { hasChecksum, syncsAsItGoes } = this.options
    if (hasChecksum) this.#crc.update(bytes, 0, bytes.length)
    this.#attempt('write', () => {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#descriptor, bytes, at, bytes.length - at)
      this.writtenBytes += bytes.length
      this.#unsyncedBytes += bytes.length
      if (!syncsAsItGoes || this.#unsyncedBytes < SYNC_EVERY_BYTES) return
      fs.fdatasyncSync(this.#descriptor)
      this.#unsyncedBytes = 0
    })
  }

  /**
   * Ends the file and gives it its name, for good: both file and folder are synced.
   * @throws RdbWriteError
   */
  finish(finalPath: string): void {
    const { temporaryPath, hasChecksum } = this.options
    this.add(Uint8Array.of(RdbOpcode.end))
    const checksum = new Uint8Array(CRC64_BYTES)
    if (hasChecksum) this.#crc.writeTo(checksum, 0)
    this.add(checksum)
    this.#attempt('fsync', () => {
      fs.fsyncSync(this.#descriptor)
      this.#isClosed = true
      fs.closeSync(this.#descriptor)
    })
    try {
      fs.renameSync(temporaryPath, finalPath)
    } catch (error) {
      throw new RdbWriteError(
        `Error moving temp DB file ${path.basename(temporaryPath)} on the final destination ` +
          `${path.basename(finalPath)} (in server root dir ${path.dirname(finalPath)}): ${this.reasonOf(error)}`,
      )
    }
    this.#attempt('fsyncFileDir', () => {
      const folder = fs.openSync(path.dirname(finalPath), 'r')
      try {
        fs.fsyncSync(folder)
      } finally {
        fs.closeSync(folder)
      }
    })
  }

  /** Takes the unfinished file away. */
  abandon(): void {
    if (!this.#isClosed) fs.closeSync(this.#descriptor)
    this.#isClosed = true
    // It may have its final name already.
    fs.rmSync(this.options.temporaryPath, { force: true })
  }

  #attempt(operation: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      throw new RdbWriteError(`Write error saving DB on disk(${operation}): ${this.reasonOf(error)}`)
    }
  }
}
