/**
 * All databases of one shard, with what they share: the arena, the hash key, the time of the batch in hand, statistics.
 *
 * One instance for each shard, owned by the shard's thread; simulations and tests make many in one thread. It never
 * reads the system's clock or randomness: both are given to it.
 *
 * Invariants: every block of the arena belongs to a key of one of these databases or to a table of them, so that the
 * arena may be reset when no key is left. A `Database` belongs to its index until `swapDatabases`.
 */

import { assert } from '../base/assert.js'
import { Prng } from '../base/prng.js'
import { initialLfuClock, lfuMinutesAt, lruClockAt } from './access-clock.js'
import { ActiveExpiry } from './active-expiry.js'
import { Arena } from './arena.js'
import { ChainRebuild } from './chain-rebuild.js'
import { Database } from './database.js'
import type { RequestView } from './record-store.js'
import { VALUE_TYPES_MAX } from './value-type.js'

/** A load that swings by a chunk does so within this time; what stays empty for longer is given back. */
const EMPTY_CHUNK_KEPT_MS = 1000

export interface KeyspaceOptions {
  readonly databases: number
  /** The secret key of the hash, two 32-bit words. */
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  /** Smaller chunks for simulations with many keyspaces; see `Arena`. */
  readonly arenaChunkBytes?: number
  readonly arenaChunksMax?: number
}

/** Plain counters; whoever reports them may also reset them. */
export class KeyspaceStats {
  hits = 0
  misses = 0
  /** Keys removed because their time was over. */
  expiredKeys = 0
  /** The running estimate of how many of the keys with an expiry are past it, in percent. */
  expiredStalePercent = 0
  /** How often a pass of active expiry ended because its time was used up. */
  expiredTimeCapReached = 0
  evictedKeys = 0
  /** Modifications, as far as the store sees them. */
  dirty = 0
}

export interface KeyspaceMemory {
  /** What the arena has ever written to in the chunks it holds: what it occupies at most. */
  arenaBytes: number
  /** What is handed out: records and tables, each with the size of its block. */
  usedBytes: number
  /** The part of `usedBytes` that tables take. */
  tableBytes: number
  chunks: number
  freedChunks: number
}

/** Called with the cursor on a record whose value is about to go, to give back what the value holds of the arena. */
export type ValueReleaser = (db: Database) => void

export class Keyspace {
  readonly databases: number
  readonly arena: Arena
  /** For the tables of the databases. */
  readonly chainRebuild: ChainRebuild
  readonly prng: Prng
  readonly hashKey0: number
  readonly hashKey1: number
  readonly stats = new KeyspaceStats()

  /** False: `activeExpire` does nothing (DEBUG SET-ACTIVE-EXPIRE, replicas). */
  expireEnabled = true
  /** True: a key met by a lookup after its time is removed. False: it is only treated as absent. */
  lazyExpireDeletes = true
  /** True: lookups leave the access clocks as they are. */
  noTouch = false
  /** True: access clocks count frequency (LFU), else recency (LRU). */
  lfu = false
  lfuLogFactor = 10
  lfuDecayMinutes = 1
  /** From 1 to 10, as `active-expire-effort`. */
  activeExpireEffort = 1

  /**
   * Called by every mutator of a `Database` while the cursor stands on the key: after a change, before a removal.
   * It must not move that database's cursor nor change the database.
   */
  onModified: ((db: Database) => void) | null = null
  /** Called before a key is removed because its time is over, with the cursor on it. The same rules. */
  onExpired: ((db: Database) => void) | null = null
  /** Called before a database is emptied by `clear`. It may look keys up. */
  onCleared: ((db: Database) => void) | null = null

  /** The request ring of the shard, which sets it once. */
  readonly requestView: RequestView = { bytes: new Uint8Array(0), words: new Int32Array(0) }

  /** The LRU clock of the present time, and the minutes of the LFU clock. */
  lruClock = 0
  lfuMinutes = 0

  private currentMs = 0
  /** Since when the arena has had an empty chunk, as far as `rehash` has seen; 0 = it has none. */
  private emptySinceMs = 0
  private readonly made: (Database | null)[]
  private readonly releasers: (ValueReleaser | null)[] = new Array<null>(VALUE_TYPES_MAX).fill(null)
  private readonly activeExpiry: ActiveExpiry

  constructor(options: KeyspaceOptions) {
    this.databases = options.databases
    this.hashKey0 = options.hashSeed[0] | 0
    this.hashKey1 = options.hashSeed[1] | 0
    this.prng = new Prng(options.randomSeed)
    this.arena = new Arena(options.arenaChunkBytes, options.arenaChunksMax)
    this.chainRebuild = new ChainRebuild(this.arena)
    this.made = new Array<null>(options.databases).fill(null)
    this.activeExpiry = new ActiveExpiry(this)
  }

  /** Wall clock in ms of the batch in hand; the shard sets it. */
  get nowMs(): number {
    return this.currentMs
  }

  set nowMs(nowMs: number) {
    this.currentMs = nowMs
    this.lruClock = lruClockAt(nowMs)
    this.lfuMinutes = lfuMinutesAt(nowMs)
  }

  /** The access clock of a key made now. */
  get initialClock(): number {
    return this.lfu ? initialLfuClock(this.lfuMinutes) : this.lruClock
  }

  /** The database with this index, made on first use. */
  database(index: number): Database {
    const database = this.made[index]
    if (database !== null && database !== undefined) return database
    assert(index >= 0 && index < this.databases, 'the index of a database is out of range')
    const made = new Database(index, this)
    this.made[index] = made
    return made
  }

  /** The database with this index if it was ever used. */
  existingDatabase(index: number): Database | null {
    return this.made[index] ?? null
  }

  /** Exchanges the contents of two databases: each object gets the other's index. Nothing is copied. */
  swapDatabases(a: number, b: number): void {
    const first = this.database(a)
    const second = this.database(b)
    this.made[a] = second
    this.made[b] = first
    first.index = b
    second.index = a
  }

  /** Registers what gives back the blocks that a value of this type holds beside its record. */
  setReleaser(type: number, releaser: ValueReleaser): void {
    this.releasers[type] = releaser
  }

  /** What `setReleaser` registered for the type. */
  releaserOf(type: number): ValueReleaser | null {
    return this.releasers[type]!
  }

  /** Empties every database. */
  clear(): void {
    let keys = 0
    for (const database of this.made) {
      if (database === null) continue
      keys += database.size
      this.onCleared?.(database)
    }
    this.stats.dirty += keys
    this.resetArena()
  }

  /**
   * One pass over the databases that removes keys whose time is over, see `ActiveExpiry`.
   * @returns how many were removed
   */
  activeExpire(budgetUs: number, clockUs: () => number): number {
    return this.expireEnabled ? this.activeExpiry.pass(budgetUs, clockUs) : 0
  }

  /**
   * What is better done while there is nothing else to do: shrinking tables and giving memory back.
   * @returns true while there is more of it
   */
  rehash(budgetUs: number, clockUs: () => number): boolean {
    const startedUs = clockUs()
    for (const database of this.made) {
      if (database === null) continue
      while (database.resizeStep()) if (clockUs() - startedUs >= budgetUs) return true
    }
    while (this.arena.hasCondemned()) {
      this.arena.release()
      if (clockUs() - startedUs >= budgetUs) return this.arena.hasCondemned()
    }
    this.releaseIdleChunk()
    return false
  }

  memory(): KeyspaceMemory {
    let tableBytes = 0
    for (const database of this.made) if (database !== null) tableBytes += database.tableBytes
    const { touchedBytes, usedBytes, chunkCount, freedChunks } = this.arena
    return { arenaBytes: touchedBytes, usedBytes, tableBytes, chunks: chunkCount, freedChunks }
  }

  private releaseIdleChunk(): void {
    if (!this.arena.hasEmptyChunk()) {
      this.emptySinceMs = 0
    } else if (this.emptySinceMs === 0) {
      this.emptySinceMs = this.currentMs
    } else if (this.currentMs - this.emptySinceMs >= EMPTY_CHUNK_KEPT_MS) {
      this.arena.releaseEmptyChunk()
      this.emptySinceMs = 0
    }
  }

  /** True when no other database has a key, so that emptying this one may reset the arena. For `Database.clear`. */
  isOnlyUsed(database: Database): boolean {
    for (const other of this.made) if (other !== null && other !== database && other.size > 0) return false
    return true
  }

  /** Forgets everything at once. For `Database.clear`. */
  resetArena(): void {
    for (const database of this.made) database?.forget()
    this.arena.reset()
  }
}
