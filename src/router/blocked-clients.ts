/**
 * Every client whose blocking command is on its way or waits: its ticket, its time, the shards that it waits on, and how the
 * wait ends.
 *
 * Runs on the main thread, and knows neither sockets nor timers: `expire` is called when `nextDeadlineMs` has come.
 *
 * Invariants: a slot has one such command at most, because nothing is dispatched for a client behind it. Each command gets
 * one reply, from a shard or from here (see ring/claims.ts), and after it the client is released. The reply to a client that
 * has gone is empty; it is delivered all the same, because its slot is only free when nothing is owed to it any more.
 */
import { assert } from '../base/assert.js'
import { asciiBytes } from '../base/bytes.js'
import { DeadlineHeap, type HasDeadline } from '../base/deadline-heap.js'
import type { RequestKey } from '../hops/request-keys.js'
import { encodeError } from '../resp/errors.js'
import { Claims } from '../ring/claims.js'
import { FrameKind, RequestFlag } from '../ring/frames.js'
import type { Feeds } from './feeds.js'

const NULL_ARRAY = asciiBytes('*-1\r\n')
const NULL_RESP3 = asciiBytes('_\r\n')
const UNBLOCKED = encodeError('UNBLOCKED client unblocked via CLIENT UNBLOCK')
const NO_REPLY = new Uint8Array(0)

/** Tickets are positive 32-bit numbers. One comes again after so many blocking commands. */
const TICKET_MAX = 0x7fffffff

export interface BlockedCommand extends HasDeadline {
  readonly slot: number
  readonly sequence: number
  readonly ticket: number
  /** Request flags of ring/frames.ts. */
  readonly flags: number
  /** Its first key and the others, where the elements of the first go to them. */
  readonly keys: readonly RequestKey[]
  /** Where the client waits; empty while the command is on its way. */
  shards: readonly number[]
  deadlineMs: number
  isParked: boolean
  /** The main thread has taken the client back. */
  isTaken: boolean
}

/** What happens to blocked clients; the network side implements it. */
export interface BlockedClientSink {
  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void
  /** The client waits from now on. */
  blocked(slot: number): void
  /** Its command is about to be answered with an error that no shard knows of. */
  failed(slot: number, error: Uint8Array): void
  /** Its command has been answered. */
  released(slot: number): void
}

export class BlockedClients {
  readonly #claims: Claims
  readonly #sink: BlockedClientSink
  readonly #feeds: Feeds
  readonly #unpark: (shards: readonly number[], ticket: number, done: () => void) => void
  readonly #bySlot = new Map<number, BlockedCommand>()
  readonly #deadlines = new DeadlineHeap<BlockedCommand>()
  #lastTicket = 0

  /** @param unpark tells shards to forget a ticket, and calls `done` when they have */
  constructor(
    claims: SharedArrayBuffer,
    sink: BlockedClientSink,
    feeds: Feeds,
    unpark: (shards: readonly number[], ticket: number, done: () => void) => void,
  ) {
    this.#claims = new Claims(claims)
    this.#sink = sink
    this.#feeds = feeds
    this.#unpark = unpark
  }

  /** Blocking commands that are on their way or wait. */
  get size(): number {
    return this.#bySlot.size
  }

  /** Clients whose wait has an end. */
  get timedCount(): number {
    return this.#deadlines.size
  }

  /** When `expire` must be called, in ms; Infinity for never. */
  get nextDeadlineMs(): number {
    return this.#deadlines.earliest?.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  /** A client's blocking command is about to be sent. */
  begin(slot: number, sequence: number, flags: number, keys: readonly RequestKey[]): BlockedCommand {
    assert(!this.#bySlot.has(slot), `slot ${slot} has two blocking commands`)
    this.#lastTicket = (this.#lastTicket % TICKET_MAX) + 1
    const command: BlockedCommand = {
      slot,
      sequence,
      ticket: this.#lastTicket,
      flags,
      keys,
      shards: [],
      deadlineMs: Number.POSITIVE_INFINITY,
      heapPlace: -1,
      isParked: false,
      isTaken: false,
    }
    this.#bySlot.set(slot, command)
    this.#claims.open(slot, command.ticket)
    this.#feeds.add(keys)
    return command
  }

  /**
   * Takes a frame that came back under a blocking target: a reply, a piece of one (count 0), or the news that the client
   * waits on the shard.
   * @returns how many replies have come that the shard did not owe, because it had told that the client waits
   */
  accept(
    shard: number,
    kind: number,
    slot: number,
    count: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): number {
    const command = this.#bySlot.get(slot)
    assert(command !== undefined, `a reply to a blocking command of slot ${slot}, which has none`)
    if (kind === FrameKind.parked) {
      this.parked(command, [shard], new DataView(bytes.buffer, bytes.byteOffset + offset, length).getFloat64(0, true))
      return 0
    }
    this.#sink.reply(slot, command.sequence, count, bytes, offset, length)
    if (count === 0) return 0
    const others = command.shards.filter((other) => other !== shard)
    if (others.length > 0) this.#unpark(others, command.ticket, () => {})
    this.#release(command)
    return command.isParked ? 1 : 0
  }

  /** The command's reply, where the router has made it. */
  answer(command: BlockedCommand, reply: Uint8Array): void {
    const isSilent = (command.flags & RequestFlag.silent) !== 0
    if (reply === UNBLOCKED) this.#sink.failed(command.slot, reply)
    this.#sink.reply(command.slot, command.sequence, 1, reply, 0, isSilent ? 0 : reply.length)
    this.#release(command)
  }

  /** The client waits on these shards from now on. */
  parked(command: BlockedCommand, shards: readonly number[], deadlineMs: number): void {
    command.shards = shards
    command.isParked = true
    if (command.isTaken) {
      this.#forget(command, NO_REPLY, () => {})
      return
    }
    command.deadlineMs = deadlineMs
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.#deadlines.add(command)
    this.#sink.blocked(command.slot)
  }

  /** Ends the waits whose time is over. */
  expire(nowMs: number): void {
    for (;;) {
      const command = this.#deadlines.earliest
      if (command === undefined || command.deadlineMs > nowMs) return
      this.#take(command, nullReplyOf(command), () => {})
    }
  }

  /** CLIENT UNBLOCK. `done` gets whether the client was blocked and is no more. */
  unblock(slot: number, withError: boolean, done: (isUnblocked: boolean) => void): void {
    const command = this.#bySlot.get(slot)
    if (command === undefined || !command.isParked || command.isTaken) done(false)
    else this.#take(command, withError ? UNBLOCKED : nullReplyOf(command), done)
  }

  /** The slot's client has gone. */
  abandon(slot: number): void {
    const command = this.#bySlot.get(slot)
    if (command === undefined || command.isTaken) return
    if (command.isParked) {
      this.#take(command, NO_REPLY, () => {})
      return
    }
    // The shard passes the command over, or tells that it was answered, or that the client waits.
    command.isTaken = true
    this.#claims.close(slot, command.ticket)
  }

  /** Takes a parked client back and answers it with `reply`, unless a shard has come first. */
  #take(command: BlockedCommand, reply: Uint8Array, done: (isTaken: boolean) => void): void {
    const { slot, ticket, shards } = command
    command.isTaken = true
    this.#deadlines.remove(command)
    if (this.#claims.close(slot, ticket)) {
      this.#unpark(shards, ticket, () => {})
      this.answer(command, reply)
      done(true)
      return
    }
    this.#forget(command, reply, done)
  }

  /** Has the shards forget the client, and answers it when they have, unless one of them has come first. */
  #forget(command: BlockedCommand, reply: Uint8Array, done: (isTaken: boolean) => void): void {
    this.#unpark(command.shards, command.ticket, () => {
      const isUnanswered = this.#bySlot.get(command.slot) === command
      if (isUnanswered) this.answer(command, reply)
      done(isUnanswered)
    })
  }

  #release(command: BlockedCommand): void {
    this.#bySlot.delete(command.slot)
    this.#deadlines.remove(command)
    this.#claims.close(command.slot, command.ticket)
    this.#feeds.remove(command.keys)
    this.#sink.released(command.slot)
  }
}

/** What a client gets whose time is over. */
function nullReplyOf({ flags }: BlockedCommand): Uint8Array {
  return (flags & RequestFlag.resp3) !== 0 ? NULL_RESP3 : NULL_ARRAY
}
