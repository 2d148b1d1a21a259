/**
 * Commands for the data set as a whole and for the server itself: DBSIZE, FLUSHDB, FLUSHALL and SWAPDB run on every
 * shard at one place in the order, TIME and SHUTDOWN on the main thread.
 */
import { encodeError, errors } from '../resp/errors.js'
import type { MainCall } from './main-call.js'
import type { ShardCall } from './shard-call.js'
import type { ArgumentSpec, CommandSpec } from './spec.js'

const INVALID_FIRST_INDEX = encodeError('ERR invalid first DB index')
const INVALID_SECOND_INDEX = encodeError('ERR invalid second DB index')
const NO_SHUTDOWN_IN_PROGRESS = encodeError('ERR No shutdown in progress.')

const INT32_MAX = 2147483647
const INT32_MIN = -2147483648

function dbsize(call: ShardCall): void {
  call.reply.integer(call.db.size)
}

/**
 * Whether the arguments are nothing, ASYNC or SYNC; else the error has been written. Both words mean the same here:
 * a database is dropped together with its chunks of memory, so that there is nothing left to free in the background.
 */
function flushArgumentsFit(call: ShardCall): boolean {
  if (call.argc === 1 || (call.argc === 2 && (call.is(1, 'ASYNC') || call.is(1, 'SYNC')))) return true
  call.reply.error(errors.syntax)
  return false
}

function flushdb(call: ShardCall): void {
  if (!flushArgumentsFit(call)) return
  call.db.clear()
  call.reply.ok()
}

function flushall(call: ShardCall): void {
  if (!flushArgumentsFit(call)) return
  call.keyspace.clear()
  call.reply.ok()
}

/** Every shard judges the same arguments, so that either all of them swap or all answer the same error. */
function swapdb(call: ShardCall): void {
  const first = call.integer(1)
  if (!(first >= INT32_MIN && first <= INT32_MAX)) {
    call.reply.error(INVALID_FIRST_INDEX)
    return
  }
  const second = call.integer(2)
  if (!(second >= INT32_MIN && second <= INT32_MAX)) {
    call.reply.error(INVALID_SECOND_INDEX)
    return
  }
  const databases = call.keyspace.databases
  if (first < 0 || first >= databases || second < 0 || second >= databases) {
    call.reply.error(errors.dbIndexOutOfRange)
    return
  }
  call.self.watches.databasesSwapped(first, second)
  call.keyspace.swapDatabases(first, second)
  call.keyspace.stats.dirty++
  call.reply.ok()
}

function time(call: MainCall): void {
  const nowUs = call.server.clock.nowUs()
  call.reply.array(2)
  call.reply.bulkInteger(Math.floor(nowUs / 1e6))
  call.reply.bulkInteger(nowUs % 1e6)
}

function shutdown(call: MainCall): void {
  let save: boolean | undefined
  let now = false
  let force = false
  let abort = false
  for (let i = 1; i < call.argc; i++) {
    const option = call.word(i)
    if (option === 'now') now = true
    else if (option === 'force') force = true
    else if (option === 'abort') abort = true
    else if (option === 'save' && save !== false) save = true
    else if (option === 'nosave' && save !== true) save = false
    else {
      call.reply.error(errors.syntax)
      return
    }
  }
  if (!abort) {
    // The client hears nothing when the server ends; only a shutdown that fails or is aborted is answered.
    const deferred = call.defer()
    call.server.shutdown({ save, now, force }, (errorText) => {
      deferred.reply.errorText(errorText)
      deferred.send()
    })
    return
  }
  if (save !== undefined || now || force) call.reply.error(errors.syntax)
  else if (call.server.abortShutdown()) call.reply.ok()
  else call.reply.error(NO_SHUTDOWN_IN_PROGRESS)
}

const FLUSH_ARGUMENTS: readonly ArgumentSpec[] = [
  {
    name: 'async',
    type: 'oneof',
    optional: true,
    arguments: [
      { name: 'async', type: 'pure-token', token: 'ASYNC', since: '4.0.0' },
      { name: 'sync', type: 'pure-token', token: 'SYNC', since: '6.2.0' },
    ],
  },
]

const FLUSH_HISTORY = [
  ['4.0.0', 'The `ASYNC` modifier.'],
  ['6.2.0', 'The `SYNC` modifier.'],
] as const

export const serverCommands: readonly CommandSpec[] = [
  {
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    group: 'server',
    since: '1.0.0',
    summary: 'Returns the number of keys in the selected database.',
    complexity: 'O(1)',
    categories: ['keyspace'],
    tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
    route: { on: 'shards', merge: 'sum' },
    shard: dbsize,
  },
  {
    name: 'flushdb',
    arity: -1,
    flags: ['write'],
    group: 'server',
    since: '1.0.0',
    summary: 'Removes all keys of the selected database.',
    complexity: 'O(N) where N is the number of keys in the selected database',
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    arguments: FLUSH_ARGUMENTS,
    route: { on: 'shards', merge: 'all_succeeded' },
    shard: flushdb,
  },
  {
    name: 'flushall',
    arity: -1,
    flags: ['write'],
    group: 'server',
    since: '1.0.0',
    summary: 'Removes all keys of all databases.',
    complexity: 'O(N) where N is the number of keys in all databases',
    categories: ['keyspace', 'dangerous'],
    tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
    history: FLUSH_HISTORY,
    arguments: FLUSH_ARGUMENTS,
    route: { on: 'shards', merge: 'all_succeeded' },
    shard: flushall,
  },
  {
    name: 'swapdb',
    arity: 3,
    flags: ['write', 'fast'],
    group: 'server',
    since: '4.0.0',
    summary: 'Exchanges the contents of two databases.',
    complexity: 'O(N) where N is the number of clients that watch or block on keys of the two databases',
    categories: ['keyspace', 'dangerous'],
    arguments: [
      { name: 'index1', type: 'integer' },
      { name: 'index2', type: 'integer' },
    ],
    route: { on: 'shards', merge: 'all_succeeded' },
    shard: swapdb,
  },
  {
    name: 'time',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    group: 'server',
    since: '2.6.0',
    summary: "Returns the server's time.",
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    route: { on: 'main' },
    main: time,
  },
  {
    name: 'shutdown',
    arity: -1,
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'sentinel', 'allow_busy'],
    group: 'server',
    since: '1.0.0',
    summary: 'Saves the data set to disk if so configured, then ends the server.',
    complexity: 'O(N) when saving, where N is the number of keys in all databases, otherwise O(1)',
    history: [['7.0.0', 'The `NOW`, `FORCE` and `ABORT` modifiers.']],
    arguments: [
      {
        name: 'nosave_save',
        type: 'oneof',
        optional: true,
        arguments: [
          { name: 'nosave', type: 'pure-token', token: 'NOSAVE' },
          { name: 'save', type: 'pure-token', token: 'SAVE' },
        ],
      },
      { name: 'now', type: 'pure-token', token: 'NOW', optional: true, since: '7.0.0' },
      { name: 'force', type: 'pure-token', token: 'FORCE', optional: true, since: '7.0.0' },
      { name: 'abort', type: 'pure-token', token: 'ABORT', optional: true, since: '7.0.0' },
    ],
    route: { on: 'main' },
    main: shutdown,
  },
]
