/**
 * The inner blocks of an ordered index by stream ID, see id-tree.ts: the way from the root to a leaf, and what changes
 * along it when a leaf is split or taken out.
 *
 * Owned by one shard's thread. Invariant: `path` and `taken` are the way that `findLeaf` went last, which is good until the
 * next change of the tree.
 */
import { type Arena, ArenaFullError } from '../arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import { STREAM_ID_WORDS, StreamId } from './stream-id.js'

const CHILDREN_MAX = 32

/** 32 to the power of these levels is more than an arena can hold. */
const LEVELS_MAX = 8

const HEADER_WORDS = 1
const CHILD_WORDS = STREAM_ID_WORDS + 1
const INNER_BYTES = (HEADER_WORDS + CHILDREN_MAX * CHILD_WORDS) * 4

const LEVEL_SHIFT = 16
const COUNT_MASK = 0xffff

/** The least ID of a block that is being linked. Of no tree for longer than a call. */
const separator = new StreamId()

export abstract class IdTreeLevels {
  /** The words that hold the tree's state, which begins at `ownerAt`. */
  protected owner: Int32Array = new Int32Array(2)
  protected ownerAt = 0

  /** The blocks from the root to the leaf, and which child of each was taken. */
  protected readonly path = new Int32Array(LEVELS_MAX)
  protected readonly taken = new Int32Array(LEVELS_MAX)
  protected levels = 0

  /** Blocks for a split: first a leaf, then one for each inner block that must be split. */
  protected readonly spare = new Int32Array(LEVELS_MAX)

  constructor(protected readonly arena: Arena) {}

  /** How many blocks the tree has, and how many bytes of the arena they take. Looks at every block but the leaves. */
  measure(): { blocks: number; bytes: number } {
    if (this.root === NO_REF) return { blocks: 0, bytes: 0 }
    return this.measureBlock(this.root)
  }

  private measureBlock(ref: ArenaRef): { blocks: number; bytes: number } {
    const words = this.arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    const bytes = this.arena.usableSize(ref)
    const level = words[at]! >>> LEVEL_SHIFT
    if (level === 0) return { blocks: 1, bytes }
    const sum = { blocks: 1, bytes }
    const count = words[at]! & COUNT_MASK
    for (let i = 0; i < count; i++) {
      const child = words[at + HEADER_WORDS + i * CHILD_WORDS + STREAM_ID_WORDS]! as ArenaRef
      if (level === 1) {
        sum.blocks++
        sum.bytes += this.arena.usableSize(child)
      } else {
        const below = this.measureBlock(child)
        sum.blocks += below.blocks
        sum.bytes += below.bytes
      }
    }
    return sum
  }

  protected get root(): ArenaRef {
    return this.owner[this.ownerAt]! as ArenaRef
  }

  protected setRoot(ref: ArenaRef): void {
    this.owner[this.ownerAt] = ref
  }

  protected setSize(size: number): void {
    this.owner[this.ownerAt + 1] = size
  }

  /** How many entries or children a block has. */
  protected countOf(block: ArenaRef): number {
    return this.arena.chunkWords[chunkOf(block)]![wordIndexOf(block)]! & COUNT_MASK
  }

  /** Whether a block is a leaf. */
  protected isLeaf(block: ArenaRef): boolean {
    return this.arena.chunkWords[chunkOf(block)]![wordIndexOf(block)]! >>> LEVEL_SHIFT === 0
  }

  protected childOf(inner: ArenaRef, index: number): ArenaRef {
    const words = this.arena.chunkWords[chunkOf(inner)]!
    return words[wordIndexOf(inner) + HEADER_WORDS + index * CHILD_WORDS + STREAM_ID_WORDS]! as ArenaRef
  }

  /** The leaf where an ID is or belongs, in a tree that is not empty. */
  protected findLeaf(id: StreamId): ArenaRef {
    let ref = this.root
    let depth = 0
    while (!this.isLeaf(ref)) {
      const words = this.arena.chunkWords[chunkOf(ref)]!
      const at = wordIndexOf(ref)
      let low = 1
      let high = words[at]! & COUNT_MASK
      while (low < high) {
        const middle = (low + high) >>> 1
        if (id.compareAt(words, at + HEADER_WORDS + middle * CHILD_WORDS) >= 0) low = middle + 1
        else high = middle
      }
      this.path[depth] = ref
      this.taken[depth++] = low - 1
      ref = words[at + HEADER_WORDS + (low - 1) * CHILD_WORDS + STREAM_ID_WORDS]! as ArenaRef
    }
    this.path[depth] = ref
    this.levels = depth + 1
    return ref
  }

  /** Allocates a new block for each full block on the way up from the leaf, into `spare`. @returns how many */
  protected allocateForSplit(leafBytes: number): number {
    const { arena, spare, path } = this
    let blocks = 0
    try {
      spare[blocks] = arena.allocate(leafBytes)
      blocks++
      for (let depth = this.levels - 2; depth >= -1; depth--) {
        if (depth >= 0 && this.countOf(path[depth]! as ArenaRef) < CHILDREN_MAX) break
        spare[blocks] = arena.allocate(INNER_BYTES)
        blocks++
      }
    } catch (error) {
      if (!(error instanceof ArenaFullError)) throw error
      while (blocks > 0) arena.free(spare[--blocks]! as ArenaRef)
      throw error
    }
    return blocks
  }

  /** Puts a new block with this least ID behind the one that was split, and splits upwards with the blocks in `spare`. */
  protected insertChild(child: ArenaRef, idWords: Int32Array, idAt: number, blocks: number): void {
    const { arena, path, taken, spare } = this
    separator.load(idWords, idAt)
    let ref = child
    let used = 1
    for (let depth = this.levels - 2; depth >= 0; depth--) {
      const inner = path[depth]! as ArenaRef
      const words = arena.chunkWords[chunkOf(inner)]!
      const at = wordIndexOf(inner)
      const index = taken[depth]! + 1
      const count = words[at]! & COUNT_MASK
      if (count < CHILDREN_MAX) {
        this.putChild(words, at, index, ref)
        return
      }
      // As with leaves, a full last block is left full where the tree grows at its end.
      const kept = index === count ? count : count >>> 1
      const right = spare[used++]! as ArenaRef
      const target = arena.chunkWords[chunkOf(right)]!
      const to = wordIndexOf(right)
      const level = words[at]! & ~COUNT_MASK
      const source = at + HEADER_WORDS + kept * CHILD_WORDS
      for (let i = 0; i < (count - kept) * CHILD_WORDS; i++) target[to + HEADER_WORDS + i] = words[source + i]!
      target[to] = level | (count - kept)
      words[at] = level | kept
      if (index > kept || kept === count) {
        this.putChild(target, to, index - kept, ref)
      } else {
        this.putChild(words, at, index, ref)
      }
      separator.load(target, to + HEADER_WORDS)
      ref = right
    }
    const root = spare[blocks - 1]! as ArenaRef
    const words = arena.chunkWords[chunkOf(root)]!
    const at = wordIndexOf(root)
    words[at] = (this.levels << LEVEL_SHIFT) | 1
    words.fill(0, at + HEADER_WORDS, at + HEADER_WORDS + STREAM_ID_WORDS)
    words[at + HEADER_WORDS + STREAM_ID_WORDS] = this.root
    this.putChild(words, at, 1, ref)
    this.setRoot(root)
  }

  /** Inserts a child with the ID in `separator`. */
  private putChild(words: Int32Array, at: number, index: number, child: ArenaRef): void {
    const count = words[at]! & COUNT_MASK
    const place = at + HEADER_WORDS + index * CHILD_WORDS
    words.copyWithin(place + CHILD_WORDS, place, at + HEADER_WORDS + count * CHILD_WORDS)
    separator.save(words, place)
    words[place + STREAM_ID_WORDS] = child
    words[at]!++
  }

  /** Takes the child that the way down takes at this depth out of its block, and upwards what became empty. */
  protected removeChild(from: number): void {
    const { arena, path, taken } = this
    for (let depth = from; depth >= 0; depth--) {
      const inner = path[depth]! as ArenaRef
      const words = arena.chunkWords[chunkOf(inner)]!
      const at = wordIndexOf(inner)
      const count = words[at]! & COUNT_MASK
      if (count > 1) {
        const place = at + HEADER_WORDS + taken[depth]! * CHILD_WORDS
        words.copyWithin(place, place + CHILD_WORDS, at + HEADER_WORDS + count * CHILD_WORDS)
        words[at]!--
        this.lowerRoot()
        return
      }
      arena.free(inner)
    }
    this.setRoot(NO_REF)
  }

  /** A root with one child is none: the child takes its place. */
  private lowerRoot(): void {
    for (;;) {
      const root = this.root
      const words = this.arena.chunkWords[chunkOf(root)]!
      const at = wordIndexOf(root)
      if (words[at]! >>> LEVEL_SHIFT === 0 || (words[at]! & COUNT_MASK) > 1) return
      this.setRoot(words[at + HEADER_WORDS + STREAM_ID_WORDS]! as ArenaRef)
      this.arena.free(root)
    }
  }
}
