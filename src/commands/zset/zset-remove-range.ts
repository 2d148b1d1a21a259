/**
 * Removing ranges: ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zremrangebyscore/ and the pages of the others.
 */
import { type KeyspaceEvent, keyEvents } from '../../store/keyspace-events.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { range } from './zset-bounds.js'
import { endRemoval, isOfOtherType } from './zset-reply.js'

function zremrangebyrank(call: ShardCall): void {
  if (range.readRanks(call, 2, 3)) removeRange(call, keyEvents.zremrangebyrank)
}

function zremrangebyscore(call: ShardCall): void {
  if (range.readScores(call, 2, 3)) removeRange(call, keyEvents.zremrangebyscore)
}

function zremrangebylex(call: ShardCall): void {
  if (range.readMembers(call, 2, 3)) removeRange(call, keyEvents.zremrangebylex)
}

function removeRange(call: ShardCall, event: KeyspaceEvent): void {
  if (!call.findForWrite(1)) {
    call.reply.integer(0)
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  range.apply(call, set)
  const { first, count } = range
  const isWhole = count === set.count
  // What goes as a whole need not be taken apart.
  if (count > 0 && isWhole) {
    call.db.remove()
  } else if (count > 0) {
    set.removeRanks(first, count)
    endRemoval(call, set)
  }
  if (count > 0) call.notifyTaken(event, 1, isWhole)
  call.reply.integer(count)
}

const common = {
  arity: 4,
  flags: ['write'],
  group: 'sorted-set',
  complexity: 'O(log(N)+M), N being the number of elements of the sorted set and M that of those removed',
  categories: ['sortedset'],
  keySpecs: oneKey('RW', 'delete'),
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

export const zsetRemoveRangeCommands: readonly CommandSpec[] = [
  {
    ...common,
    name: 'zremrangebyrank',
    since: '2.0.0',
    summary: 'Removes the members of a sorted set in a range of ranks.',
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }],
    shard: zremrangebyrank,
  },
  {
    ...common,
    name: 'zremrangebyscore',
    since: '1.2.0',
    summary: 'Removes the members of a sorted set whose scores are in a range.',
    arguments: [keyArgument, { name: 'min', type: 'double' }, { name: 'max', type: 'double' }],
    shard: zremrangebyscore,
  },
  {
    ...common,
    name: 'zremrangebylex',
    since: '2.8.9',
    summary: 'Removes the members of a sorted set between two others, where all scores are equal.',
    arguments: [keyArgument, { name: 'min', type: 'string' }, { name: 'max', type: 'string' }],
    shard: zremrangebylex,
  },
]
