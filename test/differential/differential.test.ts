/**
 * Random commands to Shardkeep and to a real Redis 7.0, at 1, 2 and 4 shards: raw replies and data sets must be the same.
 *
 * The seeds are fixed, so that a run can be repeated. `npm run fuzz:differential` draws new ones for as long as one likes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fullNameOf } from '../../src/commands/table.js'
import { hasRedis7 } from '../base/redis-oracle.js'
import { differenceOf } from './campaign.js'
import { Tally } from './comparison.js'
import { DAMAGED_PER_SEED, DamageCounts, differenceOfDamage } from './damaged-dumps.js'
import { ServerPair } from './server-pair.js'
import { drawnSpecs } from './workload.js'

/** A command that was sent so often has something to work on in the long run. */
const CALLS_WITHOUT_SUCCESS_MAX = 60

const FIXED_SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]

const total = new Tally()

describe.skipIf(!hasRedis7).each([1, 2, 4])('random commands beside Redis 7.0 at %i shards', (shards) => {
  let pair: ServerPair

  beforeAll(async () => {
    pair = await ServerPair.start(shards)
  })

  afterAll(async () => {
    await pair?.stop()
  })

  it('are answered the same, with fixed seeds', { timeout: 120_000 }, async () => {
    const seeds = FIXED_SEEDS.map((seed) => seed * 10 + shards)
    for (const seed of seeds) expect(await differenceOf(pair, seed, total)).toBeUndefined()
  })

  it('are answered the same about values of damaged payloads', { timeout: 60_000 }, async () => {
    const counts = new DamageCounts()
    expect(await differenceOfDamage(pair, shards, counts, new Tally())).toBeUndefined()
    // Where nothing passes nothing would be found.
    expect(counts.restored).toBeGreaterThan(DAMAGED_PER_SEED / 10)
    expect(counts.refusedHereOnly).toBeLessThan(DAMAGED_PER_SEED / 6)
  })
})

describe.skipIf(!hasRedis7)('all of these together', () => {
  it('had nearly every command, and none often without success', () => {
    const unsuccessful = drawnSpecs
      .map(fullNameOf)
      // Nobody needs a password here.
      .filter((name) => name !== 'auth' && (total.calls.get(name)?.succeeded ?? 0) === 0)
    // So few commands need not have brought each of the rare ones to its keys.
    expect(unsuccessful.length, unsuccessful.join()).toBeLessThan(drawnSpecs.length / 20)
    const often = unsuccessful.filter((name) => (total.calls.get(name)?.total ?? 0) >= CALLS_WITHOUT_SUCCESS_MAX)
    expect(often).toEqual([])
  })

  it('needed allowances for a few of a hundred only', () => {
    const allowed = [...total.allowed.values()].reduce((sum, times) => sum + times, 0)
    expect(allowed).toBeLessThan(total.commands / 20)
  })
})
