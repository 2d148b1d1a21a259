/** Commands with which the main thread prepares shards for scripts. Clients cannot call them. Runs in a shard worker. */
import { internal } from '../internal.js'
import type { ShardCall } from '../shard-call.js'

/** `shard.script-load digest flags body`: in front of the first command that runs the script there. */
function load(call: ShardCall): void {
  call.self.scripts.load(call.copy(1), call.integer(2), call.copy(3))
  call.reply.ok()
}

/** `shard.script-flush`: all scripts that have come so far may be forgotten. */
function flush(call: ShardCall): void {
  call.self.scripts.flush()
  call.reply.ok()
}

/**
 * `shard.attend owner`: the shard, all of which that owner has locked, executes what a script on another shard hands to it,
 * until the lock is given back.
 */
function attend(call: ShardCall): void {
  call.self.scripts.attend(call.integer(1))
  call.reply.ok()
}

/** `shard.refuse-writes [error]`: from here on scripts may not write, or may again. */
function refuseWrites(call: ShardCall): void {
  call.self.scripts.writeRefusal = call.argc > 1 ? call.copy(1) : null
  call.reply.ok()
}

/**
 * `shard.track-script client key [key ...]`: right in front of a script of the client that declares these keys. It waits for
 * the same locks.
 */
function trackScript(call: ShardCall): void {
  call.self.scripts.trackNext(call.integer(1))
  call.reply.ok()
}

export const shardScriptLoad = internal('script-load', 4, [], load)
export const shardScriptFlush = internal('script-flush', 1, [], flush)
export const shardAttend = { ...internal('attend', 2, [], attend), looksAtKeyspace: true } as const

export const shardRefuseWrites = internal('refuse-writes', -1, [], refuseWrites)
export const shardTrackScript = internal(
  'track-script',
  -3,
  [{ flags: ['RO'], begin: { index: 2 }, find: { lastKey: -1, keyStep: 1, limit: 0 } }],
  trackScript,
)

export const scriptInternalCommands = [
  shardScriptLoad,
  shardScriptFlush,
  shardAttend,
  shardRefuseWrites,
  shardTrackScript,
] as const
