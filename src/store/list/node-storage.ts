/**
 * How the nodes of a chain are kept: those near the ends ready to be changed, those in the middle as small as they get.
 *
 * Owned by one shard's thread. With `list-compress-depth` n the first and the last n nodes are not compressed and all
 * others are, if it makes them smaller. Where there is no memory for another form, a node keeps the one it has: every
 * reader and every edit takes nodes in either form.
 */
import { assert } from '../../base/assert.js'
import { copyBytes } from '../../base/bytes.js'
import { lzfCompress, lzfDecompress } from '../../base/lzf.js'
import { ArenaFullError } from '../arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import type { CollectionLimits } from '../collection-limits.js'
import type { Chain } from './chain.js'
import {
  BYTES,
  COMPRESSED,
  COMPRESSED_BYTES,
  COMPRESSED_START_BYTES,
  ENTRIES,
  FORM,
  NODE_HEADER_BYTES,
  START,
} from './node.js'

/** Shorter contents are not worth the time; and those that get smaller by less than this many bytes stay as they are. */
const COMPRESS_BYTES_MIN = 48
const COMPRESS_GAIN_BYTES_MIN = 8

export class NodeStorage {
  /** Where contents are compressed to before their length is known. */
  private scratch = new Uint8Array(0)

  constructor(
    private readonly chain: Chain,
    private readonly limits: CollectionLimits,
  ) {}

  /** Gives the nodes around the ends the form of their place: after any node has come or gone. */
  arrangeEnds(): void {
    const depth = this.limits.listCompressDepth
    if (depth === 0) return
    const { chain } = this
    let { head, tail } = chain
    for (let i = 0; i < depth; i++) {
      const isOne = head === tail
      head = this.ready(head)
      tail = isOne ? head : this.ready(tail)
      if (isOne || chain.next(head) === tail) return
      head = chain.next(head)
      tail = chain.previous(tail)
    }
    const isOne = head === tail
    this.compress(head)
    if (!isOne) this.compress(tail)
  }

  /** Compresses a node that was edited, if it is far from the ends. It may be another block afterwards, but no other is. */
  settle(node: ArenaRef): void {
    const depth = this.limits.listCompressDepth
    if (depth === 0) return
    const { chain } = this
    let { head, tail } = chain
    for (let i = 0; i < depth; i++) {
      if (head === node || tail === node) return
      head = chain.next(head)
      tail = chain.previous(tail)
      if (head === NO_REF) return
    }
    this.compress(node)
  }

  /**
   * The node, not compressed: it may be another block.
   * @throws ArenaFullError before anything was changed
   */
  decompress(node: ArenaRef): ArenaRef {
    const ready = this.ready(node)
    if ((this.chain.field(ready, FORM) & COMPRESSED) !== 0) throw new ArenaFullError(this.chain.field(node, BYTES))
    return ready
  }

  /** Gives back the room of a node that will hardly grow any more. It may be another block afterwards. */
  trim(node: ArenaRef): void {
    const { chain } = this
    const { arena } = chain
    const form = chain.field(node, FORM)
    if ((form & COMPRESSED) !== 0) return
    const contentBytes = chain.field(node, BYTES)
    const start = NODE_HEADER_BYTES
    if (arena.blockBytes(start + contentBytes) >= arena.usableSize(node)) return
    const target = arena.tryAllocate(start + contentBytes)
    if (target === NO_REF) return
    chain.describe(target, form, start, contentBytes, chain.field(node, ENTRIES))
    const from = byteIndexOf(node) + chain.field(node, START)
    const bytes = arena.chunkBytes[chunkOf(target)]!
    copyBytes(arena.chunkBytes[chunkOf(node)]!, from, bytes, byteIndexOf(target) + start, contentBytes)
    chain.replace(node, target)
  }

  /** As `decompress`, but without memory for it the node stays as it is. */
  private ready(node: ArenaRef): ArenaRef {
    const { chain } = this
    const form = chain.field(node, FORM)
    if ((form & COMPRESSED) === 0) return node
    const contentBytes = chain.field(node, BYTES)
    const start = NODE_HEADER_BYTES
    const target = chain.arena.tryAllocate(start + contentBytes)
    if (target === NO_REF) return node
    chain.describe(target, form & ~COMPRESSED, start, contentBytes, chain.field(node, ENTRIES))
    readCompressed(chain, node, chain.arena.chunkBytes[chunkOf(target)]!, byteIndexOf(target) + start)
    chain.replace(node, target)
    return target
  }

  private compress(node: ArenaRef): void {
    const { chain } = this
    const { arena } = chain
    const form = chain.field(node, FORM)
    const contentBytes = chain.field(node, BYTES)
    if ((form & COMPRESSED) !== 0 || contentBytes < COMPRESS_BYTES_MIN) return
    const bytesMax = contentBytes - COMPRESS_GAIN_BYTES_MIN
    if (this.scratch.length < bytesMax) this.scratch = new Uint8Array(contentBytes * 2)
    const from = byteIndexOf(node) + chain.field(node, START)
    const length = lzfCompress(arena.chunkBytes[chunkOf(node)]!, from, contentBytes, this.scratch, 0, bytesMax)
    if (length === 0) return
    const target = arena.tryAllocate(COMPRESSED_START_BYTES + length)
    if (target === NO_REF) return
    chain.describe(target, form | COMPRESSED, COMPRESSED_START_BYTES, contentBytes, chain.field(node, ENTRIES))
    arena.chunkWords[chunkOf(target)]![wordIndexOf(target) + COMPRESSED_BYTES] = length
    const bytes = arena.chunkBytes[chunkOf(target)]!
    copyBytes(this.scratch, 0, bytes, byteIndexOf(target) + COMPRESSED_START_BYTES, length)
    chain.replace(node, target)
  }
}

/** Writes the contents of a compressed node, as long as its header says. */
export function readCompressed(chain: Chain, node: ArenaRef, to: Uint8Array, toOffset: number): void {
  const from = chain.arena.chunkBytes[chunkOf(node)]!
  const length = chain.field(node, COMPRESSED_BYTES)
  const start = byteIndexOf(node) + COMPRESSED_START_BYTES
  const isWhole = lzfDecompress(from, start, length, to, toOffset, chain.field(node, BYTES))
  assert(isWhole, 'a compressed node of a list is damaged')
}
