/**
 * The main thread's end of one shard: writes request frames into its ring, reads reply frames from the other.
 *
 * Runs on the main thread. Writing never fails: when the ring is full, frames go to a backlog in order, and
 * `isCongested` tells the network side to stop reading, so the backlog holds little more than what one round of reading
 * brought in. A transaction therefore enters the order whole, however full the ring is.
 *
 * Invariant: while the backlog holds a frame, nothing is written past it.
 */

import { releaseChunk } from '../base/buffer-memory.js'
import { copyBytes, copyToWords } from '../base/bytes.js'
import { FRAME_KIND_SHIFT, RingConsumer, type RingMemory, RingProducer } from '../ring/byte-ring.js'
import { FrameKind, PIECE_HEADER_BYTES, REQUEST_BYTES, REQUEST_WORDS } from '../ring/frames.js'

/** A frame of a kind and nothing else. */
const TIME_FRAME_BYTES = 12

/** Longer arguments are copied by the engine's own loop. */
const COPY_BY_WORDS_BYTES_MAX = 64

/**
 * A shard is let begin once this much has come together: 64 pipelined commands. Less costs a wake-up for every few
 * commands of unpipelined clients, more leaves the shard idle while the main thread parses.
 */
const PUBLISH_EARLY_BYTES = 4096

export class ShardLink {
  readonly shard: number
  readonly replies: RingConsumer
  /** Replies that this shard owes. */
  outstanding = 0
  readonly #ring: RingProducer
  #timeMs = 0

  #backlog: Int32Array[] = []
  #backlogFrom = 0
  /** How much of the large frame at the backlog's front is in the ring. */
  #bytesSent = 0

  // The frame that is being written.
  #words: Int32Array
  #bytes: Uint8Array
  #offset = 0
  #length = 0
  #inRing = false

  constructor(shard: number, requests: RingMemory, replies: RingMemory) {
    this.shard = shard
    this.#ring = new RingProducer(requests)
    this.replies = new RingConsumer(replies)
    this.#words = this.#ring.words
    this.#bytes = this.#ring.bytes
  }

  get isCongested(): boolean {
    return this.#backlog.length !== 0
  }

  /** Tells the shard the time of the frames that follow, when it has changed. */
  setTime(nowMs: number): void {
    if (nowMs === this.#timeMs) return
    this.#timeMs = nowMs
    this.#begin(TIME_FRAME_BYTES)
    const word = this.#offset >> 2
    this.#words[word + 1] = nowMs | 0
    this.#words[word + 2] = Math.floor(nowMs / 4294967296)
    this.#end(FrameKind.time)
  }

  /**
   * Writes one request. Arguments `from` to `argc - 1` (as in argv: 0 is the name, which does not travel) are taken from
   * `bytes` by `offsets` and `lengths`. `actor` is word 7: origin and lock owner.
   */
  send(
    kind: number,
    target: number,
    sequence: number,
    idAndDb: number,
    flags: number,
    actor: number,
    gsnLow: number,
    gsnHigh: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    let length = REQUEST_BYTES
    for (let i = 1; i < argc; i++) length += 4 + (((lengths[i] as number) + 3) & ~3)
    this.#begin(length)
    const words = this.#words
    const target8 = this.#bytes
    const word = this.#offset >> 2
    words[word + 1] = target
    words[word + 2] = sequence
    words[word + 3] = idAndDb
    words[word + 4] = gsnLow
    words[word + 5] = gsnHigh
    words[word + 6] = (argc - 1) | (flags << 24)
    words[word + 7] = actor
    let at = this.#offset + REQUEST_WORDS * 4
    for (let i = 1; i < argc; i++) {
      const argumentLength = lengths[i] as number
      words[at >> 2] = argumentLength
      if (argumentLength <= COPY_BY_WORDS_BYTES_MAX)
        copyToWords(bytes, offsets[i] as number, words, (at >> 2) + 1, argumentLength)
      else copyBytes(bytes, offsets[i] as number, target8, at + 4, argumentLength)
      at += 4 + ((argumentLength + 3) & ~3)
    }
    this.#end(kind)
  }

  /** Publishes when enough has come together that the shard may as well begin. */
  publishEarly(): void {
    if (this.#ring.unpublishedBytes >= PUBLISH_EARLY_BYTES) this.#ring.publish()
  }

  /** Makes the frames written so far visible to the shard. */
  publish(): void {
    if (this.#backlog.length !== 0) this.#drainBacklog()
    this.#ring.publish()
  }

  #begin(length: number): void {
    this.#length = length
    this.#inRing = false
    if (length <= this.#ring.frameBytesMax && this.#backlog.length === 0) {
      const offset = this.#ring.reserve(length)
      if (offset >= 0) {
        this.#words = this.#ring.words
        this.#bytes = this.#ring.bytes
        this.#offset = offset
        this.#inRing = true
        return
      }
    }
    this.#words = new Int32Array(length >> 2)
    this.#bytes = new Uint8Array(this.#words.buffer)
    this.#offset = 0
  }

  #end(kind: number): void {
    if (this.#inRing) {
      this.#ring.commit(this.#offset, this.#length, kind)
      return
    }
    // The length of a large frame exceeds its 24 bits; nobody reads it.
    const isLarge = this.#length > this.#ring.frameBytesMax
    this.#words[0] = (kind << FRAME_KIND_SHIFT) | (isLarge ? 0 : this.#length)
    this.#backlog.push(this.#words)
    if (isLarge && this.#backlog.length === 1) this.#drainBacklog()
  }

  #drainBacklog(): void {
    const backlog = this.#backlog
    const ring = this.#ring
    while (this.#backlogFrom < backlog.length) {
      const frame = backlog[this.#backlogFrom] as Int32Array
      if (frame.byteLength > ring.frameBytesMax) {
        if (!this.#sendPieces(frame)) return
      } else {
        const offset = ring.reserve(frame.byteLength)
        if (offset < 0) return
        ring.words.set(frame, offset >> 2)
        ring.commit(offset, frame.byteLength, (frame[0] as number) >>> FRAME_KIND_SHIFT)
      }
      this.#backlogFrom++
    }
    this.#backlog = []
    this.#backlogFrom = 0
  }

  /** Sends what the ring has room for of a large frame; returns whether that was the rest of it. */
  #sendPieces(frame: Int32Array): boolean {
    const ring = this.#ring
    const pieceBytesMax = ring.frameBytesMax - PIECE_HEADER_BYTES
    while (this.#bytesSent < frame.byteLength) {
      const length = Math.min(pieceBytesMax, frame.byteLength - this.#bytesSent)
      const offset = ring.reserve(PIECE_HEADER_BYTES + length)
      if (offset < 0) return false
      ring.words[(offset >> 2) + 1] = frame.byteLength >> 2
      const from = this.#bytesSent >> 2
      ring.words.set(frame.subarray(from, from + (length >> 2)), (offset + PIECE_HEADER_BYTES) >> 2)
      ring.commit(offset, PIECE_HEADER_BYTES + length, FrameKind.piece)
      this.#bytesSent += length
    }
    this.#bytesSent = 0
    releaseChunk(frame.buffer as ArrayBuffer)
    return true
  }
}
