/**
 * Adding and removing members: ZADD, ZINCRBY and ZREM.
 *
 * Runs in a shard worker. ZADD is a hot write: nothing is allocated, and scores are read before anything is changed.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zadd/ and the pages of the others; order of checks as in Redis.
 */
import { parseDouble } from '../../base/float.js'
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { AddOption, AddResult, type SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { memberArgument, memberArguments } from './zset-arguments.js'
import { endRemoval, isOfOtherType, replyScore } from './zset-reply.js'

const NX_AND_XX = encodeError('ERR XX and NX options at the same time are not compatible')
const GT_LT_AND_NX = encodeError('ERR GT, LT, and/or NX options at the same time are not compatible')
const ONE_INCREMENT = encodeError('ERR INCR option supports a single increment-element pair')
const NOT_A_NUMBER = encodeError('ERR resulting score is not a number (NaN)')

const FIRST_LETTER = 0x41

/** Beside the bits of `AddOption`: CH counts the members whose scores change. */
const COUNT_CHANGES = 32

/** The scores of the command in hand. */
let scores = new Float64Array(64)

function zadd(call: ShardCall): void {
  addMembers(call, 0)
}

function zincrby(call: ShardCall): void {
  addMembers(call, AddOption.increment)
}

function addMembers(call: ShardCall, given: number): void {
  let options = given
  let first = 2
  for (; first < call.argc; first++) {
    const option = optionAt(call, first)
    if (option === 0) break
    options |= option
  }
  if (!areOptionsValid(call, first, options) || !readScores(call, first)) return
  const { db, reply } = call
  const found = call.findForWrite(1)
  if (found && isOfOtherType(call)) return
  if (!found && (options & AddOption.ifPresent) !== 0) {
    if ((options & AddOption.increment) === 0) reply.integer(0)
    else reply.nil()
    return
  }
  const set = call.keyspace.sortedSets.set
  if (found) set.open(db)
  else set.create(db, call.bytes, call.offsets[1]!, call.lengths[1]!, call.lengths[first + 1]!)
  addAll(call, set, first, options, !found)
}

/** The option that argument `i` is, 0 when it is a score. */
function optionAt(call: ShardCall, i: number): number {
  // Most scores begin with a digit or a sign.
  if (call.lengths[i]! === 0 || call.bytes[call.offsets[i]!]! < FIRST_LETTER) return 0
  if (call.is(i, 'NX')) return AddOption.ifAbsent
  if (call.is(i, 'XX')) return AddOption.ifPresent
  if (call.is(i, 'GT')) return AddOption.ifGreater
  if (call.is(i, 'LT')) return AddOption.ifLess
  if (call.is(i, 'CH')) return COUNT_CHANGES
  return call.is(i, 'INCR') ? AddOption.increment : 0
}

/** Whether options and number of arguments fit together; replies the error if not. */
function areOptionsValid(call: ShardCall, first: number, options: number): boolean {
  const { increment, ifAbsent, ifPresent, ifGreater, ifLess } = AddOption
  const left = call.argc - first
  if (left === 0 || left % 2 !== 0) {
    call.reply.error(errors.syntax)
    return false
  }
  const conditions = options & (ifAbsent | ifPresent | ifGreater | ifLess)
  if ((conditions & ifAbsent) !== 0 && (conditions & ifPresent) !== 0) {
    call.reply.error(NX_AND_XX)
    return false
  }
  const comparisons = conditions & ~ifPresent
  if ((comparisons & (comparisons - 1)) !== 0) {
    call.reply.error(GT_LT_AND_NX)
    return false
  }
  if ((options & increment) !== 0 && left > 2) {
    call.reply.error(ONE_INCREMENT)
    return false
  }
  return true
}

/** Reads every second argument from `first` on into `scores`; replies an error when one is no number. */
function readScores(call: ShardCall, first: number): boolean {
  const count = (call.argc - first) >>> 1
  if (count > scores.length) scores = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    const at = first + i * 2
    const score = parseDouble(call.bytes, call.offsets[at]!, call.lengths[at]!)
    if (Number.isNaN(score)) {
      call.reply.error(errors.notAFloat)
      return false
    }
    scores[i] = score
  }
  return true
}

function addAll(call: ShardCall, set: SortedSet, first: number, options: number, isNew: boolean): void {
  const { db, reply, bytes, offsets, lengths } = call
  const count = (call.argc - first) >>> 1
  let added = 0
  let updated = 0
  let result: AddResult = AddResult.unchanged
  try {
    for (let i = 0; i < count; i++) {
      const at = first + i * 2 + 1
      result = set.add(bytes, offsets[at]!, lengths[at]!, scores[i]!, options)
      if (result === AddResult.added) added++
      else if (result === AddResult.updated) updated++
    }
  } finally {
    // Without memory it ends early, and what was done until then remains, as far as there is anything.
    if (isNew && added === 0) db.remove()
    else if (!isNew && added + updated > 0) db.modified()
    if (added + updated > 0) call.notify((options & AddOption.increment) === 0 ? keyEvents.zadd : keyEvents.zincr, 1)
  }
  if (result === AddResult.notANumber) reply.error(NOT_A_NUMBER)
  else if ((options & AddOption.increment) === 0)
    reply.integer((options & COUNT_CHANGES) === 0 ? added : added + updated)
  else if (result === AddResult.refused) reply.nil()
  else replyScore(reply, set.score)
}

function zrem(call: ShardCall): void {
  const { db, reply, bytes, offsets, lengths } = call
  if (!call.findForWrite(1)) {
    reply.integer(0)
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(db)
  let removed = 0
  for (let i = 2; i < call.argc && set.count > 0; i++) {
    if (set.remove(bytes, offsets[i]!, lengths[i]!)) removed++
  }
  if (removed > 0) {
    endRemoval(call, set)
    call.notifyTaken(keyEvents.zrem, 1, set.count === 0)
  }
  reply.integer(removed)
}

export const zsetAddCommands: readonly CommandSpec[] = [
  {
    name: 'zadd',
    arity: -4,
    flags: ['write', 'denyoom', 'fast'],
    group: 'sorted-set',
    since: '1.2.0',
    summary: 'Adds members with scores to a sorted set, or changes the scores of those that are there.',
    complexity: 'O(log(N)) for each member, N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RW', 'update'),
    history: [
      ['2.4.0', 'More than one member.'],
      ['3.0.2', 'Options `XX`, `NX`, `CH` and `INCR`.'],
      ['6.2.0', 'Options `GT` and `LT`.'],
    ],
    arguments: [
      keyArgument,
      {
        name: 'condition',
        type: 'oneof',
        since: '3.0.2',
        optional: true,
        arguments: [
          { name: 'nx', type: 'pure-token', token: 'NX' },
          { name: 'xx', type: 'pure-token', token: 'XX' },
        ],
      },
      {
        name: 'comparison',
        type: 'oneof',
        since: '6.2.0',
        optional: true,
        arguments: [
          { name: 'gt', type: 'pure-token', token: 'GT' },
          { name: 'lt', type: 'pure-token', token: 'LT' },
        ],
      },
      { name: 'change', type: 'pure-token', token: 'CH', since: '3.0.2', optional: true },
      { name: 'increment', type: 'pure-token', token: 'INCR', since: '3.0.2', optional: true },
      {
        name: 'score_member',
        type: 'block',
        multiple: true,
        arguments: [{ name: 'score', type: 'double' }, memberArgument],
      },
    ],
    route: { on: 'key' },
    shard: zadd,
  },
  {
    name: 'zincrby',
    arity: 4,
    flags: ['write', 'denyoom', 'fast'],
    group: 'sorted-set',
    since: '1.2.0',
    summary: 'Adds to the score of a member, which begins at 0.',
    complexity: 'O(log(N)), N being the number of elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'increment', type: 'integer' }, memberArgument],
    route: { on: 'key' },
    shard: zincrby,
  },
  {
    name: 'zrem',
    arity: -3,
    flags: ['write', 'fast'],
    group: 'sorted-set',
    since: '1.2.0',
    summary: 'Removes members from a sorted set, and the sorted set when none is left.',
    complexity: 'O(M*log(N)), N being the number of elements of the sorted set and M that of the members removed',
    categories: ['sortedset'],
    keySpecs: oneKey('RW', 'delete'),
    history: [['2.4.0', 'More than one member.']],
    arguments: [keyArgument, memberArguments],
    route: { on: 'key' },
    shard: zrem,
  },
]
