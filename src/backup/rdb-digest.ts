/**
 * The digest of the data set in an RDB file, as DEBUG DIGEST gives it once the file is loaded.
 *
 * Runs in a worker, or in a tool. Every key is made in a keyspace by the code that loads files, digested, and removed again, so that
 * no more memory is needed than for the largest key. Nothing expires: what had not been removed when the file was
 * written is a part of it.
 */
import { DIGEST_BYTES, mixDigest, xorDigest } from '../base/data-digest.js'
import { combineDigests, hexadecimal, mixValue } from '../commands/digest.js'
import { RdbFileError } from '../rdb/file-error.js'
import { RdbFileReader } from '../rdb/file-reader.js'
import { Keyspace } from '../store/keyspace.js'
import { RdbFormatError, RdbReader } from '../store/rdb/rdb-reader.js'
import { readValue } from '../store/rdb/value-forms.js'

export interface RdbDigest {
  /** 40 hexadecimal digits. */
  readonly digest: string
  readonly keys: number
}

/** Tells nobody: whoever loads the file hears of these things. */
const NO_EVENTS = { aux() {}, library() {}, moduleData() {}, checksumMissing() {} }

/**
 * Reads the whole file.
 * @param onBytes is told how far it has come
 * @throws RdbFileError, or the system's error when it cannot be opened or read
 */
export async function digestOfRdb(path: string, onBytes: (bytes: number) => void = () => {}): Promise<RdbDigest> {
  const file = await RdbFileReader.open(path, true, NO_EVENTS)
  try {
    const keyspace = new Keyspace({ databases: 1, hashSeed: [1, 2], randomSeed: 1 })
    keyspace.isReplaying = true
    const db = keyspace.database(0)
    const reader = new RdbReader()
    const databases = new Map<number, Uint8Array>()
    let keys = 0
    while (!file.isAtEnd) {
      await file.fill()
      for (; file.next(); keys++) {
        const entry = new Uint8Array(DIGEST_BYTES)
        try {
          reader.open(file.bytes, file.entryOffset, file.entryLength)
          const rdbType = reader.byte()
          const key = reader.stringCopy()
          readValue(reader, rdbType, { db, key, expireAtMs: file.expireAtMs })
          if (!db.peek(key, 0, key.length)) throw new RdbFileError(`the key at byte ${file.entryAt} is not there`)
          mixDigest(entry, key)
        } catch (error) {
          if (!(error instanceof RdbFormatError)) throw error
          throw new RdbFileError(`malformed value in the key at byte ${file.entryAt}: expected ${error.expected}`)
        }
        mixValue(entry, db)
        db.remove()
        let digest = databases.get(file.database)
        if (digest === undefined) {
          digest = new Uint8Array(DIGEST_BYTES)
          databases.set(file.database, digest)
        }
        xorDigest(digest, entry)
      }
      onBytes(file.loadedBytes)
    }
    return { digest: hexadecimal(combineDigests([partsOf(databases)])), keys }
  } finally {
    await file.close()
  }
}

function partsOf(databases: ReadonlyMap<number, Uint8Array>): Uint8Array {
  return Buffer.concat(
    [...databases].flatMap(([index, digest]) => {
      const number = Buffer.alloc(4)
      number.writeUInt32BE(index)
      return [number, digest]
    }),
  )
}
