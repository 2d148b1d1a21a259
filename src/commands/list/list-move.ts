/**
 * Commands that move an element from one list to another: LMOVE, RPOPLPUSH, BLMOVE and BRPOPLPUSH.
 *
 * Runs in a shard worker, for keys that are both on this shard. The blocking ones are attempts, see `ShardCall.wouldBlock`.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lmove/ and the pages of the others; order of checks as in Redis.
 */
import { equalBytes } from '../../base/bytes.js'
import { errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { ValueType } from '../../store/value-type.js'
import { timeoutMsAt } from '../block-timeout.js'
import { effectOfSame, ownsKey } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import {
  destinationArgument,
  End,
  endArgument,
  endChoice,
  Found,
  findListForWrite,
  secondKey,
  sourceArgument,
  timeoutArgument,
} from './list-arguments.js'

function lmove(call: ShardCall): void {
  const from = endArgument(call, 3)
  if (from === End.refused) return
  const to = endArgument(call, 4)
  if (to !== End.refused) move(call, from === End.head, to === End.head)
}

function rpoplpush(call: ShardCall): void {
  move(call, false, true)
}

function blmove(call: ShardCall): void {
  const from = endArgument(call, 3)
  if (from === End.refused) return
  const to = endArgument(call, 4)
  if (to === End.refused) return
  const timeoutMs = timeoutMsAt(call, 5)
  if (!Number.isNaN(timeoutMs)) moveOrBlock(call, from === End.head, to === End.head, timeoutMs)
}

function brpoplpush(call: ShardCall): void {
  const timeoutMs = timeoutMsAt(call, 3)
  if (!Number.isNaN(timeoutMs)) moveOrBlock(call, false, true, timeoutMs)
}

function move(call: ShardCall, fromHead: boolean, toHead: boolean): void {
  const found = findListForWrite(call, 1)
  if (found === Found.nothing) call.reply.nil()
  else if (found === Found.list) moveElement(call, fromHead, toHead)
}

function moveOrBlock(call: ShardCall, fromHead: boolean, toHead: boolean, timeoutMs: number): void {
  if (call.findForWrite(1)) {
    if (call.db.type === ValueType.list) {
      if (moveElement(call, fromHead, toHead)) effectOfMove(call)
      return
    }
    // A client that waits already goes on waiting for a list, as in Redis.
    if (!call.isRetry) {
      call.reply.error(errors.wrongType)
      return
    }
  }
  if (call.mayBlock) call.wouldBlock(timeoutMs)
  else call.reply.nil()
}

/**
 * Moves an element of the list in hand, the first key's, to the second key's, and replies with it.
 * @returns false after an error reply
 */
function moveElement(call: ShardCall, fromHead: boolean, toHead: boolean): boolean {
  const { db, reply, keyspace, bytes, offsets, lengths } = call
  const { lists } = keyspace
  const { cursor } = lists
  cursor.open(db)
  const isLast = cursor.length === 1
  cursor.goTo(fromHead ? 0 : cursor.length - 1)
  cursor.hold()
  if (isOneKey(call)) {
    rotate(call, fromHead, toHead)
    return true
  }
  const found = findListForWrite(call, 2)
  if (found === Found.otherType) return false
  if (found === Found.nothing) {
    lists.createWith(db, bytes, offsets[2] as number, lengths[2] as number, cursor.held, 0, cursor.heldLength)
  } else {
    lists.push(db, toHead, cursor.held, 0, cursor.heldLength)
    db.modified()
  }
  call.notify(toHead ? keyEvents.lpush : keyEvents.rpush, 2)
  call.findForWrite(1)
  lists.pop(db, fromHead, 1)
  call.notifyTaken(fromHead ? keyEvents.lpop : keyEvents.rpop, 1, isLast)
  reply.bulk(cursor.held, 0, cursor.heldLength)
  return true
}

/** The same without waiting. With a key of another shard the log gets what has become of this shard's own. */
function effectOfMove(call: ShardCall): void {
  if (!ownsKey(call, 1) || !ownsKey(call, 2)) return
  if (call.argc === 4) effectOfSame(call, 'RPOPLPUSH', 3)
  else effectOfSame(call, 'LMOVE', 5)
}

/** The same within one list. The element is added first, so that the list is never empty. */
function rotate(call: ShardCall, fromHead: boolean, toHead: boolean): void {
  const { db, reply, keyspace } = call
  const { lists } = keyspace
  const { cursor } = lists
  if (fromHead === toHead || cursor.length === 1) {
    db.modified()
  } else {
    lists.push(db, toHead, cursor.held, 0, cursor.heldLength)
    lists.pop(db, fromHead, 1)
  }
  call.notify(toHead ? keyEvents.lpush : keyEvents.rpush, 1)
  call.notify(fromHead ? keyEvents.lpop : keyEvents.rpop, 1)
  reply.bulk(cursor.held, 0, cursor.heldLength)
}

function isOneKey(call: ShardCall): boolean {
  const { bytes, offsets, lengths } = call
  const length = lengths[1] as number
  if (length !== lengths[2]) return false
  return equalBytes(bytes, offsets[1] as number, bytes, offsets[2] as number, length)
}

const moveShape = {
  group: 'list',
  complexity: 'O(1)',
  categories: ['list'],
  keySpecs: [...oneKey('RW', 'access', 'delete'), secondKey],
  route: { on: 'hops', coordinator: 'relocate' },
} as const satisfies Partial<CommandSpec>

const moveArguments = [sourceArgument, destinationArgument, endChoice('wherefrom'), endChoice('whereto')] as const

export const listMoveCommands: readonly CommandSpec[] = [
  {
    ...moveShape,
    name: 'lmove',
    arity: 5,
    flags: ['write', 'denyoom'],
    since: '6.2.0',
    summary: 'Moves an element from one end of a list to one end of another, and returns it.',
    arguments: moveArguments,
    shard: lmove,
  },
  {
    ...moveShape,
    name: 'rpoplpush',
    arity: 3,
    flags: ['write', 'denyoom'],
    since: '1.2.0',
    summary: 'Moves the last element of a list to the head of another, and returns it.',
    deprecatedSince: '6.2.0',
    replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments',
    docFlags: ['deprecated'],
    arguments: [sourceArgument, destinationArgument],
    shard: rpoplpush,
  },
  {
    ...moveShape,
    name: 'blmove',
    arity: 6,
    flags: ['write', 'denyoom', 'noscript', 'blocking'],
    since: '6.2.0',
    summary:
      'Moves an element from one end of a list to one end of another, or waits until there is one, and returns it.',
    arguments: [...moveArguments, timeoutArgument],
    blocking: { keys: 'first' },
    shard: blmove,
  },
  {
    ...moveShape,
    name: 'brpoplpush',
    arity: 4,
    flags: ['write', 'denyoom', 'noscript', 'blocking'],
    since: '2.2.0',
    summary: 'Moves the last element of a list to the head of another, or waits until there is one, and returns it.',
    deprecatedSince: '6.2.0',
    replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments',
    docFlags: ['deprecated'],
    history: [['6.0.0', 'The timeout may have decimals.']],
    arguments: [sourceArgument, destinationArgument, timeoutArgument],
    blocking: { keys: 'first' },
    shard: brpoplpush,
  },
]
