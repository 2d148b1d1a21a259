/**
 * XREAD and XREADGROUP on the shard of their keys.
 *
 * Runs in a shard worker. Keys on several shards are read by each shard for itself, see `router/stream-reads.ts`.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xreadgroup/; order of checks as in Redis 7.0.
 */
import { asciiBytes } from '../../base/bytes.js'
import { encodeError } from '../../resp/errors.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { advance } from '../../store/stream/stream-progress.js'
import { ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import type { CommandSpec, KeySpec } from '../spec.js'
import { findStreamKeys, readOptions as options } from './read-options.js'
import {
  findGroup,
  idBytes,
  isCharacter,
  KeyState,
  readId,
  readStream,
  replyEntry,
  replyId,
  replyRange,
  shown,
  useConsumer,
} from './stream-call.js'
import { effectOfClaim, effectOfLastId, effectOfNewConsumer } from './stream-effects.js'

const LAST_ID_IN_XREADGROUP = encodeError(
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
)
const LAST_ENTRY_IN_XREADGROUP = encodeError(
  'ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.',
)
const NEW_ID_IN_XREAD = encodeError(
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
)
const KEY_GONE = encodeError('UNBLOCKED the stream key no longer exists')
const GROUP_GONE = encodeError('NOGROUP the consumer group this client was blocked on no longer exists')

const BLOCK = asciiBytes('block')

/** Who has waited gets no more than this many entries unless it has said a number. */
const COUNT_AFTER_WAIT = 1000

const DOLLAR = 0x24
const PLUS = 0x2b
const GREATER = 0x3e

/** Where entries are read from: behind this ID. */
const after = new StreamId()
const lastEntryId = new StreamId()
const end = new StreamId()

function xread(call: ShardCall): void {
  if (options.parse(call, false)) read(call)
}

function xreadgroup(call: ShardCall): void {
  if (options.parse(call, true)) read(call)
}

/** What XREADGROUP would refuse, for a shard that has some of the keys: nothing is delivered before all have agreed. */
function checkGroupRead(call: ShardCall): void {
  if (options.parse(call, true) && areStreamsReadable(call)) call.reply.ok()
}

function read(call: ShardCall): void {
  if (options.groupAt > 0) call.effects.none()
  if (call.isRetry) {
    readAfterWait(call)
    return
  }
  if (!areStreamsReadable(call)) return
  if (readAll(call)) return
  if (options.timeoutMs < 0 || !call.mayBlock) {
    call.reply.nilArray()
    return
  }
  rememberLastIds(call)
  call.wouldBlock(options.timeoutMs)
}

/** Checks keys, groups and IDs of all streams. @returns false after an error reply */
function areStreamsReadable(call: ShardCall): boolean {
  const { reply } = call
  const { keysAt, streams, groupAt } = options
  for (let i = keysAt; i < keysAt + streams; i++) {
    const state = readStream(call, i)
    if (state === KeyState.wrongType) return false
    if (groupAt > 0 && (state === KeyState.missing || !findGroup(call, groupAt))) {
      const key = shown(call, i)
      reply.errorText(
        `NOGROUP No such key '${key}' or consumer group '${shown(call, groupAt)}' in XREADGROUP with GROUP option`,
      )
      return false
    }
    const idAt = i + streams
    if (isCharacter(call, idAt, DOLLAR)) {
      if (groupAt === 0) continue
      reply.error(LAST_ID_IN_XREADGROUP)
      return false
    }
    if (isCharacter(call, idAt, PLUS)) {
      if (groupAt === 0) continue
      reply.error(LAST_ENTRY_IN_XREADGROUP)
      return false
    }
    if (isCharacter(call, idAt, GREATER)) {
      if (groupAt > 0) continue
      reply.error(NEW_ID_IN_XREAD)
      return false
    }
    if (!readId(call, idAt, after)) return false
  }
  return true
}

/** Replies with what there is to read of all streams. @returns false when there is nothing, without a reply */
function readAll(call: ShardCall): boolean {
  const { reply } = call
  const { keysAt, streams } = options
  let served = 0
  let mark = 0
  for (let i = keysAt; i < keysAt + streams; i++) {
    if (readStream(call, i) !== KeyState.stream) continue
    const reading =
      options.groupAt > 0 ? prepareGroupRead(call, i) : hasEntriesAfter(call, i) ? Reading.fresh : Reading.nothing
    if (reading === Reading.nothing) continue
    // The reply to one stream, the commonest, may leave in pieces.
    if (streams === 1) openReply(call)
    else if (served === 0) mark = reply.openArray()
    served++
    replyStream(call, i, reading === Reading.history, options.count)
  }
  if (served === 0) return false
  if (streams > 1) {
    if (reply.resp3) reply.closeMap(mark, served)
    else reply.closeArray(mark, served)
  }
  return true
}

/** What a stream has for a read: nothing, entries behind `after`, or those that are pending for the consumer. */
const Reading = { nothing: 0, fresh: 1, history: 2 } as const

/** Finds out behind which ID a stream is read for a group. */
function prepareGroupRead(call: ShardCall, i: number): number {
  const { streams } = call.keyspace
  findGroup(call, options.groupAt)
  const idAt = i + options.streams
  if (!isCharacter(call, idAt, GREATER)) {
    readId(call, idAt, after)
    // As in Redis the greatest ID is another way to ask for new entries.
    if (!after.isMax) return Reading.history
  }
  streams.groups.readLastId(after)
  return streams.readLastEntryId(lastEntryId) && lastEntryId.compare(after) > 0 ? Reading.fresh : Reading.nothing
}

/** Finds out behind which ID the stream of key `i` is read without a group. @returns whether there is anything */
function hasEntriesAfter(call: ShardCall, i: number): boolean {
  const { streams } = call.keyspace
  if (!streams.readLastEntryId(lastEntryId)) return false
  const idAt = i + options.streams
  if (isCharacter(call, idAt, DOLLAR)) streams.root.readLastId(after)
  else if (isCharacter(call, idAt, PLUS)) after.copy(lastEntryId).decrement()
  else readId(call, idAt, after)
  return lastEntryId.compare(after) > 0
}

/** Begins a reply with one stream. */
function openReply(call: ShardCall): void {
  if (call.reply.resp3) call.reply.map(1)
  else call.reply.array(1)
}

/** Replies with key `i` and its entries behind `after`, and counts them as delivered where a group reads. */
function replyStream(call: ShardCall, i: number, isHistory: boolean, count: number): void {
  const { reply } = call
  if (!reply.resp3) reply.array(2)
  call.replyArgument(i)
  after.increment()
  end.setMax()
  if (options.groupAt === 0) {
    replyRange(call, after, end, count, false)
    return
  }
  try {
    const isNew = useConsumer(call, options.groupAt + 1, i)
    // Otherwise the claim of an entry makes it.
    if (isNew && (isHistory || options.isAcknowledged)) effectOfNewConsumer(call, i, options.groupAt)
    if (isHistory) replyHistory(call, i, count)
    else if (!deliver(call, i, count) && isNew && !options.isAcknowledged) effectOfNewConsumer(call, i, options.groupAt)
  } finally {
    // Where memory runs out on the way, what has been delivered stays pending.
    call.db.modifiedAside()
  }
}

/**
 * Replies with new entries of the stream in hand, that of key `i`, which become pending for the consumer in hand.
 * @returns whether there were any
 */
function deliver(call: ShardCall, i: number, count: number): boolean {
  const { reply, nowMs } = call
  const { streams } = call.keyspace
  const { entries, groups, root } = streams
  const mark = reply.openArray()
  let delivered = 0
  let isAdvanced = false
  entries.walk(after, end, false)
  while ((count === 0 || delivered < count) && entries.next()) {
    const { id } = entries
    if (!options.isAcknowledged) {
      groups.assign(id)
      groups.deliveredAtMs = nowMs
      groups.deliveries = 1
    }
    if (id.compare(groups.readLastId(lastEntryId)) > 0) {
      advance(root, groups, id)
      isAdvanced = true
    }
    if (!options.isAcknowledged) effectOfClaim(call, i, options.groupAt, id)
    replyEntry(reply, entries)
    delivered++
  }
  if (delivered > 0) groups.activeAtMs = nowMs
  // Claims say the last ID, but not how many entries have been read.
  if (isAdvanced) effectOfLastId(call, i, options.groupAt)
  reply.closeArray(mark, delivered)
  return delivered > 0
}

/** Replies with entries that are pending for the consumer in hand, of key `i`, which delivers them once more. */
function replyHistory(call: ShardCall, i: number, count: number): void {
  const { reply, nowMs } = call
  const { entries, groups } = call.keyspace.streams
  const { consumerPending, pending } = groups
  const mark = reply.openArray()
  let delivered = 0
  for (
    let more = consumerPending.seekCeiling(after);
    more && (count === 0 || delivered < count);
    more = consumerPending.next()
  ) {
    consumerPending.readId(lastEntryId)
    if (entries.find(lastEntryId)) {
      pending.find(lastEntryId)
      groups.deliveredAtMs = nowMs
      groups.deliveries++
      effectOfClaim(call, i, options.groupAt, lastEntryId)
      replyEntry(reply, entries)
    } else {
      reply.array(2)
      replyId(reply, lastEntryId)
      reply.nilArray()
    }
    delivered++
  }
  reply.closeArray(mark, delivered)
}

/** A `$` means what is the last ID now, also when the command runs again. */
function rememberLastIds(call: ShardCall): void {
  const { keysAt, streams } = options
  for (let i = keysAt; i < keysAt + streams; i++) {
    if (!isCharacter(call, i + streams, DOLLAR)) continue
    if (call.peek(i) && call.db.type === ValueType.stream) {
      call.keyspace.streams.open(call.db)
      call.keyspace.streams.root.readLastId(after)
    } else {
      after.setMin()
    }
    call.replaceArgument(i + streams, idBytes(after))
  }
}

/** Runs again for a client that waits, because one of its keys has become ready. */
function readAfterWait(call: ShardCall): void {
  const { reply, keyspace, readyKey } = call
  const isGroupRead = options.groupAt > 0
  const isStream = call.peek(readyKey) && call.db.type === ValueType.stream
  if (!isStream) {
    if (isGroupRead) reply.error(KEY_GONE)
    else call.wouldBlock(options.timeoutMs)
    return
  }
  const { streams } = keyspace
  streams.open(call.db)
  const idAt = readyKey + options.streams
  if (isGroupRead) {
    if (!findGroup(call, options.groupAt)) {
      reply.error(GROUP_GONE)
      return
    }
    streams.groups.readLastId(after)
  } else if (isCharacter(call, idAt, PLUS)) {
    if (streams.readLastEntryId(after)) after.decrement()
    else after.setMin()
  } else {
    readId(call, idAt, after)
  }
  // As in Redis it is the last ID that counts, even if its entry has gone again.
  if (streams.root.compareToLastId(after) >= 0) {
    call.wouldBlock(options.timeoutMs)
    return
  }
  openReply(call)
  replyStream(call, readyKey, false, options.count === 0 ? COUNT_AFTER_WAIT : options.count)
}

function streamsKeySpec(startFrom: number): readonly KeySpec[] {
  return [
    {
      flags: ['RO', 'access'],
      begin: { keyword: 'STREAMS', startFrom },
      find: { lastKey: -1, keyStep: 1, limit: 2 },
    },
  ]
}

const streamsArgument = {
  name: 'streams',
  type: 'block',
  token: 'STREAMS',
  arguments: [
    { ...keyArgument, multiple: true },
    { name: 'id', type: 'string', multiple: true },
  ],
} as const

const countArgument = { name: 'count', type: 'integer', token: 'COUNT', optional: true } as const
const blockArgument = { name: 'milliseconds', type: 'integer', token: 'BLOCK', optional: true } as const

const ofRead = {
  group: 'stream',
  since: '5.0.0',
  categories: ['stream'],
  findKeys: findStreamKeys,
  route: { on: 'hops', coordinator: 'read-streams' },
} as const

/** Sent by the router before an XREADGROUP over several shards: the same arguments, and a reply of OK or an error. */
export const shardCheckGroupRead: CommandSpec = {
  name: 'shard.check-group-read',
  arity: -7,
  flags: [],
  group: 'stream',
  since: '0.1.0',
  summary: '',
  complexity: '',
  internal: true,
  findKeys: findStreamKeys,
  route: { on: 'key' },
  shard: checkGroupRead,
}

export const streamReadCommands: readonly CommandSpec[] = [
  {
    ...ofRead,
    name: 'xread',
    arity: -4,
    flags: ['readonly', 'blocking', 'movablekeys'],
    summary: 'Returns the entries of streams behind the IDs given, and may wait for them.',
    complexity: 'O(N) for each stream, with N being the number of entries returned',
    keySpecs: streamsKeySpec(1),
    arguments: [countArgument, blockArgument, streamsArgument],
    blocking: { option: BLOCK },
    shard: xread,
  },
  {
    ...ofRead,
    name: 'xreadgroup',
    arity: -7,
    flags: ['write', 'blocking', 'movablekeys'],
    summary:
      'Returns entries of streams to a consumer of a group: new ones, for which it may wait, or its pending ones.',
    complexity: 'O(M) for each stream, with M being the number of entries returned',
    keySpecs: streamsKeySpec(4),
    arguments: [
      {
        name: 'group_consumer',
        type: 'block',
        token: 'GROUP',
        arguments: [
          { name: 'group', type: 'string' },
          { name: 'consumer', type: 'string' },
        ],
      },
      countArgument,
      blockArgument,
      { name: 'noack', type: 'pure-token', token: 'NOACK', optional: true },
      streamsArgument,
    ],
    blocking: { option: BLOCK, endsWithKey: true },
    shard: xreadgroup,
  },
]
