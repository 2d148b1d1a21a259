/**
 * SETs a second while every write goes to the append-only log, at both policies that sync it.
 *
 * Runs in the main thread of the benchmark tool; servers and redis-benchmark are processes of their own. All servers have
 * their logs on the same disk and take short turns.
 */
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { textTable } from '../table.js'
import { cells, ratioOf, recordPair, type Series, type TurnOptions, takeTurns } from '../turns.js'
import { verifyAnswers } from './verify.js'

export interface PersistenceOptions extends Omit<TurnOptions, 'warmUpRequests'> {
  /** Shardkeep with its numbers of shards. */
  readonly specs: readonly ServerSpec[]
  readonly peers: readonly ServerSpec[]
  readonly pipelines: readonly number[]
  readonly clients: number
}

const POLICIES = ['everysec', 'always'] as const
const VALUE_BYTES = 16
const KEYS = 100_000
/** With `always` a disk may take so few in a turn that more would be most of the run. */
const WARM_UP_REQUESTS: Readonly<Record<(typeof POLICIES)[number], number>> = { everysec: 20_000, always: 5_000 }

export async function persistence(options: PersistenceOptions): Promise<void> {
  const rows: Array<Array<string | number>> = []
  for (const policy of POLICIES) rows.push(...(await measure(policy, options)))
  const head = ['appendfsync', 'P', 'shards', 'ops/s', 'p50', 'p99', 'p99.9']
  process.stdout.write(`\n${textTable([...head, 'peer', ...head.slice(3), 'ratio'], rows)}\n`)
}

async function measure(
  policy: (typeof POLICIES)[number],
  options: PersistenceOptions,
): Promise<Array<Array<string | number>>> {
  const settings = ['--appendonly', 'yes', '--appendfsync', policy]
  const servers: RunningServer[] = []
  const rows: Array<Array<string | number>> = []
  try {
    for (const spec of [...options.specs, ...options.peers]) servers.push(await startServer(spec, settings))
    for (const server of servers) await verifyAnswers(server)
    const versions = await Promise.all(servers.map((server) => server.version()))
    for (const pipeline of options.pipelines) {
      const words = ['SET', 'key:__rand_int__', 'x'.repeat(VALUE_BYTES)]
      const command = `SET, appendfsync ${policy}`
      const load = { command, words, clients: options.clients, pipeline, valueBytes: VALUE_BYTES, keys: KEYS }
      const turns = { ...options, warmUpRequests: WARM_UP_REQUESTS[policy] * Math.min(pipeline, 4) }
      const series = servers.map((server, index): Series => ({ server, version: versions[index] ?? '', turns: [] }))
      await takeTurns(series, load, turns)
      for (const own of series.slice(0, options.specs.length)) {
        for (const peer of series.slice(options.specs.length)) {
          const ratio = ratioOf(own, peer).toFixed(2)
          rows.push([policy, pipeline, own.server.spec.shards ?? '', ...cells(own), peer.server.spec.name])
          rows.at(-1)?.push(...cells(peer), ratio)
          recordPair('persistence', own, peer, load, turns)
        }
      }
      process.stderr.write('.')
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
  return rows
}
