/**
 * A single-producer single-consumer ring of frames over shared memory.
 *
 * One thread makes and owns a `RingProducer`, one other a `RingConsumer`, both over the same `RingMemory`.
 *
 *   control (Int32, one cache line each)      data (power of two bytes)
 *   [ 0] tail: bytes ever published           +--------+-----------+------+--------+-----
 *   [16] head: bytes ever released            | frame  | frame ... | WRAP | unused |
 *   [32] producer waits for room              +--------+-----------+------+--------+-----
 *
 * The producer wakes the consumer by a bell, which one consumer may share among all its rings.
 *
 * A frame is 4-byte aligned and contiguous; its first word is its length in bytes (24 bits, header included) and its
 * kind (8 bits). A frame that does not fit before the end is preceded by a WRAP frame over what is left there.
 * Positions run freely and wrap at 2^32, so `tail - head` is the number of bytes in use.
 *
 * Invariants: the producer alone writes `tail` and bytes outside [head, tail); the consumer alone writes `head` and
 * reads only inside it. The payload is written before `tail` is stored (sequentially consistent), so a consumer that
 * sees the index sees the payload.
 */
import { assert } from '../base/assert.js'
import { Bell, createBellMemory } from './bell.js'

const TAIL = 0
const HEAD = 16
const PRODUCER_WAITS = 32
const CONTROL_BYTES = 192

export const FRAME_KIND_WRAP = 255
export const FRAME_LENGTH_MASK = 0x00ffffff
export const FRAME_KIND_SHIFT = 24

/** The largest frame, as a share of the ring: with a quarter, one can always be placed once the ring has drained. */
const FRAME_SHARE = 4

export interface RingMemory {
  readonly control: SharedArrayBuffer
  readonly data: SharedArrayBuffer
  /** Wakes the consumer. */
  readonly bell: SharedArrayBuffer
}

/** `bytes` is a power of two between 16 KiB and 32 MiB (frame lengths have 24 bits). */
export function createRingMemory(bytes: number, bell = createBellMemory()): RingMemory {
  assert(bytes >= 16384 && bytes <= 32 * 1024 * 1024 && (bytes & (bytes - 1)) === 0, `ring size ${bytes}`)
  return { control: new SharedArrayBuffer(CONTROL_BYTES), data: new SharedArrayBuffer(bytes), bell }
}

export function alignFrame(bytes: number): number {
  return (bytes + 3) & ~3
}

export class RingProducer {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly size: number
  readonly frameBytesMax: number
  readonly #control: Int32Array
  readonly #bell: Bell
  #tail: number
  #publishedTail: number
  #head: number
  #bellOwed = false

  constructor(memory: RingMemory) {
    this.bytes = new Uint8Array(memory.data)
    this.words = new Int32Array(memory.data)
    this.size = this.bytes.length
    this.frameBytesMax = this.size / FRAME_SHARE
    this.#control = new Int32Array(memory.control)
    this.#bell = new Bell(memory.bell)
    this.#tail = Atomics.load(this.#control, TAIL)
    this.#publishedTail = this.#tail
    this.#head = Atomics.load(this.#control, HEAD)
  }

  /** Bytes not yet released by the consumer, published or not. */
  get used(): number {
    return (this.#tail - Atomics.load(this.#control, HEAD)) | 0
  }

  get unpublishedBytes(): number {
    return (this.#tail - this.#publishedTail) | 0
  }

  /**
   * Finds contiguous room for a frame of up to `length` bytes (a multiple of 4, at most `frameBytesMax`) and returns
   * its byte offset in `bytes`, or -1 when the ring has no such room now. Nothing is taken before `commit`.
   */
  reserve(length: number): number {
    const offset = this.#tail & (this.size - 1)
    const untilEnd = this.size - offset
    const needed = length <= untilEnd ? length : untilEnd + length
    if (needed > this.size - ((this.#tail - this.#head) | 0)) {
      this.#head = Atomics.load(this.#control, HEAD)
      if (needed > this.size - ((this.#tail - this.#head) | 0)) return -1
    }
    if (length <= untilEnd) return offset
    this.words[offset >> 2] = untilEnd | (FRAME_KIND_WRAP << FRAME_KIND_SHIFT)
    this.#tail = (this.#tail + untilEnd) | 0
    return 0
  }

  /** Bytes of contiguous room at the place that `reserve` returned last, before anything was committed there. */
  contiguous(offset: number): number {
    this.#head = Atomics.load(this.#control, HEAD)
    return Math.min(this.size - offset, this.size - ((this.#tail - this.#head) | 0))
  }

  /** Takes the frame at `offset`, as returned by `reserve`, with its final length. Invisible until `publish`. */
  commit(offset: number, length: number, kind: number): void {
    this.words[offset >> 2] = length | (kind << FRAME_KIND_SHIFT)
    this.#tail = (this.#tail + length) | 0
  }

  /** Makes all committed frames visible to a consumer that is awake; one that sleeps is woken by the next `publish`. */
  publishQuietly(): void {
    if (this.#tail === this.#publishedTail) return
    this.#publishedTail = this.#tail
    Atomics.store(this.#control, TAIL, this.#tail)
    this.#bellOwed = true
  }

  /** Makes all committed frames visible and wakes the consumer if it sleeps. Returns whether it had to be woken. */
  publish(): boolean {
    this.publishQuietly()
    if (!this.#bellOwed) return false
    this.#bellOwed = false
    return this.#bell.ring()
  }

  /**
   * Blocks until the consumer has released something or `timeoutMs` is over. For worker threads only; all committed
   * frames must have been published, or the consumer may have nothing to release.
   */
  waitForRoom(timeoutMs: number): void {
    Atomics.store(this.#control, PRODUCER_WAITS, 1)
    if (Atomics.load(this.#control, HEAD) === this.#head) {
      Atomics.wait(this.#control, PRODUCER_WAITS, 1, timeoutMs)
    }
    Atomics.store(this.#control, PRODUCER_WAITS, 0)
  }
}

export class RingConsumer {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly #control: Int32Array
  readonly #bell: Bell
  readonly #mask: number
  #head: number
  #publishedHead: number
  #tail: number

  constructor(memory: RingMemory) {
    this.bytes = new Uint8Array(memory.data)
    this.words = new Int32Array(memory.data)
    this.#mask = this.bytes.length - 1
    this.#control = new Int32Array(memory.control)
    this.#bell = new Bell(memory.bell)
    this.#head = Atomics.load(this.#control, HEAD)
    this.#publishedHead = this.#head
    this.#tail = this.#head
  }

  /** The byte offset of the next frame, or -1 when there is none. The frame stays until `release`. */
  next(): number {
    for (;;) {
      if (this.#head === this.#tail) {
        this.#tail = Atomics.load(this.#control, TAIL)
        if (this.#head === this.#tail) return -1
      }
      const offset = this.#head & this.#mask
      const word = this.words[offset >> 2] as number
      if (word >>> FRAME_KIND_SHIFT !== FRAME_KIND_WRAP) return offset
      this.#head = (this.#head + (word & FRAME_LENGTH_MASK)) | 0
    }
  }

  /** Passes over the frame that `next` returned; its bytes may be overwritten after the next `publishReleased`. */
  release(offset: number): void {
    this.#head = (this.#head + ((this.words[offset >> 2] as number) & FRAME_LENGTH_MASK)) | 0
  }

  /** Gives released frames back to the producer and wakes it if it waits for room. */
  publishReleased(): void {
    if (this.#head === this.#publishedHead) return
    this.#publishedHead = this.#head
    Atomics.store(this.#control, HEAD, this.#head)
    if (Atomics.load(this.#control, PRODUCER_WAITS) !== 0) {
      Atomics.store(this.#control, PRODUCER_WAITS, 0)
      Atomics.notify(this.#control, PRODUCER_WAITS, 1)
    }
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail && Atomics.load(this.#control, TAIL) === this.#tail
  }

  /**
   * Blocks until the producer publishes or `timeoutMs` is over. For worker threads, over a bell of their own.
   * @param hasOtherWork asked once more before it sleeps; whoever brings such work rings the bell
   */
  sleep(timeoutMs: number, hasOtherWork: (() => boolean) | null = null): void {
    this.#bell.announce()
    if (this.isEmpty && (hasOtherWork === null || !hasOtherWork())) this.#bell.wait(timeoutMs)
    else this.#bell.cancel()
  }
}
