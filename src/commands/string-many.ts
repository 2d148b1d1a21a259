/**
 * Strings under many keys: MGET, MSET, MSETNX and MSETEX.
 *
 * Runs in a shard worker. The handlers do the whole job for keys of one shard; over several shards MGET and MSET get
 * their own keys only, and the router coordinates the two that depend on what the other shards hold.
 */
import { encodeError, wrongArity } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { encodingOfValue } from '../store/string-encoding.js'
import { NO_EXPIRY, ValueType } from '../store/value-type.js'
import { keyArgument, keysArgument, keyValueArgument, valueArgument } from './generic-arguments.js'
import { effectOfSet, ownsKey } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { allKeys, type CommandSpec } from './spec.js'
import { MSETEX_OPTIONS, options, StringOption, timeArguments } from './string-options.js'

const INVALID_NUMKEYS = encodeError('ERR invalid numkeys value')
const WRONG_PAIRS = encodeError('ERR wrong number of key-value pairs')
const INT32_MAX = 2147483647

function mget(call: ShardCall): void {
  const { db, reply, argc } = call
  reply.array(argc - 1)
  for (let i = 1; i < argc; i++) {
    if (call.find(i) && db.type === ValueType.string) reply.bulk(db.bytes, db.valueOffset, db.valueLength)
    else reply.nil()
  }
}

function mset(call: ShardCall): void {
  if ((call.argc & 1) === 0) {
    call.reply.error(wrongArity(call.spec.name))
    return
  }
  storePairs(call, 1, call.argc, NO_EXPIRY)
  call.reply.ok()
}

/** Stores the pairs of keys and values that stand from argument `first` up to `end`. */
function storePairs(call: ShardCall, first: number, end: number, expireAtMs: number): void {
  const { db, bytes, offsets, lengths } = call
  for (let i = first; i < end; i += 2) {
    const offset = offsets[i + 1] as number
    const length = lengths[i + 1] as number
    db.setString(
      bytes,
      offsets[i] as number,
      lengths[i] as number,
      bytes,
      offset,
      length,
      encodingOfValue(bytes, offset, length),
      expireAtMs,
    )
    call.notify(keyEvents.set, i)
    if (expireAtMs >= 0) call.notify(keyEvents.expire, i)
  }
}

/** Whether one of the keys exists that stand at every second argument from `first` up to `end`. */
function anyExists(call: ShardCall, first: number, end: number): boolean {
  for (let i = first; i < end; i += 2) if (call.findForWrite(i)) return true
  return false
}

function allExist(call: ShardCall, first: number, end: number): boolean {
  for (let i = first; i < end; i += 2) if (!call.findForWrite(i)) return false
  return true
}

function msetnx(call: ShardCall): void {
  if ((call.argc & 1) === 0) {
    call.reply.error(wrongArity(call.spec.name))
    return
  }
  if (anyExists(call, 1, call.argc)) {
    call.reply.integer(0)
    return
  }
  storePairs(call, 1, call.argc, NO_EXPIRY)
  call.reply.integer(1)
}

function msetex(call: ShardCall): void {
  const { reply } = call
  const pairs = call.integer(1)
  if (!(pairs >= 1 && pairs <= INT32_MAX)) {
    reply.error(INVALID_NUMKEYS)
    return
  }
  const end = 2 + pairs * 2
  if (end > call.argc) {
    reply.error(WRONG_PAIRS)
    return
  }
  if (!options.parse(call, end, MSETEX_OPTIONS)) return
  const expireAtMs = options.expireAtMs(call)
  if (Number.isNaN(expireAtMs)) return
  const refused =
    (options.has(StringOption.nx) && anyExists(call, 2, end)) ||
    (options.has(StringOption.xx) && !allExist(call, 2, end))
  if (refused) {
    reply.integer(0)
    return
  }
  storePairs(call, 2, end, expireAtMs)
  effectOfPairs(call, end, expireAtMs)
  reply.integer(1)
}

/** What MSETEX did, as commands that other servers know as well. Of keys of other shards these hear themselves. */
function effectOfPairs(call: ShardCall, end: number, expireAtMs: number): void {
  const { effects } = call
  if (!effects.isRecording) return
  effects.none()
  for (let i = 2; i < end; i += 2) if (ownsKey(call, i)) effectOfSet(call, i, i + 1, expireAtMs)
}

export const stringManyCommands: readonly CommandSpec[] = [
  {
    name: 'mget',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Returns the strings under several keys, with a null for each key that has none.',
    complexity: 'O(N), N being the number of keys',
    categories: ['string'],
    keySpecs: allKeys(1, 'RO', 'access'),
    tips: ['request_policy:multi_shard'],
    arguments: [keysArgument],
    route: { on: 'split', merge: 'array_by_key' },
    shard: mget,
  },
  {
    name: 'mset',
    arity: -3,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '1.0.1',
    summary: 'Stores several strings under their keys at once.',
    complexity: 'O(N), N being the number of keys',
    categories: ['string'],
    keySpecs: allKeys(2, 'OW', 'update'),
    tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
    arguments: [keyValueArgument],
    route: { on: 'split', merge: 'all_succeeded' },
    shard: mset,
  },
  {
    name: 'msetnx',
    arity: -3,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '1.0.1',
    summary: 'Stores several strings under their keys at once, unless one of the keys exists.',
    complexity: 'O(N), N being the number of keys',
    categories: ['string'],
    keySpecs: allKeys(2, 'OW', 'insert'),
    tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
    arguments: [keyValueArgument],
    route: { on: 'hops', coordinator: 'msetnx' },
    shard: msetnx,
  },
  {
    name: 'msetex',
    arity: -4,
    flags: ['write', 'denyoom', 'movablekeys'],
    group: 'string',
    since: '8.4.0',
    summary: 'Stores several strings under their keys at once, with one expiry for all; options make it conditional.',
    complexity: 'O(N), N being the number of keys',
    categories: ['string'],
    keySpecs: [{ flags: ['OW', 'update'], begin: { index: 1 }, find: { keyNumIndex: 0, firstKey: 1, keyStep: 2 } }],
    tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
    arguments: [
      { name: 'numkeys', type: 'integer' },
      { name: 'data', type: 'block', multiple: true, arguments: [keyArgument, valueArgument] },
      {
        name: 'condition',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'nx', type: 'pure-token', token: 'NX' },
          { name: 'xx', type: 'pure-token', token: 'XX' },
        ],
      },
      {
        name: 'expiration',
        type: 'oneof',
        optional: true,
        arguments: [...timeArguments(), { name: 'keepttl', type: 'pure-token', token: 'KEEPTTL' }],
      },
    ],
    route: { on: 'hops', coordinator: 'msetex' },
    shard: msetex,
  },
]
