/**
 * The two committed files: which tests wait for a feature, and what the others are expected to give.
 *
 * Runs in the suite tool's only thread. Invariant of `expected.json`: every failure in it carries a reason.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { plainName } from './output.js'
import type { UnitReport } from './unit.js'

export interface WaitingTest {
  /** A unit, or `*` for every unit. */
  readonly unit: string
  /** A test's name, or a regular expression behind a slash, as the suite's `--skipfile` takes it. */
  readonly test: string
  readonly reason: string
  /** Only servers of several shards wait. */
  readonly needsOneShard: boolean
}

export interface Expectation {
  readonly passed: number
  /** Tests that may fail, and why. */
  readonly failures: Readonly<Record<string, string>>
  /** Those of them that take other tests with them and are therefore left out from the start. */
  readonly culprits: readonly string[]
}

/** By unit, then by number of shards. */
export type Expectations = Record<string, Record<string, Expectation>>

/** Behind a unit: what the line says holds with several shards only. */
const SEVERAL = ' (several shards)'

/** Reads lines of `unit | test | reason`, or `unit (several shards) | test | reason`; empty lines and lines that begin with `#` say nothing. */
export function readWaiting(file: string): WaitingTest[] {
  const waiting: WaitingTest[] = []
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const parts = line.split(' | ')
    const place = parts[0]?.trim()
    const needsOneShard = place?.endsWith(SEVERAL) === true
    const unit = needsOneShard ? place?.slice(0, -SEVERAL.length) : place
    const reason = parts.at(-1)?.trim()
    // The name of a test may hold the separator itself, a unit and a reason never do.
    const test = parts.slice(1, -1).join(' | ').trim()
    if (!unit || !test || !reason) throw new Error(`${file}:${index + 1}: expected "unit | test | reason"`)
    waiting.push({ unit, test, reason, needsOneShard })
  }
  return waiting
}

export function matchesWaiting(entry: WaitingTest, unit: string, name: string): boolean {
  if (entry.unit !== unit && entry.unit !== '*') return false
  if (entry.test.startsWith('/')) return new RegExp(entry.test.slice(1)).test(name)
  return entry.test === plainName(name)
}

export function readExpectations(file: string): Expectations {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expectations) : {}
}

const REASON_MISSING = 'not explained yet: '

/** Takes over what a run gave. Reasons that are known stay; a new failure gets its message until somebody explains it. */
export function updateExpectations(file: string, shards: number, reports: readonly UnitReport[]): void {
  const expectations = readExpectations(file)
  for (const report of reports) {
    const unit = expectations[report.unit] ?? {}
    const known = unit[shards]?.failures ?? Object.values(unit)[0]?.failures ?? {}
    const failures: Record<string, string> = {}
    for (const { name, message } of report.failed) failures[name] = known[name] ?? `${REASON_MISSING}${message}`
    for (const abort of report.aborts) failures[abortName(abort)] = known[abortName(abort)] ?? REASON_MISSING
    unit[shards] = { passed: report.passed.length, failures, culprits: report.culprits }
    expectations[report.unit] = unit
  }
  const sorted = Object.fromEntries(Object.entries(expectations).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`)
}

/** What an abort is called among the failures: the same in every run, whatever ports the servers had. */
function abortName(abort: string): string {
  return `(abort) ${abort.replace(/'\d{4,5}'/g, "'PORT'")}`
}

export interface Comparison {
  /** One sentence for each thing that is worse than expected. */
  readonly worse: readonly string[]
  readonly better: readonly string[]
  /** How many of the failures are expected ones. */
  readonly known: number
}

/** Compares a unit's report with what is expected of it. */
export function compareUnit(report: UnitReport, expected: Expectation | undefined): Comparison {
  if (expected === undefined) {
    return { worse: [`${report.unit}: nothing is expected yet, run with --update`], better: [], known: 0 }
  }
  const worse: string[] = []
  const better: string[] = []
  let known = 0
  for (const { name, message } of report.failed) {
    if (expected.failures[name] !== undefined) known += 1
    else worse.push(`${report.unit}: "${name}" fails: ${message}`)
  }
  for (const abort of report.aborts) {
    if (expected.failures[abortName(abort)] !== undefined) known += 1
    else worse.push(`${report.unit}: aborted: ${abort}`)
  }
  const missing = expected.passed - report.passed.length
  if (missing > 0 && worse.length === 0) worse.push(`${report.unit}: ${missing} tests that passed were not reached`)
  for (const [name, reason] of Object.entries(expected.failures)) {
    if (reason.startsWith(REASON_MISSING))
      worse.push(`${report.unit}: "${name}" is expected to fail, but not explained`)
    if (report.passed.includes(name)) better.push(`${report.unit}: "${name}" passes now`)
  }
  return { worse, better, known }
}
