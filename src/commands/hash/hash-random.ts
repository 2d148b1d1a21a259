/**
 * HRANDFIELD: random fields of a hash.
 *
 * Runs in a shard worker. A negative count asks for so many independent picks, a positive one for so many different fields,
 * each set of them equally likely.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { hashCommand, KeyState, readHash, replyField, replyValue } from './hash-lookup.js'

const INT64_MIN = -9223372036854775808n
/** A reply of twice as many elements must still have an int64 as its length. */
const COUNT_WITH_VALUES_MAX = 4611686018427387903n
const OUT_OF_RANGE = encodeError(
  'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
)
const OUT_OF_RANGE_WITH_VALUES = encodeError('ERR value is out of range')

/**
 * A large hash is walked as a whole when more than one in so many of its fields are wanted; else fields are picked until
 * enough of them are different.
 */
const WALK_SHARE = 3

function hrandfield(call: ShardCall): void {
  if (call.argc === 2) {
    randomField(call)
    return
  }
  const { reply } = call
  const count = call.int64(2)
  if (count === undefined) {
    reply.error(errors.notAnInteger)
    return
  }
  if (count === INT64_MIN) {
    reply.error(OUT_OF_RANGE)
    return
  }
  if (call.argc > 4 || (call.argc === 4 && !call.is(3, 'WITHVALUES'))) {
    reply.error(errors.syntax)
    return
  }
  const withValues = call.argc === 4
  if (withValues && (count > COUNT_WITH_VALUES_MAX || count < -COUNT_WITH_VALUES_MAX)) {
    reply.error(OUT_OF_RANGE_WITH_VALUES)
    return
  }
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.hash) call.keyspace.hashes.expireAll()
  const { length } = call.keyspace.hashes
  if (state === KeyState.missing || length === 0 || count === 0n) {
    reply.array(0)
  } else if (count < 0n) {
    replyPicks(call, Number(-count), withValues)
  } else {
    replyDifferent(call, Number(count), withValues)
  }
}

function randomField(call: ShardCall): void {
  const { hashes } = call.keyspace
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.hash) hashes.expireAll()
  if (state === KeyState.missing || hashes.length === 0) {
    call.reply.nil()
    return
  }
  hashes.beginPicks()
  hashes.pick()
  replyField(call, hashes)
}

/** Fields that may be the same, in the order in which they were picked. */
function replyPicks(call: ShardCall, count: number, withValues: boolean): void {
  const { hashes } = call.keyspace
  beginReply(call, count, withValues)
  hashes.beginPicks()
  for (let i = 0; i < count; i++) {
    hashes.pick()
    replyPick(call, withValues)
  }
}

function replyDifferent(call: ShardCall, count: number, withValues: boolean): void {
  const { hashes } = call.keyspace
  const { prng } = call.keyspace
  const { length } = hashes
  const wanted = Math.min(count, length)
  beginReply(call, wanted, withValues)
  if (hashes.scansBySteps && wanted * WALK_SHARE < length) {
    const seen = new Set<number>()
    while (seen.size < wanted) {
      hashes.pick()
      if (seen.has(hashes.fieldReference)) continue
      seen.add(hashes.fieldReference)
      replyPick(call, withValues)
    }
    return
  }
  // Each field is taken with the probability that makes up for what is still wanted, out of those that are left.
  let missing = wanted
  let left = length
  hashes.rewind()
  while (missing > 0 && hashes.next()) {
    if (missing === left || prng.below(left) < missing) {
      replyPick(call, withValues)
      missing--
    }
    left--
  }
}

/** In RESP3 a field and its value are an array of their own. */
function beginReply(call: ShardCall, count: number, withValues: boolean): void {
  call.reply.array(withValues && !call.reply.resp3 ? count * 2 : count)
}

function replyPick(call: ShardCall, withValues: boolean): void {
  const { hashes } = call.keyspace
  if (withValues && call.reply.resp3) call.reply.array(2)
  replyField(call, hashes)
  if (withValues) replyValue(call, hashes)
}

export const hashRandomCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hrandfield',
    arity: -2,
    flags: ['readonly'],
    since: '6.2.0',
    summary: 'Returns random fields of a hash, on request with their values.',
    complexity: 'O(N), N being the number of fields returned',
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    arguments: [
      keyArgument,
      {
        name: 'options',
        type: 'block',
        optional: true,
        arguments: [
          { name: 'count', type: 'integer' },
          { name: 'withvalues', type: 'pure-token', token: 'WITHVALUES', optional: true },
        ],
      },
    ],
    shard: hrandfield,
  },
]
