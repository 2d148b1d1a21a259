/**
 * Where the buckets of a table lie: a growing array of buckets without one large block.
 *
 * Owned by the thread that owns the arena. Buckets lie in segments of 1024 (64 KiB), whose references stand in a
 * directory, itself a block of the arena. The first segment begins small and doubles, so that a table of few keys is
 * small; a segment's memory is committed as buckets are added.
 *
 * Invariants: segments after the first exist only when the first is whole. A bucket begins at a cache line. The
 * contents of a bucket just added are undefined.
 */
import { copyBytes } from '../base/bytes.js'
import type { Arena } from './arena.js'
import { type ArenaRef, byteIndexOf, chunkOf, NO_REF, wordIndexOf } from './arena-ref.js'
import { BUCKET_BYTES } from './bucket.js'

const BUCKET_UNITS_SHIFT = 3

const SEGMENT_SHIFT = 10
const SEGMENT_BUCKETS = 1 << SEGMENT_SHIFT
const SEGMENT_BYTES = SEGMENT_BUCKETS * BUCKET_BYTES
const FIRST_SEGMENT_BUCKETS_MIN = 4
const DIRECTORY_ENTRIES_MIN = 2

export const DIRECTORY_STATE_WORDS = 3

const noWords = new Int32Array(0)

export class BucketDirectory {
  /** What the directory and the segments hold of the arena. */
  bytes = 0

  private directory: ArenaRef = NO_REF
  /** The chunk that holds the directory, and where in it the directory begins. */
  private words: Int32Array = noWords
  private at = 0
  private directoryEntries = 0
  private segments = 0
  private firstSegmentBuckets = 0

  constructor(private readonly arena: Arena) {}

  /** Stands on the directory of a table with so many buckets, whose state `save` wrote. */
  load(words: Int32Array, at: number, buckets: number): void {
    const directory = words[at]! as ArenaRef
    this.directory = directory
    this.directoryEntries = words[at + 1]!
    this.firstSegmentBuckets = words[at + 2]!
    this.segments = (buckets + SEGMENT_BUCKETS - 1) >>> SEGMENT_SHIFT
    this.bytes = this.directoryEntries * 4 + this.firstSegmentBuckets * BUCKET_BYTES
    if (this.segments > 1) this.bytes += (this.segments - 1) * SEGMENT_BYTES
    this.words = directory === NO_REF ? noWords : this.arena.chunkWords[chunkOf(directory)]!
    this.at = wordIndexOf(directory)
  }

  /** Writes what `load` needs into `DIRECTORY_STATE_WORDS` words. */
  save(words: Int32Array, at: number): void {
    words[at] = this.directory
    words[at + 1] = this.directoryEntries
    words[at + 2] = this.firstSegmentBuckets
  }

  /** The reference of a bucket that exists. */
  bucket(index: number): number {
    return this.words[this.at + (index >>> SEGMENT_SHIFT)]! + ((index & (SEGMENT_BUCKETS - 1)) << BUCKET_UNITS_SHIFT)
  }

  /**
   * Adds the bucket `index`, the one after the last; the buckets of a small table may move.
   * @returns its reference, or `NO_REF`, with nothing changed, when there is no memory
   */
  add(index: number): ArenaRef {
    const segment = index >>> SEGMENT_SHIFT
    if (segment === this.segments) {
      if (!this.addSegment(segment)) return NO_REF
    } else if (segment === 0 && index === this.firstSegmentBuckets) {
      if (!this.resizeFirstSegment(this.firstSegmentBuckets * 2)) return NO_REF
    }
    return this.bucket(index) as ArenaRef
  }

  /** Removes the bucket `index`, the last one; the buckets of a small table may move. */
  remove(index: number): void {
    const segment = index >>> SEGMENT_SHIFT
    if (segment > 0) {
      if ((index & (SEGMENT_BUCKETS - 1)) === 0) {
        this.arena.free(this.words[this.at + segment]! as ArenaRef)
        this.segments--
        this.bytes -= SEGMENT_BYTES
        if (this.segments <= this.directoryEntries / 4) this.resizeDirectory(this.directoryEntries / 2)
      }
      return
    }
    // Some of it may stay unused, so that a bucket added and removed in turn does not move all others each time. When
    // there is no memory for a smaller copy, the segment stays as it is.
    if (index <= this.firstSegmentBuckets / 4 && this.firstSegmentBuckets > FIRST_SEGMENT_BUCKETS_MIN) {
      this.resizeFirstSegment(this.firstSegmentBuckets / 2)
    }
  }

  /** Gives all segments and the directory back to the arena. */
  clear(): void {
    for (let segment = 0; segment < this.segments; segment++) {
      this.arena.free(this.words[this.at + segment]! as ArenaRef)
    }
    if (this.directory !== NO_REF) this.arena.free(this.directory)
    this.forget()
  }

  /** The arena has been reset: there are no buckets. */
  forget(): void {
    this.bytes = 0
    this.directory = NO_REF
    this.words = noWords
    this.at = 0
    this.directoryEntries = 0
    this.segments = 0
    this.firstSegmentBuckets = 0
  }

  private addSegment(segment: number): boolean {
    if (segment === this.directoryEntries) {
      if (!this.resizeDirectory(Math.max(DIRECTORY_ENTRIES_MIN, segment * 2))) return false
    }
    const buckets = segment === 0 ? FIRST_SEGMENT_BUCKETS_MIN : SEGMENT_BUCKETS
    const ref = this.arena.tryAllocate(buckets * BUCKET_BYTES)
    if (ref === NO_REF) return false
    if (segment === 0) this.firstSegmentBuckets = buckets
    this.words[this.at + segment] = ref
    this.segments++
    this.bytes += buckets * BUCKET_BYTES
    return true
  }

  private resizeDirectory(entries: number): boolean {
    const ref = this.arena.tryAllocate(entries * 4)
    if (ref === NO_REF) return false
    const words = this.arena.chunkWords[chunkOf(ref)]!
    const at = wordIndexOf(ref)
    for (let i = 0; i < this.segments; i++) words[at + i] = this.words[this.at + i]!
    if (this.directory !== NO_REF) this.arena.free(this.directory)
    this.bytes += (entries - this.directoryEntries) * 4
    this.directory = ref
    this.words = words
    this.at = at
    this.directoryEntries = entries
    return true
  }

  private resizeFirstSegment(buckets: number): boolean {
    const ref = this.arena.tryAllocate(buckets * BUCKET_BYTES)
    if (ref === NO_REF) return false
    const old = this.words[this.at]! as ArenaRef
    copyBytes(
      this.arena.chunkBytes[chunkOf(old)]!,
      byteIndexOf(old),
      this.arena.chunkBytes[chunkOf(ref)]!,
      byteIndexOf(ref),
      Math.min(buckets, this.firstSegmentBuckets) * BUCKET_BYTES,
    )
    this.words[this.at] = ref
    this.arena.free(old)
    this.bytes += (buckets - this.firstSegmentBuckets) * BUCKET_BYTES
    this.firstSegmentBuckets = buckets
    return true
  }
}
