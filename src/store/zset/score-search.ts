/**
 * Finding places in the tree of a large sorted set: by rank, by score, by member, and walking from there.
 *
 * Owned by one shard's thread. One object serves many trees, one after the other, see `open`. A B+ tree whose inner nodes
 * know how many elements are below each child, so that ranks and ranges cost a descent. Entries name elements of the set's
 * `Elements` by reference; the tree reads members from there and never changes them.
 *
 *   root, in 32-bit words   | root node | levels | leaves | inner nodes |
 *
 * Invariants: entries are in the order of (score, member), equal scores by member as memcmp has it. The least element of
 * each child stands in its parent. All leaves are on level 0 and linked in order. `path` is that of the last descent.
 */
import { compareBytes } from '../../base/bytes.js'
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, wordIndexOf } from '../arena-ref.js'
import { keyLengthAt, keyWordOffset } from '../record.js'
import {
  CHILDREN,
  COUNT,
  countOf,
  INNER_BYTES,
  INNER_ELEMENTS,
  LEAF_BYTES,
  LEAF_ELEMENTS,
  NEXT,
  PREVIOUS,
  SCORES,
  SIZES,
  wordOf,
} from './score-node.js'

export const SCORE_TREE_ROOT_WORDS = 4

/** Enough for more elements than an arena can name, even if every node were all but empty. */
export const LEVELS_MAX = 16

/** What a place is sought by. */
const BY_SCORE_AND_MEMBER = 0
const BY_SCORE = 1
const BY_MEMBER = 2

export class ScoreSearch {
  /** The entry in hand, after `seek` and its like. */
  score = 0
  element = 0 as ArenaRef

  protected root = 0
  protected levels = 0
  protected leaves = 0
  protected inners = 0

  /** The nodes and places in them of the last descent, by level. */
  protected readonly pathNodes = new Int32Array(LEVELS_MAX)
  protected readonly pathIndexes = new Int32Array(LEVELS_MAX)

  private rootWords: Int32Array = new Int32Array(SCORE_TREE_ROOT_WORDS)
  private rootAt = 0
  private leaf = 0
  private index = 0

  private soughtBy = BY_SCORE
  private soughtScore = 0
  private soughtBytes: Uint8Array = new Uint8Array(0)
  private soughtOffset = 0
  private soughtLength = 0
  /** Whether what is equal to what is sought lies before the place. */
  private afterEqual = false

  constructor(protected readonly arena: Arena) {}

  /** Stands on the tree whose root begins at this word; zeros are an empty one. */
  open(words: Int32Array, at: number): void {
    this.rootWords = words
    this.rootAt = at
    this.root = words[at]!
    this.levels = words[at + 1]!
    this.leaves = words[at + 2]!
    this.inners = words[at + 3]!
  }

  /** Writes the root back, after every change. */
  close(): void {
    const { rootWords, rootAt } = this
    rootWords[rootAt] = this.root
    rootWords[rootAt + 1] = this.levels
    rootWords[rootAt + 2] = this.leaves
    rootWords[rootAt + 3] = this.inners
  }

  /** What the nodes hold of the arena. */
  get nodeBytes(): number {
    return this.leaves * LEAF_BYTES + this.inners * INNER_BYTES
  }

  /** How many entries have a lower score, or with `orEqual` a lower or equal one. */
  countBelowScore(score: number, orEqual: boolean): number {
    this.soughtBy = BY_SCORE
    this.soughtScore = score
    this.afterEqual = orEqual
    return this.descendCounting()
  }

  /** How many entries have a lower member, or with `orEqual` a lower or equal one, in a tree where all scores are equal. */
  countBelowMember(buffer: Uint8Array, offset: number, length: number, orEqual: boolean): number {
    this.soughtBy = BY_MEMBER
    this.seekMember(buffer, offset, length)
    this.afterEqual = orEqual
    return this.descendCounting()
  }

  /** The rank of an entry, which must be there. The path leads to it. */
  rankOf(score: number, element: number): number {
    this.seekPast(score, element)
    const rank = this.descendCounting() - 1
    this.pathIndexes[0]!--
    return rank
  }

  /** Descends to an entry, which must be there. */
  protected descendTo(score: number, element: number): void {
    this.descendPast(score, element)
    this.pathIndexes[0]!--
  }

  /** Moves the cursor to the entry with this rank, which must be there. */
  seek(rank: number): void {
    this.descendToRank(rank)
    this.leaf = this.pathNodes[0]!
    this.index = this.pathIndexes[0]!
    this.read()
  }

  /** Moves the cursor to the entry behind. @returns false when it was on the last one */
  next(): boolean {
    const { arena } = this
    if (this.index + 1 < countOf(arena, this.leaf)) {
      this.index++
    } else {
      const next = wordOf(arena, this.leaf, NEXT)
      if (next === 0) return false
      this.leaf = next
      this.index = 0
    }
    this.read()
    return true
  }

  /** Moves the cursor to the entry before. @returns false when it was on the first one */
  previous(): boolean {
    if (this.index > 0) {
      this.index--
    } else {
      const previous = wordOf(this.arena, this.leaf, PREVIOUS)
      if (previous === 0) return false
      this.leaf = previous
      this.index = countOf(this.arena, previous) - 1
    }
    this.read()
    return true
  }

  private read(): void {
    const at = wordIndexOf(this.leaf)
    this.score = this.arena.chunkDoubles[chunkOf(this.leaf)]![(at >>> 1) + SCORES + this.index]!
    this.element = this.arena.chunkWords[chunkOf(this.leaf)]![at + LEAF_ELEMENTS + this.index]! as ArenaRef
  }

  /** Descends to the place behind all entries up to this one. */
  protected descendPast(score: number, element: number): void {
    this.seekPast(score, element)
    this.descend()
  }

  private seekPast(score: number, element: number): void {
    const words = this.arena.chunkWords[chunkOf(element)]!
    const at = wordIndexOf(element)
    const keyAt = at + keyWordOffset(words[at + 1]!)
    this.soughtBy = BY_SCORE_AND_MEMBER
    this.soughtScore = score
    this.seekMember(this.arena.chunkBytes[chunkOf(element)]!, keyAt << 2, keyLengthAt(words, at))
    this.afterEqual = true
  }

  /** Descends to the entry with this rank. */
  protected descendToRank(rank: number): void {
    const { arena, pathNodes, pathIndexes } = this
    let node = this.root
    let left = rank
    for (let level = this.levels - 1; level > 0; level--) {
      const words = arena.chunkWords[chunkOf(node)]!
      const at = wordIndexOf(node)
      let child = 0
      for (let size = words[at + SIZES]!; left >= size; size = words[at + SIZES + child]!) {
        left -= size
        child++
      }
      pathNodes[level] = node
      pathIndexes[level] = child
      node = words[at + CHILDREN + child]!
    }
    pathNodes[0] = node
    pathIndexes[0] = left
  }

  /** Descends to the place behind the last entry. */
  protected descendToEnd(): void {
    const { arena, pathNodes, pathIndexes } = this
    let node = this.root
    for (let level = this.levels - 1; level > 0; level--) {
      const child = countOf(arena, node) - 1
      pathNodes[level] = node
      pathIndexes[level] = child
      node = wordOf(arena, node, CHILDREN + child)
    }
    pathNodes[0] = node
    pathIndexes[0] = countOf(arena, node)
  }

  private seekMember(buffer: Uint8Array, offset: number, length: number): void {
    this.soughtBytes = buffer
    this.soughtOffset = offset
    this.soughtLength = length
  }

  /** Descends to the place before which all entries are that lie before what is sought. */
  private descend(): void {
    const { arena, pathNodes, pathIndexes } = this
    let node = this.root
    for (let level = this.levels - 1; level > 0; level--) {
      // The place is in the last child whose least element lies before it, if only at that child's end.
      const place = this.placeIn(node, INNER_ELEMENTS)
      const child = place === 0 ? 0 : place - 1
      pathNodes[level] = node
      pathIndexes[level] = child
      node = wordOf(arena, node, CHILDREN + child)
    }
    pathNodes[0] = node
    pathIndexes[0] = node === 0 ? 0 : this.placeIn(node, LEAF_ELEMENTS)
  }

  /** As `descend`. @returns how many entries lie before the place */
  private descendCounting(): number {
    this.descend()
    const { arena, pathNodes, pathIndexes } = this
    let rank = pathIndexes[0]!
    for (let level = this.levels - 1; level > 0; level--) {
      const node = pathNodes[level]!
      const words = arena.chunkWords[chunkOf(node)]!
      const sizes = wordIndexOf(node) + SIZES
      for (let i = pathIndexes[level]! - 1; i >= 0; i--) rank += words[sizes + i]!
    }
    return rank
  }

  /** The first entry of a node that does not lie before what is sought. */
  private placeIn(node: number, elements: number): number {
    const words = this.arena.chunkWords[chunkOf(node)]!
    const doubles = this.arena.chunkDoubles[chunkOf(node)]!
    const at = wordIndexOf(node)
    const scores = (at >>> 1) + SCORES
    const count = words[at + COUNT]!
    let low = 0
    if (this.soughtBy !== BY_MEMBER) {
      const sought = this.soughtScore
      let high = count
      // By score alone, which is in one place: only among equal scores is there more to look at.
      while (low < high) {
        const middle = (low + high) >>> 1
        if (doubles[scores + middle]! < sought) low = middle + 1
        else high = middle
      }
      if (low === count || doubles[scores + low] !== sought) return low
    }
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBefore(doubles[scores + middle]!, words[at + elements + middle]!)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether an entry, which is no lower in score, lies before what is sought. */
  private isBefore(score: number, element: number): boolean {
    if (this.soughtBy !== BY_MEMBER && score !== this.soughtScore) return false
    if (this.soughtBy === BY_SCORE) return this.afterEqual
    const words = this.arena.chunkWords[chunkOf(element)]!
    const at = wordIndexOf(element)
    const order = compareBytes(
      this.arena.chunkBytes[chunkOf(element)]!,
      (at + keyWordOffset(words[at + 1]!)) << 2,
      keyLengthAt(words, at),
      this.soughtBytes,
      this.soughtOffset,
      this.soughtLength,
    )
    return this.afterEqual ? order <= 0 : order < 0
  }
}
