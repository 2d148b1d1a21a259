/**
 * Makes one reply of several shards' partial replies, by the merge policy of the command's table entry. Main thread.
 *
 * An error in any part is the whole reply: a shard that refuses its part makes the command fail, as one server would.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import type { MergePolicy } from '../commands/spec.js'
import { headerNumber, isError, lineEnd, replyEnd } from '../resp/reply-reader.js'

/**
 * @param parts encoded replies
 * @param shardOfKey for `array_by_key`: for each key in the command's order, the index in `parts` that answers it
 */
export function mergeReplies(
  policy: MergePolicy,
  parts: readonly Uint8Array[],
  shardOfKey: readonly number[],
): Uint8Array {
  for (const part of parts) if (isError(part)) return part
  switch (policy) {
    case 'sum': {
      let sum = 0
      for (const part of parts) sum += headerNumber(part, 0)
      return asciiBytes(`:${sum}\r\n`)
    }
    case 'all_succeeded':
      return parts[0] as Uint8Array
    case 'concat': {
      let length = 0
      const bodies: Uint8Array[] = []
      for (const part of parts) {
        length += headerNumber(part, 0)
        bodies.push(part.subarray(lineEnd(part, 0)))
      }
      return joinBytes([asciiBytes(`*${length}\r\n`), ...bodies])
    }
    case 'array_by_key': {
      const cursors = parts.map((part) => lineEnd(part, 0))
      const elements: Uint8Array[] = [asciiBytes(`*${shardOfKey.length}\r\n`)]
      for (const index of shardOfKey) {
        const part = parts[index] as Uint8Array
        const from = cursors[index] as number
        const end = replyEnd(part, from)
        elements.push(part.subarray(from, end))
        cursors[index] = end
      }
      return joinBytes(elements)
    }
  }
}
