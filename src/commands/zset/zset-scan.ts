/**
 * ZSCAN: the elements of a sorted set in small steps.
 *
 * Runs in a shard worker. Guarantee, as in Redis: a member that is there during the whole iteration is returned at least
 * once; others may be. A small set comes in one step.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zscan/
 */
import { SCORE_TEXT_BYTES_MAX, writeScore } from '../../base/score-text.js'
import { errors } from '../../resp/errors.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import { parseScanCursor } from '../scan.js'
import { replyNothingScanned, scanOptions } from '../scan-options.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { isOfOtherType, replyMember } from './zset-reply.js'

const scoreText = new Uint8Array(SCORE_TEXT_BYTES_MAX)

function zscan(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  const start = parseScanCursor(bytes, offsets[2]!, lengths[2]!)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // Redis looks at the key before it looks at the options.
  if (!call.find(1)) {
    replyNothingScanned(call)
    return
  }
  if (isOfOtherType(call) || !scanOptions.read(call, 3, null)) return
  const set = call.keyspace.sortedSets.open(call.db)
  if (set.isPacked) replyAll(call, set)
  else replyStep(call, set, Number(BigInt.asUintN(32, start)))
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
    const { at, listpack } = set.packed
    listpack.read(listpack.next(at))
    reply.bulk(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
    length += 2
  }
  reply.closeArray(mark, length)
}

function replyStep(call: ShardCall, set: SortedSet, start: number): void {
  const { reply } = call
  const { elements } = set
  const cursor = elements.scanSome(start, scanOptions.count, scanOptions.stepsMax)
  reply.array(2)
  reply.bulkInteger(cursor)
  const mark = reply.openArray()
  let length = 0
  for (let i = 0; i < elements.scannedCount; i++) {
    elements.standOnScanned(i)
    set.takeElement()
    if (!matches(call, set)) continue
    replyMember(reply, set)
    reply.bulk(scoreText, 0, writeScore(scoreText, 0, set.score))
    length += 2
  }
  reply.closeArray(mark, length)
}

function matches(call: ShardCall, { memberBytes, memberOffset, memberLength }: SortedSet): boolean {
  return scanOptions.matches(call, memberBytes, memberOffset, memberLength)
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
