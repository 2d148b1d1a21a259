/**
 * Parts of strings: APPEND, GETRANGE (SUBSTR), SETRANGE and STRLEN.
 *
 * Runs in a shard worker. Invariant: a value that one of these commands made longer is within proto-max-bulk-len,
 * so that it can be read back in one reply.
 */
import { copyBytes } from '../base/bytes.js'
import { errors } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { encodingOfValue } from '../store/string-encoding.js'
import { Encoding, NO_EXPIRY, ValueType } from '../store/value-type.js'
import { keyArgument, valueArgument } from './generic-arguments.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey } from './spec.js'

function append(call: ShardCall): void {
  const { db, reply, bytes } = call
  const offset = call.offsets[2] as number
  const length = call.lengths[2] as number
  if (!call.findForWrite(1)) {
    const encoding = encodingOfValue(bytes, offset, length)
    const keyOffset = call.offsets[1] as number
    db.setString(bytes, keyOffset, call.lengths[1] as number, bytes, offset, length, encoding, NO_EXPIRY)
    call.notify(keyEvents.append, 1)
    reply.integer(length)
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const oldLength = db.valueLength
  if (oldLength + length > call.settings.protoMaxBulkLen && !call.keyspace.isReplaying) {
    reply.error(errors.stringTooLong)
    return
  }
  db.resizeValue(oldLength + length)
  copyBytes(bytes, offset, db.bytes, db.valueOffset + oldLength, length)
  if (db.encoding !== Encoding.raw) db.setEncoding(Encoding.raw)
  db.modified()
  call.notify(keyEvents.append, 1)
  reply.integer(oldLength + length)
}

/** Argument `i` as an index; NaN after an error reply. Beyond 2^53 it is rounded: no string is that long. */
function indexAt(call: ShardCall, i: number): number {
  const index = call.integer(i)
  if (!Number.isNaN(index)) return index
  const large = call.int64(i)
  if (large !== undefined) return Number(large)
  call.reply.error(errors.notAnInteger)
  return Number.NaN
}

/** Whether the index at argument 2 is greater than that at argument 3; beyond 2^53 the numbers read may look alike. */
function isBehind(call: ShardCall, start: number, end: number): boolean {
  if (start !== end || Number.isSafeInteger(start)) return start > end
  return (call.int64(2) as bigint) > (call.int64(3) as bigint)
}

function getrange(call: ShardCall): void {
  const { db, reply } = call
  let start = indexAt(call, 2)
  if (Number.isNaN(start)) return
  let end = indexAt(call, 3)
  if (Number.isNaN(end)) return
  if (!call.find(1)) {
    reply.emptyBulk()
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const length = db.valueLength
  if (start < 0 && end < 0 && isBehind(call, start, end)) {
    reply.emptyBulk()
    return
  }
  // An end before the first byte counts as the first byte: that is Redis's rule, odd as it looks.
  if (start < 0) start = Math.max(0, start + length)
  if (end < 0) end = Math.max(0, end + length)
  if (end >= length) end = length - 1
  if (start > end) reply.emptyBulk()
  else reply.bulk(db.bytes, db.valueOffset + start, end - start + 1)
}

function setrange(call: ShardCall): void {
  const { db, reply } = call
  const start = indexAt(call, 2)
  if (Number.isNaN(start)) return
  if (start < 0) {
    reply.error(errors.offsetOutOfRange)
    return
  }
  const found = call.findForWrite(1)
  if (found && db.type !== ValueType.string) {
    reply.error(errors.wrongType)
    return
  }
  const oldLength = found ? db.valueLength : 0
  const length = call.lengths[3] as number
  if (length === 0) {
    reply.integer(oldLength)
    return
  }
  const end = start + length
  if (end > call.settings.protoMaxBulkLen && !call.keyspace.isReplaying) {
    reply.error(errors.stringTooLong)
    return
  }
  if (found) {
    if (end > oldLength) db.resizeValue(end)
    if (db.encoding !== Encoding.raw) db.setEncoding(Encoding.raw)
  } else {
    const keyOffset = call.offsets[1] as number
    db.create(call.bytes, keyOffset, call.lengths[1] as number, ValueType.string, Encoding.raw, end, NO_EXPIRY)
  }
  copyBytes(call.bytes, call.offsets[3] as number, db.bytes, db.valueOffset + start, length)
  // Making the key was a modification already, and the command counts as one.
  if (found) db.modified()
  call.notify(keyEvents.setrange, 1)
  reply.integer(db.valueLength)
}

function strlen(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) reply.integer(0)
  else if (db.type !== ValueType.string) reply.error(errors.wrongType)
  else reply.integer(db.valueLength)
}

export const stringRangeCommands: readonly CommandSpec[] = [
  {
    name: 'append',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'string',
    since: '2.0.0',
    summary: 'Adds bytes to the end of the string under a key, which is created when it is missing.',
    complexity: 'O(1) amortised for short additions, because a value that grows gets room to grow further',
    categories: ['string'],
    keySpecs: oneKey('RW', 'insert'),
    arguments: [keyArgument, valueArgument],
    route: { on: 'key' },
    shard: append,
  },
  {
    name: 'getrange',
    arity: 4,
    flags: ['readonly'],
    group: 'string',
    since: '2.4.0',
    summary: 'Returns the part of a string between two indexes, both included.',
    complexity: 'O(N), N being the length of the part returned',
    categories: ['string'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'end', type: 'integer' }],
    route: { on: 'key' },
    shard: getrange,
  },
  {
    name: 'substr',
    arity: 4,
    flags: ['readonly'],
    group: 'string',
    since: '1.0.0',
    summary: 'Returns the part of a string between two indexes, both included.',
    complexity: 'O(N), N being the length of the part returned',
    categories: ['string'],
    keySpecs: oneKey('RO', 'access'),
    docFlags: ['deprecated'],
    deprecatedSince: '2.0.0',
    replacedBy: '`GETRANGE`',
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'end', type: 'integer' }],
    route: { on: 'key' },
    shard: getrange,
  },
  {
    name: 'setrange',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'string',
    since: '2.2.0',
    summary: 'Overwrites a part of a string from an offset on, filling up with zero bytes where the string is shorter.',
    complexity: 'O(M), M being the length of the bytes written and of the zero bytes before them',
    categories: ['string'],
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument, { name: 'offset', type: 'integer' }, valueArgument],
    route: { on: 'key' },
    shard: setrange,
  },
  {
    name: 'strlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'string',
    since: '2.2.0',
    summary: 'Returns the length of the string under a key in bytes.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: strlen,
  },
]
