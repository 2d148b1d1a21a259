/**
 * Random choices from one seed, in the words that a workload is written in.
 *
 * Only used by tests.
 */
import { Prng } from '../../src/base/prng.js'

export class Choice {
  readonly #random: Prng

  constructor(seed: number) {
    this.#random = new Prng(seed)
  }

  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return this.#random.below(bound)
  }

  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.#random.below(to - from + 1)
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.#random.below(n) === 0
  }

  of<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T
  }

  /** One of the list, each as likely as its weight is large. */
  weighted<T extends { readonly weight: number }>(list: readonly T[]): T {
    let at = this.#random.nextFloat() * list.reduce((sum, { weight }) => sum + weight, 0)
    for (const item of list) {
      at -= item.weight
      if (at < 0) return item
    }
    return list[list.length - 1] as T
  }

  /** The list in a random order. */
  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list]
    for (let i = rest.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1)
      const kept = rest[i] as T
      rest[i] = rest[j] as T
      rest[j] = kept
    }
    return rest
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#random.below(256)))
  }
}
