/**
 * Random members of a set: several at a time, without the same one twice.
 *
 * Owned by one shard's thread. Each choice of so many members is as likely as any other.
 */
import { NumberSet } from '../../base/number-set.js'
import type { Prng } from '../../base/prng.js'
import type { MemberVisitor, OpenSet } from './open-set.js'

/**
 * From a third of the members on it is less work to go through all of them than to pick them one by one, where more and
 * more picks hit what was picked before.
 */
const WALK_FROM_PART = 3

/** Chooses members by their places in the order of a visit, and passes them on when the visit comes to them. */
class Selection implements MemberVisitor {
  /** 1 at each place that was drawn. */
  private readonly drawn: Uint8Array
  /** What is passed on: the places drawn, or if fewer are left out than are wanted, the others. */
  private readonly passed: number
  private place = 0
  private left: number

  constructor(
    size: number,
    wanted: number,
    prng: Prng,
    private readonly visitor: MemberVisitor,
  ) {
    const draws = Math.min(wanted, size - wanted)
    this.drawn = new Uint8Array(size)
    this.passed = draws === wanted ? 1 : 0
    this.left = wanted
    // Robert Floyd's way to draw so many different numbers: one that was drawn before stands for the last that is new.
    for (let last = size - draws; last < size; last++) {
      const place = prng.below(last + 1)
      this.drawn[this.drawn[place] === 0 ? place : last] = 1
    }
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.drawn[this.place++] !== this.passed) return true
    this.left--
    return this.visitor.member(bytes, offset, length) && this.left > 0
  }
}

/** Visits `count` different members of the set, which must have more than that. They stay in it. */
export function visitSample(set: OpenSet, count: number, prng: Prng, visitor: MemberVisitor): void {
  const { size } = set
  if (set.isPacked || count * WALK_FROM_PART > size) {
    set.visit(new Selection(size, count, prng, visitor))
    return
  }
  const chosen = new NumberSet(count)
  let left = count
  while (left > 0) {
    set.pick()
    if (!chosen.add(set.pickedReference)) continue
    left--
    if (!visitor.member(set.pickedBytes, set.pickedOffset, set.pickedLength)) return
  }
}

/** Visits `count` members, each chosen from all of them: the same one may come again. */
export function visitPicks(set: OpenSet, count: number, visitor: MemberVisitor): void {
  for (let i = 0; i < count; i++) {
    set.pick()
    if (!visitor.member(set.pickedBytes, set.pickedOffset, set.pickedLength)) return
  }
}
