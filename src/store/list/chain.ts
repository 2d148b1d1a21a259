/**
 * The chain of nodes that is a large list, as a doubly linked list of blocks in the arena.
 *
 * Owned by one shard's thread. `open` stands on the chain whose root is the value of a record in hand; all that is kept
 * about it is in the root and in the nodes, so that several of these objects may stand on one chain.
 *
 *   root, in 32-bit words   | first node | last node | elements | nodes |
 *
 * Invariants: the root's counts are those of the nodes; no node is empty, but between two calls of one operation. The
 * root stays where it is while the chain is open: the record must not move.
 */
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import type { RecordCursor } from '../record-cursor.js'
import { BYTES, ENTRIES, FORM, NEXT, PREVIOUS, START } from './node.js'

const HEAD = 0
const TAIL = 1
const ELEMENTS = 2
const NODES = 3

export const ROOT_BYTES = 16

export class Chain {
  private root: Int32Array = new Int32Array(ROOT_BYTES / 4)
  private rootAt = 0

  constructor(readonly arena: Arena) {}

  open(record: RecordCursor): void {
    this.root = record.words
    this.rootAt = record.valueOffset >>> 2
  }

  get head(): ArenaRef {
    return this.root[this.rootAt + HEAD]! as ArenaRef
  }

  get tail(): ArenaRef {
    return this.root[this.rootAt + TAIL]! as ArenaRef
  }

  get elements(): number {
    return this.root[this.rootAt + ELEMENTS]! >>> 0
  }

  get nodes(): number {
    return this.root[this.rootAt + NODES]! >>> 0
  }

  /** Of a node, `ENTRIES`, `BYTES`, `FORM` or `START`. */
  field(node: ArenaRef, field: number): number {
    return this.arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + field]!
  }

  next(node: ArenaRef): ArenaRef {
    return this.field(node, NEXT) as ArenaRef
  }

  previous(node: ArenaRef): ArenaRef {
    return this.field(node, PREVIOUS) as ArenaRef
  }

  /** The first or the last node. */
  end(atHead: boolean): ArenaRef {
    return atHead ? this.head : this.tail
  }

  /** The node after this one, seen from the end that is meant. */
  inward(node: ArenaRef, fromHead: boolean): ArenaRef {
    return fromHead ? this.next(node) : this.previous(node)
  }

  /**
   * A block for a node that is in no chain yet, with its header filled in but for the links.
   * @throws ArenaFullError
   */
  allocate(blockBytes: number, form: number, start: number, contentBytes: number, entries: number): ArenaRef {
    const node = this.arena.allocate(blockBytes)
    this.describe(node, form, start, contentBytes, entries)
    return node
  }

  /** Fills in the header of a block that is to become a node, but for the links. */
  describe(node: ArenaRef, form: number, start: number, contentBytes: number, entries: number): void {
    const words = this.arena.chunkWords[chunkOf(node)]!
    const at = wordIndexOf(node)
    words[at + PREVIOUS] = NO_REF
    words[at + NEXT] = NO_REF
    words[at + ENTRIES] = entries
    words[at + BYTES] = contentBytes
    words[at + FORM] = form
    words[at + START] = start
  }

  /** Puts a node before another one, `NO_REF` for the end of the chain. */
  linkBefore(node: ArenaRef, next: ArenaRef): void {
    const previous = next === NO_REF ? this.tail : this.previous(next)
    this.setField(node, PREVIOUS, previous)
    this.setField(node, NEXT, next)
    this.pointAt(node, previous, next)
    this.count(this.field(node, ENTRIES), 1)
  }

  /** Puts a node at one end of the chain. */
  linkAtEnd(node: ArenaRef, atHead: boolean): void {
    this.linkBefore(node, atHead ? this.head : NO_REF)
  }

  /** Takes a node out of the chain and gives its memory back. */
  remove(node: ArenaRef): void {
    const previous = this.previous(node)
    const next = this.next(node)
    if (previous === NO_REF) this.root[this.rootAt + HEAD] = next
    else this.setField(previous, NEXT, next)
    if (next === NO_REF) this.root[this.rootAt + TAIL] = previous
    else this.setField(next, PREVIOUS, previous)
    this.count(-this.field(node, ENTRIES), -1)
    this.arena.free(node)
  }

  /** Puts a node with the same elements in the place of another one, whose memory goes back. */
  replace(node: ArenaRef, replacement: ArenaRef): void {
    const previous = this.previous(node)
    const next = this.next(node)
    this.setField(replacement, PREVIOUS, previous)
    this.setField(replacement, NEXT, next)
    this.pointAt(replacement, previous, next)
    this.arena.free(node)
  }

  /** Elements and nodes that have come, or gone where negative. */
  count(elements: number, nodes: number): void {
    const { root, rootAt } = this
    root[rootAt + ELEMENTS] = (root[rootAt + ELEMENTS]! + elements) | 0
    root[rootAt + NODES] = (root[rootAt + NODES]! + nodes) | 0
  }

  private pointAt(node: ArenaRef, previous: ArenaRef, next: ArenaRef): void {
    if (previous === NO_REF) this.root[this.rootAt + HEAD] = node
    else this.setField(previous, NEXT, node)
    if (next === NO_REF) this.root[this.rootAt + TAIL] = node
    else this.setField(next, PREVIOUS, node)
  }

  private setField(node: ArenaRef, field: number, value: number): void {
    this.arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + field] = value
  }
}
