/**
 * What handlers on the main thread may ask of the server: interfaces only, so that the command families know neither
 * sockets nor the router. The wiring (`src/server.ts`) and `src/net/` implement them.
 */
import type { Clock } from '../base/clock.js'
import type { LatencySeries } from '../base/latency-monitor.js'
import type { SlowlogEntry } from '../base/slowlog.js'
import type { CommandSpec } from './spec.js'

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
  /** Applies all pairs or none; returns Redis's error text, or undefined. `origin` decides about guarded settings. */
  set(
    pairs: readonly (readonly [name: string, value: string])[],
    origin?: { readonly isLocal: boolean; readonly isLoading: boolean },
  ): string | undefined
  /** Rewrites the configuration file; returns Redis's error text, or undefined. */
  rewrite(): string | undefined
  number(name: string): number
  text(name: string): string
  flag(name: string): boolean
}

/**
 * The command table, for COMMAND and whatever else describes commands. An interface, because the table imports the
 * families and so they cannot import it; `src/commands/table.ts` has just these functions.
 */
export interface CommandTableView {
  /** Every top-level command that clients can call. */
  readonly commands: readonly CommandSpec[]
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
  /** Bytes of the arenas' chunks, whether filled or not. */
  arenaBytes: number
  /** Bytes of them that records hold. */
  usedBytes: number
  /** Bytes of the hash tables, which lie outside the arenas. */
  tableBytes: number
  heapUsedBytes: number
  heapTotalBytes: number
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
}

export interface ServerServices {
  readonly version: string
  readonly redisVersion: string
  readonly runId: string
  /** Names this server's history to replicas: 40 random hex digits, drawn at start. */
  readonly replicationId: string
  readonly startedAtMs: number
  readonly clock: Clock
  readonly shardCount: number
  readonly port: number
  readonly unixSocketPath: string
  readonly executable: string
  readonly configFile: string
  readonly config: ConfigurationView
  readonly commandTable: CommandTableView
  readonly network: NetworkStatistics
  /** Statistics of commands that ran on the main thread, in the shards' shape. */
  readonly mainCommands: ShardStatistics['commands']
  readonly errorCounts: Record<string, number>

  sessions(): Iterable<SessionView>
  sessionById(id: number): SessionView | undefined
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

  /** When the last save of the whole data set succeeded; before the first one, when the server started. */
  readonly lastSaveAtMs: number
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
