/**
 * How the hash commands find their key, and what they have in common in the command table.
 *
 * Runs in a shard worker; the descriptions are imported by both threads.
 */
import { errors } from '../../resp/errors.js'
import type { Hashes } from '../../store/hash/hashes.js'
import { ValueType } from '../../store/value-type.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec } from '../spec.js'

export const KeyState = { missing: 0, hash: 1, wrongType: 2 } as const
export type KeyState = (typeof KeyState)[keyof typeof KeyState]

/** Stands on the hash under the first argument, to read it. Replies only to a key of another type. */
export function readHash(call: ShardCall): KeyState {
  if (!call.find(1)) return KeyState.missing
  if (call.db.type !== ValueType.hash) {
    call.reply.error(errors.wrongType)
    return KeyState.wrongType
  }
  call.keyspace.hashes.open(call.db)
  return KeyState.hash
}

/** The same to change it: `settle` must follow. */
export function writeHash(call: ShardCall): KeyState {
  if (!call.findForWrite(1)) return KeyState.missing
  if (call.db.type !== ValueType.hash) {
    call.reply.error(errors.wrongType)
    return KeyState.wrongType
  }
  call.keyspace.hashes.openForWrite(call.db)
  return KeyState.hash
}

/** Makes an empty hash under the first argument, where there is no key. */
export function createHash(call: ShardCall): void {
  call.keyspace.hashes.create(call.db, call.bytes, call.offsets[1] as number, call.lengths[1] as number)
}

/**
 * Ends a change of the hash that was stood on or made, also one that has come to an end for lack of memory: what was done
 * until then stays.
 */
export function settle(call: ShardCall, isNew: boolean, isChanged: boolean): void {
  const { hashes } = call.keyspace
  if (isNew || isChanged) hashes.settle(isNew)
  else hashes.settleUnchanged()
}

/** Finds the field that argument `i` names, in the hash that was stood on. */
export function findField(call: ShardCall, i: number): boolean {
  return call.keyspace.hashes.find(call.bytes, call.offsets[i] as number, call.lengths[i] as number)
}

/** Sets the field of argument `i` to argument `i + 1`. @returns whether the field is new */
export function setField(call: ShardCall, i: number, keepsTime: boolean): boolean {
  const { bytes, offsets, lengths } = call
  return call.keyspace.hashes.set(
    bytes,
    offsets[i] as number,
    lengths[i] as number,
    bytes,
    offsets[i + 1] as number,
    lengths[i + 1] as number,
    keepsTime,
  )
}

/** Replies with the value found last. */
export function replyValue(call: ShardCall, hashes: Hashes): void {
  call.reply.bulk(hashes.valueBytes, hashes.valueOffset, hashes.valueLength)
}

/** Replies with the name of the field found or visited last. */
export function replyField(call: ShardCall, hashes: Hashes): void {
  call.reply.bulk(hashes.fieldBytes, hashes.fieldOffset, hashes.fieldLength)
}

export const fieldArgument: ArgumentSpec = { name: 'field', type: 'string' }

/** The fields of a command that takes any number of them. */
export const fieldsArgument: ArgumentSpec = { name: 'field', type: 'string', multiple: true }

/** What the entries of all hash commands have in common. */
export const hashCommand = { group: 'hash', categories: ['hash'], route: { on: 'key' } } as const
