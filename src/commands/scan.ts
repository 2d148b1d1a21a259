/**
 * SCAN: the keys of a database in small steps.
 *
 * The handler runs in a shard worker and walks that shard's table: its cursor is the shard's own. The router makes one
 * cursor for the client out of a shard's number and that shard's cursor.
 * Guarantee, as in Redis: a key that exists during the whole iteration is returned at least once; others may be.
 *
 * Behaviour: https://redis.io/docs/latest/commands/scan/
 */
import { errors } from '../resp/errors.js'
import type { Database } from '../store/database.js'
import { typeNames } from './generic-type.js'
import { scanOptions } from './scan-options.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

const PLUS = 43
const MINUS = 45
const ZERO = 48
const NINE = 57
const UINT64_MAX = 18446744073709551615n

const ANY_TYPE = -2

/**
 * Reads a cursor as Redis does, which uses C's strtoul: zeros in front and a sign are fine, blanks are not, and a zero byte
 * ends the text.
 * @returns undefined when it is no unsigned 64-bit integer
 */
export function parseScanCursor(bytes: Uint8Array, offset: number, textLength: number): bigint | undefined {
  const zeroAt = bytes.subarray(offset, offset + textLength).indexOf(0)
  const length = zeroAt < 0 ? textLength : zeroAt
  const end = offset + length
  let position = offset
  const negative = length > 0 && bytes[position] === MINUS
  if (negative || (length > 0 && bytes[position] === PLUS)) position++
  let cursor = 0n
  // A sign alone is not read as a number, and what strtoul leaves over makes the cursor invalid. Nothing at all is 0.
  if (position === end && length > 0) return undefined
  for (; position < end; position++) {
    const digit = bytes[position] as number
    if (digit < ZERO || digit > NINE) return undefined
    cursor = cursor * 10n + BigInt(digit - ZERO)
    if (cursor > UINT64_MAX) return undefined
  }
  return negative ? BigInt.asUintN(64, -cursor) : cursor
}

function scan(call: ShardCall): void {
  const { db, reply, bytes, offsets, lengths } = call
  const start = parseScanCursor(bytes, offsets[1] as number, lengths[1] as number)
  if (start === undefined) {
    reply.error(errors.invalidCursor)
    return
  }
  if (!scanOptions.read(call, 2, 'TYPE')) return
  const { count, typeArgument } = scanOptions
  // Of an unknown type, which is -1 here, there is no key.
  const type = typeArgument === 0 ? ANY_TYPE : typeNames.indexOf(call.text(typeArgument).toLowerCase())

  // The reply begins with the cursor, which is known last. The keys stay where they are until then.
  const chunks: Uint8Array[] = []
  const keyOffsets: number[] = []
  const keyLengths: number[] = []
  let visited = 0
  const visit = (key: Database): void => {
    visited++
    if (type !== ANY_TYPE && key.type !== type) return
    if (!scanOptions.matches(call, key.bytes, key.keyOffset, key.keyLength)) return
    chunks.push(key.bytes)
    keyOffsets.push(key.keyOffset)
    keyLengths.push(key.keyLength)
  }
  let cursor = Number(BigInt.asUintN(32, start))
  let stepsLeft = scanOptions.stepsMax
  do {
    cursor = db.scan(cursor, visit)
  } while (cursor !== 0 && stepsLeft-- > 0 && visited < count)

  reply.array(2)
  reply.bulkInteger(cursor)
  reply.array(chunks.length)
  for (let i = 0; i < chunks.length; i++) {
    reply.bulk(chunks[i] as Uint8Array, keyOffsets[i] as number, keyLengths[i] as number)
  }
}

export const scanCommands: readonly CommandSpec[] = [
  {
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    group: 'generic',
    since: '2.8.0',
    summary: 'Returns some of the keys of the database and a cursor to go on with.',
    complexity: 'O(1) for a call, O(N) for an iteration over all N keys of the database',
    categories: ['keyspace'],
    tips: ['nondeterministic_output', 'request_policy:special'],
    history: [['6.0.0', 'Option `TYPE`.']],
    arguments: [
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', optional: true },
      { name: 'count', type: 'integer', token: 'COUNT', optional: true },
      { name: 'type', type: 'string', token: 'TYPE', since: '6.0.0', optional: true },
    ],
    route: { on: 'router', coordinator: 'scan' },
    shard: scan,
  },
]
