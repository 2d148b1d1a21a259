/**
 * The picture that LATENCY GRAPH draws of a latency series: four rows of characters, one column a sample, and under
 * each column, downwards, how long ago the sample was taken.
 *
 * Runs on the main thread. Layout and characters are Redis's, because people read such graphs side by side.
 */
import type { LatencySample, LatencySeries } from '../base/latency-monitor.js'

const COLUMNS = 80
const ROWS = 4

/** Heights within one row, lowest first; a row below the top of its column is drawn with `FILLED`. */
const HEIGHTS = ['_', 'o', '#'] as const
const FILLED = '|'
const STEPS = ROWS * HEIGHTS.length

/** The graph of a series of at least one sample, with its heading. `nowS` is the current Unix time. */
export function latencyGraph(event: string, series: LatencySeries, nowS: number): string {
  const samples = series.samples
  let highMs = 0
  let lowMs = Number.MAX_SAFE_INTEGER
  for (const [, ms] of samples) {
    highMs = Math.max(highMs, ms)
    lowMs = Math.min(lowMs, ms)
  }
  const parts = [
    `${event} - high ${highMs} ms, low ${lowMs} ms (all time high ${series.maxMs} ms)\n${'-'.repeat(COLUMNS)}\n`,
  ]
  for (let first = 0; first < samples.length; first += COLUMNS) {
    if (first > 0) parts.push('\n')
    parts.push(...drawn(samples.slice(first, first + COLUMNS), lowMs, highMs, nowS))
  }
  return parts.join('')
}

/** The lines of one stretch of columns. */
function drawn(samples: readonly LatencySample[], lowMs: number, highMs: number, nowS: number): string[] {
  const range = highMs - lowMs || 1
  const steps = samples.map(([, ms]) => Math.min(STEPS - 1, Math.floor(((ms - lowMs) * STEPS) / range)))
  const lines: string[] = []
  for (let row = ROWS - 1; row >= 0; row--) {
    lines.push(steps.map((step) => character(step - row * HEIGHTS.length)).join(''))
  }
  lines.push(' '.repeat(samples.length))
  const ages = samples.map(([second]) => age(nowS - second))
  const ageCharacters = Math.max(...ages.map((text) => text.length))
  for (let i = 0; i < ageCharacters; i++) lines.push(ages.map((text) => text[i] ?? ' ').join(''))
  return lines.map((line) => `${line}\n`)
}

/** `height` counts from the bottom of the row: negative means that the column ends below it. */
function character(height: number): string {
  if (height < 0) return ' '
  return HEIGHTS[height] ?? FILLED
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86400)}d`
}
