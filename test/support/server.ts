/** Starts real servers for tests: the compiled Shardkeep, on a free loopback port, and raw or ioredis clients to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis, type RedisOptions } from 'ioredis'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
/** Where the compiled tree is; `SHARDKEEP_DIST` names another one. */
const dist = path.resolve(root, process.env.SHARDKEEP_DIST ?? 'dist')
/** The bundle of this run, see bundle.ts. */
const cli = path.join(process.env.SHARDKEEP_BUNDLE ?? dist, 'src/cli.js')
/**
 * A program that is started in Shardkeep's place, as in `SHARDKEEP_TEST_PEER=redis-server`: a test of an application that
 * fails there as well asks for something that Redis does not promise.
 */
export const testPeer = process.env.SHARDKEEP_TEST_PEER

export interface TestServer {
  readonly port: number
  readonly directory: string
  readonly process: ChildProcess
  /** What the server has printed so far. */
  output(): string
  client(options?: RedisOptions): Redis
  raw(): Promise<RawClient>
  stop(): Promise<void>
}

export interface StartOptions {
  readonly shards?: number
  /** A configuration file; the options here win over it. */
  readonly configFile?: string
  readonly args?: readonly string[]
  /** Environment variables beside those of the test. */
  readonly environment?: Readonly<Record<string, string>>
  /** How many descriptors the process may have open (`ulimit -n`). It is not a bundle then, which opens fewer files. */
  readonly descriptorsMax?: number
}

/** Every command test runs at one shard and at several. */
export const SHARD_COUNTS = [1, 4] as const

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The server's program with its arguments, for whoever starts it in another way than `startServer`. */
export function serverProgram(shards: number): readonly string[] {
  if (testPeer !== undefined) return [testPeer]
  return [process.execPath, cli, '--shards', String(shards)]
}

export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const port = await freePort()
  const directory = mkdtempSync(path.join(tmpdir(), 'shardkeep-test-'))
  const ownCli = options.descriptorsMax === undefined ? cli : path.join(dist, 'src/cli.js')
  const program = testPeer === undefined ? [process.execPath, ownCli] : [testPeer]
  const args = [
    ...(options.configFile === undefined ? [] : [options.configFile]),
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    ...(testPeer === undefined ? ['--shards', String(options.shards ?? 1)] : []),
    '--enable-debug-command',
    'yes',
    ...(options.args ?? []),
  ]
  const limit = options.descriptorsMax === undefined ? '' : `ulimit -n ${options.descriptorsMax}; `
  const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
  })
  let output = ''
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('Ready to accept connections')) resolve()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}:\n${output}`)))
  })
  const clients: Redis[] = []
  const sockets: RawClient[] = []
  return {
    port,
    directory,
    process: child,
    output: () => output,
    client(clientOptions = {}) {
      const client = new Redis({
        port,
        host: '127.0.0.1',
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
        ...clientOptions,
      })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    async raw() {
      const socket = await RawClient.connect(port)
      sockets.push(socket)
      return socket
    },
    async stop() {
      for (const client of clients) client.disconnect()
      for (const socket of sockets) socket.close()
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** A client that speaks bytes. Texts hold one character a byte. */
export class RawClient {
  readonly socket: net.Socket
  #received = ''
  #ended = false
  #waiting: (() => void)[] = []

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
      this.#wake()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  /** Connects to a port of this machine, or to a socket file. */
  static connect(target: number | string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const address = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { path: target }
      const socket = net.connect(address, () => resolve(new RawClient(socket)))
      socket.once('error', reject)
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  write(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** Sends a command as an array of bulk strings. */
  send(...argv: (string | number)[]): void {
    this.write(
      argv.reduce<string>((text, word) => `${text}$${String(word).length}\r\n${word}\r\n`, `*${argv.length}\r\n`),
    )
  }

  /** Takes exactly `length` bytes. */
  async read(length: number): Promise<string> {
    while (this.#received.length < length) await this.#more()
    const taken = this.#received.slice(0, length)
    this.#received = this.#received.slice(length)
    return taken
  }

  /** Takes bytes up to and with the first `mark`. */
  async readUntil(mark: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(mark)
      if (at >= 0) return this.read(at + mark.length)
      await this.#more()
    }
  }

  /** One line without its CRLF. */
  async line(): Promise<string> {
    return (await this.readUntil('\r\n')).slice(0, -2)
  }

  /** One whole reply, as its bytes. */
  async reply(): Promise<string> {
    const header = await this.readUntil('\r\n')
    const count = Number(header.slice(1, -2))
    switch (header[0]) {
      case '$':
      case '=':
      case '!':
        return count < 0 ? header : header + (await this.read(count + 2))
      case '*':
      case '~':
      case '>': {
        let text = header
        for (let i = 0; i < count; i++) text += await this.reply()
        return text
      }
      case '%': {
        let text = header
        for (let i = 0; i < count * 2; i++) text += await this.reply()
        return text
      }
      default:
        return header
    }
  }

  /** Everything until the server closes. */
  async rest(): Promise<string> {
    while (!this.#ended) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#received
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error(`the server closed the connection; unread: ${JSON.stringify(this.#received)}`)
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  close(): void {
    this.socket.destroy()
  }
}
