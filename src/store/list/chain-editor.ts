/**
 * Edits of a chain: elements come and go at its ends and in its middle, and nodes are split and joined so that they stay
 * well filled.
 *
 * Owned by one shard's thread. The chain is open, and its record does not move meanwhile. Nodes may move to other blocks in
 * any edit. Invariant: whatever may fail for lack of memory is done before the first change that could not stay as it is.
 */
import { copyBytes } from '../../base/bytes.js'
import { ArenaFullError } from '../arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF } from '../arena-ref.js'
import type { CollectionLimits } from '../collection-limits.js'
import { LISTPACK_FIRST, type Listpack } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import type { Chain } from './chain.js'
import type { ListCursor } from './list-cursor.js'
import { fitsPacked, fitsPackedWell, packedBytesMax } from './list-limits.js'
import { BYTES, ENTRIES, FORM, NODE_HEADER_BYTES, PLAIN } from './node.js'
import type { NodePack } from './node-pack.js'
import type { NodeStorage } from './node-storage.js'

export class ChainEditor {
  /** What `pack` stands on. */
  private readonly listpack: Listpack

  constructor(
    private readonly chain: Chain,
    private readonly pack: NodePack,
    private readonly storage: NodeStorage,
    private readonly limits: CollectionLimits,
  ) {
    this.listpack = pack.listpack
  }

  /**
   * Adds an element at one end.
   * @throws ArenaFullError before anything was changed
   */
  push(atHead: boolean, buffer: Uint8Array, offset: number, length: number): void {
    const { chain, pack, listpack, storage } = this
    const end = chain.end(atHead)
    if (this.encode(buffer, offset, length) && end !== NO_REF && this.admits(end)) {
      pack.standOn(storage.decompress(end))
      pack.insert(atHead ? LISTPACK_FIRST : listpack.end)
      return
    }
    chain.linkAtEnd(this.makeNode(atHead, false, buffer, offset, length), atHead)
    // The node that is in the middle now will hardly grow any more. The one at the other end may.
    if (chain.nodes > 2) storage.trim(end)
    storage.arrangeEnds()
  }

  /** Removes elements from one end; there must be more than so many. */
  removeFromEnd(fromHead: boolean, count: number): void {
    const { chain, pack, listpack, storage } = this
    let rest = count
    let end = chain.end(fromHead)
    while (rest >= chain.field(end, ENTRIES)) {
      rest -= chain.field(end, ENTRIES)
      chain.remove(end)
      end = chain.end(fromHead)
    }
    if (rest > 0) {
      pack.standOn(storage.decompress(end))
      if (fromHead) pack.cut(LISTPACK_FIRST, listpack.seek(rest), rest)
      else pack.cut(listpack.seek(-rest), listpack.end, rest)
    }
    storage.arrangeEnds()
  }

  /**
   * Inserts an element before the position in a node; with a node of one plain element 0 is before and 1 behind it.
   * @throws ArenaFullError before anything was changed that can be seen
   */
  insert(node: ArenaRef, position: number, buffer: Uint8Array, offset: number, length: number): void {
    const { pack, listpack, storage } = this
    const target = storage.decompress(node)
    const isPlain = this.isPlain(target)
    if (!isPlain) pack.standOn(target)
    const isFirst = isPlain ? position === 0 : position === LISTPACK_FIRST
    const isLast = isPlain ? position !== 0 : listpack.isEnd(position)
    const isPackable = this.encode(buffer, offset, length)
    if (isPackable && this.admits(target)) {
      pack.insert(position)
      storage.settle(pack.node)
    } else if (isFirst || isLast) {
      this.insertBeside(target, isLast, buffer, offset, length)
      storage.settle(target)
      storage.arrangeEnds()
    } else {
      this.insertInMiddle(target, position, buffer, offset, length)
      storage.arrangeEnds()
    }
  }

  /**
   * Gives the element at the position in a node another value.
   * @throws ArenaFullError before anything was changed that can be seen
   */
  set(node: ArenaRef, position: number, buffer: Uint8Array, offset: number, length: number): void {
    const { chain, pack, listpack, storage, limits } = this
    const target = storage.decompress(node)
    const isPackable = this.encode(buffer, offset, length)
    const entries = chain.field(target, ENTRIES)
    if (this.isPlain(target) || (entries === 1 && !isPackable)) {
      const fresh = this.makeNode(false, true, buffer, offset, length)
      chain.replace(target, fresh)
      storage.settle(fresh)
      return
    }
    pack.standOn(target)
    const bytesAfter = listpack.bytesWithPut - (listpack.next(position) - position)
    if (isPackable && (entries === 1 || fitsPacked(limits, bytesAfter, entries))) {
      pack.replace(position)
      storage.settle(pack.node)
      return
    }
    this.replaceByNode(target, position, buffer, offset, length)
    storage.arrangeEnds()
  }

  /**
   * Removes the elements that the cursor seeks, at most so many, from one end on.
   * @returns how many were removed
   */
  removeSought(cursor: ListCursor, countMax: number, fromHead: boolean): number {
    const { chain, storage } = this
    let removed = 0
    let node = chain.end(fromHead)
    while (node !== NO_REF && removed < countMax) {
      const following = chain.inward(node, fromHead)
      cursor.enter(node)
      if (cursor.hasSought()) {
        if (cursor.isPlain) {
          chain.remove(node)
          removed++
        } else {
          removed += this.removeSoughtFrom(node, cursor, countMax - removed, fromHead)
        }
      }
      node = following
    }
    if (removed > 0 && chain.nodes > 0) storage.arrangeEnds()
    return removed
  }

  /** Puts a node of one listpack at the end of the chain. @throws ArenaFullError before anything was changed */
  appendListpack(buffer: Uint8Array, offset: number, bytes: number, entries: number): void {
    const { chain, pack, listpack, storage } = this
    listpack.clearPut()
    listpack.putEncoded(buffer, offset + LISTPACK_FIRST, bytes - LISTPACK_EMPTY_BYTES, entries)
    chain.linkAtEnd(pack.makeNode(false, true), false)
    storage.arrangeEnds()
  }

  /** Inserts an element before or behind a whole node: into the neighbour, or into a node of its own. */
  private insertBeside(node: ArenaRef, isBehind: boolean, buffer: Uint8Array, offset: number, length: number): void {
    const { chain, pack, listpack, storage } = this
    const neighbour = isBehind ? chain.next(node) : chain.previous(node)
    if (neighbour !== NO_REF && length <= packedBytesMax(this.limits) && this.admits(neighbour)) {
      pack.standOn(storage.decompress(neighbour))
      pack.insert(isBehind ? LISTPACK_FIRST : listpack.end)
      storage.settle(pack.node)
      return
    }
    const fresh = this.makeNode(false, true, buffer, offset, length)
    chain.linkBefore(fresh, isBehind ? neighbour : node)
    storage.settle(fresh)
  }

  private insertInMiddle(node: ArenaRef, position: number, buffer: Uint8Array, offset: number, length: number): void {
    const { chain, pack, listpack } = this
    const right = this.split(node, position)
    const isPackable = this.encode(buffer, offset, length)
    if (isPackable && this.admits(node)) {
      pack.standOn(node)
      pack.insert(listpack.end)
      this.joinAround(pack.node, right)
    } else if (isPackable && this.admits(right)) {
      pack.standOn(right)
      pack.insert(LISTPACK_FIRST)
      this.joinAround(node, pack.node)
    } else {
      const fresh = this.makeNode(false, true, buffer, offset, length)
      chain.linkBefore(fresh, right)
      this.joinAround(node, right)
      this.storage.settle(fresh)
    }
  }

  /** The same as `set`, where the element does not fit into its node: it gets one of its own. */
  private replaceByNode(node: ArenaRef, position: number, buffer: Uint8Array, offset: number, length: number): void {
    const { chain, pack, listpack } = this
    const fresh = this.makeNode(false, true, buffer, offset, length)
    pack.standOn(node)
    const behind = listpack.next(position)
    if (position === LISTPACK_FIRST) {
      chain.linkBefore(fresh, node)
      pack.cut(position, behind, 1)
    } else {
      if (!listpack.isEnd(behind)) this.splitOrFree(node, behind, fresh)
      pack.standOn(node)
      chain.linkBefore(fresh, chain.next(node))
      pack.cut(position, behind, 1)
    }
    this.joinAround(fresh, fresh)
  }

  private splitOrFree(node: ArenaRef, position: number, unlinked: ArenaRef): void {
    try {
      this.split(node, position)
    } catch (error) {
      this.chain.arena.free(unlinked)
      throw error
    }
  }

  /** Moves what stands from the position on, neither all nor nothing, to a node of its own. @returns that node */
  private split(node: ArenaRef, position: number): ArenaRef {
    const { chain, pack, listpack } = this
    pack.standOn(node)
    const { end } = listpack
    let entries = 0
    for (let at = position; at < end; at = listpack.next(at)) entries++
    listpack.clearPut()
    listpack.putEncoded(listpack.bytes, listpack.base + position, end - position, entries)
    const right = pack.makeNode(false, true)
    chain.linkBefore(right, chain.next(node))
    pack.standOn(node)
    pack.cut(position, end, entries)
    return right
  }

  /** Removes what is sought from a node that has it. */
  private removeSoughtFrom(node: ArenaRef, cursor: ListCursor, countMax: number, fromHead: boolean): number {
    const { chain, pack, listpack } = this
    pack.standOn(this.storage.decompress(node))
    cursor.putSoughtInto(listpack)
    let removed = 0
    if (fromHead) {
      let at = listpack.find(LISTPACK_FIRST, 1)
      while (at >= 0 && removed < countMax) {
        pack.cut(at, listpack.next(at), 1)
        removed++
        at = listpack.find(at, 1)
      }
    } else {
      let at = listpack.previous(listpack.end)
      while (at >= 0 && removed < countMax) {
        // An edit leaves the entries before it at their positions.
        const before = listpack.previous(at)
        if (listpack.isPut(at)) {
          pack.cut(at, listpack.next(at), 1)
          removed++
        }
        at = before
      }
    }
    const rest = pack.node
    if (listpack.count === 0) chain.remove(rest)
    else this.storage.settle(fromHead ? this.joinWithPrevious(rest) : this.joinWithNext(rest))
    return removed
  }

  /** Joins the nodes from one to another, or one alone, with those around them, and compresses them where it is time. */
  private joinAround(left: ArenaRef, right: ArenaRef): void {
    const joinedRight = this.joinWithNext(right)
    const joinedLeft = this.joinWithPrevious(left === right ? joinedRight : left)
    if (left !== right) this.storage.settle(joinedRight)
    this.storage.settle(joinedLeft)
  }

  private joinWithPrevious(node: ArenaRef): ArenaRef {
    const previous = this.chain.previous(node)
    return previous !== NO_REF && this.join(previous, node) ? this.pack.node : node
  }

  private joinWithNext(node: ArenaRef): ArenaRef {
    const next = this.chain.next(node)
    return next !== NO_REF && this.join(node, next) ? this.pack.node : node
  }

  /** Moves the elements of the right node to the left one, if they have room there; the pack stands on it then. */
  private join(left: ArenaRef, right: ArenaRef): boolean {
    const { chain, pack, listpack, storage, limits } = this
    if (this.isPlain(left) || this.isPlain(right)) return false
    const bytes = chain.field(left, BYTES) + chain.field(right, BYTES) - LISTPACK_EMPTY_BYTES
    const entries = chain.field(left, ENTRIES) + chain.field(right, ENTRIES)
    if (!fitsPackedWell(limits, bytes, entries)) return false
    // Joining only saves room: where there is none to do it, the nodes stay two.
    try {
      pack.standOn(storage.decompress(right))
      const source = pack.node
      listpack.clearPut()
      listpack.putEncoded(listpack.bytes, listpack.base + LISTPACK_FIRST, listpack.end - LISTPACK_FIRST, listpack.count)
      pack.standOn(storage.decompress(left))
      pack.insert(listpack.end)
      chain.remove(source)
      return true
    } catch (error) {
      if (error instanceof ArenaFullError) return false
      throw error
    }
  }

  /** Encodes an element for a listpack. @returns false when it is too long for one */
  private encode(buffer: Uint8Array, offset: number, length: number): boolean {
    if (length > packedBytesMax(this.limits)) return false
    this.listpack.clearPut()
    this.listpack.put(buffer, offset, length)
    return true
  }

  /** Whether what was put may go into the node. */
  private admits(node: ArenaRef): boolean {
    const { chain, listpack } = this
    if (this.isPlain(node)) return false
    const bytes = chain.field(node, BYTES) + listpack.putBytes
    return fitsPacked(this.limits, bytes, chain.field(node, ENTRIES) + listpack.putEntries)
  }

  /** A node of one element, which `encode` has just seen; it is in no chain yet. @throws ArenaFullError */
  private makeNode(growsAtHead: boolean, exact: boolean, buffer: Uint8Array, offset: number, length: number): ArenaRef {
    const { chain } = this
    if (length <= packedBytesMax(this.limits)) return this.pack.makeNode(growsAtHead, exact)
    const start = NODE_HEADER_BYTES
    const node = chain.allocate(start + length, PLAIN, start, length, 1)
    copyBytes(buffer, offset, chain.arena.chunkBytes[chunkOf(node)]!, byteIndexOf(node) + start, length)
    return node
  }

  private isPlain(node: ArenaRef): boolean {
    return (this.chain.field(node, FORM) & PLAIN) !== 0
  }
}
