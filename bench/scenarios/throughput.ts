/**
 * How many commands a second, next to another server on the same machine at the same time.
 *
 * Runs in the main thread of the benchmark tool; servers and redis-benchmark are processes of their own. All servers are
 * up for the whole run and take short turns, because the speed of a shared machine drifts by more than what is to be
 * seen; a ratio is only taken between adjacent turns, and the median of those is reported.
 */
import { RawClient } from '../load/client.js'
import { type BenchmarkFigures, type BenchmarkLoad, fillFor, runRedisBenchmark } from '../load/redis-benchmark.js'
import { record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { geometricMean, median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface ThroughputOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly commands: readonly string[]
  readonly pipelines: readonly number[]
  readonly clients: number
  readonly rounds: number
  /** How long one turn of one server takes. */
  readonly turnSeconds: number
  /** Only print the geometric means, record nothing. */
  readonly quick: boolean
}

const VALUE_BYTES = 16
const KEYS = 100_000
/** Enough requests for the just-in-time compiler, and to learn how many fit a turn. */
const WARM_UP_REQUESTS = 20_000

/** Commands whose one key grows with every call: each turn begins without it. */
const GROWING: ReadonlySet<string> = new Set(['lpush', 'rpush'])

interface Series {
  readonly server: RunningServer
  readonly version: string
  readonly turns: BenchmarkFigures[]
}

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
      for (const command of options.commands) {
        const load = { command, clients: options.clients, pipeline, valueBytes: VALUE_BYTES, keys: KEYS }
        const series = servers.map((server, index): Series => ({ server, version: versions[index] ?? '', turns: [] }))
        await takeTurns(series, load, options)
        const [own, ...others] = series as [Series, ...Series[]]
        for (const other of others) {
          const ratio = ratioOf(own, other)
          const key = `${other.server.spec.name} P${pipeline}`
          if (ratio < Math.min(...(ratios.get(key) ?? [Number.POSITIVE_INFINITY]))) lowest.set(key, command)
          ratios.set(key, [...(ratios.get(key) ?? []), ratio])
          rows.push([command, pipeline, ...cells(own), other.server.spec.name, ...cells(other), ratio.toFixed(2)])
          if (!options.quick) recordPair(own, other, ratio, load, options)
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

async function takeTurns(
  series: readonly Series[],
  load: Omit<BenchmarkLoad, 'port' | 'requests'>,
  options: ThroughputOptions,
): Promise<void> {
  const turn = (one: Series, requests: number): Promise<BenchmarkFigures> =>
    runRedisBenchmark({ ...load, port: one.server.port, requests })
  const warmUp = options.quick ? WARM_UP_REQUESTS : WARM_UP_REQUESTS * Math.min(load.pipeline, 16)
  const speeds: number[] = []
  for (const one of series) {
    await prepare(one.server, { ...load, port: one.server.port, requests: warmUp })
    speeds.push((await turn(one, warmUp)).opsPerSecond)
  }
  const requests = Math.ceil(Math.max(...speeds) * options.turnSeconds)
  for (let round = 0; round < options.rounds; round += 1) {
    // A machine that gets slower would always favour whoever goes first.
    const order = round % 2 === 0 ? series : [...series].reverse()
    for (const one of order) {
      await prepare(one.server, { ...load, port: one.server.port, requests })
      one.turns.push(await turn(one, requests))
    }
  }
}

/** Empties the server and fills in what the load takes out, so that no turn measures replies that nothing is there. */
async function prepare(server: RunningServer, load: BenchmarkLoad): Promise<void> {
  const fill = fillFor(load)
  if (fill === undefined && !GROWING.has(load.command)) return
  const client = await RawClient.connect(server.port)
  await client.call('FLUSHALL')
  client.close()
  if (fill !== undefined) await runRedisBenchmark(fill)
}

function ratioOf(own: Series, other: Series): number {
  return median(own.turns.map((turn, round) => turn.opsPerSecond / (other.turns[round]?.opsPerSecond ?? Number.NaN)))
}

function figures(series: Series): BenchmarkFigures {
  const pick = (field: keyof BenchmarkFigures): number => median(series.turns.map((turn) => turn[field]))
  return {
    opsPerSecond: Math.round(pick('opsPerSecond')),
    p50Ms: pick('p50Ms'),
    p99Ms: pick('p99Ms'),
    p999Ms: pick('p999Ms'),
  }
}

function cells(series: Series): Array<string | number> {
  const { opsPerSecond, p50Ms, p99Ms, p999Ms } = figures(series)
  return [opsPerSecond, p50Ms.toFixed(2), p99Ms.toFixed(2), p999Ms.toFixed(2)]
}

function recordPair(
  own: Series,
  other: Series,
  ratio: number,
  load: Omit<BenchmarkLoad, 'port' | 'requests'>,
  options: ThroughputOptions,
): void {
  const side = (series: Series) => ({ name: series.server.spec.name, version: series.version, ...figures(series) })
  record({
    scenario: 'throughput',
    shards: own.server.spec.shards ?? 0,
    clients: load.clients,
    pipeline: load.pipeline,
    command: load.command,
    valueBytes: load.valueBytes,
    keys: load.keys,
    rounds: options.rounds,
    own: side(own),
    peer: side(other),
    ratio: Number(ratio.toFixed(4)),
  })
}
