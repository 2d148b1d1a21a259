/**
 * Runs a program next to the server that a test has started, and takes down what it writes.
 *
 * Only used by tests. Invariant: a program that does not end by itself is ended, and its test fails.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { Arrivals } from './arrivals.js'

const RUN_MS_MAX = 25_000

export interface Ended {
  readonly status: number | null
  /** Both streams, as they came. */
  readonly output: string
}

/** Resolves when the program has ended, whatever its status. `input` is what it reads from its standard input. */
export function runProgram(command: string, args: readonly string[], input?: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const stdin = input === undefined ? 'ignore' : 'pipe'
    const child = spawn(command, args, { stdio: [stdin, 'pipe', 'pipe'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' })
    const chunks: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', reject)
    child.once('close', (status, signal) => {
      const ending = signal === null ? '' : `\n(ended by ${signal})`
      resolve({ status, output: Buffer.concat(chunks).toString() + ending })
    })
    // A program that ends before it has read everything is judged by its status and its output, as any other.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** A program that runs beside the test; what it writes to its standard output arrives line by line. */
export class RunningProgram {
  readonly lines = new Arrivals<string>()
  readonly #child: ChildProcess
  #rest = ''

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.lines.add(line)
    })
  }

  /** Ends the program by its pid, if it has not ended already. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }
}
