/**
 * Runs one unit of the suite on one server, as often as it takes to see every test of it.
 *
 * Runs in the suite tool's only thread, the suite itself in processes of its own. One failing test can take others with
 * it: a hanging one ends the unit, an exception can leave the connection with a reply too many. Therefore a test that
 * seems to have done so is left out of the next round, and each test is judged by its best round.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { startChild, stopChild } from '../../bench/children.js'
import { matchesWaiting, type WaitingTest } from './ledger.js'
import { parseOutput, plainName, type TestResult, type UnitOutput } from './output.js'

export interface UnitReport {
  readonly unit: string
  readonly passed: readonly string[]
  readonly failed: ReadonlyArray<{ readonly name: string; readonly message: string }>
  /** Left out on purpose, with the reason from the list of waiting tests. */
  readonly waiting: ReadonlyArray<{ readonly name: string; readonly reason: string }>
  readonly ignored: number
  /** What went wrong outside of tests in the last round; tests behind it were never reached. */
  readonly aborts: readonly string[]
  /** Failed tests that were left out of later rounds; a later run may start without them. */
  readonly culprits: readonly string[]
  readonly seconds: number
}

export interface UnitOptions {
  readonly unit: string
  /** The tree that holds `tests/` and the server under test. */
  readonly tree: string
  readonly logPath: string
  readonly waiting: readonly WaitingTest[]
  /** Tests known to take others with them; they are left out from the first round and count as failed. */
  readonly culprits: readonly string[]
  readonly limitSeconds: number
  readonly roundsMax: number
  /** The tests that fail anyway. When others do, the unit is run once more: a machine that stands still may be the reason. */
  readonly expectedFailures: ReadonlySet<string> | null
  /** The ports that its servers may take. */
  readonly ports: PortRange
}

/** From `min` up to `max`, which is not one of them. */
export interface PortRange {
  readonly min: number
  readonly max: number
}

/** The ports of one of several runs side by side. */
export function portsOf(run: number, runs: number): PortRange {
  const width = Math.floor((PORT_MAX - PORT_MIN) / runs)
  return { min: PORT_MIN + run * width, max: PORT_MIN + (run + 1) * width }
}

/** No single test of the suite is silent for this long on a slow machine; a hanging one costs this much. */
const PROGRESS_SECONDS_MAX = 40
const PORTS_PER_RUN = 400
/** Below the range from which Linux takes the ports of outgoing connections, any of which could be in the way. */
const PORT_MIN = 10_500
const PORT_MAX = 20_000

/** Runs the unit to its end, or until the time limit or the number of rounds is used up. */
export async function runUnit(options: UnitOptions): Promise<UnitReport> {
  const startedMs = Date.now()
  const deadlineMs = startedMs + options.limitSeconds * 1000
  const best = new Map<string, TestResult>()
  const culprits = [...options.culprits]
  let ignored = 0
  let aborts: string[] = []
  writeFileSync(options.logPath, '')

  for (let round = 1; round <= options.roundsMax; round += 1) {
    const output = await runRound(options, culprits, deadlineMs)
    ignored = Math.max(ignored, output.ignored)
    aborts = output.aborts.map((abort) => abort.message)
    if (!output.completed && aborts.length === 0) aborts.push(`time limit of ${options.limitSeconds} s`)
    for (const result of output.results) {
      const known = best.get(result.name)
      const better = known === undefined || known.outcome === 'skipped' || result.outcome === 'passed'
      // Of two failures the later one counts: what may have caused it was left out of that round.
      const newer = known?.outcome === 'failed' && result.outcome === 'failed'
      if (better || newer) best.set(result.name, result)
    }
    const suspects = findCulprits(output).filter((name) => !culprits.includes(name))
    // Cut short, and no test to blame (a port was taken, the machine stood still): worth one more try.
    const unlucky = suspects.length === 0 && aborts.length > 0 && round === 1
    const { expectedFailures } = options
    const surprising =
      round === 1 &&
      expectedFailures !== null &&
      output.results.some(({ name, outcome }) => outcome === 'failed' && !expectedFailures.has(name))
    if ((suspects.length === 0 && !unlucky && !surprising) || Date.now() >= deadlineMs) break
    for (const name of suspects) {
      culprits.push(name)
      // A hanging test printed no result of its own.
      if (!best.has(name)) best.set(name, { name, outcome: 'failed', message: 'hangs' })
    }
  }

  const passed: string[] = []
  const failed: Array<{ name: string; message: string }> = []
  const waiting: Array<{ name: string; reason: string }> = []
  for (const { name, outcome, message } of best.values()) {
    if (outcome === 'passed') passed.push(name)
    else if (outcome === 'failed') failed.push({ name, message })
    else {
      const entry = options.waiting.find((candidate) => matchesWaiting(candidate, options.unit, name))
      if (entry !== undefined) waiting.push({ name, reason: entry.reason })
      else failed.push({ name, message: 'left out: known to take other tests with it' })
    }
  }
  const seconds = Math.round((Date.now() - startedMs) / 1000)
  const culpritsFailed = culprits.filter((culprit) => failed.some(({ name }) => plainName(name) === culprit))
  return { unit: options.unit, passed, failed, waiting, ignored, aborts, culprits: culpritsFailed, seconds }
}

/**
 * The tests to leave out of the next round. A failure with a pass behind it stands for itself: the server and the
 * connection were in order again. The first of several failures in a row may have caused the others, and so may the last
 * one before an abort.
 */
function findCulprits(output: UnitOutput): string[] {
  const culprits = new Set<string>()
  if (output.hung !== undefined) culprits.add(output.hung)
  const ran = output.results.filter((result) => result.outcome !== 'skipped')
  for (const [index, result] of ran.entries()) {
    const first = result.outcome === 'failed' && ran[index - 1]?.outcome !== 'failed'
    if (first && ran[index + 1]?.outcome === 'failed') culprits.add(plainName(result.name))
  }
  for (const abort of output.aborts) {
    const before = output.results.slice(0, abort.position).findLast((result) => result.outcome === 'failed')
    if (before !== undefined) culprits.add(plainName(before.name))
  }
  return [...culprits]
}

async function runRound(options: UnitOptions, culprits: readonly string[], deadlineMs: number): Promise<UnitOutput> {
  const skips = [
    ...options.waiting.filter((entry) => entry.unit === options.unit || entry.unit === '*').map((entry) => entry.test),
    ...culprits,
  ]
  const skipFile = path.join(options.tree, 'skip.txt')
  mkdirSync(options.tree, { recursive: true })
  writeFileSync(skipFile, `${skips.join('\n')}\n`)
  const { min, max } = options.ports
  const port = min + Math.floor(Math.random() * (max - min - PORTS_PER_RUN))
  const args = [
    'tests/test_helper.tcl',
    '--single',
    options.unit,
    '--clients',
    '1',
    '--durable',
    '--skipfile',
    skipFile,
  ]
  args.push('--baseport', `${port}`, '--portcount', `${PORTS_PER_RUN}`, '--timeout', `${PROGRESS_SECONDS_MAX}`)
  const child = startChild('tclsh', args, {
    cwd: options.tree,
    // The suite colours its output for terminals of the xterm family.
    env: { ...process.env, TERM: 'dumb' },
    ownGroup: true,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const ended = new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', reject)
  })
  const timer = setTimeout(() => void stopChild(child), Math.max(0, deadlineMs - Date.now()))
  await ended
  clearTimeout(timer)
  writeFileSync(options.logPath, text, { flag: 'a' })
  return parseOutput(text)
}
