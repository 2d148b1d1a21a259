/**
 * The arguments that the commands about the expiry of fields have in common: a time, and `FIELDS numfields field ...`.
 *
 * Runs in a shard worker; the descriptions are imported by both threads. The functions reply with an error themselves.
 */
import { encodeError, errors, invalidExpire } from '../../resp/errors.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec } from '../spec.js'
import { fieldsArgument } from './hash-lookup.js'

/** Redis keeps times of fields in 46 bits (HFE_MAX_ABS_TIME_MSEC). */
const FIELD_TIME_MS_MAX = 70368744177663

const NO_FIELDS_KEYWORD = encodeError('ERR Mandatory argument FIELDS is missing or not at the right position')
const FIELDS_DO_NOT_MATCH = encodeError('ERR The `numfields` parameter must match the number of arguments')
const NEGATIVE_TIME = encodeError('ERR invalid expire time, must be >= 0')
export const FIELDS_NOT_POSITIVE = encodeError('ERR Number of fields must be a positive integer')
export const NUM_FIELDS_TOO_SMALL = encodeError('ERR Parameter `numFields` should be greater than 0')

/**
 * Reads `FIELDS numfields field ...`, which begins at argument `i` and ends with the last.
 * @param notPositive the error for a number of fields that is none
 * @returns the position of the first field, -1 after an error reply
 */
export function firstFieldAt(call: ShardCall, i: number, notPositive: Uint8Array): number {
  if (i >= call.argc || !call.is(i, 'FIELDS')) {
    call.reply.error(NO_FIELDS_KEYWORD)
    return -1
  }
  const count = i + 1 < call.argc ? call.int64(i + 1) : undefined
  if (count === undefined || count < 1n) {
    call.reply.error(notPositive)
    return -1
  }
  if (count !== BigInt(call.argc - i - 2)) {
    call.reply.error(FIELDS_DO_NOT_MATCH)
    return -1
  }
  return i + 2
}

/**
 * Argument `i` as a point in time in milliseconds: `baseMs` plus the argument in units of `unitMs` (1 or 1000).
 * @returns -1 after an error reply
 */
export function fieldTimeAt(call: ShardCall, i: number, unitMs: number, baseMs: number): number {
  const time = call.integer(i)
  if (Number.isNaN(time)) {
    const large = call.int64(i)
    if (large === undefined) call.reply.error(errors.notAnInteger)
    else call.reply.error(large < 0n ? NEGATIVE_TIME : invalidExpire(call.spec.name))
    return -1
  }
  if (time < 0) {
    call.reply.error(NEGATIVE_TIME)
    return -1
  }
  // Up to 2^53 times 1000 the product may be rounded, but not to below the limit.
  if (time * unitMs > FIELD_TIME_MS_MAX - baseMs) {
    call.reply.error(invalidExpire(call.spec.name))
    return -1
  }
  return time * unitMs + baseMs
}

/** `FIELDS numfields field ...` as COMMAND DOCS describes it. */
export const fieldsBlockArgument: ArgumentSpec = {
  name: 'fields',
  type: 'block',
  token: 'FIELDS',
  arguments: [{ name: 'numfields', type: 'integer' }, fieldsArgument],
}
