/**
 * SSCAN: the members of a set in small steps.
 *
 * Runs in a shard worker. A packed set is small and comes as a whole; of others the cursor is that of their table.
 * Guarantee, as in Redis: a member that is there during the whole iteration is returned at least once; others may be.
 *
 * Behaviour: https://redis.io/docs/latest/commands/sscan/
 */
import { errors } from '../../resp/errors.js'
import { ValueType } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import { parseScanCursor } from '../scan.js'
import { replyNothingScanned, scanOptions } from '../scan-options.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { matchingMembersReply } from './members-reply.js'

function sscan(call: ShardCall): void {
  const { db, reply } = call
  const start = parseScanCursor(call.bytes, call.offsets[2] as number, call.lengths[2] as number)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // As in Redis, options are not looked at when there is no set.
  if (!call.find(1)) {
    replyNothingScanned(call)
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  if (!scanOptions.read(call, 3, null)) return
  const set = call.keyspace.sets.open(db)
  const from = Number(BigInt.asUintN(32, start))
  const cursor = set.isPacked ? 0 : set.scan(from, scanOptions.count, scanOptions.stepsMax)
  reply.array(2)
  reply.bulkInteger(cursor)
  const mark = reply.openArray()
  const visitor = matchingMembersReply.of(call)
  if (set.isPacked) set.visit(visitor)
  else set.visitScanned(visitor)
  reply.closeArray(mark, visitor.count)
}

export const setScanCommands: readonly CommandSpec[] = [
  {
    name: 'sscan',
    arity: -3,
    flags: ['readonly'],
    group: 'set',
    since: '2.8.0',
    summary: 'Returns some of the members of a set and a cursor to go on with.',
    complexity: 'O(1) for a call, O(N) for an iteration over all N members of the set',
    categories: ['set'],
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    arguments: [
      keyArgument,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', optional: true },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
    ],
    route: { on: 'key' },
    shard: sscan,
  },
]
