/**
 * The longest time for which a growing server answers nothing.
 *
 * Runs in the main thread of the benchmark tool. One process sends PING every millisecond by the clock, another one
 * makes the keyspace grow; first the idle server is measured the same way, which gives the noise of the machine.
 */
import { generateFill, generateLoad } from '../load/generate.js'
import type { LoadOrder, LoadReport } from '../load/generator.js'
import { type Figures, record } from '../results.js'
import { type ServerSpec, startServer } from '../servers.js'
import { textTable } from '../table.js'

export interface StallOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  readonly keysBefore: number
  readonly keysAfter: number
}

const VALUE_BYTES = 32
const IDLE_SECONDS = 5
const PINGS_PER_SECOND = 1000
/** The keyspace grows in steps of this many keys; each step is watched by a PING process of its own. */
const STEPS = 4
/** The PING process of a step runs until the step is over; a step is first timed on this many keys. */
const PROBE_KEYS = 50_000

interface Stall {
  readonly figures: Figures
  readonly pings: number
}

/** Prints and records the longest stall of each server, idle and while it grows. */
export async function stall(options: StallOptions): Promise<void> {
  const sides: Stall[] = []
  for (const spec of [options.own, ...options.peers]) sides.push(await measure(spec, options))
  const cell = (value: number | undefined): string => (value ?? Number.NaN).toFixed(2)
  const rows = sides.map(({ figures, pings }) => [
    figures.name,
    figures.version,
    cell(figures.idleMaxMs),
    cell(figures.p50Ms),
    cell(figures.p99Ms),
    cell(figures.p999Ms),
    cell(figures.maxMs),
    pings,
  ])
  process.stdout.write(
    `PING every millisecond while the keyspace grows from ${options.keysBefore} to ${options.keysAfter}; milliseconds\n`,
  )
  process.stdout.write(`${textTable(['server', 'version', 'idle max', 'p50', 'p99', 'p99.9', 'max', 'PINGs'], rows)}\n`)
  const [own, ...others] = sides.map(({ figures }) => figures) as [Figures, ...Figures[]]
  for (const peer of others) {
    record({
      scenario: 'stall',
      shards: options.own.shards ?? 0,
      command: 'ping',
      pipeline: 1,
      clients: 1,
      valueBytes: VALUE_BYTES,
      keys: options.keysAfter,
      own,
      peer,
      ratio: Number(((own.maxMs ?? Number.NaN) / (peer.maxMs ?? Number.NaN)).toFixed(4)),
    })
  }
}

async function measure(spec: ServerSpec, options: StallOptions): Promise<Stall> {
  const server = await startServer(spec)
  try {
    const fill = (from: number, to: number): Promise<number> =>
      generateFill({ port: server.port, from, to, valueBytes: VALUE_BYTES })
    await fill(0, options.keysBefore)
    const idle = await generateLoad(pings(server.port, IDLE_SECONDS))
    const reports: LoadReport[] = []
    const step = Math.ceil((options.keysAfter - options.keysBefore) / STEPS)
    // Overwriting does not grow anything, so the speed can be had before the growth begins.
    let keysPerSecond = PROBE_KEYS / (await fill(0, PROBE_KEYS))
    for (let from = options.keysBefore; from < options.keysAfter; from += step) {
      const to = Math.min(from + step, options.keysAfter)
      const watching = generateLoad(pings(server.port, Math.max(1, (to - from) / keysPerSecond)))
      const [report, seconds] = await Promise.all([watching, fill(from, to)])
      keysPerSecond = (to - from) / seconds
      reports.push(report)
    }
    const worst = (field: 'p50Ms' | 'p99Ms' | 'p999Ms' | 'maxMs'): number =>
      Math.max(...reports.map((report) => report.fromSchedule[field]))
    const figures: Figures = {
      name: spec.name,
      version: await server.version(),
      idleMaxMs: idle.fromSchedule.maxMs,
      p50Ms: worst('p50Ms'),
      p99Ms: worst('p99Ms'),
      p999Ms: worst('p999Ms'),
      maxMs: worst('maxMs'),
    }
    return { figures, pings: reports.reduce((sum, report) => sum + report.latency.count, 0) }
  } finally {
    await server.stop()
  }
}

function pings(port: number, seconds: number): LoadOrder {
  return {
    kind: 'open',
    port,
    connections: 1,
    seconds,
    command: 'ping',
    keys: 1,
    valueBytes: 0,
    seed: 1,
    ratePerSecond: PINGS_PER_SECOND,
  }
}
