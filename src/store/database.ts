/**
 * One numbered database of one shard: its keys, with one cursor that stands on the record in hand.
 *
 * Owned by the shard's thread. Keys are given as byte ranges of any `Uint8Array`, also one over shared memory, at any
 * alignment; a value passed in may lie in this same arena, when it is passed as the cursor's own `bytes`.
 *
 * Invariants: the cursor is valid after a call that says so, until the next call that moves it. A key past its time is
 * absent to every call but `forEach`. A call that fails for lack of memory (`ArenaFullError`) has changed no key.
 */
import { assert } from '../base/assert.js'
import { AnnouncedRecords } from './announced-records.js'
import { type ArenaRef, NO_REF } from './arena-ref.js'
import { keyEvents } from './keyspace-events.js'
import { copyValue, EXPIRY_FLAG, headerWord } from './record.js'
import { slotsOf, type TableSlots } from './table-slots.js'
import { type ValueKind, WHOLE } from './value-kind.js'
import { Encoding, isFlat, KEEP_TTL, mayBeWaitedFor, NO_EXPIRY, ValueType } from './value-type.js'

/** Giving back so many elements takes about half a millisecond. */
const FREED_AT_ONCE_ELEMENTS_MAX = 4096
/** Redis frees values lazily when they have more elements than this (LAZYFREE_THRESHOLD). */
const LAZY_ELEMENTS_MIN = 65

/** Of what was a database before it was cleared: no client can select it. */
const CLEARED_INDEX = -2
/** Giving back a page of a large record takes about as long as giving back a small one. */
const PAGE_SHIFT = 14

/** As often does `randomKey` look for a key that is not past its time, where such keys may not be removed. */
const RANDOM_KEY_TRIES_MAX = 100

export class Database extends AnnouncedRecords {
  /** A running average over the keys that active expiry sampled. */
  averageTtlMs = 0
  /** What the last `sampleExpires` saw. */
  sampledKeys = 0
  sampledExpired = 0

  private expiresCursor = 0

  get size(): number {
    return this.table.size
  }

  get expiresSize(): number {
    return this.expires.size
  }

  get tableBytes(): number {
    return this.table.bytes + this.expires.bytes + this.fieldExpires.bytes
  }

  /** Looks a key up to read it: counts a hit or a miss, touches the access clock. Removes it if its time is over. */
  find(buffer: Uint8Array, offset: number, length: number): boolean {
    const found = this.lookup(buffer, offset, length)
    const { keyspace } = this
    if (!found) {
      this.missed(buffer, offset, length)
      return false
    }
    keyspace.stats.hits++
    if (!keyspace.noTouch) this.touch()
    return true
  }

  /** As `find`, but leaves the access clock alone, so that looking at a key does not keep it from being evicted. */
  inspect(buffer: Uint8Array, offset: number, length: number): boolean {
    const found = this.lookup(buffer, offset, length)
    if (found) this.keyspace.stats.hits++
    else this.missed(buffer, offset, length)
    return found
  }

  /** Looks a key up to change it: touches the access clock. Removes it if its time is over. */
  findForWrite(buffer: Uint8Array, offset: number, length: number): boolean {
    const found = this.lookup(buffer, offset, length)
    if (found && !this.keyspace.noTouch) this.touch()
    return found
  }

  /** Looks a key up without a trace, but that it is removed if its time is over. */
  peek(buffer: Uint8Array, offset: number, length: number): boolean {
    return this.lookup(buffer, offset, length)
  }

  /** Whether a key is there and not past its time. Leaves no trace at all: a key past its time stays where it is. */
  has(buffer: Uint8Array, offset: number, length: number): boolean {
    const ref = this.findRecord(this.hash(buffer, offset, length), buffer, offset, length)
    if (ref === NO_REF) return false
    this.load(ref)
    return !this.isExpired()
  }

  /**
   * What the arena and the tables hold for this key: its blocks and its share of the buckets.
   * @param samples how many elements of a collection are looked at, 0 for all
   */
  memoryUsage(samples = 0): number {
    let bytes = this.arena.usableSize(this.ref) + this.table.bytes / this.table.size
    if (!isFlat(this.encoding)) bytes += this.kind.memoryUsage(this, samples)
    if (this.expireAtMs() !== NO_EXPIRY) bytes += this.expires.bytes / this.expires.size
    return Math.round(bytes)
  }

  /**
   * Sets a key to a string, whatever it was before; the cursor stands on it.
   * @param expireAtMs absolute ms, `NO_EXPIRY`, or `KEEP_TTL`
   * @throws ArenaFullError
   */
  setString(
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    const hash = this.hash(key, keyOffset, keyLength)
    const old = this.findRecord(hash, key, keyOffset, keyLength)
    if (old === NO_REF) {
      const expiry = expireAtMs === KEEP_TTL ? NO_EXPIRY : expireAtMs
      const { initialClock } = this.keyspace
      const header = headerWord(ValueType.string, encoding, initialClock)
      this.add(hash, key, keyOffset, keyLength, header, valueLength, expiry)
      copyValue(value, valueOffset, this.words, this.bytes, this.valueOffset, valueLength)
      if (this.keyspace.eventClasses !== 0) this.announceCreated()
    } else {
      this.load(old)
      this.overwrite(hash, value, valueOffset, valueLength, encoding, expireAtMs)
    }
    this.modified()
  }

  /**
   * Makes a key a collection with this value, whatever it was before; the cursor stands on it. The value is that of a flat
   * encoding, or a root of what lies in this arena and belongs to the key from now on.
   * @throws ArenaFullError with what stood under the key as it was
   */
  setCollection(
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    type: number,
    encoding: number,
    value: Uint8Array,
    expireAtMs: number,
  ): void {
    const { keyspace } = this
    const hash = this.hash(key, keyOffset, keyLength)
    const old = this.findRecord(hash, key, keyOffset, keyLength)
    const header = headerWord(type, encoding, keyspace.initialClock)
    if (old === NO_REF) {
      this.add(hash, key, keyOffset, keyLength, header, value.length, expireAtMs)
      copyValue(value, 0, this.words, this.bytes, this.valueOffset, value.length)
      if (keyspace.eventClasses !== 0) this.announceCreated()
    } else {
      this.load(old)
      const wasExpired = this.isExpired()
      if (wasExpired && keyspace.lazyExpireDeletes) this.announceExpired()
      this.replaceValue(hash, header, value, 0, value.length, expireAtMs)
      // Where the record has not moved, its type may be another one all the same.
      this.load(this.ref)
      if (wasExpired && keyspace.eventClasses !== 0) this.announceCreated()
    }
    this.modified()
    if (keyspace.onReady !== null && mayBeWaitedFor(type)) keyspace.onReady(this)
  }

  /**
   * Makes a key that does not exist, its value all zeros; the cursor stands on it.
   * @throws ArenaFullError
   */
  create(
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    type: number,
    encoding: number,
    valueLength: number,
    expireAtMs: number,
  ): void {
    let hash = this.hash(key, keyOffset, keyLength)
    const old = this.findRecord(hash, key, keyOffset, keyLength)
    if (old !== NO_REF) {
      // Lookups treat a key past its time as absent although it may still be here.
      this.load(old)
      assert(this.isExpired(), 'a key was created that exists')
      if (this.keyspace.lazyExpireDeletes) this.expire()
      else this.unlink()
      hash = this.hash(key, keyOffset, keyLength)
    }
    const header = headerWord(type, encoding, this.keyspace.initialClock)
    this.add(hash, key, keyOffset, keyLength, header, valueLength, expireAtMs)
    if (!this.arena.isZeroed(this.ref)) this.bytes.fill(0, this.valueOffset, this.valueOffset + valueLength)
    if (this.keyspace.eventClasses !== 0) this.announceCreated()
    this.modified()
    if (this.keyspace.onReady !== null && mayBeWaitedFor(type)) this.keyspace.onReady(this)
  }

  /** The value of the record in hand was changed through `bytes`. */
  modified(): void {
    const { keyspace } = this
    keyspace.stats.dirty++
    if (keyspace.onModified !== null) keyspace.onModified(this)
  }

  /**
   * The value of the record in hand was changed in what surrounds it (the groups of a stream, a representation): that
   * counts as a change, but as in Redis it does not break a WATCH.
   */
  modifiedAside(): void {
    this.keyspace.stats.dirty++
  }

  /** Changes the encoding in the header; not a modification by itself. */
  setEncoding(encoding: number): void {
    this.words[this.at] = (this.words[this.at]! & ~0xf0) | (encoding << 4)
    this.encoding = encoding
  }

  /**
   * Gives the key in hand a time after which it is gone. The record may move, and the cursor with it.
   * @throws ArenaFullError
   */
  setExpire(expireAtMs: number): void {
    this.putExpiry(expireAtMs)
    this.modified()
  }

  /** Takes the key's expiry away. @returns false when it has none */
  persist(): boolean {
    if (this.expireAtMs() === NO_EXPIRY) return false
    this.dropExpiry()
    this.modified()
    return true
  }

  /** Removes the key in hand. The cursor stands on nothing afterwards. */
  remove(): void {
    this.modified()
    this.unlink()
  }

  /** As `remove`, and a value of more than a few elements gives its memory back later. Counts it as freed lazily. */
  removeLazily(): void {
    const { keyspace } = this
    const isLarge = !isFlat(this.encoding) && this.kind.elementCount(this) >= LAZY_ELEMENTS_MIN
    if (isLarge) keyspace.stats.lazyFreedValues++
    keyspace.freesLazily = isLarge
    this.remove()
    keyspace.freesLazily = false
  }

  /** As `remove`, but what the value holds of the arena beside its record has found another key, and stays. */
  removeWithoutValue(): void {
    this.setEncoding(Encoding.raw)
    this.remove()
  }

  /** What the type of the value in hand can do, when it is no string. */
  get kind(): ValueKind {
    return this.keyspace.kindOf(this.type)
  }

  /**
   * Moves the cursor to a uniformly chosen key. Those past their time are removed, or passed over where that is not
   * allowed, unless there is hardly anything else.
   * @returns false when there is no key
   */
  randomKey(): boolean {
    for (let tries = 1; ; tries++) {
      const ref = this.table.selectRandom(this.keyspace.prng)
      if (ref === NO_REF) return false
      this.load(ref)
      if (!this.isExpired()) return true
      if (this.mayExpire) this.expire()
      else if (tries === RANDOM_KEY_TRIES_MAX) return true
    }
  }

  /**
   * One step of a scan: calls `visit` with the cursor on each key of a bucket that is not past its time, and of the
   * bucket split off it. A key that is there from the first step to the last is visited at least once, whatever else
   * comes and goes. `visit` may remove the key in hand.
   * @param cursor 0 to begin, then what the last step returned
   * @returns the cursor of the next step, 0 when the scan is complete
   */
  scan(cursor: number, visit: (db: Database) => void): number {
    const { table } = this
    if (table.size === 0) return 0
    table.pauseResizing()
    try {
      this.scanChain(table.scanBucket(cursor), visit)
      const partner = table.scanPartner(cursor)
      if (partner >= 0) this.scanChain(partner, visit)
    } finally {
      table.resumeResizing()
    }
    return table.nextCursor(cursor)
  }

  /** Calls `visit` for every key, also those past their time, until it returns false. It must not change anything. */
  forEach(visit: (db: Database) => boolean): void {
    for (let bucket = 0; bucket < this.table.buckets; bucket++) if (!this.visitBucket(bucket, visit)) return
  }

  /** As `forEach` for the keys of one bucket; returns whether `visit` never returned false. */
  visitBucket(bucket: number, visit: (db: Database) => boolean): boolean {
    const count = this.table.openChain(bucket)
    for (let i = 0; i < count; i++) {
      this.load(this.table.select(i))
      if (!visit(this)) return false
    }
    return true
  }

  /**
   * Removes every key. Counts them as modifications, but calls `onCleared` once instead of `onModified`. The memory goes back
   * at once where no other database has a key, and later in portions otherwise.
   */
  clear(): void {
    const { keyspace } = this
    if (keyspace.onCleared !== null) keyspace.onCleared(this)
    if (keyspace.onReplaced !== null) keyspace.onReplaced(this.index)
    keyspace.stats.dirty += this.size
    if (this.size === 0) return
    if (keyspace.isOnlyUsed(this)) keyspace.resetArena()
    else this.giveUp()
  }

  /** Leaves all keys to be given back later, as soon as a snapshot does not need them any more. */
  giveUp(): void {
    if (this.size === 0) return
    const { keyspace } = this
    const cleared = new Database(CLEARED_INDEX, keyspace)
    this.handOver(cleared)
    if (keyspace.snapshot?.takesOver(this, cleared) !== true) keyspace.condemned.addDatabase(cleared)
    this.averageTtlMs = 0
  }

  /** The shape of the tables of keys and of keys with an expiry. */
  tableSlots(): { keys: TableSlots; expires: TableSlots } {
    return { keys: slotsOf(this.table), expires: slotsOf(this.expires) }
  }

  /**
   * Looks at keys with an expiry, going around the buckets, and removes those past their time. Leaves its counts in
   * `sampledKeys` and `sampledExpired`.
   */
  sampleExpires(keysMax: number, bucketsMax: number): void {
    const { expires, keyspace } = this
    let ttlSumMs = 0
    let ttlSamples = 0
    this.sampledKeys = 0
    this.sampledExpired = 0
    expires.pauseResizing()
    for (let buckets = 0; buckets < bucketsMax && this.sampledKeys < keysMax && expires.size > 0; buckets++) {
      if (this.expiresCursor >= expires.buckets) this.expiresCursor = 0
      for (let i = expires.openChain(this.expiresCursor++) - 1; i >= 0; i--) {
        this.load(expires.select(i))
        this.sampledKeys++
        const ttlMs = this.expireAtMs() - keyspace.nowMs
        if (ttlMs < 0 && this.mayExpire) {
          const isInTable = this.table.findRef(this.cursorHash(), this.ref)
          assert(isInTable, 'a key with an expiry is not in the table')
          this.expire()
          this.sampledExpired++
        } else {
          ttlSumMs += ttlMs
          ttlSamples++
        }
      }
    }
    expires.resumeResizing()
    if (ttlSamples === 0) return
    const average = ttlSumMs / ttlSamples
    this.averageTtlMs = this.averageTtlMs === 0 ? average : this.averageTtlMs * 0.98 + average * 0.02
  }

  /** A step of shrinking the tables. @returns true while there is more to do */
  resizeStep(): boolean {
    const more = this.table.resizeStep()
    const fieldsMore = this.fieldExpires.resizeStep()
    return this.expires.resizeStep() || fieldsMore || more
  }

  /**
   * Moves the cursor to a random key, or one with an expiry, also past its time. It must be looked up again to be changed.
   * @returns false when there is none
   */
  standOnRandom(withExpiry: boolean): boolean {
    const ref = (withExpiry ? this.expires : this.table).selectRandom(this.keyspace.prng)
    if (ref === NO_REF) return false
    this.load(ref)
    return true
  }

  /** The arena has been reset, and with it every key. For the keyspace. */
  forget(): void {
    this.table.forget()
    this.expires.forget()
    this.fieldExpires.forget()
    this.averageTtlMs = 0
  }

  private lookup(buffer: Uint8Array, offset: number, length: number): boolean {
    if (!this.isInHand(buffer, offset, length)) {
      const hash = this.hash(buffer, offset, length)
      const ref = this.findRecord(hash, buffer, offset, length)
      if (ref === NO_REF) return false
      this.load(ref)
    }
    if ((this.meta & EXPIRY_FLAG) !== 0 && this.isExpired()) {
      if (this.mayExpire) this.expire()
      return false
    }
    return true
  }

  private isExpired(): boolean {
    const expireAtMs = this.expireAtMs()
    return expireAtMs !== NO_EXPIRY && this.keyspace.dueMs > expireAtMs
  }

  /** Turns the record in hand into a string with this value. */
  private overwrite(
    hash: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    const { keyspace } = this
    const wasExpired = this.isExpired()
    let clock = 0
    let expiry = expireAtMs
    if (wasExpired) {
      // To the world the old key has expired and a new one is made. The old record is only reused.
      if (keyspace.lazyExpireDeletes) this.announceExpired()
      clock = keyspace.initialClock
      if (expiry === KEEP_TTL) expiry = NO_EXPIRY
    } else {
      clock = this.touchedClock()
      if (expiry === KEEP_TTL) expiry = this.expireAtMs()
    }
    const header = headerWord(ValueType.string, encoding, clock)
    this.replaceValue(hash, header, value, valueOffset, valueLength, expiry)
    if (wasExpired && keyspace.eventClasses !== 0) this.announceCreated()
  }

  /** Removes the key in hand because its time is over. */
  private expire(): void {
    this.announceExpired()
    // Whoever loads a snapshot leaves out what is over. To write it here might disturb a command that looks at collections.
    if (this.isPast) this.leavePast()
    this.unlink()
  }

  private announceExpired(): void {
    const { keyspace } = this
    keyspace.stats.expiredKeys++
    this.notify(keyEvents.expired)
    if (keyspace.onExpired !== null) keyspace.onExpired(this)
  }

  protected writeToSnapshot(): void {
    this.keyspace.snapshot?.write(this)
  }

  protected releaseValue(): boolean {
    const { keyspace } = this
    if (keyspace.onReady !== null && this.type === ValueType.stream) keyspace.onReady(this)
    if (isFlat(this.encoding)) return false
    if (this.kind.elementCount(this) <= FREED_AT_ONCE_ELEMENTS_MAX && !keyspace.freesLazily) {
      this.kind.freeSome(this, WHOLE)
      return false
    }
    keyspace.condemned.add(this.ref)
    return true
  }

  protected override freeRecord(ref: ArenaRef): number {
    this.load(ref)
    const pages = this.arena.usableSize(ref) >>> PAGE_SHIFT
    if (!this.releaseValue()) this.arena.free(ref)
    return 1 + pages
  }

  private scanChain(bucket: number, visit: (db: Database) => void): void {
    for (let i = this.table.openChain(bucket) - 1; i >= 0; i--) {
      this.load(this.table.select(i))
      if (!this.isExpired()) visit(this)
      else if (this.mayExpire) this.expire()
    }
  }
}
