/**
 * The tree of a large sorted set as it is changed: entries come and go, nodes divide and merge.
 *
 * Owned by one shard's thread; see score-search.ts for what it looks like. Invariants: no node is empty. A change that
 * fails for lack of memory has changed nothing: the nodes that it may need are allocated first.
 */
import { type ArenaRef, chunkOf, wordIndexOf } from '../arena-ref.js'
import {
  CHILDREN,
  capacityAt,
  clearNode,
  countOf,
  INNER_BYTES,
  LEAF_BYTES,
  linkLeaf,
  moveEntries,
  NEXT,
  SIZES,
  setChild,
  setCount,
  setLeafEntry,
  setLeast,
  unlinkLeaf,
  wordOf,
} from './score-node.js'
import { LEVELS_MAX, ScoreSearch } from './score-search.js'

/** Nodes with fewer entries than a third look for a neighbour to merge with, */
const SPARSE_DIVISOR = 3
/** and merge if both together leave a quarter free, so that the next insertion does not divide them again. */
const MERGED_QUARTERS_MAX = 3

export class ScoreTree extends ScoreSearch {
  /** Nodes for the insertion in hand: the leaf's, then those of the levels above. */
  private readonly spares = new Int32Array(LEVELS_MAX)

  /**
   * Adds an entry that is not there.
   * @throws ArenaFullError before anything was changed
   */
  insert(score: number, element: ArenaRef): void {
    if (this.root !== 0) this.descendPast(score, element)
    this.insertHere(score, element)
  }

  /**
   * Adds an entry that comes behind all others, which is for the caller to know.
   * @throws ArenaFullError before anything was changed
   */
  append(score: number, element: ArenaRef): void {
    if (this.root !== 0) this.descendToEnd()
    this.insertHere(score, element)
  }

  /** Removes an entry that is there. */
  remove(score: number, element: ArenaRef): void {
    this.descendTo(score, element)
    this.removeHere(1)
  }

  /**
   * Gives an entry that is there another score, which must differ.
   * @throws ArenaFullError before anything was changed
   */
  move(score: number, element: ArenaRef, newScore: number): void {
    this.insert(newScore, element)
    this.remove(score, element)
  }

  /**
   * Moves the cursor to the entry with this rank, which must be there.
   * @returns how many entries, up to `countMax`, stand in its node from there on: so many can `removeSought` take
   */
  seekSome(rank: number, countMax: number): number {
    this.seek(rank)
    return Math.min(countMax, countOf(this.arena, this.pathNodes[0]!) - this.pathIndexes[0]!)
  }

  /** Removes so many entries from where `seekSome` went on. Nothing may have been changed since, but `next` may come. */
  removeSought(removed: number): void {
    this.removeHere(removed)
  }

  /** Gives up the last leaf of a tree that is on its way out. @returns how many entries it had */
  dropLastLeaf(): number {
    this.descendToEnd()
    const removed = this.pathIndexes[0]!
    this.pathIndexes[0] = 0
    this.removeHere(removed)
    return removed
  }

  get isEmpty(): boolean {
    return this.root === 0
  }

  private insertHere(score: number, element: ArenaRef): void {
    this.reserve()
    const { arena, pathNodes, pathIndexes } = this
    if (this.levels === 0) {
      this.root = this.spares[0]!
      this.levels = 1
      pathNodes[0] = this.root
      pathIndexes[0] = 0
    }
    const added = this.makeRoom(0)
    setLeafEntry(arena, pathNodes[0]!, pathIndexes[0]!, score, element)
    this.ascend(added)
  }

  /** Brings the nodes above a leaf that has got an entry up to date. `added`: the leaf that was divided off, or 0 */
  private ascend(addedLeaf: number): void {
    const { arena, pathNodes, pathIndexes, levels } = this
    let added = addedLeaf
    for (let level = 1; level < levels; level++) {
      const node = pathNodes[level]!
      const index = pathIndexes[level]!
      // Not from the path: dividing the node below may have turned that to the new one.
      const child = wordOf(arena, node, CHILDREN + index)
      if (added === 0) {
        setLeast(arena, node, index, child, level - 1)
        this.addToSize(node, index, 1)
        continue
      }
      setChild(arena, node, index, child, level - 1)
      pathIndexes[level] = index + 1
      const divided = this.makeRoom(level)
      setChild(arena, pathNodes[level]!, pathIndexes[level]!, added, level - 1)
      added = divided
    }
    if (added === 0) return
    const root = this.spares[levels]!
    setCount(arena, root, 2)
    setChild(arena, root, 0, this.root, levels - 1)
    setChild(arena, root, 1, added, levels - 1)
    this.root = root
    this.levels = levels + 1
  }

  /**
   * Opens a gap for an entry at the path's place on a level, dividing the node if it is full. The path then leads to the
   * gap. @returns the node that was divided off and stands behind the old one, or 0
   */
  private makeRoom(level: number): number {
    const { arena, pathNodes, pathIndexes } = this
    const node = pathNodes[level]!
    const index = pathIndexes[level]!
    const count = countOf(arena, node)
    const capacity = capacityAt(level)
    if (count < capacity) {
      moveEntries(arena, level, node, index, node, index + 1, count - index)
      setCount(arena, node, count + 1)
      return 0
    }
    const added = this.spares[level]!
    // Appended entries leave full nodes behind them: sets that are filled in order take two thirds of the memory.
    const kept = index === count && wordOf(arena, pathNodes[0]!, NEXT) === 0 ? count : count >>> 1
    moveEntries(arena, level, node, kept, added, 0, count - kept)
    setCount(arena, node, kept)
    setCount(arena, added, count - kept)
    if (level === 0) linkLeaf(arena, node, added)
    if (index > kept || kept === count) {
      pathNodes[level] = added
      pathIndexes[level] = index - kept
    }
    const target = pathNodes[level]!
    const place = pathIndexes[level]!
    const targetCount = countOf(arena, target)
    moveEntries(arena, level, target, place, target, place + 1, targetCount - place)
    setCount(arena, target, targetCount + 1)
    return added
  }

  /** Allocates what an insertion at the path's place needs. */
  private reserve(): void {
    const { arena, pathNodes, levels, spares } = this
    let needed = 0
    if (levels === 0) needed = 1
    else while (needed < levels && countOf(arena, pathNodes[needed]!) === capacityAt(needed)) needed++
    // The root divides: there is a new one above.
    if (levels > 0 && needed === levels) needed++
    for (let level = 0; level < needed; level++) {
      try {
        const node = arena.allocate(level === 0 ? LEAF_BYTES : INNER_BYTES)
        clearNode(arena, node)
        spares[level] = node
      } catch (error) {
        for (let i = 0; i < level; i++) arena.free(spares[i]! as ArenaRef)
        throw error
      }
    }
    if (needed === 0) return
    this.leaves++
    this.inners += needed - 1
  }

  /** Removes entries from the path's place on, all of them in its leaf, and brings the nodes above up to date. */
  private removeHere(removed: number): void {
    const { arena, pathNodes, pathIndexes } = this
    this.closeGap(pathNodes[0]!, 0, pathIndexes[0]!, removed)
    for (let level = 1; level < this.levels; level++) {
      const node = pathNodes[level]!
      const index = pathIndexes[level]!
      const child = pathNodes[level - 1]!
      if (countOf(arena, child) === 0) {
        this.freeNode(child, level - 1)
        this.closeGap(node, level, index, 1)
        continue
      }
      setLeast(arena, node, index, child, level - 1)
      this.addToSize(node, index, -removed)
      if (this.isSparse(child, level - 1)) this.mergeChild(node, level, index)
    }
    this.dropRoots()
  }

  /** Takes away roots that have nothing to choose between. */
  private dropRoots(): void {
    const { arena } = this
    while (this.levels > 0) {
      const { root, levels } = this
      const count = countOf(arena, root)
      if (count > 1 || (count === 1 && levels === 1)) return
      this.root = count === 0 ? 0 : wordOf(arena, root, CHILDREN)
      this.levels = count === 0 ? 0 : levels - 1
      this.freeNode(root, levels - 1)
    }
  }

  private isSparse(node: number, level: number): boolean {
    return countOf(this.arena, node) * SPARSE_DIVISOR < capacityAt(level)
  }

  /** Merges a child with the one behind it or before it, if they leave enough room together. */
  private mergeChild(node: number, level: number, index: number): void {
    if (!this.mergePair(node, level, index)) this.mergePair(node, level, index - 1)
  }

  private mergePair(node: number, level: number, index: number): boolean {
    const { arena } = this
    if (index < 0 || index + 1 >= countOf(arena, node)) return false
    const left = wordOf(arena, node, CHILDREN + index)
    const right = wordOf(arena, node, CHILDREN + index + 1)
    const leftCount = countOf(arena, left)
    const rightCount = countOf(arena, right)
    if ((leftCount + rightCount) * 4 > capacityAt(level - 1) * MERGED_QUARTERS_MAX) return false
    moveEntries(arena, level - 1, right, 0, left, leftCount, rightCount)
    setCount(arena, left, leftCount + rightCount)
    this.addToSize(node, index, wordOf(arena, node, SIZES + index + 1))
    this.freeNode(right, level - 1)
    this.closeGap(node, level, index + 1, 1)
    return true
  }

  private addToSize(node: number, index: number, added: number): void {
    this.arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + SIZES + index]! += added
  }

  /** Removes entries of a node. */
  private closeGap(node: number, level: number, index: number, removed: number): void {
    const count = countOf(this.arena, node)
    moveEntries(this.arena, level, node, index + removed, node, index, count - index - removed)
    setCount(this.arena, node, count - removed)
  }

  private freeNode(node: number, level: number): void {
    if (level === 0) {
      unlinkLeaf(this.arena, node)
      this.leaves--
    } else {
      this.inners--
    }
    this.arena.free(node as ArenaRef)
  }
}
