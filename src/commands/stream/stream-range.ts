/**
 * XRANGE and XREVRANGE.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/xrange/
 */
import { errors } from '../../resp/errors.js'
import { StreamId } from '../../store/stream/stream-id.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { KeyState, readEnd, readInteger, readStart, readStream, replyRange } from './stream-call.js'

const start = new StreamId()
const end = new StreamId()

function xrange(call: ShardCall): void {
  range(call, false)
}

function xrevrange(call: ShardCall): void {
  range(call, true)
}

function range(call: ShardCall, isReverse: boolean): void {
  const { reply, argc } = call
  if (!readStart(call, isReverse ? 3 : 2, start)) return
  if (!readEnd(call, isReverse ? 2 : 3, end)) return
  let count = -1
  for (let i = 4; i < argc; i += 2) {
    if (!call.is(i, 'COUNT') || i + 1 >= argc) {
      reply.error(errors.syntax)
      return
    }
    count = readInteger(call, i + 1)
    if (Number.isNaN(count)) return
    if (count < 0) count = 0
  }
  const state = readStream(call)
  if (state === KeyState.missing) reply.array(0)
  if (state !== KeyState.stream) return
  if (count === 0) reply.nilArray()
  else replyRange(call, start, end, Math.max(count, 0), isReverse)
}

const countArgument = { name: 'count', type: 'integer', token: 'COUNT', optional: true } as const
const startArgument = { name: 'start', type: 'string' } as const
const endArgument = { name: 'end', type: 'string' } as const

const ofRange = {
  arity: -4,
  flags: ['readonly'],
  group: 'stream',
  since: '5.0.0',
  complexity: 'O(N) with N being the number of entries returned',
  categories: ['stream'],
  keySpecs: oneKey('RO', 'access'),
  history: [['6.2.0', 'Intervals that leave an end out.']],
  route: { on: 'key' },
} as const

export const streamRangeCommands: readonly CommandSpec[] = [
  {
    ...ofRange,
    name: 'xrange',
    summary: 'Returns the entries of a stream whose IDs lie in an interval.',
    arguments: [keyArgument, startArgument, endArgument, countArgument],
    shard: xrange,
  },
  {
    ...ofRange,
    name: 'xrevrange',
    summary: 'Returns the entries of a stream whose IDs lie in an interval, the last first.',
    arguments: [keyArgument, endArgument, startArgument, countArgument],
    shard: xrevrange,
  },
]
