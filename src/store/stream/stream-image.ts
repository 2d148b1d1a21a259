/**
 * A stream as bytes, portion by portion, to be made again in another arena: for copies and moves between shards.
 *
 * Owned by one shard's thread. Parts, each behind the byte that says which it is:
 *
 *   root      | the words of the root up to its index |
 *   node      | ID, 4 words | length | listpack |
 *   group     | name | last ID, 4 words | entries read | consumers | name, seen at, active at of each ... |
 *   pending   | entries | ID, 4 words, ordinal of the consumer, delivered at, deliveries of each ... |
 *
 * Invariants: nodes and pending entries come in the order of their IDs, groups and consumers in that of their names, so
 * that all of them are appended. The pending entries of a group follow it.
 */
import { assert } from '../../base/assert.js'
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { type ArenaRef, NO_REF } from '../arena-ref.js'
import type { StreamEntries } from './stream-entries.js'
import type { StreamGroups } from './stream-groups.js'
import { StreamId } from './stream-id.js'
import type { StreamRoot } from './stream-root.js'

const Part = { root: 1, node: 2, group: 3, pending: 4 } as const

// Positions: what the next portion begins with, above the leaf that it begins in.
const TWO_32 = 4294967296
/** From here on it is a group; below, one more than the place in a leaf of the index of nodes. */
const FIRST_GROUP = 128
/** As many as a safe integer has room for above a reference. A stream with more of them is written in one portion. */
const GROUPS_MAX = 2 ** 21 - FIRST_GROUP - 1

const END = -1

export class StreamImage {
  private readonly id = new StreamId()

  constructor(
    private readonly root: StreamRoot,
    private readonly entries: StreamEntries,
    private readonly groups: StreamGroups,
  ) {}

  /** As `ValueKind.writeSome`, for the stream in hand. */
  write(sink: ByteSink, position: number, elementsMax: number): number {
    const { nodes } = this.entries
    const groupCount = this.groups.groups.size
    const portion = groupCount > GROUPS_MAX ? Number.POSITIVE_INFINITY : elementsMax
    let written = 0
    let stage = Math.floor(position / TWO_32)
    let leaf = ((position % TWO_32) | 0) as ArenaRef
    if (position === 0) {
      this.writeRoot(sink)
      stage = nodes.first() ? 1 : FIRST_GROUP
      leaf = stage === 1 ? nodes.leafRef : NO_REF
    }
    if (stage < FIRST_GROUP) {
      nodes.openLeaf(leaf, stage - 1)
      let more = true
      for (; more && written < portion; more = nodes.next()) written += this.writeNode(sink)
      if (more) return (nodes.indexInLeaf + 1) * TWO_32 + (nodes.leafRef >>> 0)
      stage = FIRST_GROUP
      leaf = NO_REF
    }
    for (; stage - FIRST_GROUP < groupCount; stage++) {
      if (written >= portion) return stage * TWO_32 + (leaf >>> 0)
      this.groups.selectGroup(stage - FIRST_GROUP)
      if (leaf === NO_REF) {
        written += this.writeGroup(sink)
        leaf = this.groups.pending.first() ? this.groups.pending.leafRef : NO_REF
      }
      while (leaf !== NO_REF) {
        if (written >= portion) return stage * TWO_32 + (leaf >>> 0)
        this.groups.pending.openLeaf(leaf, 0)
        written += this.writePending(sink)
        leaf = this.groups.pending.next() ? this.groups.pending.leafRef : NO_REF
      }
    }
    return END
  }

  /** As `ValueKind.readSome`, for the stream in hand. */
  read(source: ByteSource, elementsMax: number): void {
    const { groups } = this
    if (groups.groups.size > 0) groups.selectGroup(groups.groups.size - 1)
    let read = 0
    while (!source.isAtEnd && read < elementsMax) {
      const part = source.u8()
      if (part === Part.root) this.readRoot(source)
      else if (part === Part.node) read += this.readNode(source)
      else if (part === Part.group) read += this.readGroup(source)
      else if (part === Part.pending) read += this.readPending(source)
      else assert(false, 'an image of a stream has a part that is none')
    }
  }

  private writeRoot(sink: ByteSink): void {
    const { words, at, nodesAt } = this.root
    sink.u8(Part.root)
    for (let i = at; i < nodesAt; i++) sink.u32(words[i]! >>> 0)
  }

  private readRoot(source: ByteSource): void {
    const { words, at, nodesAt } = this.root
    for (let i = at; i < nodesAt; i++) words[i] = source.u32()
  }

  private writeNode(sink: ByteSink): number {
    const { entries } = this
    const { node } = entries
    const { listpack } = node
    entries.openNode()
    sink.u8(Part.node)
    writeId(sink, node.masterId)
    sink.sized(listpack.bytes, listpack.base, listpack.totalBytes)
    return node.liveEntries
  }

  private readNode(source: ByteSource): number {
    const id = readId(source, this.id)
    const length = source.u32()
    this.entries.addNodeBytes(id, source.bytes, source.raw(length), length)
    return this.entries.node.liveEntries
  }

  private writeGroup(sink: ByteSink): number {
    const { groups, id } = this
    sink.u8(Part.group)
    sink.sized(groups.groupNameBytes, groups.groupNameOffset, groups.groupNameLength)
    writeId(sink, groups.readLastId(id))
    sink.f64(groups.entriesRead)
    const count = groups.consumers.size
    sink.u32(count)
    for (let i = 0; i < count; i++) {
      groups.selectConsumer(i)
      groups.consumerOrdinal = i
      const { consumer } = groups
      sink.sized(
        groups.consumerNameBytes(consumer),
        groups.consumerNameOffset(consumer),
        groups.consumerNameLength(consumer),
      )
      sink.f64(groups.seenAtMs)
      sink.f64(groups.activeAtMs)
    }
    return count + 1
  }

  private readGroup(source: ByteSource): number {
    const { groups, id } = this
    const nameLength = source.u32()
    const name = source.raw(nameLength)
    readId(source, id)
    const entriesRead = source.f64()
    groups.findGroup(source.bytes, name, nameLength)
    groups.createGroup(source.bytes, name, nameLength, id, entriesRead)
    const count = source.u32()
    for (let i = 0; i < count; i++) {
      const length = source.u32()
      const offset = source.raw(length)
      groups.findConsumer(source.bytes, offset, length)
      groups.createConsumer(source.bytes, offset, length, source.f64())
      groups.activeAtMs = source.f64()
    }
    return count + 1
  }

  /** Writes the leaf of pending entries in hand, and stands on its last entry. */
  private writePending(sink: ByteSink): number {
    const { groups, id } = this
    const { pending } = groups
    const count = pending.entriesAhead
    sink.u8(Part.pending)
    sink.u32(count)
    for (let i = 0; i < count; i++) {
      if (i > 0) pending.next()
      writeId(sink, pending.readId(id))
      sink.u32(groups.ordinalOf(groups.pendingConsumer))
      sink.f64(groups.deliveredAtMs)
      sink.f64(groups.deliveries)
    }
    return count
  }

  private readPending(source: ByteSource): number {
    const { groups, id } = this
    const count = source.u32()
    for (let i = 0; i < count; i++) {
      readId(source, id)
      groups.selectConsumer(source.u32())
      groups.assign(id)
      groups.deliveredAtMs = source.f64()
      groups.deliveries = source.f64()
    }
    return count
  }
}

function writeId(sink: ByteSink, id: StreamId): void {
  sink.u32(id.msHigh >>> 0)
  sink.u32(id.msLow >>> 0)
  sink.u32(id.seqHigh >>> 0)
  sink.u32(id.seqLow >>> 0)
}

function readId(source: ByteSource, id: StreamId): StreamId {
  const msHigh = source.u32() | 0
  const msLow = source.u32() | 0
  const seqHigh = source.u32() | 0
  return id.set(msHigh, msLow, seqHigh, source.u32() | 0)
}
