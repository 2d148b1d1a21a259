/**
 * XADD, XTRIM, XLEN and XSETID.
 *
 * Runs in a shard worker. Plain XADD is the hot path: nothing is allocated but what the stream grows by.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xadd/ and the pages of the others; order of checks as in Redis.
 */
import { encodeError, errors, wrongArity } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { NODE_BYTES_MAX } from '../../store/stream/streams.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { KeyState, readId, readInteger, readStream, replyId, writeStream } from './stream-call.js'
import { effectOfTrim } from './stream-effects.js'
import { referencesArgument, trimArgument, trimOptions } from './trim-options.js'

const ZERO_ID = encodeError('ERR The ID specified in XADD must be greater than 0-0')
const NO_ID_LEFT = encodeError('ERR The stream has exhausted the last possible ID, unable to add more items')
const SMALL_ID = encodeError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
const TOO_LARGE = encodeError('ERR Elements are too large to be stored')
const NEGATIVE_ENTRIES_ADDED = encodeError('ERR entries_added must be positive')
const SMALLER_THAN_DELETED = encodeError(
  'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
)
const SMALLER_THAN_TOP = encodeError('ERR The ID specified in XSETID is smaller than the target stream top item')
const SMALLER_THAN_LENGTH = encodeError(
  'ERR The entries_added specified in XSETID is smaller than the target stream length',
)

const lastId = new StreamId()
const newId = new StreamId()
const deletedId = new StreamId()

function xadd(call: ShardCall): void {
  const { reply, argc } = call
  const idAt = trimOptions.parse(call, true)
  if (idAt < 0) return
  const first = idAt + 1
  if (argc - first < 2 || (argc - first) % 2 !== 0) {
    reply.error(wrongArity('xadd'))
    return
  }
  const { id, isIdGiven, trim } = trimOptions
  if (isIdGiven && id.isSequenceGiven && id.isMin) {
    reply.error(ZERO_ID)
    return
  }
  const state = writeStream(call)
  if (state === KeyState.wrongType) return
  const { streams } = call.keyspace
  if (state === KeyState.stream) {
    streams.root.readLastId(lastId)
  } else if (trimOptions.makesNoStream) {
    reply.nil()
    return
  } else {
    lastId.setMin()
  }
  if (!chooseId(call)) return
  if (isTooLarge(call, first)) {
    reply.error(TOO_LARGE)
    return
  }
  if (state === KeyState.stream) {
    streams.append(newId, call.bytes, call.offsets, call.lengths, first, argc)
    call.db.modified()
    call.signalReady()
  } else {
    createWithEntry(call, first)
  }
  call.notify(keyEvents.xadd, 1)
  if (trim.apply(streams) > 0) call.notify(keyEvents.xtrim, 1)
  effectOfTrim(call, 'XADD', idAt, newId)
  replyId(reply, newId)
}

/** Finds the ID of the new entry, behind the one in `lastId`. @returns false after an error reply */
function chooseId(call: ShardCall): boolean {
  const { id, isIdGiven } = trimOptions
  if (lastId.isMax) {
    call.reply.error(NO_ID_LEFT)
    return false
  }
  if (!isIdGiven) {
    newId.setTime(call.nowMs)
    if (newId.compare(lastId) <= 0 || newId.isSameTime(lastId)) newId.copy(lastId).increment()
  } else if (!id.isSequenceGiven && id.isSameTime(lastId) && !lastId.isSequenceMax) {
    newId.copy(lastId).increment()
  } else {
    newId.copy(id)
  }
  if (newId.compare(lastId) > 0) return true
  call.reply.error(SMALL_ID)
  return false
}

function isTooLarge(call: ShardCall, first: number): boolean {
  let bytes = 0
  for (let i = first; i < call.argc; i++) bytes += call.lengths[i] as number
  return bytes > NODE_BYTES_MAX
}

function createWithEntry(call: ShardCall, first: number): void {
  const { db, bytes, offsets, lengths } = call
  const { streams } = call.keyspace
  streams.create(db, bytes, offsets[1] as number, lengths[1] as number)
  try {
    streams.append(newId, bytes, offsets, lengths, first, call.argc)
  } catch (error) {
    db.remove()
    throw error
  }
}

function xtrim(call: ShardCall): void {
  if (trimOptions.parse(call, false) < 0) return
  const state = writeStream(call)
  if (state === KeyState.wrongType) return
  const removed = state === KeyState.stream ? trimOptions.trim.apply(call.keyspace.streams) : 0
  if (removed > 0) {
    call.db.modified()
    call.notify(keyEvents.xtrim, 1)
    effectOfTrim(call, 'XTRIM', call.argc, null)
  }
  call.reply.integer(removed)
}

function xlen(call: ShardCall): void {
  const state = readStream(call)
  if (state === KeyState.missing) call.reply.integer(0)
  else if (state === KeyState.stream) call.reply.integer(call.keyspace.streams.root.length)
}

function xsetid(call: ShardCall): void {
  const { reply, argc } = call
  if (!readId(call, 2, newId)) return
  let entriesAdded = -1
  deletedId.setMin()
  for (let i = 3; i < argc; i += 2) {
    if (i + 1 < argc && call.is(i, 'ENTRIESADDED')) {
      entriesAdded = readInteger(call, i + 1)
      if (Number.isNaN(entriesAdded)) return
      if (entriesAdded < 0) {
        reply.error(NEGATIVE_ENTRIES_ADDED)
        return
      }
    } else if (i + 1 < argc && call.is(i, 'MAXDELETEDID')) {
      if (!readId(call, i + 1, deletedId)) return
      if (newId.compare(deletedId) < 0) {
        reply.error(SMALLER_THAN_DELETED)
        return
      }
    } else {
      reply.error(errors.syntax)
      return
    }
  }
  const state = writeStream(call)
  if (state === KeyState.missing) reply.error(errors.noSuchKey)
  if (state !== KeyState.stream) return
  const { streams } = call.keyspace
  const { root } = streams
  if (streams.readLastEntryId(lastId)) {
    if (newId.compare(lastId) < 0) {
      reply.error(SMALLER_THAN_TOP)
      return
    }
    if (entriesAdded !== -1 && root.length > entriesAdded) {
      reply.error(SMALLER_THAN_LENGTH)
      return
    }
  }
  root.setLastId(newId)
  if (entriesAdded !== -1) root.entriesAdded = entriesAdded
  if (!deletedId.isMin) root.setMaxDeletedId(deletedId)
  call.db.modifiedAside()
  call.notify(keyEvents.xsetid, 1)
  reply.ok()
}

export const streamAddCommands: readonly CommandSpec[] = [
  {
    name: 'xadd',
    arity: -5,
    flags: ['write', 'denyoom', 'fast'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Appends an entry to a stream, which is made if it does not exist, and may trim it.',
    complexity: 'O(1), and O(N) with N being the number of entries that are trimmed',
    categories: ['stream'],
    keySpecs: [
      {
        flags: ['RW', 'update'],
        begin: { index: 1 },
        find: { lastKey: 0, keyStep: 1, limit: 0 },
        notes: 'An update and no insertion, because it may trim',
      },
    ],
    tips: ['nondeterministic_output'],
    history: [
      ['6.2.0', 'Option `NOMKSTREAM`, trimming by `MINID`, and `LIMIT`.'],
      ['7.0.0', 'IDs of the form `<ms>-*`.'],
      ['8.2.0', 'Options `KEEPREF`, `DELREF` and `ACKED`.'],
    ],
    arguments: [
      keyArgument,
      { name: 'nomkstream', type: 'pure-token', token: 'NOMKSTREAM', since: '6.2.0', optional: true },
      referencesArgument,
      { ...trimArgument, optional: true },
      {
        name: 'id_or_auto',
        type: 'oneof',
        arguments: [
          { name: 'auto_id', type: 'pure-token', token: '*' },
          { name: 'id', type: 'string' },
        ],
      },
      {
        name: 'field_value',
        type: 'block',
        multiple: true,
        arguments: [
          { name: 'field', type: 'string' },
          { name: 'value', type: 'string' },
        ],
      },
    ],
    route: { on: 'key' },
    shard: xadd,
  },
  {
    name: 'xtrim',
    arity: -4,
    flags: ['write'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Removes the first entries of a stream, up to a length or an ID.',
    complexity: 'O(N) with N being the number of entries that go; whole nodes of them go at once.',
    categories: ['stream'],
    keySpecs: oneKey('RW', 'delete'),
    tips: ['nondeterministic_output'],
    history: [
      ['6.2.0', 'Trimming by `MINID`, and `LIMIT`.'],
      ['8.2.0', 'Options `KEEPREF`, `DELREF` and `ACKED`.'],
    ],
    arguments: [keyArgument, trimArgument, referencesArgument],
    route: { on: 'key' },
    shard: xtrim,
  },
  {
    name: 'xlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Returns how many entries a stream has.',
    complexity: 'O(1)',
    categories: ['stream'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: xlen,
  },
  {
    name: 'xsetid',
    arity: -3,
    flags: ['write', 'denyoom', 'fast'],
    group: 'stream',
    since: '5.0.0',
    summary: 'Sets what a stream knows of its history: its last ID, and more.',
    complexity: 'O(1)',
    categories: ['stream'],
    keySpecs: oneKey('RW', 'update'),
    history: [['7.0.0', 'Arguments `entries_added` and `max_deleted_entry_id`.']],
    arguments: [
      keyArgument,
      { name: 'last-id', type: 'string' },
      { name: 'entries_added', type: 'integer', token: 'ENTRIESADDED', since: '7.0.0', optional: true },
      { name: 'max_deleted_entry_id', type: 'string', token: 'MAXDELETEDID', since: '7.0.0', optional: true },
    ],
    route: { on: 'key' },
    shard: xsetid,
  },
]
