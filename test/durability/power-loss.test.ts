/**
 * Loss of power at any moment: what was not synced is gone, torn or zeros, and so may be names; the same must hold as after a
 * kill. With `always` nothing that was answered is missing.
 *
 * `DURABILITY_LOSSES=500` looks at so many moments, `DURABILITY_SEED=…` begins with this seed.
 */
import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { testPeer } from '../support/server.js'
import { isWhole } from './amount.js'
import type { SyncMode } from './lineage.js'
import { PowerLoss } from './power-loss.js'

const LOSSES = Number(process.env.DURABILITY_LOSSES ?? (isWhole ? 48 : 4))
const SEED = Number(process.env.DURABILITY_SEED ?? randomInt(2 ** 31 - 1000))

/** With everysec a run must be so long that a loss of more than a second would show. */
const ALL_RUNS: readonly { readonly shards: number; readonly sync: SyncMode; readonly workMs: number }[] = [
  { shards: 1, sync: 'always', workMs: 4000 },
  { shards: 4, sync: 'always', workMs: 4000 },
  { shards: 1, sync: 'everysec', workMs: 6000 },
  { shards: 4, sync: 'everysec', workMs: 6000 },
  { shards: 2, sync: 'no', workMs: 4000 },
]
const RUNS = isWhole ? ALL_RUNS : [{ shards: 2, sync: 'always', workMs: 1500 } as const]
/** So many moments of one run are looked at, before there is another run. */
const LOSSES_PER_RUN = 30

// The recorder is loaded into Node.js.
describe.skipIf(testPeer !== undefined)('a server that loses its power', () => {
  it.each(RUNS.map((run, i) => ({ ...run, i })))(
    'has every acknowledged write, or a prefix, afterwards: $shards shards, $sync',
    { timeout: 120_000 + LOSSES * 4000, retry: 0 },
    async ({ shards, sync, workMs, i }) => {
      const wanted = Math.ceil(LOSSES / RUNS.length)
      let seed = SEED + i * 1000
      console.log(`seeds from ${seed} on, DURABILITY_SEED=${SEED}`)
      let losses = 0
      let lost = 0
      let lostMsMax = 0
      let calls = 0
      while (losses < wanted) {
        const run = new PowerLoss({
          seed: seed++,
          shards,
          sync,
          losses: Math.min(wanted - losses, LOSSES_PER_RUN),
          workMs,
        })
        await run.run()
        losses += run.losses
        lost += run.lost
        lostMsMax = Math.max(lostMsMax, run.lostMsMax)
        calls += run.calls
      }
      console.log(
        `${losses} losses of power among ${calls} file calls: ${lost} answered operations lost, ${lostMsMax.toFixed(1)} ms old at most`,
      )
      expect(losses).toBe(wanted)
    },
  )
})
