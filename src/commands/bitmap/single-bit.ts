/**
 * Single bits of strings and what is told by all of them: SETBIT, GETBIT, BITCOUNT and BITPOS.
 *
 * Runs in a shard worker. Order of checks as in Redis 7.0: BITCOUNT and BITPOS look at the key before they look at their range.
 */
import { countBits, findBit } from '../../base/bits.js'
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { bitOffsetAt, byteOfBit } from './bit-offset.js'
import { bitRange, indexAt, takeIndexes, takeWhole, unitBitsAt } from './bit-range.js'
import { standOnWritable, Writable } from './writable-bits.js'

const NOT_A_BIT = encodeError('ERR bit is not an integer or out of range')
const NOT_ZERO_OR_ONE = encodeError('ERR The bit argument must be 1 or 0.')

const BYTE_BITS = 8

function setbit(call: ShardCall): void {
  const { db, reply } = call
  const offset = bitOffsetAt(call, 2)
  if (offset < 0) {
    reply.error(errors.bitOffset)
    return
  }
  const value = call.integer(3)
  if (value !== 0 && value !== 1) {
    reply.error(NOT_A_BIT)
    return
  }
  const byte = byteOfBit(offset)
  const writable = standOnWritable(call, byte + 1)
  if (writable === Writable.refused) return
  const at = db.valueOffset + byte
  const shift = 7 - (offset & 7)
  const old = ((db.bytes[at] as number) >>> shift) & 1
  if (old !== value) db.bytes[at] = (db.bytes[at] as number) ^ (1 << shift)
  // A key that was made is a modification already, and the command counts as one.
  if (writable === Writable.grown || (old !== value && writable !== Writable.created)) db.modified()
  if (writable !== Writable.asItWas || old !== value) call.notify(keyEvents.setbit, 1)
  reply.integer(old)
}

function getbit(call: ShardCall): void {
  const { db, reply } = call
  const offset = bitOffsetAt(call, 2)
  if (offset < 0) {
    reply.error(errors.bitOffset)
  } else if (!call.find(1)) {
    reply.integer(0)
  } else if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
  } else {
    const byte = byteOfBit(offset)
    const bits = byte < db.valueLength ? (db.bytes[db.valueOffset + byte] as number) : 0
    reply.integer((bits >>> (7 - (offset & 7))) & 1)
  }
}

function bitcount(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) reply.integer(0)
  else if (db.type !== ValueType.string) reply.error(errors.wrongType)
  else if (readCountRange(call)) reply.integer(countBits(db.words, db.valueOffset >>> 2, bitRange.start, bitRange.end))
}

/** Fills `bitRange` from the arguments of BITCOUNT. @returns false after an error reply */
function readCountRange(call: ShardCall): boolean {
  const { db, reply } = call
  if (call.argc === 2) {
    takeWhole(db.valueLength)
    return true
  }
  if (call.argc > 5 || call.argc === 3) {
    reply.error(errors.syntax)
    return false
  }
  const first = indexAt(call, 2)
  if (Number.isNaN(first)) return false
  const last = indexAt(call, 3)
  if (Number.isNaN(last)) return false
  if (first < 0 && last < 0 && isBehind(call, first, last)) {
    takeWhole(0)
    return true
  }
  const unitBits = call.argc === 5 ? unitBitsAt(call, 4) : BYTE_BITS
  if (unitBits === 0) return false
  takeIndexes(first, last, db.valueLength, unitBits)
  return true
}

/** Whether BITCOUNT's first index is greater than its second; beyond 2^53 the numbers read may look alike. */
function isBehind(call: ShardCall, first: number, last: number): boolean {
  if (first !== last || Number.isSafeInteger(first)) return first > last
  return (call.int64(2) as bigint) > (call.int64(3) as bigint)
}

function bitpos(call: ShardCall): void {
  const { db, reply } = call
  const wanted = indexAt(call, 2)
  if (Number.isNaN(wanted)) return
  if (wanted !== 0 && wanted !== 1) {
    reply.error(NOT_ZERO_OR_ONE)
    return
  }
  // A missing string is endless zeros; one that is there ends.
  if (!call.find(1)) {
    reply.integer(wanted === 1 ? -1 : 0)
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  if (!readPositionRange(call)) return
  const { start, end } = bitRange
  const position = findBit(db.words, db.valueOffset >>> 2, start, end, wanted)
  // Without an end the string counts as followed by zeros, though not behind a range that is empty.
  const endsOpen = wanted === 0 && call.argc < 5 && start < end
  reply.integer(position < 0 && endsOpen ? end : position)
}

/** Fills `bitRange` from the arguments of BITPOS. @returns false after an error reply */
function readPositionRange(call: ShardCall): boolean {
  const { db, reply } = call
  if (call.argc === 3) {
    takeWhole(db.valueLength)
    return true
  }
  if (call.argc > 6) {
    reply.error(errors.syntax)
    return false
  }
  const first = indexAt(call, 3)
  if (Number.isNaN(first)) return false
  const unitBits = call.argc === 6 ? unitBitsAt(call, 5) : BYTE_BITS
  if (unitBits === 0) return false
  const last = call.argc >= 5 ? indexAt(call, 4) : db.valueLength - 1
  if (Number.isNaN(last)) return false
  takeIndexes(first, last, db.valueLength, unitBits)
  return true
}

const unitArgument: ArgumentSpec = {
  name: 'index_unit',
  type: 'oneof',
  optional: true,
  since: '7.0.0',
  arguments: [
    { name: 'byte', type: 'pure-token', token: 'BYTE' },
    { name: 'bit', type: 'pure-token', token: 'BIT' },
  ],
}

export const singleBitCommands: readonly CommandSpec[] = [
  {
    name: 'setbit',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'bitmap',
    since: '2.2.0',
    summary: 'Sets or clears one bit of the string under a key and returns what it was.',
    complexity: 'O(1), besides making room for the bit',
    categories: ['bitmap'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'offset', type: 'integer' }, { name: 'value', type: 'integer' }],
    route: { on: 'key' },
    shard: setbit,
  },
  {
    name: 'getbit',
    arity: 3,
    flags: ['readonly', 'fast'],
    group: 'bitmap',
    since: '2.2.0',
    summary: 'Returns one bit of the string under a key.',
    complexity: 'O(1)',
    categories: ['bitmap'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'offset', type: 'integer' }],
    route: { on: 'key' },
    shard: getbit,
  },
  {
    name: 'bitcount',
    arity: -2,
    flags: ['readonly'],
    group: 'bitmap',
    since: '2.6.0',
    summary: 'Counts the bits of a string, or of a part of it, that are set.',
    complexity: 'O(N), N being the length of the part',
    categories: ['bitmap'],
    keySpecs: oneKey('RO', 'access'),
    history: [['7.0.0', 'Options `BYTE` and `BIT`.']],
    arguments: [
      keyArgument,
      {
        name: 'index',
        type: 'block',
        optional: true,
        arguments: [{ name: 'start', type: 'integer' }, { name: 'end', type: 'integer' }, unitArgument],
      },
    ],
    route: { on: 'key' },
    shard: bitcount,
  },
  {
    name: 'bitpos',
    arity: -3,
    flags: ['readonly'],
    group: 'bitmap',
    since: '2.8.7',
    summary: 'Finds the first bit of a string, or of a part of it, that is set or clear.',
    complexity: 'O(N), N being the length of the part',
    categories: ['bitmap'],
    keySpecs: oneKey('RO', 'access'),
    history: [['7.0.0', 'Options `BYTE` and `BIT`.']],
    arguments: [
      keyArgument,
      { name: 'bit', type: 'integer' },
      {
        name: 'index',
        type: 'block',
        optional: true,
        arguments: [
          { name: 'start', type: 'integer' },
          {
            name: 'end_index',
            type: 'block',
            optional: true,
            arguments: [{ name: 'end', type: 'integer' }, unitArgument],
          },
        ],
      },
    ],
    route: { on: 'key' },
    shard: bitpos,
  },
]
