/**
 * Random members of a set: SPOP, which removes them, and SRANDMEMBER, which does not.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/spop/ and https://redis.io/docs/latest/commands/srandmember/
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import type { MemberVisitor, OpenSet } from '../../store/set/open-set.js'
import type { PendingSet } from '../../store/set/pending-set.js'
import { visitPicks, visitSample } from '../../store/set/set-sampling.js'
import { ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import { effectOfRemoval } from '../key-effects.js'
import { mayPick, randomCountAt } from '../random-count.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { membersReply } from './members-reply.js'

const MUST_BE_POSITIVE = encodeError('ERR value is out of range, must be positive')

/** From five times as many members to remove as to keep on, it is less work to make a new set of those to keep. */
const KEEP_FROM_RATIO = 5

/** As in Redis 7.2. */
const REMOVALS_AT_ONCE_MAX = 1024

function spop(call: ShardCall): void {
  const { db, reply } = call
  if (call.argc === 3) {
    popMany(call)
    return
  }
  if (call.argc > 3) {
    reply.error(errors.syntax)
    return
  }
  if (!call.findForWrite(1)) {
    reply.nil()
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  const set = call.keyspace.sets.open(db)
  set.pick()
  reply.bulk(set.pickedBytes, set.pickedOffset, set.pickedLength)
  if (call.effects.isRecording) removals.begin(call, 1).member(set.pickedBytes, set.pickedOffset, set.pickedLength)
  set.removePicked()
  const isEmpty = set.size === 0
  if (isEmpty) db.remove()
  else db.modified()
  call.notifyTaken(keyEvents.spop, 1, isEmpty)
}

function popMany(call: ShardCall): void {
  const { db, reply } = call
  const count = countAt(call, 2)
  // Redis says the same of what is no integer at all.
  if (!(count >= 0)) {
    reply.error(MUST_BE_POSITIVE)
    return
  }
  if (!call.findForWrite(1)) {
    reply.set(0)
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  const set = call.keyspace.sets.open(db)
  const { size } = set
  const popped = Math.min(count, size)
  reply.set(popped)
  if (popped === 0) return
  if (popped === size) {
    set.visit(membersReply.to(reply))
    db.remove()
    effectOfRemoval(call, 1)
  } else if (popped >= (size - popped) * KEEP_FROM_RATIO) {
    keepFew(call, set, size - popped, popped)
  } else {
    const { isRecording } = call.effects
    if (isRecording) removals.begin(call, popped)
    for (let i = 0; i < popped; i++) {
      set.pick()
      reply.bulk(set.pickedBytes, set.pickedOffset, set.pickedLength)
      if (isRecording) removals.member(set.pickedBytes, set.pickedOffset, set.pickedLength)
      set.removePicked()
    }
    db.modified()
  }
  call.notifyTaken(keyEvents.spop, 1, popped === size)
}

/** Says that members were removed, by SREM with as many of them as Redis puts into one. */
class Removals implements MemberVisitor {
  private call!: ShardCall
  private left = 0
  private leftOfCommand = 0

  begin(call: ShardCall, count: number): this {
    this.call = call
    this.left = count
    this.leftOfCommand = 0
    return this
  }

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    const { call } = this
    const { effects } = call
    if (this.leftOfCommand === 0) {
      this.leftOfCommand = Math.min(this.left, REMOVALS_AT_ONCE_MAX)
      this.left -= this.leftOfCommand
      effects.begin('SREM', 2 + this.leftOfCommand)
      call.effectArgument(1)
    }
    this.leftOfCommand--
    effects.argument(bytes, offset, length)
    return true
  }
}

const removals = new Removals()

/** Passes on the members that are not in another set. */
class Others implements MemberVisitor {
  constructor(
    private readonly set: PendingSet,
    private readonly visitor: MemberVisitor,
  ) {}

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.set.has(bytes, offset, length) || this.visitor.member(bytes, offset, length)
  }
}

/** Replies with `popped` members, all but `kept` of them, which become the key's new set. */
function keepFew(call: ShardCall, set: OpenSet, kept: number, popped: number): void {
  const { db, keyspace } = call
  const pending = keyspace.sets.beginPending(db.expireAtMs(), kept)
  try {
    visitSample(set, kept, keyspace.prng, pending)
    // What has been replied cannot be taken back.
    pending.ensureRoom(call.lengths[1] as number)
    set.visit(new Others(pending, membersReply.to(call.reply)))
    if (call.effects.isRecording) set.visit(new Others(pending, removals.begin(call, popped)))
    pending.moveTo(db, call.bytes, call.offsets[1] as number, call.lengths[1] as number)
  } finally {
    keyspace.sets.endPending(pending)
  }
}

function srandmember(call: ShardCall): void {
  const { db, reply } = call
  if (call.argc === 3) {
    randomMembers(call)
    return
  }
  if (call.argc > 3) {
    reply.error(errors.syntax)
    return
  }
  if (!call.find(1)) {
    reply.nil()
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  const set = call.keyspace.sets.open(db)
  set.pick()
  reply.bulk(set.pickedBytes, set.pickedOffset, set.pickedLength)
}

function randomMembers(call: ShardCall): void {
  const { db, reply, keyspace } = call
  const count = randomCountAt(call)
  if (Number.isNaN(count)) return
  if (!call.find(1)) {
    reply.array(0)
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  const set = keyspace.sets.open(db)
  const { size } = set
  if (count < 0 && !mayPick(call, -count)) return
  reply.array(count < 0 ? -count : Math.min(count, size))
  if (count === 0) return
  const visitor = membersReply.to(reply)
  if (count < 0) visitPicks(set, -count, visitor)
  else if (count >= size) set.visit(visitor)
  else visitSample(set, count, keyspace.prng, visitor)
}

/** Argument `i` as an integer, with what lies beyond 2^53 rounded; NaN when it is none. */
function countAt(call: ShardCall, i: number): number {
  const n = call.integer(i)
  return Number.isNaN(n) ? Number(call.int64(i)) : n
}

export const setRandomCommands: readonly CommandSpec[] = [
  {
    name: 'spop',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'set',
    since: '1.0.0',
    summary: 'Removes random members from a set and returns them.',
    complexity: 'O(1) without a count, O(N) with one, N being the count',
    categories: ['set'],
    keySpecs: oneKey('RW', 'access', 'delete'),
    tips: ['nondeterministic_output'],
    history: [['3.2.0', 'The argument `count`.']],
    arguments: [keyArgument, { name: 'count', type: 'integer', since: '3.2.0', optional: true }],
    route: { on: 'key' },
    shard: spop,
  },
  {
    name: 'srandmember',
    arity: -2,
    flags: ['readonly'],
    group: 'set',
    since: '1.0.0',
    summary: 'Returns random members of a set, which keeps them.',
    complexity: 'O(1) without a count, O(N) with one, N being its absolute value',
    categories: ['set'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    history: [['2.6.0', 'The argument `count`.']],
    arguments: [keyArgument, { name: 'count', type: 'integer', since: '2.6.0', optional: true }],
    route: { on: 'key' },
    shard: srandmember,
  },
]
