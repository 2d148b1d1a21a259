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
/** How long memory of removed values is given back between two batches of requests, at least. */
const PORTION_US = 200
/** And at most, whatever kept the batch. */
const PORTION_US_MAX = 2000
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
  /** 0 where there was nothing to give back. */
  #batchStartedUs = 0

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
    this.#atOldestTime(() => keyspace.activeExpire(ACTIVE_EXPIRE_BUDGET_US, this.#monotonicUs))
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

  /** A batch of requests begins. */
  beginBatch(): void {
    if (!this.#keyspace.condemned.isEmpty) this.#batchStartedUs = this.#monotonicUs()
  }

  /**
   * Gives back a portion of what large removed values hold: what cannot wait for a time without requests. It takes as long as
   * the batch took, because making elements takes longer than giving them back: so what clients remove cannot pile up.
   */
  giveBackMemory(): void {
    const { condemned, arena } = this.#keyspace
    if (arena.hasCondemned()) {
      arena.release()
    } else if (!condemned.isEmpty) {
      const batchUs = this.#batchStartedUs === 0 ? 0 : this.#monotonicUs() - this.#batchStartedUs
      condemned.step(Math.min(Math.max(PORTION_US, batchUs), PORTION_US_MAX), this.#monotonicUs)
    }
    this.#batchStartedUs = 0
  }

  /** Evicts keys that hold so many bytes, as far as its time allows. @returns how many went */
  evict(bytes: number): number {
    return this.#atOldestTime(() => this.#keyspace.eviction.evict(bytes, this.#monotonicUs))
  }

  /** A frame that waits for a lock, or is not through, must still find the keys that were alive at its own time. */
  #atOldestTime<T>(act: () => T): T {
    const keyspace = this.#keyspace
    const { nowMs } = keyspace
    keyspace.nowMs = Math.min(nowMs, this.#locks.oldestMs)
    const result = act()
    keyspace.nowMs = nowMs
    return result
  }

  /** Says what the shard holds. */
  report(): void {
    this.#gauges[Gauge.usedBytes] = this.#keyspace.arena.usedBytes
    this.#gauges[Gauge.evictableKeys] = this.#keyspace.eviction.evictableKeys
    this.#gauges[Gauge.changes] = this.#keyspace.stats.dirty
    this.#gauges[Gauge.flushes] = this.#keyspace.stats.flushes
  }
}
