/**
 * What the main thread has shards do to save the data set and to load it: internal commands.
 *
 * A shard is locked as a whole from `shard.snapshot-begin` to `shard.snapshot-end`, so that all parts, of all shards, show
 * the same moment. Parts are asked for one by one, and hold keys as RDB files do (store/rdb/key-entry.ts).
 *
 * Run in a shard worker.
 */
import { encodeError } from '../../resp/errors.js'
import type { Database } from '../../store/database.js'
import { readKeyEntry, type WrittenClock, writeKeyEntry, writtenClockOf } from '../../store/rdb/key-entry.js'
import { RdbEmptyValueError, RdbFormatError, RdbReader } from '../../store/rdb/rdb-reader.js'
import { RdbWriter } from '../../store/rdb/rdb-writer.js'
import { internal } from '../internal.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec } from '../spec.js'

/** A part is ended when it is so long: it then fits into a reply frame, and takes about a millisecond. */
const PART_BYTES = 192 * 1024

/** What `shard.snapshot-begin` replies, as JSON. */
export interface SnapshotSizes {
  /** Modifications since the start. */
  readonly dirty: number
  readonly databases: readonly {
    readonly index: number
    readonly keys: number
    readonly expires: number
    /** There are hashes whose fields expire. */
    readonly hasFieldTimes: boolean
  }[]
}

/** `shard.snapshot-begin`: from now on no key changes its bucket. */
function snapshotBegin({ keyspace, reply }: ShardCall): void {
  const databases = []
  for (let index = 0; index < keyspace.databases; index++) {
    const db = keyspace.existingDatabase(index)
    if (db === null || db.size === 0) continue
    db.pauseResizing()
    databases.push({ index, keys: db.size, expires: db.expiresSize, hasFieldTimes: db.fieldExpiresSize > 0 })
  }
  const sizes: SnapshotSizes = { dirty: keyspace.stats.dirty, databases }
  reply.bulkText(JSON.stringify(sizes))
}

/** `shard.snapshot-end database...`: the end for the databases that begin has named. */
function snapshotEnd(call: ShardCall): void {
  for (let i = 1; i < call.argc; i++) call.keyspace.database(call.integer(i)).resumeResizing()
  call.reply.ok()
}

class PartWriter {
  readonly writer = new RdbWriter()
  keys = 0
  clock: WrittenClock = 'none'

  readonly add = (db: Database): boolean => {
    writeKeyEntry(db, this.writer, this.clock)
    this.keys++
    return true
  }
}

const part = new PartWriter()

/** `shard.snapshot-part bucket`: from that bucket on. Replies with the next bucket or -1, the number of keys, and the keys. */
function snapshotPart(call: ShardCall): void {
  const { db, settings, reply } = call
  part.writer.reset()
  part.writer.compresses = settings.rdbCompression
  part.clock = writtenClockOf(settings.maxmemoryPolicy)
  part.keys = 0
  let bucket = call.integer(1)
  for (; bucket < db.buckets && part.writer.position < PART_BYTES; bucket++) db.visitBucket(bucket, part.add)
  reply.array(3)
  reply.integer(bucket < db.buckets ? bucket : -1)
  reply.integer(part.keys)
  reply.bulk(part.writer.bytes, 0, part.writer.position)
}

const reader = new RdbReader()

/**
 * `shard.load replaces keys`: makes the keys. Replies with how many there were and how many of them were left out because
 * they have no elements; or with an error that begins with the place in the argument at which the key in question begins.
 */
function load(call: ShardCall): void {
  const { db, keyspace, reply } = call
  const begin = call.offsets[2] as number
  reader.open(call.bytes, begin, call.lengths[2] as number)
  const options = { replaces: call.integer(1) === 1 }
  const { dirty } = keyspace.stats
  let loaded = 0
  let empty = 0
  while (reader.remaining > 0) {
    const at = reader.position - begin
    try {
      readKeyEntry(reader, db, options)
      loaded++
    } catch (error) {
      if (!(error instanceof RdbFormatError)) throw error
      if (!(error instanceof RdbEmptyValueError)) {
        reply.error(encodeError(`${at} ${error.expected}`))
        return
      }
      empty++
    }
  }
  keyspace.stats.dirty = dirty
  reply.array(2)
  reply.integer(loaded)
  reply.integer(empty)
}

export const shardSnapshotBegin = internal('snapshot-begin', 1, [], snapshotBegin)
export const shardSnapshotPart = internal('snapshot-part', 2, [], snapshotPart)
export const shardSnapshotEnd = internal('snapshot-end', -1, [], snapshotEnd)
export const shardLoad = internal('load', 3, [], load)

export const snapshotCommands: readonly CommandSpec[] = [
  shardSnapshotBegin,
  shardSnapshotPart,
  shardSnapshotEnd,
  shardLoad,
]
