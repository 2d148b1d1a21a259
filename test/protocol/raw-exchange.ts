/**
 * Sends raw bytes over a connection of their own, says that nothing more comes, and gives everything that came back.
 *
 * Only used by tests. Both Redis and Shardkeep answer what they have read before they close, so the answer is whole
 * although nobody knows where one reply ends: which is what a comparison of mutated requests needs.
 */
import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Longer than any answer takes; a server that keeps the connection open has a fault. */
const ANSWER_MS_MAX = 10_000

/** A port of this machine, or the path of a socket file. */
export type Target = number | string

/** Sends the pieces one after the other, each in a write of its own. */
export async function exchange(target: Target, ...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const socket = connect(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { path: target })
  const received: Buffer[] = []
  const closed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server has not closed the connection')), ANSWER_MS_MAX)
    // A server may close with bytes unread (after a protocol error), which is a reset here; what it said before counts.
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  socket.setNoDelay(true)
  for (const piece of pieces) {
    if (piece.length > 0) socket.write(piece)
    if (pieces.length > 1) await nextTurn()
  }
  socket.end()
  await closed
  return Buffer.concat(received)
}

/** A request as an array of bulk strings. */
export function encodeRequest(argv: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${argv.length}\r\n`)]
  for (const argument of argv) {
    const body = typeof argument === 'string' ? Buffer.from(argument, 'latin1') : argument
    parts.push(Buffer.from(`$${body.length}\r\n`), body, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** Cuts bytes at the given offsets, which may come in any order and more than once. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let from = 0
  for (const offset of [...offsets].sort((a, b) => a - b)) {
    const to = Math.min(offset, bytes.length)
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  pieces.push(bytes.subarray(from))
  return pieces
}
