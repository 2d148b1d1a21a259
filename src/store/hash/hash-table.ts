/**
 * A large hash: its fields are elements in a table of their own, the value of an element is that of the field.
 *
 * Owned by one shard's thread. Beside what `Elements` keeps the root says where active expiry is:
 *
 *   root, in 32-bit words   | as Elements, 14 | next due 2 | least seen 2 | sweep 1 | unused 1 |
 *
 * Invariant: no field is due before `next due`. To find those that are, sweeps go through the elements with a time, in
 * portions and in the order of a scan, so that none is missed however the table changes in between; `least seen` is the
 * earliest time of the present sweep, and the next `next due` when it is complete.
 */
import { assert } from '../../base/assert.js'
import { copyBytes } from '../../base/bytes.js'
import { Elements } from '../elements.js'
import { TABLE_STATE_WORDS } from '../table.js'
import { NO_EXPIRY } from '../value-type.js'
import { type FieldVisitor, isDue } from './packed-hash.js'

const NEXT_DUE = TABLE_STATE_WORDS * 2
const LEAST_SEEN = NEXT_DUE + 2
const SWEEP = LEAST_SEEN + 2
export const HASH_ROOT_WORDS = SWEEP + 2
export const HASH_ROOT_BYTES = HASH_ROOT_WORDS * 4

const TWO_32 = 4294967296
/** Later than any time that a field can have. */
const NEVER = Number.MAX_SAFE_INTEGER

export class HashTable extends Elements {
  private root: Int32Array = new Int32Array(HASH_ROOT_WORDS)
  private rootBegin = 0
  /** The walk of `rewind` and `nextElement`: its bucket, and how many elements of that are left. */
  private walkBucket = 0
  private walkLeft = 0

  override open(words: Int32Array, at: number): void {
    super.open(words, at)
    this.root = words
    this.rootBegin = at
  }

  /** A time before which no field is due. Only when there are fields with a time. */
  get nextDueMs(): number {
    return this.readTime(NEXT_DUE)
  }

  /**
   * Sets a field's value. `close` must follow.
   * @param keepsTime whether a field that is there keeps its time
   * @returns whether the field is new
   */
  setField(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    keepsTime: boolean,
  ): boolean {
    if (!this.find(field, fieldOffset, fieldLength)) {
      this.addSought(field, fieldOffset, fieldLength, valueLength)
      copyBytes(value, valueOffset, this.bytes, this.valueOffset, valueLength)
      return true
    }
    this.setValue(value, valueOffset, valueLength)
    if (!keepsTime) this.setExpiry(NO_EXPIRY)
    return false
  }

  /** Gives the field in hand a time, or with `NO_EXPIRY` takes it away. `close` must follow. */
  setTime(timeMs: number): void {
    const isFirst = this.expiresSize === 0
    this.setExpiry(timeMs)
    if (timeMs === NO_EXPIRY) return
    if (isFirst) {
      this.root[this.rootBegin + SWEEP] = 0
      this.writeTime(NEXT_DUE, timeMs)
      return
    }
    if (timeMs < this.readTime(NEXT_DUE)) this.writeTime(NEXT_DUE, timeMs)
    if (timeMs < this.readTime(LEAST_SEEN)) this.writeTime(LEAST_SEEN, timeMs)
  }

  /** How many fields were due before this time. */
  countDue(nowMs: number): number {
    const { expires } = this
    if (expires.size === 0 || nowMs <= this.nextDueMs) return 0
    let due = 0
    for (let bucket = 0; bucket < expires.buckets; bucket++) {
      for (let i = expires.openChain(bucket) - 1; i >= 0; i--) {
        this.load(expires.select(i))
        if (isDue(this.expireAtMs(), nowMs)) due++
      }
    }
    return due
  }

  /**
   * Removes fields that were due before this time, looking at about so many; `tell` hears of each.
   * @returns how many were removed; there may be more as long as `nextDueMs` is before this time
   */
  removeDue(nowMs: number, elementsMax: number, tell: FieldVisitor | null): number {
    const { expires, root, rootBegin } = this
    const sizeBefore = this.size
    let left = elementsMax
    expires.pauseResizing()
    while (left > 0 && expires.size > 0 && nowMs > this.nextDueMs) {
      const cursor = root[rootBegin + SWEEP]!
      if (cursor === 0) this.writeTime(LEAST_SEEN, NEVER)
      left -= 1 + this.sweepChain(expires.scanBucket(cursor), nowMs, tell)
      const partner = expires.scanPartner(cursor)
      if (partner >= 0) left -= this.sweepChain(partner, nowMs, tell)
      const next = expires.nextCursor(cursor)
      root[rootBegin + SWEEP] = next
      if (next === 0) this.writeTime(NEXT_DUE, this.readTime(LEAST_SEEN))
    }
    expires.resumeResizing()
    const removed = sizeBefore - this.size
    // The shrinking that these removals would have brought. Sweeps go through the empty buckets as well.
    if (expires.size === 0) expires.clear()
    else for (let i = 0; i < removed && expires.resizeStep(); i++);
    this.close()
    return removed
  }

  /** Begins a walk over all fields. Nothing may be changed until its end. */
  rewind(): void {
    this.walkBucket = -1
    this.walkLeft = 0
  }

  /** Moves the cursor to the next field of the walk. @returns false at the end */
  nextElement(): boolean {
    const { table } = this
    while (this.walkLeft === 0) {
      if (++this.walkBucket >= table.buckets) return false
      this.walkLeft = table.openChain(this.walkBucket)
    }
    this.load(table.select(--this.walkLeft))
    return true
  }

  /** An estimate of what the elements hold of the arena, from so many of them (0: all of them). */
  elementBytes(samples: number): number {
    let bytes = 0
    let seen = 0
    this.rewind()
    while ((samples === 0 || seen < samples) && this.nextElement()) {
      bytes += this.blockBytes
      seen++
    }
    return seen === 0 ? 0 : (bytes / seen) * this.size
  }

  /** Removes what is due from a chain of the elements with a time. @returns how many elements the chain had */
  private sweepChain(bucket: number, nowMs: number, tell: FieldVisitor | null): number {
    const { expires, table } = this
    const count = expires.openChain(bucket)
    for (let i = count - 1; i >= 0; i--) {
      const ref = expires.select(i)
      this.load(ref)
      const timeMs = this.expireAtMs()
      if (isDue(timeMs, nowMs)) {
        const isInTable = table.findRef(this.cursorHash(), ref)
        assert(isInTable, 'a field with a time to live is not in the table of fields')
        if (tell !== null) tell(this.bytes, this.keyOffset, this.keyLength)
        this.remove()
      } else if (timeMs < this.readTime(LEAST_SEEN)) {
        this.writeTime(LEAST_SEEN, timeMs)
      }
    }
    return count
  }

  private readTime(word: number): number {
    const at = this.rootBegin + word
    return this.root[at + 1]! * TWO_32 + (this.root[at]! >>> 0)
  }

  private writeTime(word: number, timeMs: number): void {
    const at = this.rootBegin + word
    this.root[at] = (timeMs % TWO_32) | 0
    this.root[at + 1] = Math.floor(timeMs / TWO_32)
  }
}
