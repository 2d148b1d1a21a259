/**
 * Asking about members and counting: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT and ZLEXCOUNT.
 *
 * Runs in a shard worker; nothing is allocated.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zscore/ and the pages of the others.
 */
import { errors, wrongArity } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { memberArgument, memberArguments, withScoreArgument } from './zset-arguments.js'
import { range } from './zset-bounds.js'
import { isOfOtherType, replyScore } from './zset-reply.js'

function zcard(call: ShardCall): void {
  if (!call.find(1)) call.reply.integer(0)
  else if (!isOfOtherType(call)) call.reply.integer(call.keyspace.sortedSets.open(call.db).count)
}

function zscore(call: ShardCall): void {
  const { reply } = call
  if (!call.find(1)) {
    reply.nil()
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  if (set.find(call.bytes, call.offsets[2]!, call.lengths[2]!)) replyScore(reply, set.score)
  else reply.nil()
}

function zmscore(call: ShardCall): void {
  const { reply } = call
  const found = call.find(1)
  if (found && isOfOtherType(call)) return
  reply.array(call.argc - 2)
  const { set } = call.keyspace.sortedSets
  if (found) set.open(call.db)
  for (let i = 2; i < call.argc; i++) {
    if (found && set.find(call.bytes, call.offsets[i]!, call.lengths[i]!)) replyScore(reply, set.score)
    else reply.nil()
  }
}

function zrank(call: ShardCall): void {
  replyRank(call, false)
}

function zrevrank(call: ShardCall): void {
  replyRank(call, true)
}

function replyRank(call: ShardCall, reverse: boolean): void {
  const { reply } = call
  const withScore = call.argc === 4
  if (call.argc > 4) {
    reply.error(wrongArity(call.spec.name))
    return
  }
  if (withScore && !call.is(3, 'WITHSCORE')) {
    reply.error(errors.syntax)
    return
  }
  const found = call.find(1)
  if (found && isOfOtherType(call)) return
  const { set } = call.keyspace.sortedSets
  if (found) set.open(call.db)
  const rank = found ? set.rankOf(call.bytes, call.offsets[2]!, call.lengths[2]!) : -1
  if (rank < 0) {
    if (withScore) reply.nilArray()
    else reply.nil()
    return
  }
  if (withScore) reply.array(2)
  reply.integer(reverse ? set.count - 1 - rank : rank)
  if (withScore) replyScore(reply, set.score)
}

function zcount(call: ShardCall): void {
  if (range.readScores(call, 2, 3)) replyCount(call)
}

function zlexcount(call: ShardCall): void {
  if (range.readMembers(call, 2, 3)) replyCount(call)
}

function replyCount(call: ShardCall): void {
  if (!call.find(1)) {
    call.reply.integer(0)
    return
  }
  if (isOfOtherType(call)) return
  range.apply(call, call.keyspace.sortedSets.open(call.db))
  call.reply.integer(range.count)
}

export const zsetLookupCommands: readonly CommandSpec[] = [
  {
    name: 'zcard',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '1.2.0',
    summary: 'Returns how many members a sorted set has.',
    complexity: 'O(1)',
    categories: ['sortedset'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: zcard,
  },
  {
    name: 'zscore',
    arity: 3,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '1.2.0',
    summary: 'Returns the score of a member of a sorted set.',
    complexity: 'O(1)',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, memberArgument],
    route: { on: 'key' },
    shard: zscore,
  },
  {
    name: 'zmscore',
    arity: -3,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Returns the scores of members of a sorted set.',
    complexity: 'O(N), N being the number of members asked for',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, memberArguments],
    route: { on: 'key' },
    shard: zmscore,
  },
  {
    name: 'zrank',
    arity: -3,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '2.0.0',
    summary: 'Returns the rank of a member of a sorted set, counted from the lowest score.',
    complexity: 'O(log(N)), N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    history: [['7.2.0', 'Option `WITHSCORE`.']],
    arguments: [keyArgument, memberArgument, withScoreArgument],
    route: { on: 'key' },
    shard: zrank,
  },
  {
    name: 'zrevrank',
    arity: -3,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '2.0.0',
    summary: 'Returns the rank of a member of a sorted set, counted from the highest score.',
    complexity: 'O(log(N)), N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    history: [['7.2.0', 'Option `WITHSCORE`.']],
    arguments: [keyArgument, memberArgument, withScoreArgument],
    route: { on: 'key' },
    shard: zrevrank,
  },
  {
    name: 'zcount',
    arity: 4,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '2.0.0',
    summary: 'Counts the members of a sorted set whose scores are in a range.',
    complexity: 'O(log(N)), N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'min', type: 'double' }, { name: 'max', type: 'double' }],
    route: { on: 'key' },
    shard: zcount,
  },
  {
    name: 'zlexcount',
    arity: 4,
    flags: ['readonly', 'fast'],
    group: 'sorted-set',
    since: '2.8.9',
    summary: 'Counts the members of a sorted set between two others, where all scores are equal.',
    complexity: 'O(log(N)), N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'min', type: 'string' }, { name: 'max', type: 'string' }],
    route: { on: 'key' },
    shard: zlexcount,
  },
]
