/**
 * Servers that are killed at random moments under load, again and again on the same directory: nothing that was promised is
 * lost, no transaction is half there, and what is there is always what there was at one moment.
 *
 * `DURABILITY_KILLS=1000` kills so often, `DURABILITY_SEED=…` begins with this seed.
 */
import { randomInt } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { testPeer } from '../support/server.js'
import { Lineage, type LineageFigures, noFigures, type SyncMode } from './lineage.js'

const KILLS = Number(process.env.DURABILITY_KILLS ?? 200)
const SEED = Number(process.env.DURABILITY_SEED ?? randomInt(2 ** 31 - 1000))

/** Three numbers of shards, and directories whose number of shards changes from start to start. */
const SHARD_COUNTS: readonly (readonly number[])[] = testPeer === undefined ? [[1], [2], [4], [1, 2, 3, 4]] : [[1], [1]]
const SYNC_MODES: readonly SyncMode[] = ['always', 'everysec', 'no']

const total = noFigures()
const perLineage = Math.ceil(KILLS / (SHARD_COUNTS.length * SYNC_MODES.length))

function add(figures: LineageFigures): void {
  for (const name of Object.keys(total) as (keyof LineageFigures)[]) {
    if (name === 'lostMsMax') total.lostMsMax = Math.max(total.lostMsMax, figures.lostMsMax)
    else total[name] += figures[name]
  }
}

describe('a server that is killed under load', () => {
  afterAll(() => {
    console.log(
      `${total.kills} kills: ${total.killsWhileStarting} while it started, ${total.killsWhileRewriting} while the log was ` +
        `rewritten, ${total.killsWhileSaving} while it saved; ${total.sent} operations, ${total.answered} answered, ` +
        `${total.lost} of them lost, ${total.lostMsMax.toFixed(1)} ms old at most`,
    )
  })

  it.each(SHARD_COUNTS.map((shardCounts, i) => ({ shardCounts, i })))(
    'with $shardCounts shards has every acknowledged write, or a prefix, afterwards',
    { timeout: 60_000 + KILLS * 4000, retry: 0 },
    async ({ shardCounts, i }) => {
      const seed = SEED + i * SYNC_MODES.length
      console.log(`shards ${shardCounts.join(' or ')}: seeds from ${seed} on, DURABILITY_SEED=${SEED}`)
      const lineages = SYNC_MODES.map(
        (sync, j) => new Lineage({ seed: seed + j, shardCounts, sync, kills: perLineage }),
      )
      // Each is waited for, so that no server outlives the test.
      const results = await Promise.allSettled(lineages.map((lineage) => lineage.run()))
      for (const result of results) {
        if (result.status === 'rejected') throw result.reason
        add(result.value)
        expect(result.value.kills).toBeGreaterThanOrEqual(perLineage)
      }
    },
  )
})
