/**
 * Expiry of keys: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME and PERSIST.
 *
 * Runs in a shard worker. The store keeps a point in time in milliseconds; "now" is the time of the batch, so that all
 * commands of a transaction see the same.
 *
 * Behaviour: https://redis.io/docs/latest/commands/expire/
 */
import { INT64_MAX, INT64_MIN } from '../base/integer.js'
import { encodeError, errors, invalidExpire, shownPart } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { NO_EXPIRY } from '../store/value-type.js'
import { keyArgument } from './generic-arguments.js'
import { inspectKey } from './generic-lookup.js'
import { effectOfRemoval } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from './spec.js'

const Condition = { nx: 1, xx: 2, gt: 4, lt: 8 } as const

const NX_WITH_OTHERS = encodeError('ERR NX and XX, GT or LT options at the same time are not compatible')
const GT_WITH_LT = encodeError('ERR GT and LT options at the same time are not compatible')

/** TTL and its relatives reply this for a missing key, and NO_TTL for a key that does not expire. */
const NO_KEY = -2
const NO_TTL = -1

function expire(call: ShardCall): void {
  setExpiry(call, 1000, call.nowMs)
}

function pexpire(call: ShardCall): void {
  setExpiry(call, 1, call.nowMs)
}

function expireat(call: ShardCall): void {
  setExpiry(call, 1000, 0)
}

function pexpireat(call: ShardCall): void {
  setExpiry(call, 1, 0)
}

function setExpiry(call: ShardCall, unitMs: number, baseMs: number): void {
  const { db, reply } = call
  const conditions = parseConditions(call)
  if (conditions < 0) return
  const expireAtMs = timeAt(call, unitMs, baseMs)
  if (Number.isNaN(expireAtMs)) return
  if (!call.findForWrite(1) || !conditionsHold(conditions, db.expireAtMs(), expireAtMs)) {
    reply.integer(0)
    return
  }
  // A time that has come deletes the key at once.
  if (call.isOver(expireAtMs)) {
    db.remove()
    call.notify(keyEvents.del, 1)
    effectOfRemoval(call, 1)
  } else {
    db.setExpire(expireAtMs)
    call.notify(keyEvents.expire, 1)
    effectOfTime(call, expireAtMs)
  }
  reply.integer(1)
}

/** The same with the point in time, and with the conditions, which hold again. */
function effectOfTime(call: ShardCall, expireAtMs: number): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  effects.begin('PEXPIREAT', argc)
  call.effectArgument(1)
  effects.integer(expireAtMs)
  for (let i = 3; i < argc; i++) call.effectArgument(i)
}

/** The conditions among the arguments from the third on, or -1 after an error reply. */
function parseConditions(call: ShardCall): number {
  let conditions = 0
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'NX')) conditions |= Condition.nx
    else if (call.is(i, 'XX')) conditions |= Condition.xx
    else if (call.is(i, 'GT')) conditions |= Condition.gt
    else if (call.is(i, 'LT')) conditions |= Condition.lt
    else {
      call.reply.errorText(`ERR Unsupported option ${shownPart(call.text(i))}`)
      return -1
    }
  }
  if ((conditions & Condition.nx) !== 0 && conditions !== Condition.nx) {
    call.reply.error(NX_WITH_OTHERS)
    return -1
  }
  if ((conditions & Condition.gt) !== 0 && (conditions & Condition.lt) !== 0) {
    call.reply.error(GT_WITH_LT)
    return -1
  }
  return conditions
}

/**
 * The second argument, in units of `unitMs`, after `baseMs`; it may lie in the past. What lies beyond 2^53-1 ms in
 * either direction counts as that.
 * @returns NaN after an error reply
 */
function timeAt(call: ShardCall, unitMs: number, baseMs: number): number {
  const time = call.integer(2)
  if (!Number.isNaN(time)) return clampTime(time * unitMs + baseMs)
  const large = call.int64(2)
  if (large === undefined) {
    call.reply.error(errors.notAnInteger)
    return Number.NaN
  }
  const scaled = large * BigInt(unitMs)
  if (scaled < INT64_MIN || scaled + BigInt(baseMs) > INT64_MAX) {
    call.reply.error(invalidExpire(call.spec.name))
    return Number.NaN
  }
  return large > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
}

function clampTime(timeMs: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, timeMs))
}

/** For GT and LT a key that does not expire counts as one that expires after any other. */
function conditionsHold(conditions: number, currentMs: number, expireAtMs: number): boolean {
  if (conditions === 0) return true
  const expires = currentMs !== NO_EXPIRY
  if ((conditions & Condition.nx) !== 0 && expires) return false
  if ((conditions & Condition.xx) !== 0 && !expires) return false
  if ((conditions & Condition.gt) !== 0 && (!expires || expireAtMs <= currentMs)) return false
  if ((conditions & Condition.lt) !== 0 && expires && expireAtMs >= currentMs) return false
  return true
}

function ttl(call: ShardCall): void {
  replyTime(call, 1000, call.nowMs)
}

function pttl(call: ShardCall): void {
  replyTime(call, 1, call.nowMs)
}

function expiretime(call: ShardCall): void {
  replyTime(call, 1000, 0)
}

function pexpiretime(call: ShardCall): void {
  replyTime(call, 1, 0)
}

/** Replies with the key's expiry in units of `unitMs` after `baseMs`, seconds rounded to the nearest. */
function replyTime(call: ShardCall, unitMs: number, baseMs: number): void {
  const { db, reply } = call
  if (!inspectKey(call, 1)) {
    reply.integer(NO_KEY)
    return
  }
  const expireAtMs = db.expireAtMs()
  if (expireAtMs === NO_EXPIRY) {
    reply.integer(NO_TTL)
    return
  }
  const timeMs = Math.max(0, expireAtMs - baseMs)
  reply.integer(unitMs === 1 ? timeMs : Math.floor((timeMs + unitMs / 2) / unitMs))
}

function persist(call: ShardCall): void {
  const isPersisted = call.findForWrite(1) && call.db.persist()
  if (isPersisted) call.notify(keyEvents.persist, 1)
  call.reply.integer(isPersisted ? 1 : 0)
}

const conditionArgument: ArgumentSpec = {
  name: 'condition',
  type: 'oneof',
  since: '7.0.0',
  optional: true,
  arguments: [
    { name: 'nx', type: 'pure-token', token: 'NX' },
    { name: 'xx', type: 'pure-token', token: 'XX' },
    { name: 'gt', type: 'pure-token', token: 'GT' },
    { name: 'lt', type: 'pure-token', token: 'LT' },
  ],
}

/** What the four commands that set an expiry have in common. */
const setsExpiry = {
  arity: -3,
  flags: ['write', 'fast'],
  group: 'generic',
  complexity: 'O(1)',
  categories: ['keyspace'],
  keySpecs: oneKey('RW', 'update'),
  history: [['7.0.0', 'Options `NX`, `XX`, `GT` and `LT`.']],
  route: { on: 'key' },
} as const

/** What the four commands that tell an expiry have in common. */
const tellsExpiry = {
  arity: 2,
  flags: ['readonly', 'fast'],
  group: 'generic',
  complexity: 'O(1)',
  categories: ['keyspace'],
  keySpecs: oneKey('RO', 'access'),
  arguments: [keyArgument],
  route: { on: 'key' },
} as const

export const expireCommands: readonly CommandSpec[] = [
  {
    ...setsExpiry,
    name: 'expire',
    since: '1.0.0',
    summary: 'Lets a key expire after some seconds.',
    arguments: [keyArgument, { name: 'seconds', type: 'integer' }, conditionArgument],
    shard: expire,
  },
  {
    ...setsExpiry,
    name: 'pexpire',
    since: '2.6.0',
    summary: 'Lets a key expire after some milliseconds.',
    arguments: [keyArgument, { name: 'milliseconds', type: 'integer' }, conditionArgument],
    shard: pexpire,
  },
  {
    ...setsExpiry,
    name: 'expireat',
    since: '1.2.0',
    summary: 'Lets a key expire at a Unix time in seconds.',
    arguments: [keyArgument, { name: 'unix-time-seconds', type: 'unix-time' }, conditionArgument],
    shard: expireat,
  },
  {
    ...setsExpiry,
    name: 'pexpireat',
    since: '2.6.0',
    summary: 'Lets a key expire at a Unix time in milliseconds.',
    arguments: [keyArgument, { name: 'unix-time-milliseconds', type: 'unix-time' }, conditionArgument],
    shard: pexpireat,
  },
  {
    ...tellsExpiry,
    name: 'ttl',
    since: '1.0.0',
    summary: 'Returns after how many seconds a key expires.',
    tips: ['nondeterministic_output'],
    history: [['2.8.0', 'Reply -2 for a missing key.']],
    shard: ttl,
  },
  {
    ...tellsExpiry,
    name: 'pttl',
    since: '2.6.0',
    summary: 'Returns after how many milliseconds a key expires.',
    tips: ['nondeterministic_output'],
    history: [['2.8.0', 'Reply -2 for a missing key.']],
    shard: pttl,
  },
  {
    ...tellsExpiry,
    name: 'expiretime',
    since: '7.0.0',
    summary: 'Returns the Unix time in seconds at which a key expires.',
    shard: expiretime,
  },
  {
    ...tellsExpiry,
    name: 'pexpiretime',
    since: '7.0.0',
    summary: 'Returns the Unix time in milliseconds at which a key expires.',
    shard: pexpiretime,
  },
  {
    name: 'persist',
    arity: 2,
    flags: ['write', 'fast'],
    group: 'generic',
    since: '2.2.0',
    summary: 'Takes the expiry away from a key.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: persist,
  },
]
