/**
 * ZRANDMEMBER: members chosen at random, each as likely as any other.
 *
 * Runs in a shard worker. Behaviour: https://redis.io/docs/latest/commands/zrandmember/
 */
import { NumberSet } from '../../base/number-set.js'
import { errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import { mayHaveDetails, mayPick, randomCountAt } from '../random-count.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { withScoresArgument } from './zset-arguments.js'
import { isOfOtherType, replyElement, replyElementCount, replyMember } from './zset-reply.js'

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
  const count = randomCountAt(call)
  if (Number.isNaN(count)) return
  const withScores = call.argc === 4 && call.is(3, 'WITHSCORES')
  if (call.argc > 3 && !withScores) {
    reply.error(errors.syntax)
    return
  }
  if (withScores && !mayHaveDetails(call)) return
  if (!call.find(1)) {
    reply.array(0)
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  if (count < 0) replyRepeated(call, set, -count, withScores)
  else replyDistinct(call, set, Math.min(count, set.count), withScores)
}

function replyRepeated(call: ShardCall, set: SortedSet, count: number, withScores: boolean): void {
  if (!mayPick(call, count)) return
  const { reply } = call
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
  const drawn = new NumberSet(count)
  for (let left = count; left > 0; ) {
    const rank = keyspace.prng.below(set.count)
    if (!drawn.add(rank + 1)) continue
    set.seek(rank)
    replyElement(reply, set, withScores)
    left--
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
