/**
 * A set that is being made, and becomes a key's value in one step when it is whole.
 *
 * Owned by one shard's thread. It lies in the nursery, under a name that no other such object has; whoever begins one
 * (`Sets.beginPending`) also ends it. Invariants: between `end` and the next `begin` there is nothing in the nursery;
 * nothing counts as a modification before `moveTo`.
 */
import { assert } from '../../base/assert.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import { layoutFor, valueByteOffset } from '../record.js'
import { NO_EXPIRY, ValueType } from '../value-type.js'
import { type MemberVisitor, OpenSet } from './open-set.js'

const NAME_BYTES = 8

export class PendingSet implements MemberVisitor {
  private readonly name = new Uint8Array(NAME_BYTES)
  /** Whether there is a member, and so a key in the nursery. */
  private isMade = false
  private expireAtMs = NO_EXPIRY
  private expected = 1
  private readonly set: OpenSet

  /** @param number no other one of the keyspace has it */
  constructor(
    private readonly keyspace: Keyspace,
    number: number,
  ) {
    this.set = new OpenSet(keyspace)
    new DataView(this.name.buffer).setFloat64(0, number)
  }

  /**
   * @param expireAtMs what the key will have that this is moved to
   * @param expected how many members there will be, as far as is known: a large set is not made small first
   */
  begin(expireAtMs: number, expected: number): void {
    assert(!this.isMade, 'a set in the making was not ended')
    this.expireAtMs = expireAtMs
    this.expected = expected
  }

  get size(): number {
    return this.isMade ? this.set.size : 0
  }

  has(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.isMade && this.set.has(bytes, offset, length)
  }

  /**
   * Adds a member if it is not there.
   * @throws ArenaFullError
   */
  member(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.isMade) {
      this.set.add(bytes, offset, length)
      return true
    }
    const { nursery, stats } = this.keyspace
    const { dirty } = stats
    this.set.create(nursery, this.name, 0, NAME_BYTES, this.expireAtMs, bytes, offset, length, this.expected)
    stats.dirty = dirty
    this.isMade = true
    return true
  }

  remove(bytes: Uint8Array, offset: number, length: number): void {
    if (this.isMade) this.set.remove(bytes, offset, length)
  }

  visit(visitor: MemberVisitor): void {
    if (this.isMade) this.set.visit(visitor)
  }

  /** Other commands have run in between. */
  reopen(): void {
    if (!this.isMade) return
    this.standOnName()
    this.set.open(this.keyspace.nursery)
  }

  /**
   * Gives the set, which must have a member, to a key, over whatever stands there. Counts as one modification.
   * @throws ArenaFullError with what stood there as it was
   */
  moveTo(db: Database, key: Uint8Array, keyOffset: number, keyLength: number): void {
    this.standOnName()
    const { nursery, stats } = this.keyspace
    const { bytes, valueOffset, valueLength, encoding } = nursery
    const value = bytes.subarray(valueOffset, valueOffset + valueLength)
    db.setCollection(key, keyOffset, keyLength, ValueType.set, encoding, value, this.expireAtMs)
    const { dirty } = stats
    nursery.removeWithoutValue()
    stats.dirty = dirty
    this.isMade = false
  }

  /**
   * Makes sure that there is memory for `moveTo` a key of this length that exists, as long as no other memory is asked for
   * in between: for who cannot go back any more when it comes to that.
   * @throws ArenaFullError
   */
  ensureRoom(keyLength: number): void {
    this.standOnName()
    const { arena, nursery } = this.keyspace
    const layout = layoutFor(keyLength, nursery.valueLength, this.expireAtMs !== NO_EXPIRY)
    arena.free(arena.allocate(valueByteOffset(layout, keyLength) + nursery.valueLength))
  }

  /** Gives up what was made and not moved. For `Sets.endPending`. */
  drop(): void {
    if (!this.isMade) return
    const { stats } = this.keyspace
    const { dirty } = stats
    this.standOnName()
    this.keyspace.nursery.remove()
    stats.dirty = dirty
    this.isMade = false
  }

  private standOnName(): void {
    const { nursery } = this.keyspace
    const isThere = nursery.has(this.name, 0, NAME_BYTES)
    assert(isThere, 'a set that is being made has gone')
  }
}
