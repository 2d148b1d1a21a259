/**
 * DEBUG POPULATE: makes many keys for tests. Each shard goes through all names and makes those keys that are its own, at one
 * place in the order.
 *
 * The subcommand runs on the main thread, the internal command on each shard.
 */
import { keySlot, shardOfSlot } from '../base/crc16.js'
import { encodeError, errors } from '../resp/errors.js'
import { isError } from '../resp/reply-reader.js'
import { encodingOfValue } from '../store/string-encoding.js'
import { NO_EXPIRY } from '../store/value-type.js'
import { internal } from './internal.js'
import type { MainCall } from './main-call.js'
import type { ShardCall } from './shard-call.js'
import type { CommandSpec } from './spec.js'

const NO_NAME = new Uint8Array(0)
const DEFAULT_PREFIX = Buffer.from('key')
const DEFAULT_SIZE = Buffer.from('0')
const NOT_POSITIVE = encodeError('ERR value is out of range, must be positive')

const STEP_KEYS = 256

/** `shard.debug-populate count prefix size`; a size of 0 stands for values as long as their text. */
function populateShard(call: ShardCall): void {
  call.inSlices(populateSteps(call))
}

function* populateSteps(call: ShardCall): Generator<undefined> {
  const { dbIndex, keyspace, shard, shardCount } = call
  const count = call.integer(1)
  const prefix = call.text(2)
  const size = call.integer(3)
  for (let i = 0; i < count; i++) {
    if (i % STEP_KEYS === STEP_KEYS - 1) yield
    const key = Buffer.from(`${prefix}:${i}`, 'latin1')
    const db = keyspace.database(dbIndex)
    if (shardOfSlot(keySlot(key, 0, key.length), shardCount) !== shard || db.has(key, 0, key.length)) continue
    const text = Buffer.from(`value:${i}`, 'latin1')
    const value = size === 0 ? text : Buffer.alloc(size)
    if (size > 0) text.copy(value)
    db.setString(key, 0, key.length, value, 0, value.length, encodingOfValue(value, 0, value.length), NO_EXPIRY)
  }
  call.reply.ok()
}

const debugPopulate: CommandSpec = {
  ...internal('debug-populate', 4, [], populateShard),
  looksAtKeyspace: true,
}

export const debugPopulateCommands: readonly CommandSpec[] = [debugPopulate]

/** `DEBUG POPULATE count [prefix] [size]` */
export function populate(call: MainCall): void {
  const count = call.int64(2)
  const size = call.argc > 4 ? call.int64(4) : 0n
  if (count === undefined || size === undefined) {
    call.reply.error(errors.notAnInteger)
    return
  }
  if (count < 0n || size < 0n) {
    call.reply.error(NOT_POSITIVE)
    return
  }
  const prefix = call.argc > 3 ? call.copy(3) : DEFAULT_PREFIX
  const argv = [NO_NAME, call.copy(2), prefix, call.argc > 4 ? call.copy(4) : DEFAULT_SIZE]
  const deferred = call.defer()
  call.server.askShards(debugPopulate, argv, call.session.database, (replies) => {
    const failed = replies.find(isError)
    if (failed !== undefined) deferred.reply.error(failed)
    else deferred.reply.ok()
    deferred.send()
  })
}
