/**
 * Commands that only look at a list: LLEN, LINDEX, LRANGE and LPOS.
 *
 * Runs in a shard worker.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lrange/ and the pages of the others; order of checks as in Redis.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { countArgument, elementArgument, Found, findList, longArgument } from './list-arguments.js'
import { replyElement, replyElements } from './list-range-reply.js'

const RANK_ZERO = encodeError(
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
)
const COUNT_NEGATIVE = encodeError("ERR COUNT can't be negative")
const MAXLEN_NEGATIVE = encodeError("ERR MAXLEN can't be negative")

function llen(call: ShardCall): void {
  const found = findList(call, 1)
  if (found === Found.otherType) return
  call.reply.integer(found === Found.list ? call.keyspace.lists.length(call.db) : 0)
}

function lindex(call: ShardCall): void {
  const { reply } = call
  const found = findList(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    reply.nil()
    return
  }
  const index = longArgument(call, 2)
  if (Number.isNaN(index)) return
  const { cursor } = call.keyspace.lists
  cursor.open(call.db)
  const place = index < 0 ? cursor.length + index : index
  if (place < 0 || place >= cursor.length) {
    reply.nil()
    return
  }
  cursor.goTo(place)
  replyElement(reply, cursor)
}

function lrange(call: ShardCall): void {
  const { reply } = call
  const start = longArgument(call, 2)
  if (Number.isNaN(start)) return
  const stop = longArgument(call, 3)
  if (Number.isNaN(stop)) return
  const found = findList(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    reply.array(0)
    return
  }
  const { cursor } = call.keyspace.lists
  cursor.open(call.db)
  const { length } = cursor
  const first = start < 0 ? Math.max(0, length + start) : start
  const last = Math.min(length - 1, stop < 0 ? length + stop : stop)
  if (first > last) reply.array(0)
  else replyElements(reply, cursor, first, last - first + 1, true)
}

/** The options of LPOS in hand: there is one call at a time. */
const search = { rank: 1, count: -1, lengthMax: 0 }

function lpos(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  if (!readSearch(call)) return
  const fromHead = search.rank > 0
  const wantsArray = search.count >= 0
  const found = findList(call, 1)
  if (found === Found.otherType) return
  if (found === Found.nothing) {
    if (wantsArray) reply.array(0)
    else reply.nil()
    return
  }
  const { cursor } = call.keyspace.lists
  cursor.open(call.db)
  const { length } = cursor
  cursor.goTo(fromHead ? 0 : length - 1)
  cursor.seekFor(bytes, offsets[2] as number, lengths[2] as number)
  const seenMax = search.lengthMax === 0 ? length : Math.min(length, search.lengthMax)
  const resultsMax = wantsArray && search.count > 0 ? search.count : Number.POSITIVE_INFINITY
  let toPass = Math.abs(search.rank) - 1
  let results = 0
  const mark = wantsArray ? reply.openArray() : 0
  for (let seen = 0; seen < seenMax; seen++) {
    if (cursor.isSought() && --toPass < 0) {
      reply.integer(fromHead ? seen : length - 1 - seen)
      results++
      if (!wantsArray || results >= resultsMax) break
    }
    if (fromHead) cursor.forward()
    else cursor.backward()
  }
  if (wantsArray) reply.closeArray(mark, results)
  else if (results === 0) reply.nil()
}

/** Reads the options into `search`. @returns false after an error reply */
function readSearch(call: ShardCall): boolean {
  search.rank = 1
  search.count = -1
  search.lengthMax = 0
  for (let i = 3; i < call.argc; i += 2) {
    if (i + 1 < call.argc && call.is(i, 'RANK')) {
      search.rank = longArgument(call, i + 1)
      if (Number.isNaN(search.rank)) return false
      if (search.rank === 0) {
        call.reply.error(RANK_ZERO)
        return false
      }
    } else if (i + 1 < call.argc && call.is(i, 'COUNT')) {
      search.count = countArgument(call, i + 1, 0, COUNT_NEGATIVE)
      if (Number.isNaN(search.count)) return false
    } else if (i + 1 < call.argc && call.is(i, 'MAXLEN')) {
      search.lengthMax = countArgument(call, i + 1, 0, MAXLEN_NEGATIVE)
      if (Number.isNaN(search.lengthMax)) return false
    } else {
      call.reply.error(errors.syntax)
      return false
    }
  }
  return true
}

export const listReadCommands: readonly CommandSpec[] = [
  {
    name: 'llen',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'list',
    since: '1.0.0',
    summary: 'Returns how many elements a list has.',
    complexity: 'O(1)',
    categories: ['list'],
    keySpecs: oneKey('RO'),
    arguments: [keyArgument],
    route: { on: 'key' },
    shard: llen,
  },
  {
    name: 'lindex',
    arity: 3,
    flags: ['readonly'],
    group: 'list',
    since: '1.0.0',
    summary: 'Returns the element at an index.',
    complexity: 'O(N), N being the number of nodes between the element and the nearer end of the list',
    categories: ['list'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'index', type: 'integer' }],
    route: { on: 'key' },
    shard: lindex,
  },
  {
    name: 'lrange',
    arity: 4,
    flags: ['readonly'],
    group: 'list',
    since: '1.0.0',
    summary: 'Returns the elements from one index to another.',
    complexity: 'O(S+N), S being the way from the nearer end to the first of the N elements that are returned',
    categories: ['list'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [keyArgument, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }],
    route: { on: 'key' },
    shard: lrange,
  },
  {
    name: 'lpos',
    arity: -3,
    flags: ['readonly'],
    group: 'list',
    since: '6.0.6',
    summary: 'Returns the indexes of elements that equal a value.',
    complexity: 'O(N), N being the number of elements that are looked at',
    categories: ['list'],
    keySpecs: oneKey('RO', 'access'),
    arguments: [
      keyArgument,
      elementArgument,
      { name: 'rank', type: 'integer', token: 'RANK', optional: true },
      { name: 'num-matches', type: 'integer', token: 'COUNT', optional: true },
      { name: 'len', type: 'integer', token: 'MAXLEN', optional: true },
    ],
    route: { on: 'key' },
    shard: lpos,
  },
]
