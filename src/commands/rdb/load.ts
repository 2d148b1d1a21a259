/**
 * What the main thread has shards do to load an RDB file: internal commands. Each shard reads the file itself and makes the
 * keys that are its own, portion by portion, so that the main thread has time for clients and says how fast it may go.
 *
 * Run in a shard worker.
 */
import { internal } from '../internal.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec } from '../spec.js'
import type { LoadOptions } from './shard-loading.js'

/** `shard.load-open options` */
function open(call: ShardCall): void {
  const options = JSON.parse(Buffer.from(call.copy(1)).toString('utf8')) as LoadOptions
  call.reply.bulkText(JSON.stringify(call.self.snapshots.loading.open(options)))
}

/** `shard.load-some bytes` */
function some(call: ShardCall): void {
  call.reply.bulkText(JSON.stringify(call.self.snapshots.loading.step(call.integer(1))))
}

/** `shard.load-close` */
function close(call: ShardCall): void {
  call.self.snapshots.loading.close()
  call.reply.ok()
}

export const shardLoadOpen = internal('load-open', 2, [], open)
export const shardLoadSome = internal('load-some', 2, [], some)
export const shardLoadClose = internal('load-close', 1, [], close)

export const loadCommands: readonly CommandSpec[] = [shardLoadOpen, shardLoadSome, shardLoadClose]
