/**
 * The expiry of fields: HEXPIRE and its relatives, HTTL and its relatives, and HPERSIST.
 *
 * Runs in a shard worker. Each replies with an array of one number a field.
 *
 * Behaviour: https://redis.io/docs/latest/commands/hexpire/ and the pages of the others; order of checks as in Redis 7.4.
 */
import { keyEvents } from '../../store/keyspace-events.js'
import { NO_EXPIRY } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import {
  FIELDS_NOT_POSITIVE,
  fieldsBlockArgument,
  fieldTimeAt,
  firstFieldAt,
  NUM_FIELDS_TOO_SMALL,
} from './field-arguments.js'
import { effectOfFieldTimes, effectOfRemovalsAt } from './field-effects.js'
import { findField, hashCommand, KeyState, readHash, settle, writeHash } from './hash-lookup.js'

/** What is replied for one field. */
const FieldReply = { noField: -2, noTime: -1, conditionNotMet: 0, done: 1, deleted: 2 } as const

type Condition = 'none' | 'nx' | 'xx' | 'gt' | 'lt'

function hexpire(call: ShardCall): void {
  expireFields(call, 1000, call.nowMs)
}

function hpexpire(call: ShardCall): void {
  expireFields(call, 1, call.nowMs)
}

function hexpireat(call: ShardCall): void {
  expireFields(call, 1000, 0)
}

function hpexpireat(call: ShardCall): void {
  expireFields(call, 1, 0)
}

function expireFields(call: ShardCall, unitMs: number, baseMs: number): void {
  const { reply } = call
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  const timeMs = fieldTimeAt(call, 2, unitMs, baseMs)
  if (timeMs < 0) return
  const condition = conditionAt(call, 3)
  const first = firstFieldAt(call, condition === 'none' ? 3 : 4, NUM_FIELDS_TOO_SMALL)
  if (first < 0) return
  if (state === KeyState.missing) {
    reply.array(call.argc - first)
    for (let i = first; i < call.argc; i++) reply.integer(FieldReply.noField)
    return
  }
  removedAt.length = 0
  // An open array stays here as a whole: when there is no memory for a time, nothing of it has been sent yet.
  const mark = reply.openArray()
  let isChanged = false
  try {
    for (let i = first; i < call.argc; i++) {
      const done = expireField(call, i, timeMs, condition)
      if (done > 0) isChanged = true
      reply.integer(done)
    }
  } finally {
    if (isChanged) call.notify(call.isOver(timeMs) ? keyEvents.hdel : keyEvents.hexpire, 1)
    settle(call, false, isChanged)
    if (removedAt.length > 0) effectOfRemovalsAt(call, removedAt)
    else if (isChanged) effectOfFieldTimes(call, first, timeMs, condition === 'none' ? 0 : 3)
  }
  reply.closeArray(mark, call.argc - first)
}

/** The places of the fields that the command in hand has deleted, as far as they are recorded. */
const removedAt: number[] = []

function expireField(call: ShardCall, i: number, timeMs: number, condition: Condition): number {
  const { hashes } = call.keyspace
  if (!findField(call, i)) return FieldReply.noField
  if (!conditionHolds(condition, hashes.expireAtMs, timeMs)) return FieldReply.conditionNotMet
  // A time that has come deletes the field at once.
  if (call.isOver(timeMs)) {
    hashes.removeFound()
    if (call.effects.isRecording) removedAt.push(i)
    return FieldReply.deleted
  }
  hashes.setFoundExpiry(timeMs)
  return FieldReply.done
}

function conditionAt(call: ShardCall, i: number): Condition {
  if (call.is(i, 'NX')) return 'nx'
  if (call.is(i, 'XX')) return 'xx'
  if (call.is(i, 'GT')) return 'gt'
  return call.is(i, 'LT') ? 'lt' : 'none'
}

/** For GT and LT a field that does not expire counts as one that expires after any other. */
function conditionHolds(condition: Condition, currentMs: number, timeMs: number): boolean {
  const expires = currentMs !== NO_EXPIRY
  switch (condition) {
    case 'nx':
      return !expires
    case 'xx':
      return expires
    case 'gt':
      return expires && timeMs > currentMs
    case 'lt':
      return !expires || timeMs < currentMs
    default:
      return true
  }
}

function httl(call: ShardCall): void {
  replyTimes(call, 1000, call.nowMs)
}

function hpttl(call: ShardCall): void {
  replyTimes(call, 1, call.nowMs)
}

function hexpiretime(call: ShardCall): void {
  replyTimes(call, 1000, 0)
}

function hpexpiretime(call: ShardCall): void {
  replyTimes(call, 1, 0)
}

/** Replies with when fields expire, in units of `unitMs` after `baseMs`, rounded up. */
function replyTimes(call: ShardCall, unitMs: number, baseMs: number): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  const first = firstFieldAt(call, 2, FIELDS_NOT_POSITIVE)
  if (first < 0) return
  reply.array(call.argc - first)
  for (let i = first; i < call.argc; i++) {
    if (state === KeyState.missing || !findField(call, i)) reply.integer(FieldReply.noField)
    else if (hashes.expireAtMs === NO_EXPIRY) reply.integer(FieldReply.noTime)
    else reply.integer(Math.ceil((hashes.expireAtMs - baseMs) / unitMs))
  }
}

function hpersist(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  const first = firstFieldAt(call, 2, FIELDS_NOT_POSITIVE)
  if (first < 0) return
  reply.array(call.argc - first)
  let isChanged = false
  for (let i = first; i < call.argc; i++) {
    if (state === KeyState.missing || !findField(call, i)) {
      reply.integer(FieldReply.noField)
    } else if (hashes.expireAtMs === NO_EXPIRY) {
      reply.integer(FieldReply.noTime)
    } else {
      hashes.setFoundExpiry(NO_EXPIRY)
      isChanged = true
      reply.integer(FieldReply.done)
    }
  }
  if (isChanged) call.notify(keyEvents.hpersist, 1)
  if (state === KeyState.hash) settle(call, false, isChanged)
}

const conditionArgument: ArgumentSpec = {
  name: 'condition',
  type: 'oneof',
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
  ...hashCommand,
  arity: -6,
  flags: ['write', 'denyoom', 'fast'],
  since: '7.4.0',
  complexity: 'O(N), N being the number of fields named',
  keySpecs: oneKey('RW', 'update'),
} as const

/** What the four commands that tell an expiry have in common. */
const tellsExpiry = {
  ...hashCommand,
  arity: -5,
  flags: ['readonly', 'fast'],
  since: '7.4.0',
  complexity: 'O(N), N being the number of fields named',
  keySpecs: oneKey('RO', 'access'),
  arguments: [keyArgument, fieldsBlockArgument],
} as const

export const hashExpireCommands: readonly CommandSpec[] = [
  {
    ...setsExpiry,
    name: 'hexpire',
    summary: 'Lets fields of a hash expire after some seconds.',
    arguments: [keyArgument, { name: 'seconds', type: 'integer' }, conditionArgument, fieldsBlockArgument],
    shard: hexpire,
  },
  {
    ...setsExpiry,
    name: 'hpexpire',
    summary: 'Lets fields of a hash expire after some milliseconds.',
    arguments: [keyArgument, { name: 'milliseconds', type: 'integer' }, conditionArgument, fieldsBlockArgument],
    shard: hpexpire,
  },
  {
    ...setsExpiry,
    name: 'hexpireat',
    summary: 'Lets fields of a hash expire at a Unix time in seconds.',
    arguments: [keyArgument, { name: 'unix-time-seconds', type: 'unix-time' }, conditionArgument, fieldsBlockArgument],
    shard: hexpireat,
  },
  {
    ...setsExpiry,
    name: 'hpexpireat',
    summary: 'Lets fields of a hash expire at a Unix time in milliseconds.',
    arguments: [
      keyArgument,
      { name: 'unix-time-milliseconds', type: 'unix-time' },
      conditionArgument,
      fieldsBlockArgument,
    ],
    shard: hpexpireat,
  },
  {
    ...tellsExpiry,
    name: 'httl',
    summary: 'Returns after how many seconds fields of a hash expire.',
    tips: ['nondeterministic_output'],
    shard: httl,
  },
  {
    ...tellsExpiry,
    name: 'hpttl',
    summary: 'Returns after how many milliseconds fields of a hash expire.',
    tips: ['nondeterministic_output'],
    shard: hpttl,
  },
  {
    ...tellsExpiry,
    name: 'hexpiretime',
    summary: 'Returns the Unix times in seconds at which fields of a hash expire.',
    shard: hexpiretime,
  },
  {
    ...tellsExpiry,
    name: 'hpexpiretime',
    summary: 'Returns the Unix times in milliseconds at which fields of a hash expire.',
    shard: hpexpiretime,
  },
  {
    ...hashCommand,
    name: 'hpersist',
    arity: -5,
    flags: ['write', 'fast'],
    since: '7.4.0',
    summary: 'Takes the expiry away from fields of a hash.',
    complexity: 'O(N), N being the number of fields named',
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument, fieldsBlockArgument],
    shard: hpersist,
  },
]
