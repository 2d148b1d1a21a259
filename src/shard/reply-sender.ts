/**
 * Puts replies into the reply ring, in place, and groups them.
 *
 * Runs in a shard worker. Consecutive replies to one target with consecutive sequences share one frame, so that a
 * pipeline of 64 commands costs the main thread one frame. A reply that outgrows the ring's room spills in the writer
 * and leaves as several frames (count 0 means "more of this reply follows").
 *
 * Invariant: while a frame is open, its header's place is reserved but not committed, and [payload, writer.start) holds
 * `#count` whole replies.
 */

import { ReplyWriter } from '../resp/reply-writer.js'
import { alignFrame, type RingProducer } from '../ring/byte-ring.js'
import {
  FrameKind,
  NOTICE_GOES_ON,
  REPLY_BYTES,
  REPLY_PADDING_SHIFT,
  RequestFlag,
  TARGET_NOTICE,
} from '../ring/frames.js'

/** A frame is begun only where this much room is contiguous; most replies fit, and a wrap wastes no more than this. */
const FRAME_BYTES_MIN = 2048
/** A group is closed past this size, so that the main thread can begin to send while the shard goes on. */
const GROUP_BYTES_MAX = 16 * 1024
const ROOM_WAIT_MS = 100
/** Replies are made visible at least this often within a batch: the main thread sends them while the shard goes on. */
const FLUSH_EVERY_FRAMES = 64

interface EarlierNotices {
  sendTo(sender: Pick<ReplySender, 'notice'>): void
}

export class ReplySender {
  readonly writer = new ReplyWriter()
  /** Called before replies are made visible: what they answer must not be lost any more. */
  beforePublish: () => void = () => {}
  readonly #ring: RingProducer
  readonly #onFull: (() => void) | null
  #frame = -1
  #target = 0
  #firstSequence = 0
  #sequence = 0
  #count = 0
  #silent = false

  /** `onFull` replaces blocking when the ring is full (the simulation drains the other side in it). */
  constructor(ring: RingProducer, onFull: (() => void) | null = null) {
    this.#ring = ring
    this.#onFull = onFull
    this.writer.stream = () => this.#streamScratch()
  }

  /** Bytes that the reply in hand has, as far as they are not sent yet. */
  get replyBytes(): number {
    return this.writer.position - this.writer.start
  }

  /** Opens the reply to `sequence` of `target`; the handler then writes into `writer`. */
  begin(target: number, sequence: number, flags: number): void {
    const writer = this.writer
    this.#silent = (flags & RequestFlag.silent) !== 0
    this.#sequence = sequence
    if (
      this.#frame >= 0 &&
      target === this.#target &&
      sequence === ((this.#firstSequence + this.#count) | 0) &&
      writer.position - this.#frame < GROUP_BYTES_MAX &&
      writer.limit - writer.position >= 64
    ) {
      writer.start = writer.position
    } else {
      this.#closeFrame()
      this.#openFrame(target, sequence)
    }
    writer.resp3 = (flags & RequestFlag.resp3) !== 0
  }

  /** Ends the reply that `begin` opened. */
  end(): void {
    const writer = this.writer
    if (this.#silent) {
      // What a silent reply has streamed already cannot be taken back, so silence forbids streaming (see #streamScratch).
      if (writer.spilled) this.#reopenAfterSpill()
      else writer.position = writer.start
      this.#count++
      return
    }
    if (writer.spilled) {
      this.#sendScratch(true)
      return
    }
    this.#count++
  }

  /** Takes back what has been written into the reply in hand; of a reply that is on its way already nothing can be. */
  discard(): void {
    if (this.writer.spilled) this.#reopenAfterSpill()
    else this.writer.position = this.writer.start
  }

  /** Takes back what `begin` opened, into which nothing has been written. */
  cancel(): void {
    this.writer.position = this.writer.start
  }

  /** As `cancel`, and tells the main thread that the client waits, until `deadlineMs` (Infinity: for ever). */
  park(deadlineMs: number): void {
    this.cancel()
    this.#closeFrame()
    const frame = this.#reserve(REPLY_BYTES + 8)
    new DataView(this.#ring.bytes.buffer, this.#ring.bytes.byteOffset + frame + REPLY_BYTES, 8).setFloat64(
      0,
      deadlineMs,
      true,
    )
    this.#commit(frame, REPLY_BYTES + 8, this.#target, this.#sequence, 1, FrameKind.parked)
  }

  /** Tells the main thread something, behind the replies so far. No reply may be open. */
  notice(kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void {
    this.#closeFrame()
    const end = offset + length
    let from = offset
    do {
      const piece = Math.min(end - from, this.#ring.frameBytesMax - REPLY_BYTES)
      const frame = this.#reserve(alignFrame(REPLY_BYTES + piece))
      this.#ring.bytes.set(bytes.subarray(from, from + piece), frame + REPLY_BYTES)
      from += piece
      const target = TARGET_NOTICE | kind | (from < end ? NOTICE_GOES_ON : 0)
      this.#commit(frame, REPLY_BYTES + piece, target, number, 0)
    } while (from < end)
  }

  /**
   * The same at once, while a reply is open into which nothing has been written yet.
   * @param earlier notices that go ahead of it
   */
  noticeWithinReply(kind: number, number: number, bytes: Uint8Array, earlier: EarlierNotices | null): void {
    const { resp3 } = this.writer
    this.cancel()
    earlier?.sendTo(this)
    this.notice(kind, number, bytes, 0, bytes.length)
    this.beforePublish()
    this.#ring.publish()
    this.#openFrame(this.#target, this.#sequence)
    this.writer.resp3 = resp3
  }

  /**
   * After so many frames of a batch that goes on: lets the main thread see the replies so far, if it is looking and there
   * are enough of them; wakes it for them at once where the next ones will take long.
   */
  flushWithin(framesDone: number, isAtOnce: boolean): void {
    if (isAtOnce) {
      this.flush()
    } else if (framesDone % FLUSH_EVERY_FRAMES === 0) {
      this.#closeFrame()
      this.beforePublish()
      this.#ring.publishQuietly()
    }
  }

  /** Publishes everything. Call once for each drained batch. */
  flush(): void {
    this.#closeFrame()
    this.beforePublish()
    this.#ring.publish()
  }

  #openFrame(target: number, sequence: number): void {
    const frame = this.#reserve(FRAME_BYTES_MIN)
    this.#frame = frame
    this.#target = target
    this.#firstSequence = sequence
    this.#count = 0
    const room = Math.min(this.#ring.contiguous(frame), this.#ring.frameBytesMax)
    this.writer.attach(this.#ring.bytes, frame + REPLY_BYTES, frame + room - 4)
  }

  /** Commits the open frame with the whole replies in it. */
  #closeFrame(): void {
    if (this.#frame < 0) return
    if (this.#count > 0)
      this.#commit(this.#frame, this.writer.position - this.#frame, this.#target, this.#firstSequence, this.#count)
    this.#frame = -1
  }

  #commit(
    frame: number,
    length: number,
    target: number,
    sequence: number,
    count: number,
    kind: number = FrameKind.reply,
  ): void {
    const words = this.#ring.words
    const aligned = alignFrame(length)
    const word = frame >> 2
    words[word + 1] = target
    words[word + 2] = sequence
    words[word + 3] = count | ((aligned - length) << REPLY_PADDING_SHIFT)
    this.#ring.commit(frame, aligned, kind)
  }

  #reserve(length: number): number {
    for (;;) {
      const offset = this.#ring.reserve(length)
      if (offset >= 0) return offset
      this.beforePublish()
      this.#ring.publish()
      if (this.#onFull !== null) this.#onFull()
      else this.#ring.waitForRoom(ROOM_WAIT_MS)
    }
  }

  /**
   * When a reply spills, the replies before it in the frame still stand in the ring: their end is where the spilled
   * reply began, and nothing else was written there, so the frame can be committed up to that place.
   */
  #closeFrameBeforeSpill(): void {
    if (this.#frame >= 0 && this.#count > 0) {
      this.#commit(this.#frame, this.writer.spilledFrom - this.#frame, this.#target, this.#firstSequence, this.#count)
    }
    this.#frame = -1
  }

  #streamScratch(): boolean {
    if (this.#silent) return false
    this.#sendScratch(false)
    return true
  }

  /** Sends what the scratch holds; `last` says that the reply ends with it. */
  #sendScratch(last: boolean): void {
    const writer = this.writer
    this.#closeFrameBeforeSpill()
    let from = writer.start
    const end = writer.position
    while (from < end || last) {
      const length = Math.min(end - from, this.#ring.frameBytesMax - REPLY_BYTES)
      const final = last && from + length === end
      const frame = this.#reserve(alignFrame(REPLY_BYTES + length))
      this.#ring.bytes.set(writer.bytes.subarray(from, from + length), frame + REPLY_BYTES)
      this.#commit(frame, REPLY_BYTES + length, this.#target, this.#sequence, final ? 1 : 0)
      from += length
      if (final) break
    }
    if (last) return
    this.beforePublish()
    this.#ring.publish()
  }

  #reopenAfterSpill(): void {
    this.#closeFrameBeforeSpill()
    this.#openFrame(this.#target, this.#sequence)
  }
}
