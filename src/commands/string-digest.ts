/**
 * DIGEST, and DELEX, which deletes a key if its value is the expected one.
 *
 * Runs in a shard worker. A digest is the XXH3 hash of a value in hexadecimal: clients send it in the place of a long
 * value that they want to compare with.
 *
 * Behaviour: https://redis.io/docs/latest/commands/delex/ and https://redis.io/docs/latest/commands/digest/
 */
import { equalBytes, latin1Of } from '../base/bytes.js'
import { xxh3Hex } from '../base/xxh3.js'
import { encodeError, errors, wrongArity } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { ValueType } from '../store/value-type.js'
import { keyArgument } from './generic-arguments.js'
import { effectOfRemoval } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey } from './spec.js'

const DIGEST_BYTES = 16

export const notADigest = encodeError(`ERR must be exactly ${DIGEST_BYTES} hexadecimal characters`)
const NOT_A_STRING = encodeError('ERR Key should be of string type if conditions are specified')
const UNKNOWN_CONDITION = encodeError('ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE')

/** Whether the string value in hand has the same bytes as argument `i`. */
export function valueEquals(call: ShardCall, i: number): boolean {
  const { db } = call
  if (db.valueLength !== call.lengths[i]) return false
  return equalBytes(db.bytes, db.valueOffset, call.bytes, call.offsets[i] as number, db.valueLength)
}

/** Whether argument `i` can be a digest. Like Redis it looks at the length only: other characters just never match. */
export function isDigest(call: ShardCall, i: number): boolean {
  return call.lengths[i] === DIGEST_BYTES
}

/** Whether argument `i`, in either case, is the digest of the string value in hand. */
export function digestMatches(call: ShardCall, i: number): boolean {
  const { db } = call
  const wanted = latin1Of(call.bytes, call.offsets[i] as number, call.lengths[i] as number)
  return xxh3Hex(db.bytes, db.valueOffset, db.valueLength) === wanted.toLowerCase()
}

function digest(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) reply.nil()
  else if (db.type !== ValueType.string) reply.error(errors.wrongType)
  else reply.bulkText(xxh3Hex(db.bytes, db.valueOffset, db.valueLength))
}

function delex(call: ShardCall): void {
  const { db, reply } = call
  if (call.argc === 2) {
    const found = call.peek(1)
    if (found) removeKey(call)
    reply.integer(found ? 1 : 0)
    return
  }
  if (call.argc !== 4) {
    reply.error(wrongArity(call.spec.name))
    return
  }
  if (!call.find(1)) {
    reply.integer(0)
    return
  }
  if (db.type !== ValueType.string) {
    reply.error(NOT_A_STRING)
    return
  }
  const expected = isExpectedValue(call)
  if (expected === undefined) return
  if (expected) removeKey(call)
  reply.integer(expected ? 1 : 0)
}

function removeKey(call: ShardCall): void {
  call.db.remove()
  call.notify(keyEvents.del, 1)
  effectOfRemoval(call, 1)
}

/** Whether DELEX's condition holds for the value in hand; undefined after an error reply. */
function isExpectedValue(call: ShardCall): boolean | undefined {
  if (call.is(2, 'IFEQ')) return valueEquals(call, 3)
  if (call.is(2, 'IFNE')) return !valueEquals(call, 3)
  const equal = call.is(2, 'IFDEQ')
  if (!equal && !call.is(2, 'IFDNE')) {
    call.reply.error(UNKNOWN_CONDITION)
    return undefined
  }
  if (!isDigest(call, 3)) {
    call.reply.error(notADigest)
    return undefined
  }
  return digestMatches(call, 3) === equal
}

export const stringDigestCommands: readonly CommandSpec[] = [
  {
    name: 'digest',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'string',
    since: '8.4.0',
    summary: 'Returns the XXH3 hash of the string under a key in hexadecimal.',
    complexity: 'O(N), N being the length of the string',
    categories: ['string'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: digest,
  },
  {
    name: 'delex',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'string',
    since: '8.4.0',
    summary: 'Deletes a key if its value, or the hash of its value, compares as wanted.',
    complexity: 'O(N), N being the length of the string, with a condition on its hash; otherwise O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'delete', 'variable_flags'),
    arguments: [
      keyArgument,
      {
        name: 'condition',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'ifeq-value', type: 'string', token: 'IFEQ' },
          { name: 'ifne-value', type: 'string', token: 'IFNE' },
          { name: 'ifdeq-digest', type: 'string', token: 'IFDEQ' },
          { name: 'ifdne-digest', type: 'string', token: 'IFDNE' },
        ],
      },
    ],
    route: { on: 'key' },
    shard: delex,
  },
]
