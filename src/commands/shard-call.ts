/**
 * One command as its handler on a shard sees it: arguments, database, clock and reply.
 *
 * Runs in a shard worker. There is one instance for each shard, filled anew for every command: a handler must not
 * keep it, nor any byte range of it, past its return.
 *
 * Arguments are byte ranges of `bytes` (the request ring), numbered as in Redis's own argv: 0 is the command's name
 * (not carried: its range is empty), 1 the first argument; for a subcommand 1 is the subcommand's name.
 */
import { copyOf } from '../base/bytes.js'
import { parseInt64, parseSafeInteger } from '../base/integer.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { type KeyspaceEvent, keyEvents } from '../store/keyspace-events.js'
import type { Effects } from './effects.js'
import type { ShardSnapshots } from './rdb/shard-snapshots.js'
import type { ReplayReport } from './replay-report.js'
import type { ShardStatistics } from './server-services.js'
import type { CommandSpec } from './spec.js'

/** Settings that handlers on a shard look at; the main thread sends every change. */
export interface ShardSettings {
  protoMaxBulkLen: number
  maxmemoryPolicy: string
  lazyfreeLazyUserDel: boolean
  hllSparseMaxBytes: number
  rdbCompression: boolean
  /** Keys that all shards together remember for client-side caching; 0 for no limit. */
  trackingTableMaxKeys: number
}

/** What holds until the main thread says otherwise. */
export function initialSettings(): ShardSettings {
  return {
    protoMaxBulkLen: 512 * 1024 * 1024,
    maxmemoryPolicy: 'noeviction',
    lazyfreeLazyUserDel: false,
    hllSparseMaxBytes: 3000,
    rdbCompression: true,
    trackingTableMaxKeys: 1_000_000,
  }
}

/** How much of long work is done at a time. */
export interface Portions {
  /** Work on up to so many elements is done in one go: a millisecond or two. */
  readonly straightElementsMax: number
  /** A step of longer work looks at about so many: some 50 µs. */
  readonly stepElements: number
}

/** WATCH on this shard; connections are named by their slot on the main thread. */
export interface WatchRegistry {
  watch(connection: number, database: number, key: Uint8Array): void
  unwatch(connection: number): void
  isBroken(connection: number): boolean
  databasesSwapped(a: number, b: number): void
}

/** Which clients have read which keys, for client-side caching; clients are named by their ids. */
export interface TrackingRegistry {
  /** Whether any client tracks, and whether one wants to hear of every key. */
  setMode(isActive: boolean, isBroadcasting: boolean): void
  /** The client is about to read the key, one character a byte. */
  track(client: number, key: string): void
  /** Forgets keys where there are too many. */
  keepWithinLimit(): void
}

/** The scripts that a shard knows, and the one that runs there. */
export interface ShardScripts {
  /** Runs the script whose digest is argument 1, with the keys and arguments behind it, and replies with its result. */
  run(call: ShardCall, isReadOnly: boolean): void
  /** @param flags those of scripting/script-flags.ts */
  load(digest: Uint8Array, flags: number, body: Uint8Array): void
  flush(): void
  /** Runs the function that argument 1 names, with the keys and arguments behind it, and replies with its result. */
  callFunction(call: ShardCall, isReadOnly: boolean): void
  /** Makes a library of functions, in the place of the one of that name; the code is without its first line. */
  loadLibrary(name: Uint8Array, code: Uint8Array): void
  deleteLibrary(name: Uint8Array): void
  /** From now on scripts of other shards may have commands executed here, until the lock owner gives its locks back. */
  attend(owner: number): void
  /**
   * From now on commands of scripts that write are refused with this error, encoded; null: no more. With it, functions are
   * refused that do not say that they write nothing.
   */
  writeRefusal: Uint8Array | null
  /** The script of the frame behind this one, which has the same number, is run for a client that tracks what it reads. */
  trackNext(client: number): void
}

/** The file that a shard's part of the append-only log goes to. */
export interface JournalFile {
  /** -1 for none. */
  readonly descriptor: number
  /** `appendfsync always`. */
  readonly syncsAlways: boolean
  readonly hasTimes: boolean
}

/** A shard's part of the append-only log. */
export interface ShardJournal {
  open(file: JournalFile): boolean
  change(syncsAlways: boolean, hasTimes: boolean): void
  requestMark(): void
  /** For tests: so many ms are waited before anything is written; 0 for none. */
  delayWrites(ms: number): void
}

/** Executes records of the append-only log, portion by portion. */
export interface ShardReplay {
  /** Records with a number above the cut are passed over. */
  open(path: string, cut: number): void
  step(): ReplayReport
  /** Executes records that are whole; `database` is that of the first. */
  run(bytes: Uint8Array, offset: number, length: number, database: number): ReplayReport
}

/** What internal commands ask of the shard that executes them. */
export interface ShardSelf {
  readonly watches: WatchRegistry
  readonly scripts: ShardScripts
  readonly tracking: TrackingRegistry
  readonly journal: ShardJournal
  readonly snapshots: ShardSnapshots
  readonly replay: ShardReplay
  /** Set at the start of a transaction whose watch was broken: its conditional commands are passed over. */
  transactionAborted: boolean
  statistics(): ShardStatistics
  resetStatistics(): void
  /** How many clients that waited the `shard.serve` in hand has served on behalf of its lock. */
  readonly servedClients: number
  /** A transaction that may have made the key ready is over; an empty name stands for all keys. */
  transactionOver(name: string): void
  /** The blocked client with this ticket does not wait here any more, if it did. */
  unpark(ticket: number): void
  applySetting(name: string, value: string): void
  /** A warning for whoever runs the server. */
  readonly log: (message: string) => void
  /** Evicts keys that hold so many bytes, as far as its time allows. @returns how many went */
  evict(bytes: number): number
}

export class ShardCall {
  bytes: Uint8Array = new Uint8Array(0)
  argc = 0
  offsets: Int32Array = new Int32Array(64)
  lengths: Int32Array = new Int32Array(64)

  portions: Portions = { straightElementsMax: 2000, stepElements: 256 }

  db!: Database
  dbIndex = 0
  nowMs = 0
  gsnLow = 0
  gsnHigh = 0
  /** Those of its request. */
  flags = 0
  /** Whose command it is, see frames.ts. */
  origin = 0
  spec!: CommandSpec

  /** It is a command of a script. */
  isInScript = false
  /** Whether a blocking command may wait. Where it may not (MULTI, scripts) it replies at once, as if its time were over. */
  mayBlock = false
  /** A blocking command runs again, because the key `readyKey` of a client that waits has become ready. */
  isRetry = false
  /** The argument that is the key which has become ready. */
  readyKey = 0
  /** What `wouldBlock` was told, -1 when it was not called. */
  blockedMs = -1
  /** What `replaceArgument` was told, by argument. */
  replacedArguments: Map<number, Uint8Array> | null = null

  constructor(
    readonly shard: number,
    readonly shardCount: number,
    readonly keyspace: Keyspace,
    readonly reply: ReplyWriter,
    readonly self: ShardSelf,
    /** Shared by all calls of a shard. */
    readonly settings: ShardSettings,
    /** Likewise: what the log of writes gets of the command in hand. */
    readonly effects: Effects,
  ) {}

  /** What `inSlices` was given, for the executor. */
  longWork: Iterator<undefined> | null = null
  /** Where nothing may come between (transactions), long work is done in one go. */
  mayBeSliced = false

  /**
   * Does long work step by step: the shard may run commands of others, that have no key in common with this one, between
   * two steps. After each step the cursors of databases and collections may have moved, and the arguments may lie in
   * other `bytes`, at other offsets.
   *
   * Nothing may follow in the handler, which returns before the work is done: the reply is written in the last step.
   */
  inSlices(work: Iterator<undefined>): void {
    if (this.mayBeSliced) this.longWork = work
    else while (work.next().done !== true);
  }

  /** Whether what was to go at this time is to go at once. */
  isOver(timeMs: number): boolean {
    return timeMs <= this.keyspace.dueMs
  }

  /** Makes room for so many arguments; what was known of the last ones is gone. */
  growArguments(argc: number): void {
    const capacity = Math.max(argc, this.offsets.length * 2)
    this.offsets = new Int32Array(capacity)
    this.lengths = new Int32Array(capacity)
  }

  /** Argument `i` as a safe integer by Redis's rules; NaN when it is none (also when it exceeds 2^53-1). */
  integer(i: number): number {
    return parseSafeInteger(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Argument `i` as a 64-bit integer by Redis's rules, or undefined. */
  int64(i: number): bigint | undefined {
    return parseInt64(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Whether argument `i` is `word` (given in upper case), whatever its case. No string is made. */
  is(i: number, word: string): boolean {
    const length = this.lengths[i] as number
    if (length !== word.length) return false
    const bytes = this.bytes
    const offset = this.offsets[i] as number
    for (let k = 0; k < length; k++) {
      let c = bytes[offset + k] as number
      if (c >= 97 && c <= 122) c -= 32
      if (c !== word.charCodeAt(k)) return false
    }
    return true
  }

  /** Argument `i` as a string, one character a byte. Not for keys or values on the hot path. */
  text(i: number): string {
    const offset = this.offsets[i] as number
    return Buffer.from(
      this.bytes.buffer as ArrayBuffer,
      this.bytes.byteOffset + offset,
      this.lengths[i] as number,
    ).toString('latin1')
  }

  /** Argument `i` as a copy of its own. */
  copy(i: number): Uint8Array {
    return copyOf(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Looks argument `i` up as a key for reading: counts a hit or a miss. */
  find(i: number): boolean {
    return this.db.find(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Looks argument `i` up as a key that the command may change. */
  findForWrite(i: number): boolean {
    return this.db.findForWrite(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Looks argument `i` up as a key without any trace in its access clock or the statistics. */
  peek(i: number): boolean {
    return this.db.peek(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /**
   * Ends an attempt of a blocking command that found nothing: the client waits, and the handler runs again with the same
   * arguments when one of the command's keys becomes ready. Only where `mayBlock` says so, and nothing may be replied.
   * @param timeoutMs how long it waits from now on, 0 for ever
   */
  wouldBlock(timeoutMs: number): void {
    this.blockedMs = timeoutMs
  }

  /** Together with `wouldBlock`: when the command runs again, argument `i` is this (XREAD's `$` becomes the last ID). */
  replaceArgument(i: number, bytes: Uint8Array): void {
    this.replacedArguments ??= new Map()
    this.replacedArguments.set(i, bytes)
  }

  /**
   * Whether a blocking command must leave its key `i` alone: as in Redis, a command that runs again looks at the key that
   * has become ready and at none of the others that its client waits for.
   */
  passesOver(i: number): boolean {
    return this.isRetry && i !== this.readyKey
  }

  /** The key that `db` stands on has got something that clients may wait for. A new list, sorted set or stream says so itself. */
  signalReady(): void {
    const { onReady } = this.keyspace
    if (onReady !== null) onReady(this.db)
  }

  /**
   * Tells of an event of the key that argument `i` is, where somebody wants to know. As in Redis it comes when the change is
   * made, and each key has its events in the order in which they happen.
   */
  notify(event: KeyspaceEvent, i: number, database = this.dbIndex): void {
    const { keyspace } = this
    if ((keyspace.eventClasses & event.eventClass) === 0) return
    keyspace.onEvent(event, database, this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** As `notify`, of an event that takes something away; where nothing is left, the key is gone, which is an event too. */
  notifyTaken(event: KeyspaceEvent, i: number, isGone: boolean): void {
    this.notify(event, i)
    if (isGone) this.notify(keyEvents.del, i)
  }

  /** The next argument of the effect that was begun is argument `i`. */
  effectArgument(i: number): void {
    this.effects.argument(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }

  /** Replies with argument `i` as a bulk string. */
  replyArgument(i: number): void {
    this.reply.bulk(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }
}
