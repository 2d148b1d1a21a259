/**
 * One command as its handler on the main thread sees it: arguments, session, server and reply.
 *
 * Runs on the main thread. One instance serves all commands; a handler that answers later calls `defer` and keeps
 * only what that returns. Strings are fine here: nothing on the main thread's handlers is on the hot path but PING.
 */
import { copyOf } from '../base/bytes.js'
import { parseInt64 } from '../base/integer.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import type { ServerServices, SessionView } from './server-services.js'
import type { CommandSpec } from './spec.js'

/** A reply promised for later; its place in the connection's order is kept. Call `send` exactly once. */
export interface DeferredReply {
  /** A writer with the client's RESP version; write one reply, then call `send`. Valid until `send`. */
  readonly reply: ReplyWriter
  send(): void
}

export class MainCall {
  bytes: Uint8Array = new Uint8Array(0)
  argc = 0
  offsets: Int32Array = new Int32Array(0)
  lengths: Int32Array = new Int32Array(0)
  spec!: CommandSpec
  session!: SessionView
  nowMs = 0
  /** It runs inside EXEC. */
  isQueued = false
  /** Set by a handler whose answer is a push: CLIENT REPLY OFF does not hold for it. */
  answersAlways = false

  constructor(
    readonly server: ServerServices,
    readonly reply: ReplyWriter,
    private readonly deferReply: (call: MainCall) => DeferredReply,
  ) {}

  /** Argument `i`, one character a byte (Redis strings are bytes; latin1 keeps every one). */
  text(i: number): string {
    const offset = this.offsets[i] as number
    return Buffer.from(
      this.bytes.buffer as ArrayBuffer,
      this.bytes.byteOffset + offset,
      this.lengths[i] as number,
    ).toString('latin1')
  }

  /** Arguments from `first` to the end, as `text` gives them. */
  texts(first: number): string[] {
    const all: string[] = []
    for (let i = first; i < this.argc; i++) all.push(this.text(i))
    return all
  }

  /** Argument `i` in lower case, for option words. */
  word(i: number): string {
    return this.text(i).toLowerCase()
  }

  /** Argument `i` as a 64-bit integer by Redis's rules, or undefined. */
  int64(i: number): bigint | undefined {
    return parseInt64(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Argument `i` where it stands: gone when the handler returns. */
  view(i: number): Uint8Array {
    const offset = this.offsets[i] as number
    return this.bytes.subarray(offset, offset + (this.lengths[i] as number))
  }

  copy(i: number): Uint8Array {
    return copyOf(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Replies with argument `i` as a bulk string. */
  replyArgument(i: number): void {
    this.reply.bulk(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Promises the reply for later and ends this command's own writing: nothing may be written to `reply` after it. */
  defer(): DeferredReply {
    return this.deferReply(this)
  }
}
