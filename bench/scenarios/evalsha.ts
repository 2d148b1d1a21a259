/**
 * Scripts: what a short one costs beside the command that it calls, and how long ones spread over shards.
 *
 * Runs in the main thread of the benchmark tool; servers and redis-benchmark are processes of their own. Shardkeep is
 * measured with each number of shards that is asked for, and with several also next to itself with the first number.
 */
import { createHash } from 'node:crypto'
import { RawClient } from '../load/client.js'
import { type BenchmarkLoad, runRedisBenchmark } from '../load/redis-benchmark.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { cells, ratioOf, recordPair, type Series, type TurnOptions, takeTurns } from '../turns.js'
import { verifyAnswers } from './verify.js'

export interface EvalshaOptions extends Omit<TurnOptions, 'warmUpRequests'> {
  /** Shardkeep with its numbers of shards; the others are compared with the first. */
  readonly specs: readonly ServerSpec[]
  readonly peers: readonly ServerSpec[]
  readonly pipelines: readonly number[]
  readonly clients: number
}

const KEYS = 100_000
const VALUE_BYTES = 16
const FILL_PIPELINE = 64

const SHORT = "return redis.call('GET', KEYS[1])"
/** Nothing but Lua until its last line, whose key decides on which shard the script runs. */
const LONG = `local sum = 0
for i = 1, tonumber(ARGV[1]) do sum = (sum * 31 + i) % 65521 end
return redis.call('GET', KEYS[1])`
const LONG_MS = 1

const SHORT_WARM_UP_REQUESTS = 20_000
const LONG_WARM_UP_REQUESTS = 500
const CALIBRATION_RUNS = 15
const CALIBRATION_STEPS = 20_000

type Load = Omit<BenchmarkLoad, 'port' | 'requests'>

/** Measures, prints and records: the short script at every pipeline depth, the long one without pipelining. */
export async function evalsha(options: EvalshaOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [...options.specs, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) {
      await verifyAnswers(server)
      await prepare(server)
    }
    const versions = await Promise.all(servers.map((server) => server.version()))
    const steps = await stepsOf(servers[0] as RunningServer, LONG_MS)
    process.stdout.write(
      `the long script makes ${steps} steps, ${LONG_MS} ms with ${options.specs[0]?.shards} shard(s)\n`,
    )
    const rows: Array<Array<string | number>> = []
    const measure = async (load: Load, warmUpRequests: number): Promise<void> => {
      const turns = { ...options, warmUpRequests }
      const series = servers.map((server, index): Series => ({ server, version: versions[index] ?? '', turns: [] }))
      await takeTurns(series, load, turns)
      for (const [own, other] of pairs(series, options.specs.length)) {
        rows.push([load.command, load.pipeline, nameOf(own), ...cells(own), nameOf(other), ...cells(other)])
        rows.at(-1)?.push(ratioOf(own, other).toFixed(2))
        recordPair('evalsha', own, { ...other, name: nameOf(other) }, load, turns)
      }
      process.stderr.write('.')
    }
    const common = { clients: options.clients, valueBytes: VALUE_BYTES, keys: KEYS }
    for (const pipeline of options.pipelines) {
      const words = ['EVALSHA', hashOf(SHORT), '1', 'key:__rand_int__']
      const warmUpRequests = SHORT_WARM_UP_REQUESTS * Math.min(pipeline, 4)
      await measure({ ...common, command: 'evalsha of one GET', words, pipeline }, warmUpRequests)
    }
    const words = ['EVALSHA', hashOf(LONG), '1', 'key:__rand_int__', String(steps)]
    await measure({ ...common, command: `evalsha of ${LONG_MS} ms`, words, pipeline: 1 }, LONG_WARM_UP_REQUESTS)
    const head = [
      'script',
      'P',
      'server',
      'ops/s',
      'p50',
      'p99',
      'p99.9',
      'peer',
      'ops/s',
      'p50',
      'p99',
      'p99.9',
      'ratio',
    ]
    process.stdout.write(`\n${textTable(head, rows)}\n`)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Each number of shards next to each peer, and the later numbers of shards next to the first. */
function pairs(series: readonly Series[], ownCount: number): Array<readonly [own: Series, other: Series]> {
  const own = series.slice(0, ownCount)
  const first = own.slice(0, 1)
  return [
    ...own.flatMap((one) => series.slice(ownCount).map((peer) => [one, peer] as const)),
    ...own.slice(1).flatMap((one) => first.map((other) => [one, other] as const)),
  ]
}

function nameOf({ server }: Series): string {
  return server.spec.shards === null ? server.spec.name : `${server.spec.name} with ${server.spec.shards} shard(s)`
}

function hashOf(script: string): string {
  return createHash('sha1').update(script).digest('hex')
}

/** Loads both scripts, and sets the keys that redis-benchmark's random numbers name. */
async function prepare(server: RunningServer): Promise<void> {
  const client = await RawClient.connect(server.port)
  for (const script of [SHORT, LONG]) {
    const hash = await client.call('SCRIPT', 'LOAD', script)
    if (String(hash) !== hashOf(script)) throw new Error(`${server.spec.name}: SCRIPT LOAD answered ${String(hash)}`)
  }
  client.close()
  await runRedisBenchmark({
    port: server.port,
    command: 'set',
    clients: 50,
    pipeline: FILL_PIPELINE,
    // As often as leaves a key unset with a chance of one in twenty.
    requests: KEYS * 3,
    valueBytes: VALUE_BYTES,
    keys: KEYS,
  })
}

/** How many steps of the long script take `wantedMs` on a server that does nothing else. */
async function stepsOf(server: RunningServer, wantedMs: number): Promise<number> {
  const client = await RawClient.connect(server.port)
  const durations: number[] = []
  for (let run = 0; run < CALIBRATION_RUNS; run += 1) {
    const startedMs = performance.now()
    await client.call('EVALSHA', hashOf(LONG), 1, 'key:000000000001', CALIBRATION_STEPS)
    durations.push(performance.now() - startedMs)
  }
  client.close()
  return Math.max(1, Math.round((CALIBRATION_STEPS * wantedMs) / median(durations)))
}
