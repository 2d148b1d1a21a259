/**
 * Commands that put elements into a list: LPUSH, RPUSH, LPUSHX, RPUSHX, LINSERT and LSET.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lpush/ and the pages of the others; order of checks as in Redis.
 */
import { errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { elementArgument, elementsArgument, Found, findListForWrite, longArgument } from './list-arguments.js'

const O_ELEMENTS = 'O(N), N being the number of elements that are pushed'

function lpush(call: ShardCall): void {
  push(call, true, false)
}

function rpush(call: ShardCall): void {
  push(call, false, false)
}

function lpushx(call: ShardCall): void {
  push(call, true, true)
}

function rpushx(call: ShardCall): void {
  push(call, false, true)
}

function push(call: ShardCall, atHead: boolean, onlyIfExists: boolean): void {
  const { db, keyspace, bytes, offsets, lengths, argc } = call
  const { lists } = keyspace
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing && onlyIfExists) {
    call.reply.integer(0)
    return
  }
  let i = 2
  if (found === Found.nothing) {
    const first = offsets[2] as number
    lists.createWith(db, bytes, offsets[1] as number, lengths[1] as number, bytes, first, lengths[2] as number)
    i = 3
  }
  try {
    for (; i < argc; i++) lists.push(db, atHead, bytes, offsets[i] as number, lengths[i] as number)
  } finally {
    // Where memory runs out on the way, what has been pushed stays.
    if (found === Found.list && i > 2) db.modified()
    if (i > 2) call.notify(atHead ? keyEvents.lpush : keyEvents.rpush, 1)
  }
  call.reply.integer(lists.length(db))
}

function linsert(call: ShardCall): void {
  const { db, reply, keyspace, bytes, offsets, lengths } = call
  const { lists } = keyspace
  const { cursor } = lists
  const isBehind = call.is(2, 'AFTER')
  if (!isBehind && !call.is(2, 'BEFORE')) {
    reply.error(errors.syntax)
    return
  }
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    reply.integer(0)
    return
  }
  cursor.open(db)
  cursor.goTo(0)
  cursor.seekFor(bytes, offsets[3] as number, lengths[3] as number)
  while (!cursor.isSought()) {
    if (!cursor.forward()) {
      reply.integer(-1)
      return
    }
  }
  lists.insert(db, isBehind, bytes, offsets[4] as number, lengths[4] as number)
  call.notify(keyEvents.linsert, 1)
  reply.integer(lists.length(db))
}

function lset(call: ShardCall): void {
  const { db, reply, keyspace, bytes, offsets, lengths } = call
  const { lists } = keyspace
  const { cursor } = lists
  const found = findListForWrite(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    reply.error(errors.noSuchKey)
    return
  }
  const index = longArgument(call, 2)
  if (Number.isNaN(index)) return
  cursor.open(db)
  const place = index < 0 ? cursor.length + index : index
  if (place < 0 || place >= cursor.length) {
    reply.error(errors.outOfRange)
    return
  }
  cursor.goTo(place)
  lists.set(db, bytes, offsets[3] as number, lengths[3] as number)
  call.notify(keyEvents.lset, 1)
  reply.ok()
}

const pushShape = {
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  group: 'list',
  complexity: O_ELEMENTS,
  categories: ['list'],
  keySpecs: oneKey('RW', 'insert'),
  arguments: [keyArgument, elementsArgument],
  route: { on: 'key' },
} as const satisfies Partial<CommandSpec>

export const listPushCommands: readonly CommandSpec[] = [
  {
    ...pushShape,
    name: 'lpush',
    since: '1.0.0',
    summary: 'Adds elements at the head of a list, which is made if there is none.',
    history: [['2.4.0', 'Takes several elements.']],
    shard: lpush,
  },
  {
    ...pushShape,
    name: 'rpush',
    since: '1.0.0',
    summary: 'Adds elements at the tail of a list, which is made if there is none.',
    history: [['2.4.0', 'Takes several elements.']],
    shard: rpush,
  },
  {
    ...pushShape,
    name: 'lpushx',
    since: '2.2.0',
    summary: 'Adds elements at the head of a list that exists.',
    history: [['4.0.0', 'Takes several elements.']],
    shard: lpushx,
  },
  {
    ...pushShape,
    name: 'rpushx',
    since: '2.2.0',
    summary: 'Adds elements at the tail of a list that exists.',
    history: [['4.0.0', 'Takes several elements.']],
    shard: rpushx,
  },
  {
    name: 'linsert',
    arity: 5,
    flags: ['write', 'denyoom'],
    group: 'list',
    since: '2.2.0',
    summary: 'Inserts an element before or after the first one that equals the pivot.',
    complexity: 'O(N), N being the number of elements from the head to the pivot',
    categories: ['list'],
    keySpecs: oneKey('RW', 'insert'),
    arguments: [
      keyArgument,
      {
        name: 'where',
        type: 'oneof',
        arguments: [
          { name: 'before', type: 'pure-token', token: 'BEFORE' },
          { name: 'after', type: 'pure-token', token: 'AFTER' },
        ],
      },
      { name: 'pivot', type: 'string' },
      elementArgument,
    ],
    route: { on: 'key' },
    shard: linsert,
  },
  {
    name: 'lset',
    arity: 4,
    flags: ['write', 'denyoom'],
    group: 'list',
    since: '1.0.0',
    summary: 'Gives the element at an index another value.',
    complexity: 'O(N), N being the number of nodes between the element and the nearer end of the list',
    categories: ['list'],
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument, { name: 'index', type: 'integer' }, elementArgument],
    route: { on: 'key' },
    shard: lset,
  },
]
