/**
 * The parts of DEBUG that look into a shard. Each is an internal command that DEBUG's handler on the main thread sends
 * (debug.ts), so that DEBUG stays one command with one guard, as COMMAND INFO shows it.
 *
 * Runs in a shard worker.
 */
import { DIGEST_BYTES } from '../base/data-digest.js'
import { encodeError, errors } from '../resp/errors.js'
import type { Database } from '../store/database.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'
import { writeValue } from '../store/rdb/value-forms.js'
import { ValueType } from '../store/value-type.js'
import { hexadecimal, keyspaceDigest, mixValue } from './digest.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, oneKey, type ShardHandler } from './spec.js'
import { tableReport } from './table-report.js'
import { encodingName, referenceCount } from './value-description.js'

const NO_HASH_TABLE = encodeError('ERR The value stored at the specified key is not represented using an hash table')

/** The access clock is 24 bits of seconds (LRU_BITS in Redis). */
const ACCESS_CLOCK_MASK = 0xffffff

/** Chunks are shorter than 1 GiB, and a shard has at most 1024 of them. */
const CHUNK_ADDRESSES = 2 ** 30
const SHARD_ADDRESSES = 2 ** 40

/** `shard.debug-object key`: DEBUG OBJECT's reply. */
function object(call: ShardCall): void {
  if (!call.peek(1)) {
    call.reply.error(errors.noSuchKey)
    return
  }
  const { db } = call
  const idleSeconds = db.idleSeconds()
  const accessClock = (Math.floor(call.nowMs / 1000) - idleSeconds) & ACCESS_CLOCK_MASK
  call.reply.simple(
    `Value at:${valueAddress(call)} refcount:${referenceCount(db)} encoding:${encodingName(db)} ` +
      `serializedlength:${serializedLength(call)} lru:${accessClock} lru_seconds_idle:${idleSeconds}` +
      (db.type === ValueType.list ? listReport(db) : ''),
  )
}

/** Figures of a list's pieces. */
function listReport(db: Database): string {
  const { lists, limits } = db.keyspace
  const pieces = lists.pieceCount(db)
  const average = (lists.length(db) / pieces).toFixed(2)
  let bytes = 0
  lists.visitPieces(db, (_isPlain, _bytes, _offset, length) => {
    bytes += length
  })
  const compressed = limits.listCompressDepth === 0 ? 0 : 1
  return (
    ` ql_nodes:${pieces} ql_avg_node:${average} ql_listpack_max:${limits.listMaxListpackSize} ` +
    `ql_compressed:${compressed} ql_uncompressed_size:${bytes}`
  )
}

/** Unique in the server, and the same for as long as the value is not moved: what tests read from an address. */
function valueAddress(call: ShardCall): string {
  const chunk = call.keyspace.arena.chunkBytes.indexOf(call.db.bytes)
  const address = (call.shard + 1) * SHARD_ADDRESSES + chunk * CHUNK_ADDRESSES + call.db.valueOffset
  return `0x${address.toString(16)}`
}

const writer = new RdbWriter()

/** Bytes of the value in an RDB file. */
function serializedLength(call: ShardCall): number {
  writer.reset()
  writer.compresses = call.settings.rdbCompression
  writeValue(call.db, writer)
  return writer.position
}

/** `shard.debug-digest-value key`: the value's digest in hexadecimal, zeros for a key that is not there. */
function digestValue(call: ShardCall): void {
  const digest = new Uint8Array(DIGEST_BYTES)
  if (call.peek(1)) mixValue(digest, call.db)
  call.reply.simple(hexadecimal(digest))
}

/** `shard.debug-digest`: this shard's part of the data set's digest, as a bulk string. */
function digest(call: ShardCall): void {
  call.reply.bulkBytes(keyspaceDigest(call.keyspace))
}

/** `shard.debug-set-active-expire 0|1` */
function setActiveExpire(call: ShardCall): void {
  call.keyspace.expireEnabled = call.integer(1) !== 0
  call.reply.ok()
}

/** `shard.debug-set-skip-checksum-validation 0|1` */
function setSkipChecksumValidation(call: ShardCall): void {
  call.keyspace.skipsChecksums = call.integer(1) !== 0
  call.reply.ok()
}

/** `shard.debug-htstats`: a text about the tables of the selected database. */
function tableStatistics(call: ShardCall): void {
  const { keys, expires } = call.db.tableSlots()
  call.reply.bulkText(tableReport('Dictionary HT', keys) + tableReport('Expires HT', expires))
}

/** `shard.debug-htstats-key key`: the same for the table inside a value. */
function valueTableStatistics(call: ShardCall): void {
  if (call.peek(1)) call.reply.error(NO_HASH_TABLE)
  else call.reply.error(errors.noSuchKey)
}

/** What a subcommand looks at, so that it waits for whoever has that locked. */
const ofKey = { keySpecs: oneKey('RO') } as const
const ofKeyspace = { looksAtKeyspace: true } as const

function internal(name: string, arity: number, shard: ShardHandler, looks: Partial<CommandSpec> = {}): CommandSpec {
  return {
    name: `shard.debug-${name}`,
    arity,
    flags: [],
    group: 'server',
    since: '0.1.0',
    summary: '',
    complexity: '',
    internal: true,
    ...looks,
    route: { on: 'key' },
    shard,
  }
}

export const debugObject = internal('object', 2, object, ofKey)
export const debugDigest = internal('digest', 1, digest, ofKeyspace)
export const debugDigestValue = internal('digest-value', 2, digestValue, ofKey)
export const debugSetActiveExpire = internal('set-active-expire', 2, setActiveExpire)
export const debugSetSkipChecksumValidation = internal('set-skip-checksum-validation', 2, setSkipChecksumValidation)
export const debugTableStatistics = internal('htstats', 1, tableStatistics)
export const debugValueTableStatistics = internal('htstats-key', 2, valueTableStatistics, ofKey)

export const debugShardCommands: readonly CommandSpec[] = [
  debugObject,
  debugDigest,
  debugDigestValue,
  debugSetActiveExpire,
  debugSetSkipChecksumValidation,
  debugTableStatistics,
  debugValueTableStatistics,
]
