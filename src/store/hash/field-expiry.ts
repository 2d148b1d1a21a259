/**
 * Active expiry of fields: removes fields of hashes whose time is over although nobody asks for them.
 *
 * Runs on the shard's thread between batches, after the active expiry of keys. It goes around the hashes that have fields
 * with a time, of each database some hundred a pass, and goes on while a noticeable share of them had fields to remove,
 * so that the memory held by such fields stays bounded. A hash tells in constant time whether a field of it is due.
 *
 * Invariants: a pass looks at the clock at least every `HASHES_A_CLOCK` hashes, and takes no more than
 * `FIELDS_A_VISIT` fields of a large hash at a time. It does not touch a hash whose key is locked.
 */
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'

/** About 50 us of looking, ten times a second. */
const HASHES_A_ROUND = 400
const HASHES_A_CLOCK = 16
const FIELDS_A_VISIT = 256

/** Percent of a round's hashes that may have had something to remove without another round at once. */
const ACCEPTABLE_STALE_PERCENT = 10

export class FieldExpiry {
  private nextDatabase = 0
  /** Where the round of each database goes on, by the database's index. */
  private readonly nextBuckets: Int32Array
  private database: Database | null = null
  private stale = 0

  private readonly expire = (): void => {
    const { keyspace } = this
    // Somebody may be half-way through copying it, or a snapshot through writing it.
    if (keyspace.eviction.isProtected(this.database!) || !this.database!.mayExpire) return
    const before = keyspace.stats.expiredFields
    keyspace.hashes.expireSome(this.database!, FIELDS_A_VISIT)
    if (keyspace.stats.expiredFields !== before) this.stale++
  }

  constructor(private readonly keyspace: Keyspace) {
    this.nextBuckets = new Int32Array(keyspace.databases)
  }

  pass(budgetUs: number, clockUs: () => number): void {
    const { keyspace } = this
    const startedUs = clockUs()
    for (let i = 0; i < keyspace.databases; i++) {
      const index = this.nextDatabase
      const database = keyspace.existingDatabase(index)
      if (database !== null && database.fieldExpiresSize > 0) {
        while (this.round(database, index, startedUs + budgetUs, clockUs));
        if (clockUs() - startedUs > budgetUs) return
      }
      this.nextDatabase = index + 1 < keyspace.databases ? index + 1 : 0
    }
  }

  /** Goes on around the hashes of a database. @returns whether another round is worth while and there is time for it */
  private round(database: Database, index: number, untilUs: number, clockUs: () => number): boolean {
    const { nextBuckets } = this
    this.database = database
    this.stale = 0
    let seen = 0
    let sinceClock = 0
    const wanted = Math.min(HASHES_A_ROUND, database.fieldExpiresSize)
    for (let buckets = database.fieldExpiresBuckets; buckets > 0 && seen < wanted; buckets--) {
      if (nextBuckets[index]! >= database.fieldExpiresBuckets) nextBuckets[index] = 0
      const count = database.visitFieldExpires(nextBuckets[index]!++, this.expire)
      seen += count
      sinceClock += count
      if (sinceClock >= HASHES_A_CLOCK) {
        if (clockUs() > untilUs) return false
        sinceClock = 0
      }
    }
    return this.stale * 100 > ACCEPTABLE_STALE_PERCENT * seen && clockUs() <= untilUs
  }
}
