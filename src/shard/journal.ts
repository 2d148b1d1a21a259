/**
 * One shard's part of the append-only log: what its writes did, collected and written once a batch, with marks that say
 * how far it is complete (docs/decisions/0011-append-only-log.md has the format and the rules).
 *
 * Runs in a shard worker. The main thread opens the files and hands over their descriptors.
 *
 * Invariants: a mark n is written only when every frame up to n has been executed and no older operation is under way; what is
 * answered is in the file before the answer is published (and on the disk, where every write is synced); records of one frame
 * stand together. While no file is open, the executor pays one comparison a command.
 */
import fs from 'node:fs'
import { asciiBytes, copyBytes } from '../base/bytes.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import type { JournalFile, ShardCall, ShardJournal } from '../commands/shard-call.js'
import { GSN_GOES_ON, gsnOfWords } from '../ring/frames.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import type { ChangeListener, ChangeListeners } from './change-listeners.js'
import { CommandEncoder } from './command-encoder.js'
import { Gauge } from './gauges.js'
import { encodeStates, encodesStates } from './lent-effects.js'
import type { LockTable } from './lock-table.js'

const DEL = asciiBytes('*2\r\n$3\r\nDEL\r\n')
const HDEL = asciiBytes('*3\r\n$4\r\nHDEL\r\n')

const BYTES_INITIAL = 64 * 1024
/** What has come together is written when it is so much, even within a batch. */
const WRITE_AT_BYTES = 1024 * 1024
/** A buffer that has grown beyond this is not kept. */
const BYTES_KEPT_MAX = 4 * WRITE_AT_BYTES
const MS_PER_SECOND = 1000
/** Nobody wakes who waits for it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))
const TWO_TO_32 = 4294967296

/** A file cannot be written or synced, and every write was to be on the disk before its answer: the server must end. */
export class JournalWriteError extends Error {
  readonly code = 'AOF_NOT_WRITTEN'

  constructor(
    readonly call: 'write' | 'sync',
    /** As Node.js has it: negative. */
    readonly errno: number,
  ) {
    super(`the append-only log cannot be written: ${call}, error ${errno}`)
  }
}

export class Journal implements ChangeListener, ShardJournal {
  isOn = false
  readonly #call: ShardCall
  readonly #keyspace: Keyspace
  readonly #locks: LockTable
  readonly #listeners: ChangeListeners
  readonly #gauges: Float64Array
  readonly #encoder = new CommandEncoder()
  #file: JournalFile = { descriptor: -1, syncsAlways: false, hasTimes: false }

  #bytes = new Uint8Array(BYTES_INITIAL)
  #length = 0
  /** Where what stands in front of the records of the frame in hand begins, where they do themselves, how many there are. */
  #unitFrom = -1
  #unitStart = -1
  #unitCount = 0
  /** What happens now belongs to no frame. */
  #isBetweenFrames = false
  /** Up to which number all frames have been executed. */
  #position = 0
  #goesOn = false
  /** The last number, time and database that the file says. */
  #number = -1
  #second = 0
  #database = -1
  #mark = 0
  /** Something has been written that no sync has followed. */
  #isUnsynced = false
  #wantsMark = false
  #isMarkHeldBack = false
  #dirtyBefore = 0
  #fileBytes = 0
  #records = 0
  #delayMs = 0

  constructor(call: ShardCall, locks: LockTable, listeners: ChangeListeners, gauges: Float64Array) {
    this.#call = call
    this.#keyspace = call.keyspace
    this.#locks = locks
    this.#listeners = listeners
    this.#gauges = gauges
  }

  /** Nothing goes out to clients in the middle of a batch: each time costs a sync. */
  get delaysReplies(): boolean {
    return this.#file.syncsAlways
  }

  /** The operation of the last frame is not through: clients are to hear of all that a transaction changes at once. */
  get isWithinOperation(): boolean {
    return this.#goesOn
  }

  /**
   * The rest of an operation is on its way, and no mark may say yet that it is whole: what answers it must not go out before
   * that mark is on the disk.
   */
  get awaitsRest(): boolean {
    return this.#goesOn && this.#file.syncsAlways
  }

  /**
   * From now on records go to this file; what was collected is written to the last one.
   * @returns false when that is not possible: the last one stays
   */
  open(file: JournalFile): boolean {
    if (this.isOn) {
      this.#wantsMark = true
      this.commit()
      // Nothing may be on the disk in the next file while something is missing in this one.
      if (this.#isUnsynced) this.#sync()
      if (file.descriptor >= 0 && (this.#isUnsynced || this.#length > 0)) return false
      this.#length = 0
    }
    this.#file = file
    this.isOn = file.descriptor >= 0
    this.#call.effects.isRecording = this.isOn
    this.#number = -1
    this.#second = 0
    this.#database = -1
    this.#fileBytes = 0
    this.#isUnsynced = false
    this.#keyspace.onEvicted = this.isOn ? this.expired : null
    this.#keyspace.onFieldExpired = this.isOn ? this.#fieldExpired : null
    if (this.isOn) this.#listeners.add(this)
    else this.#listeners.remove(this)
    this.#report()
    return true
  }

  /** Settings of the same file have changed. */
  change(syncsAlways: boolean, hasTimes: boolean): void {
    this.#file = { ...this.#file, syncsAlways, hasTimes }
  }

  /** A mark is written with this batch, whether it has records or not. */
  requestMark(): void {
    this.#wantsMark = true
  }

  delayWrites(ms: number): void {
    this.#delayMs = ms
  }

  /** The frame with this number has been executed, or waits. */
  reached(gsnLow: number, gsnHigh: number): void {
    const gsn = gsnOfWords(gsnLow, gsnHigh)
    this.#goesOn = (gsnHigh & GSN_GOES_ON) !== 0
    this.#position = this.#goesOn ? gsn - 1 : gsn
  }

  /** What comes now belongs to no frame: it happens at the number that was reached. */
  beginBetweenFrames(): void {
    this.#isBetweenFrames = true
    this.#call.gsnLow = this.#position | 0
    this.#call.gsnHigh = Math.floor(this.#position / TWO_TO_32)
  }

  /** Ends `beginBetweenFrames`. */
  endBetweenFrames(): void {
    this.#isBetweenFrames = false
    if (this.#length > 0) this.commit()
  }

  /** A command is about to run. */
  beginCommand(): void {
    this.#dirtyBefore = this.#keyspace.stats.dirty
    this.#call.effects.clear()
  }

  /** Whether the command that began last has changed anything. */
  get hasModified(): boolean {
    return this.#keyspace.stats.dirty !== this.#dirtyBefore
  }

  /** The command has run. @param hasModified whether it has changed anything */
  endCommand(call: ShardCall, hasModified: boolean): void {
    const { effects } = call
    if (effects.isReplaced) {
      if (effects.count > 0) {
        this.#beginRecord(call.dbIndex, effects.length, effects.count)
        copyBytes(effects.bytes, 0, this.#bytes, this.#length, effects.length)
        this.#length += effects.length
      }
    } else if (hasModified && call.spec.flags.includes('write')) {
      if (encodesStates(call, this.#locks)) {
        encodeStates(call, (database, bytes, length) => {
          this.#beginRecord(database, length, 1)
          copyBytes(bytes, 0, this.#bytes, this.#length, length)
          this.#length += length
        })
      } else {
        this.#beginRecord(call.dbIndex, this.#encoder.bytesOfCommand(call), 1)
        this.#length = this.#encoder.write(call, this.#bytes, this.#length)
      }
    }
    effects.clear()
  }

  /** The records since the last time are one unit: several of them stand in MULTI and EXEC. */
  endUnit(): void {
    if (this.#unitCount > 1) {
      const { multi, exec } = CommandEncoder
      this.#room(multi.length + exec.length)
      this.#bytes.copyWithin(this.#unitStart + multi.length, this.#unitStart, this.#length)
      this.#bytes.set(multi, this.#unitStart)
      this.#length += multi.length
      this.#bytes.set(exec, this.#length)
      this.#length += exec.length
    }
    this.#unitCount = 0
    if (this.#length >= WRITE_AT_BYTES) this.#write()
  }

  /** A key is about to go because its time or its room is over. */
  readonly expired = (db: Database): void => {
    // What is lent to this shard is its owner's to log.
    if (!this.#isOwn(db)) return
    this.#beginRecord(db.index, this.#encoder.bytesOf(DEL, db.keyLength), 1)
    const at = this.#encoder.writeName(DEL, this.#bytes, this.#length)
    this.#length = this.#encoder.writeArgument(db.bytes, db.keyOffset, db.keyLength, this.#bytes, at)
    if (this.#isBetweenFrames) this.endUnit()
  }

  /** A field of the hash in hand is about to go because its time is over. */
  readonly #fieldExpired = (db: Database, bytes: Uint8Array, offset: number, length: number): void => {
    if (!this.#isOwn(db)) return
    this.#beginRecord(db.index, this.#encoder.bytesOf(HDEL, db.keyLength, length), 1)
    let at = this.#encoder.writeName(HDEL, this.#bytes, this.#length)
    at = this.#encoder.writeArgument(db.bytes, db.keyOffset, db.keyLength, this.#bytes, at)
    this.#length = this.#encoder.writeArgument(bytes, offset, length, this.#bytes, at)
    if (this.#isBetweenFrames) this.endUnit()
  }

  #isOwn({ bytes, keyOffset, keyLength }: Database): boolean {
    const { shard, shardCount } = this.#call
    if (shardCount === 1 || !this.#locks.isActive) return true
    return shardOfSlot(keySlot(bytes, keyOffset, keyLength), shardCount) === shard
  }

  #beginRecord(database: number, length: number, count: number): void {
    this.#room(length + CommandEncoder.overheadBytesMax)
    const isFirst = this.#unitCount === 0
    if (isFirst) {
      this.#unitFrom = this.#length
      const gsn = gsnOfWords(this.#call.gsnLow, this.#call.gsnHigh)
      if (gsn !== this.#number) {
        // The time comes first, as Redis has it in front of everything.
        if (this.#file.hasTimes) this.#time()
        this.#number = gsn
        this.#length = this.#encoder.writeNumber('G', gsn, this.#bytes, this.#length)
      }
    }
    if (database !== this.#database) {
      this.#database = database
      this.#length = this.#encoder.writeSelect(database, this.#bytes, this.#length)
    }
    if (isFirst) this.#unitStart = this.#length
    this.#unitCount += count
    this.#records += count
  }

  #time(): void {
    const second = Math.floor(this.#keyspace.nowMs / MS_PER_SECOND)
    if (second <= this.#second) return
    this.#second = second
    this.#length = this.#encoder.writeNumber('TS', second, this.#bytes, this.#length)
  }

  #room(needed: number): void {
    if (this.#length + needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + needed))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  /** Up to which number everything has been executed, and nothing older is under way. */
  get #complete(): number {
    return Math.min(this.#position, this.#locks.oldestGsn - 1)
  }

  /**
   * Writes what the batch has brought, so that it may be answered. What a frame that is being executed has brought so far
   * stays.
   * @throws JournalWriteError
   */
  commit(): void {
    const end = this.#unitCount === 0 ? this.#length : this.#unitFrom
    const complete = this.#complete
    // Where older operations held the last mark back, the next one comes as soon as it can.
    if (end > 0 || this.#wantsMark || (this.#isMarkHeldBack && complete > this.#mark)) {
      this.#wantsMark = false
      this.#isMarkHeldBack = complete < this.#position
      if (end === this.#length) {
        this.#room(CommandEncoder.overheadBytesMax)
        this.#length = this.#encoder.writeNumber('M', complete, this.#bytes, end)
      } else {
        this.#insertMark(complete, end)
      }
      // What follows says its number again.
      this.#number = -1
      this.#mark = complete
      this.#write()
    }
    if (this.#file.syncsAlways && this.#isUnsynced) this.#sync()
    this.#report()
  }

  #insertMark(complete: number, at: number): void {
    const mark = new Uint8Array(CommandEncoder.overheadBytesMax)
    const length = this.#encoder.writeNumber('M', complete, mark, 0)
    this.#room(length)
    this.#bytes.copyWithin(at + length, at, this.#length)
    this.#bytes.set(mark.subarray(0, length), at)
    this.#length += length
    this.#unitFrom += length
    this.#unitStart += length
  }

  /** Writes what has come together, without the records of a frame that is being executed. */
  #write(): void {
    const end = this.#unitCount === 0 ? this.#length : this.#unitFrom
    let from = 0
    if (this.#delayMs > 0 && end > 0) Atomics.wait(NEVER, 0, 0, this.#delayMs)
    try {
      while (from < end) from += fs.writeSync(this.#file.descriptor, this.#bytes, from, end - from)
      this.#gauges[Gauge.logErrno] = 0
    } catch (error) {
      this.#fail('write', error)
    }
    if (from === 0) return
    this.#fileBytes += from
    this.#isUnsynced = true
    if (from === this.#length) {
      if (this.#bytes.length > BYTES_KEPT_MAX) this.#bytes = new Uint8Array(BYTES_INITIAL)
    } else {
      this.#bytes.copyWithin(0, from, this.#length)
    }
    this.#length -= from
    this.#unitFrom -= from
    this.#unitStart -= from
  }

  #sync(): void {
    try {
      fs.fdatasyncSync(this.#file.descriptor)
      this.#isUnsynced = false
    } catch (error) {
      this.#fail('sync', error)
    }
  }

  /** What could not be written is kept and tried again; the main thread sees the fault and refuses writes meanwhile. */
  #fail(call: 'write' | 'sync', error: unknown): void {
    const { errno } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    this.#gauges[Gauge.logErrno] = -errno
    if (this.#file.syncsAlways) throw new JournalWriteError(call, errno)
  }

  #report(): void {
    const gauges = this.#gauges
    gauges[Gauge.logBytes] = this.#fileBytes
    gauges[Gauge.logRecords] = this.#records
    gauges[Gauge.logBufferBytes] = this.#length
    gauges[Gauge.logPosition] = this.#position
    // Only what is in the file: where a write failed, the mark may still be in the buffer.
    if (this.#length === 0) gauges[Gauge.logMark] = this.#mark
  }
}
