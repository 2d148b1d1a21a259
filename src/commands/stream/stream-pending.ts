/**
 * XACK and XPENDING: the entries that consumers of a group have got and not acknowledged.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xpending/; order of checks as in Redis.
 */
import { errors } from '../../resp/errors.js'
import type { ArenaRef } from '../../store/arena-ref.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import {
  areIds,
  consumerArgument,
  findConsumer,
  findGroup,
  groupArgument,
  idsArgument,
  KeyState,
  openStream,
  readEnd,
  readId,
  readInteger,
  readStart,
  readStream,
  replyId,
  shown,
} from './stream-call.js'

const id = new StreamId()
const start = new StreamId()
const end = new StreamId()

function xack(call: ShardCall): void {
  const state = readStream(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.missing || !findGroup(call, 2)) {
    call.reply.integer(0)
    return
  }
  if (!areIds(call, 3, call.argc, id)) return
  const { groups } = call.keyspace.streams
  let acknowledged = 0
  for (let i = 3; i < call.argc; i++) {
    readId(call, i, id)
    if (!groups.pending.find(id)) continue
    groups.acknowledge()
    acknowledged++
  }
  if (acknowledged > 0) call.db.modifiedAside()
  call.reply.integer(acknowledged)
}

/**
 * Stands on the stream and the group of arguments 1 and 2.
 * @param found what the lookup of the key has said, for whom it comes earlier
 * @returns false after an error reply
 */
export function openGroup(call: ShardCall, found = call.find(1)): boolean {
  const state = found ? openStream(call) : KeyState.missing
  if (state === KeyState.wrongType) return false
  if (state === KeyState.stream && findGroup(call, 2)) return true
  const key = shown(call, 1)
  call.reply.errorText(`NOGROUP No such key '${key}' or consumer group '${shown(call, 2)}'`)
  return false
}

function xpending(call: ShardCall): void {
  const { argc, reply } = call
  if (argc === 3) {
    if (openGroup(call)) replySummary(call)
    return
  }
  if (argc < 6 || argc > 9) {
    reply.error(errors.syntax)
    return
  }
  let idleMsMin = 0
  let first = 3
  if (call.is(3, 'IDLE')) {
    idleMsMin = readInteger(call, 4)
    if (Number.isNaN(idleMsMin)) return
    if (argc < 8) {
      reply.error(errors.syntax)
      return
    }
    first = 5
  }
  const count = readInteger(call, first + 2)
  if (Number.isNaN(count)) return
  if (!readStart(call, first, start) || !readEnd(call, first + 1, end)) return
  if (!openGroup(call)) return
  if (first + 3 >= argc) replyPending(call, false, idleMsMin, count)
  else if (findConsumer(call, first + 3)) replyPending(call, true, idleMsMin, count)
  else reply.array(0)
}

function replySummary(call: ShardCall): void {
  const { reply } = call
  const { groups } = call.keyspace.streams
  const { pending, consumers, consumerPending } = groups
  reply.array(4)
  reply.integer(pending.size)
  if (!pending.first()) {
    reply.nil()
    reply.nil()
    reply.nilArray()
    return
  }
  replyId(reply, pending.readId(id))
  pending.last()
  replyId(reply, pending.readId(id))
  const mark = reply.openArray()
  let shownConsumers = 0
  for (let i = 0; i < consumers.size; i++) {
    groups.selectConsumer(i)
    if (consumerPending.size === 0) continue
    reply.array(2)
    replyConsumerName(call, groups.consumer)
    reply.bulkInteger(consumerPending.size)
    shownConsumers++
  }
  reply.closeArray(mark, shownConsumers)
}

export function replyConsumerName(call: ShardCall, consumer: ArenaRef): void {
  const { groups } = call.keyspace.streams
  call.reply.bulk(
    groups.consumerNameBytes(consumer),
    groups.consumerNameOffset(consumer),
    groups.consumerNameLength(consumer),
  )
}

/** Replies with the entries that are pending in the interval, of the consumer in hand or of the whole group. */
function replyPending(call: ShardCall, ofConsumer: boolean, idleMsMin: number, countMax: number): void {
  const { reply, nowMs } = call
  const { groups } = call.keyspace.streams
  const { pending } = groups
  const walked = ofConsumer ? groups.consumerPending : pending
  const mark = reply.openArray()
  let count = 0
  for (let more = walked.seekCeiling(start); more && count < countMax; more = walked.next()) {
    walked.readId(id)
    if (id.compare(end) > 0) break
    if (ofConsumer) pending.find(id)
    const idleMs = nowMs - groups.deliveredAtMs
    if (idleMsMin !== 0 && idleMs < idleMsMin) continue
    reply.array(4)
    replyId(reply, id)
    replyConsumerName(call, groups.pendingConsumer)
    reply.integer(Math.max(idleMs, 0))
    reply.integer(groups.deliveries)
    count++
  }
  reply.closeArray(mark, count)
}

export const streamPendingCommands: readonly CommandSpec[] = [
  {
    name: 'xack',
    arity: -4,
    flags: ['write', 'fast'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Acknowledges entries, so that they are pending no more, and returns how many were.',
    complexity: 'O(1) for each ID',
    categories: ['stream'],
    keySpecs: oneKey('RW', 'update'),
    arguments: [keyArgument, groupArgument, idsArgument],
    route: { on: 'key' },
    shard: xack,
  },
  {
    name: 'xpending',
    arity: -3,
    flags: ['readonly'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Returns what is pending in a group: a summary, or the entries in an interval.',
    complexity: 'O(N) with N being the number of entries looked at, or of consumers for a summary',
    categories: ['stream'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    history: [['6.2.0', 'Option `IDLE`, and intervals that leave an end out.']],
    arguments: [
      keyArgument,
      groupArgument,
      {
        name: 'filters',
        type: 'block',
        optional: true,
        arguments: [
          { name: 'min-idle-time', type: 'integer', token: 'IDLE', since: '6.2.0', optional: true },
          { name: 'start', type: 'string' },
          { name: 'end', type: 'string' },
          { name: 'count', type: 'integer' },
          { ...consumerArgument, optional: true },
        ],
      },
    ],
    route: { on: 'key' },
    shard: xpending,
  },
]
