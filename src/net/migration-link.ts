/**
 * One connection to another server, over which MIGRATE sends keys: commands out, one line back for each.
 *
 * Runs on the main thread. Invariant: between two exchanges nothing is owed on either side, so that a link may be kept
 * for the next MIGRATE; one whose exchange has failed is of no use any more.
 */
import { connect, type Socket } from 'node:net'

export type LinkFault = 'reading' | 'writing'

/** How an exchange ended: the lines that came, and what went wrong when they are fewer than expected. */
export interface Exchange {
  readonly lines: readonly string[]
  readonly fault: LinkFault | undefined
  readonly timedOut: boolean
}

/** Longer lines than this come from no server that speaks RESP. */
const LINE_BYTES_MAX = 64 * 1024

export class MigrationLink {
  /** The database that was selected last, undefined when that is not known. */
  database: string | undefined
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    // What goes wrong is seen as the end of the exchange, or of the idle time, by its "close".
    socket.on('error', () => {})
  }

  /** @returns undefined when no connection comes about in that time */
  static open(host: string, port: number, timeoutMs: number): Promise<MigrationLink | undefined> {
    return new Promise((resolve) => {
      if (port < 1 || port > 65535) {
        resolve(undefined)
        return
      }
      const socket = connect({ host, port })
      const failed = (): void => {
        socket.destroy()
        resolve(undefined)
      }
      socket.setTimeout(timeoutMs, failed)
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.removeAllListeners()
        resolve(new MigrationLink(socket))
      })
    })
  }

  /** Sends encoded commands and waits for as many lines; for no longer than `timeoutMs` without any progress. */
  exchange(commands: readonly Uint8Array[], lineCount: number, timeoutMs: number): Promise<Exchange> {
    const socket = this.#socket
    socket.ref()
    return new Promise((resolve) => {
      const lines: string[] = []
      let rest = ''
      const end = (timedOut: boolean): void => {
        socket.off('data', take)
        socket.off('close', close)
        socket.setTimeout(0)
        socket.removeAllListeners('timeout')
        const isWhole = lines.length === lineCount
        const fault = isWhole ? undefined : socket.writableLength > 0 ? 'writing' : 'reading'
        resolve({ lines, fault, timedOut })
      }
      const take = (chunk: Buffer): void => {
        const parts = (rest + chunk.toString('latin1')).split('\r\n')
        rest = parts.pop() as string
        lines.push(...parts)
        if (lines.length >= lineCount || rest.length > LINE_BYTES_MAX) end(false)
      }
      const close = (): void => end(false)
      if (socket.destroyed) {
        end(false)
        return
      }
      socket.on('data', take)
      socket.once('close', close)
      socket.setTimeout(timeoutMs, () => end(true))
      socket.cork()
      for (const command of commands) socket.write(command)
      socket.uncork()
    })
  }

  /** Lets the link be idle for so long; it closes then, or when the other side does, and says so. */
  keep(idleMs: number, closed: () => void): void {
    const socket = this.#socket
    socket.once('close', closed)
    socket.setTimeout(idleMs, () => socket.destroy())
    socket.unref()
    if (socket.destroyed) closed()
  }

  /** Ends the idle time that `keep` began. */
  take(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.removeAllListeners('timeout')
    this.#socket.setTimeout(0)
  }

  close(): void {
    this.#socket.destroy()
  }
}
