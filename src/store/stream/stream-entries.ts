/**
 * A walk through the entries of a stream between two IDs, from the first to the last or back; deleted entries are passed
 * over.
 *
 * Owned by one shard's thread; one object makes one walk after the other. The stream must not change on the way, but for
 * `Streams` itself, which begins anew after it has deleted an entry.
 */
import { copyBytes } from '../../base/bytes.js'
import type { Arena } from '../arena.js'
import { type ArenaRef, byteIndexOf, chunkOf } from '../arena-ref.js'
import { IdTree } from './id-tree.js'
import { StreamId } from './stream-id.js'
import { StreamNode } from './stream-node.js'
import type { StreamRoot } from './stream-root.js'

export class StreamEntries {
  /** The index of nodes, and the node of the entry in hand. */
  readonly nodes: IdTree
  readonly node: StreamNode
  /** Where the entry in hand begins in its node. */
  position = 0

  private readonly start = new StreamId()
  private readonly end = new StreamId()
  private isReverse = false
  /** How large nodes get, see `StreamNode.openNode`. */
  private bytesWanted = 0
  /** The next node is to be opened. */
  private beforeNode = true
  private atEnd = true
  /** Forwards: where the rest of the entry in hand begins, and how many elements it has. Backwards: where to go on from. */
  private at = 0
  private elements = 0
  private masterFieldAt = 0

  constructor(private readonly arena: Arena) {
    this.nodes = new IdTree(arena, 1)
    this.node = new StreamNode(arena)
  }

  /** The ID of the entry in hand. */
  get id(): StreamId {
    return this.node.entryId
  }

  get fieldCount(): number {
    return this.node.fieldCount
  }

  /** Stands on a stream, before any entry of it. */
  open(root: StreamRoot, bytesWanted: number): void {
    this.nodes.open(root.words, root.nodesAt)
    this.bytesWanted = bytesWanted
    this.atEnd = true
  }

  /** Begins a walk through the entries from one ID to another, both included. `next` moves to the first of them. */
  walk(start: StreamId, end: StreamId, isReverse: boolean): void {
    this.start.copy(start)
    this.end.copy(end)
    this.isReverse = isReverse
    this.beforeNode = true
    this.atEnd = isReverse ? !this.nodes.seekFloor(end) : !(this.nodes.seekFloor(start) || this.nodes.first())
  }

  /** Moves to the next entry of the walk. @returns false at its end */
  next(): boolean {
    return this.isReverse ? this.nextBackwards() : this.nextForwards()
  }

  /** Moves to the entry with this ID. */
  find(id: StreamId): boolean {
    this.walk(id, id, false)
    return this.next()
  }

  /** Moves to the first entry of the stream. */
  first(): boolean {
    this.walk(this.start.setMin(), this.end.setMax(), false)
    return this.next()
  }

  /** Moves to the last entry of the stream. */
  last(): boolean {
    this.walk(this.start.setMin(), this.end.setMax(), true)
    return this.next()
  }

  /**
   * Puts the block of a node into the index.
   * @throws ArenaFullError after the block was given back
   */
  addNode(id: StreamId, ref: ArenaRef): void {
    const { nodes } = this
    try {
      nodes.insert(id)
    } catch (error) {
      this.arena.free(ref)
      throw error
    }
    nodes.words[nodes.payloadAt] = ref
  }

  /**
   * Adds a node with these bytes, which must be a node's (`checkStreamNode`), and opens it. The root is not looked after.
   * @throws ArenaFullError
   */
  addNodeBytes(id: StreamId, bytes: Uint8Array, offset: number, length: number): void {
    const { arena } = this
    const ref = arena.allocate(length)
    copyBytes(bytes, offset, arena.chunkBytes[chunkOf(ref)]!, byteIndexOf(ref), length)
    this.addNode(id, ref)
    this.openNode()
  }

  /** Takes the node that `nodes` stands on out of the index and gives it back. */
  removeNode(): void {
    const { nodes } = this
    this.arena.free(nodes.words[nodes.payloadAt]! as ArenaRef)
    nodes.remove()
  }

  /** Opens the node that `nodes` stands on. */
  openNode(): void {
    const { node, nodes } = this
    nodes.readId(node.masterId)
    node.openNode(nodes.words, nodes.payloadAt, this.bytesWanted)
  }

  /** Reads the next field of the entry in hand into the fields of the node's listpack; a `readValue` must follow. */
  readField(): void {
    if (this.node.hasMasterFields) {
      const { listpack } = this.node
      listpack.read(this.masterFieldAt)
      this.masterFieldAt = listpack.next(this.masterFieldAt)
    } else {
      this.readElement()
    }
  }

  /** Reads the value of the field read last. */
  readValue(): void {
    this.readElement()
  }

  private readElement(): void {
    const { listpack } = this.node
    listpack.read(this.at)
    this.at = listpack.next(this.at)
    this.elements--
  }

  private nextForwards(): boolean {
    const { node } = this
    for (;;) {
      if (this.beforeNode) {
        if (this.atEnd) return false
        this.openNode()
        this.beforeNode = false
        this.at = node.seekEntry(node.firstEntryAt, this.start)
        this.elements = 0
      }
      const position = node.skip(this.at, this.elements)
      if (node.listpack.isEnd(position)) {
        this.beforeNode = true
        this.atEnd = !this.nodes.next()
        continue
      }
      node.openEntry(position)
      this.at = node.elementsAt
      this.elements = node.elementsAhead
      if (node.isDeleted) continue
      if (node.entryId.compare(this.end) > 0) return this.finish()
      this.position = position
      this.masterFieldAt = node.masterFieldsAt
      return true
    }
  }

  private nextBackwards(): boolean {
    const { node } = this
    for (;;) {
      if (this.beforeNode) {
        if (this.atEnd) return false
        this.openNode()
        this.beforeNode = false
        this.position = node.listpack.end
      }
      const position = node.entryBefore(this.position)
      if (position < 0) {
        this.beforeNode = true
        this.atEnd = !this.nodes.previous()
        continue
      }
      this.position = position
      node.openEntry(position)
      if (node.isDeleted || node.entryId.compare(this.end) > 0) continue
      if (node.entryId.compare(this.start) < 0) return this.finish()
      this.at = node.elementsAt
      this.elements = node.elementsAhead
      this.masterFieldAt = node.masterFieldsAt
      return true
    }
  }

  private finish(): false {
    this.beforeNode = true
    this.atEnd = true
    return false
  }
}
