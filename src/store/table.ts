/**
 * A hash table of records: which record, if any, has this key.
 *
 * Owned by the thread that owns its arena, and kept in that arena. A linear hash table: it grows by splitting one bucket and
 * shrinks by merging one: no rehash of everything, no second table, and about ten keys a bucket however many there are.
 *
 * Buckets are cache lines with twelve references and eight bits of hash for each (bucket.ts): a lookup usually touches
 * one line here and one of the record. They lie in segments found by a directory (bucket-directory.ts).
 *
 * With `mask` + 1 a power of two and `split` up to it, there are mask + 1 + split buckets: those below `split` have
 * been divided by one more bit of the hash, the new halves being the last `split` buckets.
 *
 * Invariants: a record is always in the chain of the bucket that its hash names. A chain is packed: only its last
 * bucket has unused places, and they are its last ones. An overflow bucket is never empty. While `pauseResizing` counts
 * above zero no record changes its bucket, but by being removed.
 */
import { reversedBits } from '../base/bits.js'
import { equalBytes } from '../base/bytes.js'
import { GATHERED_WORDS, halfSipHashOfWords } from '../base/half-siphash.js'
import type { Prng } from '../base/prng.js'
import type { Arena } from './arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from './arena-ref.js'
import {
  BUCKET_BYTES,
  clearBucket,
  firstMatch,
  firstUnused,
  matchingTags,
  OVERFLOW,
  PLACES,
  setPlace,
  TAG_WORDS,
  TAGS,
  tagAt,
  tagOf,
  tagPattern,
} from './bucket.js'
import { BucketDirectory, DIRECTORY_STATE_WORDS } from './bucket-directory.js'
import type { ChainRebuild } from './chain-rebuild.js'
import { keyLengthAt, keyWordOffset } from './record.js'

/**
 * The table grows when there are more keys than this for each bucket. Buckets not yet split hold up to twice as many as
 * those that are, and some need overflow buckets: with ten the table takes 7.8 to 8.2 bytes a key, all counted
 * (bench/micro/store.ts at 1 to 5 million keys).
 */
const GROW_LOAD = 10
/** It shrinks when there are fewer. Far enough from the other for a stable number of keys to change nothing. */
const SHRINK_LOAD = 6
const BUCKETS_MIN = 4

/** What a removal may merge. One removal lets the table fall behind by a sixth of a merge. */
const MERGES_A_REMOVAL = 2

/** Random places that are tried before `selectRandom` gives up on a uniform choice. */
const RANDOM_TRIES_MAX = 512

export const TABLE_STATE_WORDS = 4 + DIRECTORY_STATE_WORDS

export class Table {
  size = 0
  /** Where the last `find`, `insert` or `select` found or put a record: the chain's first bucket, its bucket, place. */
  private foundHome = 0
  private foundBucket = 0
  private foundPlace = 0
  /** The record at that place, or `NO_REF` when records may have changed their places since. */
  foundRef: ArenaRef = NO_REF

  /** True: no bucket is merged into another. */
  keepsBuckets = false
  buckets = 0
  private mask = 0
  private split = 0
  overflowBuckets = 0
  private pauses = 0
  /** As many places as the longest chain that `selectRandom` has met has: fewer would not be fair to its records. */
  private randomPlaces = PLACES
  private readonly directory: BucketDirectory
  /** The buckets of the chain that `openChain` opened. */
  private chain = new Int32Array(8)

  constructor(
    private readonly arena: Arena,
    private readonly rebuild: ChainRebuild,
    private readonly key0: number,
    private readonly key1: number,
  ) {
    this.directory = new BucketDirectory(arena)
  }

  /** Stands on the table whose state `save` wrote; all zeros are an empty table. One object serves many tables. */
  load(words: Int32Array, at: number): void {
    this.foundRef = NO_REF
    this.size = words[at]!
    this.buckets = words[at + 1]!
    this.overflowBuckets = words[at + 2]!
    this.randomPlaces = Math.max(PLACES, words[at + 3]!)
    this.directory.load(words, at + 4, this.buckets)
    if (this.buckets === 0) {
      this.mask = 0
      this.split = 0
      return
    }
    // A whole round of splits ends as the beginning of the next.
    const whole = 1 << (31 - Math.clz32(this.buckets))
    this.mask = whole - 1
    this.split = this.buckets - whole
  }

  /** Writes what `load` needs into `TABLE_STATE_WORDS` words. */
  save(words: Int32Array, at: number): void {
    words[at] = this.size
    words[at + 1] = this.buckets
    words[at + 2] = this.overflowBuckets
    words[at + 3] = this.randomPlaces
    this.directory.save(words, at + 4)
  }

  /** What the table holds of the arena, without the records. */
  get bytes(): number {
    return this.directory.bytes + this.overflowBuckets * BUCKET_BYTES
  }

  /**
   * The record with this key, or `NO_REF`.
   * @param hash the key's hash
   * @param gathered the key's words as `halfSipHash` left them
   */
  find(hash: number, buffer: Uint8Array, offset: number, length: number, gathered: Int32Array): ArenaRef {
    if (this.size === 0) return NO_REF
    const home = this.homeOf(hash)
    const pattern = tagPattern(tagOf(hash))
    const chunkWords = this.arena.chunkWords
    let bucket = home
    do {
      const words = chunkWords[chunkOf(bucket)]!
      const at = wordIndexOf(bucket)
      for (let i = 0; i < TAG_WORDS; i++) {
        let matches = matchingTags(words[at + TAGS + i]!, pattern)
        while (matches !== 0) {
          const place = (i << 2) + firstMatch(matches)
          const ref = words[at + place]!
          if (ref !== 0 && this.hasKey(ref, buffer, offset, length, gathered)) {
            this.foundHome = home
            this.foundBucket = bucket
            this.foundPlace = place
            this.foundRef = ref as ArenaRef
            return ref as ArenaRef
          }
          matches &= matches - 1
        }
      }
      bucket = words[at + OVERFLOW]!
    } while (bucket !== 0)
    return NO_REF
  }

  /** Finds a record that is in the table by its reference. @returns false when it is not there */
  findRef(hash: number, ref: ArenaRef): boolean {
    if (this.size === 0) return false
    const home = this.homeOf(hash)
    let bucket = home
    do {
      const words = this.arena.chunkWords[chunkOf(bucket)]!
      const at = wordIndexOf(bucket)
      for (let place = 0; place < PLACES; place++) {
        if (words[at + place] === ref) {
          this.foundHome = home
          this.foundBucket = bucket
          this.foundPlace = place
          this.foundRef = ref
          return true
        }
      }
      bucket = words[at + OVERFLOW]!
    } while (bucket !== 0)
    return false
  }

  /** Adds a record whose key is not in the table. @returns false, with nothing changed, when there is no memory */
  insert(hash: number, ref: ArenaRef): boolean {
    if (this.buckets === 0 && !this.create()) return false
    // Without memory to grow, chains become longer, and the next insertion tries again.
    if (this.size >= this.buckets * GROW_LOAD && this.pauses === 0) this.splitBucket()
    const home = this.homeOf(hash)
    let bucket = home
    for (;;) {
      const words = this.arena.chunkWords[chunkOf(bucket)]!
      const at = wordIndexOf(bucket)
      const place = firstUnused(words, at)
      if (place < PLACES) {
        setPlace(words, at, place, ref, tagOf(hash))
        this.foundHome = home
        this.foundBucket = bucket
        this.foundPlace = place
        this.foundRef = ref
        this.size++
        return true
      }
      if (words[at + OVERFLOW] === 0) {
        const overflow = this.arena.tryAllocate(BUCKET_BYTES)
        if (overflow === NO_REF) return false
        clearBucket(this.arena.chunkWords[chunkOf(overflow)]!, wordIndexOf(overflow))
        words[at + OVERFLOW] = overflow
        this.overflowBuckets++
      }
      bucket = words[at + OVERFLOW]!
    }
  }

  /** The record found last has moved. */
  replaceFound(ref: ArenaRef): void {
    this.foundRef = ref
    this.arena.chunkWords[chunkOf(this.foundBucket)]![wordIndexOf(this.foundBucket) + this.foundPlace] = ref
  }

  /** Takes the record found last out of the table. Never fails; may merge buckets unless resizing is paused. */
  removeFound(): void {
    const chunkWords = this.arena.chunkWords
    let before = 0
    let last = this.foundBucket
    let lastWords = chunkWords[chunkOf(last)]!
    let lastAt = wordIndexOf(last)
    for (let next = lastWords[lastAt + OVERFLOW]!; next !== 0; next = lastWords[lastAt + OVERFLOW]!) {
      before = last
      last = next
      lastWords = chunkWords[chunkOf(last)]!
      lastAt = wordIndexOf(last)
    }
    const lastPlace = firstUnused(lastWords, lastAt) - 1
    const words = chunkWords[chunkOf(this.foundBucket)]!
    const at = wordIndexOf(this.foundBucket)
    setPlace(words, at, this.foundPlace, lastWords[lastAt + lastPlace]!, tagAt(lastWords, lastAt, lastPlace))
    setPlace(lastWords, lastAt, lastPlace, 0, 0)
    if (lastPlace === 0 && last !== this.foundHome) {
      if (before === 0) before = this.bucketBefore(last)
      chunkWords[chunkOf(before)]![wordIndexOf(before) + OVERFLOW] = 0
      this.arena.free(last as ArenaRef)
      this.overflowBuckets--
    }
    this.size--
    this.foundRef = NO_REF
    for (let i = 0; i < MERGES_A_REMOVAL && this.isSparse(); i++) if (!this.mergeBucket()) break
  }

  /**
   * Opens the chain of a bucket for `select`.
   * @returns how many records it has
   */
  openChain(index: number): number {
    let bucket = this.directory.bucket(index)
    let blocks = 0
    for (;;) {
      if (blocks === this.chain.length) {
        const longer = new Int32Array(blocks * 2)
        longer.set(this.chain)
        this.chain = longer
      }
      this.chain[blocks++] = bucket
      const words = this.arena.chunkWords[chunkOf(bucket)]!
      const at = wordIndexOf(bucket)
      const next = words[at + OVERFLOW]!
      if (next === 0) return (blocks - 1) * PLACES + firstUnused(words, at)
      bucket = next
    }
  }

  /**
   * The n-th record of the opened chain, which becomes the one found last. Going from the last one down, the record in
   * hand may be removed while resizing is paused: what takes its place has been visited already.
   */
  select(n: number): ArenaRef {
    const block = Math.floor(n / PLACES)
    this.foundHome = this.chain[0]!
    this.foundBucket = this.chain[block]!
    this.foundPlace = n - block * PLACES
    const words = this.arena.chunkWords[chunkOf(this.foundBucket)]!
    const ref = words[wordIndexOf(this.foundBucket) + this.foundPlace]! as ArenaRef
    this.foundRef = ref
    return ref
  }

  /** A uniformly chosen record, which becomes the one found last; `NO_REF` when the table is empty. */
  selectRandom(prng: Prng): ArenaRef {
    if (this.size === 0) return NO_REF
    // A random place of a random bucket, as if every chain had as many places as this; an unused one is a miss.
    for (let i = 0; i < RANDOM_TRIES_MAX; i++) {
      const count = this.openChain(prng.below(this.buckets))
      while (count > this.randomPlaces) this.randomPlaces += PLACES
      const place = prng.below(this.randomPlaces)
      if (place < count) return this.select(place)
    }
    let index = prng.below(this.buckets)
    for (;;) {
      const count = this.openChain(index)
      if (count > 0) return this.select(prng.below(count))
      index = index + 1 === this.buckets ? 0 : index + 1
    }
  }

  /**
   * The first bucket that a scan with this cursor has to visit; `scanPartner` may name a second one.
   * Cursors are those of Redis: the bits of the bucket's number are counted up from the highest one down, so that the
   * buckets visited so far stay visited however often the table is divided or merged in between.
   */
  scanBucket(cursor: number): number {
    return cursor & this.mask
  }

  /** The bucket that was split off the one of this cursor, or -1. */
  scanPartner(cursor: number): number {
    const index = cursor & this.mask
    return index < this.split ? index + this.mask + 1 : -1
  }

  /** The cursor after this one; 0 at the end. */
  nextCursor(cursor: number): number {
    return reversedBits((reversedBits(cursor | ~this.mask) + 1) | 0) >>> 0
  }

  pauseResizing(): void {
    this.pauses++
  }

  resumeResizing(): void {
    this.pauses--
  }

  /** Makes the table large enough for so many records; without memory for that it stays smaller. */
  reserve(records: number): void {
    if (this.buckets === 0 && !this.create()) return
    for (let before = 0; before < this.buckets && this.buckets * GROW_LOAD < records; this.splitBucket()) {
      before = this.buckets
    }
  }

  /** Merges one bucket when there are too many. @returns true while there are more to merge */
  resizeStep(): boolean {
    return this.isSparse() && this.mergeBucket() && this.isSparse()
  }

  /**
   * Gives up the last bucket, whose `count` records have just been given back one by one. For a table that is on its way
   * out: it is no table any more, only `openChain`, this and `clear` may follow.
   */
  dropLastBucket(count: number): void {
    this.foundRef = NO_REF
    const index = this.buckets - 1
    this.freeOverflow(index)
    this.size -= count
    this.buckets = index
    this.directory.remove(index)
  }

  /** Gives everything back to the arena but the records. */
  clear(): void {
    for (let index = 0; index < this.buckets; index++) this.freeOverflow(index)
    this.directory.clear()
    this.forget()
  }

  /** The arena has been reset: the table is empty and owns nothing. */
  forget(): void {
    this.foundRef = NO_REF
    this.directory.forget()
    this.size = 0
    this.buckets = 0
    this.mask = 0
    this.split = 0
    this.overflowBuckets = 0
    this.randomPlaces = PLACES
  }

  private freeOverflow(index: number): void {
    const home = this.directory.bucket(index)
    let bucket = this.arena.chunkWords[chunkOf(home)]![wordIndexOf(home) + OVERFLOW]!
    while (bucket !== 0) {
      const next = this.arena.chunkWords[chunkOf(bucket)]![wordIndexOf(bucket) + OVERFLOW]!
      this.arena.free(bucket as ArenaRef)
      this.overflowBuckets--
      bucket = next
    }
  }

  private create(): boolean {
    for (let i = 0; i < BUCKETS_MIN; i++) {
      const bucket = this.directory.add(i)
      if (bucket === NO_REF) {
        this.directory.clear()
        return false
      }
      clearBucket(this.arena.chunkWords[chunkOf(bucket)]!, wordIndexOf(bucket))
    }
    this.buckets = BUCKETS_MIN
    this.mask = BUCKETS_MIN - 1
    this.split = 0
    return true
  }

  private homeOf(hash: number): number {
    let index = hash & this.mask
    if (index < this.split) index = hash & (this.mask * 2 + 1)
    return this.directory.bucket(index)
  }

  private hasKey(ref: number, buffer: Uint8Array, offset: number, length: number, gathered: Int32Array): boolean {
    const words = this.arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    if (keyLengthAt(words, at) !== length) return false
    const keyAt = at + keyWordOffset(words[at + 1]!)
    if (length > GATHERED_WORDS * 4) {
      return equalBytes(this.arena.chunkBytes[chunkOf(ref)]!, keyAt << 2, buffer, offset, length)
    }
    const count = (length + 3) >>> 2
    for (let i = 0; i < count; i++) if (words[keyAt + i] !== gathered[i]) return false
    return true
  }

  private isSparse(): boolean {
    const { size, buckets } = this
    return size < buckets * SHRINK_LOAD && buckets > BUCKETS_MIN && this.pauses === 0 && !this.keepsBuckets
  }

  private bucketBefore(bucket: number): number {
    let before = this.foundHome
    for (;;) {
      const next = this.arena.chunkWords[chunkOf(before)]![wordIndexOf(before) + OVERFLOW]!
      if (next === bucket) return before
      before = next
    }
  }

  /**
   * Divides the bucket whose turn it is by one more bit of its records' hashes. The overflow buckets it has are enough
   * for both halves (a full bucket is taken out of the chain and given a half of its own).
   */
  private splitBucket(): void {
    this.foundRef = NO_REF
    const added = this.directory.add(this.buckets)
    if (added === NO_REF) return
    // Only now, as adding a bucket may have moved the others.
    const source = this.directory.bucket(this.split)
    const bit = this.mask + 1
    const { rebuild } = this
    rebuild.begin()
    rebuild.collect(source)
    rebuild.touchRecords()
    let kept = 0
    for (let i = 0; i < rebuild.entries; i++) {
      if ((this.hashOf(rebuild.ref(i)) & bit) === 0) rebuild.swap(i, kept++)
    }
    rebuild.build(source, 0, kept)
    rebuild.build(added, kept, rebuild.entries)
    this.overflowBuckets -= rebuild.end()
    this.buckets++
    this.split++
    if (this.split > this.mask) {
      this.mask = this.mask * 2 + 1
      this.split = 0
    }
  }

  /** Takes back the last split. @returns false, with nothing changed, when there is no memory for an overflow bucket */
  private mergeBucket(): boolean {
    this.foundRef = NO_REF
    const wraps = this.split === 0
    const mask = wraps ? this.mask >>> 1 : this.mask
    const split = (wraps ? mask + 1 : this.split) - 1
    const target = this.directory.bucket(split)
    const { rebuild } = this
    rebuild.begin()
    rebuild.collect(target)
    rebuild.collect(this.directory.bucket(this.buckets - 1))
    // The place of the bucket that goes may have to be made up for by one overflow bucket, never by more.
    if (rebuild.entries > PLACES * (1 + rebuild.spares)) {
      const extra = this.arena.tryAllocate(BUCKET_BYTES)
      if (extra === NO_REF) return false
      this.overflowBuckets++
      rebuild.addSpare(extra)
    }
    rebuild.build(target, 0, rebuild.entries)
    this.overflowBuckets -= rebuild.end()
    this.buckets--
    this.mask = mask
    this.split = split
    this.directory.remove(this.buckets)
    return true
  }

  private hashOf(ref: number): number {
    const words = this.arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    const keyAt = at + keyWordOffset(words[at + 1]!)
    return halfSipHashOfWords(words, keyAt, keyLengthAt(words, at), this.key0, this.key1)
  }
}
