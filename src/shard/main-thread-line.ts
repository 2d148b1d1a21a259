/**
 * Commands of the main thread inside a script (PUBLISH, CONFIG GET's kin): the shard tells the main thread what to run, and
 * blocks for the reply.
 *
 * Runs in a shard worker. Formats: ring/script-line.ts. The request goes through the reply ring as a notice, the answer comes back through a mailbox of
 * the shard's own. The main thread never waits for a shard, so that this cannot lock up; what it cannot answer at once, it
 * refuses.
 */

import { Notice } from '../ring/frames.js'
import type { Mailbox } from '../ring/mailbox.js'
import { argumentBytes, writeArguments } from '../ring/request-arguments.js'
import { LINE_HEADER_BYTES, LINE_SHARD } from '../ring/script-line.js'
import type { Notices } from './notices.js'
import type { ReplySender } from './reply-sender.js'

const NOTHING = new Uint8Array(0)

export class MainThreadLine {
  /** The reply to what was asked last. */
  reply: Uint8Array = NOTHING
  readonly #shard: number
  readonly #mailbox: Mailbox
  readonly #sender: ReplySender
  readonly #notices: Notices

  constructor(shard: number, mailbox: Mailbox, sender: ReplySender, notices: Notices) {
    this.#shard = shard
    this.#mailbox = mailbox
    this.#sender = sender
    this.#notices = notices
  }

  /** Has the main thread run a command, and blocks for its reply. Nothing may have been written to the reply in hand. */
  ask(idAndDb: number, flags: number, bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): void {
    const words = new Int32Array((LINE_HEADER_BYTES + argumentBytes(lengths, argc)) >> 2)
    const target = new Uint8Array(words.buffer)
    words[0] = idAndDb
    words[1] = (argc - 1) | (flags << 24)
    writeArguments(bytes, offsets, lengths, argc, words, target, LINE_HEADER_BYTES)
    this.#tell(target)
    const mailbox = this.#mailbox
    const pieces: Uint8Array[] = []
    for (;;) {
      mailbox.waitForTurn(LINE_SHARD)
      pieces.push(mailbox.bytes.slice(0, mailbox.length))
      const { hasMore } = mailbox
      mailbox.free()
      if (!hasMore) break
      this.#tell(NOTHING)
    }
    this.reply = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
  }

  /** What the script's commands have to tell so far goes first: events stand in front of a message that comes after them. */
  #tell(payload: Uint8Array): void {
    this.#sender.noticeWithinReply(Notice.scriptCommand, this.#shard, payload, this.#notices)
  }
}
