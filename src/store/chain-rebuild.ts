/**
 * Taking chains of buckets apart and putting them together again, for a table that splits or merges buckets.
 *
 * Used by the thread that owns the arena; one instance serves all tables of an arena, one after the other. Invariant:
 * between `begin` and `end` the entries of the collected chains are here and nowhere else.
 */
import type { Arena } from './arena.js'
import { type ArenaRef, chunkOf, wordIndexOf } from './arena-ref.js'
import { clearBucket, OVERFLOW, PLACES, setPlace, tagAt } from './bucket.js'

export class ChainRebuild {
  /** How many entries have been collected. */
  entries = 0
  /** How many overflow buckets there are to build chains with. */
  spares = 0
  /** Nobody reads it: it makes the compiler keep the reads of `touchRecords`. */
  touched = 0

  private refs = new Int32Array(256)
  private tags = new Int32Array(256)
  private spareBuckets = new Int32Array(32)

  constructor(private readonly arena: Arena) {}

  begin(): void {
    this.entries = 0
    this.spares = 0
  }

  /** Collects the entries of a chain, and its overflow buckets as spare ones. The chain itself stays as it is. */
  collect(home: number): void {
    let bucket = home
    do {
      const words = this.arena.chunkWords[chunkOf(bucket)]!
      const at = wordIndexOf(bucket)
      if (this.entries + PLACES > this.refs.length) {
        this.refs = doubled(this.refs)
        this.tags = doubled(this.tags)
      }
      for (let place = 0; place < PLACES; place++) {
        const ref = words[at + place]!
        if (ref === 0) break
        this.refs[this.entries] = ref
        this.tags[this.entries] = tagAt(words, at, place)
        this.entries++
      }
      if (bucket !== home) this.addSpare(bucket)
      bucket = words[at + OVERFLOW]!
    } while (bucket !== 0)
  }

  addSpare(bucket: number): void {
    if (this.spares === this.spareBuckets.length) this.spareBuckets = doubled(this.spareBuckets)
    this.spareBuckets[this.spares++] = bucket
  }

  ref(i: number): number {
    return this.refs[i]!
  }

  swap(i: number, j: number): void {
    const ref = this.refs[i]!
    const tag = this.tags[i]!
    this.refs[i] = this.refs[j]!
    this.tags[i] = this.tags[j]!
    this.refs[j] = ref
    this.tags[j] = tag
  }

  /**
   * Reads a word of each collected record, so that the processor fetches all of them at the same time. Hashing them one
   * by one would wait for memory at nearly each: 640 instead of 440 ns for inserting a key while the table grows.
   */
  touchRecords(): void {
    let words = 0
    for (let i = 0; i < this.entries; i++) {
      const ref = this.refs[i]!
      words ^= this.arena.chunkWords[chunkOf(ref)]![wordIndexOf(ref)]!
    }
    this.touched = words
  }

  /** Writes the collected entries from `start` to `end` as the chain of a bucket, with spare buckets where needed. */
  build(home: number, start: number, end: number): void {
    let words = this.arena.chunkWords[chunkOf(home)]!
    let at = wordIndexOf(home)
    clearBucket(words, at)
    let place = 0
    for (let i = start; i < end; i++) {
      if (place === PLACES) {
        const spare = this.spareBuckets[--this.spares]!
        words[at + OVERFLOW] = spare
        words = this.arena.chunkWords[chunkOf(spare)]!
        at = wordIndexOf(spare)
        clearBucket(words, at)
        place = 0
      }
      setPlace(words, at, place, this.refs[i]!, this.tags[i]!)
      place++
    }
  }

  /** Gives the spare buckets that are left back. @returns how many there were */
  end(): number {
    const left = this.spares
    while (this.spares > 0) this.arena.free(this.spareBuckets[--this.spares]! as ArenaRef)
    return left
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
