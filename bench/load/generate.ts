/**
 * Starts load generators and takes their reports.
 *
 * Runs in the main thread of the benchmark tool. A generator is a process of its own, so that its work, its garbage
 * collector and its waiting for the processor are not mixed with those of the tool.
 */
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { startChild } from '../children.js'
import type { FillOrder, LoadOrder, LoadReport } from './generator.js'

const GENERATOR = fileURLToPath(new URL('./generator.js', import.meta.url))

/** Runs a load to its end. Rejects when a command was answered with an error or not at all. */
export async function generateLoad(order: LoadOrder): Promise<LoadReport> {
  return checked((await runGenerator(order).output) as LoadReport)
}

/** A load in phases, each of which ends when it is told to. */
export interface PhasedLoad {
  /** Ends the phase; with the last one the load ends. */
  nextPhase(): void
  readonly report: Promise<LoadReport>
}

export function beginLoad(order: LoadOrder): PhasedLoad {
  const { child, output } = runGenerator(order)
  return {
    nextPhase: () => {
      child.kill('SIGUSR2')
    },
    report: output.then((report) => checked(report as LoadReport)),
  }
}

function checked(report: LoadReport): LoadReport {
  if (report.errors > 0) throw new Error(`the server answered ${report.errors} commands of the load with errors`)
  return report
}

/** Fills a server from a process of its own; resolves with the seconds it took. */
export async function generateFill(order: Omit<FillOrder, 'kind'>): Promise<number> {
  return ((await runGenerator({ kind: 'fill', ...order }).output) as { seconds: number }).seconds
}

function runGenerator(order: LoadOrder | FillOrder): { child: ChildProcess; output: Promise<unknown> } {
  const child = startChild(process.execPath, [GENERATOR, JSON.stringify(order)])
  const output = new Promise<unknown>((resolve, reject) => {
    let printed = ''
    let errors = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
    })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk
    })
    child.once('error', reject)
    child.once('close', (status) => {
      if (status === 0) resolve(JSON.parse(printed))
      else reject(new Error(`the load generator ended with status ${status}: ${errors.trim()}`))
    })
  })
  return { child, output }
}
