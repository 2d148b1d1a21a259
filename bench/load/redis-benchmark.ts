/**
 * Runs redis-benchmark, the load generator that both servers are compared with, and reads its figures.
 *
 * Runs in the main thread of the benchmark tool, redis-benchmark in a process of its own. Its plain output is read
 * instead of its CSV, because only that holds the distribution from which the 99.9th percentile can be had.
 */
import { startChild } from '../children.js'

export interface BenchmarkLoad {
  readonly port: number
  /** One of redis-benchmark's own tests, or what `words` are called in the record. */
  readonly command: string
  /** A command to send in place of redis-benchmark's own test; it puts random numbers for `__rand_int__`. */
  readonly words?: readonly string[]
  readonly clients: number
  readonly pipeline: number
  readonly requests: number
  readonly valueBytes: number
  readonly keys: number
}

export interface BenchmarkFigures {
  readonly opsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

/** LRANGE of the first so many elements: asked for as a command, because redis-benchmark's own test fills the list too. */
const LIST_RANGE = /^lrange_(\d+)$/

/**
 * What must be there for a command to do its work: another command, run as often as the command itself will be (or for
 * ranges, as often as makes a list that is long enough).
 */
const FILLED_BY: Readonly<Record<string, string>> = {
  lpop: 'lpush',
  rpop: 'rpush',
  spop: 'sadd',
  zpopmin: 'zadd',
}
const RANGED_LIST_ELEMENTS = 1_000
const FILL_PIPELINE = 64

/** The load that has to run, on an empty server and not timed, before this one; undefined when none has to. */
export function fillFor(load: BenchmarkLoad): BenchmarkLoad | undefined {
  if (LIST_RANGE.test(load.command))
    return { ...load, command: 'lpush', requests: RANGED_LIST_ELEMENTS, pipeline: FILL_PIPELINE }
  const command = FILLED_BY[load.command]
  if (command === undefined) return undefined
  // As many different members as there will be pops, but for the third that random choice repeats.
  return { ...load, command, pipeline: FILL_PIPELINE, keys: load.requests }
}

/** One run of one command. Rejects when redis-benchmark fails or reports an error of the server. */
export function runRedisBenchmark(load: BenchmarkLoad): Promise<BenchmarkFigures> {
  const args = ['-h', '127.0.0.1', '-p', load.port, '-c', load.clients, '-P', load.pipeline]
  args.push('-n', load.requests, '-d', load.valueBytes, '-r', load.keys, '-e')
  const range = LIST_RANGE.exec(load.command)
  if (load.words !== undefined) args.push(...load.words)
  else if (range === null) args.push('-t', load.command)
  else args.push('LRANGE', 'mylist', 0, Number(range[1]) - 1)
  const child = startChild('redis-benchmark', args.map(String))
  return new Promise((resolve, reject) => {
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
    }
    child.once('error', reject)
    child.once('close', (status) => {
      if (status !== 0) reject(new Error(`redis-benchmark ended with status ${status}: ${text.slice(-500)}`))
      else resolve(parseFigures(text))
    })
  })
}

/** Reads the summary of one command from redis-benchmark's plain output. */
export function parseFigures(text: string): BenchmarkFigures {
  if (/^Error from server/m.test(text)) throw new Error(`the server refused the load: ${text.slice(0, 300)}`)
  const ops = /throughput summary: ([\d.]+|inf) requests per second/.exec(text)?.[1]
  const latency = /avg\s+min\s+p50\s+p95\s+p99\s+max\s+((?:[\d.]+\s+){6})/
    .exec(text)?.[1]
    ?.trim()
    .split(/\s+/)
    .map(Number)
  if (ops === undefined || latency === undefined)
    throw new Error(`unexpected output of redis-benchmark: ${text.slice(-500)}`)
  // Lines such as "99.902% <= 1.231 milliseconds (cumulative count 99902)"; the first one at or above 99.9 % counts.
  let p999Ms = Number.NaN
  for (const match of text.matchAll(/^([\d.]+)% <= ([\d.]+) milliseconds/gm)) {
    if (Number(match[1]) >= 99.9) {
      p999Ms = Number(match[2])
      break
    }
  }
  return { opsPerSecond: Number(ops), p50Ms: latency[2] ?? Number.NaN, p99Ms: latency[4] ?? Number.NaN, p999Ms }
}
