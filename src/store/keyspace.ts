/**
 * All databases of one shard, with what they share: the arena, the hash key, the time of the batch in hand, statistics.
 *
 * One instance for each shard, owned by the shard's thread; simulations and tests make many in one thread. It never
 * reads the system's clock or randomness: both are given to it.
 *
 * Invariants: every block of the arena belongs to a key of one of these databases or to a table of them, so that the
 * arena may be reset when no key is left; between commands the nursery has no key. A `Database` belongs to its index until
 * `swapDatabases`.
 */

import { assert } from '../base/assert.js'
import { Prng } from '../base/prng.js'
import { initialLfuClock, lfuMinutesAt, lruClockAt } from './access-clock.js'
import { ActiveExpiry } from './active-expiry.js'
import { Arena } from './arena.js'
import { ChainRebuild } from './chain-rebuild.js'
import { CollectionLimits } from './collection-limits.js'
import { Condemned } from './condemned.js'
import { Database } from './database.js'
import type { Epoch } from './epoch-records.js'
import { Eviction } from './eviction.js'
import { FieldExpiry } from './hash/field-expiry.js'
import { Hashes } from './hash/hashes.js'
import type { KeyspaceEvent } from './keyspace-events.js'
import { Lists } from './list/lists.js'
import type { SnapshotWalk } from './rdb/snapshot-walk.js'
import type { RequestView } from './record-store.js'
import { Sets } from './set/sets.js'
import { Streams } from './stream/streams.js'
import type { ValueKind } from './value-kind.js'
import { VALUE_TYPES_MAX, ValueType } from './value-type.js'
import { SortedSets } from './zset/sorted-sets.js'

/** A load that swings by a chunk does so within this time; what stays empty for longer is given back. */
const EMPTY_CHUNK_KEPT_MS = 1000

/** An index that no client can select. */
const NURSERY_INDEX = -1

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
  /** Fields of hashes removed because their time was over. */
  expiredFields = 0
  /** The running estimate of how many of the keys with an expiry are past it, in percent. */
  expiredStalePercent = 0
  /** How often a pass of active expiry ended because its time was used up. */
  expiredTimeCapReached = 0
  evictedKeys = 0
  /** Values of many elements that UNLINK and its like have left to be given back later. */
  lazyFreedValues = 0
  /** Modifications, as far as the store sees them. */
  dirty = 0
  /** How often all databases were emptied at once. */
  flushes = 0
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

export class Keyspace {
  readonly databases: number
  readonly arena: Arena
  /** For the tables of the databases. */
  readonly chainRebuild: ChainRebuild
  readonly prng: Prng
  readonly limits = new CollectionLimits()
  readonly eviction: Eviction
  /** Large values on their way out. */
  readonly condemned: Condemned
  /** True: also values that are not large are given back later. For `Database.removeLazily`. */
  freesLazily = false
  readonly lists: Lists
  readonly sets: Sets
  readonly sortedSets: SortedSets
  readonly hashes: Hashes
  readonly streams: Streams
  /** No client sees this database: values are made here that only become a key's when they are whole (RESTORE). */
  readonly nursery: Database
  readonly hashKey0: number
  readonly hashKey1: number
  readonly stats = new KeyspaceStats()

  /** False: `activeExpire` does nothing (DEBUG SET-ACTIVE-EXPIRE, replicas). */
  expireEnabled = true
  /** For tests: RESTORE takes payloads with a wrong checksum. */
  skipsChecksums = false
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
  /**
   * Called before a field of the hash in hand is removed because its time is over, with the field's name. The same rules.
   * When it was the last one, the key goes with it, and a command that goes on to add fields makes it anew.
   */
  onFieldExpired: ((db: Database, bytes: Uint8Array, offset: number, length: number) => void) | null = null
  /** Called before a key is removed because memory is at its limit, with the cursor on it. The same rules. */
  onEvicted: ((db: Database) => void) | null = null
  /** Called before a database is emptied by `clear`. It may look keys up. */
  onCleared: ((db: Database) => void) | null = null
  /**
   * Called with the cursor on a key that clients may wait for: a list, sorted set or stream that was made, or a stream that
   * got an entry or is about to go. The same rules as for `onModified`.
   */
  onReady: ((db: Database) => void) | null = null
  /** The classes of events that somebody wants to know of, and where: see `eventClassesOf`; 0 for none. */
  eventClasses = 0
  /** Called with an event of one of these classes: what happened to the key in these bytes, of the database `index`. */
  onEvent: (event: KeyspaceEvent, index: number, bytes: Uint8Array, offset: number, length: number) => void = () => {}
  /** Called when all keys of a database have changed at once: it was emptied, or exchanged for another one. */
  onReplaced: ((index: number) => void) | null = null

  /** The snapshot in hand, while it has keys to write. */
  snapshot: SnapshotWalk | null = null
  readonly epoch: Epoch = { present: 0, isCut: false }

  /** The request ring of the shard, which sets it once. */
  readonly requestView: RequestView = { bytes: new Uint8Array(0), words: new Int32Array(0) }

  /**
   * What has a time before this is over: the present. It is 0 while a log is replayed, because the log says what has gone,
   * and when.
   */
  dueMs = 0

  /** The LRU clock of the present time, and the minutes of the LFU clock. */
  lruClock = 0
  lfuMinutes = 0

  private currentMs = 0
  private replays = false
  /** Since when the arena has had an empty chunk, as far as `rehash` has seen; 0 = it has none. */
  private emptySinceMs = 0
  private readonly made: (Database | null)[]
  private readonly kinds: (ValueKind | null)[] = new Array<null>(VALUE_TYPES_MAX).fill(null)
  private readonly activeExpiry: ActiveExpiry
  private readonly fieldExpiry: FieldExpiry

  constructor(options: KeyspaceOptions) {
    this.databases = options.databases
    this.hashKey0 = options.hashSeed[0] | 0
    this.hashKey1 = options.hashSeed[1] | 0
    this.prng = new Prng(options.randomSeed)
    this.arena = new Arena(options.arenaChunkBytes, options.arenaChunksMax)
    this.chainRebuild = new ChainRebuild(this.arena)
    this.made = new Array<null>(options.databases).fill(null)
    this.activeExpiry = new ActiveExpiry(this)
    this.fieldExpiry = new FieldExpiry(this)
    this.condemned = new Condemned(this)
    this.eviction = new Eviction(this)
    this.lists = new Lists(this)
    this.sets = new Sets(this)
    this.sortedSets = new SortedSets(this)
    this.hashes = new Hashes(this)
    this.streams = new Streams(this)
    this.nursery = new Database(NURSERY_INDEX, this)
    this.kinds[ValueType.list] = this.lists
    this.kinds[ValueType.set] = this.sets
    this.kinds[ValueType.zset] = this.sortedSets
    this.kinds[ValueType.hash] = this.hashes
    this.kinds[ValueType.stream] = this.streams
  }

  /** Wall clock in ms of the batch in hand; the shard sets it. */
  get nowMs(): number {
    return this.currentMs
  }

  set nowMs(nowMs: number) {
    this.currentMs = nowMs
    this.dueMs = this.replays ? 0 : nowMs
    this.lruClock = lruClockAt(nowMs)
    this.lfuMinutes = lfuMinutesAt(nowMs)
  }

  /** True while a log is replayed: nothing goes because its time is over. */
  get isReplaying(): boolean {
    return this.replays
  }

  set isReplaying(replays: boolean) {
    this.replays = replays
    this.dueMs = replays ? 0 : this.currentMs
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

  /** Does something of which no event comes: the command for which it is done tells what it means to the world. */
  quietly<T>(act: () => T): T {
    const { eventClasses } = this
    this.eventClasses = 0
    try {
      return act()
    } finally {
      this.eventClasses = eventClasses
    }
  }

  /** Exchanges the contents of two databases: each object gets the other's index. Nothing is copied. */
  swapDatabases(a: number, b: number): void {
    const first = this.database(a)
    const second = this.database(b)
    this.made[a] = second
    this.made[b] = first
    first.index = b
    second.index = a
    this.onReplaced?.(a)
    this.onReplaced?.(b)
  }

  /** What a type that is no string can do with its values. */
  kindOf(type: number): ValueKind {
    const kind = this.kinds[type]
    assert(kind !== undefined && kind !== null, 'a type without a kind')
    return kind
  }

  /** Empties every database. */
  clear(): void {
    let keys = 0
    for (const database of this.made) {
      if (database === null) continue
      keys += database.size
      this.onCleared?.(database)
      this.onReplaced?.(database.index)
    }
    this.stats.dirty += keys
    this.stats.flushes++
    if (this.snapshot === null) this.resetArena()
    else for (const database of this.made) database?.giveUp()
  }

  /**
   * One pass over the databases that removes keys whose time is over, see `ActiveExpiry`, and fields, see `FieldExpiry`.
   * @returns how many keys were removed by the first
   */
  activeExpire(budgetUs: number, clockUs: () => number): number {
    if (!this.expireEnabled || !this.lazyExpireDeletes || this.replays) return 0
    const startedUs = clockUs()
    const expired = this.activeExpiry.pass(budgetUs, clockUs)
    this.fieldExpiry.pass(budgetUs - (clockUs() - startedUs), clockUs)
    return expired
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
      if (clockUs() - startedUs >= budgetUs) return true
    }
    if (!this.condemned.isEmpty && this.condemned.step(budgetUs, clockUs)) return true
    if (this.arena.hasCondemned()) return true
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

  /** True when nobody needs what other databases have, so that emptying this one may reset the arena. For `Database.clear`. */
  isOnlyUsed(database: Database): boolean {
    if (this.snapshot !== null) return false
    for (const other of this.made) if (other !== null && other !== database && other.size > 0) return false
    return true
  }

  /** Forgets everything at once. For `Database.clear`. */
  resetArena(): void {
    for (const database of this.made) database?.forget()
    this.nursery.forget()
    this.condemned.forget()
    this.arena.reset()
  }
}
