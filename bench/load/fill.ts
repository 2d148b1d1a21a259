/**
 * Fills a server with numbered keys, as fast as it takes them.
 *
 * Runs in the main thread of a scenario, or in a process of its own. One buffer is encoded once and its key numbers are
 * patched in place, so that the loader is never what is measured.
 */
import net from 'node:net'
import { encodeCommand } from './encode.js'
import { ReplyCounter } from './replies.js'

export interface FillOptions {
  readonly port: number
  /** First key number, and the one behind the last. */
  readonly from: number
  readonly to: number
  readonly valueBytes: number
}

/** Digits behind `key:`, which makes keys of 16 bytes. */
export const KEY_DIGITS = 12
const BATCH_COMMANDS = 500
/** Two, so that the server always has a batch to work on while the other one is being answered. */
const CONNECTIONS = 2

/** The name of key `number`, 16 bytes long. */
export function keyName(number: number): string {
  return `key:${String(number).padStart(KEY_DIGITS, '0')}`
}

/** Sets every key of the range once. Rejects when the server answers with an error or closes the connection. */
export async function fillKeys(options: FillOptions): Promise<void> {
  let next = options.from
  const takeBatch = (): readonly [number, number] => {
    const first = next
    next = Math.min(next + BATCH_COMMANDS, options.to)
    return [first, next]
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, () => fillOverOneConnection(options, takeBatch)))
}

function fillOverOneConnection(options: FillOptions, takeBatch: () => readonly [number, number]): Promise<void> {
  const command = encodeCommand(['SET', keyName(0), Buffer.alloc(options.valueBytes, 'v')])
  const digitsAt = command.indexOf(keyName(0)) + 'key:'.length
  const batch = Buffer.concat(Array.from({ length: BATCH_COMMANDS }, () => command))
  const counter = new ReplyCounter()
  let awaited = 0

  return new Promise((resolve, reject) => {
    const socket = net.connect(options.port, '127.0.0.1')
    const sendBatch = (): void => {
      const [first, behind] = takeBatch()
      awaited = behind - first
      if (awaited === 0) {
        socket.destroy()
        resolve()
        return
      }
      for (let index = 0; index < awaited; index += 1) {
        patchNumber(batch, index * command.length + digitsAt, first + index)
      }
      // The socket may still hold the previous write only if not all its commands were answered; here they were.
      socket.write(batch.subarray(0, awaited * command.length))
    }
    socket.on('connect', sendBatch)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed the connection while it was being filled')))
    socket.on('data', (chunk: Buffer) => {
      awaited -= counter.count(chunk)
      if (counter.errors > 0) {
        reject(new Error(`SET was refused: ${chunk.toString('latin1').slice(0, 200)}`))
        socket.destroy()
      } else if (awaited === 0) sendBatch()
    })
  })
}

/** Writes `number` in decimal, right-aligned, over the digits at `at`. */
export function patchNumber(buffer: Buffer, at: number, number: number): void {
  let rest = number
  for (let digit = KEY_DIGITS - 1; digit >= 0; digit -= 1) {
    const quotient = Math.floor(rest / 10)
    buffer[at + digit] = 48 + rest - quotient * 10
    rest = quotient
  }
}
