/**
 * Offsets of bits as the bitmap commands take them.
 *
 * Runs in a shard worker. Invariant: an offset that was accepted lies in a string of at most proto-max-bulk-len bytes.
 */
import { parseInt64, parseSafeInteger } from '../../base/integer.js'
import type { ShardCall } from '../shard-call.js'

const HASH_SIGN = 35

/** Argument `i` as the offset of a bit; -1 when it is none. */
export function bitOffsetAt(call: ShardCall, i: number): number {
  return accepted(call, call.integer(i))
}

/**
 * Argument `i` as the offset of a field of `bits` bits, or with `#` before it as a number of such fields; -1 when it is
 * neither.
 */
export function fieldOffsetAt(call: ShardCall, i: number, bits: number): number {
  const offset = call.offsets[i] as number
  const length = call.lengths[i] as number
  if (length === 0 || call.bytes[offset] !== HASH_SIGN) return bitOffsetAt(call, i)
  const fields = parseSafeInteger(call.bytes, offset + 1, length - 1)
  if (fields * bits <= Number.MAX_SAFE_INTEGER) return accepted(call, fields * bits)
  const large = parseInt64(call.bytes, offset + 1, length - 1)
  if (large === undefined) return -1
  // Redis multiplies without a look at overflow, and goes by what 64 bits keep of the product.
  return accepted(call, Number(BigInt.asIntN(64, large * BigInt(bits))))
}

function accepted(call: ShardCall, offset: number): number {
  const isWithinLimit = Math.floor(offset / 8) < call.settings.protoMaxBulkLen || call.keyspace.isReplaying
  return offset >= 0 && isWithinLimit ? offset : -1
}

/** The byte that holds a bit. */
export function byteOfBit(offset: number): number {
  return Math.floor(offset / 8)
}
