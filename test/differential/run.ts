/**
 * `npm run fuzz:differential`: random commands to Shardkeep and to redis-server, until the two differ or enough was sent.
 *
 * Runs as a process of its own. Ends with status 1 when something differed.
 */
import { randomInt } from 'node:crypto'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { hasRedis7 } from '../base/redis-oracle.js'
import { allowances } from './allowances.js'
import { differenceOf, EPISODE_STEPS } from './campaign.js'
import { Tally } from './comparison.js'
import { DAMAGED_PER_SEED, DamageCounts, differenceOfDamage } from './damaged-dumps.js'
import { ServerPair } from './server-pair.js'

const USAGE = `npm run fuzz:differential -- [options]
  --commands 100000    how many commands, over all shard counts
  --episodes N         the same in episodes of ${EPISODE_STEPS} steps each
  --seed N             seed of the first episode; the others count on from there
  --damaged N          instead of commands N damaged payloads of DUMP for each shard count
  --shards 1,2,4       the shard counts to test
  --differences 10     end after so many differences`

const SEED_MAX = 2 ** 31
const PROGRESS_EVERY_MS = 20_000

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      commands: { type: 'string', default: '100000' },
      episodes: { type: 'string' },
      damaged: { type: 'string' },
      seed: { type: 'string' },
      shards: { type: 'string', default: '1,2,4' },
      differences: { type: 'string', default: '10' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  if (!hasRedis7) throw new Error('redis-server 7.0 is needed to compare with')
  const shardCounts = values.shards.split(',').map(Number)
  const episodes = Math.ceil(
    Number(values.episodes ?? Math.ceil(Number(values.commands) / EPISODE_STEPS)) / shardCounts.length,
  )
  const firstSeed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed)
  if (![firstSeed, episodes, ...shardCounts].every(Number.isSafeInteger)) throw new Error(USAGE)

  if (values.damaged !== undefined) {
    const seeds = Math.ceil(Number(values.damaged) / DAMAGED_PER_SEED)
    for (const shards of shardCounts) await sendDamaged(shards, firstSeed, seeds)
    return
  }
  const total = new Tally()
  const found: string[] = []
  let seed = firstSeed
  for (const shards of shardCounts) {
    const tally = new Tally()
    const last = seed + episodes - 1
    console.log(`${shards} shards: ${episodes} episodes, seeds ${seed} to ${last}`)
    const pair = await ServerPair.start(shards)
    let reportAtMs = Date.now() + PROGRESS_EVERY_MS
    for (; seed <= last && found.length < Number(values.differences); seed++) {
      const difference = await differenceOf(pair, seed, tally)
      if (difference !== undefined) {
        found.push(difference)
        console.log(`\n--- difference ${found.length} ---\n${difference}\n`)
      }
      if (Date.now() < reportAtMs) continue
      console.log(`  seed ${seed}, ${tally.commands} commands`)
      reportAtMs += PROGRESS_EVERY_MS
    }
    await pair.stop()
    console.log(`${shards} shards: ${tally.commands} commands`)
    total.add(tally)
  }
  report(total)
  console.log(`${total.commands} commands, seeds ${firstSeed} to ${seed - 1}, ${found.length} differences`)
  if (found.length > 0) process.exitCode = 1
}

/** Sends damaged payloads to servers of so many shards, and says what differed. */
async function sendDamaged(shards: number, firstSeed: number, seeds: number): Promise<void> {
  const pair = await ServerPair.start(shards)
  const counts = new DamageCounts()
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const difference = await differenceOfDamage(pair, seed, counts, new Tally())
    if (difference === undefined) continue
    console.log(`\n--- ${difference}\n`)
    process.exitCode = 1
  }
  await pair.stop()
  const { restored, refused, refusedHereOnly, commands, slowestMs } = counts
  console.log(
    `${shards} shards, seeds ${firstSeed} to ${firstSeed + seeds - 1}: ${restored} payloads restored, ${refused} refused ` +
      `(${refusedHereOnly} only here), ${commands} commands, ${slowestMs.toFixed(0)} ms at most for a payload and its commands`,
  )
}

/** What was asked, how much of it was not refused, and which allowances were needed. */
function report(tally: Tally): void {
  const calls = [...tally.calls].sort(([, a], [, b]) => b.total - a.total)
  console.log('commands that ran (of them without an error):')
  console.log(
    calls
      .map(([name, { total, succeeded }]) => `${JSON.stringify(name).slice(1, -1)} ${total} (${succeeded})`)
      .join(', '),
  )
  for (const { name, reason } of allowances)
    console.log(`allowed ${tally.allowed.get(name) ?? 0} times: ${name}: ${reason}`)
}
