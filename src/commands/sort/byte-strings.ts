/**
 * Many byte strings one behind the other: what SORT works on, without an object for each element.
 *
 * Used in a shard worker. Invariant: string `i` lies in `bytes` from `offsets[i]` on and is `lengths[i]` bytes long; a
 * length of -1 stands for a string that is missing.
 */
import { copyBytes } from '../../base/bytes.js'

const MISSING = -1

export class ByteStrings {
  bytes = new Uint8Array(1024)
  /** Doubles, because all together may be longer than an int32 can say. */
  offsets = new Float64Array(64)
  lengths = new Int32Array(64)
  count = 0
  #used = 0

  add(from: Uint8Array, offset: number, length: number): void {
    this.#reserve(length)
    copyBytes(from, offset, this.bytes, this.#used, length)
    this.offsets[this.count] = this.#used
    this.lengths[this.count++] = length
    this.#used += length
  }

  addMissing(): void {
    this.#reserve(0)
    this.offsets[this.count] = this.#used
    this.lengths[this.count++] = MISSING
  }

  isMissing(i: number): boolean {
    return this.lengths[i] === MISSING
  }

  #reserve(length: number): void {
    if (this.count === this.lengths.length) {
      const offsets = new Float64Array(this.count * 2)
      const lengths = new Int32Array(this.count * 2)
      offsets.set(this.offsets)
      lengths.set(this.lengths)
      this.offsets = offsets
      this.lengths = lengths
    }
    const needed = this.#used + length
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.#used))
    this.bytes = larger
  }
}
