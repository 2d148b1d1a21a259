/**
 * The consumer groups of a stream: what each has delivered, its consumers, and the entries that wait for their
 * acknowledgement.
 *
 * Owned by one shard's thread. A cursor for groups, consumers and pending entries of one stream after the other.
 *
 *   group      | name length | consumers | last delivered ID, 4 | entries read, 2 | pending, 2 | name |
 *   consumer   | name length | ordinal | seen at, 2 | active at, 2 | pending, 2 | name |
 *   pending of a group      | ID | consumer | delivered at, 2 | deliveries, 2 |
 *   pending of a consumer   | ID |
 *
 * Invariants: an ID is in the pending entries of its group and of exactly one of its consumers, which the group's entry
 * names; only while a stream is being loaded an entry may have no consumer yet. Blocks of groups and consumers never move. "Entries read" is -1 where it is not known, "active at"
 * where a consumer has never got an entry. Times are in ms.
 */
import type { Arena } from '../arena.js'
import { type ArenaRef, chunkOf, NO_REF, wordIndexOf } from '../arena-ref.js'
import { IdTree, TREE_STATE_WORDS } from './id-tree.js'
import { NameIndex } from './name-index.js'
import { STREAM_ID_WORDS, StreamId } from './stream-id.js'
import { readWide, WIDE_WORDS, writeWide } from './wide-number.js'

const GROUP_CONSUMERS = 1
const GROUP_LAST_ID = 2
const GROUP_ENTRIES_READ = GROUP_LAST_ID + STREAM_ID_WORDS
const GROUP_PENDING = GROUP_ENTRIES_READ + WIDE_WORDS
const GROUP_WORDS = GROUP_PENDING + TREE_STATE_WORDS

const CONSUMER_ORDINAL = 1
const CONSUMER_SEEN_AT = 2
const CONSUMER_ACTIVE_AT = CONSUMER_SEEN_AT + WIDE_WORDS
const CONSUMER_PENDING = CONSUMER_ACTIVE_AT + WIDE_WORDS
const CONSUMER_WORDS = CONSUMER_PENDING + TREE_STATE_WORDS

const PENDING_DELIVERED_AT = 1
const PENDING_DELIVERIES = PENDING_DELIVERED_AT + WIDE_WORDS
export const PENDING_WORDS = PENDING_DELIVERIES + WIDE_WORDS

/** "Entries read" of a group whose place in the stream's history is not known. */
export const NOT_KNOWN = -1

const scratchId = new StreamId()

export class StreamGroups {
  /** The groups of the stream that was opened, and the consumers of the group in hand. */
  readonly groups: NameIndex
  readonly consumers: NameIndex
  /** The pending entries of the group in hand, and of the consumer in hand. */
  readonly pending: IdTree
  readonly consumerPending: IdTree

  /** The consumer in hand, or `NO_REF`. */
  consumer: ArenaRef = NO_REF

  private group: ArenaRef = NO_REF
  private words: Int32Array = new Int32Array(0)
  private at = 0
  private consumerWords: Int32Array = this.words
  private consumerAt = 0

  constructor(private readonly arena: Arena) {
    this.groups = new NameIndex(arena, GROUP_WORDS)
    this.consumers = new NameIndex(arena, CONSUMER_WORDS)
    this.pending = new IdTree(arena, PENDING_WORDS)
    this.consumerPending = new IdTree(arena, 0)
  }

  /** Stands on the groups of the stream whose word for them this is, on none of them. */
  open(owner: Int32Array, at: number): void {
    this.groups.open(owner, at)
    this.group = NO_REF
    this.consumer = NO_REF
  }

  /** Moves to the group with this name. @returns false when there is none; `createGroup` may follow */
  findGroup(name: Uint8Array, offset: number, length: number): boolean {
    const ref = this.groups.find(name, offset, length)
    if (ref === NO_REF) return false
    this.loadGroup(ref)
    return true
  }

  /** Moves to the group at a place in the order of names. */
  selectGroup(index: number): void {
    this.loadGroup(this.groups.select(index))
  }

  /**
   * Creates the group that `findGroup` has just not found, and moves to it.
   * @param entriesRead or `NOT_KNOWN`
   * @throws ArenaFullError
   */
  createGroup(name: Uint8Array, offset: number, length: number, lastId: StreamId, entriesRead: number): void {
    this.loadGroup(this.groups.insert(name, offset, length))
    this.setLastId(lastId)
    this.entriesRead = entriesRead
  }

  /** Removes the group at this place, with its consumers and pending entries. */
  removeGroup(index: number): void {
    this.selectGroup(index)
    for (let i = this.consumers.size - 1; i >= 0; i--) {
      this.selectConsumer(i)
      this.consumerPending.clear()
      this.consumers.remove(i)
    }
    this.pending.clear()
    this.groups.remove(index)
    this.group = NO_REF
    this.consumer = NO_REF
  }

  get groupNameBytes(): Uint8Array {
    return this.arena.chunkBytes[chunkOf(this.group)]!
  }

  get groupNameOffset(): number {
    return this.groups.nameOffset(this.group)
  }

  get groupNameLength(): number {
    return this.groups.nameLength(this.group)
  }

  /** The ID delivered last, of the group in hand. */
  readLastId(id: StreamId): StreamId {
    return id.load(this.words, this.at + GROUP_LAST_ID)
  }

  setLastId(id: StreamId): void {
    id.save(this.words, this.at + GROUP_LAST_ID)
  }

  get entriesRead(): number {
    return readWide(this.words, this.at + GROUP_ENTRIES_READ)
  }

  set entriesRead(count: number) {
    writeWide(this.words, this.at + GROUP_ENTRIES_READ, count)
  }

  /** Moves to the consumer of the group in hand with this name. @returns false when there is none; `createConsumer` may follow */
  findConsumer(name: Uint8Array, offset: number, length: number): boolean {
    const ref = this.consumers.find(name, offset, length)
    if (ref === NO_REF) return false
    this.loadConsumer(ref)
    return true
  }

  selectConsumer(index: number): void {
    this.loadConsumer(this.consumers.select(index))
  }

  /**
   * Creates the consumer that `findConsumer` has just not found, and moves to it.
   * @throws ArenaFullError
   */
  createConsumer(name: Uint8Array, offset: number, length: number, nowMs: number): void {
    this.loadConsumer(this.consumers.insert(name, offset, length))
    this.seenAtMs = nowMs
    this.activeAtMs = NOT_KNOWN
  }

  /** Removes the consumer at this place; what it had pending is pending no more. @returns how many entries that were */
  removeConsumer(index: number): number {
    this.selectConsumer(index)
    const { consumerPending, pending } = this
    const count = consumerPending.size
    for (let more = consumerPending.first(); more; more = consumerPending.next()) {
      if (pending.find(consumerPending.readId(scratchId))) pending.remove()
    }
    consumerPending.clear()
    this.consumers.remove(index)
    this.consumer = NO_REF
    return count
  }

  consumerNameBytes(consumer: ArenaRef): Uint8Array {
    return this.arena.chunkBytes[chunkOf(consumer)]!
  }

  consumerNameOffset(consumer: ArenaRef): number {
    return this.consumers.nameOffset(consumer)
  }

  consumerNameLength(consumer: ArenaRef): number {
    return this.consumers.nameLength(consumer)
  }

  get seenAtMs(): number {
    return readWide(this.consumerWords, this.consumerAt + CONSUMER_SEEN_AT)
  }

  set seenAtMs(ms: number) {
    writeWide(this.consumerWords, this.consumerAt + CONSUMER_SEEN_AT, ms)
  }

  get activeAtMs(): number {
    return readWide(this.consumerWords, this.consumerAt + CONSUMER_ACTIVE_AT)
  }

  set activeAtMs(ms: number) {
    writeWide(this.consumerWords, this.consumerAt + CONSUMER_ACTIVE_AT, ms)
  }

  /** A number that whoever walks through the consumers may give each, and only they read. */
  get consumerOrdinal(): number {
    return this.consumerWords[this.consumerAt + CONSUMER_ORDINAL]!
  }

  set consumerOrdinal(ordinal: number) {
    this.consumerWords[this.consumerAt + CONSUMER_ORDINAL] = ordinal
  }

  ordinalOf(consumer: ArenaRef): number {
    return this.arena.chunkWords[chunkOf(consumer)]![wordIndexOf(consumer) + CONSUMER_ORDINAL]!
  }

  /** The consumer of the pending entry in hand, `NO_REF` when it is still to be assigned. */
  get pendingConsumer(): ArenaRef {
    return this.pending.words[this.pending.payloadAt]! as ArenaRef
  }

  get deliveredAtMs(): number {
    return readWide(this.pending.words, this.pending.payloadAt + PENDING_DELIVERED_AT)
  }

  set deliveredAtMs(ms: number) {
    writeWide(this.pending.words, this.pending.payloadAt + PENDING_DELIVERED_AT, ms)
  }

  get deliveries(): number {
    return readWide(this.pending.words, this.pending.payloadAt + PENDING_DELIVERIES)
  }

  set deliveries(count: number) {
    writeWide(this.pending.words, this.pending.payloadAt + PENDING_DELIVERIES, Math.min(count, Number.MAX_SAFE_INTEGER))
  }

  /**
   * Makes an entry pending for the consumer in hand, or makes it that consumer's when it is pending already, and moves to
   * it. Its time and count of deliveries are the caller's to set.
   * @returns whether it was not pending before
   * @throws ArenaFullError with everything as it was
   */
  assign(id: StreamId): boolean {
    const { pending, consumerPending } = this
    const isNew = pending.insert(id)
    const old = this.pendingConsumer
    if (!isNew && old === this.consumer) return false
    try {
      consumerPending.insert(id)
    } catch (error) {
      if (isNew) pending.remove()
      throw error
    }
    if (old !== NO_REF) this.removeFromConsumer(old, id)
    pending.words[pending.payloadAt] = this.consumer
    return isNew
  }

  /**
   * Makes an entry pending that is not, for a stream that is being loaded: `assign` must give it a consumer before the
   * stream is used. Moves to it.
   * @returns false when it is pending already
   * @throws ArenaFullError
   */
  addUnassigned(id: StreamId): boolean {
    return this.pending.insert(id)
  }

  /** The pending entry in hand is acknowledged: it is no more. The cursor stands on none afterwards. */
  acknowledge(): void {
    const { pending } = this
    const consumer = this.pendingConsumer
    if (consumer !== NO_REF) this.removeFromConsumer(consumer, pending.readId(scratchId))
    pending.remove()
  }

  /** Makes entries pending no more in every group. Afterwards the cursor stands on no group. */
  forgetEntry(id: StreamId): boolean {
    let found = false
    for (let i = this.groups.size - 1; i >= 0; i--) {
      this.selectGroup(i)
      if (!this.pending.find(id)) continue
      this.acknowledge()
      found = true
    }
    return found
  }

  /**
   * Whether a group still needs an entry: it has not been delivered, or not been acknowledged. Afterwards the cursor stands
   * on no group.
   */
  needsEntry(id: StreamId): boolean {
    for (let i = this.groups.size - 1; i >= 0; i--) {
      this.selectGroup(i)
      if (id.compareAt(this.words, this.at + GROUP_LAST_ID) > 0 || this.pending.find(id)) return true
    }
    return false
  }

  /** What groups, consumers and pending entries take of the arena. */
  get bytes(): number {
    let bytes = this.groups.bytes
    for (let i = this.groups.size - 1; i >= 0; i--) {
      this.selectGroup(i)
      bytes += this.consumers.bytes + this.pending.measure().bytes
      for (let k = this.consumers.size - 1; k >= 0; k--) {
        this.selectConsumer(k)
        bytes += this.consumerPending.measure().bytes
      }
    }
    return bytes
  }

  private loadGroup(ref: ArenaRef): void {
    this.group = ref
    this.words = this.arena.chunkWords[chunkOf(ref)]!
    this.at = wordIndexOf(ref)
    this.consumers.open(this.words, this.at + GROUP_CONSUMERS)
    this.pending.open(this.words, this.at + GROUP_PENDING)
    this.consumer = NO_REF
  }

  private loadConsumer(ref: ArenaRef): void {
    this.consumer = ref
    this.consumerWords = this.arena.chunkWords[chunkOf(ref)]!
    this.consumerAt = wordIndexOf(ref)
    this.consumerPending.open(this.consumerWords, this.consumerAt + CONSUMER_PENDING)
  }

  /** Takes an ID out of a consumer's pending entries; the consumer in hand stays. */
  private removeFromConsumer(consumer: ArenaRef, id: StreamId): void {
    const { consumerPending } = this
    const words = this.arena.chunkWords[chunkOf(consumer)]!
    consumerPending.open(words, wordIndexOf(consumer) + CONSUMER_PENDING)
    if (consumerPending.find(id)) consumerPending.remove()
    consumerPending.open(this.consumerWords, this.consumerAt + CONSUMER_PENDING)
  }
}
