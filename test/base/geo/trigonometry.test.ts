/** Sines that are right to the last bit, beside their series in integers of 200 bits. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { arcSine, cosine, sine } from '../../../src/base/geo/trigonometry.js'

const SCALE_BITS = 200n
const ONE = 1n << SCALE_BITS

/** A double as an integer of so many fractions. */
function scaled(value: number): bigint {
  let integer = value
  let halvings = 0
  for (; !Number.isInteger(integer); halvings++) integer *= 2
  return (BigInt(integer) << SCALE_BITS) >> BigInt(halvings)
}

/** The sum of the series of which the first term is x^power / power!. */
function series(x: bigint, power: bigint): bigint {
  const square = (x * x) >> SCALE_BITS
  let term = power === 1n ? x : ONE
  let total = term
  for (let n = power + 1n; term !== 0n && term !== -1n; n += 2n) {
    term = -((term * square) >> SCALE_BITS) / (n * (n + 1n))
    total += term
  }
  return total
}

/** How far the text of a result is from the exact one, in units of its last bit. */
function unitsOff(result: number, exact: bigint): number {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, Math.abs(result))
  bits.setBigUint64(0, bits.getBigUint64(0) + 1n)
  const unit = scaled(bits.getFloat64(0)) - scaled(Math.abs(result))
  return Number(((scaled(result) - exact) * 1000000n) / unit) / 1000000
}

const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }).filter((value) => Math.abs(value) > 1e-9)

it('rounds sines and cosines correctly', () => {
  fc.assert(
    fc.property(angle, (x) => {
      expect(Math.abs(unitsOff(sine(x), series(scaled(x), 1n)))).toBeLessThanOrEqual(0.5001)
      expect(Math.abs(unitsOff(cosine(x), series(scaled(x), 0n)))).toBeLessThanOrEqual(0.5001)
    }),
    { numRuns: 2000 },
  )
})

it('finds the nearest angle to a sine', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 0.999, noNaN: true }), (x) => {
      const result = arcSine(x)
      // An arc sine is as far off as its sine is, divided by the slope there.
      const sineOff = Number(((series(scaled(result), 1n) - scaled(x)) * 10n ** 40n) >> SCALE_BITS) / 1e40
      const off = sineOff / Math.cos(result)
      const unit = 2 ** (Math.floor(Math.log2(result)) - 52)
      expect(Math.abs(off / unit)).toBeLessThanOrEqual(0.5001)
    }),
    { numRuns: 2000 },
  )
})

it('knows the quarters', () => {
  expect(sine(0)).toBe(0)
  expect(cosine(0)).toBe(1)
  expect(sine(Math.PI / 2)).toBe(1)
  expect(cosine(Math.PI)).toBe(-1)
  expect(arcSine(0)).toBe(0)
  expect(arcSine(1)).toBe(Math.PI / 2)
})
