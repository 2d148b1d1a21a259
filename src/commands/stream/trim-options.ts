/**
 * The options that XADD and XTRIM share: what is to be trimmed, and how exactly.
 *
 * Runs in a shard worker. There is one parser for the thread, filled anew by every `parse`.
 *
 * Options: https://redis.io/docs/latest/commands/xadd/ and https://redis.io/docs/latest/commands/xtrim/
 */
import { encodeError, errors } from '../../resp/errors.js'
import { IdForm, StreamId } from '../../store/stream/stream-id.js'
import { References, StreamTrim, TrimBy } from '../../store/stream/stream-trim.js'
import type { ShardCall } from '../shard-call.js'
import type { ArgumentSpec } from '../spec.js'
import { isCharacter, readId, readInteger } from './stream-call.js'

const TWO_STRATEGIES = encodeError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
const NEGATIVE_LENGTH = encodeError('ERR The MAXLEN argument must be >= 0.')
const NEGATIVE_LIMIT = encodeError('ERR The LIMIT argument must be >= 0.')
const LIMIT_WITHOUT_STRATEGY = encodeError(
  'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy',
)
const LIMIT_WITHOUT_APPROXIMATION = encodeError('ERR syntax error, LIMIT cannot be used without the special ~ option')
const NO_STRATEGY = encodeError('ERR syntax error, XTRIM must be called with a trimming strategy')

/** An approximate trim without a LIMIT removes no more than as many nodes hold. */
const NODES_TRIMMED_MAX = 100
const ENTRIES_TRIMMED_DEFAULT = 10000
const ENTRIES_TRIMMED_MAX = 1000000

const STAR = 0x2a
const EQUALS = 0x3d
const TILDE = 0x7e

class TrimOptions {
  readonly trim = new StreamTrim()
  /** XADD: the ID that was given, whose sequence may be left open; not for `*`. */
  readonly id = new StreamId()
  isIdGiven = false
  makesNoStream = false
  /** The place of the length or ID that is trimmed to, behind `=` or `~` if one was given. */
  thresholdAt = 0

  /**
   * Reads the options from argument 2 on.
   * @param isAdd whether an ID ends them, for XADD
   * @returns where the ID stands, or the number of arguments; -1 after an error reply
   */
  parse(call: ShardCall, isAdd: boolean): number {
    const { trim } = this
    const { argc, reply } = call
    trim.clear()
    this.isIdGiven = false
    this.makesNoStream = false
    let limit = -1
    let hasReferences = false
    let i = 2
    for (; i < argc; i++) {
      const more = argc - 1 - i
      if (isAdd && isCharacter(call, i, STAR)) break
      if (more > 0 && call.is(i, 'MAXLEN')) {
        i = this.#readStrategy(call, i, TrimBy.length)
        if (i < 0) return -1
      } else if (more > 0 && call.is(i, 'MINID')) {
        i = this.#readStrategy(call, i, TrimBy.id)
        if (i < 0) return -1
      } else if (more > 0 && call.is(i, 'LIMIT')) {
        limit = readInteger(call, ++i)
        if (Number.isNaN(limit)) return -1
        if (limit < 0) {
          reply.error(NEGATIVE_LIMIT)
          return -1
        }
      } else if (isAdd && call.is(i, 'NOMKSTREAM')) {
        this.makesNoStream = true
      } else if (referencesAt(call, i) >= 0) {
        if (hasReferences) {
          reply.error(errors.syntax)
          return -1
        }
        hasReferences = true
        trim.references = referencesAt(call, i) as References
      } else if (isAdd) {
        if (!readId(call, i, this.id, IdForm.withOpenSequence)) return -1
        this.isIdGiven = true
        break
      } else {
        reply.error(errors.syntax)
        return -1
      }
    }
    return this.#settleLimit(call, isAdd, limit) ? i : -1
  }

  /** @returns the position of the strategy's last argument; -1 after an error reply */
  #readStrategy(call: ShardCall, at: number, by: TrimBy): number {
    const { trim } = this
    const { reply } = call
    if (trim.by !== TrimBy.nothing) {
      reply.error(TWO_STRATEGIES)
      return -1
    }
    let i = at + 1
    trim.isApproximate = false
    if (i + 1 < call.argc) {
      trim.isApproximate = isCharacter(call, i, TILDE)
      if (trim.isApproximate || isCharacter(call, i, EQUALS)) i++
    }
    if (by === TrimBy.id) {
      if (!readId(call, i, trim.idMin)) return -1
    } else {
      trim.lengthMax = readInteger(call, i)
      if (Number.isNaN(trim.lengthMax)) return -1
      if (trim.lengthMax < 0) {
        reply.error(NEGATIVE_LENGTH)
        return -1
      }
    }
    trim.by = by
    this.thresholdAt = i
    return i
  }

  #settleLimit(call: ShardCall, isAdd: boolean, limit: number): boolean {
    const { trim } = this
    if (limit > 0 && trim.by === TrimBy.nothing) {
      call.reply.error(LIMIT_WITHOUT_STRATEGY)
      return false
    }
    if (!isAdd && trim.by === TrimBy.nothing) {
      call.reply.error(NO_STRATEGY)
      return false
    }
    if (limit >= 0) {
      if (!trim.isApproximate) {
        call.reply.error(LIMIT_WITHOUT_APPROXIMATION)
        return false
      }
      trim.entriesMax = limit
    } else if (trim.isApproximate) {
      const planned = NODES_TRIMMED_MAX * call.keyspace.limits.streamNodeMaxEntries
      trim.entriesMax = planned > 0 ? Math.min(planned, ENTRIES_TRIMMED_MAX) : ENTRIES_TRIMMED_DEFAULT
    }
    return true
  }
}

/** The parser of this thread. */
export const trimOptions = new TrimOptions()

/** What argument `i` says of references, or -1 when it is something else. */
export function referencesAt(call: ShardCall, i: number): References | -1 {
  switch (call.lengths[i]) {
    case 5:
      return call.is(i, 'ACKED') ? References.respect : -1
    case 6:
      return call.is(i, 'DELREF') ? References.remove : -1
    case 7:
      return call.is(i, 'KEEPREF') ? References.keep : -1
    default:
      return -1
  }
}

export const referencesArgument: ArgumentSpec = {
  name: 'condition',
  type: 'oneof',
  since: '8.2.0',
  optional: true,
  arguments: [
    { name: 'keepref', type: 'pure-token', token: 'KEEPREF' },
    { name: 'delref', type: 'pure-token', token: 'DELREF' },
    { name: 'acked', type: 'pure-token', token: 'ACKED' },
  ],
}

const trimArguments: readonly ArgumentSpec[] = [
  {
    name: 'strategy',
    type: 'oneof',
    arguments: [
      { name: 'maxlen', type: 'pure-token', token: 'MAXLEN' },
      { name: 'minid', type: 'pure-token', token: 'MINID', since: '6.2.0' },
    ],
  },
  {
    name: 'operator',
    type: 'oneof',
    optional: true,
    arguments: [
      { name: 'equal', type: 'pure-token', token: '=' },
      { name: 'approximately', type: 'pure-token', token: '~' },
    ],
  },
  { name: 'threshold', type: 'string' },
  { name: 'count', type: 'integer', token: 'LIMIT', since: '6.2.0', optional: true },
]

/** The block of trimming options as COMMAND DOCS describes it. */
export const trimArgument: ArgumentSpec = { name: 'trim', type: 'block', arguments: trimArguments }
