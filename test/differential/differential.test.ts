/**
 * Random commands to Shardkeep and to a real Redis 7.0, at 1, 2 and 4 shards: raw replies and data sets must be the same.
 *
 * The seeds are fixed, and one is drawn and printed. `npm run fuzz:differential` does the same for as long as one likes.
 */
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fullNameOf } from '../../src/commands/table.js'
import { hasRedis7 } from '../base/redis-oracle.js'
import { differenceOf } from './campaign.js'
import { Tally } from './comparison.js'
import { ServerPair } from './server-pair.js'
import { drawnSpecs } from './workload.js'

const FIXED_SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
const SEED_MAX = 2 ** 31

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
    for (const seed of FIXED_SEEDS) expect(await differenceOf(pair, seed * 10 + shards, total)).toBeUndefined()
  })

  it('are answered the same, with a fresh seed', { timeout: 120_000 }, async () => {
    const seed = randomInt(SEED_MAX)
    console.log(`${shards} shards, seed ${seed}`)
    expect(await differenceOf(pair, seed, total)).toBeUndefined()
  })
})

describe.skipIf(!hasRedis7)('all of these together', () => {
  it('had every command, and succeeded with it', () => {
    const untried = drawnSpecs.filter((spec) => (total.calls.get(fullNameOf(spec))?.succeeded ?? 0) === 0)
    // Nobody needs a password here.
    expect(untried.map(fullNameOf).filter((name) => name !== 'auth')).toEqual([])
  })

  it('needed allowances for a few of a hundred only', () => {
    const allowed = [...total.allowed.values()].reduce((sum, times) => sum + times, 0)
    expect(allowed).toBeLessThan(total.commands / 20)
  })
})
