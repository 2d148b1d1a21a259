/**
 * Streams in RDB: their nodes as they are, then what is known of the stream, then its groups.
 *
 *   nodes | (ID, 16 bytes | listpack)...
 *   length | last ID | first ID | greatest deleted ID | entries added              the last three from version 2 on
 *   groups | (name | last ID | entries read | pending | consumers | (name | seen at | active at | pending IDs)...)...
 *   pending = entries | (ID, 16 bytes | delivered at, int64 | deliveries)...       "entries read" from version 2 on,
 *                                                                                  "active at" from version 3 on
 *
 * IDs of the head and of groups stand as two lengths, those of nodes and pending entries as 16 bytes, highest first.
 *
 * Owned by one shard's thread.
 */
import { NO_REF } from '../arena-ref.js'
import type { Database } from '../database.js'
import { NOT_KNOWN } from '../stream/stream-groups.js'
import { StreamId } from '../stream/stream-id.js'
import { entriesAddedUpTo } from '../stream/stream-progress.js'
import type { Streams } from '../stream/streams.js'
import { type LoadTarget, type RdbForm, WRITTEN } from './rdb-form.js'
import { RdbType } from './rdb-format.js'
import type { RdbReader } from './rdb-reader.js'
import type { RdbWriter } from './rdb-writer.js'
import { checkStreamNode } from './stream-node-check.js'

const ID_BYTES = 16
/** A node's ID with its length, and a listpack. */
const NODE_BYTES_MIN = 1 + ID_BYTES + 7
/** An ID, a time and a count. */
const PENDING_BYTES_MIN = ID_BYTES + 8 + 1
const GROUP_BYTES_MIN = 6
const CONSUMER_BYTES_MIN = 10

/** "Entries read" where it is not known, as unsigned halves: -1. */
const ALL_ONES = 0xffffffff

const id = new StreamId()
const previousId = new StreamId()
const idBytes = new Uint8Array(ID_BYTES)
const idView = new DataView(idBytes.buffer)

/** The node with which the stream goes on of which a portion has been written: of one at a time. */
const nextNodeId = new StreamId()

export const streamForm: RdbForm = {
  rdbType: () => RdbType.streamListpacks2,
  write(db: Database, writer: RdbWriter): void {
    const { streams } = db.keyspace
    streams.open(db)
    const { entries } = streams
    const { nodes } = entries
    writer.length(nodes.size)
    for (let more = nodes.first(); more; more = nodes.next()) writeNode(entries, writer)
    writeWhatIsKnown(streams, writer)
  },
  writeSome(db: Database, writer: RdbWriter, position: number, elementsMax: number): number {
    const { streams } = db.keyspace
    streams.open(db)
    const { entries } = streams
    const { nodes, node } = entries
    if (position === 0) writer.length(nodes.size)
    let written = 0
    let more = position === 0 ? nodes.first() : nodes.find(nextNodeId)
    for (; more && written < elementsMax; more = nodes.next()) {
      writeNode(entries, writer)
      written += node.liveEntries + node.deletedEntries
    }
    if (more) {
      nodes.readId(nextNodeId)
      return position + written
    }
    writeWhatIsKnown(streams, writer)
    return WRITTEN
  },
}

/** Writes the node that `entries.nodes` stands on. */
function writeNode(entries: Streams['entries'], writer: RdbWriter): void {
  entries.openNode()
  const { masterId, listpack } = entries.node
  idView.setInt32(0, masterId.msHigh)
  idView.setInt32(4, masterId.msLow)
  idView.setInt32(8, masterId.seqHigh)
  idView.setInt32(12, masterId.seqLow)
  writer.string(idBytes, 0, ID_BYTES)
  writer.string(listpack.bytes, listpack.base, listpack.totalBytes)
}

function writeWhatIsKnown(streams: Streams, writer: RdbWriter): void {
  const { root } = streams
  writer.length(root.length)
  writeId(writer, root.readLastId(id))
  writeId(writer, root.readFirstId(id))
  writeId(writer, root.readMaxDeletedId(id))
  writer.length(root.entriesAdded)
  writeGroups(streams, writer)
}

function writeGroups({ groups }: Streams, writer: RdbWriter): void {
  const { pending, consumers, consumerPending } = groups
  writer.length(groups.groups.size)
  for (let i = 0; i < groups.groups.size; i++) {
    groups.selectGroup(i)
    writer.string(groups.groupNameBytes, groups.groupNameOffset, groups.groupNameLength)
    writeId(writer, groups.readLastId(id))
    if (groups.entriesRead === NOT_KNOWN) writer.length64(ALL_ONES, ALL_ONES)
    else writer.length(groups.entriesRead)
    writer.length(pending.size)
    for (let more = pending.first(); more; more = pending.next()) {
      writeRawId(writer, pending.readId(id))
      writer.int64(groups.deliveredAtMs)
      writer.length(groups.deliveries)
    }
    writer.length(consumers.size)
    for (let k = 0; k < consumers.size; k++) {
      groups.selectConsumer(k)
      const { consumer } = groups
      const nameOffset = groups.consumerNameOffset(consumer)
      writer.string(groups.consumerNameBytes(consumer), nameOffset, groups.consumerNameLength(consumer))
      writer.int64(groups.seenAtMs)
      writer.length(consumerPending.size)
      for (let more = consumerPending.first(); more; more = consumerPending.next()) {
        writeRawId(writer, consumerPending.readId(id))
      }
    }
  }
}

function writeId(writer: RdbWriter, { msHigh, msLow, seqHigh, seqLow }: StreamId): void {
  writer.length64(msHigh >>> 0, msLow >>> 0)
  writer.length64(seqHigh >>> 0, seqLow >>> 0)
}

function writeRawId(writer: RdbWriter, { msHigh, msLow, seqHigh, seqLow }: StreamId): void {
  writer.bigEndian64(msHigh, msLow)
  writer.bigEndian64(seqHigh, seqLow)
}

export function loadStream(reader: RdbReader, rdbType: number, { db, key, expireAtMs }: LoadTarget): void {
  const { streams } = db.keyspace
  streams.create(db, key, 0, key.length, expireAtMs)
  const live = loadNodes(reader, streams)
  const { root } = streams
  const length = reader.length()
  if (length !== live) reader.fail('the number of entries')
  root.length = length
  root.setLastId(readId(reader))
  if (live > 0 && previousId.compare(id) > 0) reader.fail('a last ID that no entry exceeds')
  streams.updateFirstId()
  root.entriesAdded = length
  if (rdbType !== RdbType.streamListpacks) {
    // The first ID is known from the entries.
    readId(reader)
    root.setMaxDeletedId(readId(reader))
    root.entriesAdded = reader.length()
  }
  for (let left = reader.count(GROUP_BYTES_MIN); left > 0; left--) loadGroup(reader, rdbType, streams)
}

/** Loads the nodes, and leaves the ID of the last entry in `previousId`. @returns how many entries are not deleted */
function loadNodes(reader: RdbReader, { entries }: Streams): number {
  let live = 0
  previousId.setMin()
  for (let left = reader.count(NODE_BYTES_MIN); left > 0; left--) {
    reader.string()
    if (reader.textLength !== ID_BYTES) reader.fail('the ID of a node')
    takeRawId(reader.text, reader.textOffset)
    reader.string()
    const { text, textOffset, textLength } = reader
    const liveOfNode = checkStreamNode(text, textOffset, textLength)
    if (liveOfNode < 0) reader.fail('a node of a stream')
    // Nodes without entries are gone here.
    if (liveOfNode === 0) continue
    if (live > 0 && id.compare(previousId) <= 0) reader.fail('nodes in their order')
    entries.addNodeBytes(id, text, textOffset, textLength)
    checkOrder(reader, entries.node)
    live += liveOfNode
  }
  return live
}

/**
 * Checks that the IDs of the node in hand ascend, from the one in `previousId` on, and leaves the last there. Those of
 * deleted entries need not, because XSETID may have taken the stream back behind them.
 */
function checkOrder(reader: RdbReader, node: Streams['entries']['node']): void {
  for (let at = node.firstEntryAt; !node.listpack.isEnd(at); at = node.nextEntryAt) {
    node.openEntry(at)
    if (node.isDeleted) continue
    const { entryId } = node
    if (entryId.compare(previousId) <= 0 || entryId.compare(node.masterId) < 0) reader.fail('entries in their order')
    previousId.copy(entryId)
  }
}

function loadGroup(reader: RdbReader, rdbType: number, { groups, root }: Streams): void {
  const name = reader.stringCopy()
  readId(reader)
  const entriesRead = rdbType === RdbType.streamListpacks ? entriesAddedUpTo(root, id) : readEntriesRead(reader)
  if (groups.findGroup(name, 0, name.length)) reader.fail('each group once')
  groups.createGroup(name, 0, name.length, id, entriesRead)
  const pendingCount = reader.count(PENDING_BYTES_MIN)
  for (let left = pendingCount; left > 0; left--) {
    readRawId(reader)
    if (!groups.addUnassigned(id)) reader.fail('each pending entry once')
    groups.deliveredAtMs = reader.int64()
    groups.deliveries = reader.length()
  }
  let assigned = 0
  for (let left = reader.count(CONSUMER_BYTES_MIN); left > 0; left--) assigned += loadConsumer(reader, rdbType, groups)
  if (assigned !== pendingCount) reader.fail('a consumer for each pending entry')
}

/** @returns how many pending entries the consumer has */
function loadConsumer(reader: RdbReader, rdbType: number, groups: Streams['groups']): number {
  const name = reader.stringCopy()
  if (groups.findConsumer(name, 0, name.length)) reader.fail('each consumer once. Duplicate stream consumer detected')
  const seenAtMs = reader.int64()
  groups.createConsumer(name, 0, name.length, seenAtMs)
  // The best that is known where it was not written.
  groups.activeAtMs = rdbType === RdbType.streamListpacks3 ? reader.int64() : seenAtMs
  const count = reader.count(ID_BYTES)
  for (let left = count; left > 0; left--) {
    readRawId(reader)
    if (!groups.pending.find(id)) reader.fail('a pending entry of the group')
    if (groups.pendingConsumer !== NO_REF)
      reader.fail('one consumer. Stream consumer PEL entry already has a consumer assigned')
    groups.assign(id)
  }
  return count
}

function readEntriesRead(reader: RdbReader): number {
  reader.length64()
  if (reader.high === ALL_ONES && reader.low === ALL_ONES) return NOT_KNOWN
  const count = reader.high * 4294967296 + reader.low
  if (!Number.isSafeInteger(count)) reader.fail('a number of entries read')
  return count
}

/** An ID of two lengths. */
function readId(reader: RdbReader): StreamId {
  reader.length64()
  const { high, low } = reader
  reader.length64()
  return id.set(high | 0, low | 0, reader.high | 0, reader.low | 0)
}

/** An ID of 16 bytes. */
function readRawId(reader: RdbReader): void {
  takeRawId(reader.bytes, reader.raw(ID_BYTES))
}

function takeRawId(bytes: Uint8Array, offset: number): void {
  idBytes.set(bytes.subarray(offset, offset + ID_BYTES))
  id.set(idView.getInt32(0), idView.getInt32(4), idView.getInt32(8), idView.getInt32(12))
}
