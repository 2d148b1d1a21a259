/**
 * Values of hashes as numbers: HINCRBY and HINCRBYFLOAT.
 *
 * Runs in a shard worker. A field keeps its time to live; one past its time counts as 0, as a missing one.
 */
import { asciiBytes } from '../../base/bytes.js'
import { writeFloatSum } from '../../base/float-sum.js'
import {
  INT64_MAX,
  INT64_MIN,
  INT64_TEXT_BYTES_MAX,
  parseInt64,
  parseSafeInteger,
  writeBigInt,
  writeInteger,
} from '../../base/integer.js'
import { LONG_DOUBLE_TEXT_BYTES_MAX, parseLongDouble } from '../../base/long-double.js'
import { encodeError, errors } from '../../resp/errors.js'
import { type KeyspaceEvent, keyEvents } from '../../store/keyspace-events.js'
import { NO_EXPIRY, ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { createHash, fieldArgument, findField, hashCommand, KeyState, settle, writeHash } from './hash-lookup.js'

const VALUE_NOT_AN_INTEGER = encodeError('ERR hash value is not an integer')
const VALUE_NOT_A_FLOAT = encodeError('ERR hash value is not a float')
const INCREMENT_NOT_FINITE = encodeError('ERR value is NaN or Infinity')

/** The number that a missing field counts as. */
const ZERO_TEXT = asciiBytes('0')

/** Where the text of a new value is made before it is stored. */
const text = new Uint8Array(Math.max(INT64_TEXT_BYTES_MAX, LONG_DOUBLE_TEXT_BYTES_MAX))

function hincrby(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const increment = call.integer(3)
  if (Number.isNaN(increment) && call.int64(3) === undefined) {
    reply.error(errors.notAnInteger)
    return
  }
  const state = writeHash(call)
  if (state === KeyState.wrongType) return
  const found = state === KeyState.hash && findField(call, 2)
  const value = found ? parseSafeInteger(hashes.valueBytes, hashes.valueOffset, hashes.valueLength) : 0
  const sum = value + increment
  // NaN (not an integer, or a large one) is not safe either.
  if (!Number.isSafeInteger(sum)) {
    addLargeInteger(call, state === KeyState.missing, found)
    return
  }
  storeText(call, state === KeyState.missing, writeInteger(text, 0, sum), keyEvents.hincrby)
  reply.integer(sum)
}

/** The same beyond 2^53-1. */
function addLargeInteger(call: ShardCall, isNew: boolean, found: boolean): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const value = found ? parseInt64(hashes.valueBytes, hashes.valueOffset, hashes.valueLength) : 0n
  if (value === undefined) {
    reply.error(VALUE_NOT_AN_INTEGER)
    return
  }
  const sum = value + (call.int64(3) as bigint)
  if (sum > INT64_MAX || sum < INT64_MIN) {
    reply.error(errors.overflow)
    return
  }
  storeText(call, isNew, writeBigInt(text, 0, sum), keyEvents.hincrby)
  reply.bigInteger(sum)
}

function hincrbyfloat(call: ShardCall): void {
  const { reply, bytes } = call
  const { hashes } = call.keyspace
  const offset = call.offsets[3] as number
  const length = call.lengths[3] as number
  const exists = call.findForWrite(1)
  if (exists && call.db.type !== ValueType.hash) {
    // Redis looks at the increment before it looks at the key.
    if (incrementFits(call)) reply.error(errors.wrongType)
    return
  }
  if (exists) hashes.openForWrite(call.db)
  const found = exists && findField(call, 2)
  const sumLength = writeFloatSum(
    found ? hashes.valueBytes : ZERO_TEXT,
    found ? hashes.valueOffset : 0,
    found ? hashes.valueLength : ZERO_TEXT.length,
    bytes,
    offset,
    length,
    text,
    0,
  )
  if (sumLength < 0) {
    replyFloatError(call)
    if (exists) hashes.settleUnchanged()
    return
  }
  const timeMs = found ? hashes.expireAtMs : NO_EXPIRY
  storeText(call, !exists, sumLength, keyEvents.hincrbyfloat)
  if (call.effects.isRecording) effectOfFloat(call, sumLength, timeMs)
  reply.bulk(text, 0, sumLength)
}

/** The field was set to the first `length` bytes of `text`, and has this time, which HSET takes away. */
function effectOfFloat(call: ShardCall, length: number, timeMs: number): void {
  const { effects } = call
  effects.begin('HSET', 4)
  call.effectArgument(1)
  call.effectArgument(2)
  effects.argument(text, 0, length)
  if (timeMs === NO_EXPIRY) return
  effects.begin('HPEXPIREAT', 6)
  call.effectArgument(1)
  effects.integer(timeMs)
  effects.text('FIELDS')
  effects.integer(1)
  call.effectArgument(2)
}

/** Whether the increment is a finite number, after an error reply if not. */
function incrementFits(call: ShardCall): boolean {
  const increment = parseLongDouble(call.bytes, call.offsets[3] as number, call.lengths[3] as number)
  if (increment === undefined) call.reply.error(errors.notAFloat)
  else if (typeof increment === 'string') call.reply.error(INCREMENT_NOT_FINITE)
  else return true
  return false
}

/** What is wrong with a sum of the value found and the increment. */
function replyFloatError(call: ShardCall): void {
  if (!incrementFits(call)) return
  const { hashes } = call.keyspace
  const value = parseLongDouble(hashes.valueBytes, hashes.valueOffset, hashes.valueLength)
  call.reply.error(value === undefined ? VALUE_NOT_A_FLOAT : errors.nanOrInfinity)
}

/** Stores the first `length` bytes of `text` as the field's value. */
function storeText(call: ShardCall, isNew: boolean, length: number, event: KeyspaceEvent): void {
  const { hashes } = call.keyspace
  if (isNew) createHash(call)
  let isSet = false
  try {
    hashes.set(call.bytes, call.offsets[2] as number, call.lengths[2] as number, text, 0, length, true)
    isSet = true
  } finally {
    if (isSet) call.notify(event, 1)
    settle(call, isNew, isSet)
  }
}

export const hashNumberCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hincrby',
    arity: 4,
    flags: ['write', 'denyoom', 'fast'],
    since: '2.0.0',
    summary: 'Adds an integer to the one in a field of a hash; a missing field counts as 0.',
    complexity: 'O(1)',
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, fieldArgument, { name: 'increment', type: 'integer' }],
    shard: hincrby,
  },
  {
    ...hashCommand,
    name: 'hincrbyfloat',
    arity: 4,
    flags: ['write', 'denyoom', 'fast'],
    since: '2.6.0',
    summary: 'Adds a floating-point number to the one in a field of a hash; a missing field counts as 0.',
    complexity: 'O(1)',
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, fieldArgument, { name: 'increment', type: 'double' }],
    shard: hincrbyfloat,
  },
]
