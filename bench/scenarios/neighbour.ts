/**
 * What others feel of one long command: GETs on other keys while one client unites two large sorted sets in a loop.
 *
 * Runs in the main thread of the benchmark tool, the load in a process of its own. The keys of the GETs lie on all shards,
 * also on those that work on the long command.
 */
import { RawClient } from '../load/client.js'
import { generateFill, generateLoad } from '../load/generate.js'
import { type Figures, record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface NeighbourOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  /** Of each of the two sorted sets. */
  readonly members: number
  /** Of each server, all turns together. */
  readonly seconds: number
  readonly seed: number
}

const TURNS = 4
const KEYS = 10_000
const VALUE_BYTES = 32
const CLIENTS = 10
const MEMBERS_A_COMMAND = 500

/** Prints and records the latency of the GETs of each server, and how long one union took. */
export async function neighbour(options: NeighbourOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [options.own, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) {
      await verifyAnswers(server)
      await generateFill({ port: server.port, from: 0, to: KEYS, valueBytes: VALUE_BYTES })
      await fillSets(server, options.members)
    }
    const turns = servers.map((): Figures[] => [])
    const unions = servers.map((): number[] => [])
    const versions = await Promise.all(servers.map((server) => server.version()))
    for (let turn = 0; turn < TURNS; turn += 1) {
      const indexes = servers.map((_, index) => index)
      for (const index of turn % 2 === 0 ? indexes : indexes.reverse()) {
        const server = servers[index] as RunningServer
        const union = startUnions(server, options.members)
        const report = await generateLoad({
          kind: 'closed',
          port: server.port,
          connections: CLIENTS,
          seconds: options.seconds / TURNS,
          command: 'get',
          keys: KEYS,
          valueBytes: VALUE_BYTES,
          seed: options.seed + turn,
          ratePerSecond: 0,
        })
        unions[index]?.push(...(await union.stop()))
        const { p50Ms, p99Ms, p999Ms, maxMs } = report.latency
        const { opsPerSecond } = report
        turns[index]?.push({
          name: server.spec.name,
          version: versions[index] ?? '',
          opsPerSecond,
          p50Ms,
          p99Ms,
          p999Ms,
          maxMs,
        })
      }
    }
    report(options, turns.map(combine), unions)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function fillSets(server: RunningServer, members: number): Promise<void> {
  const client = await RawClient.connect(server.port)
  for (const [key, first] of [
    ['union:one', 0],
    ['union:two', members / 2],
  ] as const) {
    for (let from = 0; from < members; from += MEMBERS_A_COMMAND) {
      const command: Array<string | number> = ['ZADD', key]
      for (let i = from; i < from + MEMBERS_A_COMMAND; i++) command.push((i * 7919) % 1_000_003, `member:${first + i}`)
      await client.call(...command)
    }
  }
  client.close()
}

/** Unites the two sets again and again until it is stopped, which returns how long each took in ms. */
function startUnions(server: RunningServer, members: number): { stop: () => Promise<number[]> } {
  let stopped = false
  const durations: number[] = []
  const loop = (async () => {
    const client = await RawClient.connect(server.port)
    while (!stopped) {
      const startedMs = performance.now()
      const size = await client.call('ZUNIONSTORE', 'union:both', 2, 'union:one', 'union:two')
      if (size !== members * 1.5) throw new Error(`the union has ${String(size)} members, not ${members * 1.5}`)
      durations.push(performance.now() - startedMs)
    }
    client.close()
    return durations
  })()
  return {
    stop: () => {
      stopped = true
      return loop
    },
  }
}

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

function report(options: NeighbourOptions, sides: readonly Figures[], unions: readonly number[][]): void {
  const cell = (value: number | undefined): string => (value ?? Number.NaN).toFixed(2)
  const rows = sides.map((side, index) => [
    side.name,
    side.opsPerSecond ?? 0,
    cell(side.p50Ms),
    cell(side.p99Ms),
    cell(side.p999Ms),
    cell(side.maxMs),
    median(unions[index] ?? []).toFixed(0),
  ])
  process.stdout.write(
    `GETs of ${CLIENTS} clients beside ZUNIONSTORE of two sets of ${options.members}; milliseconds\n`,
  )
  process.stdout.write(`${textTable(['server', 'GET/s', 'p50', 'p99', 'p99.9', 'max', 'union'], rows)}\n`)
  const [own, ...others] = sides as [Figures, ...Figures[]]
  for (const peer of others) {
    record({
      scenario: 'neighbour',
      shards: options.own.shards ?? 0,
      command: 'zunionstore',
      clients: CLIENTS,
      pipeline: 1,
      keys: options.members,
      seconds: options.seconds,
      own,
      peer,
      ratio: Number(((own.p99Ms ?? Number.NaN) / (peer.p99Ms ?? Number.NaN)).toFixed(4)),
    })
  }
}
