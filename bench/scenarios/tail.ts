/**
 * The slowest thousandth of the commands, with millions of keys and half of the commands writes.
 *
 * Runs in the main thread of the benchmark tool, the load in processes of its own. The servers take turns, so that what
 * else happens on the machine hits both alike.
 */
import { generateFill, generateLoad } from '../load/generate.js'
import type { LoadOrder } from '../load/generator.js'
import { type Figures, record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface TailOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly keys: number
  readonly clients: number
  /** Of each server, all turns together. */
  readonly seconds: number
  /** 0 for a closed loop, which goes as fast as it can. */
  readonly ratePerSecond: number
  readonly seed: number
}

const TURNS = 6
const VALUE_BYTES = 32

/** Prints and records median, p99, p99.9 and maximum of each server over the whole time. */
export async function tail(options: TailOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [options.own, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) {
      await verifyAnswers(server)
      await generateFill({ port: server.port, from: 0, to: options.keys, valueBytes: VALUE_BYTES })
    }
    const turns = servers.map((): Figures[] => [])
    const versions = await Promise.all(servers.map((server) => server.version()))
    for (let turn = 0; turn < TURNS; turn += 1) {
      const indexes = servers.map((_, index) => index)
      for (const index of turn % 2 === 0 ? indexes : indexes.reverse()) {
        const server = servers[index] as RunningServer
        const report = await generateLoad(order(server, options, turn))
        const { p50Ms, p99Ms, p999Ms, maxMs } = options.ratePerSecond > 0 ? report.fromSchedule : report.latency
        turns[index]?.push({
          name: server.spec.name,
          version: versions[index] ?? '',
          opsPerSecond: report.opsPerSecond,
          p50Ms,
          p99Ms,
          p999Ms,
          maxMs,
        })
      }
    }
    reportTail(options, turns.map(combine))
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

function order(server: RunningServer, options: TailOptions, turn: number): LoadOrder {
  return {
    kind: options.ratePerSecond > 0 ? 'open' : 'closed',
    port: server.port,
    connections: options.clients,
    seconds: options.seconds / TURNS,
    command: 'mixed',
    keys: options.keys,
    valueBytes: VALUE_BYTES,
    seed: options.seed + turn,
    ratePerSecond: options.ratePerSecond,
  }
}

/** Medians over the turns; for the maximum the worst turn, because one long pause is what it is there to show. */
function combine(turns: readonly Figures[]): Figures {
  const pick = (field: 'opsPerSecond' | 'p50Ms' | 'p99Ms' | 'p999Ms'): number =>
    median(turns.map((turn) => turn[field] ?? Number.NaN))
  return {
    name: turns[0]?.name ?? '',
    version: turns[0]?.version ?? '',
    opsPerSecond: Math.round(pick('opsPerSecond')),
    p50Ms: pick('p50Ms'),
    p99Ms: pick('p99Ms'),
    p999Ms: pick('p999Ms'),
    maxMs: Math.max(...turns.map((turn) => turn.maxMs ?? 0)),
  }
}

function reportTail(options: TailOptions, sides: readonly Figures[]): void {
  const cell = (value: number | undefined): string => (value ?? Number.NaN).toFixed(2)
  const rows = sides.map((side) => [
    side.name,
    side.version,
    side.opsPerSecond ?? 0,
    cell(side.p50Ms),
    cell(side.p99Ms),
    cell(side.p999Ms),
    cell(side.maxMs),
  ])
  const loop = options.ratePerSecond > 0 ? `open loop, ${options.ratePerSecond}/s` : 'closed loop'
  process.stdout.write(`${options.keys} keys, ${options.clients} connections, GET and SET, ${loop}; milliseconds\n`)
  process.stdout.write(`${textTable(['server', 'version', 'ops/s', 'p50', 'p99', 'p99.9', 'max'], rows)}\n`)
  const [own, ...others] = sides as [Figures, ...Figures[]]
  for (const peer of others) {
    record({
      scenario: 'tail',
      shards: options.own.shards ?? 0,
      command: options.ratePerSecond > 0 ? `mixed, ${options.ratePerSecond}/s` : 'mixed',
      clients: options.clients,
      pipeline: 1,
      valueBytes: VALUE_BYTES,
      keys: options.keys,
      seconds: options.seconds,
      own,
      peer,
      ratio: Number(((own.p999Ms ?? Number.NaN) / (peer.p999Ms ?? Number.NaN)).toFixed(4)),
    })
  }
}
