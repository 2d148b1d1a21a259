/**
 * How many commands a second, next to another server on the same machine at the same time.
 *
 * Runs in the main thread of the benchmark tool; servers and redis-benchmark are processes of their own. All servers are
 * up for the whole run and take short turns, because the speed of a shared machine drifts by more than what is to be
 * seen; a ratio is only taken between adjacent turns, and the median of those is reported.
 */
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { geometricMean } from '../statistics.js'
import { textTable } from '../table.js'
import { cells, ratioOf, recordPair, type Series, type TurnOptions, takeTurns } from '../turns.js'
import { verifyAnswers } from './verify.js'

export interface ThroughputOptions extends Omit<TurnOptions, 'warmUpRequests'> {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly commands: readonly string[]
  readonly pipelines: readonly number[]
  readonly clients: number
  /** Only print the geometric means, record nothing. */
  readonly quick: boolean
}

const VALUE_BYTES = 16
const KEYS = 100_000
const WARM_UP_REQUESTS = 20_000

/** Measures, prints, and unless `quick` records every command at every pipeline depth. */
export async function throughput(options: ThroughputOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [options.own, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) await verifyAnswers(server)
    const versions = await Promise.all(servers.map((server) => server.version()))
    const ratios = new Map<string, number[]>()
    const lowest = new Map<string, string>()
    const rows: Array<Array<string | number>> = []
    for (const pipeline of options.pipelines) {
      const warmUpRequests = options.quick ? WARM_UP_REQUESTS : WARM_UP_REQUESTS * Math.min(pipeline, 16)
      const turns = { ...options, warmUpRequests }
      for (const command of options.commands) {
        const load = { command, clients: options.clients, pipeline, valueBytes: VALUE_BYTES, keys: KEYS }
        const series = servers.map((server, index): Series => ({ server, version: versions[index] ?? '', turns: [] }))
        await takeTurns(series, load, turns)
        const [own, ...others] = series as [Series, ...Series[]]
        for (const other of others) {
          const ratio = ratioOf(own, other)
          const key = `${other.server.spec.name} P${pipeline}`
          if (ratio < Math.min(...(ratios.get(key) ?? [Number.POSITIVE_INFINITY]))) lowest.set(key, command)
          ratios.set(key, [...(ratios.get(key) ?? []), ratio])
          rows.push([command, pipeline, ...cells(own), other.server.spec.name, ...cells(other), ratio.toFixed(2)])
          if (!options.quick) recordPair('throughput', own, other, load, turns)
        }
        if (!options.quick) process.stderr.write('.')
      }
    }
    const head = ['command', 'P', 'ops/s', 'p50', 'p99', 'p99.9', 'peer', 'ops/s', 'p50', 'p99', 'p99.9', 'ratio']
    if (!options.quick) process.stdout.write(`\n${textTable(head, rows)}\n\n`)
    for (const [key, values] of ratios) {
      const least = `lowest ${Math.min(...values).toFixed(2)} (${lowest.get(key)})`
      process.stdout.write(`geometric mean of ratios to ${key}: ${geometricMean(values).toFixed(3)}, ${least}\n`)
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}
