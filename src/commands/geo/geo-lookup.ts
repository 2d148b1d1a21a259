/**
 * Where places are: GEOPOS, GEOHASH and GEODIST.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/geopos/ and the pages of the others.
 */
import { distance } from '../../base/geo/distance.js'
import { geohashText, position, readScore } from '../../base/geo/geohash.js'
import { errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'
import { isOfOtherType } from '../zset/zset-reply.js'
import { unitArgument, unitMetresAt } from './geo-arguments.js'
import { replyDistance, replyPosition } from './geo-reply.js'

function geopos(call: ShardCall): void {
  const { reply } = call
  const found = call.find(1)
  if (found && isOfOtherType(call)) return
  reply.array(call.argc - 2)
  if (found) call.keyspace.sortedSets.open(call.db)
  for (let i = 2; i < call.argc; i++) {
    if (found && findPlace(call, i)) replyPosition(reply, position.longitude, position.latitude)
    else reply.nilArray()
  }
}

function geohash(call: ShardCall): void {
  const { reply } = call
  const found = call.find(1)
  if (found && isOfOtherType(call)) return
  reply.array(call.argc - 2)
  if (found) call.keyspace.sortedSets.open(call.db)
  for (let i = 2; i < call.argc; i++) {
    if (found && findPlace(call, i)) reply.bulkText(geohashText())
    else reply.nil()
  }
}

function geodist(call: ShardCall): void {
  const { reply } = call
  if (call.argc > 5) {
    reply.error(errors.syntax)
    return
  }
  const unitMetres = call.argc === 5 ? unitMetresAt(call, 4) : 1
  if (unitMetres === 0) return
  if (!call.find(1)) {
    reply.nil()
    return
  }
  if (isOfOtherType(call)) return
  call.keyspace.sortedSets.open(call.db)
  if (!findPlace(call, 2)) {
    reply.nil()
    return
  }
  const { longitude, latitude } = position
  if (!findPlace(call, 3)) reply.nil()
  else replyDistance(reply, distance(longitude, latitude, position.longitude, position.latitude) / unitMetres)
}

/** Looks argument `i` up in the open sorted set. @returns whether it is there; its position is then in `position` */
function findPlace(call: ShardCall, i: number): boolean {
  const { set } = call.keyspace.sortedSets
  if (!set.find(call.bytes, call.offsets[i]!, call.lengths[i]!)) return false
  readScore(set.score)
  return true
}

const membersArgument: ArgumentSpec = { name: 'member', type: 'string', multiple: true }

export const geoLookupCommands: readonly CommandSpec[] = [
  {
    name: 'geopos',
    arity: -2,
    flags: ['readonly'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns the longitudes and latitudes of places.',
    complexity: 'O(1) for each place',
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, membersArgument],
    route: { on: 'key' },
    shard: geopos,
  },
  {
    name: 'geohash',
    arity: -2,
    flags: ['readonly'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns the positions of places as geohashes of eleven letters.',
    complexity: 'O(1) for each place',
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, membersArgument],
    route: { on: 'key' },
    shard: geohash,
  },
  {
    name: 'geodist',
    arity: -4,
    flags: ['readonly'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Returns the distance between two places.',
    complexity: 'O(1)',
    categories: ['geo'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [
      keyArgument,
      { name: 'member1', type: 'string' },
      { name: 'member2', type: 'string' },
      { ...unitArgument, optional: true },
    ],
    route: { on: 'key' },
    shard: geodist,
  },
]
