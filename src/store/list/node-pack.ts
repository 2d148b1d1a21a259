/**
 * The listpack of a packed node in hand.
 *
 * Owned by one shard's thread. `standOn` a node whenever the one in hand may have moved. An edit may move the node to
 * another block; then this object stands on it there.
 *
 * Invariant: after `insert`, `replace` and `cut` the node's header and the chain's counts say what the listpack holds.
 */
import { copyBytes } from '../../base/bytes.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import type { CollectionLimits } from '../collection-limits.js'
import { Listpack, type ListpackRoom } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import type { Chain } from './chain.js'
import { blockBytesMax } from './list-limits.js'
import { BYTES, ENTRIES, NODE_HEADER_BYTES, START } from './node.js'

/** A new node at the end of a chain begins with a block of this size, and doubles up to the limit. */
const FRESH_BLOCK_BYTES = 1024

export class NodePack implements ListpackRoom {
  readonly listpack = new Listpack(true, this)
  node: ArenaRef = NO_REF
  private words: Int32Array = new Int32Array(0)
  /** Where the node begins in `words`. */
  private at = 0

  constructor(
    private readonly chain: Chain,
    private readonly limits: CollectionLimits,
  ) {}

  /** Stands on a node that is packed and not compressed. */
  standOn(node: ArenaRef): void {
    const { arena } = this.chain
    const chunk = chunkOf(node)
    this.node = node
    this.words = arena.chunkWords[chunk]!
    this.at = wordIndexOf(node)
    this.listpack.stand(arena.chunkBytes[chunk]!, (this.at << 2) + this.words[this.at + START]!)
  }

  /**
   * Makes a node of all that was put, with room to grow towards the end that is meant, and stands on it. It is in no
   * chain yet.
   * @param exact leave no room
   * @throws ArenaFullError
   */
  makeNode(growsAtHead: boolean, exact: boolean): ArenaRef {
    const { listpack } = this
    const { arena } = this.chain
    const contentBytes = LISTPACK_EMPTY_BYTES + listpack.putBytes
    const needed = NODE_HEADER_BYTES + contentBytes
    const roomy = Math.min(FRESH_BLOCK_BYTES, blockBytesMax(this.limits))
    const node = arena.allocate(exact ? needed : Math.max(needed, roomy))
    const start = growsAtHead ? arena.usableSize(node) - contentBytes : NODE_HEADER_BYTES
    this.chain.describe(node, 0, start, contentBytes, listpack.putEntries)
    this.standOn(node)
    listpack.writePut()
    return node
  }

  /**
   * Inserts all that was put before the entry at the position, or at the end.
   * @throws ArenaFullError before anything was changed
   */
  insert(position: number): void {
    this.listpack.insertPut(position)
    this.updateHeader()
  }

  /**
   * Replaces the entry at the position by all that was put.
   * @throws ArenaFullError before anything was changed
   */
  replace(position: number): void {
    const { listpack } = this
    listpack.replaceWithPut(position, listpack.next(position), 1)
    this.updateHeader()
  }

  /** Removes the entries between two positions, `entries` of them. */
  cut(from: number, to: number, entries: number): void {
    this.listpack.removeRange(from, to, entries)
    this.updateHeader()
  }

  /** As `ListpackRoom`. */
  splice(position: number, removed: number, inserted: number): void {
    const { listpack } = this
    const { bytes, base } = listpack
    const total = listpack.totalBytes
    const growth = inserted - removed
    const front = position
    const back = total - position - removed
    const movesFront = front < back
    if (growth > 0) {
      const begin = (this.at << 2) + NODE_HEADER_BYTES
      const end = (this.at << 2) + this.chain.arena.usableSize(this.node)
      if (total + growth > end - begin) {
        this.grow(position, removed, inserted, movesFront)
        return
      }
      if (movesFront ? base - begin < growth : end - base - total < growth) {
        // The room is on the other side: all of it comes to this one, for the next edits too.
        this.moveParts(bytes, movesFront ? end - total - growth : begin, front, back, removed, inserted)
        return
      }
    }
    if (movesFront) {
      copyBytes(bytes, base, bytes, base - growth, front)
      listpack.base = base - growth
    } else {
      copyBytes(bytes, base + position + removed, bytes, base + position + inserted, back)
    }
  }

  /** Moves the parts before and behind a change within their block, in the order in which neither overwrites the other. */
  private moveParts(
    bytes: Uint8Array,
    base: number,
    front: number,
    back: number,
    removed: number,
    inserted: number,
  ): void {
    const { listpack } = this
    const from = listpack.base
    if (base > from) {
      copyBytes(bytes, from + front + removed, bytes, base + front + inserted, back)
      copyBytes(bytes, from, bytes, base, front)
    } else {
      copyBytes(bytes, from, bytes, base, front)
      copyBytes(bytes, from + front + removed, bytes, base + front + inserted, back)
    }
    listpack.base = base
  }

  /** Moves the node to a block of twice the size up to the limit, or of the size that it needs. */
  private grow(position: number, removed: number, inserted: number, roomInFront: boolean): void {
    const { listpack, chain } = this
    const { bytes, base } = listpack
    const { arena } = chain
    const total = listpack.totalBytes
    const needed = NODE_HEADER_BYTES + total - removed + inserted
    const doubled = Math.min(arena.usableSize(this.node) * 2, blockBytesMax(this.limits))
    const node = arena.allocate(Math.max(needed, doubled))
    const start = roomInFront ? NODE_HEADER_BYTES + arena.usableSize(node) - needed : NODE_HEADER_BYTES
    const target = arena.chunkBytes[chunkOf(node)]!
    const to = byteIndexOf(node) + start
    const behind = position + removed
    copyBytes(bytes, base, target, to, position)
    copyBytes(bytes, base + behind, target, to + position + inserted, total - behind)
    chain.describe(node, 0, start, this.words[this.at + BYTES]!, this.words[this.at + ENTRIES]!)
    chain.replace(this.node, node)
    this.standOn(node)
  }

  /** Writes into the node's header and the chain's root what an edit has changed. */
  private updateHeader(): void {
    const { listpack, words, at } = this
    const entries = listpack.count
    this.chain.count(entries - words[at + ENTRIES]!, 0)
    words[at + ENTRIES] = entries
    words[at + BYTES] = listpack.totalBytes
    words[at + START] = listpack.base - (at << 2)
  }
}

/** The position of the entry with this index in a listpack that has as many, or the end for their number. */
export function positionOf(listpack: Listpack, index: number): number {
  return index === listpack.count ? listpack.end : listpack.seek(index)
}
