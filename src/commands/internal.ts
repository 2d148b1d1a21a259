/**
 * Commands that the router sends to shards on behalf of clients' commands. Clients cannot call them.
 */
import { RecordExport, RecordImport } from '../store/record-image.js'
import { effectOfRemoval, ownsKey } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { allKeys, type CommandSpec, type KeySpec, oneKey, type ShardHandler } from './spec.js'
import { effectOfState } from './state-effect.js'

/** `shard.watch key connection` */
function watch(call: ShardCall): void {
  call.self.watches.watch(call.integer(2), call.dbIndex, call.copy(1))
  call.reply.ok()
}

/** `shard.unwatch connection` */
function unwatch(call: ShardCall): void {
  call.self.watches.unwatch(call.integer(1))
  call.reply.ok()
}

/**
 * `shard.begin connection [key ...]`: the start of a transaction. Replies 1 when a watch of the connection is broken, and
 * from then on conditional commands are passed over until the next transaction begins. The keys are those of the
 * transaction, so that none of its commands waits for a lock when this has not.
 */
function begin(call: ShardCall): void {
  const connection = call.integer(1)
  call.self.transactionAborted = call.self.watches.isBroken(connection)
  call.reply.integer(call.self.transactionAborted ? 1 : 0)
}

function statistics(call: ShardCall): void {
  call.reply.bulkText(JSON.stringify(call.self.statistics()))
}

function resetStatistics(call: ShardCall): void {
  call.self.resetStatistics()
  call.reply.ok()
}

/** `shard.setting name value` */
function setting(call: ShardCall): void {
  call.self.applySetting(call.text(1), call.text(2))
  call.reply.ok()
}

/** `shard.pause-expiry paused`: 1 while CLIENT PAUSE stands. What has expired cannot be seen, but is not removed then. */
function pauseExpiry(call: ShardCall): void {
  call.keyspace.lazyExpireDeletes = call.integer(1) === 0
  call.reply.ok()
}

/** `shard.evict bytes`: as many keys as hold so much, see Eviction. Replies with how many there were. */
function evict(call: ShardCall): void {
  call.reply.integer(call.self.evict(call.integer(1)))
}

/**
 * `shard.serve [key ...]`: the end of what keeps clients from being served. Behind the commands of a transaction the keys are
 * those of the transaction, so that it waits for the same locks. On behalf of a lock it serves from the keys of the lock, and
 * replies with how many clients were served; without keys it only comes back when everything before it is done.
 */
function serve(call: ShardCall): void {
  for (let i = 1; i < call.argc; i++) call.self.transactionOver(call.text(i))
  call.reply.integer(call.self.servedClients)
}

/** `shard.unpark ticket` */
function unpark(call: ShardCall): void {
  call.self.unpark(call.integer(1))
  call.reply.ok()
}

/** `shard.export key`: the record's image, or nil. */
function exportKey(call: ShardCall): void {
  if (!call.findForWrite(1)) call.reply.nil()
  else call.inSlices(exportSteps(call))
}

function* exportSteps(call: ShardCall): Generator<undefined> {
  const image = new RecordExport()
  while (call.findForWrite(1) && !image.step(call.db, call.portions.stepElements)) yield
  call.reply.bulkBytes(image.bytes)
}

/** `shard.import key image`: in the place of what the key holds. */
function importKey(call: ShardCall): void {
  call.inSlices(importSteps(call))
}

function* importSteps(call: ShardCall): Generator<undefined> {
  const key = call.copy(1)
  const record = new RecordImport()
  while (!record.step(call.db, key, imageArgument(call), call.portions.stepElements)) yield
  if (call.effects.isRecording && ownsKey(call, 1)) effectOfState(call.effects, call.db, key)
  call.reply.ok()
}

/** The frame, and with it the image, lies somewhere else after the first slice. */
function imageArgument({ bytes, offsets, lengths }: ShardCall): Uint8Array {
  const from = offsets[2] as number
  return bytes.subarray(from, from + (lengths[2] as number))
}

/** `shard.remove key` */
function remove(call: ShardCall): void {
  const found = call.findForWrite(1)
  if (found) call.db.remove()
  // A key that was lent has not gone.
  if (found && ownsKey(call, 1)) effectOfRemoval(call, 1)
  call.reply.integer(found ? 1 : 0)
}

/** `shard.count key [key ...]`: how many of the keys exist. */
function count(call: ShardCall): void {
  let found = 0
  for (let i = 1; i < call.argc; i++) if (call.findForWrite(i)) found++
  call.reply.integer(found)
}

/** `shard.tracking active broadcasting`: two times 0 or 1. */
function tracking(call: ShardCall): void {
  call.self.tracking.setMode(call.integer(1) !== 0, call.integer(2) !== 0)
  call.reply.ok()
}

/** `shard.track client key [key ...]`: in front of a command of the client that reads the keys. */
function track(call: ShardCall): void {
  const client = call.integer(1)
  for (let i = 2; i < call.argc; i++) call.self.tracking.track(client, call.text(i))
  call.self.tracking.keepWithinLimit()
  call.reply.ok()
}

/** The entry of an internal command. */
export function internal(name: string, arity: number, keySpecs: readonly KeySpec[], shard: ShardHandler): CommandSpec {
  return {
    name: `shard.${name}`,
    arity,
    flags: [],
    group: 'server',
    since: '0.1.0',
    summary: '',
    complexity: '',
    internal: true,
    keySpecs,
    route: { on: 'key' },
    shard,
  }
}

// The connection's name counts as a key: what a connection asks of its watches stays in order when some of it has to wait
// for a lock. That a client's key of the same name waits with it now and then does no harm.
export const shardWatch = internal('watch', 3, allKeys(1, 'RO'), watch)
export const shardUnwatch = internal('unwatch', 2, oneKey('RO'), unwatch)
export const shardBegin = internal('begin', -2, allKeys(1, 'RO'), begin)
export const shardStatistics = internal('statistics', 1, [], statistics)
export const shardResetStatistics = internal('reset-statistics', 1, [], resetStatistics)
export const shardSetting = internal('setting', 3, [], setting)
export const shardPauseExpiry = internal('pause-expiry', 2, [], pauseExpiry)
export const shardEvict = internal('evict', 2, [], evict)
export const shardServe = internal('serve', -1, allKeys(1, 'RO'), serve)
export const shardUnpark = internal('unpark', 2, [], unpark)
export const shardExport = internal('export', 2, oneKey('RO'), exportKey)
export const shardImport = internal('import', 3, oneKey('OW'), importKey)
export const shardRemove = internal('remove', 2, oneKey('RM'), remove)
export const shardCount = internal('count', -2, allKeys(1, 'RO'), count)

export const shardTracking = internal('tracking', 3, [], tracking)
export const shardTrack = internal(
  'track',
  -3,
  [{ flags: ['RO'], begin: { index: 2 }, find: { lastKey: -1, keyStep: 1, limit: 0 } }],
  track,
)

export const internalCommands: readonly CommandSpec[] = [
  shardWatch,
  shardUnwatch,
  shardBegin,
  shardStatistics,
  shardResetStatistics,
  shardSetting,
  shardPauseExpiry,
  shardEvict,
  shardServe,
  shardUnpark,
  shardExport,
  shardImport,
  shardRemove,
  shardCount,
  shardTracking,
  shardTrack,
]
