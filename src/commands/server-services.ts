/**
 * What handlers on the main thread may ask of the server: interfaces only, so that the command families know neither
 * sockets nor the router. The wiring (`src/server.ts`) and `src/net/` implement them.
 */
import type { Clock } from '../base/clock.js'
import type { LatencySeries } from '../base/latency-monitor.js'
import type { SlowlogEntry } from '../base/slowlog.js'
import type { AppendLogServices } from './append-log-services.js'
import type { BackupServices } from './backup-services.js'
import type { PersistenceServices } from './persistence-services.js'
import type { CommandSpec } from './spec.js'

/**
 * What a client can listen to: channels, patterns of their names, and channels that belong to a slot (SSUBSCRIBE), which
 * are apart from the others and have no patterns.
 */
export type SubscriptionKind = 'channel' | 'pattern' | 'shardChannel'

/** The channels that anybody listens to; `src/net/subscriptions.ts` provides it. */
export interface ChannelsView {
  /** Sends a message to all who listen, and returns how many messages that were. The bytes are not kept. */
  publish(channel: Uint8Array, message: Uint8Array, isShard: boolean): number
  names(kind: SubscriptionKind): readonly Uint8Array[]
  /** How many names. */
  count(kind: SubscriptionKind): number
  /** How many clients listen to that one. */
  subscribers(kind: SubscriptionKind, name: Uint8Array): number
}

/** How a client wants to hear of changes of keys that it may have cached (CLIENT TRACKING). */
export interface TrackingOptions {
  /** The id of the client that is told in its place, 0 for none. */
  readonly redirectTo: number
  /** It hears of all keys with its prefixes, and not just of those that it has read. */
  readonly isBroadcast: boolean
  readonly isOptIn: boolean
  readonly isOptOut: boolean
  /** It does not want to hear of its own changes. */
  readonly noLoop: boolean
}

export interface TrackingState extends TrackingOptions {
  /** CLIENT CACHING came, and the command that it is meant for has not come yet. */
  isCachingGiven: boolean
  /** There was something to tell, and nobody to tell it to. */
  readonly isRedirectBroken: boolean
  /** In byte order, one character a byte. */
  readonly prefixes: readonly string[]
}

/** A client's session as command handlers see it. Text fields hold one character a byte. */
export interface SessionView {
  readonly id: number
  readonly address: string
  readonly localAddress: string
  readonly createdAtMs: number
  readonly isUnixSocket: boolean
  name: string
  libraryName: string
  libraryVersion: string
  user: string
  authenticated: boolean
  database: number
  resp: 2 | 3
  noEvict: boolean
  noTouch: boolean
  /** CLIENT REPLY: `skip` holds for the next command only. */
  replyMode: 'on' | 'off' | 'skip-next' | 'skip'
  /** Commands queued by MULTI, or -1 outside of it. */
  readonly queuedCommands: number
  /** Bytes of their arguments. */
  readonly queuedBytes: number
  readonly watchedKeys: number
  readonly isBlocked: boolean
  readonly isPaused: boolean
  readonly lastCommand: string
  readonly lastInteractionMs: number
  readonly queryBufferBytes: number
  readonly queryBufferFreeBytes: number
  readonly outputBytes: number
  readonly totalMemoryBytes: number
  readonly commandsTotal: number
  readonly fileDescriptor: number
  /** Redis's flag letters of CLIENT LIST (N, x, b, u, ...). */
  readonly flagLetters: string
  /** It has subscribed, and not ended all of its subscriptions by itself. */
  readonly isSubscribed: boolean
  subscriptionCount(kind: SubscriptionKind): number
  subscriptionNames(kind: SubscriptionKind): readonly Uint8Array[]
  subscribe(kind: SubscriptionKind, name: Uint8Array): void
  unsubscribe(kind: SubscriptionKind, name: Uint8Array): void
  /** Takes it out of subscribed mode when it has no subscription left. */
  endSubscribing(): void
  /** It sees every command of every client (MONITOR). */
  readonly isMonitor: boolean
  beginMonitoring(): void
  /** Null while it does not track. */
  readonly tracking: TrackingState | null
  /** Begins to track, or tracks in another way; the prefixes are added to those that it has. */
  startTracking(options: TrackingOptions, prefixes: readonly string[]): void
  stopTracking(): void
  /** Back to the state of a new connection (RESET), transaction and watches included. */
  reset(): void
  /** Closes after the replies written so far have gone out. */
  closeAfterReply(): void
  /** Closes now. */
  kill(): void
}

/** CONFIG's view of the settings; `src/config/configuration.ts` provides it. */
export interface ConfigurationView {
  get(globs: readonly string[]): Map<string, string>
  /**
   * Applies all pairs or none; returns Redis's error text, or undefined, or the promise of that. `origin` decides about
   * guarded settings.
   */
  set(
    pairs: readonly (readonly [name: string, value: string])[],
    origin?: { readonly isLocal: boolean; readonly isLoading: boolean },
  ): string | undefined | Promise<string | undefined>
  /** Rewrites the configuration file, on demand with every setting; returns what `set` does. */
  rewrite(everySetting?: boolean): string | undefined | Promise<string | undefined>
  number(name: string): number
  text(name: string): string
  flag(name: string): boolean
}

/**
 * The command table, for COMMAND and whatever else describes commands. An interface, because the table imports the
 * families and so they cannot import it; `src/commands/table.ts` has just these functions.
 */
export interface CommandTableView {
  /** Every top-level command, also those that `rename-command` has taken away. */
  readonly commands: readonly CommandSpec[]
  /** Every top-level command that clients can call. */
  callableCommands(): readonly CommandSpec[]
  /** `get`, or with its container `config|get`. */
  fullNameOf(spec: CommandSpec): string
  categoriesOf(spec: CommandSpec): readonly string[]
  keyPositions(
    spec: CommandSpec,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
    into: number[],
  ): void
  /** By what clients call the command. */
  lookup(name: string, subcommand?: string): CommandSpec | undefined
}

/** What is counted for one command, by its full name. */
export interface CommandCounts {
  calls: number
  usec: number
  failed: number
  /** Calls that were refused before they ran: wrong arity, no permission, no memory. Only the main thread refuses. */
  rejected?: number
  /** See base/histogram.ts. */
  histogram: number[]
}

/** Numbers of one shard, as its `shard.stats` command reports them. Names are the JSON keys. */
export interface ShardStatistics {
  shard: number
  databases: { index: number; keys: number; expires: number; averageTtlMs: number }[]
  hits: number
  misses: number
  expiredKeys: number
  expiredFields: number
  expiredStalePercent: number
  expiredTimeCapReached: number
  /** Time spent looking for expired keys. */
  expireCycleUs: number
  evictedKeys: number
  lazyFreedValues: number
  /** Removed values whose memory is still being given back. */
  condemnedValues: number
  dirty: number
  /** Keys that clients may have cached, and how many clients over all these keys. */
  trackedKeys: number
  trackedItems: number
  /** Bytes of the arenas' chunks, whether filled or not. */
  arenaBytes: number
  /** Bytes of them that records hold. */
  usedBytes: number
  /** Bytes of the hash tables, which lie outside the arenas. */
  tableBytes: number
  heapUsedBytes: number
  heapTotalBytes: number
  /** What the interpreter of scripts has taken. */
  scriptBytes: number
  /** By full command name. */
  commands: Record<string, CommandCounts>
  errors: Record<string, number>
}

/** Totals that the network side keeps; plain counters since start or CONFIG RESETSTAT. */
export interface NetworkStatistics {
  connectionsReceived: number
  connectionsRejected: number
  commandsProcessed: number
  inputBytes: number
  outputBytes: number
  /** Reads from and writes to sockets. */
  readsProcessed: number
  writesProcessed: number
  protocolErrors: number
  unexpectedErrorReplies: number
  errorReplies: number
  instantaneousOpsPerSecond: number
  instantaneousInputKbps: number
  instantaneousOutputKbps: number
  clientOutputBufferLimitDisconnections: number
  clientQueryBufferLimitDisconnections: number
  maxInputBufferBytes: number
  maxOutputBufferBytes: number
  /** Clients that were closed because all together took too much memory. */
  evictedClients: number
}

/** The scripts that the server knows. Digests are 40 hexadecimal digits, in any case where they are asked for. */
export interface ScriptServices {
  readonly count: number
  /** Scripts may call what is not for them (DEBUG SET-DISABLE-DENY-SCRIPTS). */
  allowsEveryCommand: boolean
  /** Bytes of their texts, and of what is kept with them. */
  readonly textBytes: number
  /** @returns the script's digest, or the text of an error */
  load(body: Uint8Array): Uint8Array | string
  has(bytes: Uint8Array, offset: number, length: number): boolean
  /** The text of the script with that digest. */
  bodyOf(digest: Uint8Array): Uint8Array | undefined
  flush(): void
  /** Ends the scripts, or functions, that run and have not written. */
  kill(isFunction: boolean): 'killed' | 'not-busy' | 'written' | 'other-kind'
}

/** A function of a library; its texts have one character a byte. */
export interface LibraryFunction {
  readonly name: string
  readonly description: string | undefined
  /** As it has declared them, in the order of script-flags.ts. */
  readonly flags: readonly string[]
}

export interface FunctionLibrary {
  readonly name: string
  readonly functions: readonly LibraryFunction[]
  /** With its first line, which names the library. */
  readonly code: Uint8Array
}

export interface RunningFunction {
  readonly name: string
  readonly command: readonly Uint8Array[]
  readonly durationMs: number
}

/** The libraries of functions. */
export interface FunctionServices {
  /** In the order in which they were loaded. */
  readonly libraries: readonly FunctionLibrary[]
  /** @returns the library's name, or the encoded error */
  load(code: Uint8Array, replaces: boolean): string | Uint8Array
  /** @returns false when there is none of that name */
  delete(name: string): boolean
  flush(): void
  /** Loads all of them or none. @returns the encoded error */
  restore(codes: readonly Uint8Array[], policy: 'append' | 'replace' | 'flush'): Uint8Array | undefined
  /** The function that has run for a while, or that it is a script which does. */
  running(): RunningFunction | 'script' | null
}

export interface ServerServices {
  readonly functions: FunctionServices
  readonly scripts: ScriptServices
  readonly version: string
  readonly redisVersion: string
  readonly runId: string
  /** Names this server's history to replicas: 40 random hex digits, drawn at start. */
  readonly replicationId: string
  readonly startedAtMs: number
  readonly clock: Clock
  readonly shardCount: number
  readonly unixSocketPath: string
  readonly executable: string
  readonly configFile: string
  readonly config: ConfigurationView
  /** Which settings have reached the shards. `whenApplied` calls when all have that were changed so far. */
  readonly shardSettings: { readonly areApplied: boolean; whenApplied(then: () => void): void }
  readonly commandTable: CommandTableView
  readonly network: NetworkStatistics
  /** Statistics of commands that ran on the main thread, in the shards' shape. */
  readonly mainCommands: ShardStatistics['commands']
  readonly errorCounts: Record<string, number>

  readonly channels: ChannelsView
  sessions(): Iterable<SessionView>
  sessionById(id: number): SessionView | undefined
  /** Clients that track, and different prefixes of those in broadcasting mode. */
  readonly tracking: { readonly clientCount: number; readonly prefixCount: number }
  /** CLIENT PAUSE; `mode` as there. */
  pauseClients(untilMs: number, mode: 'write' | 'all'): void
  unpauseClients(): void
  /** Blocked clients whose wait has an end. */
  readonly timedClients: number
  /** CLIENT UNBLOCK. `done` gets whether that client was blocked and is no more. */
  unblock(id: number, withError: boolean, done: (isUnblocked: boolean) => void): void

  /**
   * Sends an internal command to every shard, in sequence; `done` gets each shard's raw reply (RESP bytes) in shard order.
   * `argv[0]` stands for the command's name and does not travel.
   */
  askShards(
    command: CommandSpec,
    argv: readonly Uint8Array[],
    database: number,
    done: (replies: readonly Uint8Array[]) => void,
  ): void
  /** The same for the one shard that owns `key`. */
  askShardOf(
    key: Uint8Array,
    command: CommandSpec,
    argv: readonly Uint8Array[],
    database: number,
    done: (reply: Uint8Array) => void,
  ): void
  /** Every shard's statistics, gathered at one place in the order. */
  shardStatistics(done: (shards: readonly ShardStatistics[]) => void): void
  resetStatistics(): void

  slowlog: { entries(count: number): readonly SlowlogEntry[]; readonly length: number; reset(): void }
  /** Latency events above latency-monitor-threshold, by name. */
  latency: {
    events(): ReadonlyMap<string, LatencySeries>
    reset(names: readonly string[]): number
    record(name: string, ms: number): void
  }

  readonly persistence: PersistenceServices
  readonly backups: BackupServices
  readonly appendLog: AppendLogServices
  /** Bytes in use, by the measure of `usedMemoryBytes` in memory-overhead.ts: when start-up was complete, and at most so far. */
  readonly startupMemoryBytes: number
  peakMemoryBytes: number
  /** For how long memory was over its limit while keys could be evicted, in ms: in sum, and now without a break. */
  readonly evictionExceeded: { readonly totalMs: number; readonly currentMs: number }
  /** Connections that MIGRATE keeps for the next time. */
  readonly migrationLinksKept: number
  /** Takes a new replication id, for DEBUG CHANGE-REPL-ID. */
  changeReplicationId(): void
  /** Stops or restarts the main thread's periodic work, for DEBUG PAUSE-CRON. */
  pausePeriodicWork(paused: boolean): void

  /**
   * Ends the server, after a last save when `save` says so (undefined: when save points are configured).
   * `failed` is called with an error text when it goes on running after all: at once, later, or through `abortShutdown`.
   */
  shutdown(
    options: { save: boolean | undefined; now: boolean; force: boolean },
    failed: (errorText: string) => void,
  ): void
  /** SHUTDOWN ABORT; false when no shutdown is in progress. */
  abortShutdown(): boolean
  /** Blocks the whole server's main thread, for DEBUG SLEEP. */
  sleepMs(ms: number): void
  log(level: 'debug' | 'verbose' | 'notice' | 'warning', message: string): void
}
