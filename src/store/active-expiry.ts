/**
 * Active expiry: removes keys whose time is over although nobody asks for them.
 *
 * Runs on the shard's thread between batches. It samples the keys that have an expiry and goes on in a database while a
 * noticeable share of the sample was over its time, so that the memory held by such keys stays bounded and an idle
 * keyspace costs next to nothing. The method and its numbers are those of Redis 7.0 (`activeExpireCycle`); unlike there
 * the caller says how long a pass may take.
 *
 * Invariant: a pass looks at the clock at least every `ITERATIONS_A_CLOCK` samples of `keysPerSample` keys.
 */
import type { Keyspace } from './keyspace.js'

const KEYS_PER_SAMPLE = 20
const EFFORT_KEYS = KEYS_PER_SAMPLE / 4

/** Percent of a sample that may be over its time without the database being sampled again at once. */
const ACCEPTABLE_STALE_PERCENT = 10

/** Buckets looked at for each key wanted: they may be empty. */
const BUCKETS_A_KEY = 20

/** Four samples of 20 keys take about 20 us. */
const ITERATIONS_A_CLOCK = 4

/** How much of the stale estimate a pass makes up. */
const STALE_WEIGHT = 0.05

export class ActiveExpiry {
  /** The database with which the next pass begins: one pass may not get through all of them. */
  private nextDatabase = 0

  constructor(private readonly keyspace: Keyspace) {}

  /** @returns how many keys were removed */
  pass(budgetUs: number, clockUs: () => number): number {
    const { keyspace } = this
    const effort = keyspace.activeExpireEffort - 1
    const keysPerSample = KEYS_PER_SAMPLE + EFFORT_KEYS * effort
    const acceptablePercent = ACCEPTABLE_STALE_PERCENT - effort
    const startedUs = clockUs()
    let iterations = 0
    let totalSampled = 0
    let totalExpired = 0
    let capReached = false
    for (let i = 0; i < keyspace.databases && !capReached; i++) {
      const database = keyspace.existingDatabase(this.nextDatabase)
      this.nextDatabase = this.nextDatabase + 1 < keyspace.databases ? this.nextDatabase + 1 : 0
      if (database === null) continue
      for (;;) {
        const wanted = Math.min(database.expiresSize, keysPerSample)
        if (wanted === 0) {
          database.averageTtlMs = 0
          break
        }
        database.sampleExpires(wanted, wanted * BUCKETS_A_KEY)
        totalSampled += database.sampledKeys
        totalExpired += database.sampledExpired
        iterations++
        if (iterations % ITERATIONS_A_CLOCK === 0 && clockUs() - startedUs > budgetUs) {
          keyspace.stats.expiredTimeCapReached++
          capReached = true
          break
        }
        if (database.sampledExpired * 100 <= acceptablePercent * database.sampledKeys) break
      }
    }
    const percent = totalSampled === 0 ? 0 : (totalExpired * 100) / totalSampled
    const { stats } = keyspace
    stats.expiredStalePercent = percent * STALE_WEIGHT + stats.expiredStalePercent * (1 - STALE_WEIGHT)
    return totalExpired
  }
}
