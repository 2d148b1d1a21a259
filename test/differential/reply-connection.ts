/**
 * A connection that sends commands and gives back the bytes of each reply.
 *
 * Only used by tests.
 */
import { connect, type Socket } from 'node:net'
import { replyEnd } from './reply-bytes.js'
import type { Argv } from './step.js'

/** No command of a workload takes nearly as long, even on a machine that is busy with other things. */
const REPLY_MS_MAX = 30_000

/** The server has gone, or does not answer. */
export class NoReplyError extends Error {
  readonly code = 'NO_REPLY'
}

function encoded(commands: readonly Argv[]): Buffer {
  const parts: Buffer[] = []
  for (const argv of commands) {
    parts.push(Buffer.from(`*${argv.length}\r\n`))
    for (const argument of argv) parts.push(Buffer.from(`$${argument.length}\r\n`), argument, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

export class ReplyConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    // A reset is an end like any other to whoever waits for a reply; `close` follows it.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  /** Connects to a port of this machine, or to a socket file. */
  static open(target: number | string): Promise<ReplyConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { path: target },
        () => {
          socket.off('error', reject)
          resolve(new ReplyConnection(socket))
        },
      )
      socket.once('error', reject)
    })
  }

  /**
   * Sends all commands in one write and returns one reply for each.
   * @throws NoReplyError
   */
  async exchange(commands: readonly Argv[]): Promise<Buffer[]> {
    this.#socket.write(encoded(commands))
    const replies: Buffer[] = []
    let at = 0
    while (replies.length < commands.length) {
      const end = at < this.#received.length ? replyEnd(this.#received, at) : -1
      if (end < 0) {
        await this.#more(commands, replies.length)
      } else {
        replies.push(this.#received.subarray(at, end))
        at = end
      }
    }
    if (at < this.#received.length) {
      throw new NoReplyError(`more than ${commands.length} replies: ${this.#received.toString('latin1', at, at + 200)}`)
    }
    this.#received = Buffer.alloc(0)
    return replies
  }

  async #more(commands: readonly Argv[], answered: number): Promise<void> {
    const unanswered = `after ${answered} of ${commands.length} replies`
    if (this.#isClosed) throw new NoReplyError(`the connection was closed ${unanswered}`)
    let timer: NodeJS.Timeout | undefined
    const isLate = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), REPLY_MS_MAX)
      this.#wake = () => resolve(false)
    })
    clearTimeout(timer)
    if (isLate) throw new NoReplyError(`nothing came for ${REPLY_MS_MAX} ms ${unanswered}`)
  }

  close(): void {
    this.#socket.destroy()
  }
}
