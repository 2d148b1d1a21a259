/**
 * The simulation as a test: many short runs, each from a seed, at one shard and at several.
 *
 * `SIM_SEED=… SIM_STEPS=… [SIM_SHARDS=…]` replays one run; `SIM_SECONDS=…` runs fresh seeds for that long.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { simulate } from './simulation.js'
import { profileOf } from './workload.js'

const STEPS = 600
/** Some ten seconds on two cores. */
const FIXED_SEEDS = 1500
const FRESH_SEEDS = 500
const SEED_MAX = 2 ** 31

const { SIM_SEED, SIM_STEPS, SIM_SHARDS, SIM_SECONDS } = process.env
const stepCount = SIM_STEPS === undefined ? STEPS : Number(SIM_STEPS)
const shards = SIM_SHARDS === undefined ? undefined : Number(SIM_SHARDS)

function expectSerial(seed: number): void {
  const violation = simulate(profileOf(seed, shards), stepCount)
  if (violation !== undefined) expect.fail(violation)
}

describe('replies are those of one server that runs the commands in the order of the router', () => {
  it.runIf(SIM_SEED !== undefined)('with the seed given', { timeout: 600_000 }, () => {
    expectSerial(Number(SIM_SEED))
  })

  it.runIf(SIM_SECONDS !== undefined)('for as long as asked', { timeout: Number(SIM_SECONDS) * 1000 + 600_000 }, () => {
    const endsAtMs = Date.now() + Number(SIM_SECONDS) * 1000
    let runs = 0
    for (; Date.now() < endsAtMs; runs++) expectSerial(randomInt(SEED_MAX))
    console.log(`${runs} runs of ${stepCount} steps`)
  })

  it.skipIf(SIM_SEED !== undefined || SIM_SECONDS !== undefined)('with fixed seeds', { timeout: 120_000 }, () => {
    for (let seed = 1; seed <= FIXED_SEEDS; seed++) expectSerial(seed)
  })

  it.skipIf(SIM_SEED !== undefined || SIM_SECONDS !== undefined)('with fresh seeds', { timeout: 120_000 }, () => {
    const first = randomInt(SEED_MAX)
    console.log(`seeds from ${first} on`)
    for (let i = 0; i < FRESH_SEEDS; i++) expectSerial(first + i)
  })
})
