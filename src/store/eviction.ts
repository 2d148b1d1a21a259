/**
 * Eviction: which keys go when memory is at its limit.
 *
 * Owned by one shard's thread. For policies with an order (LRU, LFU, TTL) a few keys of each database are sampled, and the
 * best candidates of all samples so far are kept in a pool, so that what goes is close to the best of all keys without
 * any list of them. The method and the size of the pool are those of Redis (evict.c).
 *
 * Invariant: a key of the pool may be gone or changed by the time its turn comes; it is looked up again before it goes.
 */
import { copyBytes } from '../base/bytes.js'
import type { Database } from './database.js'
import type { Keyspace } from './keyspace.js'
import { keyEvents } from './keyspace-events.js'
import { NO_EXPIRY } from './value-type.js'

const POOL_SIZE = 16
/** Keys of up to this length are kept in the pool without making garbage. */
const POOLED_KEY_BYTES = 256

/** A look at the clock costs about as much as evicting a small key. */
const EVICTIONS_A_CLOCK = 8

/** Samples after which all keys seem to be protected. */
const ROUNDS_MAX = 16

type Order = 'lru' | 'lfu' | 'ttl' | 'random'

class Candidate {
  key = new Uint8Array(POOLED_KEY_BYTES)
  keyLength = 0
  database = 0
  /** The greater, the sooner it goes. */
  score = 0
}

export class Eviction {
  /** As `maxmemory-samples`. */
  samples = 5
  /** As `lazyfree-lazy-eviction`. */
  isLazy = false

  /** Whether `maxmemory` is set. */
  isLimited = false

  /** Says of the key in hand whether it must stay, whatever the policy. */
  isProtected: (db: Database) => boolean = () => false

  private evicts = false
  private budgetUs = 500
  private volatileOnly = false
  private order: Order = 'lru'
  /** The best candidates, in the order of their scores, the best last. */
  private readonly pool = Array.from({ length: POOL_SIZE }, () => new Candidate())
  private pooled = 0
  private nextDatabase = 0

  constructor(private readonly keyspace: Keyspace) {}

  /** Follows `maxmemory-policy`. */
  set policy(name: string) {
    this.evicts = name !== 'noeviction'
    this.volatileOnly = name.startsWith('volatile-')
    this.order = name.slice(name.indexOf('-') + 1) as Order
    this.pooled = 0
  }

  /**
   * Follows `maxmemory-eviction-tenacity`: how long one eviction may hold up other work, from 0 (not at all) over 10 (half
   * a millisecond) to 100 (as long as it takes), growing by 15 % a step above 10, as in Redis.
   */
  set tenacity(value: number) {
    if (value <= 10) this.budgetUs = 50 * value
    else this.budgetUs = value < 100 ? 500 * 1.15 ** (value - 10) : Number.POSITIVE_INFINITY
  }

  /** Whether keys are chosen by their access clocks, which must then be those of each value alone. */
  get usesClocks(): boolean {
    return this.isLimited && (this.order === 'lru' || this.order === 'lfu')
  }

  /** How many keys the policy allows to evict, and values that are on their way out; 0 without a limit. */
  get evictableKeys(): number {
    if (!this.evicts || !this.isLimited) return 0
    let keys = this.keyspace.condemned.count
    for (let i = 0; i < this.keyspace.databases; i++) {
      const db = this.keyspace.existingDatabase(i)
      if (db !== null) keys += this.volatileOnly ? db.expiresSize : db.size
    }
    return keys
  }

  /**
   * Evicts keys until so many bytes fewer are in use, the time is over, or nothing is left that the policy allows.
   * @returns how many keys went
   */
  evict(bytes: number, clockUs: () => number): number {
    const { keyspace, budgetUs } = this
    // The policy may be another one since the evictable keys were counted.
    if (!this.evicts) return 0
    const target = keyspace.arena.usedBytes - bytes
    const startedUs = clockUs()
    let evicted = 0
    while (keyspace.arena.usedBytes > target) {
      // What went before may still be on its way out.
      if (!keyspace.condemned.isEmpty) {
        const left = budgetUs - (clockUs() - startedUs)
        if (left <= 0 || keyspace.condemned.step(left, clockUs)) break
        continue
      }
      const db = this.order === 'random' ? this.chooseAnyKey() : this.chooseBestKey()
      if (db === null) break
      this.removeEvicted(db)
      evicted++
      if (evicted % EVICTIONS_A_CLOCK === 0 && clockUs() - startedUs >= budgetUs) break
    }
    return evicted
  }

  private removeEvicted(db: Database): void {
    const { keyspace } = this
    const { stats } = keyspace
    const { dirty } = stats
    stats.evictedKeys++
    if (keyspace.onEvicted !== null) keyspace.onEvicted(db)
    db.notify(keyEvents.evicted)
    if (this.isLazy) db.removeLazily()
    else db.remove()
    // Nobody has changed anything: that is not counted, as with keys past their time.
    stats.dirty = dirty
  }

  /** Stands on a random key, going around the databases. Some of those it meets may be past their time or protected. */
  private chooseAnyKey(): Database | null {
    const { keyspace } = this
    for (let i = keyspace.databases * ROUNDS_MAX; i > 0; i--) {
      const db = keyspace.existingDatabase(this.nextDatabase)
      this.nextDatabase = this.nextDatabase + 1 < keyspace.databases ? this.nextDatabase + 1 : 0
      if (db?.standOnRandom(this.volatileOnly) && standOnSame(db) && !this.isProtected(db)) return db
    }
    return null
  }

  /** Stands on the best candidate that is still there. */
  private chooseBestKey(): Database | null {
    for (let round = 0; round < ROUNDS_MAX && this.fillPool(); round++) {
      while (this.pooled > 0) {
        const candidate = this.pool[--this.pooled]!
        const db = this.keyspace.existingDatabase(candidate.database)
        if (db === null || !db.peek(candidate.key, 0, candidate.keyLength)) continue
        if ((!this.volatileOnly || db.expireAtMs() !== NO_EXPIRY) && !this.isProtected(db)) return db
      }
    }
    return null
  }

  /** Samples keys of every database. @returns false when there are none to sample */
  private fillPool(): boolean {
    const { keyspace, samples, volatileOnly } = this
    let keys = 0
    for (let index = 0; index < keyspace.databases; index++) {
      const db = keyspace.existingDatabase(index)
      if (db === null) continue
      const size = volatileOnly ? db.expiresSize : db.size
      keys += size
      for (let i = Math.min(samples, size); i > 0; i--) if (db.standOnRandom(volatileOnly)) this.consider(db, index)
    }
    return keys > 0
  }

  private consider(db: Database, index: number): void {
    const { pool } = this
    const score = this.scoreOf(db)
    if (this.pooled === POOL_SIZE && score <= pool[0]!.score) return
    let place = this.pooled
    while (place > 0 && pool[place - 1]!.score > score) place--
    let candidate: Candidate
    if (this.pooled === POOL_SIZE) {
      place--
      candidate = pool[0]!
      for (let i = 0; i < place; i++) pool[i] = pool[i + 1]!
    } else {
      candidate = pool[this.pooled]!
      for (let i = this.pooled; i > place; i--) pool[i] = pool[i - 1]!
      this.pooled++
    }
    pool[place] = candidate
    if (db.keyLength > candidate.key.length) candidate.key = new Uint8Array(db.keyLength)
    copyBytes(db.bytes, db.keyOffset, candidate.key, 0, db.keyLength)
    candidate.keyLength = db.keyLength
    candidate.database = index
    candidate.score = score
  }

  private scoreOf(db: Database): number {
    switch (this.order) {
      case 'lru':
        return db.idleSeconds()
      case 'lfu':
        return 255 - db.accessFrequency()
      default:
        return -db.expireAtMs()
    }
  }
}

/** Finds the key in hand again through the database's own table, so that it can be removed. */
function standOnSame(db: Database): boolean {
  return db.peek(db.bytes, db.keyOffset, db.keyLength)
}
