/**
 * An ordered index by stream ID in the arena: a B+ tree whose leaves hold, for each ID, some words of the user's own.
 *
 * Owned by one shard's thread. One object serves many trees, one after the other: `open` stands on the tree whose state
 * lies in two words of its owner, and every change writes them at once. In between it is a cursor over the entries.
 *
 *   state   | root block | entries |                                      0 and 0: an empty tree has no block
 *   leaf    | count | next leaf | previous leaf | entry ... |             entry = | ID, 4 words | payload |
 *   inner   | level 16, count 16 | child ... |                            child = | ID, 4 words | block |
 *
 * Invariants: the IDs below a child are not less than its ID, but for the first child of a block, whose ID means nothing;
 * they are less than the next child's. No block is empty. A block of a tree with more than one level has room for all it
 * may ever hold; the only block of a small tree grows with it. IDs come mostly in order, so a full last leaf is left full
 * and a new one is begun. Blocks are merged only where that is cheap: the tree may be sparse, but not emptier than its
 * count of blocks. A call that fails for lack of memory has changed nothing.
 */
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import { IdTreeLevels } from './id-tree-levels.js'
import { STREAM_ID_WORDS, StreamId } from './stream-id.js'

/** How many words of its owner a tree takes. */
export const TREE_STATE_WORDS = 2

export const LEAF_ENTRIES_MAX = 64
/** A leaf with so few entries looks for a neighbour to merge with. */
const LEAF_ENTRIES_SPARSE = LEAF_ENTRIES_MAX / 4
/** Merged leaves have room left, so that they are not split again at once. */
const LEAF_ENTRIES_MERGED_MAX = (LEAF_ENTRIES_MAX * 3) / 4

const NEXT = 1
const PREVIOUS = 2
const LEAF_HEADER_WORDS = 3

/** The ID that a way down is sought for: of no tree for longer than a call. */
const sought = new StreamId()

export class IdTree extends IdTreeLevels {
  /** The leaf of the entry in hand, as words, and the entry's place in it. Invalid after `insert` or `remove` of others. */
  words: Int32Array = new Int32Array(0)
  at = 0

  private readonly entryWords: number
  private leaf: ArenaRef = NO_REF
  private index = 0
  private count = 0

  constructor(
    arena: Arena,
    private readonly payloadWords: number,
  ) {
    super(arena)
    this.entryWords = STREAM_ID_WORDS + payloadWords
  }

  /** Stands on the tree whose state begins at this word, on none of its entries. */
  open(owner: Int32Array, at: number): void {
    this.owner = owner
    this.ownerAt = at
    this.leaf = NO_REF
  }

  get size(): number {
    return this.owner[this.ownerAt + 1]! >>> 0
  }

  /** Where the payload of the entry in hand begins in `words`. */
  get payloadAt(): number {
    return this.at + STREAM_ID_WORDS
  }

  /** Puts the ID of the entry in hand into `id`. */
  readId(id: StreamId): StreamId {
    return id.load(this.words, this.at)
  }

  /** Moves to the first entry. @returns false in an empty tree, as the others below */
  first(): boolean {
    let ref = this.root
    if (ref === NO_REF) return false
    while (!this.isLeaf(ref)) ref = this.childOf(ref, 0)
    this.enter(ref)
    return this.stand(0)
  }

  last(): boolean {
    let ref = this.root
    if (ref === NO_REF) return false
    while (!this.isLeaf(ref)) ref = this.childOf(ref, this.countOf(ref) - 1)
    this.enter(ref)
    return this.stand(this.count - 1)
  }

  next(): boolean {
    if (this.index + 1 < this.count) return this.stand(this.index + 1)
    const ref = this.words[this.blockAt + NEXT]! as ArenaRef
    if (ref === NO_REF) return false
    this.enter(ref)
    return this.stand(0)
  }

  previous(): boolean {
    if (this.index > 0) return this.stand(this.index - 1)
    const ref = this.words[this.blockAt + PREVIOUS]! as ArenaRef
    if (ref === NO_REF) return false
    this.enter(ref)
    return this.stand(this.count - 1)
  }

  /** Moves to the entry with this ID. */
  find(id: StreamId): boolean {
    if (this.root === NO_REF) return false
    this.enter(this.findLeaf(id))
    const index = this.position(id)
    return index < this.count && this.isAt(index, id) && this.stand(index)
  }

  /** Moves to the first entry whose ID is not less than this one. */
  seekCeiling(id: StreamId): boolean {
    if (this.root === NO_REF) return false
    this.enter(this.findLeaf(id))
    const index = this.position(id)
    if (index < this.count) return this.stand(index)
    // Everything in the leaf is less, and what follows is not.
    this.stand(this.count - 1)
    return this.next()
  }

  /** Moves to the last entry whose ID is not greater than this one. */
  seekFloor(id: StreamId): boolean {
    if (this.root === NO_REF) return false
    this.enter(this.findLeaf(id))
    const index = this.position(id)
    if (index < this.count && this.isAt(index, id)) return this.stand(index)
    this.stand(index)
    return this.previous()
  }

  /**
   * Inserts an ID and stands on it; its payload is zeros.
   * @returns false when it is there already, and stands on that
   * @throws ArenaFullError
   */
  insert(id: StreamId): boolean {
    if (this.root === NO_REF) {
      const ref = this.arena.allocate((LEAF_HEADER_WORDS + this.entryWords) * 4)
      this.clearLeaf(ref)
      this.setRoot(ref)
    }
    this.enter(this.findLeaf(id))
    const index = this.position(id)
    if (index < this.count && this.isAt(index, id)) {
      this.stand(index)
      return false
    }
    if (this.count < this.capacity) this.openGap(index)
    else if (this.count < LEAF_ENTRIES_MAX) this.growLeaf(index)
    else this.splitLeaf(index, id)
    id.save(this.words, this.at)
    this.words.fill(0, this.payloadAt, this.payloadAt + this.payloadWords)
    this.setSize(this.size + 1)
    return true
  }

  /** Removes the entry in hand; the cursor stands on none afterwards. */
  remove(): void {
    const { count } = this
    if (count <= LEAF_ENTRIES_SPARSE) this.findPath()
    this.closeGap()
    if (count === 1) this.removeLeaf()
    else if (count <= LEAF_ENTRIES_SPARSE && this.levels > 1) this.mergeLeaf()
    this.setSize(this.size - 1)
    this.leaf = NO_REF
  }

  /** The leaf in hand, for `openLeaf`. */
  get leafRef(): ArenaRef {
    return this.leaf
  }

  /** How many entries of the leaf in hand come from the one in hand on. */
  get entriesAhead(): number {
    return this.count - this.index
  }

  get indexInLeaf(): number {
    return this.index
  }

  /** Moves to an entry of a leaf that was in hand before, when the tree has not changed since. */
  openLeaf(ref: ArenaRef, index: number): void {
    this.enter(ref)
    this.stand(index)
  }

  /** Takes the first leaf out, with all its entries; for a tree that is being given up. @returns false when none is left */
  dropFirstLeaf(): boolean {
    if (!this.first()) return false
    const dropped = this.count
    this.findPath()
    this.removeLeaf()
    this.setSize(this.size - dropped)
    this.leaf = NO_REF
    return this.root !== NO_REF
  }

  /** Gives all blocks back. What payloads refer to is the caller's to free before. */
  clear(): void {
    while (this.dropFirstLeaf());
  }

  /** Where the leaf in hand begins in `words`. */
  private get blockAt(): number {
    return wordIndexOf(this.leaf)
  }

  /** How many entries the leaf in hand has room for. */
  private get capacity(): number {
    const words = this.arena.usableSize(this.leaf) >>> 2
    return Math.min(LEAF_ENTRIES_MAX, Math.floor((words - LEAF_HEADER_WORDS) / this.entryWords))
  }

  private enter(ref: ArenaRef): void {
    this.leaf = ref
    this.words = this.arena.chunkWords[chunkOf(ref)]!
    this.count = this.words[wordIndexOf(ref)]!
  }

  private stand(index: number): true {
    this.index = index
    this.at = this.blockAt + LEAF_HEADER_WORDS + index * this.entryWords
    return true
  }

  private isAt(index: number, id: StreamId): boolean {
    return id.compareAt(this.words, this.blockAt + LEAF_HEADER_WORDS + index * this.entryWords) === 0
  }

  /** How many entries of the leaf in hand have a smaller ID. */
  private position(id: StreamId): number {
    const { words, entryWords } = this
    const base = this.blockAt + LEAF_HEADER_WORDS
    let low = 0
    let high = this.count
    // What is sought most is the end.
    if (high > 0 && id.compareAt(words, base + (high - 1) * entryWords) > 0) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (id.compareAt(words, base + middle * entryWords) > 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Finds the way down to the entry in hand. */
  private findPath(): void {
    this.findLeaf(this.readId(sought))
  }

  private clearLeaf(ref: ArenaRef): void {
    const words = this.arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    words[at] = 0
    words[at + NEXT] = NO_REF
    words[at + PREVIOUS] = NO_REF
  }

  /** Makes room for an entry in the leaf in hand, which has it, and stands there. */
  private openGap(index: number): void {
    const { words, entryWords, count } = this
    this.stand(index)
    const end = this.blockAt + LEAF_HEADER_WORDS + count * entryWords
    if (index < count) words.copyWithin(this.at + entryWords, this.at, end)
    this.setCount(count + 1)
  }

  private closeGap(): void {
    const { words, entryWords, count, at } = this
    const end = this.blockAt + LEAF_HEADER_WORDS + count * entryWords
    words.copyWithin(at, at + entryWords, end)
    this.setCount(count - 1)
  }

  private setCount(count: number): void {
    this.words[this.blockAt] = count
    this.count = count
  }

  /** Moves the leaf in hand, the only one of its tree, to a larger block, and makes room for an entry. */
  private growLeaf(index: number): void {
    const { arena, count, entryWords, leaf, words } = this
    const entries = Math.min(LEAF_ENTRIES_MAX, count * 2)
    const larger = arena.allocate((LEAF_HEADER_WORDS + entries * entryWords) * 4)
    const from = this.blockAt
    const to = wordIndexOf(larger)
    const target = arena.chunkWords[chunkOf(larger)]!
    for (let i = 0, length = LEAF_HEADER_WORDS + count * entryWords; i < length; i++) target[to + i] = words[from + i]!
    this.setRoot(larger)
    arena.free(leaf)
    this.enter(larger)
    this.openGap(index)
  }

  private linkNext(leaf: ArenaRef, next: ArenaRef): void {
    if (leaf !== NO_REF) this.arena.chunkWords[chunkOf(leaf)]![wordIndexOf(leaf) + NEXT] = next
  }

  private linkPrevious(leaf: ArenaRef, previous: ArenaRef): void {
    if (leaf !== NO_REF) this.arena.chunkWords[chunkOf(leaf)]![wordIndexOf(leaf) + PREVIOUS] = previous
  }

  /** Splits the full leaf in hand, and makes room for an entry at what was `index` in it. */
  private splitLeaf(index: number, id: StreamId): void {
    const { entryWords, words, count } = this
    const left = this.leaf
    const from = this.blockAt
    const next = words[from + NEXT]! as ArenaRef
    const blocks = this.allocateForSplit((LEAF_HEADER_WORDS + LEAF_ENTRIES_MAX * entryWords) * 4)
    const right = this.spare[0]! as ArenaRef
    this.clearLeaf(right)
    const target = this.arena.chunkWords[chunkOf(right)]!
    const to = wordIndexOf(right)
    const kept = index === count && next === NO_REF ? count : count >>> 1
    const moved = (count - kept) * entryWords
    const source = from + LEAF_HEADER_WORDS + kept * entryWords
    for (let i = 0; i < moved; i++) target[to + LEAF_HEADER_WORDS + i] = words[source + i]!
    words[from] = kept
    target[to] = count - kept
    target[to + NEXT] = next
    target[to + PREVIOUS] = left
    words[from + NEXT] = right
    this.linkPrevious(next, right)
    if (moved === 0) id.save(target, to + LEAF_HEADER_WORDS)
    this.insertChild(right, target, to + LEAF_HEADER_WORDS, blocks)
    if (index > kept || moved === 0) {
      this.enter(right)
      this.openGap(index - kept)
    } else {
      this.enter(left)
      this.openGap(index)
    }
  }

  /** Takes the leaf that `path` leads to out of the tree, and gives back whatever became empty with it. */
  private removeLeaf(): void {
    const { arena, path } = this
    const leaf = path[this.levels - 1]! as ArenaRef
    const words = arena.chunkWords[chunkOf(leaf)]!
    const at = wordIndexOf(leaf)
    const next = words[at + NEXT]! as ArenaRef
    const previous = words[at + PREVIOUS]! as ArenaRef
    this.linkNext(previous, next)
    this.linkPrevious(next, previous)
    arena.free(leaf)
    this.removeChild(this.levels - 2)
  }

  /** Merges the leaf that `path` leads to, which has few entries, with a neighbour of the same parent that has room. */
  private mergeLeaf(): void {
    const depth = this.levels - 2
    const parent = this.path[depth]! as ArenaRef
    const children = this.countOf(parent)
    const index = this.taken[depth]!
    // The one in front of the two takes the entries of the other.
    for (let front = index; front >= 0 && front >= index - 1; front--) {
      if (front + 1 >= children) continue
      const left = this.childOf(parent, front)
      const right = this.childOf(parent, front + 1)
      const sum = this.countOf(left) + this.countOf(right)
      if (sum > LEAF_ENTRIES_MERGED_MAX) continue
      this.appendLeaf(left, right)
      this.taken[depth] = front + 1
      this.path[depth + 1] = right
      this.removeLeaf()
      return
    }
  }

  private appendLeaf(left: ArenaRef, right: ArenaRef): void {
    const { arena, entryWords } = this
    const source = arena.chunkWords[chunkOf(right)]!
    const target = arena.chunkWords[chunkOf(left)]!
    const from = wordIndexOf(right)
    const to = wordIndexOf(left)
    const start = to + LEAF_HEADER_WORDS + target[to]! * entryWords
    const length = source[from]! * entryWords
    for (let i = 0; i < length; i++) target[start + i] = source[from + LEAF_HEADER_WORDS + i]!
    target[to] = target[to]! + source[from]!
  }
}
