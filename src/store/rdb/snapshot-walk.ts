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
 * A value of many elements is written in portions. Until it is through, whoever wants to change it waits (shard/snapshots.ts),
 * or has all that is left of it written at once (`write`).
 *
 * What is written is a sequence of parts: whole keys, and in front of them the database that they are of. Parts of several
 * shards may follow one another in any order. What is over is left out where it goes during the walk: see `Database.expire`.
 */
import { equalBytes } from '../../base/bytes.js'
import { DIGEST_BYTES } from '../../base/data-digest.js'
import type { AnnouncedRecords } from '../announced-records.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { EPOCH_FLAG } from '../record.js'
import { ValueType } from '../value-type.js'
import { type WrittenClock, writeKeyEntry, writeKeyHead } from './key-entry.js'
import { WRITTEN } from './rdb-form.js'
import { RdbOpcode } from './rdb-format.js'
import { RdbWriter } from './rdb-writer.js'
import { isWrittenInPortions, writeValueSome } from './value-forms.js'

/** A part is ended when it is so long. */
const PART_BYTES = 128 * 1024
/** And a piece of a large value. */
const PIECE_BYTES = 64 * 1024
/** A portion of a large value: it takes less than 100 µs. */
const PORTION_ELEMENTS = 200

/** Whole keys, or a piece of one: then nothing of others may stand between it and the next. */
export interface SnapshotPart {
  readonly bytes: Uint8Array
  readonly goesOn: boolean
}

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

/** A value that is being written in portions, or is the next. */
interface LargeValue {
  readonly walk: DatabaseWalk
  readonly key: Uint8Array
  position: number
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
  readonly #parts: SnapshotPart[] = []
  /** Values that are written in portions, one after the other, and the pieces of the first. */
  readonly #large: LargeValue[] = []
  readonly #pieceWriter: RdbWriter
  readonly #pieces: SnapshotPart[] = []
  /** The last piece that was taken is not the last of its value. */
  #isWithinValue = false
  /** The database that the writer's part is in. */
  #selected = -1
  /** Which of the walks goes on. */
  #at = 0
  /** Nothing more is wanted of it. */
  isAbandoned = false

  constructor(keyspace: Keyspace, options: SnapshotOptions) {
    this.#keyspace = keyspace
    this.#options = options
    this.#writer = new RdbWriter(options.compresses)
    this.#pieceWriter = new RdbWriter(options.compresses)
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

  /** Writes the keys of the next bucket, or a portion of a large value. @returns false when there is none left */
  step(): boolean {
    if (this.#large.length > 0) {
      this.#stepLarge()
      return true
    }
    const walk = this.#walks[this.#at]
    if (walk === undefined) return false
    if (walk.bucket === walk.db.buckets) this.#endDatabase(walk)
    // What could not be written at once has the rest of its bucket visited again.
    else if (walk.db.visitBucket(walk.bucket, this.#visit)) walk.bucket++
    return true
  }

  readonly #visit = (db: Database): boolean => {
    if (!db.isPast) return true
    if (this.isLarge(db)) {
      this.writeSoon(db)
      return false
    }
    this.write(db)
    return true
  }

  /** Whether the record in hand, which is one that was not written yet, is to be written in portions. */
  isLarge(db: Database): boolean {
    return !this.isAbandoned && isWrittenInPortions(db)
  }

  /** Has the large value in hand written before the walk goes on. */
  writeSoon(db: Database): void {
    const walk = this.#walkOf(db)
    if (walk === undefined) return
    if (this.#large.some((large) => isKeyInHand(large, db))) return
    this.#large.push({ walk, key: db.bytes.slice(db.keyOffset, db.keyOffset + db.keyLength), position: 0 })
  }

  /** Whether the record in hand is one of which a part is written, so that it must stay as it is. */
  isWriting(db: AnnouncedRecords): boolean {
    const large = this.#large[0]
    return large !== undefined && large.position !== 0 && isKeyInHand(large, db)
  }

  /** Writes the record in hand, which is one that was not written yet, or what is left of it. */
  write(db: Database): void {
    if (this.isWriting(db)) {
      while (this.#stepLarge());
      return
    }
    db.leavePast()
    this.keys++
    // A hash whose last field has just expired is about to go.
    if (this.isAbandoned || (db.type === ValueType.hash && db.kind.elementCount(db) === 0)) return
    const walk = this.#walkOf(db)
    if (walk === undefined) return
    const writer = this.#writer
    if (this.#selected !== walk.index) {
      this.#selected = walk.index
      select(writer, walk.index)
    }
    writeKeyEntry(db, writer, this.#options.clock)
    this.#options.addToDigest?.(db, walk.digest)
    if (writer.position >= PART_BYTES) this.#endPart()
  }

  #walkOf(db: Database): DatabaseWalk | undefined {
    return this.#walks.find((walk) => walk.db === db)
  }

  /** Writes a portion of the first large value, the last of which takes it away. @returns false when that is so */
  #stepLarge(): boolean {
    const large = this.#large[0]
    if (large === undefined) return false
    const { walk, key } = large
    const { db } = walk
    // It may have been changed before its turn, and was written then.
    if (!db.standOnPast(key, 0, key.length)) return this.#endLarge()
    const writer = this.#pieceWriter
    if (large.position === 0) {
      select(writer, walk.index)
      writeKeyHead(db, writer, this.#options.clock)
    }
    large.position = writeValueSome(db, writer, large.position, PORTION_ELEMENTS)
    const goesOn = large.position !== WRITTEN
    if (!goesOn || writer.position >= PIECE_BYTES) {
      this.#add(this.#pieces, writer, goesOn)
    }
    if (goesOn) return true
    this.#options.addToDigest?.(db, walk.digest)
    db.leavePast()
    this.keys++
    return this.#endLarge()
  }

  #endLarge(): false {
    this.#large.shift()
    return false
  }

  #endPart(): void {
    if (this.#writer.position > 0) this.#add(this.#parts, this.#writer, false)
    this.#selected = -1
  }

  #add(parts: SnapshotPart[], writer: RdbWriter, goesOn: boolean): void {
    this.waitingBytes += writer.position
    this.waitingBytesMax = Math.max(this.waitingBytesMax, this.waitingBytes)
    parts.push({ bytes: writer.take(), goesOn })
    writer.reset()
  }

  /** The next part that nobody has taken, or undefined. A part that is not full comes when the walk is through. */
  get firstPart(): SnapshotPart | undefined {
    return this.#pieces[0] ?? (this.#isWithinValue ? undefined : this.#parts[0])
  }

  /** Takes that part away. */
  dropPart(): void {
    const part = this.#pieces.length > 0 ? this.#pieces.shift() : this.#parts.shift()
    if (part === undefined) return
    this.#isWithinValue = part.goesOn
    this.waitingBytes -= part.bytes.length
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
    this.isAbandoned = true
    this.#writer.reset()
    this.#parts.length = 0
    this.#pieces.length = 0
    this.#large.length = 0
    this.waitingBytes = 0
  }

  /** By database that had keys: its number, and the digests of its keys, xored. */
  digests(): readonly (readonly [index: number, digest: Uint8Array])[] {
    return this.#walks.map(({ index, digest }) => [index, digest])
  }
}

function select(writer: RdbWriter, index: number): void {
  writer.byte(RdbOpcode.selectDb)
  writer.length(index)
}

function isKeyInHand({ walk, key }: LargeValue, db: AnnouncedRecords): boolean {
  return walk.db === db && db.keyLength === key.length && equalBytes(db.bytes, db.keyOffset, key, 0, key.length)
}
