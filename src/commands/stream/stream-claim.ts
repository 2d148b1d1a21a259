/**
 * XCLAIM and XAUTOCLAIM: pending entries change their consumer.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xclaim/ and /xautoclaim/; order of checks as in Redis.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { IdForm, StreamId } from '../../store/stream/stream-id.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import {
  consumerArgument,
  groupArgument,
  idsArgument,
  readId,
  readInteger,
  readStart,
  replyEntry,
  replyId,
  shown,
  useConsumer,
} from './stream-call.js'
import { effectOfAcknowledgement, effectOfClaim, effectOfLastId } from './stream-effects.js'
import { openGroup } from './stream-pending.js'

const XCLAIM_IDLE_MIN = encodeError('ERR Invalid min-idle-time argument for XCLAIM')
const XAUTOCLAIM_IDLE_MIN = encodeError('ERR Invalid min-idle-time argument for XAUTOCLAIM')
const INVALID_IDLE = encodeError('ERR Invalid IDLE option argument for XCLAIM')
const INVALID_TIME = encodeError('ERR Invalid TIME option argument for XCLAIM')
const INVALID_RETRYCOUNT = encodeError('ERR Invalid RETRYCOUNT option argument for XCLAIM')
const INVALID_COUNT = encodeError('ERR COUNT must be > 0')

const COUNT_DEFAULT = 100
/** How many pending entries XAUTOCLAIM looks at for each that it may return. */
const LOOKS_PER_ENTRY = 10
/** Redis's bound: as many IDs as fit into the address space. */
const COUNT_MAX = 2n ** 63n / 16n - 1n

const id = new StreamId()
const lastId = new StreamId()

class ClaimOptions {
  idleMsMin = 0
  /** The time that counts as that of the delivery. */
  deliveredAtMs = 0
  /** -1 when it goes up by one. */
  deliveries = -1
  isForced = false
  onlyIds = false
  /** Behind the last ID. */
  idsEnd = 0

  /** Reads the arguments of XCLAIM behind the consumer. @returns false after an error reply */
  parse(call: ShardCall): boolean {
    const { argc, reply, nowMs } = call
    this.idleMsMin = readInteger(call, 4, XCLAIM_IDLE_MIN)
    if (Number.isNaN(this.idleMsMin)) return false
    this.deliveredAtMs = nowMs
    this.deliveries = -1
    this.isForced = false
    this.onlyIds = false
    lastId.setMin()
    let i = 5
    while (i < argc && id.parse(call.bytes, call.offsets[i] as number, call.lengths[i] as number, IdForm.strict)) i++
    this.idsEnd = i
    for (; i < argc; i++) {
      const hasMore = i + 1 < argc
      if (call.is(i, 'FORCE')) {
        this.isForced = true
      } else if (call.is(i, 'JUSTID')) {
        this.onlyIds = true
      } else if (hasMore && call.is(i, 'IDLE')) {
        const idleMs = readInteger(call, ++i, INVALID_IDLE)
        if (Number.isNaN(idleMs)) return false
        this.deliveredAtMs = nowMs - idleMs
      } else if (hasMore && call.is(i, 'TIME')) {
        this.deliveredAtMs = readInteger(call, ++i, INVALID_TIME)
        if (Number.isNaN(this.deliveredAtMs)) return false
      } else if (hasMore && call.is(i, 'RETRYCOUNT')) {
        this.deliveries = readInteger(call, ++i, INVALID_RETRYCOUNT)
        if (Number.isNaN(this.deliveries)) return false
      } else if (hasMore && call.is(i, 'LASTID')) {
        if (!readId(call, ++i, lastId)) return false
      } else {
        reply.errorText(`ERR Unrecognized XCLAIM option '${shown(call, i)}'`)
        return false
      }
    }
    // Clients may have clocks of their own: a time that cannot be counts as now.
    const isPossible = this.deliveredAtMs >= 0 && (this.deliveredAtMs <= nowMs || call.keyspace.isReplaying)
    if (!isPossible) this.deliveredAtMs = nowMs
    return true
  }
}

const options = new ClaimOptions()

function xclaim(call: ShardCall): void {
  if (!openGroup(call) || !options.parse(call)) return
  const { reply } = call
  const { groups, entries } = call.keyspace.streams
  const { pending } = groups
  call.effects.none()
  const isAdvanced = lastId.compare(groups.readLastId(id)) > 0
  let isModified = isAdvanced
  if (isAdvanced) groups.setLastId(lastId)
  let hasConsumer = false
  const mark = reply.openArray()
  let claimed = 0
  try {
    for (let i = 5; i < options.idsEnd; i++) {
      readId(call, i, id)
      const isPending = pending.find(id)
      if (!entries.find(id)) {
        if (isPending) {
          groups.acknowledge()
          effectOfAcknowledgement(call, 1, 2, id)
          isModified = true
        }
        continue
      }
      if (!isPending && !options.isForced) continue
      if (isPending && isTooRecent(call, options.idleMsMin)) continue
      if (!hasConsumer) useConsumer(call, 3, 1)
      hasConsumer = true
      claim(call, options.deliveredAtMs, options.deliveries, options.onlyIds)
      claimed++
    }
  } finally {
    if (isAdvanced && claimed === 0) effectOfLastId(call, 1, 2)
    // Where memory runs out on the way, what has been claimed stays so.
    if (isModified || hasConsumer) call.db.modifiedAside()
  }
  reply.closeArray(mark, claimed)
}

/** Whether the pending entry in hand was delivered less than so many ms ago. */
function isTooRecent(call: ShardCall, idleMsMin: number): boolean {
  return idleMsMin > 0 && call.nowMs - call.keyspace.streams.groups.deliveredAtMs < idleMsMin
}

/** Gives the entry with the ID in `id`, on which `entries` stands, to the consumer in hand, and replies with it. */
function claim(call: ShardCall, deliveredAtMs: number, deliveries: number, onlyIds: boolean): void {
  const { reply } = call
  const { groups, entries } = call.keyspace.streams
  if (groups.assign(id)) groups.deliveries = 1
  groups.deliveredAtMs = deliveredAtMs
  if (deliveries >= 0) groups.deliveries = deliveries
  else if (!onlyIds) groups.deliveries++
  groups.activeAtMs = call.nowMs
  effectOfClaim(call, 1, 2, id)
  if (onlyIds) replyId(reply, id)
  else replyEntry(reply, entries)
}

function xautoclaim(call: ShardCall): void {
  const { argc, reply } = call
  const found = call.find(1)
  const idleMsMin = readInteger(call, 4, XAUTOCLAIM_IDLE_MIN)
  if (Number.isNaN(idleMsMin) || !readStart(call, 5, id)) return
  let count = COUNT_DEFAULT
  let onlyIds = false
  for (let i = 6; i < argc; i++) {
    if (i + 1 < argc && call.is(i, 'COUNT')) {
      const wanted = call.int64(++i)
      if (wanted === undefined || wanted < 1n || wanted > COUNT_MAX) {
        reply.error(INVALID_COUNT)
        return
      }
      count = Number(wanted)
    } else if (call.is(i, 'JUSTID')) {
      onlyIds = true
    } else {
      reply.error(errors.syntax)
      return
    }
  }
  if (openGroup(call, found)) claimIdle(call, idleMsMin, count, onlyIds)
}

/** IDs of pending entries that were found deleted, four words each; empty between two commands. */
const deletedIds: number[] = []

/** Claims pending entries from the ID in `id` on. */
function claimIdle(call: ShardCall, idleMsMin: number, countMax: number, onlyIds: boolean): void {
  const { reply, nowMs } = call
  const { groups, entries } = call.keyspace.streams
  const { pending } = groups
  deletedIds.length = 0
  call.effects.none()
  reply.array(3)
  const mark = reply.openArray()
  let claimed = 0
  let deleted = 0
  let hasConsumer = false
  let more = pending.seekCeiling(id)
  try {
    for (let looks = countMax * LOOKS_PER_ENTRY; more && looks > 0 && claimed + deleted < countMax; looks--) {
      pending.readId(id)
      if (!entries.find(id)) {
        groups.acknowledge()
        effectOfAcknowledgement(call, 1, 2, id)
        deletedIds.push(id.msHigh, id.msLow, id.seqHigh, id.seqLow)
        deleted++
        more = pending.seekCeiling(id)
        continue
      }
      if (!isTooRecent(call, idleMsMin)) {
        if (!hasConsumer) useConsumer(call, 3, 1)
        hasConsumer = true
        claim(call, nowMs, -1, onlyIds)
        claimed++
      }
      more = pending.next()
    }
  } finally {
    if (hasConsumer || deleted > 0) call.db.modifiedAside()
  }
  reply.closeArray(mark, claimed)
  // The place to go on from stands first in the reply, and is known last.
  const body = reply.bytes.slice(reply.start + mark, reply.position)
  reply.rewind(mark)
  replyId(reply, more ? pending.readId(id) : id.setMin())
  reply.raw(body, 0, body.length)
  reply.array(deleted)
  for (let i = 0; i < deletedIds.length; i += 4) {
    replyId(
      reply,
      id.set(
        deletedIds[i] as number,
        deletedIds[i + 1] as number,
        deletedIds[i + 2] as number,
        deletedIds[i + 3] as number,
      ),
    )
  }
  deletedIds.length = 0
}

const minIdleTimeArgument = { name: 'min-idle-time', type: 'string' } as const
const justIdArgument = { name: 'justid', type: 'pure-token', token: 'JUSTID', optional: true } as const

export const streamClaimCommands: readonly CommandSpec[] = [
  {
    name: 'xclaim',
    arity: -6,
    flags: ['write', 'fast'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Gives pending entries to another consumer of their group, as if it had got them.',
    complexity: 'O(log N) with N being the number of entries that are pending in the group',
    categories: ['stream'],
    keySpecs: oneKey('RW', 'update'),
    tips: ['nondeterministic_output'],
    arguments: [
      keyArgument,
      groupArgument,
      consumerArgument,
      minIdleTimeArgument,
      idsArgument,
      { name: 'ms', type: 'integer', token: 'IDLE', optional: true },
      { name: 'unix-time-milliseconds', type: 'unix-time', token: 'TIME', optional: true },
      { name: 'count', type: 'integer', token: 'RETRYCOUNT', optional: true },
      { name: 'force', type: 'pure-token', token: 'FORCE', optional: true },
      justIdArgument,
      { name: 'id', type: 'string', token: 'LASTID', optional: true },
    ],
    route: { on: 'key' },
    shard: xclaim,
  },
  {
    name: 'xautoclaim',
    arity: -6,
    flags: ['write', 'fast'],
    group: 'stream',
    since: '6.2.0',
    summary: 'Gives entries that have been pending for a time to another consumer of their group.',
    complexity: 'O(1) if COUNT is small',
    categories: ['stream'],
    keySpecs: oneKey('RW', 'delete'),
    tips: ['nondeterministic_output'],
    history: [['7.0.0', 'The reply names the entries that were found deleted and are pending no more.']],
    arguments: [
      keyArgument,
      groupArgument,
      consumerArgument,
      minIdleTimeArgument,
      { name: 'start', type: 'string' },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
      justIdArgument,
    ],
    route: { on: 'key' },
    shard: xautoclaim,
  },
]
