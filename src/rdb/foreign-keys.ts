/**
 * Passes quickly over keys of an RDB file that belong to other shards.
 *
 * Runs in a shard worker. Each shard looks at the names of all keys of a file, and makes those that are its own. With four
 * shards three of four keys are passed over by each, so that is done in one loop for the forms that nearly all keys stand
 * in: a name that is not compressed, and a value that is one string, as strings and packed collections are.
 *
 * Invariant: nothing outside of the range is read. What this loop does not know, or what does not lie wholly in the range, is
 * left where it is for the `RdbFileReader`.
 */
import { keySlot, shardOfSlot } from '../base/crc16.js'
import {
  LENGTH_32_BITS,
  RdbOpcode,
  RdbType,
  STRING_INT8,
  STRING_INT16,
  STRING_INT32,
  STRING_LZF,
} from '../store/rdb/rdb-format.js'

/** What may stand before the bytes of a key's name: an expiry in ms, the type, and a length. */
const HEAD_BYTES_MAX = 12
/** And before the bytes of a value: of a compressed one two lengths. */
const STRING_HEAD_BYTES_MAX = 11

const EXPIRY_BYTES = 8
const LENGTH_14_BITS_MIN = 0x40
const NOT_KNOWN = -1

const isOneString = new Uint8Array(256)
for (const type of [
  RdbType.string,
  RdbType.setIntset,
  RdbType.setListpack,
  RdbType.hashListpack,
  RdbType.hashZiplist,
  RdbType.zsetListpack,
  RdbType.zsetZiplist,
  RdbType.listZiplist,
]) {
  isOneString[type] = 1
}

/**
 * Passes over keys from `from` on, where one must begin.
 * @returns where the first one begins that is not one that is known here; or, if that is the shard's own, `~` of it
 */
export function behindForeignKeys(
  bytes: Uint8Array,
  from: number,
  end: number,
  shard: number,
  shardCount: number,
): number {
  let keyAt = from
  while (keyAt + HEAD_BYTES_MAX <= end) {
    let at = keyAt
    let type = bytes[at++]!
    if (type === RdbOpcode.expiryMs) {
      at += EXPIRY_BYTES
      type = bytes[at++]!
    }
    if (isOneString[type] === 0) return keyAt
    let nameBytes = bytes[at++]!
    if (nameBytes >= LENGTH_32_BITS) return keyAt
    if (nameBytes >= LENGTH_14_BITS_MIN) nameBytes = ((nameBytes & 0x3f) << 8) | bytes[at++]!
    const valueAt = at + nameBytes
    if (valueAt + STRING_HEAD_BYTES_MAX > end) return keyAt
    if (shardOfSlot(keySlot(bytes, at, nameBytes), shardCount) === shard) return ~keyAt
    const behind = behindString(bytes, valueAt)
    if (behind === NOT_KNOWN || behind > end) return keyAt
    keyAt = behind
  }
  return keyAt
}

/** @returns where the string ends that begins at `at`, or `NOT_KNOWN` */
function behindString(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < LENGTH_14_BITS_MIN) return at + 1 + first
  if (first < LENGTH_32_BITS) return at + 2 + (((first & 0x3f) << 8) | bytes[at + 1]!)
  switch (first) {
    case LENGTH_32_BITS:
      return at + 5 + u32(bytes, at + 1)
    case STRING_INT8:
      return at + 2
    case STRING_INT16:
      return at + 3
    case STRING_INT32:
      return at + 5
    case STRING_LZF: {
      const lengthAt = behindLength(bytes, at + 1)
      if (lengthAt === NOT_KNOWN) return NOT_KNOWN
      const textAt = behindLength(bytes, lengthAt)
      return textAt === NOT_KNOWN ? NOT_KNOWN : textAt + lengthOf(bytes, at + 1)
    }
    default:
      return NOT_KNOWN
  }
}

function behindLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < LENGTH_14_BITS_MIN) return at + 1
  if (first < LENGTH_32_BITS) return at + 2
  return first === LENGTH_32_BITS ? at + 5 : NOT_KNOWN
}

function lengthOf(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < LENGTH_14_BITS_MIN) return first
  return first < LENGTH_32_BITS ? ((first & 0x3f) << 8) | bytes[at + 1]! : u32(bytes, at + 1)
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
