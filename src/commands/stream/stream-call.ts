/**
 * What the stream commands have in common: finding their key, reading IDs and integers, replying IDs and entries.
 *
 * Runs in a shard worker; the descriptions are imported by both threads. The IDs here are of the command in hand: no
 * command keeps them.
 */
import { encodeError, errors, shownPart } from '../../resp/errors.js'
import type { ReplyWriter } from '../../resp/reply-writer.js'
import { keyEvents } from '../../store/keyspace-events.js'
import type { StreamEntries } from '../../store/stream/stream-entries.js'
import { IdForm, STREAM_ID_TEXT_BYTES_MAX, type StreamId } from '../../store/stream/stream-id.js'
import { ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec, KeySpec } from '../spec.js'

const INVALID_ID = encodeError('ERR Invalid stream ID specified as stream command argument')
const INVALID_START = encodeError('ERR invalid start ID for the interval')
const INVALID_END = encodeError('ERR invalid end ID for the interval')

export const KeyState = { missing: 0, stream: 1, wrongType: 2 } as const
export type KeyState = (typeof KeyState)[keyof typeof KeyState]

/** Stands on the stream under argument `i`, to read it. Replies only to a key of another type. */
export function readStream(call: ShardCall, i = 1): KeyState {
  return call.find(i) ? openStream(call) : KeyState.missing
}

/** The same to change it. */
export function writeStream(call: ShardCall, i = 1): KeyState {
  return call.findForWrite(i) ? openStream(call) : KeyState.missing
}

/** Stands on the stream of the key in hand. Replies only to a key of another type. */
export function openStream(call: ShardCall): KeyState {
  if (call.db.type !== ValueType.stream) {
    call.reply.error(errors.wrongType)
    return KeyState.wrongType
  }
  call.keyspace.streams.open(call.db)
  return KeyState.stream
}

/** Finds the group that argument `i` names, of the stream in hand. */
export function findGroup(call: ShardCall, i: number): boolean {
  return call.keyspace.streams.groups.findGroup(call.bytes, call.offsets[i] as number, call.lengths[i] as number)
}

/** Finds the consumer that argument `i` names, of the group in hand. */
export function findConsumer(call: ShardCall, i: number): boolean {
  return call.keyspace.streams.groups.findConsumer(call.bytes, call.offsets[i] as number, call.lengths[i] as number)
}

/** Finds or creates the consumer that argument `i` names: it was seen now. @returns whether it is new */
export function useConsumer(call: ShardCall, i: number, key: number): boolean {
  const { groups } = call.keyspace.streams
  if (findConsumer(call, i)) {
    groups.seenAtMs = call.nowMs
    return false
  }
  groups.createConsumer(call.bytes, call.offsets[i] as number, call.lengths[i] as number, call.nowMs)
  call.notify(keyEvents['xgroup-createconsumer'], key)
  return true
}

/** Argument `i` as it is shown in an error. */
export function shown(call: ShardCall, i: number): string {
  return shownPart(call.text(i))
}

/**
 * Reads argument `i` as an ID.
 * @param forms what is taken besides numbers, of `IdForm`
 * @returns false after an error reply
 */
export function readId(call: ShardCall, i: number, id: StreamId, forms: number = IdForm.strict): boolean {
  if (id.parse(call.bytes, call.offsets[i] as number, call.lengths[i] as number, forms)) return true
  call.reply.error(INVALID_ID)
  return false
}

/** Whether arguments `first` up to `end` are IDs, before anything is done to one of them; else replies with an error. */
export function areIds(call: ShardCall, first: number, end: number, scratch: StreamId): boolean {
  for (let i = first; i < end; i++) if (!readId(call, i, scratch)) return false
  return true
}

/** Reads argument `i` as the beginning of an interval; with a `(` before it the ID itself is left out. */
export function readStart(call: ShardCall, i: number, id: StreamId): boolean {
  const isOpen = readBound(call, i, id, false)
  if (isOpen === undefined) return false
  if (!isOpen || id.increment()) return true
  call.reply.error(INVALID_START)
  return false
}

/** Reads argument `i` as the end of an interval: a time alone means the last ID of that time. */
export function readEnd(call: ShardCall, i: number, id: StreamId): boolean {
  const isOpen = readBound(call, i, id, true)
  if (isOpen === undefined) return false
  if (!isOpen || id.decrement()) return true
  call.reply.error(INVALID_END)
  return false
}

/** @returns whether the interval is open at this ID; undefined after an error reply */
function readBound(call: ShardCall, i: number, id: StreamId, isEnd: boolean): boolean | undefined {
  const offset = call.offsets[i] as number
  const length = call.lengths[i] as number
  const isOpen = length > 1 && call.bytes[offset] === 0x28
  const valid = isOpen
    ? id.parse(call.bytes, offset + 1, length - 1, IdForm.strict, isEnd)
    : id.parse(call.bytes, offset, length, IdForm.withEnds, isEnd)
  if (valid) return isOpen
  call.reply.error(INVALID_ID)
  return undefined
}

/** Argument `i` as an integer of 64 bits; beyond 2^53 it counts as that. NaN when it is none. */
export function clampedInteger(call: ShardCall, i: number): number {
  const integer = call.integer(i)
  if (!Number.isNaN(integer)) return integer
  const large = call.int64(i)
  if (large === undefined) return Number.NaN
  return large < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
}

/** The same; NaN after an error reply. */
export function readInteger(call: ShardCall, i: number, error: Uint8Array = errors.notAnInteger): number {
  const integer = clampedInteger(call, i)
  if (Number.isNaN(integer)) call.reply.error(error)
  return integer
}

/** Whether argument `i` is this one character; a zero byte ends the argument, as in Redis. */
export function isCharacter(call: ShardCall, i: number, character: number): boolean {
  const length = call.lengths[i] as number
  const offset = call.offsets[i] as number
  return length > 0 && call.bytes[offset] === character && (length === 1 || call.bytes[offset + 1] === 0)
}

const idText = new Uint8Array(STREAM_ID_TEXT_BYTES_MAX)

export function replyId(reply: ReplyWriter, id: StreamId): void {
  reply.bulk(idText, 0, id.write(idText, 0))
}

/** The text of an ID, in memory of its own. */
export function idBytes(id: StreamId): Uint8Array {
  return idText.slice(0, id.write(idText, 0))
}

/** Replies with the entry in hand: its ID, and an array of its fields and values. */
export function replyEntry(reply: ReplyWriter, entries: StreamEntries): void {
  const { listpack } = entries.node
  reply.array(2)
  replyId(reply, entries.id)
  const { fieldCount } = entries
  reply.array(fieldCount * 2)
  for (let i = 0; i < fieldCount; i++) {
    entries.readField()
    reply.bulk(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
    entries.readValue()
    reply.bulk(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
  }
}

/**
 * Replies with an array of the entries from one ID to another.
 * @param countMax how many at most, 0 for all
 */
export function replyRange(
  call: ShardCall,
  start: StreamId,
  end: StreamId,
  countMax: number,
  isReverse: boolean,
): void {
  const { keyspace, reply } = call
  const { entries, root } = keyspace.streams
  const { length } = root
  entries.walk(start, end, isReverse)
  const max = countMax === 0 ? length : Math.min(countMax, length)
  if (length > 0 && start.isMin && root.compareToLastId(end) >= 0) {
    // The number is known before: the reply may leave in pieces.
    reply.array(max)
    for (let i = 0; i < max && entries.next(); i++) replyEntry(reply, entries)
    return
  }
  const mark = reply.openArray()
  let count = 0
  while (count < max && entries.next()) {
    replyEntry(reply, entries)
    count++
  }
  reply.closeArray(mark, count)
}

/** The key specification of a subcommand's key, which stands behind its name. */
export function subcommandKey(...flags: KeySpec['flags']): readonly KeySpec[] {
  return [{ flags, begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } }]
}

export const groupArgument: ArgumentSpec = { name: 'group', type: 'string' }
export const groupNameArgument: ArgumentSpec = { name: 'groupname', type: 'string' }
export const consumerArgument: ArgumentSpec = { name: 'consumer', type: 'string' }
export const consumerNameArgument: ArgumentSpec = { name: 'consumername', type: 'string' }
export const idsArgument: ArgumentSpec = { name: 'id', type: 'string', multiple: true }
