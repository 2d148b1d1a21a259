/**
 * Chains as a whole: written to bytes and read back, measured, and made from the listpack of a small list.
 *
 * Owned by one shard's thread. The chain is open. An image is a row of nodes:
 *
 *   | form, u8 | elements, u32 | bytes of the contents, u32 | bytes that follow, u32 | contents, compressed as in the form |
 */
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { copyBytes } from '../../base/bytes.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import type { Database } from '../database.js'
import type { RecordListpack } from '../record-listpack.js'
import { Encoding } from '../value-type.js'
import { type Chain, ROOT_BYTES } from './chain.js'
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

/** Where an image has been read or written to the end. */
const DONE = -1

export class ListImages {
  constructor(
    private readonly chain: Chain,
    private readonly record: RecordListpack,
  ) {}

  /** Writes nodes of about so many elements. A position is a node's reference, 0 the first. As `ValueKind.writeSome`. */
  write(sink: ByteSink, position: number, elementsMax: number): number {
    const { chain } = this
    let node = position === 0 ? chain.head : ((position | 0) as ArenaRef)
    let written = 0
    for (; node !== NO_REF && written < elementsMax; node = chain.next(node)) {
      const form = chain.field(node, FORM)
      const contentBytes = chain.field(node, BYTES)
      const stored = (form & COMPRESSED) === 0 ? contentBytes : chain.field(node, COMPRESSED_BYTES)
      sink.u8(form)
      sink.u32(chain.field(node, ENTRIES))
      sink.u32(contentBytes)
      sink.u32(stored)
      sink.raw(chain.arena.chunkBytes[chunkOf(node)]!, byteIndexOf(node) + chain.field(node, START), stored)
      written += chain.field(node, ENTRIES)
    }
    return node === NO_REF ? DONE : node >>> 0
  }

  /**
   * Adds nodes of about so many elements at the end of the chain.
   * @throws ArenaFullError
   */
  read(source: ByteSource, elementsMax: number): void {
    const { chain } = this
    for (let read = 0; !source.isAtEnd && read < elementsMax; ) {
      const form = source.u8()
      const entries = source.u32()
      const contentBytes = source.u32()
      const stored = source.u32()
      const from = source.raw(stored)
      const start = (form & COMPRESSED) === 0 ? NODE_HEADER_BYTES : COMPRESSED_START_BYTES
      const node = chain.allocate(start + stored, form, start, contentBytes, entries)
      if (start === COMPRESSED_START_BYTES) {
        chain.arena.chunkWords[chunkOf(node)]![wordIndexOf(node) + COMPRESSED_BYTES] = stored
      }
      copyBytes(source.bytes, from, chain.arena.chunkBytes[chunkOf(node)]!, byteIndexOf(node) + start, stored)
      chain.linkAtEnd(node, false)
      read += entries
    }
  }

  /** What the nodes take, estimated from so many of them; 0 for all. */
  memoryUsage(samples: number): number {
    const { chain } = this
    let bytes = 0
    let seen = 0
    for (let node = chain.head; node !== NO_REF && (samples === 0 || seen < samples); node = chain.next(node)) {
      bytes += chain.arena.usableSize(node)
      seen++
    }
    return seen === 0 ? 0 : (bytes / seen) * chain.nodes
  }

  /**
   * Makes the listpack that is the value of the key in hand the one node of a chain, and the record the chain's root. An
   * empty listpack becomes an empty chain.
   * @throws ArenaFullError before anything was changed
   */
  moveToNode(db: Database): void {
    const { chain, record } = this
    record.open(db)
    const { count, totalBytes: bytes } = record.listpack
    const node = count === 0 ? NO_REF : this.copyToNode(db, bytes, count)
    try {
      db.spliceValue(0, bytes, ROOT_BYTES)
    } catch (error) {
      if (node !== NO_REF) chain.arena.free(node)
      throw error
    }
    db.bytes.fill(0, db.valueOffset, db.valueOffset + ROOT_BYTES)
    db.setEncoding(Encoding.quicklist)
    chain.open(db)
    if (node !== NO_REF) chain.linkAtEnd(node, false)
  }

  private copyToNode(db: Database, bytes: number, entries: number): ArenaRef {
    const { chain } = this
    const start = NODE_HEADER_BYTES
    const node = chain.allocate(start + bytes, 0, start, bytes, entries)
    copyBytes(db.bytes, db.valueOffset, chain.arena.chunkBytes[chunkOf(node)]!, byteIndexOf(node) + start, bytes)
    return node
  }
}
