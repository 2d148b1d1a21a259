/**
 * ZSCAN: the elements of a sorted set in small steps.
 *
 * Runs in a shard worker. Guarantee, as in Redis: a member that is there during the whole iteration is returned at least
 * once; others may be. A small set comes in one step.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zscan/
 */

import { globMatches } from '../../base/glob.js'
import { SCORE_TEXT_BYTES_MAX, writeScore } from '../../base/score-text.js'
import { errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import { parseScanCursor } from '../scan.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { isOfOtherType, longArgument, replyMember } from './zset-reply.js'

const COUNT_DEFAULT = 10
/** A sparse table has many empty buckets: a step looks at so many buckets for each element asked for, and no more. */
const BUCKETS_PER_COUNT = 10
const STAR = 42

const scoreText = new Uint8Array(SCORE_TEXT_BYTES_MAX)

/** The options of the command in hand; no pattern is argument 0. */
let count = COUNT_DEFAULT
let patternArgument = 0

function zscan(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  const start = parseScanCursor(bytes, offsets[2]!, lengths[2]!)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // Redis looks at the key before it looks at the options.
  if (!call.find(1)) {
    reply.array(2)
    reply.bulkInteger(0)
    reply.array(0)
    return
  }
  if (isOfOtherType(call) || !readOptions(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  if (set.isPacked) replyAll(call, set)
  else replyStep(call, set, Number(BigInt.asUintN(32, start)))
}

/** @returns false after an error reply */
function readOptions(call: ShardCall): boolean {
  count = COUNT_DEFAULT
  patternArgument = 0
  for (let i = 3; i < call.argc; i += 2) {
    const value = i + 1
    if (value < call.argc && call.is(i, 'COUNT')) {
      count = longArgument(call, value)
      if (count >= 1) continue
      call.reply.error(Number.isNaN(count) ? errors.notAnInteger : errors.syntax)
      return false
    }
    if (value >= call.argc || !call.is(i, 'MATCH')) {
      call.reply.error(errors.syntax)
      return false
    }
    const matchesAll = call.lengths[value] === 1 && call.bytes[call.offsets[value]!] === STAR
    patternArgument = matchesAll ? 0 : value
  }
  return true
}

function replyAll(call: ShardCall, set: SortedSet): void {
  const { reply } = call
  reply.array(2)
  reply.bulkInteger(0)
  const mark = reply.openArray()
  let length = 0
  const { count: size } = set
  for (let rank = 0; rank < size; rank++) {
    if (rank === 0) set.seek(0)
    else set.next()
    if (!matches(call, set)) continue
    replyMember(reply, set)
    // As it stands in the listpack, which is another text than that of a double for integers from 1e17 on.
    const { pack } = set
    pack.read(pack.next(pack.at))
    reply.bulk(pack.valueBytes, pack.valueOffset, pack.valueLength)
    length += 2
  }
  reply.closeArray(mark, length)
}

function replyStep(call: ShardCall, set: SortedSet, start: number): void {
  const { reply } = call
  const { elements } = set
  // The reply begins with the cursor, which is known last. The elements stay where they are until then.
  const found: number[] = []
  let visited = 0
  const visit = (): void => {
    visited++
    set.takeElement()
    if (matches(call, set)) found.push(elements.reference)
  }
  let cursor = start
  let bucketsLeft = count * BUCKETS_PER_COUNT
  do {
    cursor = elements.scan(cursor, visit)
  } while (cursor !== 0 && bucketsLeft-- > 0 && visited < count)

  reply.array(2)
  reply.bulkInteger(cursor)
  reply.array(found.length * 2)
  for (const reference of found) {
    set.stand(reference)
    replyMember(reply, set)
    reply.bulk(scoreText, 0, writeScore(scoreText, 0, set.score))
  }
}

function matches({ bytes, offsets, lengths }: ShardCall, set: SortedSet): boolean {
  if (patternArgument === 0) return true
  const { memberBytes, memberOffset, memberLength } = set
  const offset = offsets[patternArgument]!
  return globMatches(bytes, offset, lengths[patternArgument]!, memberBytes, memberOffset, memberLength, false)
}

export const zsetScanCommands: readonly CommandSpec[] = [
  {
    name: 'zscan',
    arity: -3,
    flags: ['readonly'],
    group: 'sorted-set',
    since: '2.8.0',
    summary: 'Returns some of the members of a sorted set with their scores, and a cursor to go on with.',
    complexity: 'O(1) for a call, O(N) for an iteration over all N elements of the sorted set',
    categories: ['sortedset'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    arguments: [
      keyArgument,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', optional: true },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
    ],
    route: { on: 'key' },
    shard: zscan,
  },
]
