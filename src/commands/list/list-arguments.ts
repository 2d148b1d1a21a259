/**
 * What the list commands share: finding a list, reading ends, integers and times, and the arguments for COMMAND DOCS.
 *
 * Runs in a shard worker. A function that may refuse has written the error reply when it says so.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec, KeySpec } from '../spec.js'

const MUST_BE_POSITIVE = encodeError('ERR value is out of range, must be positive')

/** What looking for a list finds. */
export const Found = { list: 0, nothing: 1, otherType: 2 } as const
export type Found = (typeof Found)[keyof typeof Found]

/** Looks argument `i` up as a list to change. After `otherType` the error is written. */
export function findListForWrite(call: ShardCall, i: number): Found {
  if (!call.findForWrite(i)) return Found.nothing
  return checkList(call)
}

/** Looks argument `i` up as a list to read. After `otherType` the error is written. */
export function findList(call: ShardCall, i: number): Found {
  if (!call.find(i)) return Found.nothing
  return checkList(call)
}

function checkList(call: ShardCall): Found {
  if (call.db.type === ValueType.list) return Found.list
  call.reply.error(errors.wrongType)
  return Found.otherType
}

/**
 * Argument `i` as an integer of 64 bits; beyond 2^53 it is rounded, which is far outside of every list.
 * @returns NaN after an error reply
 */
export function longArgument(call: ShardCall, i: number, refusal: Uint8Array = errors.notAnInteger): number {
  const value = call.integer(i)
  if (!Number.isNaN(value)) return value
  const wide = call.int64(i)
  if (wide !== undefined) return Number(wide)
  call.reply.error(refusal)
  return Number.NaN
}

/** As `longArgument`, and not below `least`; `refusal` answers both. */
export function countArgument(call: ShardCall, i: number, least: number, refusal = MUST_BE_POSITIVE): number {
  const value = longArgument(call, i, refusal)
  if (!(value < least)) return value
  call.reply.error(refusal)
  return Number.NaN
}

/** What `endArgument` returns. */
export const End = { refused: -1, tail: 0, head: 1 } as const
export type End = (typeof End)[keyof typeof End]

/** Argument `i` as LEFT or RIGHT. */
export function endArgument(call: ShardCall, i: number): End {
  if (call.is(i, 'LEFT')) return End.head
  if (call.is(i, 'RIGHT')) return End.tail
  call.reply.error(errors.syntax)
  return End.refused
}

/** The destination of a move. */
export const secondKey: KeySpec = {
  flags: ['RW', 'insert'],
  begin: { index: 2 },
  find: { lastKey: 0, keyStep: 1, limit: 0 },
}

/** Keys that follow their number, which stands at this position. */
export function countedKeys(index: number): readonly KeySpec[] {
  return [
    {
      flags: ['RW', 'access', 'delete'],
      begin: { index },
      find: { keyNumIndex: 0, firstKey: 1, keyStep: 1 },
    },
  ]
}

export const elementArgument: ArgumentSpec = { name: 'element', type: 'string' }
export const elementsArgument: ArgumentSpec = { name: 'element', type: 'string', multiple: true }
export const countOption: ArgumentSpec = { name: 'count', type: 'integer', token: 'COUNT', optional: true }
export const timeoutArgument: ArgumentSpec = { name: 'timeout', type: 'double' }
export const sourceArgument: ArgumentSpec = { name: 'source', type: 'key', keySpecIndex: 0 }
export const destinationArgument: ArgumentSpec = { name: 'destination', type: 'key', keySpecIndex: 1 }

/** LEFT or RIGHT. */
export function endChoice(name: string): ArgumentSpec {
  return {
    name,
    type: 'oneof',
    arguments: [
      { name: 'left', type: 'pure-token', token: 'LEFT' },
      { name: 'right', type: 'pure-token', token: 'RIGHT' },
    ],
  }
}
