/**
 * The sorted sets of one shard: values as a whole (value-kind.ts), and the objects that work on single ones.
 *
 * Owned by the shard's thread. What others need:
 *
 *   const set = keyspace.sortedSets.open(db)              the sorted set of the key in hand
 *   set.count                                             how many elements
 *   set.find(bytes, offset, length)                       true: set.score is the member's
 *   set.add(bytes, offset, length, score, options)        see AddOption, AddResult
 *   set.remove(bytes, offset, length)                     afterwards, when set.count is 0: db.remove()
 *   set.rankOf(bytes, offset, length)                     or -1
 *   set.countBelowScore(score, orEqual)                   a rank: where the range of scores begins or ends
 *   set.seek(rank); set.next(); set.previous()            set.memberBytes/Offset/Length, set.score
 *   set.create(db, key..., memberLength)                  a new key with an empty set
 *
 * A `SortedSetResult` (sorted-set-result.ts) collects elements in any order and becomes the value of a key in one step.
 * Invariant: `open` gives the same object every time. Who needs several sets at a time borrows more.
 */
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { DIGEST_BYTES, mixDigest, xorDigest } from '../../base/data-digest.js'
import { writeDouble } from '../../base/float.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { type ValueKind, WHOLE } from '../value-kind.js'
import { Encoding, isFlat, ValueType } from '../value-type.js'
import { SORTED_SET_ROOT_BYTES, SortedSet } from './sorted-set.js'

/** As many borrowed objects are kept for the next command; one that needs more makes the others for itself. */
const SPARE_MAX = 16

export class SortedSets implements ValueKind {
  private readonly spare: SortedSet[] = []
  private main: SortedSet | null = null

  constructor(readonly keyspace: Keyspace) {}

  /** The sorted set of the key in hand, good until the next call. */
  open(db: Database): SortedSet {
    const set = this.set
    set.open(db)
    return set
  }

  /** The object that `open` returns, standing where it stands. */
  get set(): SortedSet {
    this.main ??= new SortedSet(this.keyspace)
    return this.main
  }

  /** An object for one more set. It goes back with `giveBack`. */
  borrow(): SortedSet {
    return this.spare.pop() ?? new SortedSet(this.keyspace)
  }

  giveBack(set: SortedSet): void {
    if (this.spare.length < SPARE_MAX) this.spare.push(set)
  }

  elementCount(db: Database): number {
    return this.open(db).count
  }

  encodingName(db: Database): string {
    return db.encoding === Encoding.listpack ? 'listpack' : 'skiplist'
  }

  memoryUsage(db: Database, samples: number): number {
    if (isFlat(db.encoding)) return 0
    const { elements, tree } = this.open(db)
    if (elements.size === 0) return elements.tableBytes
    const wanted = samples === 0 ? WHOLE : samples
    let sampled = 0
    let bytes = 0
    elements.visitAll((element) => {
      bytes += element.blockBytes
      return ++sampled < wanted
    })
    return (bytes / sampled) * elements.size + elements.tableBytes + tree.nodeBytes
  }

  freeSome(db: Database, elementsMax: number): boolean {
    return this.open(db).releaseSome(elementsMax)
  }

  addToDigest(db: Database, digest: Uint8Array): void {
    const set = this.open(db)
    const text = new Uint8Array(32)
    for (let more = this.first(set); more; more = set.next()) {
      const element = new Uint8Array(DIGEST_BYTES)
      mixDigest(element, set.memberBytes.subarray(set.memberOffset, set.memberOffset + set.memberLength))
      mixDigest(element, text.subarray(0, writeDouble(text, 0, set.score)))
      xorDigest(digest, element)
    }
  }

  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number {
    const set = this.open(db)
    const { count } = set
    const end = Math.min(count, position + elementsMax)
    for (let rank = position; rank < end; rank++) {
      if (rank === position) set.seek(rank)
      else set.next()
      sink.f64(set.score)
      sink.sized(set.memberBytes, set.memberOffset, set.memberLength)
    }
    return end === count ? -1 : end
  }

  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    db.create(key, keyOffset, keyLength, ValueType.zset, encoding, SORTED_SET_ROOT_BYTES, expireAtMs)
  }

  readSome(db: Database, source: ByteSource, elementsMax: number): void {
    const set = this.open(db)
    for (let read = 0; read < elementsMax && !source.isAtEnd; read++) {
      const score = source.f64()
      const length = source.u32()
      set.append(source.bytes, source.raw(length), length, score)
    }
  }

  /** Stands on the first element. @returns false when there is none */
  private first(set: SortedSet): boolean {
    if (set.count === 0) return false
    set.seek(0)
    return true
  }
}
