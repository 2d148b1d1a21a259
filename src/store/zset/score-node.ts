/**
 * The nodes of a score tree: how their entries lie in a block of the arena, and how entries move in and between nodes.
 *
 * Owned by the thread that owns the arena; pure functions over its chunks.
 *
 *   leaf, 512 bytes     | count | previous leaf | next leaf | - | score, f64... | element... |
 *   inner, 1024 bytes   | count | -             | -         | - | score, f64... | element... | child... | size... |
 *
 * An entry of a leaf is a score and the element that has it. An entry of an inner node is a child, the number of elements
 * below it, and score and element of the least of them. So both are searched in the same way.
 *
 * Invariants: entries are in order and packed at the beginning. A block is aligned to 8 bytes, and so are its scores.
 */
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, wordIndexOf } from '../arena-ref.js'

/** Eight cache lines: a search touches three of them, an insertion moves half of them at most. */
export const LEAF_BYTES = 512
/** Sixteen: a search of 5 million elements passes three inner nodes. */
export const INNER_BYTES = 1024

const HEADER_BYTES = 16
const HEADER_WORDS = 4

export const LEAF_CAPACITY = Math.floor((LEAF_BYTES - HEADER_BYTES) / 12)
export const INNER_CAPACITY = Math.floor((INNER_BYTES - HEADER_BYTES) / 20)

// Words of the header.
export const COUNT = 0
export const PREVIOUS = 1
export const NEXT = 2

/** Where the scores begin, in doubles from the begin of the node. */
export const SCORES = HEADER_WORDS / 2
/** Where the elements begin, in words. */
export const LEAF_ELEMENTS = HEADER_WORDS + LEAF_CAPACITY * 2
export const INNER_ELEMENTS = HEADER_WORDS + INNER_CAPACITY * 2
export const CHILDREN = INNER_ELEMENTS + INNER_CAPACITY
export const SIZES = CHILDREN + INNER_CAPACITY

/** A leaf is level 0. */
export function capacityAt(level: number): number {
  return level === 0 ? LEAF_CAPACITY : INNER_CAPACITY
}

export function elementsAt(level: number): number {
  return level === 0 ? LEAF_ELEMENTS : INNER_ELEMENTS
}

/** A new node without entries. */
export function clearNode(arena: Arena, node: number): void {
  const words = arena.chunkWords[chunkOf(node)]!
  const at = wordIndexOf(node)
  words[at + COUNT] = 0
  words[at + PREVIOUS] = 0
  words[at + NEXT] = 0
}

export function countOf(arena: Arena, node: number): number {
  return arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + COUNT]!
}

/** How many elements are below a node of this level. */
export function sizeOf(arena: Arena, node: number, level: number): number {
  const words = arena.chunkWords[chunkOf(node)]!
  const at = wordIndexOf(node)
  const count = words[at + COUNT]!
  if (level === 0) return count
  let size = 0
  for (let i = 0; i < count; i++) size += words[at + SIZES + i]!
  return size
}

/**
 * Moves `moved` entries from one place to another, in one node or between two of the same level. Counts are not looked
 * at.
 */
export function moveEntries(
  arena: Arena,
  level: number,
  from: number,
  fromIndex: number,
  to: number,
  toIndex: number,
  moved: number,
): void {
  const fromDoubles = arena.chunkDoubles[chunkOf(from)]!
  const toDoubles = arena.chunkDoubles[chunkOf(to)]!
  const fromWords = arena.chunkWords[chunkOf(from)]!
  const toWords = arena.chunkWords[chunkOf(to)]!
  const fromAt = wordIndexOf(from)
  const toAt = wordIndexOf(to)
  const elements = elementsAt(level)
  const fromScores = (fromAt >>> 1) + SCORES + fromIndex
  const toScores = (toAt >>> 1) + SCORES + toIndex
  const fromElements = fromAt + elements + fromIndex
  const toElements = toAt + elements + toIndex
  // Within a node towards its end: the last entry first, so that none is overwritten before it was read.
  if (from === to && fromIndex < toIndex) {
    for (let i = moved - 1; i >= 0; i--) {
      toDoubles[toScores + i] = fromDoubles[fromScores + i]!
      toWords[toElements + i] = fromWords[fromElements + i]!
    }
  } else {
    for (let i = 0; i < moved; i++) {
      toDoubles[toScores + i] = fromDoubles[fromScores + i]!
      toWords[toElements + i] = fromWords[fromElements + i]!
    }
  }
  if (level === 0) return
  moveWords(fromWords, fromAt + CHILDREN + fromIndex, toWords, toAt + CHILDREN + toIndex, moved)
  moveWords(fromWords, fromAt + SIZES + fromIndex, toWords, toAt + SIZES + toIndex, moved)
}

function moveWords(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, moved: number): void {
  if (from === to && fromAt < toAt) for (let i = moved - 1; i >= 0; i--) to[toAt + i] = from[fromAt + i]!
  else for (let i = 0; i < moved; i++) to[toAt + i] = from[fromAt + i]!
}

/** Writes the entry of a leaf. */
export function setLeafEntry(arena: Arena, leaf: number, index: number, score: number, element: number): void {
  const at = wordIndexOf(leaf)
  arena.chunkDoubles[chunkOf(leaf)]![(at >>> 1) + SCORES + index] = score
  arena.chunkWords[chunkOf(leaf)]![at + LEAF_ELEMENTS + index] = element
}

/** Makes an entry of an inner node that of a child at `level`, or brings it up to date. */
export function setChild(arena: Arena, node: number, index: number, child: number, level: number): void {
  setLeast(arena, node, index, child, level)
  const words = arena.chunkWords[chunkOf(node)]!
  const at = wordIndexOf(node)
  words[at + CHILDREN + index] = child
  words[at + SIZES + index] = sizeOf(arena, child, level)
}

/** Brings the least element of an inner node's entry up to date. */
export function setLeast(arena: Arena, node: number, index: number, child: number, level: number): void {
  const at = wordIndexOf(node)
  const childAt = wordIndexOf(child)
  arena.chunkDoubles[chunkOf(node)]![(at >>> 1) + SCORES + index] =
    arena.chunkDoubles[chunkOf(child)]![(childAt >>> 1) + SCORES]!
  arena.chunkWords[chunkOf(node)]![at + INNER_ELEMENTS + index] =
    arena.chunkWords[chunkOf(child)]![childAt + elementsAt(level)]!
}

/** Links `leaf`, which is new, behind `before`. */
export function linkLeaf(arena: Arena, before: number, leaf: number): void {
  const next = arena.chunkWords[chunkOf(before)]![wordIndexOf(before) + NEXT]!
  const words = arena.chunkWords[chunkOf(leaf)]!
  const at = wordIndexOf(leaf)
  words[at + PREVIOUS] = before
  words[at + NEXT] = next
  arena.chunkWords[chunkOf(before)]![wordIndexOf(before) + NEXT] = leaf
  if (next !== 0) arena.chunkWords[chunkOf(next)]![wordIndexOf(next) + PREVIOUS] = leaf
}

export function unlinkLeaf(arena: Arena, leaf: number): void {
  const words = arena.chunkWords[chunkOf(leaf)]!
  const at = wordIndexOf(leaf)
  const previous = words[at + PREVIOUS]!
  const next = words[at + NEXT]!
  if (previous !== 0) arena.chunkWords[chunkOf(previous)]![wordIndexOf(previous) + NEXT] = next
  if (next !== 0) arena.chunkWords[chunkOf(next)]![wordIndexOf(next) + PREVIOUS] = previous
}

/** Reads a word of a node. */
export function wordOf(arena: Arena, node: number, word: number): ArenaRef {
  return arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + word]! as ArenaRef
}

export function setCount(arena: Arena, node: number, count: number): void {
  arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + COUNT] = count
}
