/**
 * The counts of SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: a positive one asks for so many different elements, a negative one
 * for so many picks, each from all elements.
 *
 * Runs in a shard worker. Invariant: a reply of picks is begun only when their number is within a bound.
 */
import { encodeError, errors } from '../resp/errors.js'
import type { ShardCall } from './shard-call.js'

const INT64_MAX = 9223372036854775807n
/** A reply of twice as many elements must still have an int64 as its length. */
const COUNT_WITH_DETAILS_MAX = INT64_MAX / 2n

const OUTSIDE_INT64 = encodeError(
  'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
)
const OUT_OF_RANGE = encodeError('ERR value is out of range')

/**
 * So many picks are made at most. Nothing else bounds them, whatever the size of the collection: Redis goes on until its
 * client has gone or its memory is full. A shard cannot know the first, and would answer nobody else meanwhile; a million
 * picks take it some tenths of a second.
 */
export const PICKS_MAX = 1024 * 1024

const TOO_MANY_PICKS = encodeError(`ERR value is out of range, value must between -${PICKS_MAX} and ${INT64_MAX}`)

/** Argument 2 as a count, rounded where it is beyond 2^53. @returns NaN after an error reply */
export function randomCountAt(call: ShardCall): number {
  const count = call.integer(2)
  if (!Number.isNaN(count)) return count
  const large = call.int64(2)
  if (large !== undefined && large >= -INT64_MAX) return Number(large)
  call.reply.error(large === undefined ? errors.notAnInteger : OUTSIDE_INT64)
  return Number.NaN
}

/** Whether the count in argument 2 is one with which each element may come with another one; replies an error if not. */
export function mayHaveDetails(call: ShardCall): boolean {
  const count = call.int64(2) as bigint
  if (count >= -COUNT_WITH_DETAILS_MAX && count <= COUNT_WITH_DETAILS_MAX) return true
  call.reply.error(OUT_OF_RANGE)
  return false
}

/** Whether there may be so many picks; replies an error if not. */
export function mayPick(call: ShardCall, picks: number): boolean {
  if (picks <= PICKS_MAX) return true
  call.reply.error(TOO_MANY_PICKS)
  return false
}
