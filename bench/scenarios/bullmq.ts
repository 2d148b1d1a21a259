/**
 * How many jobs of BullMQ a second: added in bulk, added one by one, and processed by one worker.
 *
 * Runs in the main thread of the benchmark tool, queue and worker too: what is measured is an application with its server,
 * and the application's own work is the same for each of them. The servers take turns, as in turns.ts.
 */
import { Queue, Worker } from 'bullmq'
import { RawClient } from '../load/client.js'
import { type Figures, record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface BullmqOptions {
  readonly specs: readonly ServerSpec[]
  readonly peers: readonly ServerSpec[]
  /** Of each phase of a turn. */
  readonly jobs: number
  readonly rounds: number
}

/** Jobs that one addBulk brings, and that are being added at a time one by one. */
const BULK = 100
const ADDED_AT_A_TIME = 50
const CONCURRENCY = 50

/** BullMQ's own, which spreads the keys of a queue over all shards, and one with a hash tag, which keeps them on one. */
const PREFIXES = ['bull', '{bull}'] as const

const PHASES = ['add in bulk', 'add one by one', 'process'] as const

/** How many commands are on their way at a time. */
const CLIENTS = { 'add in bulk': 1, 'add one by one': ADDED_AT_A_TIME, process: CONCURRENCY } as const

/** Jobs a second in each of the phases, first with the first prefix, then with the second. */
type Turn = readonly number[]

/** Measures, prints and records all phases on all servers. */
export async function bullmq(options: BullmqOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [...options.specs, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) await verifyAnswers(server)
    const versions = await Promise.all(servers.map((server) => server.version()))
    // The first round is for the just-in-time compilers of both sides.
    const turns = servers.map((): Turn[] => [])
    for (let round = -1; round < options.rounds; round += 1) {
      const indexes = servers.map((_, index) => index)
      for (const index of round % 2 === 0 ? indexes : indexes.reverse()) {
        const turn: number[] = []
        for (const prefix of PREFIXES)
          turn.push(...(await speeds(servers[index] as RunningServer, prefix, options.jobs)))
        if (round >= 0) turns[index]?.push(turn)
      }
      process.stderr.write('.')
    }
    report(options, servers, versions, turns)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Adds jobs, processes them all, and leaves the server as it was. Jobs a second of each phase. */
async function speeds(server: RunningServer, prefix: string, jobs: number): Promise<number[]> {
  const connection = { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection, prefix })
  await queue.waitUntilReady()
  const bulks = Math.ceil(jobs / BULK)
  const addingBulks = await speedOf(bulks * BULK, async () => {
    for (let bulk = 0; bulk < bulks; bulk += 1)
      await queue.addBulk(Array.from({ length: BULK }, (_, place) => ({ name: 'job', data: { bulk, place } })))
  })
  let added = 0
  const addingSingles = await speedOf(jobs, async () => {
    const add = async (): Promise<void> => {
      while (added < jobs) {
        added += 1
        await queue.add('job', { number: added })
      }
    }
    await Promise.all(Array.from({ length: ADDED_AT_A_TIME }, add))
  })
  const all = bulks * BULK + jobs
  let processed = 0
  const worker = new Worker('bench', async () => (processed += 1), {
    connection,
    prefix,
    concurrency: CONCURRENCY,
    autorun: false,
  })
  await worker.waitUntilReady()
  const processing = await speedOf(all, async () => {
    const drained = new Promise<void>((resolve, reject) => {
      let completed = 0
      worker.on('completed', () => {
        completed += 1
        if (completed === all) resolve()
      })
      worker.on('failed', (_, error) => reject(error))
      worker.on('error', reject)
    })
    worker.run().catch((error: unknown) => worker.emit('error', error as Error))
    await drained
  })
  if (processed !== all) throw new Error(`${server.spec.name}: ${all} jobs were added, ${processed} were processed`)
  await worker.close()
  await queue.close()
  const client = await RawClient.connect(server.port)
  await client.call('FLUSHALL')
  client.close()
  return [addingBulks, addingSingles, processing]
}

async function speedOf(jobs: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (jobs * 1000) / (performance.now() - startedMs)
}

function report(
  options: BullmqOptions,
  servers: readonly RunningServer[],
  versions: readonly string[],
  turns: readonly Turn[][],
): void {
  const rows: Array<Array<string | number>> = []
  const measured = (index: number, column: number): number[] =>
    (turns[index] ?? []).map((turn) => turn[column] ?? Number.NaN)
  const figures = (index: number, column: number): Figures => ({
    name: servers[index]?.spec.name ?? '',
    version: versions[index] ?? '',
    opsPerSecond: Math.round(median(measured(index, column))),
  })
  const columns = PREFIXES.flatMap((prefix) => PHASES.map((phase) => ({ prefix, phase })))
  for (const [column, { prefix, phase }] of columns.entries())
    for (const [ownIndex, spec] of options.specs.entries())
      for (let index = options.specs.length; index < servers.length; index += 1) {
        const [own, peer] = [figures(ownIndex, column), figures(index, column)]
        const peerSpeeds = measured(index, column)
        const ratio = median(
          measured(ownIndex, column).map((speed, round) => speed / (peerSpeeds[round] ?? Number.NaN)),
        )
        const shards = spec.shards ?? 0
        const command = `${phase}, prefix ${prefix}`
        rows.push([command, shards, own.opsPerSecond ?? 0, peer.name, peer.opsPerSecond ?? 0, ratio.toFixed(2)])
        record({
          scenario: 'bullmq',
          shards,
          clients: CLIENTS[phase],
          command,
          keys: options.jobs,
          rounds: options.rounds,
          own,
          peer,
          ratio: Number(ratio.toFixed(4)),
        })
      }
  process.stdout.write(`\n${textTable(['jobs', 'shards', 'jobs/s', 'peer', 'jobs/s', 'ratio'], rows)}\n`)
}
