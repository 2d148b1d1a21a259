/**
 * How many different elements the registers of a HyperLogLog stand for.
 *
 * Used by the thread that owns the arena. Invariant: every operation is done on doubles in Redis's order, so that both
 * estimate the same number.
 *
 * Algorithm: O. Ertl, New cardinality estimation algorithms for HyperLogLog sketches, arXiv:1702.01284.
 */
import { REGISTER_VALUE_MAX, REGISTERS } from './layout.js'

/** 1 / (2 ln 2) */
const ALPHA = 0.7213475204444817

/** What Redis has for a number that 63 bits cannot hold: registers that no hash can reach lead there. */
const OUT_OF_RANGE = -(2 ** 63)

/** How many registers have each value: 6 bits can hold more of them than a hash can lead to. */
const histogram = new Int32Array(64)

/** The estimate from all registers, one a byte: an int64 as a double. */
export function estimateCardinality(registers: Uint8Array): number {
  histogram.fill(0)
  for (let i = 0; i < REGISTERS; i++) {
    const value = registers[i]!
    histogram[value] = histogram[value]! + 1
  }
  const m = REGISTERS
  let z = m * tau((m - histogram[REGISTER_VALUE_MAX]!) / m)
  for (let value = REGISTER_VALUE_MAX - 1; value >= 1; value--) {
    z += histogram[value]!
    z *= 0.5
  }
  z += m * sigma(histogram[0]! / m)
  const estimate = Math.round((ALPHA * m * m) / z)
  return estimate < 2 ** 63 ? estimate : OUT_OF_RANGE
}

function sigma(share: number): number {
  if (share === 1) return Infinity
  let x = share
  let y = 1
  let z = x
  let before = 0
  do {
    x *= x
    before = z
    z += x * y
    y += y
  } while (before !== z)
  return z
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let x = share
  let y = 1
  let z = 1 - x
  let before = 0
  do {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
  } while (before !== z)
  return z / 3
}
