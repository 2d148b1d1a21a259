/**
 * Shows what a run of the suite gave: a row a unit, and the names of the tests that are not simply passed.
 *
 * Pure; runs in the suite tool's only thread.
 */
import { textTable } from '../../bench/table.js'
import { matchesWaiting, type WaitingTest } from './ledger.js'
import type { UnitReport } from './unit.js'

/** By number of shards; the units in the order in which they were asked for. */
export type Reports = Map<number, readonly UnitReport[]>

/** One row a unit: passed/failed/waiting for redis-server and for each number of shards. */
export function renderTable(
  version: string,
  units: readonly string[],
  references: readonly UnitReport[],
  reports: Reports,
): string {
  const columns = [...reports.entries()]
  const head = ['unit', `redis-server ${version}`, ...columns.map(([shards]) => `${shards} shard(s)`)]
  const figure = (result: UnitReport | undefined): string => {
    if (result === undefined) return '-'
    const cut = result.aborts.length > 0 ? '!' : ''
    return `${result.passed.length}/${result.failed.length}/${result.waiting.length}${cut}`
  }
  const rows = units.map((unit, index) => [
    unit,
    figure(references[index]),
    ...columns.map(([, results]) => figure(results[index])),
  ])
  return `\npassed/failed/waiting, ! = cut short\n${textTable(head, rows)}`
}

/** What the table does not say: which tests failed and why, which were never reached, what the others wait for. */
export function renderDetails(
  references: readonly UnitReport[],
  reports: Reports,
  waiting: readonly WaitingTest[],
): string[] {
  const lines: string[] = []
  const waits = new Map<string, Set<string>>()
  for (const [shards, results] of reports) {
    for (const [index, result] of results.entries()) {
      const found = [...failures(result, references[index]), ...neverReached(result, references[index], waiting)]
      if (found.length > 0) lines.push(`${result.unit}, ${shards} shard(s)`, ...found)
      for (const { name, reason } of result.waiting) {
        const names = waits.get(reason) ?? new Set()
        waits.set(reason, names.add(`${result.unit}: ${name}`))
      }
    }
  }
  for (const [reason, names] of waits) {
    lines.push(`Waiting for ${reason}:`, ...[...names].map((name) => `  ${name}`))
  }
  return lines
}

function failures(result: UnitReport, reference: UnitReport | undefined): string[] {
  const lines = result.failed.map(({ name, message }) => {
    const also = reference?.failed.some((failure) => failure.name === name) ? ' (redis-server fails too)' : ''
    return `  failed: ${name}${also}\n      ${message}`
  })
  return [...lines, ...result.aborts.map((abort) => `  aborted: ${abort}`)]
}

/** Tests that redis-server passed and that never ran here, other than those that are expected not to. */
function neverReached(
  result: UnitReport,
  reference: UnitReport | undefined,
  waiting: readonly WaitingTest[],
): string[] {
  const seen = new Set(result.passed)
  for (const { name } of [...result.failed, ...result.waiting]) seen.add(name)
  return (reference?.passed ?? [])
    .filter((name) => !seen.has(name) && !waiting.some((entry) => matchesWaiting(entry, result.unit, name)))
    .map((name) => `  never reached: ${name}`)
}
