/**
 * Taking the elements with the lowest or highest scores: ZPOPMIN, ZPOPMAX, ZMPOP and the commands that wait for them.
 *
 * Runs in a shard worker, for keys that are all on this shard. A blocking one is an attempt, see `ShardCall.wouldBlock`:
 * it may run again with the same arguments, and looks then only at the key that has become ready.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zpopmin/ and the pages of the others; order of checks as in Redis.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { ValueType } from '../../store/value-type.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { timeoutMsAt } from '../block-timeout.js'
import { keyArgument, keysArgument } from '../generic-arguments.js'
import { effectOfPop } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, type KeySpec, oneKey } from '../spec.js'
import { countedKeysArgument, countedKeysAt, numberOfKeysArgument, whereArgument } from './zset-arguments.js'
import { endRemoval, isOfOtherType, longArgument, replyMember, replyScore } from './zset-reply.js'

const NUMKEYS_NOT_POSITIVE = encodeError('ERR numkeys should be greater than 0')
const COUNT_NOT_POSITIVE = encodeError('ERR count should be greater than 0')
const OUT_OF_RANGE = encodeError('ERR value is out of range, must be positive')

/** In the place of a count: one element, which is replied without an array of its own. */
const ONE = -1

function zpopmin(call: ShardCall): void {
  popFromKey(call, false)
}

function zpopmax(call: ShardCall): void {
  popFromKey(call, true)
}

function popFromKey(call: ShardCall, fromMax: boolean): void {
  const { reply } = call
  if (call.argc > 3) {
    reply.error(errors.syntax)
    return
  }
  const count = call.argc === 3 ? longArgument(call, 2) : ONE
  if (Number.isNaN(count) || (call.argc === 3 && count < 0)) {
    reply.error(OUT_OF_RANGE)
    return
  }
  const found = call.findForWrite(1)
  if (found && isOfOtherType(call)) return
  if (!found || count === 0) {
    reply.array(0)
    return
  }
  const set = call.keyspace.sortedSets.open(call.db)
  const popped = count === ONE ? 1 : Math.min(count, set.count)
  const nested = reply.resp3 && count !== ONE
  reply.array(nested ? popped : popped * 2)
  pop(call, 1, set, fromMax, popped, nested)
}

/** Replies with elements, nested in pairs or flat, and removes them. */
function pop(call: ShardCall, key: number, set: SortedSet, fromMax: boolean, count: number, nested: boolean): void {
  const { reply } = call
  set.seek(fromMax ? set.count - 1 : 0)
  for (let left = count; left > 0; left--) {
    if (nested) reply.array(2)
    replyMember(reply, set)
    replyScore(reply, set.score)
    if (left === 1) break
    if (fromMax) set.previous()
    else set.next()
  }
  const isWhole = count === set.count
  if (isWhole) {
    call.db.remove()
  } else {
    set.removeRanks(fromMax ? set.count - count : 0, count)
    endRemoval(call, set)
  }
  call.notifyTaken(fromMax ? keyEvents.zpopmax : keyEvents.zpopmin, key, isWhole)
}

/** What ZMPOP and BZMPOP say behind the number of their keys; there is one call at a time. */
const wanted = { keys: 0, fromMax: false, count: 1 }

function zmpop(call: ShardCall): void {
  if (readWanted(call, 1) && !popFirst(call, 2, wanted.keys, wanted.fromMax, wanted.count)) call.reply.nilArray()
}

function bzmpop(call: ShardCall): void {
  if (!readWanted(call, 2)) return
  const timeoutMs = timeoutMsAt(call, 1)
  if (!Number.isNaN(timeoutMs)) popOrBlock(call, 3, wanted.keys, wanted.fromMax, wanted.count, timeoutMs)
}

function bzpopmin(call: ShardCall): void {
  popOneOrBlock(call, false)
}

function bzpopmax(call: ShardCall): void {
  popOneOrBlock(call, true)
}

function popOneOrBlock(call: ShardCall, fromMax: boolean): void {
  const timeoutMs = timeoutMsAt(call, call.argc - 1)
  if (!Number.isNaN(timeoutMs)) popOrBlock(call, 1, call.argc - 2, fromMax, ONE, timeoutMs)
}

function popOrBlock(
  call: ShardCall,
  firstKey: number,
  keys: number,
  fromMax: boolean,
  count: number,
  timeoutMs: number,
): void {
  if (popFirst(call, firstKey, keys, fromMax, count)) return
  if (call.mayBlock) call.wouldBlock(timeoutMs)
  else call.reply.nilArray()
}

/**
 * Replies with the key of the first sorted set there is and its elements, and removes them.
 * @returns false when nothing was replied
 */
function popFirst(call: ShardCall, firstKey: number, keys: number, fromMax: boolean, count: number): boolean {
  const { db, reply } = call
  for (let i = firstKey; i < firstKey + keys; i++) {
    if (call.passesOver(i) || !call.findForWrite(i)) continue
    // A key that became ready may be something else by now: the client goes on waiting, as in Redis.
    if (call.isRetry && db.type !== ValueType.zset) continue
    if (isOfOtherType(call)) return true
    const set = call.keyspace.sortedSets.open(db)
    if (count === ONE) {
      reply.array(3)
      call.replyArgument(i)
      pop(call, i, set, fromMax, 1, false)
      effectOfPop(call, i, fromMax ? 'ZPOPMAX' : 'ZPOPMIN', 0)
      return true
    }
    const popped = Math.min(count, set.count)
    reply.array(2)
    call.replyArgument(i)
    reply.array(popped)
    pop(call, i, set, fromMax, popped, true)
    effectOfPop(call, i, fromMax ? 'ZPOPMAX' : 'ZPOPMIN', popped)
    return true
  }
  return false
}

/** Reads the keys' number at `numkeysAt` and what follows the keys. @returns false after an error reply */
function readWanted(call: ShardCall, numkeysAt: number): boolean {
  const { reply } = call
  const keys = longArgument(call, numkeysAt)
  if (!(keys >= 1)) {
    reply.error(NUMKEYS_NOT_POSITIVE)
    return false
  }
  const whereAt = numkeysAt + keys + 1
  if (whereAt >= call.argc || !(call.is(whereAt, 'MIN') || call.is(whereAt, 'MAX'))) {
    reply.error(errors.syntax)
    return false
  }
  wanted.keys = keys
  wanted.fromMax = call.is(whereAt, 'MAX')
  wanted.count = 1
  if (call.argc === whereAt + 1) return true
  if (call.argc === whereAt + 2 || !call.is(whereAt + 1, 'COUNT')) {
    reply.error(errors.syntax)
    return false
  }
  wanted.count = longArgument(call, whereAt + 2)
  if (!(wanted.count >= 1)) {
    reply.error(COUNT_NOT_POSITIVE)
    return false
  }
  if (call.argc === whereAt + 3) return true
  reply.error(errors.syntax)
  return false
}

const COMPLEXITY = 'O(M*log(N)), N being the number of elements of the sorted set and M that of those popped'
const COMPLEXITY_KEYS =
  'O(K+M*log(N)), K being the number of keys, N that of the elements of the sorted set and M that of those popped'

const common = { group: 'sorted-set', categories: ['sortedset'] } as const satisfies Partial<CommandSpec>

const popShape = {
  ...common,
  arity: -2,
  flags: ['write', 'fast'],
  since: '5.0.0',
  complexity: COMPLEXITY,
  keySpecs: oneKey('RW', 'access', 'delete'),
  arguments: [keyArgument, { name: 'count', type: 'integer', optional: true }],
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

const keysButLast: readonly KeySpec[] = [
  { flags: ['RW', 'access', 'delete'], begin: { index: 1 }, find: { lastKey: -2, keyStep: 1, limit: 0 } },
]

const blockingShape = {
  ...common,
  arity: -3,
  flags: ['write', 'noscript', 'fast', 'blocking'],
  since: '5.0.0',
  complexity: 'O(K+log(N)), K being the number of keys and N that of the elements of the sorted set',
  keySpecs: keysButLast,
  history: [['6.0.0', 'The timeout may have decimals.']],
  arguments: [keysArgument, { name: 'timeout', type: 'double' }],
  route: { on: 'hops', coordinator: 'relocate' },
  blocking: {},
} as const satisfies Partial<CommandSpec>

const multiPopArguments = [
  numberOfKeysArgument,
  countedKeysArgument(0),
  whereArgument,
  { name: 'count', type: 'integer', token: 'COUNT', optional: true },
] as const satisfies CommandSpec['arguments']

export const zsetPopCommands: readonly CommandSpec[] = [
  {
    ...popShape,
    name: 'zpopmin',
    summary: 'Removes the members with the lowest scores from a sorted set, and returns them.',
    shard: zpopmin,
  },
  {
    ...popShape,
    name: 'zpopmax',
    summary: 'Removes the members with the highest scores from a sorted set, and returns them.',
    shard: zpopmax,
  },
  {
    ...common,
    name: 'zmpop',
    arity: -4,
    flags: ['write', 'movablekeys'],
    since: '7.0.0',
    summary: 'Removes members from one end of the first sorted set of several that exists, and returns them.',
    complexity: COMPLEXITY_KEYS,
    keySpecs: [countedKeysAt(1, 'RW', 'access', 'delete')],
    arguments: multiPopArguments,
    route: { on: 'hops', coordinator: 'relocate' },
    shard: zmpop,
  },
  {
    ...common,
    name: 'bzmpop',
    arity: -5,
    flags: ['write', 'blocking', 'movablekeys'],
    since: '7.0.0',
    summary: 'Removes members from one end of the first sorted set of several that exists, or waits until one does.',
    complexity: COMPLEXITY_KEYS,
    keySpecs: [countedKeysAt(2, 'RW', 'access', 'delete')],
    arguments: [{ name: 'timeout', type: 'double' }, ...multiPopArguments],
    route: { on: 'hops', coordinator: 'relocate' },
    blocking: {},
    shard: bzmpop,
  },
  {
    ...blockingShape,
    name: 'bzpopmin',
    summary: 'Removes the member with the lowest score from the first sorted set that exists, or waits until one does.',
    shard: bzpopmin,
  },
  {
    ...blockingShape,
    name: 'bzpopmax',
    summary:
      'Removes the member with the highest score from the first sorted set that exists, or waits until one does.',
    shard: bzpopmax,
  },
]
