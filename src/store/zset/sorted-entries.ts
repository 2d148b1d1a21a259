/**
 * References to elements with their scores, put in order step by step: what a large sorted set is built from.
 *
 * Owned by one shard's thread. A merge sort from the bottom up: it can be interrupted anywhere, and costs no object an
 * entry. Invariant: entries `0..count` of `scores` and `elements` belong together.
 */
import { compareBytes } from '../../base/bytes.js'
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, wordIndexOf } from '../arena-ref.js'
import { keyLengthAt, keyWordOffset } from '../record.js'

/** Runs of so many entries are sorted by insertion, which is quicker for a few. */
const RUN = 16

/** A step of sorting looks at about so many entries. */
const STEP_ENTRIES = 256

export class SortedEntries {
  count = 0
  scores: Float64Array
  elements: Int32Array
  private otherScores: Float64Array
  private otherElements: Int32Array

  constructor(
    private readonly arena: Arena,
    capacity: number,
  ) {
    this.scores = new Float64Array(capacity)
    this.elements = new Int32Array(capacity)
    this.otherScores = new Float64Array(capacity)
    this.otherElements = new Int32Array(capacity)
  }

  add(score: number, element: ArenaRef): void {
    this.scores[this.count] = score
    this.elements[this.count++] = element
  }

  /** Sorts by score, and equal scores by member. */
  *sort(): Generator<undefined> {
    for (let from = 0; from < this.count; from += RUN) {
      this.sortRun(from, Math.min(from + RUN, this.count))
      if (from % STEP_ENTRIES === 0) yield
    }
    for (let width = RUN; width < this.count; width *= 2) yield* this.mergeRuns(width)
  }

  private sortRun(from: number, to: number): void {
    const { scores, elements } = this
    for (let i = from + 1; i < to; i++) {
      const score = scores[i]!
      const element = elements[i]!
      let place = i
      for (; place > from && this.isAfter(scores[place - 1]!, elements[place - 1]!, score, element); place--) {
        scores[place] = scores[place - 1]!
        elements[place] = elements[place - 1]!
      }
      scores[place] = score
      elements[place] = element
    }
  }

  /** Merges each two neighbouring runs of this width. */
  private *mergeRuns(width: number): Generator<undefined> {
    const { count, otherScores, otherElements } = this
    const { scores, elements } = this
    let untilYield = STEP_ENTRIES
    for (let from = 0; from < count; from += width * 2) {
      const middle = Math.min(from + width, count)
      const end = Math.min(middle + width, count)
      let left = from
      let right = middle
      for (let to = from; to < end; to++) {
        const takesRight =
          left === middle ||
          (right < end && this.isAfter(scores[left]!, elements[left]!, scores[right]!, elements[right]!))
        const taken = takesRight ? right++ : left++
        otherScores[to] = scores[taken]!
        otherElements[to] = elements[taken]!
        if (--untilYield > 0) continue
        untilYield = STEP_ENTRIES
        yield
      }
    }
    this.scores = otherScores
    this.elements = otherElements
    this.otherScores = scores
    this.otherElements = elements
  }

  private isAfter(score: number, element: number, otherScore: number, other: number): boolean {
    if (score !== otherScore) return score > otherScore
    const { arena } = this
    const words = arena.chunkWords[chunkOf(element)]!
    const at = wordIndexOf(element)
    const otherWords = arena.chunkWords[chunkOf(other)]!
    const otherAt = wordIndexOf(other)
    const order = compareBytes(
      arena.chunkBytes[chunkOf(element)]!,
      (at + keyWordOffset(words[at + 1]!)) << 2,
      keyLengthAt(words, at),
      arena.chunkBytes[chunkOf(other)]!,
      (otherAt + keyWordOffset(otherWords[otherAt + 1]!)) << 2,
      keyLengthAt(otherWords, otherAt),
    )
    return order > 0
  }
}
