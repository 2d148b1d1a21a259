/**
 * One sorted set, in either of its forms: the operations on elements, by member, rank, score or member's order.
 *
 * Owned by one shard's thread. An object stands on one set after the other, without making garbage: `open` it on the key
 * in hand, and once more whenever that key's record may have moved or the set was changed by anybody else. Several objects
 * may look at several sets (or the same) at a time; an edit also needs the cursor of the database on the key.
 *
 * A small set is a listpack (packed-scores.ts). A large one is a table of elements, whose values are their scores, and a
 * tree that has them in order (score-tree.ts); both roots lie in the key's value:
 *
 *   | root of the elements, 16 words | root of the tree, 4 words |
 *
 * Invariants: table and tree have the same elements with the same scores. No score is NaN. A set may become empty here:
 * removing its key is for the caller, as is `db.modified`.
 */
import { assert } from '../../base/assert.js'
import { type ArenaRef, chunkOf } from '../arena-ref.js'
import type { CollectionLimits } from '../collection-limits.js'
import type { Database } from '../database.js'
import { ELEMENTS_ROOT_BYTES, ELEMENTS_ROOT_WORDS, Elements, rootWordOf } from '../elements.js'
import type { Keyspace } from '../keyspace.js'
import { LISTPACK_EMPTY_BYTES } from '../listpack-entry.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { PackedScores } from './packed-scores.js'
import { SCORE_TREE_ROOT_WORDS } from './score-search.js'
import { ScoreTree } from './score-tree.js'

/** The value of a key with a large sorted set. */
export const SORTED_SET_ROOT_BYTES = ELEMENTS_ROOT_BYTES + SCORE_TREE_ROOT_WORDS * 4
export const SORTED_SET_ROOT_WORDS = ELEMENTS_ROOT_WORDS + SCORE_TREE_ROOT_WORDS

/** An element's value: its score. */
export const SCORE_BYTES = 8

/** What `add` may and may not do, as bits: those of ZADD. */
export const AddOption = { increment: 1, ifAbsent: 2, ifPresent: 4, ifGreater: 8, ifLess: 16 } as const

/** What `add` has done. */
export const AddResult = { added: 0, updated: 1, unchanged: 2, refused: 3, notANumber: 4 } as const
export type AddResult = (typeof AddResult)[keyof typeof AddResult]

export class SortedSet {
  /** The element in hand, after `find`, `seek`, `next`, `previous`, `random`. Its bytes are good until the next call. */
  memberBytes: Uint8Array = new Uint8Array(0)
  memberOffset = 0
  memberLength = 0
  score = 0

  /** Whether the set is a listpack. */
  isPacked = true

  readonly elements: Elements
  readonly tree: ScoreTree
  readonly packed = new PackedScores()
  private readonly limits: CollectionLimits
  private db!: Database

  constructor(private readonly keyspace: Keyspace) {
    this.elements = new Elements(keyspace)
    this.tree = new ScoreTree(keyspace.arena)
    this.limits = keyspace.limits
  }

  /** Stands on the sorted set that is the value of the key in hand. */
  open(db: Database): void {
    this.db = db
    this.isPacked = db.encoding === Encoding.listpack
    if (this.isPacked) this.packed.open(db)
    else this.openRoot(db.words, rootWordOf(db.valueOffset))
  }

  /** Stands on a large set whose root lies anywhere; `db` is not looked at. */
  openRoot(words: Int32Array, at: number): void {
    this.isPacked = false
    this.elements.open(words, at)
    this.tree.open(words, at + ELEMENTS_ROOT_WORDS)
  }

  /** Writes the roots of a large set back. Only for who changes `elements` and `tree` himself. */
  closeRoot(): void {
    this.elements.close()
    this.tree.close()
  }

  /**
   * Makes a key, which does not exist, with an empty sorted set for which elements of this length are meant, and opens it.
   * @param expected how many will follow, about: a set that will be large is not made small first
   * @throws ArenaFullError
   */
  create(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    memberLength: number,
    expected = 1,
  ): void {
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.limits
    if (expected > zsetMaxListpackEntries || zsetMaxListpackEntries === 0 || memberLength > zsetMaxListpackValue) {
      const { skiplist } = Encoding
      db.create(key, keyOffset, keyLength, ValueType.zset, skiplist, SORTED_SET_ROOT_BYTES, NO_EXPIRY)
      this.open(db)
      return
    }
    db.create(key, keyOffset, keyLength, ValueType.zset, Encoding.listpack, LISTPACK_EMPTY_BYTES, NO_EXPIRY)
    this.open(db)
    this.packed.listpack.writeEmpty()
  }

  /** So many elements will be there: a large set gets room for them at once. Without memory for that it is as it was. */
  reserve(elements: number): void {
    if (this.isPacked) return
    this.elements.reserve(elements)
    this.elements.close()
  }

  get count(): number {
    return this.isPacked ? this.packed.size : this.elements.size
  }

  /** Stands on the element with this member. @returns false when there is none */
  find(buffer: Uint8Array, offset: number, length: number): boolean {
    if (this.isPacked) {
      if (!this.packed.findMember(buffer, offset, length)) return false
      this.takePacked()
      return true
    }
    if (!this.elements.find(buffer, offset, length)) return false
    this.takeElement()
    return true
  }

  /**
   * Adds an element, or changes the score of the one with this member; `score` is the element's score afterwards, when the
   * result says that it was added, updated or left unchanged.
   * @param options bits of `AddOption`; with `increment` the score is added to the old one
   * @throws ArenaFullError before anything was changed
   */
  add(buffer: Uint8Array, offset: number, length: number, score: number, options: number): AddResult {
    if (!this.find(buffer, offset, length)) {
      if ((options & AddOption.ifPresent) !== 0) return AddResult.refused
      this.addSought(buffer, offset, length, score)
      this.score = score
      return AddResult.added
    }
    if ((options & AddOption.ifAbsent) !== 0) return AddResult.refused
    const old = this.score
    const wanted = (options & AddOption.increment) === 0 ? score : old + score
    if (Number.isNaN(wanted)) return AddResult.notANumber
    if ((options & AddOption.ifLess) !== 0 && wanted >= old) return AddResult.refused
    if ((options & AddOption.ifGreater) !== 0 && wanted <= old) return AddResult.refused
    this.score = wanted
    if (wanted === old) return AddResult.unchanged
    if (this.isPacked) {
      this.packed.update(buffer, offset, length, wanted)
    } else {
      const { elements, tree } = this
      tree.move(old, elements.reference, wanted)
      tree.close()
      this.writeScore(wanted)
    }
    return AddResult.updated
  }

  /** Removes the element with this member. @returns false when there is none */
  remove(buffer: Uint8Array, offset: number, length: number): boolean {
    if (!this.find(buffer, offset, length)) return false
    if (this.isPacked) {
      this.packed.removeElements(1)
      return true
    }
    this.tree.remove(this.score, this.elements.reference)
    this.elements.remove()
    this.closeRoot()
    return true
  }

  /** Removes the elements with these ranks, which must be there. */
  removeRanks(first: number, count: number): void {
    if (count === 0) return
    if (this.isPacked) {
      this.packed.seekRank(first)
      this.packed.removeElements(count)
      return
    }
    const { elements, tree } = this
    // Portions of one node: first the elements that its entries name, then the entries.
    for (let left = count; left > 0; ) {
      const portion = tree.seekSome(first, left)
      for (let i = 0; i < portion; i++) {
        this.findReferenced()
        if (i + 1 < portion) tree.next()
        elements.remove()
      }
      tree.removeSought(portion)
      left -= portion
    }
    this.closeRoot()
  }

  /** The rank of the element with this member, which is in hand afterwards; -1 when there is none. */
  rankOf(buffer: Uint8Array, offset: number, length: number): number {
    if (!this.find(buffer, offset, length)) return -1
    return this.isPacked ? this.packed.rank() : this.tree.rankOf(this.score, this.elements.reference)
  }

  /** How many elements have a lower score, or with `orEqual` a lower or equal one. */
  countBelowScore(score: number, orEqual: boolean): number {
    return this.isPacked ? this.packed.countBelowScore(score, orEqual) : this.tree.countBelowScore(score, orEqual)
  }

  /** How many elements have a lower member, or with `orEqual` a lower or equal one, in a set where all scores are equal. */
  countBelowMember(buffer: Uint8Array, offset: number, length: number, orEqual: boolean): number {
    const { isPacked, packed, tree } = this
    if (isPacked) return packed.countBelowMember(buffer, offset, length, orEqual)
    return tree.countBelowMember(buffer, offset, length, orEqual)
  }

  /** Stands on the element with this rank, which must be there. */
  seek(rank: number): void {
    if (this.isPacked) {
      this.packed.seekRank(rank)
      this.takePacked()
    } else {
      this.tree.seek(rank)
      this.takeEntry()
    }
  }

  /** Goes on from `seek` to the element with the next rank. @returns false when there is none */
  next(): boolean {
    if (this.isPacked) {
      if (!this.packed.nextElement()) return false
      this.takePacked()
    } else {
      if (!this.tree.next()) return false
      this.takeEntry()
    }
    return true
  }

  /** Goes on from `seek` to the element with the rank before. @returns false when there is none */
  previous(): boolean {
    if (this.isPacked) {
      if (!this.packed.previousElement()) return false
      this.takePacked()
    } else {
      if (!this.tree.previous()) return false
      this.takeEntry()
    }
    return true
  }

  /** Stands on a uniformly chosen element of a set that is not empty. */
  random(): void {
    this.seek(this.keyspace.prng.below(this.count))
  }

  /** Stands on the element that the cursor of `elements` is on. */
  takeElement(): void {
    const { elements } = this
    this.memberBytes = elements.bytes
    this.memberOffset = elements.keyOffset
    this.memberLength = elements.keyLength
    this.score = this.scores()[elements.valueOffset >>> 3]!
  }

  /** Stands on the element of a large set in this block. */
  stand(reference: number): void {
    this.elements.standOn(reference as ArenaRef)
    this.takeElement()
  }

  /** Adds an element to the set whose member `find` has just not found. */
  private addSought(buffer: Uint8Array, offset: number, length: number, score: number): void {
    if (this.isPacked) {
      if (this.fits(length)) {
        this.packed.add(buffer, offset, length, score)
        return
      }
      this.convert()
      this.elements.find(buffer, offset, length)
    }
    const { elements, tree } = this
    elements.addSought(buffer, offset, length, SCORE_BYTES)
    this.writeScore(score)
    try {
      tree.insert(score, elements.reference)
    } catch (error) {
      elements.remove()
      elements.close()
      throw error
    }
    this.closeRoot()
  }

  /** Whether the listpack may take one more element, with a member of this length. */
  private fits(memberLength: number): boolean {
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.limits
    return (
      this.packed.size < zsetMaxListpackEntries &&
      memberLength <= zsetMaxListpackValue &&
      this.packed.hasRoomFor(memberLength)
    )
  }

  /**
   * Turns the listpack into a large set.
   * @throws ArenaFullError with the set as it was
   */
  private convert(): void {
    const { db, keyspace } = this
    const root = new Int32Array(SORTED_SET_ROOT_WORDS)
    const larger = keyspace.sortedSets.borrow()
    larger.openRoot(root, 0)
    try {
      this.appendAllTo(larger)
      db.spliceValue(0, 0, Math.max(0, SORTED_SET_ROOT_BYTES - db.valueLength))
    } catch (error) {
      larger.release()
      throw error
    } finally {
      keyspace.sortedSets.giveBack(larger)
    }
    // Nothing can fail any more: a value only becomes shorter.
    db.spliceValue(0, db.valueLength - SORTED_SET_ROOT_BYTES, 0)
    db.setEncoding(Encoding.skiplist)
    db.words.set(root, rootWordOf(db.valueOffset))
    this.open(db)
  }

  private appendAllTo(larger: SortedSet): void {
    if (this.count === 0) return
    this.seek(0)
    do larger.append(this.memberBytes, this.memberOffset, this.memberLength, this.score)
    while (this.next())
  }

  /**
   * Adds an element to a large set without looking at limits. It must come behind all others.
   * @returns false, with nothing changed, when there is an element with this member
   * @throws ArenaFullError before anything was changed
   */
  append(buffer: Uint8Array, offset: number, length: number, score: number): boolean {
    assert(!this.isPacked, 'elements are appended to large sorted sets only')
    const { elements, tree } = this
    if (elements.find(buffer, offset, length)) return false
    elements.addSought(buffer, offset, length, SCORE_BYTES)
    this.writeScore(score)
    try {
      tree.append(score, elements.reference)
    } catch (error) {
      elements.remove()
      elements.close()
      throw error
    }
    this.closeRoot()
    return true
  }

  /** Gives back all that a large set holds of the arena. */
  release(): void {
    while (!this.releaseSome(Number.POSITIVE_INFINITY));
  }

  /** A portion of `release`: about so many elements. @returns true when nothing is left */
  releaseSome(elementsMax: number): boolean {
    const { elements, tree } = this
    let released = 0
    while (!tree.isEmpty && released < elementsMax) released += tree.dropLastLeaf()
    const done = tree.isEmpty && elements.freeSome(elementsMax)
    this.closeRoot()
    return done
  }

  /** Sets the score in the value of the element that the cursor of `elements` is on. */
  writeScore(score: number): void {
    this.scores()[this.elements.valueOffset >>> 3] = score
  }

  private scores(): Float64Array {
    return this.keyspace.arena.chunkDoubles[chunkOf(this.elements.reference)]!
  }

  private takePacked(): void {
    const { at, score, listpack } = this.packed
    listpack.read(at)
    this.memberBytes = listpack.valueBytes
    this.memberOffset = listpack.valueOffset
    this.memberLength = listpack.valueLength
    this.score = score
  }

  /** Stands on the element that the tree's entry in hand names. */
  private takeEntry(): void {
    const { elements, tree } = this
    elements.standOn(tree.element)
    this.memberBytes = elements.bytes
    this.memberOffset = elements.keyOffset
    this.memberLength = elements.keyLength
    this.score = tree.score
  }

  /** Finds the element that the tree's entry in hand names, so that it can be removed. */
  private findReferenced(): void {
    const { elements } = this
    elements.standOn(this.tree.element)
    const found = elements.find(elements.bytes, elements.keyOffset, elements.keyLength)
    assert(found, 'an entry of a sorted set has no element')
  }
}
