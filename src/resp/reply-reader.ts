/**
 * Finds the bounds of encoded replies, for merging partial replies without decoding them. Main thread.
 *
 * The replies come from our own shards, so they are complete and well formed; anything else is a broken invariant.
 */
import { assert } from '../base/assert.js'

const LF = 10

/** The offset behind the CRLF that ends the line at `offset`. */
export function lineEnd(bytes: Uint8Array, offset: number): number {
  const end = bytes.indexOf(LF, offset)
  assert(end >= 0, 'a reply ends inside a line')
  return end + 1
}

/** The number that follows the type byte at `offset`: the value of an integer reply, the length of any other. */
export function headerNumber(bytes: Uint8Array, offset: number): number {
  let at = offset + 1
  const negative = bytes[at] === 45
  if (negative) at++
  let n = 0
  for (let c = bytes[at] as number; c >= 48 && c <= 57; c = bytes[++at] as number) n = n * 10 + (c - 48)
  return negative ? -n : n
}

/** The offset behind the reply that begins at `offset`. */
export function replyEnd(bytes: Uint8Array, offset: number): number {
  let pending = 1
  let at = offset
  while (pending > 0) {
    pending--
    const type = bytes[at] as number
    const header = at
    at = lineEnd(bytes, at)
    switch (type) {
      case 36: // $
      case 33: // !
      case 61: {
        // =
        const length = headerNumber(bytes, header)
        if (length >= 0) at += length + 2
        break
      }
      case 42: // *
      case 126: // ~
      case 62: // >
        pending += Math.max(0, headerNumber(bytes, header))
        break
      case 37: // %
        pending += headerNumber(bytes, header) * 2
        break
      default:
        break
    }
  }
  return at
}

/** The body of the bulk string that begins at `offset`, or undefined for a null. */
export function bulkBody(bytes: Uint8Array, offset: number): Uint8Array | undefined {
  if (bytes[offset] !== 36) return undefined
  const length = headerNumber(bytes, offset)
  if (length < 0) return undefined
  const from = lineEnd(bytes, offset)
  return bytes.subarray(from, from + length)
}

export function isError(reply: Uint8Array): boolean {
  return reply[0] === 45
}
