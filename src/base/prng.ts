/**
 * A small, fast pseudo-random generator with a seed: xoshiro128** 1.1 by Blackman and Vigna
 * (https://prng.di.unimi.it/), its state filled from the seed by splitmix32.
 *
 * Runs on every thread, one instance for each user of randomness. Invariant: the same seed gives the same sequence on
 * every machine and in every release, because simulations and recorded test failures depend on it.
 * It is not for secrets.
 */

import { assert } from './assert.js'

const TWO_TO_32 = 4294967296

export class Prng {
  private a = 0
  private b = 0
  private c = 0
  private d = 0

  /** @param seed any integer; only its lowest 32 bits count. */
  constructor(seed: number) {
    let state = seed | 0
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.a = next()
    this.b = next()
    this.c = next()
    // Four zeros would be a fixed point. splitmix32 is a bijection of distinct inputs, so that at most one is zero.
    this.d = next()
  }

  /** The next 32 bits as an integer from 0 to 2^32 - 1. */
  nextUint32(): number {
    const product = Math.imul(this.b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= shifted
    this.d = (this.d << 11) | (this.d >>> 21)
    return result
  }

  /** A uniformly chosen integer from 0 to `bound` - 1, for a bound from 1 to 2^32. */
  below(bound: number): number {
    assert(bound >= 1 && bound <= TWO_TO_32, 'the bound of a random integer must be between 1 and 2^32')
    // What the last, incomplete run of `bound` values would add is thrown away; otherwise small results would be
    // likelier than large ones.
    const limit = TWO_TO_32 - (TWO_TO_32 % bound)
    let value = this.nextUint32()
    while (value >= limit) value = this.nextUint32()
    return value % bound
  }

  /** A uniformly chosen number in [0, 1), a multiple of 2^-53. */
  nextFloat(): number {
    const high = this.nextUint32() >>> 5
    const low = this.nextUint32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }
}
