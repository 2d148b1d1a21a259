/**
 * The size classes of the arena: which block sizes there are, and how many pages a slab of each takes.
 *
 * Runs on every thread that has an arena; constants computed once, never changed. Sizes are counted in units of 8
 * bytes, the unit of an `ArenaRef`.
 *
 * Invariants: class 0 does not exist; the sizes rise with the class; up to 256 bytes every multiple of 8 is a size, so
 * that a record of 56 bytes costs 56; above there are eight sizes to each doubling, so that at most 1/9 of a block is
 * unused.
 */

import { UNIT_BYTES } from './arena-ref.js'
import { PAGE_BYTES } from './chunks.js'

const FINE_UNITS_MAX = 32
const FINE_SHIFT = 5
const STEPS_SHIFT = 3

/** 128 KiB: above it a run of whole pages wastes no more than a size class would. */
export const CLASS_UNITS_MAX = 16384

/** A slab holds at least this many blocks, so that the rest at its end is a ninth of it or less. */
const SLAB_BLOCKS_MIN = 8

/** The class that serves a block of `units`, from 1 to `CLASS_UNITS_MAX`. */
export function classOfUnits(units: number): number {
  if (units <= FINE_UNITS_MAX) return units
  const last = units - 1
  const doubling = 31 - Math.clz32(last)
  const step = (last >>> (doubling - STEPS_SHIFT)) & ((1 << STEPS_SHIFT) - 1)
  return FINE_UNITS_MAX + ((doubling - FINE_SHIFT) << STEPS_SHIFT) + step + 1
}

export const CLASS_COUNT = classOfUnits(CLASS_UNITS_MAX) + 1

/** The block size of each class in units. */
export const CLASS_UNITS = new Int32Array(CLASS_COUNT)

/** The pages of a slab of each class: a power of two. */
export const CLASS_SLAB_PAGES = new Int32Array(CLASS_COUNT)

/** How many blocks a slab of each class holds. */
export const CLASS_SLAB_BLOCKS = new Int32Array(CLASS_COUNT)

for (let sizeClass = 1; sizeClass < CLASS_COUNT; sizeClass++) {
  let units = sizeClass
  if (sizeClass > FINE_UNITS_MAX) {
    const coarse = sizeClass - FINE_UNITS_MAX - 1
    const doubling = (coarse >>> STEPS_SHIFT) + FINE_SHIFT
    const step = (coarse & ((1 << STEPS_SHIFT) - 1)) + 1
    units = ((1 << STEPS_SHIFT) + step) << (doubling - STEPS_SHIFT)
  }
  const bytes = units * UNIT_BYTES
  let pages = 1
  while (pages * PAGE_BYTES < bytes * SLAB_BLOCKS_MIN) pages *= 2
  CLASS_UNITS[sizeClass] = units
  CLASS_SLAB_PAGES[sizeClass] = pages
  CLASS_SLAB_BLOCKS[sizeClass] = Math.floor((pages * PAGE_BYTES) / bytes)
}
