/**
 * The string family: GET and GETDEL, and the list of all entries of the family.
 *
 * Runs in a shard worker. GET is the hottest command of the server: one lookup, one copy from the arena into the reply
 * ring.
 */
import { errors } from '../resp/errors.js'
import { keyEvents } from '../store/keyspace-events.js'
import { ValueType } from '../store/value-type.js'
import { keyArgument } from './generic-arguments.js'
import { effectOfRemoval } from './key-effects.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey } from './spec.js'
import { stringDigestCommands } from './string-digest.js'
import { stringLcsCommands } from './string-lcs.js'
import { stringManyCommands } from './string-many.js'
import { stringNumberCommands } from './string-number.js'
import { stringRangeCommands } from './string-range.js'
import { stringSetCommands } from './string-set.js'

function get(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) reply.nil()
  else if (db.type !== ValueType.string) reply.error(errors.wrongType)
  else reply.bulk(db.bytes, db.valueOffset, db.valueLength)
}

function getdel(call: ShardCall): void {
  const { db, reply } = call
  if (!call.find(1)) {
    reply.nil()
  } else if (db.type !== ValueType.string) {
    reply.error(errors.wrongType)
  } else {
    reply.bulk(db.bytes, db.valueOffset, db.valueLength)
    db.remove()
    call.notify(keyEvents.del, 1)
    effectOfRemoval(call, 1)
  }
}

export const stringCommands: readonly CommandSpec[] = [
  {
    name: 'get',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'string',
    since: '1.0.0',
    summary: 'Returns the string under a key.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: get,
  },
  {
    name: 'getdel',
    arity: 2,
    flags: ['write', 'fast'],
    group: 'string',
    since: '6.2.0',
    summary: 'Returns the string under a key and deletes the key.',
    complexity: 'O(1)',
    categories: ['string'],
    keySpecs: oneKey('RW', 'access', 'delete'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: getdel,
  },
  ...stringSetCommands,
  ...stringManyCommands,
  ...stringNumberCommands,
  ...stringRangeCommands,
  ...stringDigestCommands,
  ...stringLcsCommands,
]
