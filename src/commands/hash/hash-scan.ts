/**
 * HSCAN: the fields of a hash in small steps.
 *
 * Runs in a shard worker. Guarantee, as in Redis: a field that is there during the whole iteration is returned at least
 * once; others may be. A small hash comes in one step.
 *
 * Behaviour: https://redis.io/docs/latest/commands/hscan/
 */
import { globMatches } from '../../base/glob.js'
import { errors } from '../../resp/errors.js'
import { keyArgument } from '../generic-arguments.js'
import { parseScanCursor } from '../scan.js'
import type { ShardCall } from '../shard-call.js'
import { type CommandSpec, oneKey } from '../spec.js'
import { hashCommand, KeyState, readHash, replyField, replyValue } from './hash-lookup.js'

const COUNT_DEFAULT = 10
/** A sparse table has many empty buckets: a step looks at so many buckets for each field asked for, and no more. */
const BUCKETS_PER_COUNT = 10
const STAR = 42

interface ScanOptions {
  count: number
  /** Position of the pattern, or 0 for none. */
  patternArgument: number
  withValues: boolean
}

/** Undefined after an error reply. */
function parseOptions(call: ShardCall): ScanOptions | undefined {
  const options: ScanOptions = { count: COUNT_DEFAULT, patternArgument: 0, withValues: true }
  for (let i = 3; i < call.argc; i++) {
    const value = i + 1
    if (value < call.argc && call.is(i, 'COUNT')) {
      const integer = call.integer(value)
      const count = Number.isNaN(integer) ? Number(call.int64(value)) : integer
      if (!(count >= 1)) {
        call.reply.error(Number.isNaN(count) ? errors.notAnInteger : errors.syntax)
        return undefined
      }
      options.count = count
      i++
    } else if (value < call.argc && call.is(i, 'MATCH')) {
      const matchesAll = call.lengths[value] === 1 && call.bytes[call.offsets[value] as number] === STAR
      options.patternArgument = matchesAll ? 0 : value
      i++
    } else if (call.is(i, 'NOVALUES')) {
      options.withValues = false
    } else {
      call.reply.error(errors.syntax)
      return undefined
    }
  }
  return options
}

function hscan(call: ShardCall): void {
  const { reply, bytes, offsets, lengths } = call
  const { hashes } = call.keyspace
  const start = parseScanCursor(bytes, offsets[2] as number, lengths[2] as number)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  // Redis looks at the key before it looks at the options.
  const state = readHash(call)
  if (state === KeyState.wrongType) return
  if (state === KeyState.missing) {
    reply.array(2)
    reply.bulkInteger(0)
    reply.array(0)
    return
  }
  const options = parseOptions(call)
  if (options === undefined) return
  if (hashes.scansBySteps) replyStep(call, options, Number(BigInt.asUintN(32, start)))
  else replyAll(call, options)
}

function replyAll(call: ShardCall, options: ScanOptions): void {
  const { reply } = call
  const { hashes } = call.keyspace
  reply.array(2)
  reply.bulkInteger(0)
  const mark = reply.openArray()
  let length = 0
  hashes.rewind()
  while (hashes.nextLive()) {
    if (!matches(call, options)) continue
    replyField(call, hashes)
    if (options.withValues) replyValue(call, hashes)
    length += options.withValues ? 2 : 1
  }
  reply.closeArray(mark, length)
}

function replyStep(call: ShardCall, options: ScanOptions, start: number): void {
  const { reply } = call
  const { hashes } = call.keyspace
  // The reply begins with the cursor, which is known last. The fields stay where they are until then.
  const chunks: Uint8Array[] = []
  const ranges: number[] = []
  let visited = 0
  const visit = (): void => {
    visited++
    if (!hashes.isLive || !matches(call, options)) return
    chunks.push(hashes.fieldBytes)
    ranges.push(hashes.fieldOffset, hashes.fieldLength)
    if (!options.withValues) return
    chunks.push(hashes.valueBytes)
    ranges.push(hashes.valueOffset, hashes.valueLength)
  }
  let cursor = start
  let bucketsLeft = options.count * BUCKETS_PER_COUNT
  do {
    cursor = hashes.scan(cursor, visit)
  } while (cursor !== 0 && bucketsLeft-- > 0 && visited < options.count)

  reply.array(2)
  reply.bulkInteger(cursor)
  reply.array(chunks.length)
  for (const [i, chunk] of chunks.entries()) reply.bulk(chunk, ranges[i * 2] as number, ranges[i * 2 + 1] as number)
}

function matches(call: ShardCall, { patternArgument }: ScanOptions): boolean {
  if (patternArgument === 0) return true
  const { bytes, offsets, lengths } = call
  const { fieldBytes, fieldOffset, fieldLength } = call.keyspace.hashes
  const offset = offsets[patternArgument] as number
  const length = lengths[patternArgument] as number
  return globMatches(bytes, offset, length, fieldBytes, fieldOffset, fieldLength, false)
}

export const hashScanCommands: readonly CommandSpec[] = [
  {
    ...hashCommand,
    name: 'hscan',
    arity: -3,
    flags: ['readonly'],
    since: '2.8.0',
    summary: 'Returns some of the fields of a hash with their values, and a cursor to go on with.',
    complexity: 'O(1) for a call, O(N) for an iteration over all N fields of the hash',
    keySpecs: oneKey('RO', 'access'),
    tips: ['nondeterministic_output'],
    history: [['7.4.0', 'Option `NOVALUES`.']],
    arguments: [
      keyArgument,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', optional: true },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
      { name: 'novalues', type: 'pure-token', token: 'NOVALUES', since: '7.4.0', optional: true },
    ],
    shard: hscan,
  },
]
