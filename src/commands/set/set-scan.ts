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
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { matchingMembersReply, membersReply } from './members-reply.js'

const COUNT_DEFAULT = 10
/** A sparse table has many empty buckets: so many are looked at for each member asked for, and no more. */
const STEPS_PER_COUNT = 10

const STAR = 42

/** What the options of the last command asked for. */
const options = { count: COUNT_DEFAULT, pattern: 0 }

/** Reads the options. `pattern` is the pattern's argument, 0 for none. @returns false after an error reply */
function parseOptions(call: ShardCall): boolean {
  options.count = COUNT_DEFAULT
  options.pattern = 0
  for (let i = 3; i < call.argc; i += 2) {
    const value = i + 1
    if (value < call.argc && call.is(i, 'COUNT')) {
      const integer = call.integer(value)
      const count = Number.isNaN(integer) ? Number(call.int64(value)) : integer
      if (!(count >= 1)) {
        call.reply.error(Number.isNaN(count) ? errors.notAnInteger : errors.syntax)
        return false
      }
      options.count = count
    } else if (value < call.argc && call.is(i, 'MATCH')) {
      const matchesAll = call.lengths[value] === 1 && call.bytes[call.offsets[value] as number] === STAR
      options.pattern = matchesAll ? 0 : value
    } else {
      call.reply.error(errors.syntax)
      return false
    }
  }
  return true
}

function sscan(call: ShardCall): void {
  const { db, reply } = call
  const start = parseScanCursor(call.bytes, call.offsets[2] as number, call.lengths[2] as number)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // As in Redis, options are not looked at when there is no set.
  if (!call.find(1)) {
    reply.array(2)
    reply.bulkInteger(0)
    reply.array(0)
    return
  }
  if (db.type !== ValueType.set) {
    reply.error(errors.wrongType)
    return
  }
  if (!parseOptions(call)) return
  const { count, pattern } = options
  const set = call.keyspace.sets.open(db)
  const cursor = set.isPacked ? 0 : set.scan(Number(BigInt.asUintN(32, start)), count, count * STEPS_PER_COUNT)
  reply.array(2)
  reply.bulkInteger(cursor)
  const mark = reply.openArray()
  const visitor = pattern === 0 ? membersReply.to(reply) : matchingMembersReply.of(call, pattern)
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
