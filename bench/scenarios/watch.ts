/**
 * Watches a server that is under attack or under load: is everything answered in time, does memory stay flat.
 *
 * Runs in the main thread of the checking scenarios.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { RawClient } from '../load/client.js'
import type { RunningServer } from '../servers.js'
import { median, slope } from '../statistics.js'

const CHECK_MS = 100
const SAMPLE_MS = 2_000
/** How long the actors of a run may take to come to their end after it is over. */
const END_MS_MAX = 20_000
/** What the resident memory may differ between two quarters of a run before it counts as growth. */
const GROWTH_BYTES_ALLOWED = 64 * 2 ** 20
const GROWTH_SHARE_ALLOWED = 0.25

interface Sample {
  readonly seconds: number
  readonly residentBytes: number
  readonly heapBytes: number
}

/** One of those who load the server, and the promise of its end. */
export type Actor = readonly [name: string, work: Promise<void>]

/** Waits for all actors. Returns what went wrong, one line an actor; one that never ends is given up `END_MS_MAX` after `endMs`. */
export async function joinActors(actors: readonly Actor[], endMs: number): Promise<string[]> {
  const failures: string[] = []
  const running = new Set(actors.map(([name]) => name))
  const all = Promise.all(
    actors.map(async ([name, work]) => {
      await work.catch((error: Error) => failures.push(`${name}: ${error.message}`))
      running.delete(name)
    }),
  )
  await Promise.race([all, delay(endMs + END_MS_MAX - performance.now(), undefined, { ref: false })])
  for (const name of running) failures.push(`${name}: did not come to its end`)
  return failures
}

export class Watch {
  /** The longest time that any watched command has waited, without the time for which this process was late itself. */
  waitedMaxMs = 0
  readonly unanswered: string[] = []
  readonly #server: RunningServer
  readonly #limitMs: number
  readonly #clients = new Map<RawClient, string>()
  readonly #samples: Sample[] = []
  readonly #startMs = performance.now()
  readonly #timers: NodeJS.Timeout[] = []
  #checkedMs = performance.now()

  constructor(server: RunningServer, limitMs: number) {
    this.#server = server
    this.#limitMs = limitMs
    this.#timers.push(
      setInterval(() => this.#check(), CHECK_MS),
      setInterval(() => void this.#sample(), SAMPLE_MS),
    )
  }

  add(client: RawClient, name: string): void {
    this.#clients.set(client, name)
  }

  remove(client: RawClient): void {
    this.#clients.delete(client)
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** True when the last quarter's memory is not clearly above the second quarter's; the first one warms up. */
  memoryIsFlat(): boolean {
    const quarter = Math.floor(this.#samples.length / 4)
    if (quarter < 2) return true
    const of = (part: number): number =>
      median(this.#samples.slice(part * quarter, (part + 1) * quarter).map((sample) => sample.residentBytes))
    const growth = of(3) - of(1)
    return growth < GROWTH_BYTES_ALLOWED || growth < of(1) * GROWTH_SHARE_ALLOWED
  }

  /** Sizes and slopes, without the first quarter of the run. */
  memoryReport(): string {
    const steady = this.#samples.slice(Math.floor(this.#samples.length / 4))
    const first = steady[0]
    const last = steady.at(-1)
    if (first === undefined || last === undefined) return 'memory: too short a run'
    const rise = (pick: (sample: Sample) => number): string =>
      (slope(steady.map((sample) => [sample.seconds / 60, pick(sample)] as const)) / 2 ** 20 || 0).toFixed(2)
    const size = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
    const resident = `RSS ${size(first.residentBytes)} -> ${size(last.residentBytes)} MiB, ${rise((sample) => sample.residentBytes)} MiB/min`
    if (Number.isNaN(last.heapBytes)) return resident
    return `${resident}; V8 heap ${size(first.heapBytes)} -> ${size(last.heapBytes)} MiB, ${rise((sample) => sample.heapBytes)} MiB/min`
  }

  #check(): void {
    const nowMs = performance.now()
    const lateMs = Math.max(0, nowMs - this.#checkedMs - CHECK_MS)
    this.#checkedMs = nowMs
    for (const [client, name] of this.#clients) {
      const waitedMs = client.waitingMs() - lateMs
      if (waitedMs > this.waitedMaxMs) this.waitedMaxMs = waitedMs
      if (waitedMs > this.#limitMs) {
        this.unanswered.push(
          `${name}: no answer for ${Math.round(waitedMs)} ms at second ${Math.round((nowMs - this.#startMs) / 1000)}`,
        )
        // One line for each wait, not one for each check of it.
        this.#clients.delete(client)
      }
    }
  }

  async #sample(): Promise<void> {
    if (!this.#server.alive) return
    const seconds = (performance.now() - this.#startMs) / 1000
    const residentBytes = this.#server.residentBytes()
    try {
      this.#samples.push({ seconds, residentBytes, heapBytes: await this.#server.infoNumber('shardkeep_v8_heap_used') })
    } catch (error) {
      this.unanswered.push(`INFO on a connection of its own: ${(error as Error).message}`)
    }
  }
}
