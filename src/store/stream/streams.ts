/**
 * The streams of one shard: entries in the order of their IDs, read by consumers in groups.
 *
 * Owned by the shard's thread. `open` stands on the stream that is the value of the key in hand; the fields are cursors
 * for its parts then, until another stream is opened. A stream's root lies in its key's record, everything else in blocks:
 * entries in nodes of some dozens (stream-node.ts) under an index by ID (id-tree.ts), groups by name (stream-groups.ts).
 *
 * Invariants: the record of the stream in hand does not move. What fails for lack of memory has changed nothing. Nothing
 * here tells of a modification: `Database.modified` is the caller's to call, once for each command.
 */
import type { ByteSink, ByteSource } from '../../base/byte-sink.js'
import { mixDigest } from '../../base/data-digest.js'
import type { ArenaRef } from '../arena-ref.js'
import type { Database } from '../database.js'
import type { Keyspace } from '../keyspace.js'
import type { ValueKind } from '../value-kind.js'
import { Encoding, NO_EXPIRY, ValueType } from '../value-type.js'
import { StreamEntries } from './stream-entries.js'
import { StreamGroups } from './stream-groups.js'
import { STREAM_ID_TEXT_BYTES_MAX, StreamId } from './stream-id.js'
import { StreamImage } from './stream-image.js'
import { STREAM_ROOT_BYTES, StreamRoot } from './stream-root.js'

/** A node is made no larger in advance, whatever the limit. */
const NODE_BYTES_PLANNED_MAX = 4096

/** However the limits are set, a node gets no larger by an append, and no entry is. */
export const NODE_BYTES_MAX = 1 << 30

const DOT = 0x2e

export class Streams implements ValueKind {
  readonly root = new StreamRoot()
  readonly groups: StreamGroups
  /** For walks; `deleteEntry` and `append` leave them at an end. */
  readonly entries: StreamEntries
  /** For looking at single entries in the middle of a walk of `entries`. */
  readonly probe: StreamEntries

  private readonly image: StreamImage
  private readonly id = new StreamId()

  constructor(readonly keyspace: Keyspace) {
    const { arena } = keyspace
    this.groups = new StreamGroups(arena)
    this.entries = new StreamEntries(arena)
    this.probe = new StreamEntries(arena)
    this.image = new StreamImage(this.root, this.entries, this.groups)
  }

  /** Stands on the stream that is the value of the key in hand. */
  open(db: Database): void {
    const { root } = this
    root.open(db.words, db.valueOffset >>> 2)
    const { nodeBytesMax } = this
    this.entries.open(root, nodeBytesMax)
    this.probe.open(root, nodeBytesMax)
    this.groups.open(root.words, root.groupsAt)
  }

  /**
   * Makes a key that does not exist an empty stream and stands on it.
   * @throws ArenaFullError
   */
  create(db: Database, key: Uint8Array, offset: number, length: number, expireAtMs = NO_EXPIRY): void {
    db.create(key, offset, length, ValueType.stream, Encoding.stream, STREAM_ROOT_BYTES, expireAtMs)
    this.open(db)
  }

  /**
   * Appends an entry to the stream in hand. Its ID must be greater than the last one.
   * @param lengths of the fields and values in turn, as `offsets` into `buffer`, from `first` up to `end`
   * @throws ArenaFullError
   */
  append(id: StreamId, buffer: Uint8Array, offsets: Int32Array, lengths: Int32Array, first: number, end: number): void {
    const { entries } = this
    const { node, nodes } = entries
    let bytesPlanned = 0
    if (nodes.last()) {
      entries.openNode()
      if (this.hasRoom(first, end, lengths)) {
        node.append(id, buffer, offsets, lengths, first, end)
        this.appended(id)
        return
      }
      // What one node took the next will take.
      bytesPlanned = Math.min(node.listpack.totalBytes, this.nodeBytesMax, NODE_BYTES_PLANNED_MAX)
      node.shrink()
    }
    entries.addNode(id, node.create(buffer, offsets, lengths, first, end, bytesPlanned))
    this.appended(id)
  }

  /**
   * Deletes an entry of the stream in hand. The first ID is not looked after: `updateFirstId` must follow.
   * @returns false when there is none with this ID
   * @throws ArenaFullError
   */
  deleteEntry(id: StreamId): boolean {
    const { entries } = this
    if (!entries.find(id)) return false
    if (entries.node.liveEntries === 1) entries.removeNode()
    else entries.node.deleteEntry(entries.position)
    this.root.length--
    return true
  }

  /** Remembers that this entry was deleted out of the middle, which leaves a gap in what can be counted. */
  noteDeleted(id: StreamId): void {
    const { root } = this
    if (id.compare(root.readMaxDeletedId(this.id)) > 0) root.setMaxDeletedId(id)
  }

  /** Brings the first ID of the stream in hand up to date, after entries have gone. */
  updateFirstId(): void {
    const { root, probe, id } = this
    root.setFirstId(probe.first() ? probe.id : id.setMin())
  }

  /** The ID of the last entry, which may be less than the stream's last ID. @returns false when there is none */
  readLastEntryId(id: StreamId): boolean {
    const { probe } = this
    if (!probe.last()) return false
    id.copy(probe.id)
    return true
  }

  elementCount(db: Database): number {
    this.root.open(db.words, db.valueOffset >>> 2)
    return this.root.length
  }

  encodingName(_db: Database): string {
    return 'stream'
  }

  memoryUsage(db: Database, samples: number): number {
    this.open(db)
    const { entries, groups } = this
    const { nodes, node } = entries
    let sampled = 0
    let bytes = 0
    for (let more = nodes.first(); more && (samples === 0 || sampled < samples); more = nodes.next()) {
      entries.openNode()
      bytes += node.blockBytes
      sampled++
    }
    if (sampled > 0) bytes *= nodes.size / sampled
    return Math.round(bytes) + nodes.measure().bytes + groups.bytes
  }

  freeSome(db: Database, elementsMax: number): boolean {
    this.open(db)
    const { groups, entries } = this
    const { nodes } = entries
    const { arena } = this.keyspace
    for (let freed = 0; nodes.first(); ) {
      if (freed >= elementsMax) return false
      const count = nodes.entriesAhead
      for (let i = 0, more = true; i < count && more; i++, more = nodes.next()) {
        arena.free(nodes.words[nodes.payloadAt]! as ArenaRef)
      }
      nodes.dropFirstLeaf()
      freed += count
    }
    for (let i = groups.groups.size - 1; i >= 0; i--) groups.removeGroup(i)
    return true
  }

  addToDigest(db: Database, digest: Uint8Array): void {
    this.open(db)
    const { entries, id } = this
    const { listpack } = entries.node
    const text = Buffer.alloc(STREAM_ID_TEXT_BYTES_MAX)
    const mixValue = (): void => {
      const { valueBytes, valueOffset, valueLength } = listpack
      mixDigest(digest, valueBytes.subarray(valueOffset, valueOffset + valueLength))
    }
    entries.walk(id.setMin(), new StreamId().setMax(), false)
    while (entries.next()) {
      mixDigest(digest, text.subarray(0, entries.id.write(text, 0, DOT)))
      for (let i = entries.fieldCount; i > 0; i--) {
        entries.readField()
        mixValue()
        entries.readValue()
        mixValue()
      }
    }
  }

  writeSome(db: Database, sink: ByteSink, position: number, elementsMax: number): number {
    this.open(db)
    return this.image.write(sink, position, elementsMax)
  }

  createEmpty(
    db: Database,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    _encoding: number,
    expireAtMs: number,
  ): void {
    this.create(db, key, keyOffset, keyLength, expireAtMs)
  }

  readSome(db: Database, source: ByteSource, elementsMax: number): void {
    this.open(db)
    this.image.read(source, elementsMax)
  }

  /** The limit for the bytes of a node. */
  private get nodeBytesMax(): number {
    const { streamNodeMaxBytes } = this.keyspace.limits
    return streamNodeMaxBytes > 0 && streamNodeMaxBytes < NODE_BYTES_MAX ? streamNodeMaxBytes : NODE_BYTES_MAX
  }

  /** Whether the last node, which is in hand, takes one more entry. */
  private hasRoom(first: number, end: number, lengths: Int32Array): boolean {
    const { node } = this.entries
    let bytes = node.listpack.totalBytes
    for (let i = first; i < end; i++) bytes += lengths[i]!
    if (bytes >= this.nodeBytesMax) return false
    const { streamNodeMaxEntries } = this.keyspace.limits
    return streamNodeMaxEntries === 0 || node.liveEntries + node.deletedEntries < streamNodeMaxEntries
  }

  private appended(id: StreamId): void {
    const { root } = this
    const length = root.length + 1
    root.length = length
    root.entriesAdded++
    root.setLastId(id)
    if (length === 1) root.setFirstId(id)
  }
}
