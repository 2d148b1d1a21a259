/**
 * The way of a snapshot's parts from the shards to the thread that writes the file: a few slots for each shard, in shared
 * memory, so that no more is on the way than they hold.
 *
 *   control (Int32)      [0] counts what has been put into slots, by all shards: the writer waits for it to change
 *                        [1] the save is to end     [2] delay after each key, in µs
 *   a shard's channel    [0] slots filled, [1] slots emptied, both counted on     [2] keys written
 *                        then for each slot: length 29 bits | flags, and its bytes
 *
 * One shard fills, one writer empties. Invariants: a slot is filled before it is counted, and read before it is counted as
 * emptied; both count from 0 in each snapshot, and nobody reads while a shard begins one.
 */
import { copyBytes } from '../base/bytes.js'

const SLOTS = 4
const SLOT_BYTES = 128 * 1024

const FILLED = 0
const EMPTIED = 1
const KEYS = 2
const HEADER_WORDS = 16

/** What follows belongs to the same part: nothing of another shard may come between. */
const GOES_ON = 1 << 30
/** It is the shard's last. */
const LAST = 1 << 29
const LENGTH_MASK = LAST - 1
const NO_BYTES = new Uint8Array(0)

export const SnapshotControl = { signal: 0, isAborted: 1, keyDelayUs: 2, COUNT: 16 } as const

export interface SnapshotMemory {
  readonly control: SharedArrayBuffer
  /** A channel for each shard. */
  readonly channels: readonly SharedArrayBuffer[]
}

export function createSnapshotMemory(shardCount: number): SnapshotMemory {
  return {
    control: new SharedArrayBuffer(SnapshotControl.COUNT * 4),
    channels: Array.from({ length: shardCount }, () => new SharedArrayBuffer(bytesBefore(SLOTS))),
  }
}

/** Slots begin with their word, and whole words. */
function bytesBefore(slot: number): number {
  return HEADER_WORDS * 4 + slot * (SLOT_BYTES + 4)
}

/** The keys that a shard says it has written. */
export function keysWritten(channel: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(channel, 0, HEADER_WORDS), KEYS)
}

/** A shard's end. */
export class PartSender {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #control: Int32Array
  #filled = 0

  constructor(channel: SharedArrayBuffer, control: SharedArrayBuffer) {
    this.#words = new Int32Array(channel)
    this.#bytes = new Uint8Array(channel)
    this.#control = new Int32Array(control)
  }

  /** A snapshot begins. */
  reset(): void {
    this.#filled = 0
    Atomics.store(this.#words, FILLED, 0)
    Atomics.store(this.#words, EMPTIED, 0)
    Atomics.store(this.#words, KEYS, 0)
  }

  get hasRoom(): boolean {
    return this.#filled - Atomics.load(this.#words, EMPTIED) < SLOTS
  }

  get keyDelayUs(): number {
    return Atomics.load(this.#control, SnapshotControl.keyDelayUs)
  }

  report(keys: number): void {
    Atomics.store(this.#words, KEYS, keys)
  }

  /**
   * Fills a slot, for which there is room.
   * @param goesOn the next part belongs to the same value
   * @returns how many bytes from `offset` on it has taken
   */
  send(part: Uint8Array, offset: number, goesOn: boolean): number {
    const length = Math.min(SLOT_BYTES, part.length - offset)
    const isCut = goesOn || offset + length < part.length
    this.#fill(part, offset, length, isCut ? GOES_ON : 0)
    return length
  }

  /** Says that there is no more; it takes a slot as well. */
  end(): void {
    this.#fill(NO_BYTES, 0, 0, LAST)
  }

  #fill(part: Uint8Array, offset: number, length: number, flags: number): void {
    const at = bytesBefore(this.#filled % SLOTS)
    this.#words[at >>> 2] = length | flags
    copyBytes(part, offset, this.#bytes, at + 4, length)
    this.#filled++
    Atomics.store(this.#words, FILLED, this.#filled)
    Atomics.add(this.#control, SnapshotControl.signal, 1)
    Atomics.notify(this.#control, SnapshotControl.signal)
  }
}

/** The writer's end of one channel. */
export class PartReceiver {
  /** The shard has sent its last. */
  isThrough = false
  /** The next slot belongs to the same part. */
  goesOn = false
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  #emptied = 0

  constructor(channel: SharedArrayBuffer) {
    this.#words = new Int32Array(channel)
    this.#bytes = new Uint8Array(channel)
  }

  /** What the next slot holds, valid until `release`; undefined when none is filled. */
  next(): Uint8Array | undefined {
    if (this.#emptied === Atomics.load(this.#words, FILLED)) return undefined
    const at = bytesBefore(this.#emptied % SLOTS)
    const word = this.#words[at >>> 2] as number
    this.goesOn = (word & GOES_ON) !== 0
    this.isThrough = (word & LAST) !== 0
    return this.#bytes.subarray(at + 4, at + 4 + (word & LENGTH_MASK))
  }

  release(): void {
    this.#emptied++
    Atomics.store(this.#words, EMPTIED, this.#emptied)
  }
}
