/**
 * What the main thread has shards do to save the data set and to load it: internal commands.
 *
 * A shard is locked as a whole while all shards execute `shard.snapshot-begin`, so that what they write shows the same
 * moment. It goes to the thread that writes the file (ring/part-channel.ts), and `shard.snapshot-end` follows in any case.
 *
 * Run in a shard worker.
 */
import { encodeError } from '../../resp/errors.js'
import { readKeyEntry, writtenClockOf } from '../../store/rdb/key-entry.js'
import { RdbEmptyValueError, RdbFormatError, RdbReader } from '../../store/rdb/rdb-reader.js'
import { addKey, digestParts } from '../digest.js'
import { internal } from '../internal.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec } from '../spec.js'

/** What `shard.snapshot-end` replies, as JSON. */
export interface SnapshotFigures {
  /** Keys at the moment of the snapshot. */
  readonly keys: number
  /** The most that has waited to be written, in bytes. */
  readonly waitingBytesMax: number
  /** A part for `combineDigests`, in base64; empty where no digest was asked for. */
  readonly digest: string
}

/**
 * `shard.snapshot-begin digested`: a snapshot of what is there now, 1 for one of which the digest is wanted. Replies with
 * `SnapshotSizes`.
 */
function snapshotBegin(call: ShardCall): void {
  const { settings, self, reply } = call
  const sizes = self.snapshots.begin({
    compresses: settings.rdbCompression,
    clock: writtenClockOf(settings.maxmemoryPolicy),
    addToDigest: call.integer(1) === 1 ? (db, keys) => addKey(keys, db) : null,
  })
  reply.bulkText(JSON.stringify(sizes))
}

/** `shard.snapshot-end`: nothing more is wanted of the snapshot. Replies with `SnapshotFigures`. */
function snapshotEnd(call: ShardCall): void {
  call.inSlices(endSteps(call))
}

function* endSteps(call: ShardCall): Generator<undefined> {
  const steps = call.self.snapshots.end()
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) yield
  const walk = step.value
  const digest = walk === null ? new Uint8Array(0) : digestParts(walk.digests())
  const figures: SnapshotFigures = {
    keys: walk?.keysTotal ?? 0,
    waitingBytesMax: walk?.waitingBytesMax ?? 0,
    digest: Buffer.from(digest).toString('base64'),
  }
  call.reply.bulkText(JSON.stringify(figures))
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

export const shardSnapshotBegin = internal('snapshot-begin', 2, [], snapshotBegin)
export const shardSnapshotEnd = internal('snapshot-end', 1, [], snapshotEnd)
export const shardLoad = internal('load', 3, [], load)

export const snapshotCommands: readonly CommandSpec[] = [shardSnapshotBegin, shardSnapshotEnd, shardLoad]
