/**
 * The range of bits that BITCOUNT and BITPOS look at.
 *
 * Runs in a shard worker. There is one range, filled anew by every command. Invariant: it lies inside the value that it was
 * made for, or it is empty (`start >= end`).
 */
import { errors } from '../../resp/errors.js'
import type { ShardCall } from '../shard-call.js'

const BITS_PER_BYTE = 8

/** In bits; `end` is the first one behind the range. */
export const bitRange = { start: 0, end: 0 }

/** The whole of a value of so many bytes. */
export function takeWhole(byteLength: number): void {
  bitRange.start = 0
  bitRange.end = byteLength * BITS_PER_BYTE
}

/** From one index to another, both included, in units of `unitBits`. Negative indexes count from the end. */
export function takeIndexes(first: number, last: number, byteLength: number, unitBits: number): void {
  const units = (byteLength * BITS_PER_BYTE) / unitBits
  const from = first < 0 ? Math.max(0, first + units) : first
  const to = last < 0 ? Math.max(0, last + units) : last
  bitRange.start = from * unitBits
  bitRange.end = Math.min(to + 1, units) * unitBits
}

/** Argument `i` as an index; NaN after an error reply. Beyond 2^53 it is rounded: no string is that long. */
export function indexAt(call: ShardCall, i: number): number {
  const index = call.integer(i)
  if (!Number.isNaN(index)) return index
  const large = call.int64(i)
  if (large !== undefined) return Number(large)
  call.reply.error(errors.notAnInteger)
  return Number.NaN
}

/** How many bits a unit of the indexes has, of argument `i` (BYTE or BIT); 0 after an error reply. */
export function unitBitsAt(call: ShardCall, i: number): number {
  if (call.is(i, 'BIT')) return 1
  if (call.is(i, 'BYTE')) return BITS_PER_BYTE
  call.reply.error(errors.syntax)
  return 0
}
