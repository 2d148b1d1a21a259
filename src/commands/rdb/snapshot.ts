/**
 * What the main thread has shards do to save the data set: internal commands.
 *
 * A shard is locked as a whole while all shards execute `shard.snapshot-begin`, so that what they write shows the same
 * moment. It goes to the thread that writes the file (ring/part-channel.ts), and `shard.snapshot-end` follows in any case.
 *
 * Run in a shard worker.
 */
import { writtenClockOf } from '../../store/rdb/key-entry.js'
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

export const shardSnapshotBegin = internal('snapshot-begin', 2, [], snapshotBegin)
export const shardSnapshotEnd = internal('snapshot-end', 1, [], snapshotEnd)

export const snapshotCommands: readonly CommandSpec[] = [shardSnapshotBegin, shardSnapshotEnd]
