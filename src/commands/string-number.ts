/**
 * Strings as numbers: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.
 *
 * Runs in a shard worker. A counter is kept as the bytes of its decimal text, so that GET needs no formatting. Counters
 * up to 2^53-1 are read and written as plain numbers, in place while the number of digits stays the same; only beyond
 * that, up to the int64 that Redis allows, big integers are used.
 */
import { asciiBytes, copyBytes } from '../base/bytes.js'
import { FloatSumError, writeFloatSum } from '../base/float-sum.js'
import {
  INT64_MAX,
  INT64_MIN,
  INT64_TEXT_BYTES_MAX,
  integerDigits,
  parseInt64,
  parseSafeInteger,
  writeBigInt,
  writeInteger,
} from '../base/integer.js'
import { LONG_DOUBLE_TEXT_BYTES_MAX } from '../base/long-double.js'
import { encodeError, errors } from '../resp/errors.js'
import type { Database } from '../store/database.js'
import { keyEvents } from '../store/keyspace-events.js'
import { encodingOfText } from '../store/string-encoding.js'
import { Encoding, NO_EXPIRY, ValueType } from '../store/value-type.js'
import { keyArgument } from './generic-arguments.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey } from './spec.js'

/** -2^63 cannot be negated; Redis has an error of its own for it. */
const DECREMENT_OVERFLOW = encodeError('ERR decrement would overflow')

/** The number that a missing key counts as. */
const ZERO_TEXT = asciiBytes('0')

/** Where the text of a new value is made before it is stored. */
const text = new Uint8Array(Math.max(INT64_TEXT_BYTES_MAX, LONG_DOUBLE_TEXT_BYTES_MAX))

function incr(call: ShardCall): void {
  addInteger(call, 1)
}

function decr(call: ShardCall): void {
  addInteger(call, -1)
}

function incrby(call: ShardCall): void {
  const increment = call.integer(2)
  if (!Number.isNaN(increment)) {
    addInteger(call, increment)
    return
  }
  const large = call.int64(2)
  if (large === undefined) call.reply.error(errors.notAnInteger)
  else addLargeInteger(call, large)
}

function decrby(call: ShardCall): void {
  const decrement = call.integer(2)
  if (!Number.isNaN(decrement)) {
    addInteger(call, -decrement)
    return
  }
  const large = call.int64(2)
  if (large === undefined) call.reply.error(errors.notAnInteger)
  else if (large === INT64_MIN) call.reply.error(DECREMENT_OVERFLOW)
  else addLargeInteger(call, -large)
}

function addInteger(call: ShardCall, increment: number): void {
  const { db, reply } = call
  if (!call.findForWrite(1)) {
    storeNewText(call, writeInteger(text, 0, increment), Encoding.int)
    call.notify(keyEvents.incrby, 1)
    reply.integer(increment)
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const value = parseSafeInteger(db.bytes, db.valueOffset, db.valueLength)
  const sum = value + increment
  // NaN (not an integer, or a large one) is not safe either.
  if (!Number.isSafeInteger(sum)) {
    addLargeInteger(call, BigInt(increment))
    return
  }
  const length = integerDigits(sum)
  if (length !== db.valueLength) db.resizeValue(length)
  writeInteger(db.bytes, db.valueOffset, sum)
  finishChange(db, Encoding.int)
  call.notify(keyEvents.incrby, 1)
  reply.integer(sum)
}

/** The same beyond 2^53-1. */
function addLargeInteger(call: ShardCall, increment: bigint): void {
  const { db, reply } = call
  if (!call.findForWrite(1)) {
    storeNewText(call, writeBigInt(text, 0, increment), Encoding.int)
    call.notify(keyEvents.incrby, 1)
    reply.bigInteger(increment)
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const value = parseInt64(db.bytes, db.valueOffset, db.valueLength)
  if (value === undefined) {
    reply.error(errors.notAnInteger)
    return
  }
  const sum = value + increment
  if (sum > INT64_MAX || sum < INT64_MIN) {
    reply.error(errors.overflow)
    return
  }
  replaceText(db, writeBigInt(text, 0, sum), Encoding.int)
  call.notify(keyEvents.incrby, 1)
  reply.bigInteger(sum)
}

function incrbyfloat(call: ShardCall): void {
  const { db, reply } = call
  const found = call.findForWrite(1)
  if (found && db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const length = writeFloatSum(
    found ? db.bytes : ZERO_TEXT,
    found ? db.valueOffset : 0,
    found ? db.valueLength : ZERO_TEXT.length,
    call.bytes,
    call.offsets[2] as number,
    call.lengths[2] as number,
    text,
    0,
  )
  if (length < 0) {
    reply.error(length === FloatSumError.notFinite ? errors.nanOrInfinity : errors.notAFloat)
    return
  }
  if (found) replaceText(db, length, encodingOfText(length))
  else storeNewText(call, length, encodingOfText(length))
  call.notify(keyEvents.incrbyfloat, 1)
  const { effects } = call
  if (effects.isRecording) {
    effects.begin('SET', 4)
    call.effectArgument(1)
    effects.argument(text, 0, length)
    effects.text('KEEPTTL')
  }
  reply.bulk(text, 0, length)
}

/** Stores the first `length` bytes of `text` under the first argument, which is no key yet. */
function storeNewText(call: ShardCall, length: number, encoding: number): void {
  const keyOffset = call.offsets[1] as number
  call.db.setString(call.bytes, keyOffset, call.lengths[1] as number, text, 0, length, encoding, NO_EXPIRY)
}

/** Replaces the string value in hand by the first `length` bytes of `text`. */
function replaceText(db: Database, length: number, encoding: number): void {
  if (length !== db.valueLength) db.resizeValue(length)
  copyBytes(text, 0, db.bytes, db.valueOffset, length)
  finishChange(db, encoding)
}

function finishChange(db: Database, encoding: number): void {
  if (db.encoding !== encoding) db.setEncoding(encoding)
  db.modified()
}

export const stringNumberCommands: readonly CommandSpec[] = [
  {
    name: 'incr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Adds one to the integer under a key; a missing key counts as 0.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: incr,
  },
  {
    name: 'decr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Subtracts one from the integer under a key; a missing key counts as 0.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: decr,
  },
  {
    name: 'incrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Adds an integer to the one under a key; a missing key counts as 0.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'increment', type: 'integer' }],
    route: { on: 'key' },
    shard: incrby,
  },
  {
    name: 'decrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Subtracts an integer from the one under a key; a missing key counts as 0.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'decrement', type: 'integer' }],
    route: { on: 'key' },
    shard: decrby,
  },
  {
    name: 'incrbyfloat',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '2.6.0',
    summary: 'Adds a floating-point number to the one under a key; a missing key counts as 0.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'increment', type: 'double' }],
    route: { on: 'key' },
    shard: incrbyfloat,
  },
]
