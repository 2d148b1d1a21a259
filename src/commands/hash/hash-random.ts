/**
 * HRANDFIELD: random fields of a hash.
 *
 * Runs in a shard worker. A negative count asks for so many independent picks, a positive one for so many different fields,
 * each set of them equally likely.
 */
import { NumberSet } from '../../base/number-set.js'
import { errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import { mayHaveDetails, mayPick, randomCountAt } from '../random-count.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { hashCommand, KeyState, readHash, replyField, replyValue } from './hash-lookup.js'

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
  const count = randomCountAt(call)
  if (Number.isNaN(count)) return
  if (call.argc > 4 || (call.argc === 4 && !call.is(3, 'WITHVALUES'))) {
    reply.error(errors.syntax)
    return
  }
  const withValues = call.argc === 4
  if (withValues && !mayHaveDetails(call)) return
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  const { hashes } = call.keyspace
  if (state === KeyState.hash) hashes.expireAll()
  if (state === KeyState.missing || hashes.length === 0 || count === 0) reply.array(0)
  else if (count < 0) replyPicks(call, -count, withValues)
  else replyDifferent(call, count, withValues)
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
  if (!mayPick(call, count)) return
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
    const seen = new NumberSet(wanted)
    for (let left = wanted; left > 0; ) {
      hashes.pick()
      if (!seen.add(hashes.fieldReference)) continue
      replyPick(call, withValues)
      left--
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
