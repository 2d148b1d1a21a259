/**
 * How sorted sets are looked up for a command, and how their elements and scores are replied.
 *
 * Runs in a shard worker, on its hot paths: integer scores are written without making a string.
 */
import { SCORE_TEXT_BYTES_MAX, writeScore } from '../../base/score-text.js'
import { errors } from '../../resp/errors.js'
import type { ReplyWriter } from '../../resp/reply-writer.js'
import { ValueType } from '../../store/value-type.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import type { ShardCall } from '../shard-call.js'

const COMMA = 44
const CR = 13
const LF = 10

const scoreText = new Uint8Array(SCORE_TEXT_BYTES_MAX)

/** A double, in RESP2 a bulk string of the same digits. */
export function replyScore(reply: ReplyWriter, score: number): void {
  if (!reply.resp3) {
    reply.bulk(scoreText, 0, writeScore(scoreText, 0, score))
    return
  }
  reply.ensure(SCORE_TEXT_BYTES_MAX + 3)
  reply.bytes[reply.position++] = COMMA
  reply.position += writeScore(reply.bytes, reply.position, score)
  reply.bytes[reply.position++] = CR
  reply.bytes[reply.position++] = LF
}

export function replyMember(reply: ReplyWriter, set: SortedSet): void {
  reply.bulk(set.memberBytes, set.memberOffset, set.memberLength)
}

/** Begins an array of elements: with scores it is flat in RESP2, and one of pairs in RESP3. */
export function replyElementCount(reply: ReplyWriter, count: number, withScores: boolean): void {
  reply.array(withScores && !reply.resp3 ? count * 2 : count)
}

/** The element in hand, as a part of such an array. */
export function replyElement(reply: ReplyWriter, set: SortedSet, withScores: boolean): void {
  if (withScores && reply.resp3) reply.array(2)
  replyMember(reply, set)
  if (withScores) replyScore(reply, set.score)
}

/** Whether the key in hand is something else than a sorted set; replies the error if so. */
export function isOfOtherType(call: ShardCall): boolean {
  if (call.db.type === ValueType.zset) return false
  call.reply.error(errors.wrongType)
  return true
}

/** Argument `i` as a 64-bit integer, rounded to a double beyond 2^53; NaN when it is none. */
export function longArgument(call: ShardCall, i: number): number {
  const integer = call.integer(i)
  return Number.isNaN(integer) ? Number(call.int64(i)) : integer
}

/** What is done to a sorted set when the command has removed elements of it: an empty one goes. */
export function endRemoval(call: ShardCall, set: SortedSet): void {
  if (set.count === 0) call.db.remove()
  else call.db.modified()
}
