/**
 * A server on a directory that outlives it: started, killed at any moment, started again.
 *
 * Only used by tests. It listens on a socket file, so that no port can be taken by somebody else in between.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { RespConnection } from '../support/resp-value.js'
import { serverProgram } from '../support/server.js'

/** Redis says something else for a socket file than for a port. */
const READY = /ready to accept connections/i

export interface ServerOptions {
  readonly directory: string
  readonly shards: number
  readonly args: readonly string[]
  /** Environment variables beside those of the test. */
  readonly environment?: Readonly<Record<string, string>>
}

let count = 0

export class ServerProcess {
  readonly socket: string
  /** Ends when it serves; with false when it has ended before. */
  readonly ready: Promise<boolean>
  /** Ends when it has ended. */
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  #output = ''

  constructor({ directory, shards, args, environment }: ServerOptions) {
    this.socket = path.join(tmpdir(), `shardkeep-${process.pid}-${count++}.sock`)
    const [file = '', ...programArgs] = serverProgram(shards)
    const own = ['--port', '0', '--unixsocket', this.socket, '--dir', directory]
    this.#child = spawn(file, [...programArgs, ...own, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    this.exited = new Promise((resolve) =>
      this.#child.once('close', () => {
        rmSync(this.socket, { force: true })
        resolve()
      }),
    )
    this.ready = new Promise((resolve) => {
      const take = (chunk: Buffer): void => {
        this.#output += chunk.toString('latin1')
        if (READY.test(this.#output)) resolve(true)
      }
      this.#child.stdout?.on('data', take)
      this.#child.stderr?.on('data', take)
      this.#child.once('close', () => resolve(false))
    })
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  get pid(): number {
    return this.#child.pid as number
  }

  connect(): Promise<RespConnection> {
    return RespConnection.open(this.socket)
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.isRunning) this.#child.kill(signal)
    await this.exited
  }
}
