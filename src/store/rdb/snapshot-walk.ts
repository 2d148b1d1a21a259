/**
 * A snapshot of one shard's keys, as they are at one moment (the cut), written while the shard goes on.
 *
 * Owned by the shard's thread. Making it is the cut. From then on `step` writes the keys bucket by bucket between commands,
 * and what is about to change is written before it does (`write`): records that were written, and those made since, are told
 * from the others by a flag (`EpochRecords`). So each record is written once, as it was at the cut, whatever comes between.
 *
 * Buckets are divided while the walk goes on, which moves records to buckets that it has yet to reach, but never merged. A
 * database that is emptied leaves its tables to the walk, and their memory goes back when it has passed.
 *
 * What is written is a sequence of parts: whole keys, and in front of them the database that they are of. Parts of several
 * shards may follow one another in any order. What is over is left out where it goes during the walk: see `Database.expire`.
 */
import { DIGEST_BYTES } from '../../base/data-digest.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { EPOCH_FLAG } from '../record.js'
import { ValueType } from '../value-type.js'
import { type WrittenClock, writeKeyEntry } from './key-entry.js'
import { RdbOpcode } from './rdb-format.js'
import { RdbWriter } from './rdb-writer.js'

/** A part is ended when it is so long. */
export const PART_BYTES = 128 * 1024

export interface SnapshotOptions {
  readonly compresses: boolean
  readonly clock: WrittenClock
  /** Adds the digest of the key in hand to `digest`, where a digest is wanted. */
  readonly addToDigest: ((db: Database, digest: Uint8Array) => void) | null
}

interface DatabaseWalk {
  /** Where its keys are now. */
  db: Database
  /** Its number at the cut. */
  readonly index: number
  readonly digest: Uint8Array
  bucket: number
  /** The walk holds the only reference to its tables. */
  isCleared: boolean
}

export class SnapshotWalk {
  /** Keys written or left out so far. */
  keys = 0
  /** Keys at the cut. */
  readonly keysTotal: number
  /** Bytes of the parts that nobody has taken yet, and the most that there ever were. */
  waitingBytes = 0
  waitingBytesMax = 0
  readonly #keyspace: Keyspace
  readonly #options: SnapshotOptions
  readonly #walks: DatabaseWalk[] = []
  readonly #writer: RdbWriter
  readonly #parts: Uint8Array[] = []
  /** The database that the writer's part is in. */
  #selected = -1
  /** Which of the walks goes on. */
  #at = 0
  #isAbandoned = false

  constructor(keyspace: Keyspace, options: SnapshotOptions) {
    this.#keyspace = keyspace
    this.#options = options
    this.#writer = new RdbWriter(options.compresses)
    let keysTotal = 0
    for (let index = 0; index < keyspace.databases; index++) {
      const db = keyspace.existingDatabase(index)
      if (db === null || db.size === 0) continue
      db.keepsBuckets = true
      keysTotal += db.size
      this.#walks.push({ db, index, digest: new Uint8Array(DIGEST_BYTES), bucket: 0, isCleared: false })
    }
    this.keysTotal = keysTotal
    if (keysTotal === 0) return
    keyspace.epoch.present ^= EPOCH_FLAG
    keyspace.epoch.isCut = true
    keyspace.snapshot = this
  }

  /** All keys are written. */
  get isThrough(): boolean {
    return this.#at === this.#walks.length
  }

  /** Writes the keys of the next bucket. @returns false when there is none left */
  step(): boolean {
    const walk = this.#walks[this.#at]
    if (walk === undefined) return false
    if (walk.bucket < walk.db.buckets) walk.db.visitBucket(walk.bucket++, this.#visit)
    else this.#endDatabase(walk)
    return true
  }

  readonly #visit = (db: Database): boolean => {
    if (db.isPast) this.write(db)
    return true
  }

  /** Writes the record in hand, which is one that was not written yet. */
  write(db: Database): void {
    db.leavePast()
    this.keys++
    // A hash whose last field has just expired is about to go.
    if (this.#isAbandoned || (db.type === ValueType.hash && db.kind.elementCount(db) === 0)) return
    const walk = this.#walks.find((walk) => walk.db === db)
    if (walk === undefined) return
    const writer = this.#writer
    if (this.#selected !== walk.index) {
      this.#selected = walk.index
      writer.byte(RdbOpcode.selectDb)
      writer.length(walk.index)
    }
    writeKeyEntry(db, writer, this.#options.clock)
    this.#options.addToDigest?.(db, walk.digest)
    if (writer.position >= PART_BYTES) this.#endPart()
  }

  #endPart(): void {
    const writer = this.#writer
    if (writer.position === 0) return
    this.#parts.push(writer.take())
    this.waitingBytes += writer.position
    this.waitingBytesMax = Math.max(this.waitingBytesMax, this.waitingBytes)
    writer.reset()
    this.#selected = -1
  }

  /** The first part that nobody has taken, or undefined. A part that is not full comes when the walk is through. */
  get firstPart(): Uint8Array | undefined {
    return this.#parts[0]
  }

  /** Takes the first part away. */
  dropPart(): void {
    this.waitingBytes -= this.#parts.shift()?.length ?? 0
  }

  /** The keys of a database have been handed over to another, to be given back. @returns whether the walk sees to that */
  takesOver(db: Database, cleared: Database): boolean {
    const walk = this.#walks.find((walk) => walk.db === db)
    if (walk === undefined || this.#walks.indexOf(walk) < this.#at) return false
    db.keepsBuckets = false
    cleared.keepsBuckets = true
    walk.db = cleared
    walk.isCleared = true
    return true
  }

  #endDatabase({ db, isCleared }: DatabaseWalk): void {
    const keyspace = this.#keyspace
    db.keepsBuckets = false
    if (isCleared) keyspace.condemned.addDatabase(db)
    this.#at++
    if (!this.isThrough) return
    this.#endPart()
    keyspace.epoch.isCut = false
    keyspace.snapshot = null
  }

  /** What is left need not be written any more: `step` only settles the flags of the records. */
  abandon(): void {
    this.#isAbandoned = true
    this.#writer.reset()
    this.#parts.length = 0
    this.waitingBytes = 0
  }

  /** By database that had keys: its number, and the digests of its keys, xored. */
  digests(): readonly (readonly [index: number, digest: Uint8Array])[] {
    return this.#walks.map(({ index, digest }) => [index, digest])
  }
}
