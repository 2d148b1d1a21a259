/**
 * The sets of one shard.
 *
 * Owned by the shard's thread. Handlers work on a set through an `OpenSet`; here is what concerns sets as a whole, and
 * the objects that stand on them.
 */
import { assert } from '../../base/assert.js'
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { xorDigest } from '../../base/data-digest.js'
import type { Database } from '../database.js'
import { ELEMENTS_ROOT_BYTES, Elements, rootWordOf } from '../elements.js'
import type { Keyspace } from '../keyspace.js'
import { type ValueKind, WHOLE } from '../value-kind.js'
import { Encoding, ValueType } from '../value-type.js'
import { type MemberVisitor, OpenSet, VISITED } from './open-set.js'
import { PendingSet } from './pending-set.js'

/** As many sources are kept for the next command that combines sets; one with more makes the others for itself. */
const SOURCES_KEPT_MAX = 16

export class Sets implements ValueKind {
  /** The set of the key in hand, for commands that work on one. */
  private readonly inHand: OpenSet
  /** For what concerns sets as a whole: never in the way of a command's own. */
  private readonly whole: OpenSet
  private readonly elements: Elements
  private readonly sources: OpenSet[] = []
  private readonly idlePending: PendingSet[] = []
  private pendingCount = 0
  private readonly measuring = new Measuring()

  constructor(readonly keyspace: Keyspace) {
    this.inHand = new OpenSet(keyspace)
    this.whole = new OpenSet(keyspace)
    this.elements = new Elements(keyspace)
  }

  /** Stands on the set that is the value in hand. The object is the same for all calls. */
  open(db: Database): OpenSet {
    return this.inHand.open(db)
  }

  /**
   * Makes a key that does not exist, with a set of one member, and stands on it as `open` does.
   * @param expected how many members there will be at most, as far as is known
   * @throws ArenaFullError before anything was changed
   */
  create(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    expireAtMs: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    expected: number,
  ): OpenSet {
    this.inHand.create(db, key, keyOffset, keyLength, expireAtMs, bytes, offset, length, expected)
    return this.inHand
  }

  /** The i-th of the objects for commands that look at several sets at a time. */
  source(i: number): OpenSet {
    const { sources } = this
    while (sources.length <= i) sources.push(new OpenSet(this.keyspace))
    return sources[i]!
  }

  /** A set to be made that becomes a key's value later, see `PendingSet.begin`. It ends with `endPending`, whatever happens. */
  beginPending(expireAtMs: number, expected: number): PendingSet {
    const pending = this.idlePending.pop() ?? new PendingSet(this.keyspace, ++this.pendingCount)
    pending.begin(expireAtMs, expected)
    return pending
  }

  /** What was made of it and not moved is given up. */
  endPending(pending: PendingSet): void {
    pending.drop()
    this.idlePending.push(pending)
  }

  /** The command that used `source` has ended. */
  releaseSources(): void {
    if (this.sources.length > SOURCES_KEPT_MAX) this.sources.length = SOURCES_KEPT_MAX
  }

  elementCount(db: Database): number {
    return this.whole.open(db).size
  }

  /** Small sets of strings are packed too, which Redis 7.0 does not know: to its clients they are hash tables. */
  encodingName(db: Database): string {
    return db.encoding === Encoding.intset ? 'intset' : 'hashtable'
  }

  memoryUsage(db: Database, samples: number): number {
    const { elements, measuring } = this
    this.openElements(db)
    if (elements.size === 0) return elements.tableBytes
    measuring.begin(samples === 0 ? WHOLE : samples)
    elements.visitAll(measuring.visit)
    return elements.tableBytes + (measuring.bytes / measuring.seen) * elements.size
  }

  freeSome(db: Database, elementsMax: number): boolean {
    this.openElements(db)
    const isDone = this.elements.freeSome(elementsMax)
    this.elements.close()
    return isDone
  }

  addToDigest(db: Database, digest: Uint8Array): void {
    const addMember: MemberVisitor = {
      member(bytes, offset, length) {
        xorDigest(digest, bytes.subarray(offset, offset + length))
        return true
      },
    }
    this.whole.open(db).visit(addMember)
  }

  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number {
    const writeMember: MemberVisitor = {
      member(bytes, offset, length) {
        sink.sized(bytes, offset, length)
        return true
      },
    }
    const next = this.whole.open(db).visitSome(writeMember, position, elementsMax)
    return next === VISITED ? -1 : next
  }

  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    encoding: number,
    expireAtMs: number,
  ): void {
    assert(encoding === Encoding.hashtable, 'a set that is not flat must be a hash table')
    db.create(key, keyOffset, keyLength, ValueType.set, encoding, ELEMENTS_ROOT_BYTES, expireAtMs)
  }

  readSome(db: Database, source: ByteSource, elementsMax: number): void {
    const set = this.whole.open(db)
    for (let i = 0; i < elementsMax && !source.isAtEnd; i++) {
      const length = source.u32()
      const offset = source.raw(length)
      const isNew = set.add(source.bytes, offset, length)
      assert(isNew, 'an image has a member twice')
    }
  }

  private openElements(db: Database): void {
    this.elements.open(db.words, rootWordOf(db.valueOffset))
  }
}

/** Adds up the blocks of some elements. */
class Measuring {
  bytes = 0
  seen = 0
  private seenMax = 0

  readonly visit = (elements: Elements): boolean => {
    this.bytes += elements.blockBytes
    return ++this.seen < this.seenMax
  }

  begin(seenMax: number): void {
    this.bytes = 0
    this.seen = 0
    this.seenMax = seenMax
  }
}
