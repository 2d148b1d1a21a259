/**
 * A client of any server that speaks RESP2, for tools: pipelined, with bounded memory.
 *
 * Invariant: replies come in the order of commands. An error reply is a value (`RedisError`), because in a pipeline it is
 * about one key; the connection's end rejects all that is waited for.
 */
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import { type CommandWords, encodeCommand } from '../transfer/commands.js'
import { ToolError } from './tool-error.js'

/** More than this is not on its way to the server before `send` waits. */
const PENDING_BYTES_MAX = 4 * 1024 * 1024

const DEFAULT_PORT = 6379

export class RedisError extends Error {}

export type Reply = Buffer | number | null | RedisError | readonly Reply[]

export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  readonly user: string
  readonly password: string
  readonly database: number
}

/**
 * `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or `host:port`. The password may also stand in
 * REDISCLI_AUTH, as with redis-cli.
 * @throws ToolError, which does not show the password
 */
export function parseRedisAddress(text: string, environment: NodeJS.ProcessEnv): RedisAddress {
  const address = text.includes('://') ? text : `redis://${text}`
  const url = URL.canParse(address) ? new URL(address) : undefined
  const database = url === undefined ? Number.NaN : Number(url.pathname.replace('/', ''))
  if (
    url === undefined ||
    !['redis:', 'rediss:'].includes(url.protocol) ||
    url.hostname === '' ||
    !Number.isInteger(database)
  ) {
    throw new ToolError('an address must look like redis://host:port/database')
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    isSecure: url.protocol === 'rediss:',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password) || environment.REDISCLI_AUTH || '',
    database,
  }
}

export class RedisClient {
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = []
  readonly #parser = new ReplyParser((reply) => {
    if (this.#onPiped === undefined) this.#waiting.shift()?.resolve(reply)
    else this.#onPiped(reply)
  })
  #onPiped: ((reply: Reply) => void) | undefined
  #fault: Error | undefined
  #drained: (() => void)[] = []

  private constructor(
    private readonly socket: net.Socket,
    readonly name: string,
  ) {
    socket.on('data', (chunk) => this.#parser.take(chunk))
    socket.on('drain', () => this.#wake())
    socket.on('error', (error) => this.#fail(new ToolError(`the connection to ${name} broke: ${error.message}`)))
    socket.on('close', () => this.#fail(new ToolError(`${name} closed the connection`)))
  }

  /** @throws ToolError */
  static async connect(address: RedisAddress): Promise<RedisClient> {
    const { host, port, isSecure, user, password, database } = address
    const name = `${host}:${port}`
    const socket = isSecure ? tls.connect({ host, port, servername: host }) : net.connect({ host, port })
    await new Promise<void>((resolve, reject) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', () => resolve())
      socket.once('error', (error) => reject(new ToolError(`cannot connect to ${name}: ${error.message}`)))
    })
    const client = new RedisClient(socket, name)
    if (password !== '') await client.ask(['AUTH', ...(user === '' ? [] : [user]), password])
    if (database !== 0) await client.ask(['SELECT', String(database)])
    return client
  }

  /** Sends a command. The promise is for its reply; `ready` is what to wait for before the next one is sent. */
  send(words: CommandWords): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => {
      if (this.#fault !== undefined) reject(this.#fault)
      else this.#waiting.push({ resolve, reject })
    })
    // Whoever waits for a later reply hears of the end as well.
    reply.catch(() => {})
    if (this.#fault === undefined) this.socket.write(encodeCommand(words))
    return reply
  }

  /**
   * Sends a stream of commands as it is, as `redis-cli --pipe` does; nothing else may be sent meanwhile.
   * @param onReply gets each command's reply
   * @throws ToolError
   */
  async pipe(content: AsyncIterable<Uint8Array>, onReply: (reply: Reply) => void): Promise<void> {
    // The reply to this comes behind all others. Nobody else knows it.
    const mark = randomBytes(20)
    const isAnswered = new Promise<void>((resolve, reject) => {
      this.#onPiped = (reply) => {
        if (Buffer.isBuffer(reply) && reply.equals(mark)) resolve()
        else onReply(reply)
      }
      this.#waiting.push({ resolve: () => {}, reject })
    })
    isAnswered.catch(() => {})
    for await (const chunk of content) {
      await this.ready()
      this.socket.write(chunk)
    }
    this.socket.write(encodeCommand(['ECHO', mark]))
    await isAnswered
    this.#onPiped = undefined
    this.#waiting.pop()
  }

  /** Sends a command and waits for its reply. @throws ToolError for an error reply, too */
  async ask(words: CommandWords): Promise<Reply> {
    const reply = await this.send(words)
    if (reply instanceof RedisError) throw new ToolError(`${this.name} answers ${words[0]} with: ${reply.message}`)
    return reply
  }

  /** Ends when not too much is on its way to the server. */
  async ready(): Promise<void> {
    while (this.socket.writableLength > PENDING_BYTES_MAX && this.#fault === undefined) {
      await new Promise<void>((resolve) => this.#drained.push(resolve))
    }
    if (this.#fault !== undefined) throw this.#fault
  }

  close(): void {
    this.#fault ??= new ToolError('the connection was closed')
    this.socket.destroy()
  }

  #wake(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }

  #fail(error: Error): void {
    this.#fault ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#fault)
    this.#wake()
  }
}

/** Takes RESP2 in pieces. */
class ReplyParser {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** Pieces of a long reply, which are joined when there are enough of them. */
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #needed = 0

  constructor(private readonly onReply: (reply: Reply) => void) {}

  take(chunk: Buffer): void {
    this.#pieces.push(chunk)
    this.#pieceBytes += chunk.length
    if (this.#bytes.length + this.#pieceBytes < this.#needed) return
    this.#bytes = Buffer.concat([this.#bytes, ...this.#pieces])
    this.#pieces = []
    this.#pieceBytes = 0
    this.#needed = 0
    let done = 0
    for (;;) {
      this.#at = done
      const reply = this.#read()
      if (reply === undefined) break
      done = this.#at
      this.onReply(reply)
    }
    if (this.#needed > 0) this.#needed -= done
    this.#bytes = this.#bytes.subarray(done)
  }

  /** @returns undefined when it is not whole yet */
  #read(): Reply | undefined {
    const end = this.#bytes.indexOf('\r\n', this.#at)
    if (end < 0) return undefined
    const type = String.fromCharCode(this.#bytes[this.#at] as number)
    const line = this.#bytes.toString('utf8', this.#at + 1, end)
    this.#at = end + 2
    switch (type) {
      case '+':
        return Buffer.from(line)
      case '-':
        return new RedisError(line)
      case ':':
        return Number(line)
      case '$':
        return this.#readBulk(Number(line))
      case '*':
        return this.#readArray(Number(line))
      default:
        throw new ToolError('the server does not speak RESP2')
    }
  }

  #readBulk(length: number): Reply | undefined {
    if (length < 0) return null
    const end = this.#at + length
    if (end + 2 > this.#bytes.length) {
      this.#needed = end + 2
      return undefined
    }
    const bytes = Buffer.from(this.#bytes.subarray(this.#at, end))
    this.#at = end + 2
    return bytes
  }

  #readArray(length: number): Reply | undefined {
    if (length < 0) return null
    const elements: Reply[] = []
    for (let i = 0; i < length; i++) {
      const element = this.#read()
      if (element === undefined) return undefined
      elements.push(element)
    }
    return elements
  }
}
