/**
 * Commands on keys whatever they hold: DEL, UNLINK, EXISTS, TOUCH, TYPE, KEYS, RANDOMKEY, WAIT, and the list of all
 * entries of the family.
 *
 * Handlers run in a shard worker, that of WAIT on the main thread. Over several shards each handler sees the keys of its
 * own shard, and the router merges the replies.
 */
import { globMatches } from '../base/glob.js'
import type { Database } from '../store/database.js'
import { keyEvents } from '../store/keyspace-events.js'
import { NO_EXPIRY } from '../store/value-type.js'
import { keyArgument, keysArgument } from './generic-arguments.js'
import { inspectKey } from './generic-lookup.js'
import { genericMoveCommands } from './generic-move.js'
import { noTypeReply, typeReplies } from './generic-type.js'
import { genericWaitCommands } from './generic-wait.js'
import type { ShardCall } from './shard-call.js'
import { allKeys, type CommandSpec, oneKey } from './spec.js'

const STAR = 42

function del(call: ShardCall): void {
  removeKeys(call, call.settings.lazyfreeLazyUserDel)
}

/** Differs from DEL only in that smaller values too are given back later: both never wait for a large one. */
function unlink(call: ShardCall): void {
  removeKeys(call, true)
}

function removeKeys(call: ShardCall, lazily: boolean): void {
  let removed = 0
  for (let i = 1; i < call.argc; i++) {
    if (!call.peek(i)) continue
    if (lazily) call.db.removeLazily()
    else call.db.remove()
    call.notify(keyEvents.del, i)
    removed++
  }
  call.reply.integer(removed)
}

/** A key that is named twice counts twice. */
function exists(call: ShardCall): void {
  let count = 0
  for (let i = 1; i < call.argc; i++) if (inspectKey(call, i)) count++
  call.reply.integer(count)
}

function touch(call: ShardCall): void {
  let count = 0
  for (let i = 1; i < call.argc; i++) if (call.find(i)) count++
  call.reply.integer(count)
}

function type(call: ShardCall): void {
  const reply = inspectKey(call, 1) ? typeReplies[call.db.type] : noTypeReply
  call.reply.encoded(reply as Uint8Array)
}

function keys(call: ShardCall): void {
  const { db, reply, bytes, nowMs } = call
  const offset = call.offsets[1] as number
  const length = call.lengths[1] as number
  const matchesAll = length === 1 && bytes[offset] === STAR
  const mark = reply.openArray()
  let count = 0
  const visit = (key: Database): boolean => {
    if (!matchesAll && !globMatches(bytes, offset, length, key.bytes, key.keyOffset, key.keyLength, false)) return true
    // An expired key may still be there, because nobody has asked for it.
    const expireAtMs = key.expireAtMs()
    if (expireAtMs !== NO_EXPIRY && expireAtMs < nowMs) return true
    reply.bulk(key.bytes, key.keyOffset, key.keyLength)
    count++
    return true
  }
  db.forEach(visit)
  reply.closeArray(mark, count)
}

/** A random key of this shard, or nil; the router picks the shard. */
function randomkey(call: ShardCall): void {
  const { db, reply } = call
  if (db.randomKey()) reply.bulk(db.bytes, db.keyOffset, db.keyLength)
  else reply.nil()
}

export const genericCommands: readonly CommandSpec[] = [
  {
    name: 'del',
    arity: -2,
    flags: ['write'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Deletes keys.',
    complexity: 'O(N), N being the number of keys; for a key with many elements, the number of its elements',
    categories: ['keyspace'],
    keySpecs: allKeys(1, 'RM', 'delete'),
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    arguments: [keysArgument],
    route: { on: 'split', merge: 'sum' },
    shard: del,
  },
  {
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'generic',
    since: '4.0.0',
    summary: 'Deletes keys; memory of large values may be given back later.',
    complexity: 'O(1) for each key, besides the work of giving its memory back',
    categories: ['keyspace'],
    keySpecs: allKeys(1, 'RM', 'delete'),
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    arguments: [keysArgument],
    route: { on: 'split', merge: 'sum' },
    shard: unlink,
  },
  {
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Returns how many of the keys exist.',
    complexity: 'O(N), N being the number of keys',
    categories: ['keyspace'],
    keySpecs: allKeys(1, 'RO'),
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    history: [['3.0.3', 'Any number of keys.']],
    arguments: [keysArgument],
    route: { on: 'split', merge: 'sum' },
    shard: exists,
  },
  {
    name: 'touch',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    since: '3.2.1',
    summary: 'Marks keys as used now and returns how many of them exist.',
    complexity: 'O(N), N being the number of keys',
    categories: ['keyspace'],
    keySpecs: allKeys(1, 'RO'),
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    arguments: [keysArgument],
    route: { on: 'split', merge: 'sum' },
    shard: touch,
  },
  {
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Returns the type of the value under a key.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: type,
  },
  {
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Returns all keys that match a pattern.',
    complexity: 'O(N), N being the number of keys in the database, for keys and a pattern of ordinary length',
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
    arguments: [{ name: 'pattern', type: 'pattern' }],
    route: { on: 'shards', merge: 'concat' },
    shard: keys,
  },
  {
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Returns a random key of the database.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
    route: { on: 'router', coordinator: 'random-key' },
    shard: randomkey,
  },
  ...genericMoveCommands,
  ...genericWaitCommands,
]
