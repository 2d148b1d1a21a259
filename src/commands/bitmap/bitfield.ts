/**
 * BITFIELD and BITFIELD_RO: integers of any width at any bit of a string.
 *
 * Runs in a shard worker. All operations are checked before the first is done, so that one that is wrong changes nothing; they
 * are read again when they are done, which costs less than to keep them. Fields of more than 52 bits, and numbers beyond
 * 2^52, go by way of bigints.
 *
 * Behaviour: https://redis.io/docs/latest/commands/bitfield/
 */
import {
  fitted,
  fittedWide,
  NUMBER_BITS_MAX,
  Overflow,
  readField,
  readWideField,
  writeField,
  writeWideField,
} from '../../base/bit-field.js'
import { parseUnsigned } from '../../base/integer.js'
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { byteOfBit, fieldOffsetAt } from './bit-offset.js'
import { standOnWritable, Writable } from './writable-bits.js'

const INVALID_OVERFLOW = encodeError('ERR Invalid OVERFLOW type specified')
const INVALID_TYPE = encodeError(
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
)
const ONLY_GET = encodeError('ERR BITFIELD_RO only supports the GET subcommand')

const SIGNED_BITS_MAX = 64
/** The protocol has no integers above 2^63 - 1. */
const UNSIGNED_BITS_MAX = 63
const LOWER_I = 0x69
const LOWER_U = 0x75

/** Numbers up to this one are added to a field without a bigint. */
const NUMBER_MAX = 2 ** NUMBER_BITS_MAX

const GET = 0
const SET = 1
const INCRBY = 2

/** The operation in hand, filled by `readOperation`. */
const operation = {
  kind: GET,
  signed: false,
  bits: 0,
  offset: 0,
  /** The argument that is the value or increment. */
  valueArgument: 0,
  overflow: Overflow.wrap as number,
}

function bitfield(call: ShardCall): void {
  runOperations(call, false)
}

function bitfieldReadOnly(call: ShardCall): void {
  runOperations(call, true)
}

function runOperations(call: ShardCall, readOnly: boolean): void {
  const { db, reply } = call
  let count = 0
  let writtenBytes = 0
  operation.overflow = Overflow.wrap
  for (let i = 2; i < call.argc; ) {
    const next = readOperation(call, i)
    if (next === REFUSED) return
    i = Math.abs(next)
    if (next < 0) continue
    count++
    if (operation.kind === GET) continue
    if (call.int64(operation.valueArgument) === undefined) {
      reply.error(errors.notAnInteger)
      return
    }
    writtenBytes = Math.max(writtenBytes, byteOfBit(operation.offset + operation.bits - 1) + 1)
  }
  let found = true
  let created = false
  let grown = false
  if (writtenBytes === 0) {
    found = call.find(1)
    if (found && db.type !== ValueType.string) {
      reply.error(errors.wrongType)
      return
    }
  } else if (readOnly) {
    reply.error(ONLY_GET)
    return
  } else {
    const writable = standOnWritable(call, writtenBytes)
    if (writable === Writable.refused) return
    created = writable === Writable.created
    grown = created || writable === Writable.grown
  }
  reply.array(count)
  let changed = false
  operation.overflow = Overflow.wrap
  for (let i = 2; i < call.argc; ) {
    const next = readOperation(call, i)
    i = Math.abs(next)
    if (next < 0) continue
    if (operation.kind === GET) replyField(call, found)
    else if (changeField(call, grown)) changed = true
  }
  // A key that was made is a modification already, and the command counts as one.
  if (changed && !created) db.modified()
  if (changed) call.notify(keyEvents.setbit, 1)
}

/** Stands for "not an operation": arguments begin behind it. */
const REFUSED = 0

/**
 * Reads the operation or OVERFLOW at argument `i` into `operation`.
 * @returns the argument behind it, negative for OVERFLOW; `REFUSED` after an error reply
 */
function readOperation(call: ShardCall, i: number): number {
  const left = call.argc - i - 1
  if (call.is(i, 'GET') && left >= 2) operation.kind = GET
  else if (call.is(i, 'SET') && left >= 3) operation.kind = SET
  else if (call.is(i, 'INCRBY') && left >= 3) operation.kind = INCRBY
  else if (call.is(i, 'OVERFLOW') && left >= 1) return readOverflow(call, i + 1) ? -(i + 2) : REFUSED
  else return refuse(call, errors.syntax)
  if (!readType(call, i + 1)) return refuse(call, INVALID_TYPE)
  operation.offset = fieldOffsetAt(call, i + 2, operation.bits)
  if (operation.offset < 0) return refuse(call, errors.bitOffset)
  operation.valueArgument = i + 3
  return operation.kind === GET ? i + 3 : i + 4
}

function refuse(call: ShardCall, error: Uint8Array): number {
  call.reply.error(error)
  return REFUSED
}

function readOverflow(call: ShardCall, i: number): boolean {
  if (call.is(i, 'WRAP')) operation.overflow = Overflow.wrap
  else if (call.is(i, 'SAT')) operation.overflow = Overflow.saturate
  else if (call.is(i, 'FAIL')) operation.overflow = Overflow.fail
  else {
    call.reply.error(INVALID_OVERFLOW)
    return false
  }
  return true
}

/** Reads `i8`, `u16` and their like. */
function readType(call: ShardCall, i: number): boolean {
  const offset = call.offsets[i] as number
  const length = call.lengths[i] as number
  const first = length > 0 ? call.bytes[offset] : 0
  if (first !== LOWER_I && first !== LOWER_U) return false
  operation.signed = first === LOWER_I
  operation.bits = parseUnsigned(call.bytes, offset + 1, length - 1)
  return operation.bits >= 1 && operation.bits <= (operation.signed ? SIGNED_BITS_MAX : UNSIGNED_BITS_MAX)
}

function replyField(call: ShardCall, found: boolean): void {
  const { db, reply } = call
  const { bits, signed, offset } = operation
  const end = found ? db.valueOffset + db.valueLength : 0
  if (bits <= NUMBER_BITS_MAX) reply.integer(readField(db.bytes, db.valueOffset, end, offset, bits, signed))
  else reply.bigInteger(readWideField(db.bytes, db.valueOffset, end, offset, bits, signed))
}

/**
 * Does a SET or INCRBY on the string in hand and replies.
 * @returns whether that is a change: also when the string has grown for it
 */
function changeField(call: ShardCall, grown: boolean): boolean {
  const { db, reply } = call
  const { bits, signed, offset, overflow } = operation
  const value = call.integer(operation.valueArgument)
  // NaN, which a large value is, fails the comparison.
  const isLarge = bits > NUMBER_BITS_MAX || !(Math.abs(value) <= NUMBER_MAX)
  if (isLarge || (operation.kind === SET && !signed && value < 0)) return changeWideField(call, grown)
  const start = db.valueOffset
  const old = readField(db.bytes, start, start + db.valueLength, offset, bits, signed)
  const changed = fitted(operation.kind === SET ? value : old + value, bits, signed, overflow)
  if (Number.isNaN(changed)) {
    reply.nil()
    return false
  }
  writeField(db.bytes, start, offset, bits, changed)
  reply.integer(operation.kind === SET ? old : changed)
  return grown || changed !== old
}

/** The same for every width and value. */
function changeWideField(call: ShardCall, grown: boolean): boolean {
  const { db, reply } = call
  const { bits, signed, offset, overflow } = operation
  const value = call.int64(operation.valueArgument) as bigint
  const start = db.valueOffset
  const old = readWideField(db.bytes, start, start + db.valueLength, offset, bits, signed)
  const wanted = operation.kind === SET ? asStored(value) : old + value
  const changed = fittedWide(wanted, bits, signed, overflow)
  if (changed === undefined) {
    reply.nil()
    return false
  }
  writeWideField(db.bytes, start, offset, bits, changed)
  reply.bigInteger(operation.kind === SET ? old : changed)
  return grown || changed !== old
}

/**
 * The value of a SET as Redis's test for overflow sees it: for an unsigned field a negative number is one above 2^63, and for
 * a signed one a number so low that its distance to the greatest that fits is beyond 63 bits counts as too great.
 */
function asStored(value: bigint): bigint {
  const { bits, signed, overflow } = operation
  if (!signed) return BigInt.asUintN(64, value)
  const greatest = (1n << BigInt(bits - 1)) - 1n
  const looksTooGreat = bits < 64 && BigInt.asIntN(64, greatest - value) < 0n
  return looksTooGreat && overflow === Overflow.saturate ? greatest : value
}

const encodingArgument: ArgumentSpec = { name: 'encoding', type: 'string' }
const offsetArgument: ArgumentSpec = { name: 'offset', type: 'integer' }

export const bitfieldCommands: readonly CommandSpec[] = [
  {
    name: 'bitfield',
    arity: -2,
    flags: ['write', 'denyoom'],
    group: 'bitmap',
    since: '3.2.0',
    summary: 'Reads, sets and increments integers of any width inside the string under a key.',
    complexity: 'O(1) for each operation',
    categories: ['bitmap'],
    keySpecs: [
      {
        flags: ['RW', 'access', 'update', 'variable_flags'],
        begin: { index: 1 },
        find: { lastKey: 0, keyStep: 1, limit: 0 },
        notes: 'The key is only read when every operation is `GET`',
      },
    ],
    arguments: [
      keyArgument,
      {
        name: 'operation',
        type: 'oneof',
        optional: true,
        multiple: true,
        arguments: [
          { name: 'encoding_offset', type: 'block', token: 'GET', arguments: [encodingArgument, offsetArgument] },
          {
            name: 'write',
            type: 'block',
            arguments: [
              {
                name: 'wrap_sat_fail',
                type: 'oneof',
                token: 'OVERFLOW',
                optional: true,
                arguments: [
                  { name: 'wrap', type: 'pure-token', token: 'WRAP' },
                  { name: 'sat', type: 'pure-token', token: 'SAT' },
                  { name: 'fail', type: 'pure-token', token: 'FAIL' },
                ],
              },
              {
                name: 'write_operation',
                type: 'oneof',
                arguments: [
                  {
                    name: 'encoding_offset_value',
                    type: 'block',
                    token: 'SET',
                    arguments: [encodingArgument, offsetArgument, { name: 'value', type: 'integer' }],
                  },
                  {
                    name: 'encoding_offset_increment',
                    type: 'block',
                    token: 'INCRBY',
                    arguments: [encodingArgument, offsetArgument, { name: 'increment', type: 'integer' }],
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
    route: { on: 'key' },
    shard: bitfield,
  },
  {
    name: 'bitfield_ro',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'bitmap',
    since: '6.0.0',
    summary: 'Reads integers of any width inside the string under a key.',
    complexity: 'O(1) for each operation',
    categories: ['bitmap'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [
      keyArgument,
      {
        name: 'encoding_offset',
        type: 'block',
        token: 'GET',
        optional: true,
        multiple: true,
        multipleToken: true,
        arguments: [encodingArgument, offsetArgument],
      },
    ],
    route: { on: 'key' },
    shard: bitfieldReadOnly,
  },
]
