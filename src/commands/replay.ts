/**
 * What the main thread has shards do to load the append-only log: internal commands. A shard executes records, and says how
 * far it has come; nothing else happens in the server meanwhile.
 */
import { internal } from './internal.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

/** `shard.replaying 1`: from now on records are loaded, and nothing goes because its time is over; `0` ends it. */
function replaying(call: ShardCall): void {
  call.keyspace.isReplaying = call.integer(1) !== 0
  call.reply.ok()
}

/** `shard.replay-file path cut`: what `shard.replay-on` will read. */
function replayFile(call: ShardCall): void {
  call.self.replay.open(Buffer.from(call.copy(1)).toString('utf8'), call.integer(2))
  call.reply.ok()
}

/** `shard.replay-on`: executes the next records of the file. */
function replayOn(call: ShardCall): void {
  call.reply.bulkText(JSON.stringify(call.self.replay.step()))
}

/** `shard.replay records`: executes these, which are whole, in the database that is selected for this command. */
function replay(call: ShardCall): void {
  const { bytes, offsets, lengths, dbIndex } = call
  call.reply.bulkText(JSON.stringify(call.self.replay.run(bytes, offsets[1] as number, lengths[1] as number, dbIndex)))
}

export const shardReplaying = internal('replaying', 2, [], replaying)
export const shardReplayFile = internal('replay-file', 3, [], replayFile)
export const shardReplayOn = internal('replay-on', 1, [], replayOn)
/** Other records of the log may be under way over several shards, with locks: what comes later waits for them. */
export const shardReplay: CommandSpec = { ...internal('replay', 2, [], replay), looksAtKeyspace: true }

export const replayCommands: readonly CommandSpec[] = [shardReplaying, shardReplayFile, shardReplayOn, shardReplay]
