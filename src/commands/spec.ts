/**
 * What a command's one table entry says. Everything else derives from it: lookup, arity errors, key extraction,
 * routing over shards, merging of partial replies, COMMAND and its subcommands, statistics, the README's table.
 *
 * Imported by both threads; holds types only, besides the flag and category names.
 *
 * The vocabulary is Redis's own: https://redis.io/docs/latest/develop/reference/key-specs/ and
 * https://redis.io/docs/latest/develop/reference/command-tips/
 */
import type { MainCall } from './main-call.js'
import type { ShardCall } from './shard-call.js'

/** Flags as COMMAND INFO prints them. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'module'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'asking'
  | 'fast'
  | 'no_auth'
  | 'may_replicate'
  | 'sentinel'
  | 'only_sentinel'
  | 'no_mandatory_keys'
  | 'protected'
  | 'no_async_loading'
  | 'no_multi'
  | 'movablekeys'
  | 'allow_busy'

export type CommandGroup =
  | 'generic'
  | 'string'
  | 'list'
  | 'set'
  | 'sorted-set'
  | 'hash'
  | 'pubsub'
  | 'transactions'
  | 'connection'
  | 'server'
  | 'scripting'
  | 'hyperloglog'
  | 'cluster'
  | 'sentinel'
  | 'geo'
  | 'stream'
  | 'bitmap'

/** ACL categories beyond those that follow from flags and group (see `categoriesOf` in table.ts). */
export type AclCategory =
  | 'keyspace'
  | 'read'
  | 'write'
  | 'set'
  | 'sortedset'
  | 'list'
  | 'hash'
  | 'string'
  | 'bitmap'
  | 'hyperloglog'
  | 'geo'
  | 'stream'
  | 'pubsub'
  | 'admin'
  | 'fast'
  | 'slow'
  | 'blocking'
  | 'dangerous'
  | 'connection'
  | 'transaction'
  | 'scripting'

export type KeyFlag =
  | 'RO'
  | 'RW'
  | 'OW'
  | 'RM'
  | 'access'
  | 'update'
  | 'insert'
  | 'delete'
  | 'not_key'
  | 'incomplete'
  | 'variable_flags'

/** Where a command's keys stand; positions count the command's name as 0, for a subcommand its container's name. */
export interface KeySpec {
  readonly flags: readonly KeyFlag[]
  readonly begin: { readonly index: number } | { readonly keyword: string; readonly startFrom: number } | 'unknown'
  readonly find:
    | { readonly lastKey: number; readonly keyStep: number; readonly limit: number }
    | { readonly keyNumIndex: number; readonly firstKey: number; readonly keyStep: number }
    | 'unknown'
  readonly notes?: string
}

/** One key at position 1: the commonest specification. */
export function oneKey(...flags: KeyFlag[]): readonly KeySpec[] {
  return [{ flags, begin: { index: 1 }, find: { lastKey: 0, keyStep: 1, limit: 0 } }]
}

/** Keys from position 1 to the last argument, every `keyStep` arguments. */
export function allKeys(keyStep: number, ...flags: KeyFlag[]): readonly KeySpec[] {
  return [{ flags, begin: { index: 1 }, find: { lastKey: -1, keyStep, limit: 0 } }]
}

/** One argument as COMMAND DOCS describes it. */
export interface ArgumentSpec {
  readonly name: string
  readonly type: 'string' | 'integer' | 'double' | 'key' | 'pattern' | 'unix-time' | 'pure-token' | 'oneof' | 'block'
  readonly token?: string
  readonly displayText?: string
  readonly keySpecIndex?: number
  readonly since?: string
  readonly deprecatedSince?: string
  readonly summary?: string
  readonly optional?: boolean
  readonly multiple?: boolean
  readonly multipleToken?: boolean
  readonly arguments?: readonly ArgumentSpec[]
}

/**
 * How partial replies of several shards become one (Redis's response policies, with `array` for its default over keys).
 *
 * - `sum`: integers are added (DEL, EXISTS, DBSIZE)
 * - `all_succeeded`: OK unless a shard answered an error, which is passed on (MSET, FLUSHALL)
 * - `array_by_key`: each shard's array holds one element a key it was asked for; elements go back to their key's place (MGET)
 * - `concat`: the shards' arrays are joined in any order (KEYS)
 */
export type MergePolicy = 'sum' | 'all_succeeded' | 'array_by_key' | 'concat'

/**
 * Where a command runs.
 *
 * - `main`: on the main thread, which never touches a key's value: `main` is its handler.
 * - `key`: on the one shard that owns its keys. A command with several keys may say so only with `split` or `hops`.
 * - `split`: each shard gets the arguments of its own keys (plus the shared prefix and suffix), all at one place in the
 *   order, and the parts are merged. With all keys on one shard it runs there as it is.
 * - `shards`: on every shard, at one place in the order, merged.
 * - `hops`: dependent parts. On one shard it runs there as it is; over several, the router's coordinator of that name
 *   locks the keys, gathers and applies.
 * - `router`: the router itself decides (SCAN, RANDOMKEY, SWAPDB, EXEC): the coordinator of that name is always called.
 */
export type Route =
  | { readonly on: 'main' }
  | { readonly on: 'key' }
  | { readonly on: 'split'; readonly merge: MergePolicy }
  | { readonly on: 'shards'; readonly merge: MergePolicy }
  | { readonly on: 'hops'; readonly coordinator: string; readonly reach?: ReachOf }
  | { readonly on: 'router'; readonly coordinator: string }

/**
 * How far a call reaches beyond the keys that its arguments name.
 *
 * - `keys`: no further; with its keys on one shard it runs there as it is
 * - `keyspace`: to keys that its arguments do not name (SORT with BY or GET). Over several shards its coordinator always
 *   runs, and a transaction with such a call locks every shard
 * - `elsewhere`: to something that no shard has, another server (MIGRATE): its coordinator always runs
 */
export type Reach = 'keys' | 'keyspace' | 'elsewhere'

/** The reach of a call of `argc` arguments, the name included. */
export type ReachOf = (bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number) => Reach

/**
 * What is known of a command that may wait for its keys, see `ShardCall.wouldBlock`. The type of value that it waits for is
 * that of its group. When its time is over, the client gets a null array, whatever the command is, as in Redis.
 */
export interface BlockingSpec {
  /** Which of its keys it waits for: all (if nothing is said), or the first only, whose elements go to the others (BLMOVE). */
  readonly keys?: 'all' | 'first'
  /** It waits only with this option, given in lower case; without it, it is a command like any other (XREAD). */
  readonly option?: Uint8Array
  /** Also run again when a key of its own is gone or has another type than before (XREADGROUP). */
  readonly endsWithKey?: boolean
}

export type ShardHandler = (call: ShardCall) => void
export type MainHandler = (call: MainCall) => void

export interface CommandSpec {
  /** Lower case, without its container's name. */
  readonly name: string
  /** Redis's convention: the name counts; negative means "at least". */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  readonly group: CommandGroup
  readonly since: string
  readonly summary: string
  readonly complexity: string
  readonly categories?: readonly AclCategory[]
  readonly keySpecs?: readonly KeySpec[]
  readonly tips?: readonly string[]
  readonly history?: readonly (readonly [since: string, change: string])[]
  readonly deprecatedSince?: string
  readonly replacedBy?: string
  readonly docFlags?: readonly ('deprecated' | 'syscmd')[]
  readonly arguments?: readonly ArgumentSpec[]
  /** Keys that no key specification can find (movablekeys): positions in `argc` arguments, see table.ts `keyPositions`. */
  readonly findKeys?: (
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
    into: number[],
  ) => void
  readonly route?: Route
  readonly blocking?: BlockingSpec
  /** Runs in the worker that owns the shard. */
  readonly shard?: ShardHandler
  /** Runs on the main thread. */
  readonly main?: MainHandler
  readonly subcommands?: readonly CommandSpec[]
  /** Sent by the router to shards; clients cannot call it and COMMAND does not show it. */
  readonly internal?: boolean
  /**
   * An internal command that waits for every lock of its shard, or one of the main thread that asks shards about keys: it
   * looks at keys that its key specifications do not name. Commands of clients without keys that run on shards do so anyway.
   */
  readonly looksAtKeyspace?: true
}
