import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvariantError } from '../../src/base/assert.js'
import { Prng } from '../../src/base/prng.js'

const MASK = 0xffffffffn

/** The reference algorithm, written with 64-bit integers so that it shares no arithmetic with the class. */
function* reference(seed: number): Generator<number> {
  let counter = BigInt(seed) & MASK
  const s: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n]
  for (let i = 0; i < 4; i++) {
    counter = (counter + 0x9e3779b9n) & MASK
    let z = counter
    z = ((z ^ (z >> 16n)) * 0x21f0aaadn) & MASK
    z = ((z ^ (z >> 15n)) * 0x735a2d97n) & MASK
    s[i] = z ^ (z >> 15n)
  }
  const rotate = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & MASK
  for (;;) {
    yield Number((rotate((s[1] * 5n) & MASK, 7n) * 9n) & MASK)
    const t = (s[1] << 9n) & MASK
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotate(s[3], 11n)
  }
}

describe('Prng', () => {
  test('gives the sequence of xoshiro128** for every seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: -2147483648, max: 4294967295 }), (seed) => {
        const prng = new Prng(seed)
        const expected = reference(seed)
        for (let i = 0; i < 50; i++) expect(prng.nextUint32()).toBe(expected.next().value)
      }),
      { numRuns: 30 },
    )
  })

  test('the sequence of seed 1 never changes', () => {
    const prng = new Prng(1)
    expect([prng.nextUint32(), prng.nextUint32(), prng.nextUint32(), prng.nextUint32()]).toEqual([
      393288148, 2174103013, 3814759091, 2092745082,
    ])
  })

  test('below stays in its range and reaches every value about equally often', () => {
    const prng = new Prng(42)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70000; i++) counts[prng.below(7)]!++
    for (const count of counts) expect(Math.abs(count - 10000)).toBeLessThan(500)
    for (let i = 0; i < 100; i++) expect(prng.below(1)).toBe(0)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4294967296 }), (bound) => {
        const value = prng.below(bound)
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true)
      }),
    )
  })

  test('below does not prefer small results', () => {
    // With a plain remainder, 3 * 2^30 would give results below 2^30 twice as often as the others.
    const prng = new Prng(7)
    const bound = 3 * 2 ** 30
    let small = 0
    for (let i = 0; i < 30000; i++) if (prng.below(bound) < 2 ** 30) small++
    expect(Math.abs(small - 10000)).toBeLessThan(500)
  })

  test('nextFloat lies in [0, 1) and is spread evenly', () => {
    const prng = new Prng(3)
    let sum = 0
    for (let i = 0; i < 20000; i++) {
      const value = prng.nextFloat()
      expect(value >= 0 && value < 1).toBe(true)
      sum += value
    }
    expect(Math.abs(sum / 20000 - 0.5)).toBeLessThan(0.01)
  })

  test('a bound that makes no sense is an error of the program', () => {
    const prng = new Prng(1)
    for (const bound of [0, -1, Number.NaN, 4294967297]) expect(() => prng.below(bound)).toThrow(InvariantError)
  })
})
