/**
 * LCS: the longest common subsequence of two strings.
 *
 * Runs in a shard worker. The work grows with the product of the lengths; what Redis refuses because its table would
 * exceed proto-max-bulk-len is refused here too, so that one command cannot stop the shard for minutes.
 *
 * Behaviour: https://redis.io/docs/latest/commands/lcs/
 */
import { type Lcs, lcsLength, lcsTableBytes, longestCommonSubsequence } from '../base/lcs.js'
import { encodeError, errors } from '../resp/errors.js'
import { ValueType } from '../store/value-type.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

const NOT_STRINGS = encodeError('ERR The specified keys must contain string values')
const LENGTH_AND_INDEXES = encodeError('ERR If you want both the length and indexes, please just use IDX.')
const TOO_LARGE = encodeError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')

const NO_BYTES = new Uint8Array(0)

/** What the options of one LCS ask for. */
interface LcsOptions {
  length: boolean
  indexes: boolean
  withMatchLength: boolean
  matchLengthMin: number
}

/** The string value of a key, where it lies in the arena; nothing moves it while one command runs. */
interface StringRange {
  bytes: Uint8Array
  offset: number
  length: number
}

/** The string under argument `i`, empty for a missing key; undefined when the key holds something else. */
function stringAt(call: ShardCall, i: number): StringRange | undefined {
  const { db } = call
  if (!call.find(i)) return { bytes: NO_BYTES, offset: 0, length: 0 }
  if (db.type !== ValueType.string) return undefined
  return { bytes: db.bytes, offset: db.valueOffset, length: db.valueLength }
}

function parseOptions(call: ShardCall): LcsOptions | undefined {
  const options: LcsOptions = { length: false, indexes: false, withMatchLength: false, matchLengthMin: 0 }
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'IDX')) {
      options.indexes = true
    } else if (call.is(i, 'LEN')) {
      options.length = true
    } else if (call.is(i, 'WITHMATCHLEN')) {
      options.withMatchLength = true
    } else if (call.is(i, 'MINMATCHLEN') && i + 1 < call.argc) {
      const least = call.int64(++i)
      if (least === undefined) {
        call.reply.error(errors.notAnInteger)
        return undefined
      }
      options.matchLengthMin = Number(least)
    } else {
      call.reply.error(errors.syntax)
      return undefined
    }
  }
  if (options.length && options.indexes) {
    call.reply.error(LENGTH_AND_INDEXES)
    return undefined
  }
  return options
}

function lcs(call: ShardCall): void {
  const { reply } = call
  const left = stringAt(call, 1)
  const right = stringAt(call, 2)
  if (left === undefined || right === undefined) {
    reply.error(NOT_STRINGS)
    return
  }
  const options = parseOptions(call)
  if (options === undefined) return
  if (lcsTableBytes(left.length, right.length) > call.settings.protoMaxBulkLen) {
    reply.error(TOO_LARGE)
    return
  }
  if (options.length) {
    reply.integer(lcsLength(left.bytes, left.offset, left.length, right.bytes, right.offset, right.length))
    return
  }
  const found = longestCommonSubsequence(left.bytes, left.offset, left.length, right.bytes, right.offset, right.length)
  if (options.indexes) replyMatches(call, found, options)
  else reply.bulkBytes(found.bytes)
}

function replyMatches(call: ShardCall, found: Lcs, options: LcsOptions): void {
  const { reply } = call
  const matches = found.matches.filter((match) => match.length >= options.matchLengthMin)
  reply.map(2)
  reply.bulkText('matches')
  reply.array(matches.length)
  for (const match of matches) {
    reply.array(options.withMatchLength ? 3 : 2)
    reply.array(2)
    reply.integer(match.leftStart)
    reply.integer(match.leftEnd)
    reply.array(2)
    reply.integer(match.rightStart)
    reply.integer(match.rightEnd)
    if (options.withMatchLength) reply.integer(match.length)
  }
  reply.bulkText('len')
  reply.integer(found.bytes.length)
}

export const stringLcsCommands: readonly CommandSpec[] = [
  {
    name: 'lcs',
    arity: -3,
    flags: ['readonly'],
    group: 'string',
    since: '7.0.0',
    summary: 'Returns the longest subsequence that two strings have in common, its length or its ranges.',
    complexity: 'O(N*M), N and M being the lengths of the two strings',
    categories: ['string'],
    keySpecs: [{ flags: ['RO', 'access'], begin: { index: 1 }, find: { lastKey: 1, keyStep: 1, limit: 0 } }],
    arguments: [
      { name: 'key1', type: 'key', keySpecIndex: 0 },
      { name: 'key2', type: 'key', keySpecIndex: 0 },
      { name: 'len', type: 'pure-token', token: 'LEN', optional: true },
      { name: 'idx', type: 'pure-token', token: 'IDX', optional: true },
      { name: 'len', type: 'integer', token: 'MINMATCHLEN', optional: true },
      { name: 'withmatchlen', type: 'pure-token', token: 'WITHMATCHLEN', optional: true },
    ],
    route: { on: 'hops', coordinator: 'lcs' },
    shard: lcs,
  },
]
