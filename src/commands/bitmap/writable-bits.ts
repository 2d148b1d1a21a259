/**
 * A string that a bitmap command is about to write bits of.
 *
 * Runs in a shard worker.
 */
import { errors } from '../../resp/errors.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'

/** What `standOnWritable` had to do. */
export const Writable = { refused: -1, asItWas: 0, grown: 1, created: 2 } as const

/**
 * Moves the cursor to the string under the first argument, which is made or filled up with zeros to `bytes` bytes.
 * @returns one of `Writable`: `created` counts as a modification already, `grown` does not yet; `refused` after an error reply,
 *   because the key holds something else
 */
export function standOnWritable(call: ShardCall, bytes: number): number {
  const { db } = call
  if (!call.findForWrite(1)) {
    const keyOffset = call.offsets[1] as number
    db.create(call.bytes, keyOffset, call.lengths[1] as number, ValueType.string, Encoding.raw, bytes, NO_EXPIRY)
    return Writable.created
  }
  if (db.type !== ValueType.string) {
    call.reply.error(errors.wrongType)
    return Writable.refused
  }
  const grows = db.valueLength < bytes
  if (grows) db.resizeValue(bytes)
  if (db.encoding !== Encoding.raw) db.setEncoding(Encoding.raw)
  return grows ? Writable.grown : Writable.asItWas
}
