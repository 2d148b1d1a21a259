/**
 * The members of one set: SADD, SREM, SISMEMBER, SMISMEMBER, SCARD and SMEMBERS; and SMOVE, from one set to another.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/?group=set
 */
import { equalBytes } from '../../base/bytes.js'
import { errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { NO_EXPIRY, ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { membersReply } from './members-reply.js'

function sadd(call: ShardCall): void {
  const { db, bytes, offsets, lengths, argc } = call
  const { sets } = call.keyspace
  let added = 0
  if (call.findForWrite(1)) {
    if (db.type !== ValueType.set) {
      call.reply.error(errors.wrongType)
      return
    }
    const set = sets.open(db)
    try {
      for (let i = 2; i < argc; i++) if (set.add(bytes, offsets[i] as number, lengths[i] as number)) added++
    } finally {
      // Without memory it ends early, and what was added until then stays.
      if (added > 0) db.modified()
      if (added > 0) call.notify(keyEvents.sadd, 1)
    }
  } else {
    const set = createSet(call, 1, 2, argc - 2)
    added = 1
    try {
      for (let i = 3; i < argc; i++) if (set.add(bytes, offsets[i] as number, lengths[i] as number)) added++
    } finally {
      call.notify(keyEvents.sadd, 1)
    }
  }
  call.reply.integer(added)
}

/** Makes a set with argument `member` under the key in argument `key`, which does not exist. */
function createSet(call: ShardCall, key: number, member: number, expected: number) {
  const { db, bytes, offsets, lengths } = call
  return call.keyspace.sets.create(
    db,
    bytes,
    offsets[key] as number,
    lengths[key] as number,
    NO_EXPIRY,
    bytes,
    offsets[member] as number,
    lengths[member] as number,
    expected,
  )
}

function srem(call: ShardCall): void {
  const { db, bytes, offsets, lengths, argc } = call
  if (!call.findForWrite(1)) {
    call.reply.integer(0)
    return
  }
  if (db.type !== ValueType.set) {
    call.reply.error(errors.wrongType)
    return
  }
  const set = call.keyspace.sets.open(db)
  let removed = 0
  for (let i = 2; i < argc && set.size > 0; i++) {
    if (set.remove(bytes, offsets[i] as number, lengths[i] as number)) removed++
  }
  const isEmpty = set.size === 0
  if (isEmpty) db.remove()
  else if (removed > 0) db.modified()
  if (removed > 0) call.notifyTaken(keyEvents.srem, 1, isEmpty)
  call.reply.integer(removed)
}

function sismember(call: ShardCall): void {
  const { db, reply, offsets, lengths } = call
  if (!call.find(1)) {
    reply.integer(0)
  } else if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
  } else {
    const isMember = call.keyspace.sets.open(db).has(call.bytes, offsets[2] as number, lengths[2] as number)
    reply.integer(isMember ? 1 : 0)
  }
}

function smismember(call: ShardCall): void {
  const { db, reply, bytes, offsets, lengths, argc } = call
  const found = call.find(1)
  if (found && db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  reply.array(argc - 2)
  const set = found ? call.keyspace.sets.open(db) : null
  for (let i = 2; i < argc; i++) {
    const isMember = set?.has(bytes, offsets[i] as number, lengths[i] as number) === true
    reply.integer(isMember ? 1 : 0)
  }
}

function scard(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) reply.integer(0)
  else if (db.type !== ValueType.set) reply.error(errors.wrongType)
  else reply.integer(call.keyspace.sets.open(db).size)
}

function smembers(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) {
    reply.set(0)
  } else if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
  } else {
    const set = call.keyspace.sets.open(db)
    reply.set(set.size)
    set.visit(membersReply.to(reply))
  }
}

function smove(call: ShardCall): void {
  const { db, reply, bytes } = call
  const { sets } = call.keyspace
  const offset = call.offsets[3] as number
  const length = call.lengths[3] as number
  // Redis looks both keys up before it says anything.
  const targetFound = call.findForWrite(2)
  const targetType = db.type
  if (!call.findForWrite(1)) {
    reply.integer(0)
    return
  }
  if (db.type !== ValueType.set || (targetFound && targetType !== ValueType.set)) {
    reply.error(errors.wrongType)
    return
  }
  const isMember = sets.open(db).has(bytes, offset, length)
  if (!isMember || sameKey(call, 1, 2)) {
    reply.integer(isMember ? 1 : 0)
    return
  }
  // Added first: without memory for that, the member stays where it is. Redis removes it first, and so it is told.
  let isAdded = !targetFound
  if (!targetFound) {
    // That it is new is told behind.
    call.keyspace.quietly(() => createSet(call, 2, 3, 1))
  } else {
    call.peek(2)
    isAdded = sets.open(db).add(bytes, offset, length)
    if (isAdded) db.modified()
  }
  call.peek(1)
  const source = sets.open(db)
  source.remove(bytes, offset, length)
  const isEmpty = source.size === 0
  if (isEmpty) db.remove()
  else db.modified()
  call.notifyTaken(keyEvents.srem, 1, isEmpty)
  if (!targetFound) call.notify(keyEvents.new, 2)
  if (isAdded) call.notify(keyEvents.sadd, 2)
  reply.integer(1)
}

function sameKey(call: ShardCall, left: number, right: number): boolean {
  const { bytes, offsets, lengths } = call
  const length = lengths[left] as number
  if (length !== lengths[right]) return false
  return equalBytes(bytes, offsets[left] as number, bytes, offsets[right] as number, length)
}

const memberArgument: ArgumentSpec = { name: 'member', type: 'string' }
const membersArgument: ArgumentSpec = { name: 'member', type: 'string', multiple: true }

export const setMemberCommands: readonly CommandSpec[] = [
  {
    name: 'sadd',
    arity: -3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Adds members to a set, which is made if it does not exist.',
    complexity: 'O(N), N being the number of members to add',
    categories: ['set'],
    keySpecs: oneKey('RW', 'insert'),
    history: [['2.4.0', 'Several members at once.']],
    arguments: [keyArgument, membersArgument],
    route: { on: 'key' },
    shard: sadd,
  },
  {
    name: 'scard',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Returns the number of members of a set.',
    complexity: 'O(1)',
    categories: ['set'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: scard,
  },
  {
    name: 'sismember',
    arity: 3,
    flags: ['readonly', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Tells whether a value is a member of a set.',
    complexity: 'O(1)',
    categories: ['set'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument, memberArgument],
    route: { on: 'key' },
    shard: sismember,
  },
  {
    name: 'smismember',
    arity: -3,
    flags: ['readonly', 'fast'],
    group: 'set',
    since: '6.2.0',
    summary: 'Tells of each of several values whether it is a member of a set.',
    complexity: 'O(N), N being the number of values asked about',
    categories: ['set'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, membersArgument],
    route: { on: 'key' },
    shard: smismember,
  },
  {
    name: 'smembers',
    arity: 2,
    flags: ['readonly'],
    group: 'set',
    since: '1.0.0',
    summary: 'Returns all members of a set.',
    complexity: 'O(N), N being the number of members',
    categories: ['set'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output_order'],
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: smembers,
  },
  {
    name: 'smove',
    arity: 4,
    flags: ['write', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Moves a member from one set to another.',
    complexity: 'O(1)',
    categories: ['set'],
    keySpecs: [
      ...oneKey('RW', 'access', 'delete'),
      { flags: ['RW', 'insert'], begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } },
    ],
    arguments: [
      { name: 'source', type: 'key', keySpecIndex: 0 },
      { name: 'destination', type: 'key', keySpecIndex: 1 },
      memberArgument,
    ],
    route: { on: 'hops', coordinator: 'relocate' },
    shard: smove,
  },
  {
    name: 'srem',
    arity: -3,
    flags: ['write', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Removes members from a set, and the set with its last member.',
    complexity: 'O(N), N being the number of members to remove',
    categories: ['set'],
    keySpecs: oneKey('RW', 'delete'),
    history: [['2.4.0', 'Several members at once.']],
    arguments: [keyArgument, membersArgument],
    route: { on: 'key' },
    shard: srem,
  },
]
