/**
 * Hash commands that do two things to fields at once: HGETEX, HSETEX and HGETDEL.
 *
 * Runs in a shard worker. Behaviour: https://redis.io/docs/latest/commands/hgetex/ and the pages of the others; order of
 * checks as in Redis 8.0.
 */
import { encodeError, shownPart, wrongArity } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { NO_EXPIRY } from '../../store/value-type.js'
import { keyArgument, valueArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { timeArguments } from '../string-options.js'
import { FIELDS_NOT_POSITIVE, fieldsBlockArgument, fieldTimeAt, firstFieldAt } from './field-arguments.js'
import { effectOfFieldRemovals, effectOfFieldsSet, effectOfFieldTimes } from './field-effects.js'
import {
  createHash,
  fieldArgument,
  findField,
  hashCommand,
  KeyState,
  readHash,
  replyValue,
  setField,
  settle,
  writeHash,
} from './hash-lookup.js'

const FIELDS_MAX = 2147483647

const INVALID_NUMBER_OF_FIELDS = encodeError('ERR invalid number of fields')
const NO_FIELDS = encodeError('ERR missing FIELDS argument')
const NO_TIME = encodeError('ERR missing expire time')
const TWO_CONDITIONS = encodeError('ERR Only one of FXX or FNX arguments can be specified')
const TWO_EXPIRIES = encodeError('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified')

/** Milliseconds in the unit of a time option at argument `i`, 0 when it is none. Sets `isAbsolute`. */
function timeUnitAt(call: ShardCall, i: number): number {
  isAbsolute = call.lengths[i] === 4
  if (call.is(i, 'EX') || call.is(i, 'EXAT')) return 1000
  return call.is(i, 'PX') || call.is(i, 'PXAT') ? 1 : 0
}
let isAbsolute = false

function hgetex(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const state = call.is(2, 'FIELDS') ? readHash(call) : writeHash(call)
  if (state === KeyState.wrongType) return
  const unitMs = timeUnitAt(call, 2)
  const persists = call.is(2, 'PERSIST')
  let timeMs: number = NO_EXPIRY
  let fieldsAt = persists ? 3 : 2
  if (unitMs > 0) {
    timeMs = fieldTimeAt(call, 3, unitMs, isAbsolute ? 0 : call.nowMs)
    if (timeMs < 0) return
    fieldsAt = 4
  }
  const first = firstFieldAt(call, fieldsAt, FIELDS_NOT_POSITIVE)
  if (first < 0) return
  const isOver = timeMs !== NO_EXPIRY && call.isOver(timeMs)
  // Before the reply, a part of which may be on its way to the client when there is no memory for a time.
  if (state === KeyState.hash && timeMs !== NO_EXPIRY && !isOver) setTimes(call, first, timeMs)
  reply.array(call.argc - first)
  let isChanged = false
  for (let i = first; i < call.argc; i++) {
    if (state === KeyState.missing || !findField(call, i)) {
      reply.nil()
      continue
    }
    replyValue(call, hashes)
    if (isOver) hashes.removeFound()
    else if (persists && hashes.expireAtMs !== NO_EXPIRY) hashes.setFoundExpiry(NO_EXPIRY)
    else continue
    isChanged = true
  }
  if (isChanged) call.notify(isOver ? keyEvents.hdel : keyEvents.hpersist, 1)
  if (state === KeyState.hash && (isOver || persists)) settle(call, false, isChanged)
  if (!isChanged) return
  if (isOver) effectOfFieldRemovals(call, first, 1)
  else effectOfFieldTimes(call, first, NO_EXPIRY, 0)
}

/** Gives the fields from argument `first` on a time, as far as they are there, and settles that. */
function setTimes(call: ShardCall, first: number, timeMs: number): void {
  let isChanged = false
  try {
    for (let i = first; i < call.argc; i++) {
      if (!findField(call, i)) continue
      call.keyspace.hashes.setFoundExpiry(timeMs)
      isChanged = true
    }
  } finally {
    if (isChanged) call.notify(keyEvents.hexpire, 1)
    settle(call, false, isChanged)
    if (isChanged) effectOfFieldTimes(call, first, timeMs, 0)
  }
}

function hgetdel(call: ShardCall): void {
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
      reply.nil()
      continue
    }
    replyValue(call, hashes)
    hashes.removeFound()
    isChanged = true
  }
  if (isChanged) call.notify(keyEvents.hdel, 1)
  if (state === KeyState.hash) settle(call, false, isChanged)
  if (isChanged) effectOfFieldRemovals(call, first, 1)
}

/** What the options of one HSETEX ask for. */
interface SetOptions {
  condition: 'none' | 'fnx' | 'fxx'
  timeMs: number
  keepsTime: boolean
  /** Position of the first field. */
  first: number
}

/** Undefined after an error reply. */
function parseSetOptions(call: ShardCall): SetOptions | undefined {
  const options: SetOptions = { condition: 'none', timeMs: NO_EXPIRY, keepsTime: false, first: 0 }
  for (let i = 2; i < call.argc; i++) {
    const unitMs = timeUnitAt(call, i)
    const keepsTime = call.is(i, 'KEEPTTL')
    if (call.is(i, 'FIELDS')) {
      if (!pairsFollow(call, i)) return undefined
      options.first = i + 2
      return options
    }
    if (unitMs > 0 || keepsTime) {
      if (options.timeMs !== NO_EXPIRY || options.keepsTime) {
        call.reply.error(TWO_EXPIRIES)
        return undefined
      }
      options.keepsTime = keepsTime
      if (keepsTime) continue
      if (++i === call.argc) {
        call.reply.error(NO_TIME)
        return undefined
      }
      options.timeMs = fieldTimeAt(call, i, unitMs, isAbsolute ? 0 : call.nowMs)
      if (options.timeMs < 0) return undefined
    } else if (call.is(i, 'FXX') || call.is(i, 'FNX')) {
      if (options.condition !== 'none') {
        call.reply.error(TWO_CONDITIONS)
        return undefined
      }
      options.condition = call.is(i, 'FXX') ? 'fxx' : 'fnx'
    } else {
      call.reply.errorText(`ERR unknown argument: ${shownPart(call.text(i))}`)
      return undefined
    }
  }
  call.reply.error(NO_FIELDS)
  return undefined
}

/** Whether `numfields` and as many pairs follow argument `i`, up to the last; replies with an error if not. */
function pairsFollow(call: ShardCall, i: number): boolean {
  if (i >= call.argc - 3) {
    call.reply.error(wrongArity(call.spec.name))
    return false
  }
  const count = call.integer(i + 1)
  if (!(count >= 1 && count <= FIELDS_MAX)) {
    call.reply.error(INVALID_NUMBER_OF_FIELDS)
    return false
  }
  if (count * 2 !== call.argc - i - 2) {
    call.reply.error(wrongArity(call.spec.name))
    return false
  }
  return true
}

function hsetex(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const options = parseSetOptions(call)
  if (options === undefined) return
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  const isNew = state === KeyState.missing
  if (!conditionHolds(call, options, isNew)) {
    if (!isNew) hashes.settleUnchanged()
    reply.integer(0)
    return
  }
  const isOver = options.timeMs !== NO_EXPIRY && call.isOver(options.timeMs)
  if (isOver) deleteFields(call, options, isNew)
  else setFields(call, options, isNew)
  reply.integer(1)
}

function conditionHolds(call: ShardCall, { condition, first }: SetOptions, isNew: boolean): boolean {
  if (condition === 'none') return true
  if (isNew) return condition === 'fnx'
  for (let i = first; i < call.argc; i += 2) {
    if (findField(call, i) !== (condition === 'fxx')) return false
  }
  return true
}

function setFields(call: ShardCall, { first, timeMs, keepsTime }: SetOptions, isNew: boolean): void {
  const { hashes } = call.keyspace
  if (isNew) createHash(call)
  let isChanged = false
  try {
    for (let i = first; i < call.argc; i += 2) {
      setField(call, i, keepsTime)
      isChanged = true
      if (timeMs === NO_EXPIRY) continue
      findField(call, i)
      hashes.setFoundExpiry(timeMs)
    }
  } finally {
    if (isChanged) call.notify(keyEvents.hset, 1)
    if (isChanged && timeMs !== NO_EXPIRY) call.notify(keyEvents.hexpire, 1)
    settle(call, isNew, isChanged)
    if (isChanged) effectOfFieldsSet(call, first, timeMs, keepsTime)
  }
}

/** Fields that are set with a time that is over are gone at once. */
function deleteFields(call: ShardCall, { first }: SetOptions, isNew: boolean): void {
  // To the world the fields are set and then go, as in Redis.
  if (isNew) call.notify(keyEvents.new, 1)
  call.notify(keyEvents.hset, 1)
  call.notifyTaken(keyEvents.hdel, 1, isNew)
  if (isNew) return
  const { hashes } = call.keyspace
  let isChanged = false
  for (let i = first; i < call.argc && hashes.length > 0; i += 2) {
    if (hashes.remove(call.bytes, call.offsets[i] as number, call.lengths[i] as number)) isChanged = true
  }
  settle(call, false, isChanged)
  if (isChanged) effectOfFieldRemovals(call, first, 2)
}

const expirationArgument = (last: ArgumentSpec): ArgumentSpec => ({
  name: 'expiration',
  type: 'oneof',
  optional: true,
  arguments: [...timeArguments(), last],
})

export const hashGetSetCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hgetex',
    arity: -5,
    flags: ['write', 'fast'],
    since: '8.0.0',
    summary: 'Returns the values of fields of a hash, and sets or removes their expiry.',
    complexity: 'O(N), N being the number of fields named',
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [
      keyArgument,
      expirationArgument({ name: 'persist', type: 'pure-token', token: 'PERSIST' }),
      fieldsBlockArgument,
    ],
    shard: hgetex,
  },
  {
    ...hashCommand,
    name: 'hsetex',
    arity: -6,
    flags: ['write', 'denyoom', 'fast'],
    since: '8.0.0',
    summary: 'Sets fields of a hash and on request their expiry, all or none of them where there is a condition.',
    complexity: 'O(N), N being the number of fields set',
    keySpecs: oneKey('RW', 'update'),
    arguments: [
      keyArgument,
      {
        name: 'condition',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'fnx', type: 'pure-token', token: 'FNX' },
          { name: 'fxx', type: 'pure-token', token: 'FXX' },
        ],
      },
      expirationArgument({ name: 'keepttl', type: 'pure-token', token: 'KEEPTTL' }),
      {
        name: 'fields',
        type: 'block',
        token: 'FIELDS',
        arguments: [
          { name: 'numfields', type: 'integer' },
          { name: 'data', type: 'block', multiple: true, arguments: [fieldArgument, valueArgument] },
        ],
      },
    ],
    shard: hsetex,
  },
  {
    ...hashCommand,
    name: 'hgetdel',
    arity: -5,
    flags: ['write', 'fast'],
    since: '8.0.0',
    summary: 'Returns the values of fields of a hash and deletes the fields, and the hash with its last field.',
    complexity: 'O(N), N being the number of fields named',
    keySpecs: oneKey('RW', 'access', 'delete'),
    arguments: [keyArgument, fieldsBlockArgument],
    shard: hgetdel,
  },
]
