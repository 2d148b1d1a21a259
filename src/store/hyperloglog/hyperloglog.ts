/**
 * What the commands do with a HyperLogLog, whichever of its two forms it has.
 *
 * Used by the thread that owns the arena; works on the string in hand, for which `isHyperLogLog` holds.
 */
import { murmurHash64A, murmurResult } from '../../base/murmur-hash.js'
import type { Database } from '../database.js'
import { mergeDense, raiseDenseRegister } from './dense.js'
import { encodingOf, HEADER_BYTES, HllEncoding, INDEX_BITS, REGISTER_VALUE_MAX, REGISTERS } from './layout.js'
import { mergeSparse, RegisterChange, raiseSparseRegister } from './sparse.js'

const HASH_SEED = 0xadc83b19

/**
 * Adds an element. The record may move.
 * @param sparseBytesMax the length up to which the string stays sparse
 * @returns one of `RegisterChange`
 * @throws ArenaFullError
 */
export function addElement(
  db: Database,
  element: Uint8Array,
  offset: number,
  length: number,
  sparseBytesMax: number,
): number {
  murmurHash64A(element, offset, length, HASH_SEED)
  const { low, high } = murmurResult
  const rank = rankOf((low >>> INDEX_BITS) | (high << (32 - INDEX_BITS)), high >>> INDEX_BITS)
  return raiseRegister(db, low & (REGISTERS - 1), rank, sparseBytesMax)
}

/** How many zeros a number of 50 bits has at its end, and one more. */
function rankOf(low: number, high: number): number {
  if (low !== 0) return trailingZeros(low) + 1
  return high !== 0 ? trailingZeros(high) + 33 : REGISTER_VALUE_MAX
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/** Raises a register to `value`, as `addElement` does. @returns one of `RegisterChange` */
export function raiseRegister(db: Database, index: number, value: number, sparseBytesMax: number): number {
  if (encodingOf(db) === HllEncoding.sparse) return raiseSparseRegister(db, index, value, sparseBytesMax)
  return raiseDenseRegister(db.bytes, db.valueOffset + HEADER_BYTES, index, value)
    ? RegisterChange.raised
    : RegisterChange.none
}

/**
 * Writes all registers to `into`, one a byte, where they are higher than what is there.
 * @returns false when the string is corrupt; `into` is then of no use
 */
export function mergeRegisters(db: Database, into: Uint8Array): boolean {
  if (encodingOf(db) === HllEncoding.sparse) return mergeSparse(db, into)
  mergeDense(db.bytes, db.valueOffset + HEADER_BYTES, into)
  return true
}
