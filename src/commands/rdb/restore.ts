/**
 * RESTORE, and RESTORE-ASKING for a key that moves between cluster nodes: makes a key of the bytes that DUMP gave.
 *
 * Runs in a shard worker. The bytes may come from anywhere and are not trusted: the value is made in the nursery, where
 * nobody sees it, and takes the key's place when it has proved to be whole.
 *
 * Behaviour: https://redis.io/docs/latest/commands/restore/; the order of the checks is Redis's.
 */
import { assert } from '../../base/assert.js'
import { encodeError, errors } from '../../resp/errors.js'
import { keyEvents } from '../../store/keyspace-events.js'
import { moveRecord } from '../../store/move-record.js'
import { isDumpPayload, loadDumpPayload } from '../../store/rdb/dump-payload.js'
import { NO_EXPIRY } from '../../store/value-type.js'
import { keyArgument } from '../generic-arguments.js'
import { effectOfRemoval } from '../key-effects.js'
import type { ShardCall } from '../shard-call.js'
import { type ArgumentSpec, type CommandSpec, oneKey } from '../spec.js'

const BUSY_KEY = encodeError('BUSYKEY Target key name already exists.')
const BAD_IDLE_TIME = encodeError('ERR Invalid IDLETIME value, must be >= 0')
const BAD_FREQUENCY = encodeError('ERR Invalid FREQ value, must be >= 0 and <= 255')
const BAD_TTL = encodeError('ERR Invalid TTL value, must be >= 0')
const WRONG_PAYLOAD = encodeError('ERR DUMP payload version or checksum are wrong')
const BAD_DATA = encodeError('ERR Bad data format')

const FREQUENCY_MAX = 255
const NOT_GIVEN = -1

/** The key that a value in the making has in the nursery. */
const NURSERY_KEY = new Uint8Array(0)

interface RestoreOptions {
  replaces: boolean
  isAbsolute: boolean
  idleSeconds: number
  frequency: number
}

/** @returns undefined after an error reply */
function parseOptions(call: ShardCall): RestoreOptions | undefined {
  const { argc, reply } = call
  const options = { replaces: false, isAbsolute: false, idleSeconds: NOT_GIVEN, frequency: NOT_GIVEN }
  for (let i = 4; i < argc; i++) {
    if (call.is(i, 'REPLACE')) {
      options.replaces = true
    } else if (call.is(i, 'ABSTTL')) {
      options.isAbsolute = true
    } else if (call.is(i, 'IDLETIME') && i + 1 < argc && options.frequency === NOT_GIVEN) {
      options.idleSeconds = countAt(call, ++i)
      if (Number.isNaN(options.idleSeconds)) return undefined
      if (options.idleSeconds < 0) {
        reply.error(BAD_IDLE_TIME)
        return undefined
      }
    } else if (call.is(i, 'FREQ') && i + 1 < argc && options.idleSeconds === NOT_GIVEN) {
      options.frequency = countAt(call, ++i)
      if (Number.isNaN(options.frequency)) return undefined
      if (options.frequency < 0 || options.frequency > FREQUENCY_MAX) {
        reply.error(BAD_FREQUENCY)
        return undefined
      }
    } else {
      reply.error(errors.syntax)
      return undefined
    }
  }
  return options
}

/** Argument `i`, with what lies beyond 2^53-1 counted as that. @returns NaN after an error reply */
function countAt(call: ShardCall, i: number): number {
  const n = call.integer(i)
  if (!Number.isNaN(n)) return n
  const large = call.int64(i)
  if (large === undefined) {
    call.reply.error(errors.notAnInteger)
    return Number.NaN
  }
  return large > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
}

function restore(call: ShardCall): void {
  const { db, reply, bytes, keyspace } = call
  const options = parseOptions(call)
  if (options === undefined) return
  if (!options.replaces && call.findForWrite(1)) {
    reply.error(BUSY_KEY)
    return
  }
  const ttl = countAt(call, 2)
  if (Number.isNaN(ttl)) return
  if (ttl < 0) {
    reply.error(BAD_TTL)
    return
  }
  const offset = call.offsets[3] as number
  const length = call.lengths[3] as number
  if (!isDumpPayload(bytes, offset, length, keyspace.skipsChecksums)) {
    reply.error(WRONG_PAYLOAD)
    return
  }
  let expireAtMs = NO_EXPIRY
  if (ttl > 0) expireAtMs = options.isAbsolute ? ttl : Math.min(ttl + call.nowMs, Number.MAX_SAFE_INTEGER)
  const isOver = expireAtMs !== NO_EXPIRY && call.isOver(expireAtMs)

  const { dirty } = keyspace.stats
  const { nursery } = keyspace
  try {
    const target = { db: nursery, key: NURSERY_KEY, expireAtMs: isOver ? NO_EXPIRY : expireAtMs }
    const fault = loadDumpPayload(bytes, offset, length, target)
    if (fault !== null) {
      call.self.log(`A value was not restored. ${fault}`)
      reply.error(BAD_DATA)
      return
    }
    const replaced = options.replaces && call.findForWrite(1)
    if (replaced) db.remove()
    // A time that has come leaves nothing of the value, but what it was to replace is gone.
    if (!isOver) {
      takeFromNursery(call, options)
      call.notify(keyEvents.restore, 1)
      if (ttl > 0 && !options.isAbsolute) effectOfRestore(call, expireAtMs)
    } else if (replaced) {
      call.notify(keyEvents.del, 1)
      effectOfRemoval(call, 1)
    }
    keyspace.stats.dirty = dirty + (replaced || !isOver ? 1 : 0)
    reply.ok()
  } finally {
    if (nursery.peek(NURSERY_KEY, 0, 0)) {
      const { dirty: dirtyNow } = keyspace.stats
      nursery.remove()
      keyspace.stats.dirty = dirtyNow
    }
  }
}

/** The same with the point in time at which the key goes. */
function effectOfRestore(call: ShardCall, expireAtMs: number): void {
  const { effects, argc } = call
  if (!effects.isRecording) return
  effects.begin('RESTORE', argc + 1)
  call.effectArgument(1)
  effects.integer(expireAtMs)
  for (let i = 3; i < argc; i++) call.effectArgument(i)
  effects.text('ABSTTL')
}

/** Gives the value in the nursery to the command's key, with the access clock that the options ask for. */
function takeFromNursery(call: ShardCall, { idleSeconds, frequency }: RestoreOptions): void {
  const { db, keyspace } = call
  const key = call.copy(1)
  moveRecord(keyspace.nursery, NURSERY_KEY, db, key)
  const isThere = db.peek(key, 0, key.length)
  assert(isThere, 'a value that was restored must be there')
  if (keyspace.lfu) {
    if (frequency !== NOT_GIVEN) db.setAccessFrequency(frequency)
  } else if (idleSeconds !== NOT_GIVEN) {
    db.setIdleSeconds(idleSeconds)
  }
}

const restoreArguments: readonly ArgumentSpec[] = [
  keyArgument,
  { name: 'ttl', type: 'integer' },
  { name: 'serialized-value', type: 'string' },
  { name: 'replace', type: 'pure-token', token: 'REPLACE', since: '3.0.0', optional: true },
  { name: 'absttl', type: 'pure-token', token: 'ABSTTL', since: '5.0.0', optional: true },
  { name: 'seconds', type: 'integer', token: 'IDLETIME', since: '5.0.0', optional: true },
  { name: 'frequency', type: 'integer', token: 'FREQ', since: '5.0.0', optional: true },
]

const restoreEntry = {
  arity: -4,
  complexity: 'O(N), N being the number of bytes of the value; O(N*log(N)) for sorted sets',
  categories: ['keyspace', 'dangerous'],
  keySpecs: oneKey('OW', 'update'),
  history: [
    ['3.0.0', 'The option `REPLACE`.'],
    ['5.0.0', 'The option `ABSTTL`.'],
    ['5.0.0', 'The options `IDLETIME` and `FREQ`.'],
  ],
  arguments: restoreArguments,
  route: { on: 'key' },
  shard: restore,
} as const

export const restoreCommands: readonly CommandSpec[] = [
  {
    ...restoreEntry,
    name: 'restore',
    flags: ['write', 'denyoom'],
    group: 'generic',
    since: '2.6.0',
    summary: 'Makes a key of the bytes that DUMP gave.',
  },
  {
    ...restoreEntry,
    name: 'restore-asking',
    flags: ['write', 'denyoom', 'asking'],
    group: 'server',
    since: '3.0.0',
    summary: 'Makes a key that another node of a cluster sends.',
    docFlags: ['syscmd'],
  },
]
