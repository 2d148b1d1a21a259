/**
 * The lists of one shard. A small list is one listpack, the value of its record; a large one is a chain of nodes, see
 * chain.ts. Both are Redis's `quicklist`.
 *
 * Owned by one shard's thread; one instance serves all lists of a keyspace. In every call the cursor of `db` stands on a
 * list, and when it returns it still does, at the record's new place, unless the list has become empty: then its key is gone.
 * Values that are passed in must not lie in the list itself, but for `ListCursor.held`.
 *
 * Invariants: no list is empty, but between `create` and the first `push`. A value within the limits (list-limits.ts) is
 * packed when it is made; what was made under other limits stays as it is until it is changed.
 */
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { copyBytes } from '../../base/bytes.js'
import { mixDigest } from '../../base/data-digest.js'
import { ArenaFullError } from '../arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF } from '../arena-ref.js'
import type { CollectionLimits } from '../collection-limits.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { LISTPACK_FIRST } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import type { PackedEntries } from '../packed-entries.js'
import { RecordListpack } from '../record-listpack.js'
import { type ValueKind, WHOLE } from '../value-kind.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { Chain, ROOT_BYTES } from './chain.js'
import { ChainEditor } from './chain-editor.js'
import { ListCursor } from './list-cursor.js'
import { ListImages } from './list-images.js'
import { fitsPacked, fitsPackedWell, packedBytesMax } from './list-limits.js'
import { BYTES, ENTRIES, FORM, START } from './node.js'
import { NodePack } from './node-pack.js'
import { NodeStorage } from './node-storage.js'

/** Gets a piece of a list: one element as it is, or a listpack. */
export type PieceVisitor = (isPlain: boolean, bytes: Uint8Array, offset: number, length: number) => void

export class Lists implements ValueKind {
  /** For whoever reads a list; edits of the list end what it stands on. */
  readonly cursor: ListCursor

  private readonly limits: CollectionLimits
  private readonly record = new RecordListpack()
  private readonly listpack = this.record.listpack
  private readonly chain: Chain
  private readonly editor: ChainEditor
  private readonly images: ListImages

  constructor(keyspace: Keyspace) {
    const { arena, limits } = keyspace
    this.limits = limits
    this.chain = new Chain(arena)
    this.cursor = new ListCursor(new Chain(arena))
    const pack = new NodePack(this.chain, limits)
    this.editor = new ChainEditor(this.chain, pack, new NodeStorage(this.chain, limits), limits)
    this.images = new ListImages(this.chain, this.record)
  }

  /** How many elements the list has. */
  length(db: Database): number {
    if (db.encoding === Encoding.listpack) {
      this.record.open(db)
      return this.listpack.count
    }
    this.chain.open(db)
    return this.chain.elements
  }

  /**
   * Makes a key that does not exist, with a list of one element.
   * @throws ArenaFullError with no key made
   */
  createWith(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const { listpack } = this
    if (this.encode(buffer, offset, length)) {
      const bytes = LISTPACK_EMPTY_BYTES + listpack.putBytes
      db.create(key, keyOffset, keyLength, ValueType.list, Encoding.listpack, bytes, NO_EXPIRY)
      this.record.open(db)
      listpack.writePut()
      return
    }
    this.createEmpty(db, key, keyOffset, keyLength, Encoding.quicklist, NO_EXPIRY)
    this.chain.open(db)
    try {
      this.editor.push(false, buffer, offset, length)
    } catch (error) {
      db.remove()
      throw error
    }
  }

  /**
   * Makes a key that does not exist, with an empty list: for whoever adds many elements next, or removes the key if that
   * fails.
   * @throws ArenaFullError
   */
  create(db: Database, key: Uint8Array, keyOffset: number, keyLength: number, expireAtMs = NO_EXPIRY): void {
    db.create(key, keyOffset, keyLength, ValueType.list, Encoding.listpack, LISTPACK_EMPTY_BYTES, expireAtMs)
    this.record.open(db)
    this.listpack.writeEmpty()
  }

  /**
   * Makes a key that does not exist, with a list of these entries.
   * @returns false, with nothing made, when they are too many for a small list
   * @throws ArenaFullError
   */
  createFromEntries(db: Database, key: Uint8Array, entries: PackedEntries, expireAtMs: number): boolean {
    const { listpack } = this
    const bytes = listpack.bytesFor(entries)
    if (entries.count === 0 || !entries.isCanonical || !this.fitsRecord(bytes, entries.count)) return false
    db.create(key, 0, key.length, ValueType.list, Encoding.listpack, bytes, expireAtMs)
    this.record.open(db)
    listpack.writeEntries(entries)
    return true
  }

  /**
   * Adds an element at one end. Not counted as a modification: a command may add many.
   * @throws ArenaFullError with the list as it was
   */
  push(db: Database, atHead: boolean, buffer: Uint8Array, offset: number, length: number): void {
    if (db.encoding === Encoding.listpack) {
      const { listpack } = this
      this.record.open(db)
      if (this.encode(buffer, offset, length) && this.fitsRecord(listpack.bytesWithPut, listpack.count + 1)) {
        listpack.insertPut(atHead ? LISTPACK_FIRST : listpack.end)
        return
      }
      this.images.moveToNode(db)
    }
    this.chain.open(db)
    this.editor.push(atHead, buffer, offset, length)
  }

  /**
   * Removes up to so many elements from one end. One modification.
   * @throws ArenaFullError with some of them removed, where a compressed node must be opened
   */
  pop(db: Database, fromHead: boolean, count: number): void {
    if (count >= this.length(db)) {
      db.remove()
      return
    }
    try {
      this.removeFromEnd(db, fromHead, count)
    } finally {
      db.modified()
    }
  }

  /**
   * Removes everything but `count` elements from the index on, which must exist; 0 for nothing left. One modification.
   * @throws ArenaFullError as `pop`
   */
  trim(db: Database, index: number, count: number): void {
    if (count === 0) {
      db.remove()
      return
    }
    const behind = this.length(db) - index - count
    try {
      if (index > 0) this.removeFromEnd(db, true, index)
      if (behind > 0) this.removeFromEnd(db, false, behind)
    } finally {
      db.modified()
    }
  }

  /**
   * Inserts an element before or behind the one that the cursor stands on. One modification.
   * @throws ArenaFullError with the list as it was
   */
  insert(db: Database, isBehind: boolean, buffer: Uint8Array, offset: number, length: number): void {
    const { listpack, cursor } = this
    let { node, position } = cursor
    if (isBehind) position = cursor.isPlain ? 1 : cursor.listpack.next(position)
    if (db.encoding === Encoding.listpack) {
      this.record.open(db)
      if (this.encode(buffer, offset, length) && this.fitsRecord(listpack.bytesWithPut, listpack.count + 1)) {
        listpack.insertPut(position)
        db.modified()
        return
      }
      // The listpack is the same in a node, and so are the positions in it.
      this.images.moveToNode(db)
      node = this.chain.head
    }
    this.chain.open(db)
    this.editor.insert(node, position, buffer, offset, length)
    db.modified()
  }

  /**
   * Gives the element that the cursor stands on another value. One modification.
   * @throws ArenaFullError with the list as it was
   */
  set(db: Database, buffer: Uint8Array, offset: number, length: number): void {
    const { listpack, cursor } = this
    let { node } = cursor
    const { position } = cursor
    if (db.encoding === Encoding.listpack) {
      this.record.open(db)
      const behind = listpack.next(position)
      const isPackable = this.encode(buffer, offset, length)
      if (isPackable && this.fitsRecord(listpack.bytesWithPut - (behind - position), listpack.count)) {
        listpack.replaceWithPut(position, behind, 1)
        db.modified()
        return
      }
      this.images.moveToNode(db)
      node = this.chain.head
    }
    this.chain.open(db)
    this.editor.set(node, position, buffer, offset, length)
    db.modified()
  }

  /**
   * Removes elements equal to a value, at most so many, from one end on. One modification if there were any.
   * @returns how many were removed
   * @throws ArenaFullError as `pop`
   */
  removeEqual(
    db: Database,
    buffer: Uint8Array,
    offset: number,
    length: number,
    countMax: number,
    fromHead: boolean,
  ): number {
    const { cursor, chain } = this
    cursor.open(db)
    cursor.seekFor(buffer, offset, length)
    let removed: number
    if (db.encoding === Encoding.listpack) {
      removed = this.removeFromRecord(db, countMax, fromHead)
      if (removed === 0) return 0
      this.record.open(db)
      if (this.listpack.count === 0) {
        db.remove()
        return removed
      }
    } else {
      chain.open(db)
      try {
        removed = this.editor.removeSought(cursor, countMax, fromHead)
      } catch (error) {
        db.modified()
        throw error
      }
      if (removed === 0) return 0
      if (chain.elements === 0) {
        db.remove()
        return removed
      }
      this.toRecordIfSmall(db)
    }
    db.modified()
    return removed
  }

  /**
   * Adds all elements of a listpack that has been checked at the list's end. Not counted as a modification.
   * @throws ArenaFullError with the list as it was or longer
   */
  appendListpack(db: Database, buffer: Uint8Array, offset: number, bytes: number): void {
    const { chain, limits } = this
    const source = this.cursor.listpack
    source.stand(buffer, offset)
    const entries = source.count
    const isWhole = fitsPacked(limits, bytes, entries) && entries > 0
    if (isWhole && (db.encoding === Encoding.quicklist || !this.fitsBehind(db, bytes, entries))) {
      if (db.encoding === Encoding.listpack) this.images.moveToNode(db)
      chain.open(db)
      this.editor.appendListpack(buffer, offset, bytes, entries)
      return
    }
    for (let at = LISTPACK_FIRST; !source.isEnd(at); at = source.next(at)) {
      source.read(at)
      this.push(db, false, source.valueBytes, source.valueOffset, source.valueLength)
    }
  }

  /**
   * The pieces of the list in their order: `visit` gets whether a piece is one element as it is, else it is a listpack; and
   * where its bytes lie, until the next piece.
   */
  visitPieces(db: Database, visit: PieceVisitor): void {
    if (db.encoding === Encoding.listpack) {
      visit(false, db.bytes, db.valueOffset, db.valueLength)
      return
    }
    this.visitSomePieces(db, 0, WHOLE, visit)
  }

  /**
   * Visits pieces of about so many elements of a list that is not flat.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or -1 when all were visited
   */
  visitSomePieces(db: Database, position: number, elementsMax: number, visit: PieceVisitor): number {
    const { cursor, chain } = this
    cursor.open(db)
    chain.open(db)
    let node = position === 0 ? chain.head : ((position | 0) as ArenaRef)
    for (let left = elementsMax; node !== NO_REF && left > 0; node = chain.next(node)) {
      cursor.enter(node)
      visit(cursor.isPlain, cursor.listpack.bytes, cursor.listpack.base, chain.field(node, BYTES))
      left -= chain.field(node, ENTRIES)
    }
    return node === NO_REF ? -1 : node >>> 0
  }

  /** How many pieces `visitPieces` visits. */
  pieceCount(db: Database): number {
    if (db.encoding === Encoding.listpack) return 1
    this.chain.open(db)
    return this.chain.nodes
  }

  elementCount(db: Database): number {
    return this.length(db)
  }

  encodingName(_db: Database): string {
    return 'quicklist'
  }

  memoryUsage(db: Database, samples: number): number {
    this.chain.open(db)
    return this.images.memoryUsage(samples)
  }

  /** A node counts as one element: it is one block to give back, whatever is in it. */
  freeSome(db: Database, elementsMax: number): boolean {
    const { chain } = this
    chain.open(db)
    for (let freed = 0; chain.nodes > 0; freed++) {
      if (freed >= elementsMax) return false
      chain.remove(chain.head)
    }
    return true
  }

  addToDigest(db: Database, digest: Uint8Array): void {
    const { cursor } = this
    cursor.open(db)
    cursor.goTo(0)
    do {
      cursor.readElement()
      const { valueBytes, valueOffset, valueLength } = cursor.listpack
      mixDigest(digest, valueBytes.subarray(valueOffset, valueOffset + valueLength))
    } while (cursor.forward())
  }

  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number {
    this.chain.open(db)
    return this.images.write(sink, position, elementsMax)
  }

  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    db.create(key, keyOffset, keyLength, ValueType.list, encoding, ROOT_BYTES, expireAtMs)
  }

  readSome(db: Database, source: ByteSource, elementsMax: number): void {
    this.chain.open(db)
    this.images.read(source, elementsMax)
  }

  /** Encodes an element for the record's listpack. @returns false when it is too long for one */
  private encode(buffer: Uint8Array, offset: number, length: number): boolean {
    const { listpack } = this
    if (length > packedBytesMax(this.limits)) return false
    listpack.clearPut()
    listpack.put(buffer, offset, length)
    return true
  }

  private fitsRecord(bytes: number, entries: number): boolean {
    return fitsPacked(this.limits, bytes, entries)
  }

  /** Whether the record's listpack can take in another one. */
  private fitsBehind(db: Database, bytes: number, entries: number): boolean {
    const { listpack } = this
    this.record.open(db)
    return this.fitsRecord(listpack.totalBytes + bytes - LISTPACK_EMPTY_BYTES, listpack.count + entries)
  }

  /** Removes fewer elements than there are. */
  private removeFromEnd(db: Database, fromHead: boolean, count: number): void {
    if (db.encoding === Encoding.listpack) {
      const { listpack } = this
      this.record.open(db)
      if (fromHead) listpack.removeRange(LISTPACK_FIRST, listpack.seek(count), count)
      else listpack.removeRange(listpack.seek(-count), listpack.end, count)
      return
    }
    this.chain.open(db)
    this.editor.removeFromEnd(fromHead, count)
    this.toRecordIfSmall(db)
  }

  private removeFromRecord(db: Database, countMax: number, fromHead: boolean): number {
    const { listpack } = this
    this.record.open(db)
    this.cursor.putSoughtInto(listpack)
    let removed = 0
    if (fromHead) {
      let at = listpack.find(LISTPACK_FIRST, 1)
      while (at >= 0 && removed < countMax) {
        listpack.remove(at, 1)
        removed++
        at = listpack.find(at, 1)
      }
      return removed
    }
    let at = listpack.previous(listpack.end)
    while (at >= 0 && removed < countMax) {
      // An edit leaves the entries before it at their positions.
      const before = listpack.previous(at)
      if (listpack.isPut(at)) {
        listpack.remove(at, 1)
        removed++
      }
      at = before
    }
    return removed
  }

  /** Makes a chain of one node that is well within the limits one record. */
  private toRecordIfSmall(db: Database): void {
    const { chain } = this
    chain.open(db)
    if (chain.nodes !== 1) return
    const node = chain.head
    const bytes = chain.field(node, BYTES)
    if (chain.field(node, FORM) !== 0 || !fitsPackedWell(this.limits, bytes, chain.field(node, ENTRIES))) return
    // It only saves room: where there is none to do it, the chain stays.
    try {
      db.spliceValue(0, ROOT_BYTES, bytes)
    } catch (error) {
      if (error instanceof ArenaFullError) return
      throw error
    }
    const from = byteIndexOf(node) + chain.field(node, START)
    copyBytes(chain.arena.chunkBytes[chunkOf(node)]!, from, db.bytes, db.valueOffset, bytes)
    db.setEncoding(Encoding.listpack)
    chain.arena.free(node)
  }
}
