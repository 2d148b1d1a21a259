/**
 * Takes all keys out of a data set but those that match a pattern: a server loads it, and is told to.
 *
 * The server is a process of its own, which only this one can reach, through a socket in the folder.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { globMatches } from '../base/glob.js'
import { bulkBody, headerNumber, isError, lineEnd, replyEnd } from '../resp/reply-reader.js'
import type { LogNames } from './log-folder.js'
import { ToolError } from './tool-error.js'

const RETRY_MS = 50
const KEYS_AT_A_TIME = '1000'
const SOCKET_NAME = 'restore.sock'
const DATABASES = 16

/** @throws ToolError */
export async function keepKeys(dir: string, pattern: string, names: LogNames): Promise<void> {
  const program = process.argv[1] as string
  const socketPath = path.join(dir, SOCKET_NAME)
  const settings = ['--port', '0', '--unixsocket', socketPath, '--dir', dir, '--shards', '1', '--save', '']
  const logSettings = ['--appendonly', 'yes', '--appenddirname', names.appenddirname]
  const fileSettings = ['--appendfilename', names.appendfilename]
  const server = spawn(process.execPath, [program, ...settings, ...logSettings, ...fileSettings], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = once(server, 'exit')
  try {
    const client = await Client.connect(socketPath, () => server.exitCode !== null)
    for (let database = 0; database < DATABASES; database++) await removeOthers(client, database, pattern)
    await client.call('BGREWRITEAOF')
    await client.waitFor('aof_rewrite_in_progress:0')
    client.close()
    server.kill('SIGTERM')
    await exited
  } finally {
    if (server.exitCode === null) server.kill('SIGKILL')
    await rm(socketPath, { force: true })
  }
}

async function removeOthers(client: Client, database: number, pattern: string): Promise<void> {
  await client.call('SELECT', String(database))
  const glob = Buffer.from(pattern, 'utf8')
  let cursor: string | Uint8Array = '0'
  do {
    const reply = await client.call('SCAN', cursor, 'COUNT', KEYS_AT_A_TIME)
    const cursorAt = lineEnd(reply, 0)
    cursor = Buffer.from(bulkBody(reply, cursorAt) as Uint8Array).toString('latin1')
    const keysAt = replyEnd(reply, cursorAt)
    const others: Uint8Array[] = []
    for (let i = headerNumber(reply, keysAt), at = lineEnd(reply, keysAt); i > 0; i--, at = replyEnd(reply, at)) {
      const key = bulkBody(reply, at) as Uint8Array
      if (!globMatches(glob, 0, glob.length, key, 0, key.length, false)) others.push(key)
    }
    if (others.length > 0) await client.call('UNLINK', ...others)
  } while (cursor !== '0')
}

/** One command after the other. */
class Client {
  #received = Buffer.alloc(0)

  private constructor(private readonly socket: net.Socket) {}

  static async connect(socketPath: string, hasEnded: () => boolean): Promise<Client> {
    for (;;) {
      if (hasEnded()) throw new ToolError('the server that was to load the restored data has ended')
      const socket = net.connect(socketPath)
      try {
        await once(socket, 'connect')
        const client = new Client(socket)
        if (!isError(await client.call('PING', 'loaded'))) return client
        client.close()
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error
      }
      await sleep(RETRY_MS)
    }
  }

  async call(...argv: readonly (string | Uint8Array)[]): Promise<Uint8Array> {
    this.#received = Buffer.alloc(0)
    this.socket.write(`*${argv.length}\r\n`)
    for (const argument of argv) {
      const bytes = Buffer.from(argument as string)
      this.socket.write(Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]))
    }
    for (;;) {
      const [chunk] = (await once(this.socket, 'data')) as [Buffer]
      this.#received = Buffer.concat([this.#received, chunk])
      if (isWhole(this.#received)) return this.#received
    }
  }

  async waitFor(text: string): Promise<void> {
    for (;;) {
      const reply = await this.call('INFO', 'persistence')
      if (Buffer.from(reply).includes(text)) return
      await sleep(RETRY_MS)
    }
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Whether one reply has come wholly. */
function isWhole(bytes: Uint8Array): boolean {
  let pending = 1
  let at = 0
  while (pending > 0) {
    pending--
    const end = bytes.indexOf(10, at) + 1
    if (end === 0) return false
    const type = bytes[at]
    if (type === 36) at = end + (headerNumber(bytes, at) < 0 ? 0 : headerNumber(bytes, at) + 2)
    else if (type === 42) {
      pending += Math.max(0, headerNumber(bytes, at))
      at = end
    } else at = end
    if (at > bytes.length) return false
  }
  return true
}
