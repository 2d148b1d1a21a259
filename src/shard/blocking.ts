/**
 * Blocking commands on a shard: attempts, parking, and serving those who wait when their keys become ready.
 *
 * Runs in a shard worker. A blocking command is an attempt each time that it runs: its handler does its work and replies, or
 * says `wouldBlock`. Then the client is parked with a copy of its frame, and the handler runs again for it when a key that
 * it waits for becomes ready, until it replies. Nobody runs a command for a client without having claimed it before (see
 * ring/claims.ts).
 *
 * Invariant: clients are served between commands, and never between those of one transaction: keys that a lock holds wait for
 * its end, and keys that became ready within a transaction without locks for the `shard.serve` behind it.
 */
import { keySlot, shardOfSlot } from '../base/crc16.js'
import type { ShardCall } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { keyPositions, specs } from '../commands/table.js'
import { encodeWouldBlock } from '../commands/would-block.js'
import { Claims } from '../ring/claims.js'
import { LOCK_OWNER_SHIFT, REQUEST_WORDS, RequestFlag, TARGET_BLOCKING, TARGET_GATHER } from '../ring/frames.js'
import type { Keyspace } from '../store/keyspace.js'
import type { LockTable } from './lock-table.js'
import type { ReplySender } from './reply-sender.js'
import { type WaitedKey, type Waiter, WaitingTable, waitedTypeOf } from './waiting-table.js'

const NO_TYPE = -1
const NOTHING_REPLACED: ReadonlyMap<number, Uint8Array> = new Map()

export class Blocking {
  readonly waiting: WaitingTable
  readonly #claims: Claims
  readonly #keyspace: Keyspace
  readonly #locks: LockTable
  readonly #call: ShardCall
  readonly #sender: ReplySender
  /** Runs the frame of a waiter once more. */
  readonly #runAgain: (waiter: Waiter) => void
  #isServing = false
  /** That of the client's first attempt that is being made. */
  #ticket = 0
  /** The attempt that just ended found nothing. */
  #foundNothing = false

  constructor(
    claims: SharedArrayBuffer,
    keyspace: Keyspace,
    locks: LockTable,
    call: ShardCall,
    sender: ReplySender,
    runAgain: (waiter: Waiter) => void,
  ) {
    this.waiting = new WaitingTable(keyspace)
    this.#claims = new Claims(claims)
    this.#keyspace = keyspace
    this.#locks = locks
    this.#call = call
    this.#sender = sender
    this.#runAgain = runAgain
  }

  /**
   * Begins an attempt. Returns false when the client has gone before its command came to run: the command is passed over. An
   * attempt for a gather needs no claim, as its client cannot wait anywhere yet.
   */
  beginAttempt(target: number): boolean {
    const call = this.#call
    if ((target & TARGET_GATHER) === 0 && !call.isRetry) {
      const slot = target & ~TARGET_BLOCKING
      const ticket = this.#claims.ticketOf(slot)
      if (ticket === 0 || !this.#claims.claim(slot, ticket)) return false
      this.#ticket = ticket
    }
    call.mayBlock = true
    return true
  }

  /** Ends an attempt, and with it the reply that the sender has open. `word` is where its frame begins. */
  endAttempt(target: number, words: Int32Array, word: number): void {
    const call = this.#call
    const sender = this.#sender
    const { blockedMs, replacedArguments } = call
    call.mayBlock = false
    call.blockedMs = -1
    call.replacedArguments = null
    this.#foundNothing = blockedMs >= 0
    if (blockedMs < 0) {
      sender.end()
      return
    }
    if (call.isRetry) {
      sender.cancel()
      return
    }
    const deadlineMs = blockedMs === 0 ? Number.POSITIVE_INFINITY : this.#keyspace.nowMs + blockedMs
    if ((target & TARGET_GATHER) !== 0) {
      const marker = encodeWouldBlock({ deadlineMs, replacedArguments: replacedArguments ?? NOTHING_REPLACED })
      sender.writer.raw(marker, 0, marker.length)
      sender.end()
      return
    }
    const slot = target & ~TARGET_BLOCKING
    const ticket = this.#ticket
    this.waiting.add(this.#waiterOf(words, word, slot, ticket, replacedArguments ?? NOTHING_REPLACED))
    if (!this.#claims.giveBack(slot, ticket)) this.waiting.remove(ticket)
    sender.park(deadlineMs)
  }

  /** Parks the client of a park frame, whose arguments the call has. */
  park(words: Int32Array, word: number): void {
    const slot = (words[word + 1] as number) & ~TARGET_BLOCKING
    this.waiting.add(this.#waiterOf(words, word, slot, words[word + 4] as number, NOTHING_REPLACED))
  }

  #waiterOf(
    words: Int32Array,
    word: number,
    slot: number,
    ticket: number,
    replaced: ReadonlyMap<number, Uint8Array>,
  ): Waiter {
    const call = this.#call
    const spec = specs[(words[word + 3] as number) & 0xffff] as CommandSpec
    const { bytes, offsets, lengths, argc } = call
    const positions: number[] = []
    keyPositions(spec, bytes, offsets, lengths, argc, positions)
    const nameOf = (position: number): string => call.text(position)
    const isHere = (position: number): boolean =>
      shardOfSlot(keySlot(bytes, offsets[position] as number, lengths[position] as number), call.shardCount) ===
      call.shard
    const flowsOn = spec.blocking?.keys === 'first'
    const [source, destination] = positions
    const keys = new Map<string, number>()
    for (const position of flowsOn ? positions.slice(0, 1) : positions) {
      if (isHere(position) && !keys.has(nameOf(position))) keys.set(nameOf(position), position)
    }
    let flow: Waiter['flow']
    let needsFeed = false
    if (flowsOn && source !== undefined && destination !== undefined) {
      if (isHere(destination)) flow = { from: nameOf(source), to: nameOf(destination) }
      else needsFeed = true
    }
    const copy = this.#copyOfFrame(words, word, replaced)
    return {
      slot,
      ticket,
      spec,
      type: waitedTypeOf(spec),
      words: copy,
      bytes: new Uint8Array(copy.buffer),
      database: (words[word + 3] as number) >>> 16,
      keys,
      flow,
      needsFeed,
    }
  }

  /** The frame whose arguments the call has, for itself, with some of them replaced. It acts for no lock owner. */
  #copyOfFrame(words: Int32Array, word: number, replaced: ReadonlyMap<number, Uint8Array>): Int32Array {
    const call = this.#call
    const argumentBytes: Uint8Array[] = []
    let length = REQUEST_WORDS
    for (let i = 1; i < call.argc; i++) {
      const argument = replaced.get(i) ?? call.copy(i)
      argumentBytes.push(argument)
      length += 1 + ((argument.length + 3) >>> 2)
    }
    const copy = new Int32Array(length)
    copy.set(words.subarray(word, word + REQUEST_WORDS))
    copy[6] = (copy[6] as number) | (RequestFlag.part << 24) | (RequestFlag.mayBlock << 24)
    copy[7] = (copy[7] as number) & ((1 << LOCK_OWNER_SHIFT) - 1)
    const copyBytes = new Uint8Array(copy.buffer)
    let at = REQUEST_WORDS
    for (const argument of argumentBytes) {
      copy[at] = argument.length
      copyBytes.set(argument, (at + 1) << 2)
      at += 1 + ((argument.length + 3) >>> 2)
    }
    return copy
  }

  /**
   * Serves the clients that wait for keys that are ready: key by key in the order in which these became ready, client by
   * client in the order in which they were parked, until no key is ready (BLMOVE makes another one so).
   * @param owner on behalf of whose lock, from whose keys; 0 for none, from keys that nobody holds
   * @returns how many clients got an answer
   */
  serve(owner: number): number {
    return this.#serve(owner, false)
  }

  /** As `serve`, while the destinations on other shards of those who wait for keys of the lock are lent to this one. */
  feed(owner: number): number {
    return this.#serve(owner, true)
  }

  #serve(owner: number, areDestinationsHere: boolean): number {
    if (this.#isServing) return 0
    this.#isServing = true
    const mayBeServed = (name: string): boolean => this.#locks.holderOf(name) === owner
    let served = 0
    for (;;) {
      const ready = this.waiting.takeReady(mayBeServed)
      if (ready.length === 0) break
      for (const waited of ready) served += this.#serveKey(waited, areDestinationsHere)
    }
    this.#isServing = false
    return served
  }

  #serveKey(waited: WaitedKey, areDestinationsHere: boolean): number {
    let served = 0
    let type = this.#typeOf(waited)
    // Those who are served leave the set on the way, which does not disturb the iteration.
    for (const waiter of waited.waiters) {
      if (type === NO_TYPE && waited.endingWithKey === 0) break
      const isWanted = waiter.type === type || waiter.spec.blocking?.endsWithKey === true
      if (!isWanted || (waiter.needsFeed && !areDestinationsHere)) continue
      if (!this.#attemptAgain(waiter, waited.name)) continue
      served++
      type = this.#typeOf(waited)
    }
    return served
  }

  #typeOf({ database, key }: WaitedKey): number {
    const db = this.#keyspace.database(database)
    return db.peek(key, 0, key.length) ? db.type : NO_TYPE
  }

  /** Returns whether the waiter was answered. */
  #attemptAgain(waiter: Waiter, name: string): boolean {
    const { slot, ticket } = waiter
    if (!this.#claims.claim(slot, ticket)) {
      this.waiting.remove(ticket)
      return false
    }
    const call = this.#call
    call.isRetry = true
    call.readyKey = waiter.keys.get(name) ?? 0
    this.#runAgain(waiter)
    call.isRetry = false
    call.readyKey = 0
    if (!this.#foundNothing) {
      this.waiting.remove(ticket)
      return true
    }
    if (!this.#claims.giveBack(slot, ticket)) this.waiting.remove(ticket)
    return false
  }
}
