/**
 * Keys that change their name or place: RENAME, RENAMENX, COPY and MOVE.
 *
 * Runs in a shard worker, for keys that are all on this shard. What a record holds is moved without a look at it, see
 * `store/move-record.ts`; between shards the router carries it over.
 */
import { compareBytes } from '../base/bytes.js'
import { errors } from '../resp/errors.js'
import type { Database } from '../store/database.js'
import { keyEvents } from '../store/keyspace-events.js'
import { copyRecord, moveRecord } from '../store/move-record.js'
import { keyArgument } from './generic-arguments.js'
import type { ShardCall } from './shard-call.js'
import { type CommandSpec, type KeySpec, oneKey } from './spec.js'

const INT32_MIN = -2147483648
const INT32_MAX = 2147483647

function rename(call: ShardCall): void {
  renameKey(call, false)
}

function renamenx(call: ShardCall): void {
  renameKey(call, true)
}

function renameKey(call: ShardCall, onlyIfAbsent: boolean): void {
  const { db, reply } = call
  if (!call.findForWrite(1)) {
    reply.error(errors.noSuchKey)
    return
  }
  const refused = call.findForWrite(2) && onlyIfAbsent
  if (!refused && !sameKey(call, 1, 2)) {
    moveRecord(db, keyRange(call, 1), db, keyRange(call, 2))
    call.notify(keyEvents.rename_from, 1)
    call.notify(keyEvents.rename_to, 2)
  }
  if (!onlyIfAbsent) reply.ok()
  else reply.integer(refused ? 0 : 1)
}

function sameKey(call: ShardCall, left: number, right: number): boolean {
  const { bytes, offsets, lengths } = call
  const leftLength = lengths[left] as number
  const rightLength = lengths[right] as number
  return (
    leftLength === rightLength &&
    compareBytes(bytes, offsets[left] as number, leftLength, bytes, offsets[right] as number, rightLength) === 0
  )
}

function keyRange(call: ShardCall, i: number): Uint8Array {
  const offset = call.offsets[i] as number
  return call.bytes.subarray(offset, offset + (call.lengths[i] as number))
}

function copy(call: ShardCall): void {
  const { db, reply } = call
  let target = db
  let replace = false
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'REPLACE')) {
      replace = true
    } else if (call.is(i, 'DB') && i + 1 < call.argc) {
      const found = databaseAt(call, ++i)
      if (found === undefined) return
      target = found
    } else {
      reply.error(errors.syntax)
      return
    }
  }
  if (target === db && sameKey(call, 1, 2)) {
    reply.error(errors.sameObject)
    return
  }
  if (!call.find(1)) {
    reply.integer(0)
    return
  }
  const newKey = keyRange(call, 2)
  if (target.findForWrite(newKey, 0, newKey.length) && !replace) {
    reply.integer(0)
    return
  }
  copyRecord(db, keyRange(call, 1), target, newKey)
  call.notify(keyEvents.copy_to, 2, target.index)
  reply.integer(1)
}

function move(call: ShardCall): void {
  const { db, reply } = call
  const target = databaseAt(call, 2)
  if (target === undefined) return
  if (target === db) {
    reply.error(errors.sameObject)
    return
  }
  const key = keyRange(call, 1)
  if (!call.findForWrite(1) || target.findForWrite(key, 0, key.length)) {
    reply.integer(0)
    return
  }
  moveRecord(db, key, target, key)
  call.notify(keyEvents.move_from, 1)
  call.notify(keyEvents.move_to, 1, target.index)
  reply.integer(1)
}

/** The database that argument `i` numbers; undefined after an error reply. */
function databaseAt(call: ShardCall, i: number): Database | undefined {
  const { keyspace, reply } = call
  const index = call.integer(i)
  if (Number.isNaN(index) && call.int64(i) === undefined) reply.error(errors.notAnInteger)
  else if (!(index >= INT32_MIN && index <= INT32_MAX)) reply.error(errors.notAnInt32)
  else if (index < 0 || index >= keyspace.databases) reply.error(errors.dbIndexOutOfRange)
  else return keyspace.database(index)
  return undefined
}

/** The key specification of a second key, behind the one that `oneKey` describes. */
function secondKey(...flags: KeySpec['flags']): KeySpec {
  return { flags, begin: { index: 2 }, find: { lastKey: 0, keyStep: 1, limit: 0 } }
}

export const genericMoveCommands: readonly CommandSpec[] = [
  {
    name: 'rename',
    arity: 3,
    flags: ['write'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Gives a key another name; what stood under that name is lost.',
    complexity: 'O(1), besides the work of deleting what stood under the new name',
    categories: ['keyspace'],
    keySpecs: [...oneKey('RW', 'access', 'delete'), secondKey('OW', 'update')],
    arguments: [keyArgument, { name: 'newkey', type: 'key', keySpecIndex: 1 }],
    route: { on: 'hops', coordinator: 'rename' },
    shard: rename,
  },
  {
    name: 'renamenx',
    arity: 3,
    flags: ['write', 'fast'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Gives a key another name unless a key of that name exists.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    keySpecs: [...oneKey('RW', 'access', 'delete'), secondKey('OW', 'insert')],
    history: [['3.2.0', 'Two equal names are no error any more.']],
    arguments: [keyArgument, { name: 'newkey', type: 'key', keySpecIndex: 1 }],
    route: { on: 'hops', coordinator: 'renamenx' },
    shard: renamenx,
  },
  {
    name: 'copy',
    arity: -3,
    flags: ['write', 'denyoom'],
    group: 'generic',
    since: '6.2.0',
    summary: 'Copies the value of a key to another key.',
    complexity: 'O(N), N being the number of elements of the value; O(1) for a string',
    categories: ['keyspace'],
    keySpecs: [...oneKey('RO', 'access'), secondKey('OW', 'update')],
    arguments: [
      { name: 'source', type: 'key', keySpecIndex: 0 },
      { name: 'destination', type: 'key', keySpecIndex: 1 },
      { name: 'destination-db', type: 'integer', token: 'DB', optional: true },
      { name: 'replace', type: 'pure-token', token: 'REPLACE', optional: true },
    ],
    route: { on: 'hops', coordinator: 'copy' },
    shard: copy,
  },
  {
    name: 'move',
    arity: 3,
    flags: ['write', 'fast'],
    group: 'generic',
    since: '1.0.0',
    summary: 'Moves a key to another database.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    keySpecs: oneKey('RW', 'access', 'update'),
    arguments: [keyArgument, { name: 'db', type: 'integer' }],
    route: { on: 'key' },
    shard: move,
  },
]
