/**
 * Key locks of one shard, held between the two hops of dependent commands, and the frames that wait for them.
 *
 * Runs in a shard worker. Locks are asked for in the order of the ring, which is the order of sequence numbers on every
 * shard, so a frame only ever waits for earlier ones: deadlock is impossible. While no lock is held, the executor does not
 * look in here at all.
 *
 * A frame must wait when a key of its own is held by another owner or wanted by an earlier frame that waits; a frame
 * over the whole shard waits for every lock and every waiting frame, and everything after it waits for it. A frame without
 * keys (bookkeeping) conflicts with nothing.
 *
 * A transaction happens at one time: that of the frame that asked for its locks, however late its later hops come.
 *
 * Keys are strings here (one character a byte): locks are rare, and gone within two hops.
 */
import { latin1Of } from '../base/bytes.js'
import type { CommandSpec } from '../commands/spec.js'
import { gsnOf } from '../ring/frames.js'

/** What a frame needs: the names of its keys, or the whole shard. */
export type LockScope = readonly string[] | 'all'

export interface WaitingFrame {
  readonly scope: LockScope
  /** Lock owner that the frame acts for, 0 for none. */
  readonly owner: number
  /** A private copy of the frame. */
  readonly words: Int32Array
  readonly bytes: Uint8Array
  /** The clock that preceded the frame in the ring. */
  readonly nowMs: number
}

/** Databases are not told apart: MOVE and COPY reach a key of the same name in another one. */
export function lockName(bytes: Uint8Array, offset: number, length: number): string {
  return latin1Of(bytes, offset, length)
}

/** Commands that look at the keyspace as a whole conflict with every lock; internal bookkeeping looks at no key. */
export function takesWholeShard(spec: CommandSpec): boolean {
  if (spec.internal === true) return spec.looksAtKeyspace === true
  return (spec.keySpecs ?? []).length === 0 && spec.findKeys === undefined
}

interface Grant {
  readonly scope: LockScope
  /** The clock when the lock was asked for. */
  readonly nowMs: number
  /** The sequence number under which it was. */
  readonly gsn: number
}

export class LockTable {
  readonly #ownerByKey = new Map<string, number>()
  readonly #granted = new Map<number, Grant>()
  #wholeShardOwner = 0
  readonly #wanted = new Map<string, number>()
  #wholeShardWaiters = 0
  #waiting: WaitingFrame[] = []
  /** The owners of frames that wait. */
  readonly #waitingOwners = new Set<number>()
  /** Owners of which a command is being executed in slices: their next frames wait for it. */
  readonly #heldBack = new Set<number>()

  /** False while there is nothing here that a frame could have to wait for. */
  get isActive(): boolean {
    return this.#granted.size !== 0 || this.#waiting.length !== 0
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** The time at which frames of the owner happen, or undefined when it holds no lock here. */
  timeOf(owner: number): number | undefined {
    return this.#granted.get(owner)?.nowMs
  }

  /** The lowest sequence number of an operation that is under way here: it holds a lock, or waits. Infinity for none. */
  get oldestGsn(): number {
    if (!this.isActive) return Number.POSITIVE_INFINITY
    let oldest = Number.POSITIVE_INFINITY
    for (const { gsn } of this.#granted.values()) oldest = Math.min(oldest, gsn)
    for (const { words } of this.#waiting) oldest = Math.min(oldest, gsnOf(words, 0))
    return oldest
  }

  /** The sequence number under which the owner's operation entered the order, or undefined when it holds no lock here. */
  gsnOf(owner: number): number | undefined {
    return this.#granted.get(owner)?.gsn
  }

  /** The earliest time at which a frame may still happen here because of locks; Infinity when there are none. */
  get oldestMs(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const { nowMs } of this.#granted.values()) oldest = Math.min(oldest, nowMs)
    for (const { nowMs } of this.#waiting) oldest = Math.min(oldest, nowMs)
    return oldest
  }

  mustWait(scope: LockScope, owner: number): boolean {
    // An owner's own frames follow its lock frame, whatever keys they name: some are other shards', which nobody locks here.
    if (owner !== 0 && this.#granted.has(owner)) return this.#heldBack.has(owner)
    if (this.#waitingOwners.has(owner)) return true
    if (scope.length === 0) return false
    if (this.#wholeShardOwner !== 0 || this.#wholeShardWaiters !== 0) return true
    if (scope === 'all') return this.#granted.size !== 0 || this.#waiting.length !== 0
    for (const key of scope) {
      if (this.#ownerByKey.has(key) || this.#wanted.has(key)) return true
    }
    return false
  }

  /** The owner that holds the key, 0 when nobody does. */
  holderOf(key: string): number {
    return this.#wholeShardOwner !== 0 ? this.#wholeShardOwner : (this.#ownerByKey.get(key) ?? 0)
  }

  /** Whether somebody has the key locked. */
  holds(key: string): boolean {
    return this.#wholeShardOwner !== 0 || this.#ownerByKey.has(key)
  }

  wait(frame: WaitingFrame): void {
    this.#waiting.push(frame)
    if (frame.owner !== 0) this.#waitingOwners.add(frame.owner)
    if (frame.scope === 'all') this.#wholeShardWaiters++
    else for (const key of frame.scope) this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1)
  }

  /**
   * Takes the locks; the caller has seen that `mustWait` is false. `nowMs` is the clock of the frame that asks, `gsn` its
   * number.
   */
  grant(scope: LockScope, owner: number, nowMs: number, gsn: number): void {
    this.#granted.set(owner, { scope, nowMs, gsn })
    if (scope === 'all') this.#wholeShardOwner = owner
    else for (const key of scope) this.#ownerByKey.set(key, owner)
  }

  /**
   * Gives an owner's locks back, then hands every frame that need not wait any more to `run`, in order.
   *
   * The locks may not have been granted yet: a transaction is through when all its commands are, and where none of them went
   * (its watch was broken, or the shard was locked for the sake of the keyspace as a whole) nobody has waited for them.
   */
  release(owner: number, run: (frame: WaitingFrame) => void): void {
    const grant = this.#granted.get(owner)
    if (grant !== undefined) {
      this.#granted.delete(owner)
      if (grant.scope === 'all') this.#wholeShardOwner = 0
      else for (const key of grant.scope) this.#ownerByKey.delete(key)
    }
    if (grant === undefined) this.#waiting = this.#waiting.filter((frame) => frame.owner !== owner)
    this.#runWaiting(run)
  }

  /** Makes the next frames of an owner wait, until `letGoOn`. */
  holdBack(owner: number): void {
    this.#heldBack.add(owner)
  }

  isHeldBack(owner: number): boolean {
    return this.#heldBack.has(owner)
  }

  /** Ends `holdBack`, and hands every frame that need not wait any more to `run`, in order. */
  letGoOn(owner: number, run: (frame: WaitingFrame) => void): void {
    this.#heldBack.delete(owner)
    this.#runWaiting(run)
  }

  #runWaiting(run: (frame: WaitingFrame) => void): void {
    const frames = this.#waiting
    this.#waiting = []
    this.#wanted.clear()
    this.#waitingOwners.clear()
    this.#wholeShardWaiters = 0
    for (const frame of frames) {
      if (this.mustWait(frame.scope, frame.owner)) this.wait(frame)
      else run(frame)
    }
  }
}
