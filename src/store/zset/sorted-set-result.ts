/**
 * A sorted set in the making: the result of a command that computes one, before it is replied or put in its place.
 *
 * Owned by one shard's thread. Elements come in any order; `arrange` puts them in order, step by step; then they are read
 * with `stand`, or `storeAt` makes them the value of a key, in one step. `release` ends every use, also a failed one.
 *
 * Invariant: nobody sees a result, and it holds nothing of the arena after `release`.
 */
import { ArenaFullError } from '../arena.js'
import type { ArenaRef } from '../arena-ref.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { SortedEntries } from './sorted-entries.js'
import { SCORE_BYTES, SORTED_SET_ROOT_WORDS, type SortedSet } from './sorted-set.js'

/** A step of collecting or building looks at about so many elements. */
const STEP_ELEMENTS = 256

/** Giving back so many elements takes a few tenths of a millisecond. */
const RELEASED_AT_ONCE_MAX = 4096
/** The result's name in the nursery, which it has within one call only. */
const NAME = Uint8Array.of(0)

export class SortedSetResult {
  private readonly set: SortedSet
  private readonly root = new Int32Array(SORTED_SET_ROOT_WORDS)
  private entries: SortedEntries | null = null
  /** Known when the elements have been arranged. */
  private memberLengthMax = 0

  constructor(private readonly keyspace: Keyspace) {
    this.set = keyspace.sortedSets.borrow()
    this.set.openRoot(this.root, 0)
  }

  get count(): number {
    return this.set.elements.size
  }

  /** The score of the element with this member, NaN when there is none. `add` or `setScore` may follow. */
  scoreOf(buffer: Uint8Array, offset: number, length: number): number {
    if (!this.set.elements.find(buffer, offset, length)) return Number.NaN
    this.set.takeElement()
    return this.set.score
  }

  /**
   * Adds the element that `scoreOf` has just not found.
   * @throws ArenaFullError
   */
  add(buffer: Uint8Array, offset: number, length: number, score: number): void {
    this.set.elements.addSought(buffer, offset, length, SCORE_BYTES)
    this.set.writeScore(score)
  }

  /** Changes the score of the element that `scoreOf` has just found. */
  setScore(score: number): void {
    this.set.writeScore(score)
  }

  /** Removes the element that `scoreOf` has just found. */
  removeFound(): void {
    this.set.elements.remove()
  }

  /** Puts the elements in order. No element may come or go any more. */
  *arrange(): Generator<undefined> {
    const { elements } = this.set
    const entries = new SortedEntries(this.keyspace.arena, this.count)
    this.entries = entries
    const visit = (): boolean => {
      this.set.takeElement()
      entries.add(this.set.score, elements.reference)
      this.memberLengthMax = Math.max(this.memberLengthMax, elements.keyLength)
      return true
    }
    let collected = 0
    for (let bucket = 0; bucket < elements.buckets; bucket++) {
      elements.visitBucket(bucket, visit)
      if (entries.count - collected < STEP_ELEMENTS) continue
      collected = entries.count
      yield
    }
    yield* entries.sort()
  }

  /** Stands on the element with this rank. @returns where to read it */
  stand(rank: number): SortedSet {
    const { set, entries } = this
    set.stand(entries!.elements[rank]!)
    return set
  }

  /** After `arrange`, before `storeAt`: builds what a large set needs beside its elements. */
  *build(): Generator<undefined> {
    if (this.fitsListpack()) return
    const { tree } = this.set
    const { scores, elements } = this.entries!
    for (let rank = 0; rank < this.count; rank++) {
      tree.append(scores[rank]!, elements[rank]! as ArenaRef)
      if (rank % STEP_ELEMENTS === 0) yield
    }
  }

  /**
   * Makes the result the value of a key, in the place of whatever stands there, and counts as one modification; an empty
   * one removes the key.
   * @returns whether anything has changed: false for an empty one without a key
   * @throws ArenaFullError with what stood there as it was
   */
  storeAt(db: Database, key: Uint8Array, keyOffset: number, keyLength: number): boolean {
    if (this.count === 0) {
      const found = db.findForWrite(key, keyOffset, keyLength)
      if (found) db.remove()
      return found
    }
    const isPacked = this.fitsListpack()
    const value = isPacked ? this.packed() : this.rootBytes()
    const encoding = isPacked ? Encoding.listpack : Encoding.skiplist
    db.setCollection(key, keyOffset, keyLength, ValueType.zset, encoding, value, NO_EXPIRY)
    if (!isPacked) this.forgetRoot()
    return true
  }

  /** Gives back what the result holds, and the result itself. Of a large one that may take its time. */
  release(): void {
    if (this.count > RELEASED_AT_ONCE_MAX) this.removeAsKey()
    this.set.release()
    this.keyspace.sortedSets.giveBack(this.set)
  }

  /** Makes the result a key that nobody sees and removes it, so that it goes in portions like any large value. */
  private removeAsKey(): void {
    const { nursery, stats } = this.keyspace
    const { dirty } = stats
    try {
      nursery.setCollection(NAME, 0, NAME.length, ValueType.zset, Encoding.skiplist, this.rootBytes(), NO_EXPIRY)
    } catch (error) {
      // Without memory for that, it goes in one piece.
      if (error instanceof ArenaFullError) return
      throw error
    }
    nursery.remove()
    stats.dirty = dirty
    this.forgetRoot()
  }

  /** What the root named belongs to somebody else now. */
  private forgetRoot(): void {
    this.root.fill(0)
    this.set.openRoot(this.root, 0)
  }

  private rootBytes(): Uint8Array {
    this.set.closeRoot()
    return new Uint8Array(this.root.buffer)
  }

  /** All elements as a listpack. */
  private packed(): Uint8Array {
    const { packed } = this.set
    packed.listpack.clearPut()
    for (let rank = 0; rank < this.count; rank++) {
      const { memberBytes, memberOffset, memberLength, score } = this.stand(rank)
      packed.putElement(memberBytes, memberOffset, memberLength, score)
    }
    return packed.listpack.putAsBytes()
  }

  private fitsListpack(): boolean {
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.keyspace.limits
    return this.count <= zsetMaxListpackEntries && this.memberLengthMax <= zsetMaxListpackValue
  }
}
