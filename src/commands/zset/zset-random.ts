/**
 * ZRANDMEMBER: members chosen at random, each as likely as any other.
 *
 * Runs in a shard worker. Behaviour: https://redis.io/docs/latest/commands/zrandmember/
 */
import { encodeError, errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { withScoresArgument } from './zset-arguments.js'
import { isOfOtherType, longArgument, replyElement, replyElementCount, replyMember } from './zset-reply.js'

const INT64_MAX = 9223372036854775807n
const OUTSIDE_INT64 = encodeError(
  'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
)
const OUT_OF_RANGE = encodeError('ERR value is out of range')

/** Drawing again what was drawn already is worth it while at least two of three draws are new. */
const DRAWN_SHARE_MAX = 1 / 3

function zrandmember(call: ShardCall): void {
  const { reply } = call
  if (call.argc > 2) {
    replyMany(call)
    return
  }
  if (!call.find(1)) {
    reply.nil()
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  set.random()
  replyMember(reply, set)
}

function replyMany(call: ShardCall): void {
  const { reply } = call
  const count = longArgument(call, 2)
  if (Number.isNaN(count) || call.int64(2) === -INT64_MAX - 1n) {
    reply.error(Number.isNaN(count) ? errors.notAnInteger : OUTSIDE_INT64)
    return
  }
  const withScores = call.argc === 4 && call.is(3, 'WITHSCORES')
  if (call.argc > 3 && !withScores) {
    reply.error(errors.syntax)
    return
  }
  const exact = call.int64(2)!
  if (withScores && (exact < -(INT64_MAX / 2n) || exact > INT64_MAX / 2n)) {
    reply.error(OUT_OF_RANGE)
    return
  }
  if (!call.find(1)) {
    reply.array(0)
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  if (count < 0) replyRepeated(call, set, -count, withScores)
  else replyDistinct(call, set, Math.min(count, set.count), withScores)
}

function replyRepeated({ reply }: ShardCall, set: SortedSet, count: number, withScores: boolean): void {
  replyElementCount(reply, count, withScores)
  for (let i = 0; i < count; i++) {
    set.random()
    replyElement(reply, set, withScores)
  }
}

function replyDistinct(call: ShardCall, set: SortedSet, count: number, withScores: boolean): void {
  replyElementCount(call.reply, count, withScores)
  if (count <= set.count * DRAWN_SHARE_MAX) drawDistinct(call, set, count, withScores)
  else passThrough(call, set, count, withScores)
}

function drawDistinct({ reply, keyspace }: ShardCall, set: SortedSet, count: number, withScores: boolean): void {
  const drawn = new Set<number>()
  while (drawn.size < count) {
    const rank = keyspace.prng.below(set.count)
    if (drawn.has(rank)) continue
    drawn.add(rank)
    set.seek(rank)
    replyElement(reply, set, withScores)
  }
}

/** Goes through the whole set and takes each element with the probability that leaves every choice as likely as any. */
function passThrough({ reply, keyspace }: ShardCall, set: SortedSet, count: number, withScores: boolean): void {
  let wanted = count
  let left = set.count
  for (let rank = 0; wanted > 0; rank++, left--) {
    if (rank === 0) set.seek(0)
    else set.next()
    if (keyspace.prng.below(left) >= wanted) continue
    replyElement(reply, set, withScores)
    wanted--
  }
}

export const zsetRandomCommands: readonly CommandSpec[] = [
  {
    name: 'zrandmember',
    arity: -2,
    flags: ['readonly'],
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Returns members of a sorted set that are chosen at random.',
    complexity: 'O(M*log(N)), N being the number of elements of the sorted set and M that of those returned',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    arguments: [
      keyArgument,
      {
        name: 'options',
        type: 'block',
        optional: true,
        arguments: [{ name: 'count', type: 'integer' }, withScoresArgument],
      },
    ],
    route: { on: 'key' },
    shard: zrandmember,
  },
]
