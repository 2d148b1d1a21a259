/**
 * Calls, time and failures by command, kept in flat arrays by command id. One instance a thread that executes commands.
 */
import { HISTOGRAM_BUCKETS, histogramBucket } from '../base/histogram.js'
import type { ShardStatistics } from './server-services.js'
import { fullNameOf, specs } from './table.js'

export class CommandStatistics {
  readonly #calls = new Float64Array(specs.length)
  readonly #usec = new Float64Array(specs.length)
  readonly #failed = new Float64Array(specs.length)
  readonly #rejected = new Float64Array(specs.length)
  readonly #histograms = new Float64Array(specs.length * HISTOGRAM_BUCKETS)
  /** Error replies by their first word. */
  errors: Record<string, number> = {}

  record(id: number, durationUs: number): void {
    ;(this.#calls[id] as number)++
    ;(this.#usec[id] as number) += durationUs
    ;(this.#histograms[id * HISTOGRAM_BUCKETS + histogramBucket(durationUs)] as number)++
  }

  /** `calls` runs of a command that took `durationUs` together; 0 calls for parts of one that is counted elsewhere. */
  recordRun(id: number, calls: number, durationUs: number): void {
    ;(this.#usec[id] as number) += durationUs
    if (calls === 0) return
    ;(this.#calls[id] as number) += calls
    ;(this.#histograms[id * HISTOGRAM_BUCKETS + histogramBucket(durationUs / calls)] as number) += calls
  }

  /** A command that ran and answered an error; `reply` is the encoded error (`-CODE text`). */
  recordFailure(id: number, reply: Uint8Array): void {
    ;(this.#failed[id] as number)++
    this.recordError(reply)
  }

  /** A command that ran and answered an error which has been counted already, by a command that it called. */
  recordCountedFailure(id: number): void {
    ;(this.#failed[id] as number)++
  }

  /** A command that was refused before it ran. */
  recordRejection(id: number): void {
    ;(this.#rejected[id] as number)++
  }

  recordError(reply: Uint8Array): void {
    let end = 1
    while (end < reply.length && reply[end] !== 32 && reply[end] !== 13 && end < 32) end++
    const code = String.fromCharCode(...reply.subarray(1, end))
    this.errors[code] = (this.errors[code] ?? 0) + 1
  }

  snapshot(): ShardStatistics['commands'] {
    const all: ShardStatistics['commands'] = {}
    specs.forEach((spec, id) => {
      if (this.#calls[id] === 0 && this.#rejected[id] === 0 && this.#failed[id] === 0) return
      if (spec.internal === true) return
      all[fullNameOf(spec)] = {
        calls: this.#calls[id] as number,
        usec: Math.round(this.#usec[id] as number),
        failed: this.#failed[id] as number,
        rejected: this.#rejected[id] as number,
        histogram: Array.from(this.#histograms.subarray(id * HISTOGRAM_BUCKETS, (id + 1) * HISTOGRAM_BUCKETS)),
      }
    })
    return all
  }

  reset(): void {
    this.#calls.fill(0)
    this.#usec.fill(0)
    this.#failed.fill(0)
    this.#rejected.fill(0)
    this.#histograms.fill(0)
    this.errors = {}
  }
}
