/**
 * Commands that take elements out of one list: LPOP, RPOP, LTRIM and LREM.
 *
 * Runs in a shard worker. An element is replied with from where it lies, and removed afterwards.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lpop/ and the pages of the others; order of checks as in Redis.
 */
import { wrongArity } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { countArgument, elementArgument, Found, findListForWrite, longArgument } from './list-arguments.js'
import { replyElement, replyElements } from './list-range-reply.js'

function lpop(call: ShardCall): void {
  pop(call, true)
}

function rpop(call: ShardCall): void {
  pop(call, false)
}

function pop(call: ShardCall, fromHead: boolean): void {
  const { reply } = call
  if (call.argc > 2) {
    popCounted(call, fromHead)
    return
  }
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) reply.nil()
  else popOne(call, 1, fromHead)
}

/** Replies with the element at one end of the list in hand, and removes it. */
export function popOne(call: ShardCall, key: number, fromHead: boolean): void {
  const { lists } = call.keyspace
  const { cursor } = lists
  cursor.open(call.db)
  cursor.goTo(fromHead ? 0 : cursor.length - 1)
  const isLast = cursor.length === 1
  replyElement(call.reply, cursor)
  lists.pop(call.db, fromHead, 1)
  call.notifyTaken(fromHead ? keyEvents.lpop : keyEvents.rpop, key, isLast)
}

/** Replies with an array of up to `count` elements, at least one, from one end of the list in hand, and removes them. */
export function popMany(call: ShardCall, key: number, fromHead: boolean, count: number): void {
  const { lists } = call.keyspace
  const { cursor } = lists
  cursor.open(call.db)
  const { length } = cursor
  const popped = Math.min(count, length)
  replyElements(call.reply, cursor, fromHead ? 0 : length - 1, popped, fromHead)
  lists.pop(call.db, fromHead, popped)
  call.notifyTaken(fromHead ? keyEvents.lpop : keyEvents.rpop, key, popped === length)
}

function popCounted(call: ShardCall, fromHead: boolean): void {
  const { reply } = call
  if (call.argc > 3) {
    reply.error(wrongArity(call.spec.name))
    return
  }
  const count = countArgument(call, 2, 0)
  if (Number.isNaN(count)) return
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) reply.nilArray()
  else if (count === 0) reply.array(0)
  else popMany(call, 1, fromHead, count)
}

function ltrim(call: ShardCall): void {
  const { db, reply } = call
  const start = longArgument(call, 2)
  if (Number.isNaN(start)) return
  const stop = longArgument(call, 3)
  if (Number.isNaN(stop)) return
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.list) {
    const { lists } = call.keyspace
    const length = lists.length(db)
    const first = start < 0 ? Math.max(0, length + start) : start
    const last = Math.min(length - 1, stop < 0 ? length + stop : stop)
    const kept = Math.max(0, last - first + 1)
    const { stats } = call.keyspace
    const { dirty } = stats
    lists.trim(db, first, kept)
    // As in Redis that breaks a WATCH, but nothing has changed.
    if (kept === length) stats.dirty = dirty
    call.notifyTaken(keyEvents.ltrim, 1, kept === 0)
  }
  reply.ok()
}

function lrem(call: ShardCall): void {
  const { db, reply, bytes, offsets, lengths } = call
  const count = longArgument(call, 2)
  if (Number.isNaN(count)) return
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    reply.integer(0)
    return
  }
  const countMax = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count)
  const { lists } = call.keyspace
  const length = lists.length(db)
  const removed = lists.removeEqual(db, bytes, offsets[3] as number, lengths[3] as number, countMax, count >= 0)
  if (removed > 0) call.notifyTaken(keyEvents.lrem, 1, removed === length)
  reply.integer(removed)
}

const popShape = {
  arity: -2,
  flags: ['write', 'fast'],
  group: 'list',
  since: '1.0.0',
  complexity: 'O(N), N being the number of elements returned',
  categories: ['list'],
  keySpecs: oneKey('RW', 'access', 'delete'),
  history: [['6.2.0', 'Takes a count.']],
  arguments: [keyArgument, { name: 'count', type: 'integer', optional: true, since: '6.2.0' }],
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

export const listPopCommands: readonly CommandSpec[] = [
  {
    ...popShape,
    name: 'lpop',
    summary: 'Removes elements from the head of a list and returns them.',
    shard: lpop,
  },
  {
    ...popShape,
    name: 'rpop',
    summary: 'Removes elements from the tail of a list and returns them.',
    shard: rpop,
  },
  {
    name: 'ltrim',
    arity: 4,
    flags: ['write'],
    group: 'list',
    since: '1.0.0',
    summary: 'Removes all elements but those from one index to another.',
    complexity: 'O(N), N being the number of elements removed',
    categories: ['list'],
    keySpecs: oneKey('RW', 'delete'),
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }],
    route: { on: 'key' },
    shard: ltrim,
  },
  {
    name: 'lrem',
    arity: 4,
    flags: ['write'],
    group: 'list',
    since: '1.0.0',
    summary: 'Removes elements that equal a value, from one end of the list on.',
    complexity: 'O(N+M), N being the number of elements looked at and M the number removed',
    categories: ['list'],
    keySpecs: oneKey('RW', 'delete'),
    arguments: [keyArgument, { name: 'count', type: 'integer' }, elementArgument],
    route: { on: 'key' },
    shard: lrem,
  },
]
