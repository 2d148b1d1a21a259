/**
 * Commands that a script has executed on shards other than its home, while it holds the locks of all of them.
 *
 * Runs in shard workers, on both sides of a mailbox that all shards share: only one script at a time holds all locks. The
 * home asks and blocks for the answer. The others *attend*: they go on with their rings, where whatever has keys waits for
 * the lock, and execute what is handed to them.
 *
 *   message   0 command id | database   1 arguments | flags   2 origin   3, 4 sequence number   then the arguments
 *   answer    the reply, encoded; then keyspace events as `Notices.handOver` gives them. The note is where they begin.
 *
 * The events of a script are all told by its home, in the order in which they happened: what two shards tell of one key, for
 * which one of them had lent it to the other, would come in any order.
 *
 * Invariant: a shard executes such commands only for the owner that has locked all of it.
 */
import type { ShardCall } from '../commands/shard-call.js'
import { Bell } from '../ring/bell.js'
import type { Mailbox } from '../ring/mailbox.js'
import { argumentBytes, readArguments, writeArguments } from '../ring/request-arguments.js'
import type { Keyspace } from '../store/keyspace.js'
import { eventsTo } from './event-notices.js'
import type { LockTable } from './lock-table.js'
import type { NestedCommands } from './nested-commands.js'
import { Notices } from './notices.js'

const HEADER_BYTES = 20

export class Attendance {
  /** The reply to what was asked last is `replyBytes[0, replyEnd)`, until something is asked again. */
  replyBytes: Uint8Array
  replyEnd = 0
  /** The lock owner whose script may hand commands over; 0 for none. */
  #owner = 0
  readonly #party: number
  readonly #mailbox: Mailbox
  readonly #bells: readonly Bell[]
  readonly #outer: ShardCall
  readonly #nested: NestedCommands
  readonly #locks: LockTable
  readonly #notices: Notices
  /** Events of commands that were handed over, until their answer takes them along. */
  readonly #events = new Notices()
  readonly #onEvent: Keyspace['onEvent']
  #offsets = new Int32Array(16)
  #lengths = new Int32Array(16)

  /**
   * @param bells wake the shards, in their order
   * @param notices what the script in hand tells
   */
  constructor(
    mailbox: Mailbox,
    bells: readonly SharedArrayBuffer[],
    outer: ShardCall,
    nested: NestedCommands,
    locks: LockTable,
    notices: Notices,
  ) {
    this.#party = outer.shard + 1
    this.#mailbox = mailbox
    this.replyBytes = mailbox.bytes
    this.#bells = bells.map((memory) => new Bell(memory))
    this.#outer = outer
    this.#nested = nested
    this.#locks = locks
    this.#notices = notices
    this.#onEvent = eventsTo(this.#events, outer.keyspace)
  }

  attend(owner: number): void {
    this.#owner = owner
  }

  /** The owner gives its locks back. */
  end(owner: number): void {
    if (owner === this.#owner) this.#owner = 0
  }

  /** Whether a script of another shard may hand commands over. */
  get isOn(): boolean {
    return this.#owner !== 0
  }

  /** Whether a command has been handed over. */
  get isAsked(): boolean {
    return this.#owner !== 0 && this.#mailbox.isTurnOf(this.#party)
  }

  /** Executes the command that has been handed over. @returns false when there is none */
  serve(): boolean {
    if (!this.isAsked) return false
    const mailbox = this.#mailbox
    const asker = mailbox.sender
    const bytes = mailbox.hasMore ? mailbox.receiveRest(this.#party) : mailbox.bytes
    const words = bytes === mailbox.bytes ? mailbox.words : new Int32Array(bytes.buffer)
    const argumentsAndFlags = words[1] as number
    const argc = (argumentsAndFlags & 0x00ffffff) + 1
    if (argc > this.#offsets.length) {
      this.#offsets = new Int32Array(argc * 2)
      this.#lengths = new Int32Array(argc * 2)
    }
    readArguments(words, HEADER_BYTES, argc, this.#offsets, this.#lengths)
    const idAndDb = words[0] as number
    const outer = this.#outer
    const { keyspace } = outer
    const { nowMs, onEvent } = keyspace
    keyspace.onEvent = this.#onEvent
    keyspace.nowMs = this.#locks.timeOf(this.#owner) ?? nowMs
    outer.origin = words[2] as number
    outer.gsnLow = words[3] as number
    outer.gsnHigh = words[4] as number
    this.#nested.execute(
      idAndDb & 0xffff,
      idAndDb >>> 16,
      argumentsAndFlags >>> 24,
      bytes,
      this.#offsets,
      this.#lengths,
      argc,
    )
    this.#nested.endUnit()
    keyspace.nowMs = nowMs
    keyspace.onEvent = onEvent
    const { writer } = this.#nested
    mailbox.note = writer.position - writer.start
    writer.encoded(this.#events.handOver())
    mailbox.send(this.#party, asker, writer.bytes, writer.start, writer.position - writer.start, null)
    return true
  }

  /** Has another shard execute a command, and blocks for its reply. */
  ask(
    shard: number,
    idAndDb: number,
    flags: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const mailbox = this.#mailbox
    const own = this.#party
    const bell = this.#bells[shard] as Bell
    const length = HEADER_BYTES + argumentBytes(lengths, argc)
    const fits = length <= mailbox.bytes.length
    const words = fits ? mailbox.words : new Int32Array(length >> 2)
    const target = fits ? mailbox.bytes : new Uint8Array(words.buffer)
    words[0] = idAndDb
    words[1] = (argc - 1) | (flags << 24)
    words[2] = this.#outer.origin
    words[3] = this.#outer.gsnLow
    words[4] = this.#outer.gsnHigh
    writeArguments(bytes, offsets, lengths, argc, words, target, HEADER_BYTES)
    if (fits) {
      mailbox.pass(own, shard + 1, length, false)
      bell.ring()
    } else {
      mailbox.send(own, shard + 1, target, 0, length, () => bell.ring())
    }
    mailbox.waitForTurn(own)
    let end = mailbox.length
    if (mailbox.hasMore) {
      this.replyBytes = mailbox.receiveRest(own)
      end = this.replyBytes.length
    } else {
      this.replyBytes = mailbox.bytes
    }
    this.replyEnd = mailbox.note
    if (end > this.replyEnd) this.#notices.takeOver(this.replyBytes, this.replyEnd, end)
    // The reply may be read where it stands: the next to write there is whoever asks next, which is this shard's script or
    // one that begins when it is over.
    mailbox.free()
  }
}
