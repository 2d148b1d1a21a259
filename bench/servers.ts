/**
 * Starts the servers that are measured, and looks at them from outside.
 *
 * Runs in the main thread of the benchmark tools. All servers get the same settings (no snapshots, no append-only file)
 * and listen on a loopback port of their own.
 */
import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild, stopChild } from './children.js'
import { RawClient } from './load/client.js'

export interface ServerSpec {
  readonly name: string
  /** A program, or a `.js` file that Node.js is to run. */
  readonly path: string
  /** Null leaves it to the server; only Shardkeep has shards. */
  readonly shards: number | null
}

/** Below the range from which Linux takes the ports of outgoing connections, any of which could be in the way. */
const PORT_MIN = 20_000
const PORT_COUNT = 12_000
const START_SECONDS_MAX = 20
const START_ATTEMPTS_MAX = 5

/** What redis-server is called, and where Debian puts it. */
export const REDIS: ServerSpec = { name: 'redis-server', path: '/usr/bin/redis-server', shards: null }

/** Shardkeep itself; `path` may name another server to try the tools themselves. */
export function shardkeep(file: string, shards: number | null): ServerSpec {
  const resolved = path.resolve(file)
  if (!existsSync(resolved)) throw new Error(`${resolved} does not exist: run npm run build first`)
  return { name: 'shardkeep', path: resolved, shards: resolved.endsWith('.js') ? shards : null }
}

/** Reads `name=path`, as `--peer` takes it. */
export function peerSpec(text: string): ServerSpec {
  const [name, file] = text.split(/=(.*)/s)
  if (!name || !file || !existsSync(file)) throw new Error(`--peer ${text}: expected name=path of an existing program`)
  return { name, path: path.resolve(file), shards: null }
}

const folders = new Set<string>()
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A server of this benchmark run, ready to answer. */
export class RunningServer {
  readonly spec: ServerSpec
  readonly port: number
  readonly pid: number
  readonly #child: ChildProcess
  readonly #folder: string

  constructor(spec: ServerSpec, port: number, child: ChildProcess, folder: string) {
    if (child.pid === undefined) throw new Error(`${spec.path} could not be started`)
    this.spec = spec
    this.port = port
    this.pid = child.pid
    this.#child = child
    this.#folder = folder
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The resident memory of the whole process in bytes, from /proc. */
  residentBytes(): number {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))
    return Number(line?.[1]) * 1024
  }

  /** One field of INFO as a number, or NaN where the server has no such field. */
  async infoNumber(field: string): Promise<number> {
    const client = await RawClient.connect(this.port)
    const reply = await client.call('INFO', 'everything')
    client.close()
    const value = new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(String(reply))?.[1]
    return value === undefined ? Number.NaN : Number(value)
  }

  async version(): Promise<string> {
    const client = await RawClient.connect(this.port)
    const reply = String(await client.call('INFO', 'everything'))
    client.close()
    const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(reply)?.[1]
    return field('shardkeep_version') ?? field('redis_version') ?? 'unknown'
  }

  /** The last lines that the server wrote, for an error message. */
  logTail(): string {
    return tail(logOf(this.#folder))
  }

  /** All that the server wrote so far. */
  log(): string {
    return readFileSync(logOf(this.#folder), 'utf8')
  }

  /** @param keptIn a folder for the files that the server leaves */
  async stop(keptIn?: string): Promise<void> {
    await stopChild(this.#child)
    if (keptIn !== undefined) cpSync(this.#folder, keptIn, { recursive: true })
    rmSync(this.#folder, { recursive: true, force: true })
    folders.delete(this.#folder)
  }
}

/** Starts a server and waits until it answers PING. Tries another port when the first one is taken. */
export async function startServer(spec: ServerSpec, extraArgs: readonly string[] = []): Promise<RunningServer> {
  let failure = ''
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT)
    const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-bench-'))
    folders.add(folder)
    const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
    if (spec.shards !== null) settings.push('--shards', `${spec.shards}`)
    const isScript = spec.path.endsWith('.js')
    const args = [...(isScript ? [spec.path] : []), ...settings, ...extraArgs]
    const child = startChild(isScript ? process.execPath : spec.path, args, { cwd: folder, logPath: logOf(folder) })
    const server = new RunningServer(spec, port, child, folder)
    if (await answers(server)) return server
    failure = server.logTail()
    await server.stop()
  }
  throw new Error(`${spec.name} (${spec.path}) did not start:\n${failure}`)
}

async function answers(server: RunningServer): Promise<boolean> {
  const deadlineMs = Date.now() + START_SECONDS_MAX * 1000
  while (server.alive && Date.now() < deadlineMs) {
    try {
      const client = await RawClient.connect(server.port)
      const reply = await client.call('PING')
      client.close()
      // Somebody else's server may listen on this port; then ours has ended or is about to.
      await delay(50)
      // It may still be loading.
      if (reply === 'PONG') return server.alive
    } catch {
      // Not listening yet: the deadline and the end of the process limit the wait.
      await delay(50)
    }
  }
  return false
}

function logOf(folder: string): string {
  return path.join(folder, 'server.log')
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-15).join('\n') : ''
}
