/**
 * Crashes of simulated servers, each from a seed. `SIM_SEED=… [SIM_STEPS=…] [SIM_SHARDS=…]` replays one,
 * `SIM_SECONDS=…` runs fresh seeds for that long.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Loss, simulateCrash } from './crash.js'
import { profileOf } from './workload.js'

const STEPS = 400
const FIXED_SEEDS = 150
const FRESH_SEEDS = 100
const SEED_MAX = 2 ** 31

const { SIM_SEED, SIM_STEPS, SIM_SHARDS, SIM_SECONDS } = process.env
const stepCount = SIM_STEPS === undefined ? STEPS : Number(SIM_STEPS)
const shards = SIM_SHARDS === undefined ? undefined : Number(SIM_SHARDS)

let operations = 0
let recovered = 0

async function expectPrefix(seed: number): Promise<void> {
  for (const loss of ['nothing', 'tails'] satisfies Loss[]) {
    const report = await simulateCrash(profileOf(seed, shards), stepCount, loss)
    if (report.complaint !== undefined) expect.fail(`SIM_SEED=${seed}, loss of ${loss}: ${report.complaint}`)
    if (loss === 'nothing') expect(report.recovered, `SIM_SEED=${seed}`).toBe(report.operations)
    operations += report.operations
    recovered += report.recovered
  }
}

describe('what is recovered after a crash is a prefix of the order, with every operation whole', () => {
  it.runIf(SIM_SEED !== undefined)('with the seed given', { timeout: 600_000 }, () => expectPrefix(Number(SIM_SEED)))

  it.runIf(SIM_SECONDS !== undefined)(
    'for as long as asked',
    { timeout: Number(SIM_SECONDS) * 1000 + 600_000 },
    async () => {
      const endsAtMs = Date.now() + Number(SIM_SECONDS) * 1000
      let runs = 0
      for (; Date.now() < endsAtMs; runs++) await expectPrefix(randomInt(SEED_MAX))
      console.log(`${runs} seeds, ${recovered} of ${operations} operations recovered`)
    },
  )

  it.skipIf(SIM_SEED !== undefined || SIM_SECONDS !== undefined)('with fixed seeds', { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= FIXED_SEEDS; seed++) await expectPrefix(seed)
  })

  it.skipIf(SIM_SEED !== undefined || SIM_SECONDS !== undefined)('with fresh seeds', { timeout: 120_000 }, async () => {
    const first = randomInt(SEED_MAX)
    console.log(`seeds from ${first} on`)
    for (let i = 0; i < FRESH_SEEDS; i++) await expectPrefix(first + i)
  })
})
