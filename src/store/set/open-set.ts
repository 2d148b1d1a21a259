/**
 * One set in hand, whatever its encoding: its members are asked for, added, removed and visited through this.
 *
 * Owned by one shard's thread. One object stands on one set after the other (`open`), and several may stand on several
 * sets at a time: what only reads needs nothing of the database's cursor after `open`.
 *
 *   intset      record's value is an intset        only integers, up to set-max-intset-entries
 *   listpack    record's value is a listpack       up to set-max-listpack-entries members of set-max-listpack-value bytes
 *   hashtable   root in the record's value         the members are elements without a value
 *
 * Invariants: for a change the database's cursor must stand on the set's key, and does so afterwards. A call that fails
 * for lack of memory (`ArenaFullError`) has changed no member. Nothing here counts as a modification, and a set that has
 * become empty is for the caller to remove.
 */
import { assert } from '../../base/assert.js'
import type { Database } from '../database.js'
import { ELEMENTS_ROOT_BYTES, ELEMENTS_ROOT_WORDS, Elements, rootWordOf } from '../elements.js'
import type { Keyspace } from '../keyspace.js'
import { LISTPACK_FIRST } from '../listpack.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import { RecordListpack } from '../record-listpack.js'
import { WHOLE } from '../value-kind.js'
import { Encoding, ValueType } from '../value-type.js'
import { RecordIntset } from './record-intset.js'

/** Takes members one by one. It must not change the set that they are of. */
export interface MemberVisitor {
  /** @param bytes only good until the return. @returns false to end the visit */
  member(bytes: Uint8Array, offset: number, length: number): boolean
}

/** Position of a visit that is over. */
export const VISITED = -1

export class OpenSet {
  /** The member that `pick` has picked; good until the next call. */
  pickedBytes: Uint8Array = new Uint8Array(0)
  pickedOffset = 0
  pickedLength = 0

  private db: Database | null = null
  private encoding: number = Encoding.intset
  private readonly ints = new RecordIntset()
  private readonly record = new RecordListpack()
  private readonly pack = this.record.listpack
  private readonly elements: Elements
  /** The root of elements that are no value yet. */
  private readonly draftRoot = new Int32Array(ELEMENTS_ROOT_WORDS)

  /** Index in the intset or position in the listpack of what `pick` has picked. */
  private pickedPlace = 0
  private visitor: MemberVisitor | null = null
  private visitedCount = 0
  private isStopped = false
  private readonly visitElement = (elements: Elements): boolean => this.pass(elements)

  constructor(private readonly keyspace: Keyspace) {
    this.elements = new Elements(keyspace)
  }

  /** Stands on the set that is the value in hand. */
  open(db: Database): this {
    this.db = db
    this.encoding = db.encoding
    if (db.encoding === Encoding.hashtable) this.elements.open(db.words, rootWordOf(db.valueOffset))
    else if (db.encoding === Encoding.intset) this.ints.open(db)
    else this.record.open(db)
    return this
  }

  /**
   * Makes a key that does not exist, with a set of one member, and stands on it.
   * @param expected how many members will follow, about: a set that will be large is not made small first
   * @throws ArenaFullError before anything was changed
   */
  create(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    expireAtMs: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    expected: number,
  ): void {
    const { ints, pack } = this
    const { limits } = this.keyspace
    if (limits.setMaxIntsetEntries > 0 && ints.seek(bytes, offset, length)) {
      db.create(key, keyOffset, keyLength, ValueType.set, Encoding.intset, ints.bytesOfSought, expireAtMs)
      this.open(db)
      ints.writeOnlySought()
    } else if (this.fitsListpack(expected, length)) {
      pack.clearPut()
      pack.put(bytes, offset, length)
      const packBytes = LISTPACK_EMPTY_BYTES + pack.putBytes
      db.create(key, keyOffset, keyLength, ValueType.set, Encoding.listpack, packBytes, expireAtMs)
      this.open(db)
      pack.writePut()
    } else {
      this.beginDraft()
      try {
        this.draft(bytes, offset, length)
        db.create(key, keyOffset, keyLength, ValueType.set, Encoding.hashtable, ELEMENTS_ROOT_BYTES, expireAtMs)
      } catch (error) {
        this.dropDraft()
        throw error
      }
      this.takeDraft(db)
    }
  }

  /** So many members will be there: a large set gets room for them at once. Without memory for that it is as it was. */
  reserve(members: number): void {
    if (this.encoding !== Encoding.hashtable) return
    this.elements.reserve(members)
    this.elements.close()
  }

  /** How many members there are. */
  get size(): number {
    if (this.encoding === Encoding.hashtable) return this.elements.size
    return this.encoding === Encoding.intset ? this.ints.count : this.pack.count
  }

  /** Whether the set is small and packed, so that working through all of it is little work. */
  get isPacked(): boolean {
    return this.encoding !== Encoding.hashtable
  }

  has(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.encoding === Encoding.hashtable) return this.elements.find(bytes, offset, length)
    if (this.encoding === Encoding.intset) return this.ints.seek(bytes, offset, length) && this.ints.find()
    return this.search(bytes, offset, length) >= 0
  }

  /**
   * Adds a member. The set's encoding changes when it does not fit any more.
   * @returns false when it was there
   * @throws ArenaFullError
   */
  add(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.encoding === Encoding.intset) {
      const { ints } = this
      if (ints.seek(bytes, offset, length)) {
        if (ints.find()) return false
        if (ints.count < this.keyspace.limits.setMaxIntsetEntries) {
          ints.insert()
          return true
        }
      }
      if (this.fitsListpack(ints.count + 1, length)) this.convertToListpack()
      else this.convertToHashtable()
    }
    if (this.encoding === Encoding.listpack) {
      const { pack } = this
      if (this.search(bytes, offset, length) >= 0) return false
      if (this.fitsListpack(pack.count + 1, length)) {
        if (pack.putEntries === 0) pack.put(bytes, offset, length)
        pack.insertPut(pack.end)
        return true
      }
      this.convertToHashtable()
    }
    return this.addElement(bytes, offset, length)
  }

  /** Removes a member. @returns false when it was not there */
  remove(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.encoding === Encoding.intset) {
      const { ints } = this
      if (!ints.seek(bytes, offset, length) || !ints.find()) return false
      ints.removeAt(ints.place)
      return true
    }
    if (this.encoding === Encoding.listpack) {
      const position = this.search(bytes, offset, length)
      if (position < 0) return false
      this.pack.remove(position, 1)
      return true
    }
    if (!this.elements.find(bytes, offset, length)) return false
    this.removeElement()
    return true
  }

  /** Visits all members until the visitor has enough. */
  visit(visitor: MemberVisitor): void {
    this.visitSome(visitor, 0, WHOLE)
  }

  /**
   * Visits a portion of the members, about so many; a packed set is one portion. Between two portions the set must not
   * change, but this object may have stood on others.
   * @param position 0 at first, then what the last call returned
   * @returns where to go on, or `VISITED` when all were visited or the visitor has enough
   */
  visitSome(visitor: MemberVisitor, position: number, membersMax: number): number {
    if (this.encoding === Encoding.intset) {
      const { ints } = this
      const { count } = ints
      for (let i = 0; i < count; i++) {
        ints.read(i)
        if (!visitor.member(ints.text, 0, ints.textLength)) break
      }
      return VISITED
    }
    if (this.encoding === Encoding.listpack) {
      const { pack } = this
      for (let at = LISTPACK_FIRST; !pack.isEnd(at); at = pack.next(at)) {
        pack.read(at)
        if (!visitor.member(pack.valueBytes, pack.valueOffset, pack.valueLength)) break
      }
      return VISITED
    }
    return this.visitElements(visitor, position, membersMax)
  }

  /** Picks a member, each as likely as any other. The set must not be empty. */
  pick(): void {
    const { keyspace, ints, pack, elements } = this
    if (this.encoding === Encoding.hashtable) {
      const isThere = elements.random()
      assert(isThere, 'a set without members')
      this.setPicked(elements.bytes, elements.keyOffset, elements.keyLength)
    } else if (this.encoding === Encoding.intset) {
      this.pickedPlace = keyspace.prng.below(ints.count)
      ints.read(this.pickedPlace)
      this.setPicked(ints.text, 0, ints.textLength)
    } else {
      this.pickedPlace = pack.seek(keyspace.prng.below(pack.count))
      pack.read(this.pickedPlace)
      this.setPicked(pack.valueBytes, pack.valueOffset, pack.valueLength)
    }
  }

  /** Removes what `pick` has just picked. */
  removePicked(): void {
    if (this.encoding === Encoding.hashtable) this.removeElement()
    else if (this.encoding === Encoding.intset) this.ints.removeAt(this.pickedPlace)
    else this.pack.remove(this.pickedPlace, 1)
  }

  /** The block of the picked member, which no other member has. Only for sets that are not packed. */
  get pickedReference(): number {
    return this.elements.reference
  }

  /** Steps of a scan of a set that is not packed, as `Elements.scanSome`; `visitScanned` visits the members. */
  scan(cursor: number, membersMax: number, stepsMax: number): number {
    return this.elements.scanSome(cursor, membersMax, stepsMax)
  }

  visitScanned(visitor: MemberVisitor): void {
    const { elements } = this
    for (let i = 0; i < elements.scannedCount; i++) {
      elements.standOnScanned(i)
      if (!visitor.member(elements.bytes, elements.keyOffset, elements.keyLength)) return
    }
  }

  private setPicked(bytes: Uint8Array, offset: number, length: number): void {
    this.pickedBytes = bytes
    this.pickedOffset = offset
    this.pickedLength = length
  }

  private fitsListpack(members: number, length: number): boolean {
    const { limits } = this.keyspace
    return members <= limits.setMaxListpackEntries && length <= limits.setMaxListpackValue
  }

  /** Takes a member as the one value put, if it is not too long. @returns its position in the listpack, -1 when it is none */
  private search(bytes: Uint8Array, offset: number, length: number): number {
    const { pack } = this
    return pack.putSought(bytes, offset, length) ? pack.find(LISTPACK_FIRST, 1) : -1
  }

  private addElement(bytes: Uint8Array, offset: number, length: number): boolean {
    const { elements } = this
    if (elements.find(bytes, offset, length)) return false
    try {
      elements.addSought(bytes, offset, length, 0)
    } finally {
      // The table may have grown even when there was no memory for the member.
      elements.close()
    }
    return true
  }

  private removeElement(): void {
    this.elements.remove()
    this.elements.close()
  }

  private visitElements(visitor: MemberVisitor, position: number, membersMax: number): number {
    const { elements } = this
    // A visitor may visit another set through this object's like, but not through this object.
    this.visitor = visitor
    this.visitedCount = 0
    this.isStopped = false
    let bucket = position
    while (bucket < elements.buckets && this.visitedCount < membersMax && !this.isStopped) {
      elements.visitBucket(bucket++, this.visitElement)
    }
    this.visitor = null
    return this.isStopped || bucket >= elements.buckets ? VISITED : bucket
  }

  private pass(elements: Elements): boolean {
    this.visitedCount++
    this.isStopped = !this.visitor!.member(elements.bytes, elements.keyOffset, elements.keyLength)
    return !this.isStopped
  }

  /** Only from an intset, whose texts are short. */
  private convertToListpack(): void {
    const { ints, pack } = this
    const db = this.db!
    pack.clearPut()
    for (let i = 0; i < ints.count; i++) {
      ints.read(i)
      pack.put(ints.text, 0, ints.textLength)
    }
    db.spliceValue(0, db.valueLength, LISTPACK_EMPTY_BYTES + pack.putBytes)
    db.setEncoding(Encoding.listpack)
    this.open(db)
    pack.writePut()
  }

  private convertToHashtable(): void {
    const db = this.db!
    this.beginDraft()
    try {
      this.draftAll()
      db.spliceValue(0, db.valueLength, ELEMENTS_ROOT_BYTES)
    } catch (error) {
      this.dropDraft()
      throw error
    }
    db.setEncoding(Encoding.hashtable)
    this.takeDraft(db)
  }

  private beginDraft(): void {
    this.draftRoot.fill(0)
    this.elements.open(this.draftRoot, 0)
  }

  private draft(bytes: Uint8Array, offset: number, length: number): void {
    const { elements } = this
    const isNew = !elements.find(bytes, offset, length)
    assert(isNew, 'a packed set has a member twice')
    elements.addSought(bytes, offset, length, 0)
  }

  private draftAll(): void {
    const { ints, pack } = this
    if (this.encoding === Encoding.intset) {
      for (let i = 0; i < ints.count; i++) {
        ints.read(i)
        this.draft(ints.text, 0, ints.textLength)
      }
      return
    }
    for (let at = LISTPACK_FIRST; !pack.isEnd(at); at = pack.next(at)) {
      pack.read(at)
      this.draft(pack.valueBytes, pack.valueOffset, pack.valueLength)
    }
  }

  private dropDraft(): void {
    this.elements.freeSome(WHOLE)
  }

  /** The draft becomes the value in hand, which has room for its root, and this stands on it. */
  private takeDraft(db: Database): void {
    this.elements.close()
    db.words.set(this.draftRoot, rootWordOf(db.valueOffset))
    this.open(db)
  }
}
