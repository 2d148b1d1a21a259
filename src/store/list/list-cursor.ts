/**
 * A place in a list, whatever the list is kept as: moves from element to element and reads them.
 *
 * Owned by one shard's thread. `open` stands on the list of the key in hand, and `goTo` on one of its elements. Any edit of
 * the list and any move of its record end that. `listpack` reads what the cursor stands in: the record's value, a node's, or
 * a decompressed copy of one. Positions are those of that listpack; in a node of one plain element it is 0.
 */
import { copyBytes, equalBytes } from '../../base/bytes.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF } from '../arena-ref.js'
import { LISTPACK_FIRST, Listpack } from '../listpack.js'
import type { RecordCursor } from '../record-cursor.js'
import { Encoding } from '../value-type.js'
import type { Chain } from './chain.js'
import { BYTES, COMPRESSED, ENTRIES, FORM, PLAIN, START } from './node.js'
import { readCompressed } from './node-storage.js'

const HELD_BYTES_MIN = 256
/** What a longer element has needed is let go with the next shorter one. */
const HELD_BYTES_KEPT_MAX = 1024 * 1024

export class ListCursor {
  readonly listpack = new Listpack()
  /** How many elements the list has. */
  length = 0
  /** The node in hand, `NO_REF` where the list is one record. */
  node: ArenaRef = NO_REF
  position = 0
  /** Whether the node in hand holds one element as it is. */
  isPlain = false

  /** What `hold` has kept, `heldLength` bytes. */
  held = new Uint8Array(HELD_BYTES_MIN)
  heldLength = 0

  private isChain = false
  /** Where compressed nodes are read. */
  private decompressed = new Uint8Array(0)
  /** What `seekFor` was told; encoded it is what was put. */
  private soughtBytes: Uint8Array = this.held
  private soughtOffset = 0
  private soughtLength = 0

  constructor(private readonly chain: Chain) {}

  /** Stands on the list of the key in hand, at no element yet. */
  open(record: RecordCursor): void {
    const { listpack } = this
    this.node = NO_REF
    this.isPlain = false
    this.isChain = record.encoding === Encoding.quicklist
    if (this.isChain) {
      this.chain.open(record)
      this.length = this.chain.elements
    } else {
      listpack.stand(record.bytes, record.valueOffset)
      this.length = listpack.count
    }
  }

  /** Goes to the element with this index, which must exist, from the nearer end of the list. */
  goTo(index: number): void {
    const { listpack } = this
    if (!this.isChain) {
      this.position = listpack.seek(index)
      return
    }
    const { chain, length } = this
    const fromHead = index * 2 < length
    let node = chain.end(fromHead)
    let rest = fromHead ? index : length - 1 - index
    let entries = chain.field(node, ENTRIES)
    while (rest >= entries) {
      rest -= entries
      node = chain.inward(node, fromHead)
      entries = chain.field(node, ENTRIES)
    }
    this.enter(node)
    this.position = this.isPlain ? 0 : listpack.seek(fromHead ? rest : entries - 1 - rest)
  }

  /** Goes to the next element. @returns false at the last */
  forward(): boolean {
    const { listpack } = this
    if (!this.isPlain) {
      const next = listpack.next(this.position)
      if (!listpack.isEnd(next)) {
        this.position = next
        return true
      }
    }
    if (!this.isChain) return false
    const node = this.chain.next(this.node)
    if (node === NO_REF) return false
    this.enter(node)
    this.position = this.isPlain ? 0 : LISTPACK_FIRST
    return true
  }

  /** Goes to the element before this one. @returns false at the first */
  backward(): boolean {
    const { listpack } = this
    if (!this.isPlain && this.position !== LISTPACK_FIRST) {
      this.position = listpack.previous(this.position)
      return true
    }
    if (!this.isChain) return false
    const node = this.chain.previous(this.node)
    if (node === NO_REF) return false
    this.enter(node)
    this.position = this.isPlain ? 0 : listpack.previous(listpack.end)
    return true
  }

  /** Reads the element in hand into the listpack's fields. */
  readElement(): void {
    if (this.isPlain) this.listpack.readPlain(this.chain.field(this.node, BYTES))
    else this.listpack.read(this.position)
  }

  /** Reads the element in hand and keeps a copy of it, which edits do not touch. */
  hold(): void {
    const { listpack } = this
    this.readElement()
    const { valueLength } = listpack
    const { length } = this.held
    if (valueLength > HELD_BYTES_KEPT_MAX) {
      if (valueLength > length) this.held = new Uint8Array(valueLength)
    } else if (valueLength > length || length > HELD_BYTES_KEPT_MAX) {
      this.held = new Uint8Array(Math.max(HELD_BYTES_MIN, valueLength * 2))
    }
    copyBytes(listpack.valueBytes, listpack.valueOffset, this.held, 0, valueLength)
    this.heldLength = valueLength
  }

  /** Says what `isSought` compares with. It must stay where it is as long. */
  seekFor(buffer: Uint8Array, offset: number, length: number): void {
    const { listpack } = this
    this.soughtBytes = buffer
    this.soughtOffset = offset
    this.soughtLength = length
    listpack.clearPut()
    listpack.put(buffer, offset, length)
  }

  /** Whether the element in hand is the one sought. */
  isSought(): boolean {
    const { listpack } = this
    if (!this.isPlain) return listpack.isPut(this.position)
    const { soughtBytes, soughtOffset, soughtLength } = this
    if (this.chain.field(this.node, BYTES) !== soughtLength) return false
    return equalBytes(listpack.bytes, listpack.base, soughtBytes, soughtOffset, soughtLength)
  }

  /** Whether the node in hand has the element sought. */
  hasSought(): boolean {
    return this.isPlain ? this.isSought() : this.listpack.find(LISTPACK_FIRST, 1) >= 0
  }

  /** Puts what is sought into another listpack's reach. */
  putSoughtInto(pack: Listpack): void {
    pack.clearPut()
    pack.put(this.soughtBytes, this.soughtOffset, this.soughtLength)
  }

  /** Stands on a node, at no element yet. */
  enter(node: ArenaRef): void {
    const { listpack, chain } = this
    const form = chain.field(node, FORM)
    this.node = node
    this.isPlain = (form & PLAIN) !== 0
    this.position = 0
    if ((form & COMPRESSED) === 0) {
      listpack.stand(chain.arena.chunkBytes[chunkOf(node)]!, byteIndexOf(node) + chain.field(node, START))
      return
    }
    const contentBytes = chain.field(node, BYTES)
    if (contentBytes > this.decompressed.length) this.decompressed = new Uint8Array(contentBytes * 2)
    readCompressed(chain, node, this.decompressed, 0)
    listpack.stand(this.decompressed, 0)
  }
}
