/**
 * Servers that take short turns under the same load of redis-benchmark.
 *
 * Runs in the main thread of the benchmark tool. The speed of a shared machine drifts by more than what is to be seen, so
 * a ratio is only taken between adjacent turns, and the median of those is reported.
 */
import { RawClient } from './load/client.js'
import { type BenchmarkFigures, type BenchmarkLoad, fillFor, runRedisBenchmark } from './load/redis-benchmark.js'
import { record } from './results.js'
import type { RunningServer } from './servers.js'
import { median } from './statistics.js'

export interface TurnOptions {
  readonly rounds: number
  /** How long one turn of one server takes. */
  readonly turnSeconds: number
  /** Enough for the just-in-time compiler, and to learn how many requests fit a turn. */
  readonly warmUpRequests: number
}

/** One server and how it did in each round. */
export interface Series {
  /** What the record calls the server, where it is not the name of its program. */
  readonly name?: string
  readonly server: RunningServer
  readonly version: string
  readonly turns: BenchmarkFigures[]
}

/** Commands whose one key grows with every call: each turn begins without it. */
const GROWING: ReadonlySet<string> = new Set(['lpush', 'rpush'])

/** Warms every server up, then lets them take turns. Each of `series` gets one more turn a round. */
export async function takeTurns(
  series: readonly Series[],
  load: Omit<BenchmarkLoad, 'port' | 'requests'>,
  options: TurnOptions,
): Promise<void> {
  const turn = (one: Series, requests: number): Promise<BenchmarkFigures> =>
    runRedisBenchmark({ ...load, port: one.server.port, requests })
  const speeds: number[] = []
  for (const one of series) {
    await prepare(one.server, { ...load, port: one.server.port, requests: options.warmUpRequests })
    speeds.push((await turn(one, options.warmUpRequests)).opsPerSecond)
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

/** The median over the rounds of how many times as fast `own` was. */
export function ratioOf(own: Series, other: Series): number {
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

/** Commands a second and latencies, as they stand in a table. */
export function cells(series: Series): Array<string | number> {
  const { opsPerSecond, p50Ms, p99Ms, p999Ms } = figures(series)
  return [opsPerSecond, p50Ms.toFixed(2), p99Ms.toFixed(2), p999Ms.toFixed(2)]
}

/** Appends what two servers did in the same rounds to the record of `scenario`. */
export function recordPair(
  scenario: string,
  own: Series,
  other: Series,
  load: Omit<BenchmarkLoad, 'port' | 'requests'>,
  options: TurnOptions,
): void {
  const side = (series: Series) => ({
    name: series.name ?? series.server.spec.name,
    version: series.version,
    ...figures(series),
  })
  record({
    scenario,
    shards: own.server.spec.shards ?? 0,
    clients: load.clients,
    pipeline: load.pipeline,
    command: load.command,
    valueBytes: load.valueBytes,
    keys: load.keys,
    rounds: options.rounds,
    own: side(own),
    peer: side(other),
    ratio: Number(ratioOf(own, other).toFixed(4)),
  })
}
