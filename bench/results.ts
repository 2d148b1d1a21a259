/**
 * The record of what was measured: one JSON line a measurement, in `bench/results/<scenario>.jsonl`.
 *
 * Runs in the main thread of the benchmark tool. Lines are only ever appended; the README's tables are made from them.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import path from 'node:path'
import process from 'node:process'

export const RESULTS_FOLDER = 'bench/results'

/** Where and from what a measurement was taken. */
export interface Environment {
  readonly at: string
  /** The commit, with `+` behind it when the tree held changes. */
  readonly commit: string
  readonly node: string
  readonly cores: number
  readonly cpu: string
}

/** One side of a measurement. Latencies in milliseconds. */
export interface Figures {
  readonly name: string
  readonly version: string
  readonly opsPerSecond?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly p999Ms?: number
  readonly maxMs?: number
  readonly idleMaxMs?: number
  readonly bytesPerKey?: number
  readonly heapGrowthBytes?: number | null
  /** Of a start: how long the load took, and all until commands were taken. */
  readonly loadSeconds?: number
  readonly startSeconds?: number
  /** Of a save: p99.9 without and with it, the memory that it took in percent of the data, and how long it took. */
  readonly p999BeforeMs?: number
  readonly p999Ratio?: number
  readonly extraPercent?: number
  readonly saveSeconds?: number
}

export interface Measurement {
  readonly scenario: string
  /** 0 where the server decided. */
  readonly shards: number
  readonly clients?: number
  readonly pipeline?: number
  readonly command?: string
  readonly valueBytes?: number
  readonly keys?: number
  readonly seconds?: number
  readonly rounds?: number
  readonly own: Figures
  /** The other server, measured in the same run. */
  readonly peer?: Figures
  /** Median over the rounds of own ops/s to the peer's ops/s in the same round. */
  readonly ratio?: number
}

export type Recorded = Measurement & Environment

export function environment(): Environment {
  const git = (...args: string[]): string => spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? ''
  const commit = git('rev-parse', '--short=10', '--verify', '-q', 'HEAD') || 'none'
  const changed = git('status', '--porcelain', '--', 'src', 'workers', 'package-lock.json') !== ''
  return {
    at: new Date().toISOString(),
    commit: changed ? `${commit}+` : commit,
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
  }
}

/** Appends `measurement` to the record of its scenario. */
export function record(measurement: Measurement): void {
  mkdirSync(RESULTS_FOLDER, { recursive: true })
  const line: Recorded = { ...environment(), ...measurement }
  appendFileSync(path.join(RESULTS_FOLDER, `${measurement.scenario}.jsonl`), `${JSON.stringify(line)}\n`)
}

/** Everything that was ever recorded, oldest first within a scenario. */
export function readResults(): Recorded[] {
  if (!existsSync(RESULTS_FOLDER)) return []
  return readdirSync(RESULTS_FOLDER)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(path.join(RESULTS_FOLDER, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recorded)
}
