/**
 * The HyperLogLog under a key, for the commands that work on one.
 *
 * Runs in a shard worker.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { EMPTY_BYTES, isHyperLogLog, writeEmpty } from '../../store/hyperloglog/layout.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'

const NO_HYPERLOGLOG = encodeError('WRONGTYPE Key is not a valid HyperLogLog string value.')

export const corruptHyperLogLog = encodeError('INVALIDOBJ Corrupted HLL object detected')

/** Whether the key in hand holds a HyperLogLog, though perhaps a corrupt one. @returns false after an error reply */
export function holdsHyperLogLog(call: ShardCall): boolean {
  if (call.db.type !== ValueType.string) call.reply.error(errors.wrongType)
  else if (!isHyperLogLog(call.db)) call.reply.error(NO_HYPERLOGLOG)
  else return true
  return false
}

/** The key in hand is about to be written to as bytes, which makes it "raw" for good. */
export function makeRaw(call: ShardCall): void {
  if (call.db.encoding !== Encoding.raw) call.db.setEncoding(Encoding.raw)
}

/** Makes an empty HyperLogLog under the first argument, which is no key yet. */
export function createEmpty(call: ShardCall): void {
  const { db } = call
  const keyOffset = call.offsets[1] as number
  db.create(call.bytes, keyOffset, call.lengths[1] as number, ValueType.string, Encoding.raw, EMPTY_BYTES, NO_EXPIRY)
  writeEmpty(db)
}
