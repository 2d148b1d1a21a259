/**
 * A plain client over one socket: commands out, replies in order. No reconnecting, no queueing, no options.
 *
 * Runs in the checking scenarios, where the state of every connection must be known exactly.
 */
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { type Argument, encodeCommand } from './encode.js'
import { type Reply, ReplyReader } from './replies.js'

interface Pending {
  readonly sentMs: number
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

export class RawClient {
  readonly socket: net.Socket
  readonly #reader = new ReplyReader()
  /** Unanswered commands; those before `#answered` are done. A queue by shift() would cost O(n) a reply. */
  #pending: Pending[] = []
  #answered = 0
  #failure: Error | null = null

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('connection closed')))
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  /** Sends one command; resolves with its reply, error replies included. Rejects when the connection ends first. */
  call(...args: readonly Argument[]): Promise<Reply> {
    const reply = this.expectReply()
    this.socket.write(encodeCommand(args))
    return reply
  }

  /** Sends several commands in one write and resolves with their replies. */
  pipeline(commands: ReadonlyArray<readonly Argument[]>): Promise<Reply[]> {
    const replies = commands.map(() => this.expectReply())
    this.socket.write(Buffer.concat(commands.map((command) => encodeCommand(command))))
    return Promise.all(replies)
  }

  /** Promises the reply to a command that the caller writes to the socket itself. */
  expectReply(): Promise<Reply> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#pending.push({ sentMs: performance.now(), resolve, reject })
    })
  }

  /** For how long the oldest unanswered command has been waiting, in milliseconds; 0 when none is. */
  waitingMs(): number {
    const oldest = this.#pending[this.#answered]
    return oldest === undefined ? 0 : performance.now() - oldest.sentMs
  }

  close(): void {
    this.socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.#reader.feed(chunk)
    try {
      for (;;) {
        const reply = this.#reader.take()
        if (reply === undefined) break
        const pending = this.#pending[this.#answered]
        if (pending === undefined) throw new Error(`a reply that nobody asked for: ${String(reply).slice(0, 80)}`)
        this.#answered += 1
        if (this.#answered === this.#pending.length) {
          this.#pending = []
          this.#answered = 0
        }
        pending.resolve(reply)
      }
    } catch (error) {
      this.#fail(error as Error)
      this.socket.destroy()
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    const unanswered = this.#pending.slice(this.#answered)
    this.#pending = []
    this.#answered = 0
    for (const pending of unanswered) pending.reject(this.#failure)
  }
}
