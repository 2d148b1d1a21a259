/**
 * The access clocks of a database's records: when a key was used last, or how often, for eviction and OBJECT.
 *
 * Owned by the shard's thread. Invariant: which of the two a clock counts is the keyspace's choice, the same for all keys.
 */
import { decayedCounter, idleSecondsOf, lfuClockOf, lruClockBefore, touchedLfuClock } from './access-clock.js'
import type { Keyspace } from './keyspace.js'
import { RecordStore } from './record-store.js'

export abstract class ClockedRecords extends RecordStore {
  readonly keyspace: Keyspace

  constructor(keyspace: Keyspace) {
    const { arena, chainRebuild, hashKey0, hashKey1, requestView, epoch } = keyspace
    super(arena, chainRebuild, hashKey0, hashKey1, requestView, epoch)
    this.keyspace = keyspace
  }

  /** While true, buckets are not merged: a walk from the first to the last meets every record. */
  set keepsBuckets(keeps: boolean) {
    this.table.keepsBuckets = keeps
  }

  /** Makes room for so many keys. */
  reserve(keys: number): void {
    if (this.table.size === 0) this.table.reserve(keys)
  }

  /** Seconds since the key was used, of its LRU clock. */
  idleSeconds(): number {
    return idleSecondsOf(this.accessClock, this.keyspace.lruClock)
  }

  /** The logarithmic counter of the key's LFU clock as it has decayed until now, from 0 to 255. */
  accessFrequency(): number {
    return decayedCounter(this.accessClock, this.keyspace.lfuMinutes, this.keyspace.lfuDecayMinutes)
  }

  /** Sets the LRU clock of the key in hand, as if it had been used last so many seconds ago. */
  setIdleSeconds(seconds: number): void {
    this.setAccessClock(lruClockBefore(this.keyspace.lruClock, seconds))
  }

  /** Sets the counter of the LFU clock of the key in hand, from 0 to 255. */
  setAccessFrequency(counter: number): void {
    this.setAccessClock(lfuClockOf(this.keyspace.lfuMinutes, counter))
  }

  /** The key in hand was used. */
  protected touch(): void {
    this.setAccessClock(this.touchedClock())
  }

  protected touchedClock(): number {
    const { keyspace } = this
    if (!keyspace.lfu) return keyspace.lruClock
    const { lfuMinutes, lfuDecayMinutes, lfuLogFactor, prng } = keyspace
    return touchedLfuClock(this.accessClock, lfuMinutes, lfuDecayMinutes, lfuLogFactor, prng)
  }
}
