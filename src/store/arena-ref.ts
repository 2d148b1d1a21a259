/**
 * References to blocks of an arena: 32 bits that name a chunk and a place in it.
 *
 *   | chunk, 10 bits | offset in the chunk in units of 8 bytes, 22 bits |      0 = none
 *
 * Used by the thread that owns the arena; pure functions. Invariant: a reference may be negative, as words hold signed
 * numbers, so that only `===` and the functions here may be used on it.
 */

declare const arenaRefBrand: unique symbol
/** A block of an arena. */
export type ArenaRef = number & { readonly [arenaRefBrand]: true }

export const NO_REF = 0 as ArenaRef

/** A reference counts in units of 8 bytes, to which blocks are aligned. */
export const UNIT_BYTES = 8
export const UNIT_SHIFT = 3

export const CHUNK_SHIFT = 22
export const OFFSET_MASK = (1 << CHUNK_SHIFT) - 1

/** As many chunks as 10 bits can name. */
export const CHUNKS_MAX = 1024

/** The chunk that holds the block: an index into the arena's `chunkBytes`, `chunkWords` and `chunkDoubles`. */
export function chunkOf(ref: number): number {
  return ref >>> CHUNK_SHIFT
}

/** Where the block begins in its chunk's bytes. */
export function byteIndexOf(ref: number): number {
  return (ref & OFFSET_MASK) << UNIT_SHIFT
}

/** Where the block begins in its chunk's 32-bit words. */
export function wordIndexOf(ref: number): number {
  return (ref & OFFSET_MASK) << 1
}
