/**
 * DEBUG RELOAD: takes the whole data set apart into RDB and makes it anew, which shows what RDB loses.
 *
 * The subcommand runs on the main thread, and each shard reloads itself at one place in the order, so that nobody sees the
 * time in between. Redis goes by a file; here the bytes stay in memory, and only NOSAVE reads the file.
 */
import { encodeError } from '../resp/errors.js'
import { isError } from '../resp/reply-reader.js'
import type { Database } from '../store/database.js'
import { readKeyEntry, writeKeyEntry, writtenClockOf } from '../store/rdb/key-entry.js'
import { RdbFormatError, RdbReader } from '../store/rdb/rdb-reader.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'
import { NO_EXPIRY } from '../store/value-type.js'
import type { MainCall } from './main-call.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

const UNKNOWN_OPTION = encodeError('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.')
const NOT_LOADED = encodeError('ERR Error trying to load the RDB dump')

/** Entries are put together up to this size, so that no buffer holds everything. */
const BATCH_BYTES_MIN = 4 * 1024 * 1024

const NO_NAME = new Uint8Array(0)
const YES = Uint8Array.of(0x31)
const NO = Uint8Array.of(0x30)

interface Batch {
  readonly database: number
  readonly bytes: Uint8Array
}

/** `shard.debug-reload flushes replaces`, each 0 or 1 */
function reloadShard(call: ShardCall): void {
  const { keyspace } = call
  const { dirty } = keyspace.stats
  const flushes = call.integer(1) === 1
  const batches = encodeAll(call, flushes)
  if (flushes) keyspace.clear()
  try {
    decodeAll(call, batches, call.integer(2) === 1)
    call.reply.ok()
  } catch (error) {
    // With everything flushed the bytes are our own, and cannot be wrong.
    if (!(error instanceof RdbFormatError) || flushes) throw error
    call.reply.error(NOT_LOADED)
  }
  keyspace.stats.dirty = dirty
}

/** All keys of this shard but those whose time is over; when all keys are to go, those expire with it. */
function encodeAll({ keyspace, settings, nowMs }: ShardCall, flushes: boolean): Batch[] {
  const batches: Batch[] = []
  const writer = new RdbWriter(settings.rdbCompression)
  const clock = writtenClockOf(settings.maxmemoryPolicy)
  for (let index = 0; index < keyspace.databases; index++) {
    const database = keyspace.existingDatabase(index)
    if (database === null) continue
    const endBatch = (): void => {
      if (writer.position > 0) batches.push({ database: index, bytes: writer.take() })
      writer.reset()
    }
    const encode = (db: Database): boolean => {
      const expireAtMs = db.expireAtMs()
      if (expireAtMs === NO_EXPIRY || expireAtMs >= nowMs) writeKeyEntry(db, writer, clock)
      else if (flushes) keyspace.onExpired?.(db)
      if (writer.position >= BATCH_BYTES_MIN) endBatch()
      return true
    }
    database.forEach(encode)
    endBatch()
  }
  return batches
}

function decodeAll({ keyspace }: ShardCall, batches: readonly Batch[], replaces: boolean): void {
  const reader = new RdbReader()
  for (const { database, bytes } of batches) {
    reader.open(bytes, 0, bytes.length)
    const db = keyspace.database(database)
    while (reader.remaining > 0) readKeyEntry(reader, db, { replaces })
  }
}

export const debugReload: CommandSpec = {
  name: 'shard.debug-reload',
  arity: 3,
  flags: [],
  group: 'server',
  since: '0.1.0',
  summary: '',
  complexity: '',
  internal: true,
  looksAtKeyspace: true,
  route: { on: 'key' },
  shard: reloadShard,
}

function reloadFile(call: MainCall, flushes: boolean, replaces: boolean): void {
  const deferred = call.defer()
  call.server.persistence.reload({ flushes, replaces }, (isLoaded) => {
    if (isLoaded) deferred.reply.ok()
    else deferred.reply.error(NOT_LOADED)
    deferred.send()
  })
}

/** `DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]` */
export function reload(call: MainCall): void {
  let flushes = true
  let replaces = false
  let isFromFile = false
  for (let i = 2; i < call.argc; i++) {
    const option = call.word(i)
    if (option === 'noflush') flushes = false
    else if (option === 'merge') replaces = true
    else if (option === 'nosave') isFromFile = true
    else {
      call.reply.error(UNKNOWN_OPTION)
      return
    }
  }
  if (isFromFile) {
    reloadFile(call, flushes, replaces)
    return
  }
  // Libraries come before keys: one that is there already ends the load before it has made any.
  if (!flushes && !replaces && call.server.functions.libraries.length > 0) {
    call.reply.error(NOT_LOADED)
    return
  }
  const argv = [NO_NAME, flushes ? YES : NO, replaces ? YES : NO]
  const deferred = call.defer()
  call.server.askShards(debugReload, argv, call.session.database, (replies) => {
    const failed = replies.find(isError)
    if (failed !== undefined) deferred.reply.error(failed)
    else deferred.reply.ok()
    deferred.send()
  })
}
