/**
 * Ranges of elements, replied or stored: ZRANGE, the older commands that it replaces, and ZRANGESTORE.
 *
 * Runs in a shard worker. Elements are written to the reply straight from where they lie.
 *
 * Behaviour: https://redis.io/docs/latest/commands/zrange/ and the pages of the others; order of checks as in Redis.
 */
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import type { SortedSet } from '../../store/zset/sorted-set.js'
import { SortedSetResult } from '../../store/zset/sorted-set-result.js'
import type { ShardCall } from '../shard-call.js'
import { RangeKind, range } from './zset-bounds.js'
import { isOfOtherType, longArgument, replyElement, replyElementCount } from './zset-reply.js'
import { runResult, storeResult } from './zset-result.js'

const LIMIT_WITHOUT_KIND = encodeError(
  'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
)
const WITHSCORES_BY_MEMBER = encodeError('ERR syntax error, WITHSCORES not supported in combination with BYLEX')

const NO_LIMIT = -1

/** What a command's name says already, or leaves to its options. */
interface RangeCommand {
  readonly kind?: RangeKind
  readonly reverse?: boolean
  readonly stores?: boolean
}

const ZRANGE: RangeCommand = {}
const ZREVRANGE: RangeCommand = { kind: RangeKind.rank, reverse: true }
const ZRANGEBYSCORE: RangeCommand = { kind: RangeKind.score, reverse: false }
const ZREVRANGEBYSCORE: RangeCommand = { kind: RangeKind.score, reverse: true }
const ZRANGEBYLEX: RangeCommand = { kind: RangeKind.member, reverse: false }
const ZREVRANGEBYLEX: RangeCommand = { kind: RangeKind.member, reverse: true }
const ZRANGESTORE: RangeCommand = { stores: true }

/** The options of the command in hand. */
let kind: RangeKind = RangeKind.rank
let reverse = false
let withScores = false
let offset = 0
let limit = NO_LIMIT

export function zrange(call: ShardCall): void {
  replyRange(call, ZRANGE)
}

export function zrevrange(call: ShardCall): void {
  replyRange(call, ZREVRANGE)
}

export function zrangebyscore(call: ShardCall): void {
  replyRange(call, ZRANGEBYSCORE)
}

export function zrevrangebyscore(call: ShardCall): void {
  replyRange(call, ZREVRANGEBYSCORE)
}

export function zrangebylex(call: ShardCall): void {
  replyRange(call, ZRANGEBYLEX)
}

export function zrevrangebylex(call: ShardCall): void {
  replyRange(call, ZREVRANGEBYLEX)
}

export function zrangestore(call: ShardCall): void {
  const { db, keyspace } = call
  if (!readCommand(call, 2, ZRANGESTORE)) return
  const found = call.find(2)
  if (found && isOfOtherType(call)) return
  let first = 0
  let count = 0
  if (found) {
    applyRange(call, keyspace.sortedSets.open(db))
    first = range.first
    count = range.count
  }
  const result = new SortedSetResult(keyspace)
  const store = () => storeResult(call, result, 1, keyEvents.zrangestore)
  runResult(call, result, count, collect(call, result, first, count, reverse, kind === RangeKind.rank), store)
}

/**
 * Adds the elements of the second key with these ranks to a result, in the order of the range. Redis makes a set of that order,
 * which is a listpack until it gets too large: in it a score of -0 becomes 0.
 * @param isSized Redis knows how many there will be
 */
function* collect(
  call: ShardCall,
  result: SortedSetResult,
  first: number,
  count: number,
  isReversed: boolean,
  isSized: boolean,
): Generator<undefined> {
  const { sortedSets, limits } = call.keyspace
  const { zsetMaxListpackEntries, zsetMaxListpackValue } = limits
  let isSmall = !isSized || count <= zsetMaxListpackEntries
  for (let done = 0; done < count; ) {
    call.peek(2)
    const set = sortedSets.open(call.db)
    const end = Math.min(count, done + call.portions.stepElements)
    set.seek(isReversed ? first + count - 1 - done : first + done)
    while (true) {
      const { memberBytes, memberOffset, memberLength, score } = set
      isSmall &&= done < zsetMaxListpackEntries && memberLength <= zsetMaxListpackValue
      result.scoreOf(memberBytes, memberOffset, memberLength)
      result.add(memberBytes, memberOffset, memberLength, isSmall ? score + 0 : score)
      if (++done === end) break
      if (isReversed) set.previous()
      else set.next()
    }
    yield
  }
}

function replyRange(call: ShardCall, command: RangeCommand): void {
  const { reply } = call
  if (!readCommand(call, 1, command)) return
  if (!call.find(1)) {
    reply.array(0)
    return
  }
  if (isOfOtherType(call)) return
  const set = call.keyspace.sortedSets.open(call.db)
  applyRange(call, set)
  const { first, count } = range
  replyElementCount(reply, count, withScores)
  if (count === 0) return
  set.seek(reverse ? first + count - 1 : first)
  for (let left = count; left > 0; left--) {
    replyElement(reply, set, withScores)
    if (left === 1) break
    if (reverse) set.previous()
    else set.next()
  }
}

/** Finds the ranks that the command's range comes to. */
function applyRange(call: ShardCall, set: SortedSet): void {
  range.apply(call, set)
  if (kind !== RangeKind.rank) range.limit(offset, limit, reverse)
  else if (reverse) range.reverse(set.count)
}

/**
 * Reads range and options of a command whose sorted set is argument `key`, the bounds behind it.
 * @returns false after an error reply
 */
function readCommand(call: ShardCall, key: number, command: RangeCommand): boolean {
  if (!readOptions(call, key + 3, command)) return false
  if (limit !== NO_LIMIT && kind === RangeKind.rank) {
    call.reply.error(LIMIT_WITHOUT_KIND)
    return false
  }
  if (withScores && kind === RangeKind.member) {
    call.reply.error(WITHSCORES_BY_MEMBER)
    return false
  }
  // Scores and members of a reversed range are given in its order: the greater bound first.
  const swaps = reverse && kind !== RangeKind.rank
  return range.read(call, kind, swaps ? key + 2 : key + 1, swaps ? key + 1 : key + 2)
}

function readOptions(call: ShardCall, from: number, command: RangeCommand): boolean {
  kind = command.kind ?? RangeKind.rank
  reverse = command.reverse ?? false
  withScores = false
  offset = 0
  limit = NO_LIMIT
  let mayChooseKind = command.kind === undefined
  for (let i = from; i < call.argc; i++) {
    if (command.stores !== true && call.is(i, 'WITHSCORES')) {
      withScores = true
    } else if (i + 2 < call.argc && call.is(i, 'LIMIT')) {
      offset = longArgument(call, ++i)
      limit = longArgument(call, ++i)
      if (Number.isNaN(offset) || Number.isNaN(limit)) {
        call.reply.error(errors.notAnInteger)
        return false
      }
    } else if (command.reverse === undefined && !reverse && call.is(i, 'REV')) {
      reverse = true
    } else if (mayChooseKind && call.is(i, 'BYLEX')) {
      kind = RangeKind.member
      mayChooseKind = false
    } else if (mayChooseKind && call.is(i, 'BYSCORE')) {
      kind = RangeKind.score
      mayChooseKind = false
    } else {
      call.reply.error(errors.syntax)
      return false
    }
  }
  return true
}
