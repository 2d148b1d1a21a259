/**
 * SET and its relatives: SETNX, SETEX, PSETEX, GETSET and GETEX.
 *
 * Runs in a shard worker. Plain SET is the hottest write of the server: one store call, one constant reply, nothing
 * allocated and no option looked at.
 *
 * Behaviour: https://redis.io/docs/latest/commands/set/ and the pages of the others; order of checks as in Redis.
 */
import { errors } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { encodingOfValue } from '../store/string-encoding.js'
import { NO_EXPIRY, ValueType } from '../store/value-type.js'
import { keyArgument, valueArgument } from './generic-arguments.js'
import { effectOfExpiry, effectOfRemoval, effectOfSame, effectOfSet } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey } from './spec.js'
import { digestMatches, isDigest, notADigest, valueEquals } from './string-digest.js'
import { expiryAt, GETEX_OPTIONS, options, SET_OPTIONS, StringOption, timeArguments } from './string-options.js'

function set(call: ShardCall): void {
  if (call.argc > 3) {
    setWithOptions(call)
    return
  }
  storeValue(call, 2, NO_EXPIRY)
  call.reply.ok()
}

/** Stores argument `i` under the first argument. `expireAtMs` is a time, NO_EXPIRY or KEEP_TTL; the last two are negative. */
function storeValue(call: ShardCall, i: number, expireAtMs: number): void {
  const bytes = call.bytes
  const offset = call.offsets[i] as number
  const length = call.lengths[i] as number
  call.db.setString(
    bytes,
    call.offsets[1] as number,
    call.lengths[1] as number,
    bytes,
    offset,
    length,
    encodingOfValue(bytes, offset, length),
    expireAtMs,
  )
  call.notify(keyEvents.set, 1)
  if (expireAtMs >= 0) call.notify(keyEvents.expire, 1)
}

function setWithOptions(call: ShardCall): void {
  if (!options.parse(call, 3, SET_OPTIONS)) return
  const expireAtMs = options.expireAtMs(call)
  if (Number.isNaN(expireAtMs)) return
  const { db, reply } = call
  const wantsOldValue = options.has(StringOption.get)
  const found = wantsOldValue ? call.find(1) : call.findForWrite(1)
  if (found && db.type !== ValueType.string && (wantsOldValue || options.compares)) {
    reply.error(errors.wrongType)
    return
  }
  if (found && options.comparesDigest && !isDigest(call, options.matchArgument)) {
    reply.error(notADigest)
    return
  }
  const allowed = conditionHolds(call, found)
  if (wantsOldValue) {
    if (found) reply.bulk(db.bytes, db.valueOffset, db.valueLength)
    else reply.nil()
  } else if (allowed) {
    reply.ok()
  } else {
    reply.nil()
  }
  if (!allowed) return
  storeValue(call, 2, expireAtMs)
  if (expireAtMs >= 0 || options.has(StringOption.get) || options.compares) effectOfSet(call, 1, 2, expireAtMs)
}

/** Whether the condition among the options holds for the value in hand, or for its absence. */
function conditionHolds(call: ShardCall, found: boolean): boolean {
  if (options.has(StringOption.nx)) return !found
  if (options.has(StringOption.xx)) return found
  if (options.has(StringOption.ifeq)) return found && valueEquals(call, options.matchArgument)
  if (options.has(StringOption.ifne)) return !found || !valueEquals(call, options.matchArgument)
  if (options.has(StringOption.ifdeq)) return found && digestMatches(call, options.matchArgument)
  if (options.has(StringOption.ifdne)) return !found || !digestMatches(call, options.matchArgument)
  return true
}

function setnx(call: ShardCall): void {
  if (call.findForWrite(1)) {
    call.reply.integer(0)
    return
  }
  storeValue(call, 2, NO_EXPIRY)
  call.reply.integer(1)
}

function setex(call: ShardCall): void {
  setWithTtl(call, 1000)
}

function psetex(call: ShardCall): void {
  setWithTtl(call, 1)
}

function setWithTtl(call: ShardCall, unitMs: number): void {
  const expireAtMs = expiryAt(call, 2, unitMs, call.nowMs)
  if (Number.isNaN(expireAtMs)) return
  storeValue(call, 3, expireAtMs)
  effectOfSet(call, 1, 3, expireAtMs)
  call.reply.ok()
}

function getset(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) {
    reply.nil()
  } else if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  } else {
    reply.bulk(db.bytes, db.valueOffset, db.valueLength)
  }
  storeValue(call, 2, NO_EXPIRY)
  effectOfSame(call, 'SET', 3)
}

function getex(call: ShardCall): void {
  if (!options.parse(call, 2, GETEX_OPTIONS)) return
  const { db, reply } = call
  if (!call.find(1)) {
    reply.nil()
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const expireAtMs = options.expireAtMs(call)
  if (Number.isNaN(expireAtMs)) return
  reply.bulk(db.bytes, db.valueOffset, db.valueLength)
  if (options.has(StringOption.persist)) {
    if (!db.persist()) return
    call.notify(keyEvents.persist, 1)
    effectOfSame(call, 'PERSIST', 2)
  } else if (!options.hasTime) {
    return
  } else if (options.timeIsAbsolute && call.isOver(expireAtMs)) {
    db.remove()
    call.notify(keyEvents.del, 1)
    effectOfRemoval(call, 1)
  } else {
    db.setExpire(expireAtMs)
    call.notify(keyEvents.expire, 1)
    effectOfExpiry(call, 1, expireAtMs)
  }
}

export const stringSetCommands: readonly CommandSpec[] = [
  {
    name: 'set',
    arity: -3,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '1.0.0',
    summary: 'Stores a string under a key, whatever the key held before; options make it conditional or let it expire.',
    complexity: 'O(1), and O(N) of the old value with a condition that looks at it',
    categories: ['string'],
    keySpecs: [
      {
        flags: ['RW', 'access', 'update', 'variable_flags'],
        begin: { index: 1 },
        find: { lastKey: 0, keyStep: 1, limit: 0 },
        notes: 'The old value is read only with `GET` or a comparison',
      },
    ],
    history: [
      ['2.6.12', 'Options `EX`, `PX`, `NX` and `XX`.'],
      ['6.0.0', 'Option `KEEPTTL`.'],
      ['6.2.0', 'Options `GET`, `EXAT` and `PXAT`.'],
      ['7.0.0', '`GET` may stand together with `NX`.'],
      ['8.4.0', 'Options `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE`.'],
    ],
    arguments: [
      keyArgument,
      valueArgument,
      {
        name: 'condition',
        type: 'oneof',
        since: '2.6.12',
        optional: true,
        arguments: [
          { name: 'nx', type: 'pure-token', token: 'NX' },
          { name: 'xx', type: 'pure-token', token: 'XX' },
          { name: 'ifeq-value', type: 'string', token: 'IFEQ', since: '8.4.0' },
          { name: 'ifne-value', type: 'string', token: 'IFNE', since: '8.4.0' },
          { name: 'ifdeq-digest', type: 'string', token: 'IFDEQ', since: '8.4.0' },
          { name: 'ifdne-digest', type: 'string', token: 'IFDNE', since: '8.4.0' },
        ],
      },
      { name: 'get', type: 'pure-token', token: 'GET', since: '6.2.0', optional: true },
      {
        name: 'expiration',
        type: 'oneof',
        optional: true,
        arguments: [
          ...timeArguments('2.6.12', '6.2.0'),
          { name: 'keepttl', type: 'pure-token', token: 'KEEPTTL', since: '6.0.0' },
        ],
      },
    ],
    route: { on: 'key' },
    shard: set,
  },
  {
    name: 'setnx',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Stores a string under a key that does not exist yet.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('OW', 'insert'),
    arguments: [keyArgument, valueArgument],
    route: { on: 'key' },
    shard: setnx,
  },
  {
    name: 'setex',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '2.0.0',
    summary: 'Stores a string under a key that expires after some seconds.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('OW', 'update'),
    arguments: [keyArgument, { name: 'seconds', type: 'integer' }, valueArgument],
    route: { on: 'key' },
    shard: setex,
  },
  {
    name: 'psetex',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '2.6.0',
    summary: 'Stores a string under a key that expires after some milliseconds.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('OW', 'update'),
    arguments: [keyArgument, { name: 'milliseconds', type: 'integer' }, valueArgument],
    route: { on: 'key' },
    shard: psetex,
  },
  {
    name: 'getset',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Stores a string under a key and returns the value that it replaces.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`SET` with the `!GET` argument',
    arguments: [keyArgument, valueArgument],
    route: { on: 'key' },
    shard: getset,
  },
  {
    name: 'getex',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'string',
    since: '6.2.0',
    summary: 'Returns the string under a key and sets or removes its expiry.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: [
      {
        flags: ['RW', 'access', 'update'],
        begin: { index: 1 },
        find: { lastKey: 0, keyStep: 1, limit: 0 },
        notes: 'A write, because it can change the expiry',
      },
    ],
    arguments: [
      keyArgument,
      {
        name: 'expiration',
        type: 'oneof',
        optional: true,
        arguments: [...timeArguments(), { name: 'persist', type: 'pure-token', token: 'PERSIST' }],
      },
    ],
    route: { on: 'key' },
    shard: getex,
  },
]
