/**
 * GEOADD: places are members of a sorted set, their positions its scores.
 *
 * Runs in a shard worker. All positions are read before anything is changed.
 *
 * Behaviour: https://redis.io/docs/latest/commands/geoadd/
 */
import { scoreOfPosition } from '../../base/geo/geohash.js'
import { errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { AddOption, AddResult, type SortedSet } from '../../store/zset/sorted-set.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { isOfOtherType } from '../zset/zset-reply.js'
import { given, positionArguments, readPosition } from './geo-arguments.js'

/** Longitude, latitude and member. */
const PLACE_ARGUMENTS = 3

/** The scores of the command in hand. */
let scores = new Float64Array(64)

function geoadd(call: ShardCall): void {
  const { db, reply } = call
  let options = 0
  let countsChanges = false
  let first = 2
  for (; first < call.argc; first++) {
    if (call.is(first, 'NX')) options |= AddOption.ifAbsent
    else if (call.is(first, 'XX')) options |= AddOption.ifPresent
    else if (call.is(first, 'CH')) countsChanges = true
    else break
  }
  const left = call.argc - first
  const excludesItself = options === (AddOption.ifAbsent | AddOption.ifPresent)
  if (left === 0 || left % PLACE_ARGUMENTS !== 0 || excludesItself) {
    reply.error(errors.syntax)
    return
  }
  if (!readScores(call, first)) return
  const found = call.findForWrite(1)
  if (found && isOfOtherType(call)) return
  if (!found && options === AddOption.ifPresent) {
    reply.integer(0)
    return
  }
  const { set } = call.keyspace.sortedSets
  if (found) set.open(db)
  else set.create(db, call.bytes, call.offsets[1]!, call.lengths[1]!, call.lengths[first + 2]!)
  addPlaces(call, set, first, options, countsChanges, !found)
}

/** Reads the positions from argument `first` on into `scores`. @returns false after an error reply */
function readScores(call: ShardCall, first: number): boolean {
  const count = (call.argc - first) / PLACE_ARGUMENTS
  if (count > scores.length) scores = new Float64Array(count * 2)
  for (let i = 0; i < count; i++) {
    if (!readPosition(call, first + i * PLACE_ARGUMENTS)) return false
    scores[i] = scoreOfPosition(given.longitude, given.latitude)
  }
  return true
}

function addPlaces(
  call: ShardCall,
  set: SortedSet,
  first: number,
  options: number,
  countsChanges: boolean,
  isNew: boolean,
): void {
  const { db, reply, bytes, offsets, lengths } = call
  const count = (call.argc - first) / PLACE_ARGUMENTS
  let added = 0
  let updated = 0
  try {
    for (let i = 0; i < count; i++) {
      const at = first + i * PLACE_ARGUMENTS + 2
      const result = set.add(bytes, offsets[at]!, lengths[at]!, scores[i]!, options)
      if (result === AddResult.added) added++
      else if (result === AddResult.updated) updated++
    }
  } finally {
    // Without memory it ends early, and what was done until then remains, as far as there is anything.
    if (isNew && added === 0) db.remove()
    else if (!isNew && added + updated > 0) db.modified()
    if (added + updated > 0) call.notify(keyEvents.zadd, 1)
    if (added + updated > 0) effectOfPlaces(call, first)
  }
  reply.integer(countsChanges ? added + updated : added)
}

/** The sorted set got these scores. */
function effectOfPlaces(call: ShardCall, first: number): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  const count = (argc - first) / PLACE_ARGUMENTS
  effects.begin('ZADD', first + count * 2)
  for (let i = 1; i < first; i++) call.effectArgument(i)
  for (let i = 0; i < count; i++) {
    effects.integer(scores[i]!)
    call.effectArgument(first + i * PLACE_ARGUMENTS + 2)
  }
}

export const geoaddCommands: readonly CommandSpec[] = [
  {
    name: 'geoadd',
    arity: -5,
    flags: ['write', 'denyoom'],
    group: 'geo',
    since: '3.2.0',
    summary: 'Adds places, each a position and a name, to a sorted set.',
    complexity: 'O(log(N)) for each place, N being the number of elements of the sorted set',
    categories: ['geo'],
    keySpecs: oneKey('RW', 'update'),
    history: [['6.2.0', 'Options `CH`, `NX` and `XX`.']],
    arguments: [
      keyArgument,
      {
        name: 'condition',
        type: 'oneof',
        since: '6.2.0',
        optional: true,
        arguments: [
          { name: 'nx', type: 'pure-token', token: 'NX' },
          { name: 'xx', type: 'pure-token', token: 'XX' },
        ],
      },
      { name: 'change', type: 'pure-token', token: 'CH', since: '6.2.0', optional: true },
      {
        name: 'longitude_latitude_member',
        type: 'block',
        multiple: true,
        arguments: [...positionArguments, { name: 'member', type: 'string' }],
      },
    ],
    route: { on: 'key' },
    shard: geoadd,
  },
]
