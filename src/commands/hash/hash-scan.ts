/**
 * HSCAN: the fields of a hash in small steps.
 *
 * Runs in a shard worker. Guarantee, as in Redis: a field that is there during the whole iteration is returned at least
 * once; others may be. A small hash comes in one step.
 *
 * Behaviour: https://redis.io/docs/latest/commands/hscan/
 */
import { errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import { parseScanCursor } from '../scan.js'
import { replyNothingScanned, scanOptions } from '../scan-options.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { hashCommand, KeyState, readHash, replyField, replyValue } from './hash-lookup.js'

function hscan(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  const { hashes } = call.keyspace
  const start = parseScanCursor(bytes, offsets[2] as number, lengths[2] as number)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // Redis looks at the key before it looks at the options.
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.missing) {
    replyNothingScanned(call)
    return
  }
  if (!scanOptions.read(call, 3, 'NOVALUES')) return
  if (hashes.scansBySteps) replyStep(call, Number(BigInt.asUintN(32, start)))
  else replyAll(call)
}

function replyAll(call: ShardCall): void {
  const { reply } = call
  const { hashes } = call.keyspace
  reply.array(2)
  reply.bulkInteger(0)
  const mark = reply.openArray()
  let length = 0
  hashes.rewind()
  while (hashes.next()) length += replyMatching(call)
  reply.closeArray(mark, length)
}

function replyStep(call: ShardCall, start: number): void {
  const { reply } = call
  const { hashes } = call.keyspace
  const cursor = hashes.scan(start, scanOptions.count, scanOptions.stepsMax)
  reply.array(2)
  reply.bulkInteger(cursor)
  const mark = reply.openArray()
  let length = 0
  for (let i = 0; i < hashes.scannedCount; i++) {
    hashes.standOnScanned(i)
    length += replyMatching(call)
  }
  reply.closeArray(mark, length)
}

/** Replies with the field in hand, if it is wanted. @returns the number of elements written */
function replyMatching(call: ShardCall): number {
  const { hashes } = call.keyspace
  const { fieldBytes, fieldOffset, fieldLength } = hashes
  if (!hashes.isLive || !scanOptions.matches(call, fieldBytes, fieldOffset, fieldLength)) return 0
  replyField(call, hashes)
  if (!scanOptions.withValues) return 1
  replyValue(call, hashes)
  return 2
}

export const hashScanCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hscan',
    arity: -3,
    flags: ['readonly'],
    since: '2.8.0',
    summary: 'Returns some of the fields of a hash with their values, and a cursor to go on with.',
    complexity: 'O(1) for a call, O(N) for an iteration over all N fields of the hash',
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    history: [['7.4.0', 'Option `NOVALUES`.']],
    arguments: [
      keyArgument,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', optional: true },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
      { name: 'novalues', type: 'pure-token', token: 'NOVALUES', since: '7.4.0', optional: true },
    ],
    shard: hscan,
  },
]
