/**
 * What a shard tells the router in the place of a reply, when a blocking command over several shards found nothing.
 *
 * Both threads. It is a blob error, which no command replies with: clients never see it.
 */
import { asciiBytes } from '../base/bytes.js'
import { lineEnd } from '../resp/reply-reader.js'

export interface WouldBlock {
  /** Until when the client waits, in ms; Infinity for ever. */
  readonly deadlineMs: number
  /** Arguments that are others from now on, see `ShardCall.replaceArgument`. */
  readonly replacedArguments: ReadonlyMap<number, Uint8Array>
}

const BLOB_ERROR = 33

export function encodeWouldBlock({ deadlineMs, replacedArguments }: WouldBlock): Uint8Array {
  const words = [Number.isFinite(deadlineMs) ? String(deadlineMs) : '']
  for (const [i, bytes] of replacedArguments) words.push(String(i), Buffer.from(bytes).toString('hex'))
  const text = words.join(' ')
  return asciiBytes(`!${text.length}\r\n${text}\r\n`)
}

/** Undefined when the reply is a reply. */
export function decodeWouldBlock(reply: Uint8Array): WouldBlock | undefined {
  if (reply[0] !== BLOB_ERROR) return undefined
  const [deadline = '', ...replaced] = Buffer.from(reply.subarray(lineEnd(reply, 0), -2))
    .toString('latin1')
    .split(' ')
  const replacedArguments = new Map<number, Uint8Array>()
  for (let i = 0; i + 1 < replaced.length; i += 2) {
    replacedArguments.set(Number(replaced[i]), Buffer.from(replaced[i + 1] as string, 'hex'))
  }
  return { deadlineMs: deadline === '' ? Number.POSITIVE_INFINITY : Number(deadline), replacedArguments }
}
