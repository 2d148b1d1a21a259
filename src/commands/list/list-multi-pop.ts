/**
 * Commands that take elements out of the first list of several that is there: LMPOP, BLMPOP, BLPOP and BRPOP.
 *
 * Runs in a shard worker, for keys that are all on this shard. A blocking one is an attempt, see `ShardCall.wouldBlock`: it
 * may run again with the same arguments, and looks then only at the key that has become ready. That key may hold
 * something else than a list by now; the client goes on waiting, as in Redis.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lmpop/ and the pages of the others; order of checks as in Redis.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { ValueType } from '../../store/value-type.js'
import { timeoutMsAt } from '../block-timeout.js'
import { keysArgument } from '../generic-arguments.js'
import { effectOfPop } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec, KeySpec } from '../spec.js'
import {
  countArgument,
  countedKeys,
  countOption,
  End,
  endArgument,
  endChoice,
  Found,
  findListForWrite,
  timeoutArgument,
} from './list-arguments.js'
import { popMany, popOne } from './list-pop.js'

const NUMKEYS_NOT_POSITIVE = encodeError('ERR numkeys should be greater than 0')
const COUNT_NOT_POSITIVE = encodeError('ERR count should be greater than 0')

/** What LMPOP and BLMPOP say after their keys; there is one call at a time. */
const wanted = { keys: 0, fromHead: true, count: 1 }

function lmpop(call: ShardCall): void {
  if (readWanted(call, 1) && !popFirst(call, 2, wanted.keys, wanted.fromHead, wanted.count)) call.reply.nilArray()
}

function blmpop(call: ShardCall): void {
  if (!readWanted(call, 2)) return
  const timeoutMs = timeoutMsAt(call, 1)
  if (!Number.isNaN(timeoutMs)) popOrBlock(call, 3, wanted.keys, wanted.fromHead, wanted.count, timeoutMs)
}

function blpop(call: ShardCall): void {
  blockingPop(call, true)
}

function brpop(call: ShardCall): void {
  blockingPop(call, false)
}

function blockingPop(call: ShardCall, fromHead: boolean): void {
  const timeoutMs = timeoutMsAt(call, call.argc - 1)
  if (!Number.isNaN(timeoutMs)) popOrBlock(call, 1, call.argc - 2, fromHead, 0, timeoutMs)
}

function popOrBlock(
  call: ShardCall,
  firstKey: number,
  keys: number,
  fromHead: boolean,
  count: number,
  timeoutMs: number,
): void {
  if (popFirst(call, firstKey, keys, fromHead, count)) return
  if (call.mayBlock) call.wouldBlock(timeoutMs)
  else call.reply.nilArray()
}

/**
 * Replies with the key of the first list there is and an array of up to `count` of its elements, or with count 0 one
 * element as it is; and removes them.
 * @returns false when nothing was replied
 */
function popFirst(call: ShardCall, firstKey: number, keys: number, fromHead: boolean, count: number): boolean {
  for (let i = firstKey; i < firstKey + keys; i++) {
    if (call.passesOver(i)) continue
    if (call.isRetry && !(call.findForWrite(i) && call.db.type === ValueType.list)) continue
    const found = findListForWrite(call, i)
    if (found === Found.otherType) return true
    if (found === Found.nothing) continue
    call.reply.array(2)
    call.replyArgument(i)
    const popped = count === 0 ? 0 : Math.min(count, call.keyspace.lists.length(call.db))
    if (popped === 0) popOne(call, i, fromHead)
    else popMany(call, i, fromHead, popped)
    effectOfPop(call, i, fromHead ? 'LPOP' : 'RPOP', popped)
    return true
  }
  return false
}

/** Reads the keys' number at `numkeysAt` and what follows the keys into `wanted`. @returns false after an error reply */
function readWanted(call: ShardCall, numkeysAt: number): boolean {
  const keys = countArgument(call, numkeysAt, 1, NUMKEYS_NOT_POSITIVE)
  if (Number.isNaN(keys)) return false
  const endAt = numkeysAt + keys + 1
  if (endAt >= call.argc) {
    call.reply.error(errors.syntax)
    return false
  }
  const end = endArgument(call, endAt)
  if (end === End.refused) return false
  wanted.keys = keys
  wanted.fromHead = end === End.head
  wanted.count = 1
  if (call.argc === endAt + 1) return true
  if (call.argc === endAt + 2 || !call.is(endAt + 1, 'COUNT')) {
    call.reply.error(errors.syntax)
    return false
  }
  wanted.count = countArgument(call, endAt + 2, 1, COUNT_NOT_POSITIVE)
  if (Number.isNaN(wanted.count)) return false
  if (call.argc === endAt + 3) return true
  call.reply.error(errors.syntax)
  return false
}

const O_KEYS_AND_ELEMENTS = 'O(N+M), N being the number of keys and M the number of elements returned'

const keysButLast: readonly KeySpec[] = [
  {
    flags: ['RW', 'access', 'delete'],
    begin: { index: 1 },
    find: { lastKey: -2, keyStep: 1, limit: 0 },
  },
]

const multiPopArguments = [{ name: 'numkeys', type: 'integer' }, keysArgument, endChoice('where'), countOption] as const

const blockingPopShape = {
  arity: -3,
  flags: ['write', 'noscript', 'blocking'],
  group: 'list',
  since: '2.0.0',
  complexity: 'O(N), N being the number of keys',
  categories: ['list'],
  keySpecs: keysButLast,
  history: [['6.0.0', 'The timeout may have decimals.']],
  arguments: [keysArgument, timeoutArgument],
  route: { on: 'hops', coordinator: 'relocate' },
  blocking: {},
} as const satisfies Partial<CommandSpec>

export const listMultiPopCommands: readonly CommandSpec[] = [
  {
    name: 'lmpop',
    arity: -4,
    flags: ['write', 'movablekeys'],
    group: 'list',
    since: '7.0.0',
    summary: 'Removes elements from the first list of several that exists, and returns them.',
    complexity: O_KEYS_AND_ELEMENTS,
    categories: ['list'],
    keySpecs: countedKeys(1),
    arguments: multiPopArguments,
    route: { on: 'hops', coordinator: 'relocate' },
    shard: lmpop,
  },
  {
    name: 'blmpop',
    arity: -5,
    flags: ['write', 'blocking', 'movablekeys'],
    group: 'list',
    since: '7.0.0',
    summary: 'Removes elements from the first list of several that exists, or waits until one does, and returns them.',
    complexity: O_KEYS_AND_ELEMENTS,
    categories: ['list'],
    keySpecs: countedKeys(2),
    arguments: [timeoutArgument, ...multiPopArguments],
    route: { on: 'hops', coordinator: 'relocate' },
    blocking: {},
    shard: blmpop,
  },
  {
    ...blockingPopShape,
    name: 'blpop',
    summary: 'Removes the first element of the first list of several that exists, or waits until one does.',
    shard: blpop,
  },
  {
    ...blockingPopShape,
    name: 'brpop',
    summary: 'Removes the last element of the first list of several that exists, or waits until one does.',
    shard: brpop,
  },
]
