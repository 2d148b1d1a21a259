/**
 * What SORT over several shards asks of them (router/sort.ts): which keys its patterns name, and the records of those keys.
 *
 * Runs in a shard worker. Clients cannot call these commands.
 */
import { EventClass } from '../../store/keyspace-events.js'
import { exportRecord, importRecord } from '../../store/record-image.js'
import { ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'
import { allKeys, type CommandSpec, type KeySpec, oneKey, type ShardHandler } from '../spec.js'
import { replyKeysOfPatterns } from './sort.js'

/** `shard.sort-keys key [option ...] by|get`: the keys that SORT's patterns name, in any order and some of them twice. */
function sortKeys(call: ShardCall): void {
  const { keyspace } = call
  const { eventClasses } = keyspace
  // The command itself looks its key up again, and tells where it is missed.
  keyspace.eventClasses &= ~EventClass.missed
  replyKeysOfPatterns(call, call.is(call.argc - 1, 'BY'))
  keyspace.eventClasses = eventClasses
}

/** `shard.export-readable key [key ...]`: images of the keys that hold a string or a hash, which alone patterns can read. */
function exportReadable(call: ShardCall): void {
  const { db, reply } = call
  reply.array(call.argc - 1)
  for (let i = 1; i < call.argc; i++) {
    const isReadable = call.peek(i) && (db.type === ValueType.string || db.type === ValueType.hash)
    if (isReadable) reply.bulkBytes(exportRecord(db))
    else reply.nil()
  }
}

/** `shard.import-many [key image ...]`: each in the place of what its key holds. */
function importMany(call: ShardCall): void {
  for (let i = 1; i < call.argc; i += 2) importRecord(call.db, call.copy(i), call.copy(i + 1))
  call.reply.ok()
}

/** `shard.remove-many key [key ...]` */
function removeMany(call: ShardCall): void {
  for (let i = 1; i < call.argc; i++) if (call.peek(i)) call.db.remove()
  call.reply.ok()
}

function internal(name: string, arity: number, keySpecs: readonly KeySpec[], shard: ShardHandler): CommandSpec {
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

export const shardSortKeys = internal('sort-keys', -3, oneKey('RO'), sortKeys)
export const shardExportReadable = internal('export-readable', -2, allKeys(1, 'RO'), exportReadable)
export const shardImportMany = internal('import-many', -1, allKeys(2, 'OW'), importMany)
export const shardRemoveMany = internal('remove-many', -2, allKeys(1, 'RM'), removeMany)

export const sortLendingCommands: readonly CommandSpec[] = [
  shardSortKeys,
  shardExportReadable,
  shardImportMany,
  shardRemoveMany,
]
