/**
 * What a shard does beside commands: expiry, eviction, shrinking of tables, giving memory back, and saying what it holds.
 *
 * Runs in a shard worker, between batches of requests. Invariant: nothing of it removes a key that is locked, or one of
 * another shard that is lent to this one.
 */
import type { Clock } from '../base/clock.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { Gauge } from './gauges.js'
import { type LockTable, lockName } from './lock-table.js'

const PERIOD_MS = 100
/** A quarter of the period, as Redis's slow expiry cycle at its default effort. */
const ACTIVE_EXPIRE_BUDGET_US = 25_000
/** How long memory of removed values is given back between two batches of requests. */
const PORTION_US = 200
/** The longest that a request waits for a slice of idle work. */
const IDLE_SLICE_US = 500

export class Housekeeping {
  /** Time spent looking for expired keys. */
  expireCycleUs = 0
  readonly #keyspace: Keyspace
  readonly #locks: LockTable
  readonly #gauges: Float64Array
  readonly #monotonicUs: () => number
  #periodicAtMs = 0
  #idleAtMs = 0

  /** @param gauges where the shard says what it holds, see gauges.ts */
  constructor(
    keyspace: Keyspace,
    locks: LockTable,
    gauges: Float64Array,
    clock: Clock,
    shard: number,
    shardCount: number,
  ) {
    this.#keyspace = keyspace
    this.#locks = locks
    this.#gauges = gauges
    this.#monotonicUs = () => clock.monotonicUs()
    keyspace.eviction.isProtected = ({ bytes, keyOffset, keyLength }: Database): boolean => {
      if (!locks.isActive) return false
      if (shardOfSlot(keySlot(bytes, keyOffset, keyLength), shardCount) !== shard) return true
      return locks.holds(lockName(bytes, keyOffset, keyLength))
    }
  }

  /** What is due by the clock of the frames: active expiry, ten times a second. Returns whether it was. */
  periodic(): boolean {
    const keyspace = this.#keyspace
    const { nowMs } = keyspace
    if (nowMs - this.#periodicAtMs < PERIOD_MS) return false
    this.#periodicAtMs = nowMs
    const startedUs = this.#monotonicUs()
    // A frame that waits for a lock must still find the keys that were alive at its own time.
    keyspace.nowMs = Math.min(nowMs, this.#locks.oldestMs)
    keyspace.activeExpire(ACTIVE_EXPIRE_BUDGET_US, this.#monotonicUs)
    keyspace.nowMs = nowMs
    this.expireCycleUs += this.#monotonicUs() - startedUs
    return true
  }

  /** A slice of what is better done in a time without requests; false when there is none left. */
  idle(): boolean {
    const keyspace = this.#keyspace
    // Asked for before every sleep, which may be thousands of times a second: once for each time stamp is enough.
    if (keyspace.nowMs === this.#idleAtMs) return false
    if (keyspace.rehash(IDLE_SLICE_US, this.#monotonicUs)) return true
    this.#idleAtMs = keyspace.nowMs
    return false
  }

  /** Gives back a portion of what large removed values hold: what cannot wait for a time without requests. */
  giveBackMemory(): void {
    const { condemned } = this.#keyspace
    if (condemned.count > 0) condemned.step(PORTION_US, this.#monotonicUs)
  }

  /** Evicts keys that hold so many bytes, as far as its time allows. @returns how many went */
  evict(bytes: number): number {
    return this.#keyspace.eviction.evict(bytes, this.#monotonicUs)
  }

  /** Says what the shard holds. */
  report(): void {
    this.#gauges[Gauge.usedBytes] = this.#keyspace.arena.usedBytes
    this.#gauges[Gauge.evictableKeys] = this.#keyspace.eviction.evictableKeys
  }
}
