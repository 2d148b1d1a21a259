/**
 * Servers that are killed at random moments under load, again and again on the same directory: nothing that was promised is
 * lost, no transaction is half there, and what is there is always what there was at one moment.
 *
 * `DURABILITY_KILLS=1000` kills so often, `DURABILITY_SEED=…` begins with this seed.
 */
import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { testPeer } from '../support/server.js'
import { isWhole } from './amount.js'
import { Lineage, type LineageFigures, noFigures, type SyncMode } from './lineage.js'

const KILLS = Number(process.env.DURABILITY_KILLS ?? 200)
const SEED = Number(process.env.DURABILITY_SEED ?? randomInt(2 ** 31 - 1000))

/** Three numbers of shards, and directories whose number of shards changes from start to start. */
const SHARD_COUNTS: readonly (readonly number[])[] = testPeer === undefined ? [[1], [2], [4], [1, 2, 3, 4]] : [[1]]
const SYNC_MODES: readonly SyncMode[] = ['always', 'everysec', 'no']
/** So many directories are worked on side by side: a server that starts, and one that waits for its clients, share a core. */
const AT_ONCE = availableParallelism() + 1

/** The slowest come first: none of them is left over at the end. */
const KINDS = [...SHARD_COUNTS].reverse().flatMap((shardCounts) => SYNC_MODES.map((sync) => ({ shardCounts, sync })))

const KILLS_PER_KIND = Math.ceil(KILLS / KINDS.length)

const textOf = (figures: LineageFigures): string =>
  `${figures.kills} kills: ${figures.killsWhileStarting} while it started, ${figures.killsWhileRewriting} while the log ` +
  `was rewritten, ${figures.killsWhileSaving} while it saved; ${figures.answered} acknowledged operations of ` +
  `${figures.sent} sent, ${figures.transactions} transactions and scripts, 0 of them half there; ${figures.lost} ` +
  `acknowledged operations lost, ${figures.lostMsMax.toFixed(1)} ms old at most`

function add(total: LineageFigures, figures: LineageFigures): void {
  for (const name of Object.keys(total) as (keyof LineageFigures)[]) {
    if (name === 'lostMsMax') total.lostMsMax = Math.max(total.lostMsMax, figures.lostMsMax)
    else total[name] += figures[name]
  }
}

describe('a server that is killed under load', () => {
  it('has every acknowledged write, or a prefix, afterwards', {
    timeout: 60_000 + KILLS * 4000,
    retry: 0,
  }, async () => {
    console.log(`DURABILITY_SEED=${SEED}`)
    const total = noFigures()
    const faults: unknown[] = []
    const waiting = KINDS.map((kind, i) => ({ ...kind, seed: SEED + i }))
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const lineage = new Lineage({ ...next, kills: KILLS_PER_KIND, isBrief: !isWhole })
        try {
          const figures = await lineage.run()
          add(total, figures)
          if (isWhole) console.log(`${next.shardCounts.join(' or ')} shards, ${next.sync}: ${textOf(figures)}`)
        } catch (error) {
          // The others go on, so that no server outlives the test.
          faults.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    console.log(textOf(total))
    if (faults.length > 0) throw faults[0]
    expect(total.kills).toBeGreaterThanOrEqual(KILLS)
  })
})
