/**
 * The latency monitor: for each kind of event that can stop the server for a while, the worst delay of each second
 * in which one was noticed.
 *
 * Runs on the main thread; shards report their events to it.
 * Invariant: a series holds at most 160 samples, oldest first, at most one a second.
 *
 * Model: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/
 */
import type { Clock } from './clock.js'

const SERIES_SAMPLES_MAX = 160

export type LatencySample = readonly [second: number, ms: number]

export interface LatencySeries {
  /** Newest last. */
  readonly samples: readonly LatencySample[]
  /** The worst since the series began, also when its sample has left the window. */
  readonly maxMs: number
}

/** What the samples of a series say together, for LATENCY DOCTOR. */
export interface LatencyAnalysis {
  readonly samples: number
  readonly averageMs: number
  /** The mean distance from the average. */
  readonly meanDeviationMs: number
  /** Seconds since the oldest sample, at least 1. */
  readonly periodS: number
}

interface MutableSeries {
  samples: LatencySample[]
  maxMs: number
}

export class LatencyMonitor {
  /** `latency-monitor-threshold`; 0 turns the monitor off. */
  thresholdMs: number

  readonly #clock: Clock
  readonly #series = new Map<string, MutableSeries>()

  constructor(clock: Clock, thresholdMs: number) {
    this.#clock = clock
    this.thresholdMs = thresholdMs
  }

  /** Notes an event if it took at least the threshold. */
  record(event: string, ms: number): void {
    if (this.thresholdMs > 0 && ms >= this.thresholdMs) this.#add(event, Math.floor(ms))
  }

  #add(event: string, ms: number): void {
    const second = Math.floor(this.#clock.nowMs() / 1000)
    let series = this.#series.get(event)
    if (series === undefined) {
      series = { samples: [], maxMs: 0 }
      this.#series.set(event, series)
    }
    if (ms > series.maxMs) series.maxMs = ms
    const samples = series.samples
    const last = samples.at(-1)
    if (last !== undefined && last[0] === second) {
      if (ms > last[1]) samples[samples.length - 1] = [second, ms]
      return
    }
    samples.push([second, ms])
    if (samples.length > SERIES_SAMPLES_MAX) samples.shift()
  }

  /** All series by their event's name. */
  events(): ReadonlyMap<string, LatencySeries> {
    return this.#series
  }

  /** Forgets the named events, whatever the case of the names, or all when none is named. Returns how many were there. */
  reset(names: readonly string[]): number {
    if (names.length === 0) {
      const all = this.#series.size
      this.#series.clear()
      return all
    }
    let forgotten = 0
    for (const name of names) {
      for (const event of [...this.#series.keys()]) {
        if (event.toLowerCase() !== name.toLowerCase()) continue
        this.#series.delete(event)
        forgotten++
      }
    }
    return forgotten
  }
}

/** Whole milliseconds, rounded down, as Redis's report has them. The series holds at least one sample. */
export function analyseLatency(series: LatencySeries, nowS: number): LatencyAnalysis {
  const samples = series.samples
  let sumMs = 0
  let oldestS = Number.MAX_SAFE_INTEGER
  for (const [second, ms] of samples) {
    sumMs += ms
    if (second < oldestS) oldestS = second
  }
  const averageMs = Math.floor(sumMs / samples.length)
  let deviationMs = 0
  for (const [, ms] of samples) deviationMs += Math.abs(averageMs - ms)
  return {
    samples: samples.length,
    averageMs,
    meanDeviationMs: Math.floor(deviationMs / samples.length),
    periodS: Math.max(1, nowS - oldestS),
  }
}
