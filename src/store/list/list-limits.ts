/**
 * How large the packed pieces of a list may become, by `list-max-listpack-size`: the whole of a small list, or a node of a
 * large one.
 *
 * Owned by the shard's thread; pure functions. Where the setting is negative it limits bytes, and a node's header counts
 * as a part of them, so that a full node fills a block of a power of two; Redis does not count its own.
 * Invariant: a piece within the limits has fewer than 65535 entries, so that a listpack's header can say how many.
 */
import type { CollectionLimits } from '../collection-limits.js'
import { NODE_HEADER_BYTES } from './node.js'

/** The settings from -1 to -5. */
const BLOCK_BYTES_MAX = [4096, 8192, 16384, 32768, 65536] as const

/** Where the setting counts elements, this many bytes are the limit beside it, as in Redis. */
const COUNTED_BLOCK_BYTES_MAX = 8192

/** The largest block that a packed node should take. */
export function blockBytesMax(limits: CollectionLimits): number {
  const setting = limits.listMaxListpackSize
  if (setting >= 0) return COUNTED_BLOCK_BYTES_MAX
  return BLOCK_BYTES_MAX[Math.min(-setting, BLOCK_BYTES_MAX.length) - 1]!
}

/** How many bytes a listpack may have. An element that is longer by itself has a node of its own, as it is. */
export function packedBytesMax(limits: CollectionLimits): number {
  return blockBytesMax(limits) - NODE_HEADER_BYTES
}

/** How many elements a listpack may have; one is always allowed. */
export function packedEntriesMax(limits: CollectionLimits): number {
  const setting = limits.listMaxListpackSize
  if (setting < 0) return Number.POSITIVE_INFINITY
  return setting === 0 ? 1 : setting
}

/** Whether a listpack of so many bytes and elements is within the limits. */
export function fitsPacked(limits: CollectionLimits, bytes: number, entries: number): boolean {
  return bytes <= packedBytesMax(limits) && entries <= packedEntriesMax(limits)
}

/**
 * Whether a listpack is so far within the limits that two pieces become one, or a chain a record: half of them, so that
 * an element that comes and goes does not make and unmake it each time.
 */
export function fitsPackedWell(limits: CollectionLimits, bytes: number, entries: number): boolean {
  return bytes * 2 <= packedBytesMax(limits) && entries * 2 <= packedEntriesMax(limits)
}
