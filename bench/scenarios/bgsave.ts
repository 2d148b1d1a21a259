/**
 * What a save in the background costs: memory, and the slowest thousandth of writes that go on beside it.
 *
 * Runs in the main thread of the benchmark tool, the load in processes of its own, which sends SETs by the clock: what a server
 * does not answer in time is charged to it. The servers take turns, so that what else happens on the machine hits both alike.
 *
 * Memory is the proportional share (Pss) of the server and its children together: pages that redis-server's child shares with its
 * parent count once, and those that were copied for the one of them count as well. Pages of files count in neither.
 */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { beginLoad, generateFill } from '../load/generate.js'
import { type Figures, record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface BgsaveOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly keys: number
  readonly clients: number
  readonly rounds: number
  /** How long the load goes on without a save in each round. */
  readonly secondsBefore: number
  readonly ratePerSecond: number
  readonly seed: number
}

const VALUE_BYTES = 32
const WARM_UP_MS = 1500
/** Asking for it takes the kernel some milliseconds, in which the server cannot get memory. */
const SAMPLE_MS = 200
const LOOK_MS = 20
/** The warm-up, without a save, and with one. */
const PHASES = 3

interface Round {
  readonly p999BeforeMs: number
  readonly p999Ms: number
  readonly maxMs: number
  readonly extraPercent: number
  readonly saveSeconds: number
  readonly opsPerSecond: number
}

/** Prints and records medians over the rounds for each server. */
export async function bgsave(options: BgsaveOptions): Promise<void> {
  const servers: { server: RunningServer; emptyBytes: number }[] = []
  for (const spec of [options.own, ...options.peers]) {
    const server = await startServer(spec)
    servers.push({ server, emptyBytes: await server.infoNumber('used_memory') })
  }
  try {
    for (const { server } of servers) {
      await verifyAnswers(server)
      await generateFill({ port: server.port, from: 0, to: options.keys, valueBytes: VALUE_BYTES })
    }
    const rounds = servers.map((): Round[] => [])
    for (let round = 0; round < options.rounds; round += 1) {
      const indexes = servers.map((_, index) => index)
      for (const index of round % 2 === 0 ? indexes : indexes.reverse()) {
        const { server, emptyBytes } = servers[index] as { server: RunningServer; emptyBytes: number }
        const dataBytes = (await server.infoNumber('used_memory')) - emptyBytes
        rounds[index]?.push(await saveOnce(server, options, options.seed + round, dataBytes))
      }
    }
    const sides: Figures[] = []
    for (const [index, { server }] of servers.entries())
      sides.push(combine(server.spec.name, await server.version(), rounds[index] as Round[]))
    reportBgsave(options, sides)
  } finally {
    await Promise.all(servers.map(({ server }) => server.stop()))
  }
}

async function saveOnce(
  server: RunningServer,
  { clients, keys, secondsBefore, ratePerSecond }: BgsaveOptions,
  seed: number,
  dataBytes: number,
): Promise<Round> {
  const load = beginLoad({
    kind: 'open',
    port: server.port,
    connections: clients,
    seconds: 0,
    command: 'set',
    keys,
    valueBytes: VALUE_BYTES,
    seed,
    ratePerSecond,
    phases: PHASES,
  })
  const client = await RawClient.connect(server.port)
  await delay(WARM_UP_MS)
  load.nextPhase()
  const bytesBefore = await peakBytes(server.pid, delay(secondsBefore * 1000))
  load.nextPhase()
  const startedMs = performance.now()
  const reply = await client.call('BGSAVE')
  if (reply !== 'Background saving started') throw new Error(`${server.spec.name} does not save: ${String(reply)}`)
  const peak = await peakBytes(server.pid, saved(client))
  const saveSeconds = (performance.now() - startedMs) / 1000
  load.nextPhase()
  client.close()
  const { phases, opsPerSecond } = await load.report
  const [, before, during] = phases
  return {
    p999BeforeMs: before?.p999Ms ?? Number.NaN,
    p999Ms: during?.p999Ms ?? Number.NaN,
    maxMs: during?.maxMs ?? Number.NaN,
    extraPercent: (100 * (peak - bytesBefore)) / dataBytes,
    saveSeconds,
    opsPerSecond,
  }
}

async function saved(client: RawClient): Promise<void> {
  for (;;) {
    await delay(LOOK_MS)
    const text = String(await client.call('INFO', 'persistence'))
    if (!text.includes('rdb_bgsave_in_progress:0')) continue
    if (!text.includes('rdb_last_bgsave_status:ok')) throw new Error('the save has failed')
    return
  }
}

/** The most memory that a process and its children have until `end`. */
async function peakBytes(pid: number, end: Promise<unknown>): Promise<number> {
  let isOver = false
  const ended = end.finally(() => {
    isOver = true
  })
  let peak = 0
  while (!isOver) {
    peak = Math.max(peak, proportionalBytes(pid))
    await Promise.race([ended, delay(SAMPLE_MS)])
  }
  await ended
  return peak
}

function proportionalBytes(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => childrenOf(pid, thread))
  return [pid, ...children].reduce((sum, one) => sum + pssOf(one), 0)
}

function childrenOf(pid: number, thread: string): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    // The thread has ended.
    return []
  }
}

function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    // A child that has ended.
    return 0
  }
}

function combine(name: string, version: string, rounds: readonly Round[]): Figures {
  const pick = (field: keyof Round): number => median(rounds.map((round) => round[field]))
  return {
    name,
    version,
    opsPerSecond: Math.round(pick('opsPerSecond')),
    p999BeforeMs: pick('p999BeforeMs'),
    p999Ms: pick('p999Ms'),
    p999Ratio: Number(median(rounds.map((round) => round.p999Ms / round.p999BeforeMs)).toFixed(3)),
    maxMs: Math.max(...rounds.map((round) => round.maxMs)),
    extraPercent: Number(pick('extraPercent').toFixed(2)),
    saveSeconds: Number(pick('saveSeconds').toFixed(2)),
  }
}

function reportBgsave(options: BgsaveOptions, sides: readonly Figures[]): void {
  const cell = (value: number | undefined): string => (value ?? Number.NaN).toFixed(2)
  const rows = sides.map((side) => [
    side.name,
    side.version,
    side.opsPerSecond ?? 0,
    cell(side.extraPercent),
    cell(side.p999BeforeMs),
    cell(side.p999Ms),
    cell(side.p999Ratio),
    cell(side.maxMs),
    cell(side.saveSeconds),
  ])
  process.stdout.write(
    `${options.keys} keys, ${options.clients} connections, ${options.ratePerSecond} SETs a second; milliseconds from when each was due\n`,
  )
  const head = ['server', 'version', 'SET/s', 'memory %', 'p99.9 before', 'during', 'ratio', 'max', 'seconds']
  process.stdout.write(`${textTable(head, rows)}\n`)
  const [own, ...others] = sides as [Figures, ...Figures[]]
  for (const peer of others) {
    record({
      scenario: 'bgsave',
      shards: options.own.shards ?? 0,
      command: `set, ${options.ratePerSecond}/s`,
      clients: options.clients,
      valueBytes: VALUE_BYTES,
      keys: options.keys,
      rounds: options.rounds,
      own,
      peer,
    })
  }
}
