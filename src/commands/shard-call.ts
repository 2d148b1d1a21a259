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
import type { ShardStatistics } from './server-services.js'
import type { CommandSpec } from './spec.js'

/** Settings that handlers on a shard look at; the main thread sends every change. */
export interface ShardSettings {
  protoMaxBulkLen: number
  maxmemoryPolicy: string
  lazyfreeLazyUserDel: boolean
}

/** WATCH on this shard; connections are named by their slot on the main thread. */
export interface WatchRegistry {
  watch(connection: number, database: number, key: Uint8Array): void
  unwatch(connection: number): void
  isBroken(connection: number): boolean
  databasesSwapped(a: number, b: number): void
}

/** What internal commands ask of the shard that executes them. */
export interface ShardSelf {
  readonly watches: WatchRegistry
  /** Set at the start of a transaction whose watch was broken: its conditional commands are passed over. */
  transactionAborted: boolean
  statistics(): ShardStatistics
  resetStatistics(): void
  applySetting(name: string, value: string): void
}

export class ShardCall {
  bytes: Uint8Array = new Uint8Array(0)
  argc = 0
  offsets = new Int32Array(64)
  lengths = new Int32Array(64)

  db!: Database
  dbIndex = 0
  nowMs = 0
  gsnLow = 0
  gsnHigh = 0
  spec!: CommandSpec

  readonly settings: ShardSettings = {
    protoMaxBulkLen: 512 * 1024 * 1024,
    maxmemoryPolicy: 'noeviction',
    lazyfreeLazyUserDel: false,
  }

  constructor(
    readonly shard: number,
    readonly shardCount: number,
    readonly keyspace: Keyspace,
    readonly reply: ReplyWriter,
    readonly self: ShardSelf,
  ) {}

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

  /** Replies with argument `i` as a bulk string. */
  replyArgument(i: number): void {
    this.reply.bulk(this.bytes, this.offsets[i] as number, this.lengths[i] as number)
  }
}
