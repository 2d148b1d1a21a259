/**
 * One client connection: its socket, its input buffer, the order of its replies, and its output.
 *
 * Runs on the main thread, but knows nothing of it: whoever owns the connections gives it the callbacks it needs.
 *
 * Replies come back in any order. Each command takes the next sequence number of its connection when it is dispatched;
 * a reply goes out when all before it have, and is kept until then.
 *
 * Pushes (`push`) stand outside this order, but behind the replies to what the client sent before, see held-pushes.ts.
 *
 * Invariants: `delivered` is the sequence of the reply that must go out next; `issued - delivered` replies are owed.
 * Output that the socket did not take at once is in Node's stream queue, and while anything is there (`isStreaming`),
 * nothing is written past it.
 */
import fs from 'node:fs'
import { releaseChunk } from '../base/buffer-memory.js'
import { copyOf } from '../base/bytes.js'
import { ParseState } from '../resp/request-parser.js'
import { ConnectionOutput } from './connection-output.js'
import { HeldPushes } from './held-pushes.js'
import { HeldReplies } from './held-replies.js'
import type { ClientSocket } from './listener.js'
import type { Session } from './session.js'
import type { SharedRun } from './shared-run.js'

/** A connection's output is collected up to this; what comes on top goes to the socket first. */
const OUTPUT_BYTES_MAX = 64 * 1024
const QUERY_BYTES_MIN = 1024
/**
 * Replies that a client may be owed before it is not read further. They are what it can make the server hold, and what
 * others wait behind: so they are fewer at first, and fewer while its replies are large, going by this many bytes.
 */
const OWED_REPLIES_MIN = 16
const OWED_REPLIES_INITIAL = 256
const OWED_REPLIES_MAX = 16 * 1024
const OWED_BYTES_MAX = 4 * 1024 * 1024
/** Frames of replies no longer than this are not looked at: OWED_REPLIES_MAX of them are 16 MiB. */
const LARGE_FRAME_BYTES = 1024
/** The buffer that commands cut in two are put together in starts no smaller than Redis's (PROTO_IOBUF_LEN). */
const QUERY_BYTES_INITIAL = 16 * 1024
/** Added to the real figures so that a client's memory counts its objects here. */
const OBJECT_BYTES = 1500

export interface ConnectionOwner {
  /** Output is waiting to be written at the end of this turn. */
  outputPending(connection: Connection): void
  /** Output has grown that the client does not take: it is closed if that is too much. */
  checkOutput(connection: Connection): void
  /** Whether replies are limited before they are written, too: `admitsReply` is asked only then. */
  readonly limitsReplies: boolean
  /** Whether replies of so many bytes may be kept for this client at once. Where they may not, it is closed. */
  admitsReply(connection: Connection, bytes: number): boolean
  /** The socket has taken what it owed. */
  outputDrained(connection: Connection): void
  closed(connection: Connection): void
  /** Replies for a connection that has closed in the meantime. */
  replyAfterClose(slot: number, count: number): void
  readonly nowMs: number
  outputBytesTotal: number
  writes: number
}

/** Below this the garbage collector may take its time. */
const FREE_AT_ONCE_BYTES = 1024 * 1024

function freeIfLarge(buffer: Uint8Array): void {
  if (buffer.length >= FREE_AT_ONCE_BYTES) releaseChunk(buffer.buffer as ArrayBuffer)
}

export class Connection {
  readonly session: Session
  readonly parse = new ParseState()

  // Input: a command cut in two at a read's end is put together here.
  query: Uint8Array | null = null
  queryStart = 0
  queryEnd = 0
  /** The largest use of the input buffer in the current period; the cron shrinks it by this. */
  queryBytesPeak = 0
  /** Bytes of the read that is being worked off, which stand in a buffer that all connections share. */
  bytesInHand = 0

  issued = 0
  delivered = 0
  /** Replies that may be owed now. */
  owedMax = OWED_REPLIES_INITIAL
  #held: HeldReplies | null = null
  /** Of the reply that comes next a part has gone out already. */
  #isReplyPartial = false
  #pushes: HeldPushes | null = null
  /** Bytes of large replies in this turn, or of the one that comes in pieces. */
  #replyBytes = 0

  readonly #output = new ConnectionOutput(this)
  isFlushQueued = false
  /** Commands of this client are being dispatched: replies that come at once wait for each other, to be one write. */
  isDispatching = false
  isStreaming = false
  /** When the socket last took anything while output was pending. */
  progressAtMs = 0
  #bytesTakenSeen = 0
  /** When the soft limit of the output buffer was passed, 0 while it is not. */
  softLimitSinceMs = 0

  isReadPaused = false
  /** Holds commands back: CLIENT PAUSE, a full ring, too many replies owed. */
  isStalled = false
  isClosing = false
  /** The client has announced that it sends no more. */
  hasInputEnded = false
  /** The last reply is out and the socket's end announced. */
  isFinishing = false
  isClosed = false

  constructor(
    readonly slot: number,
    readonly socket: ClientSocket,
    readonly fd: number,
    readonly owner: ConnectionOwner,
    session: Session,
  ) {
    this.session = session
    session.connection = this
  }

  /** Replies owed. */
  get owed(): number {
    return (this.issued - this.delivered) | 0
  }

  /** Replies owed that have not come back yet. */
  get owedByOthers(): number {
    return this.owed - (this.#held === null ? 0 : this.#held.count)
  }

  /** Output that the kernel has not taken. */
  get outputBytes(): number {
    return this.#output.length + this.socket.writableLength + this.heldPushBytes
  }

  /** Bytes of pushes that wait for replies. */
  get heldPushBytes(): number {
    return this.#pushes === null ? 0 : this.#pushes.bytes
  }

  get memoryBytes(): number {
    const buffers = (this.query?.length ?? 0) + this.#output.memoryBytes
    return OBJECT_BYTES + buffers + this.socket.writableLength + this.heldPushBytes
  }

  get queryBytes(): number {
    return this.queryEnd - this.queryStart
  }

  /**
   * Takes `count` whole replies from `sequence` on, or with count 0 a piece of the reply to `sequence`.
   * The bytes may be overwritten when this returns.
   */
  deliver(sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    if (this.isClosed) {
      this.owner.replyAfterClose(this.slot, count)
      return
    }
    if (length > LARGE_FRAME_BYTES && !this.#noteLargeFrame(count, length)) return
    if (sequence !== this.delivered) {
      this.#held ??= new HeldReplies()
      this.#held.add(sequence, count, copyOf(bytes, offset, length))
      return
    }
    this.delivered = (this.delivered + count) | 0
    if (
      !this.isDispatching &&
      this.delivered === this.issued &&
      this.#output.length === 0 &&
      !this.isStreaming &&
      count > 0
    ) {
      // Everything this client waits for is in these bytes: out they go, from where they stand.
      this.#replyBytes = 0
      this.#writeNow(bytes, offset, length)
    } else {
      this.#append(bytes, offset, length)
    }
    this.#isReplyPartial = count === 0
    if (this.#pushes !== null) this.#releasePushes()
    if (this.#held !== null) this.#releaseHeld()
    if (this.isClosing && this.delivered === this.issued && !this.isFlushQueued) this.#queueFlush()
  }

  /** False when these replies were too much for the client's output limit, and it is closed. */
  #noteLargeFrame(count: number, length: number): boolean {
    const owedMax = Math.max(OWED_REPLIES_MIN, Math.floor((OWED_BYTES_MAX * Math.max(count, 1)) / length))
    if (owedMax < this.owedMax) this.owedMax = owedMax
    this.#replyBytes += length
    if (!this.owner.limitsReplies || this.owner.admitsReply(this, this.#replyBytes)) return true
    this.owner.replyAfterClose(this.slot, count)
    return false
  }

  /** A large request is on its way to its shard, beside the ring, where nothing else bounds how many there are. */
  noteLargeRequest(bytes: number): void {
    const owedMax = Math.max(1, Math.floor(OWED_BYTES_MAX / bytes))
    if (owedMax < this.owedMax) this.owedMax = owedMax
  }

  #releaseHeld(): void {
    const all = this.#held as HeldReplies
    for (let held = all.take(this.delivered); held !== undefined; held = all.take(this.delivered)) {
      this.delivered = (this.delivered + held.count) | 0
      for (const chunk of held.chunks) this.#append(chunk, 0, chunk.length)
      // A reply that has only begun: what is left of it comes with this same sequence.
      this.#isReplyPartial = held.count === 0
      if (this.#isReplyPartial) break
      if (this.#pushes !== null) this.#releasePushes()
    }
    if (all.isEmpty) this.#held = null
  }

  /**
   * A message that answers no command. It goes out behind the replies to all that the client has sent so far, but for a
   * blocking command, which may wait for ever. The bytes may be overwritten when this returns.
   */
  push(bytes: Uint8Array, offset: number, length: number): void {
    if (this.isClosed || this.isClosing) return
    if (this.#takesPushes) {
      this.#append(bytes, offset, length)
    } else {
      this.#pushes ??= new HeldPushes()
      this.#pushes.add(this.#repliesBeforePush, bytes, offset, length)
    }
    // Who does not read must be cut off while the messages come, even when they all come in one turn.
    if (this.isStreaming || this.#pushes !== null) this.owner.checkOutput(this)
  }

  /** The sequence of the reply that may come behind a push. A command that waits is the last one that was dispatched. */
  get #repliesBeforePush(): number {
    return this.session.isAwaiting ? (this.issued - 1) | 0 : this.issued
  }

  /** A push need not wait for replies. */
  get #takesPushes(): boolean {
    return this.#pushes === null && !this.#isReplyPartial && ((this.delivered - this.#repliesBeforePush) | 0) >= 0
  }

  /**
   * Joins a run of pushes, if nothing else is to go out in this turn so far. It must leave the run before it is dispatched a
   * command, whose reply comes before later pushes.
   */
  ride(run: SharedRun): boolean {
    if (this.isClosed || this.isClosing || this.isStreaming || this.isDispatching) return false
    if (!this.#takesPushes || !this.#output.ride(run)) return false
    if (!this.isFlushQueued) this.#queueFlush()
    return true
  }

  leaveRun(): void {
    this.#output.leaveRun()
  }

  #releasePushes(): void {
    if (this.#isReplyPartial) return
    const pushes = this.#pushes as HeldPushes
    for (let chunk = pushes.take(this.delivered); chunk !== null; chunk = pushes.take(this.delivered)) {
      this.#append(chunk, 0, chunk.length)
    }
    if (pushes.isEmpty) this.#pushes = null
  }

  #append(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) return
    if (this.#output.length + length > OUTPUT_BYTES_MAX) {
      this.#writeCollected()
      if (this.isClosed) return
      if (length > OUTPUT_BYTES_MAX) {
        this.#writeOrQueue(bytes, offset, length)
        // What the socket has not taken is held against the client's limit at the end of the turn.
        if (!this.isFlushQueued) this.#queueFlush()
        return
      }
    }
    this.#output.append(bytes, offset, length)
    if (!this.isFlushQueued) this.#queueFlush()
  }

  #queueFlush(): void {
    this.isFlushQueued = true
    this.owner.outputPending(this)
  }

  /** Writes what has been collected; called once a turn. */
  flush(): void {
    if (!this.#isReplyPartial) this.#replyBytes = 0
    this.#writeCollected()
  }

  #writeCollected(): void {
    if (!this.isClosed && this.#output.length > 0) this.#output.take(this.#writeOrQueue)
  }

  readonly #writeOrQueue = (bytes: Uint8Array, offset: number, length: number): void => {
    if (this.isStreaming) this.#stream(copyOf(bytes, offset, length))
    else this.#writeNow(bytes, offset, length)
  }

  #writeNow(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) return
    let written = 0
    try {
      written = fs.writeSync(this.fd, bytes, offset, length)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        this.destroy()
        return
      }
    }
    this.owner.outputBytesTotal += length
    this.owner.writes++
    if (written < length) this.#stream(copyOf(bytes, offset + written, length - written))
  }

  #stream(chunk: Uint8Array): void {
    if (!this.isStreaming) {
      this.isStreaming = true
      this.progressAtMs = this.owner.nowMs
      this.#bytesTakenSeen = this.#bytesTaken
    }
    this.socket.write(chunk, this.#written)
  }

  readonly #written = (): void => {
    if (this.isClosed || this.socket.writableLength > 0) return
    this.isStreaming = false
    this.owner.outputDrained(this)
  }

  /** How long the socket has taken nothing although output is pending, in ms. */
  stalledOutputMs(nowMs: number): number {
    if (!this.isStreaming) return 0
    const taken = this.#bytesTaken
    if (taken !== this.#bytesTakenSeen) {
      this.#bytesTakenSeen = taken
      this.progressAtMs = nowMs
    }
    return nowMs - this.progressAtMs
  }

  /** A figure that moves whenever the kernel takes some of the output, even a part of one chunk. */
  get #bytesTaken(): number {
    return this.socket.bytesWritten - this.socket.writableLength - this.socket.unsentBytes
  }

  /** Called periodically: gives back the memory that a quiet connection does not need, and lets it be owed more again. */
  shrinkBuffers(idleMs: number): void {
    this.owedMax = Math.min(this.owedMax * 2, OWED_REPLIES_MAX)
    if (idleMs > 2000) this.#output.shrink()
    if (this.query === null) return
    const used = this.queryBytes
    if (used === 0 && idleMs > 2000) {
      freeIfLarge(this.query)
      this.query = null
      this.queryStart = 0
      this.queryEnd = 0
    } else if (
      this.query.length > 32 * 1024 &&
      this.query.length > this.queryBytesPeak * 2 &&
      this.parse.bytesNeeded <= used
    ) {
      this.#resizeQuery(Math.max(used, this.queryBytesPeak, QUERY_BYTES_MIN))
    }
    this.queryBytesPeak = used
  }

  /**
   * Makes the input buffer that an active client has for commands cut in two, so that the first of them costs no
   * allocation. It goes again when the client has been quiet for two seconds, as in Redis.
   */
  prepareInput(): void {
    if (this.query === null) this.#makeQueryRoom(0)
  }

  /** Keeps input for later, behind what is kept already. */
  keepInput(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from
    if (length > 0) {
      this.#makeQueryRoom(length)
      ;(this.query as Uint8Array).set(bytes.subarray(from, to), this.queryEnd)
      this.queryEnd += length
    }
    if (this.queryBytes > this.queryBytesPeak) this.queryBytesPeak = this.queryBytes
  }

  #makeQueryRoom(length: number): void {
    if (this.query === null) {
      this.query = new Uint8Array(Math.max(QUERY_BYTES_INITIAL, length))
      this.queryStart = 0
      this.queryEnd = 0
      return
    }
    if (this.queryEnd + length <= this.query.length) return
    const used = this.queryBytes
    if (used + length <= this.query.length && used <= this.query.length >> 1) {
      this.query.copyWithin(0, this.queryStart, this.queryEnd)
      this.queryStart = 0
      this.queryEnd = used
      return
    }
    // Doubling, because a command may come in any number of pieces; and no further than to the end of the argument in
    // hand, if that is beyond what has come: its length is announced, not to be trusted with memory.
    const announced = this.parse.bytesNeeded
    const doubled = Math.max(used + length, this.query.length * 2)
    // Where the end is near, it is gone to at once: the last bytes of a large argument would cost a copy of it all.
    const isEndNear = announced > used + length && announced <= doubled + (doubled >> 2)
    this.#resizeQuery(isEndNear ? announced : doubled)
  }

  #resizeQuery(capacity: number): void {
    const used = this.queryBytes
    const resized = new Uint8Array(Math.max(capacity, used))
    if (this.query !== null) {
      resized.set(this.query.subarray(this.queryStart, this.queryEnd))
      freeIfLarge(this.query)
    }
    this.query = resized
    this.queryStart = 0
    this.queryEnd = used
  }

  /** Input up to `position` of the kept bytes has been used. */
  consumeInput(position: number): void {
    this.queryStart = position
    if (this.queryStart === this.queryEnd) {
      this.queryStart = 0
      this.queryEnd = 0
    }
  }

  pauseReading(): void {
    if (this.isReadPaused || this.isClosed) return
    this.isReadPaused = true
    this.socket.pause()
  }

  resumeReading(): void {
    if (!this.isReadPaused || this.isClosed) return
    this.isReadPaused = false
    this.socket.resume()
  }

  /** Closes once every reply owed so far has gone out; nothing more is read. */
  closeAfterReplies(): void {
    if (this.isClosing || this.isClosed) return
    this.isClosing = true
    this.leaveRun()
    this.query = null
    this.queryStart = 0
    this.queryEnd = 0
    if (!this.isFlushQueued) this.#queueFlush()
  }

  /** The client sends no more: what it is owed goes out, then the connection closes. */
  endInput(): void {
    this.hasInputEnded = true
    // A blocked client may wait for ever for what it is owed; one that has got its last reply has nothing to wait for.
    if (this.session.isBlocked || this.isFinishing) this.destroy()
    // Whether its command waits is not known yet, and what the client sent behind it has not been dispatched.
    else if (!this.session.isAwaiting) this.closeAfterReplies()
  }

  /** True when a connection that is to close owes nothing any more. */
  get mayClose(): boolean {
    return this.isClosing && this.owed === 0 && this.#output.length === 0
  }

  destroy(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#output.drop()
    const { query } = this
    // Not at once: this may be the buffer that commands are being read from.
    if (query !== null) setImmediate(freeIfLarge, query)
    this.socket.destroy()
    this.owner.closed(this)
    this.query = null
    this.#held = null
    this.#pushes = null
  }
}
