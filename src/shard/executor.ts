/**
 * One shard: takes request frames from its ring in order, executes them on its keyspace and replies.
 *
 * Runs in a shard worker, or several in one thread under the simulation: it blocks nowhere by itself, takes the time from
 * the frames, and its randomness from the seeds it is given.
 *
 * Invariant: frames are executed in the order of the ring, except that a frame which must wait for a key lock (see
 * lock-table.ts) runs later; frames that share no key commute.
 */

import { getHeapStatistics } from 'node:v8'
import { releaseChunk } from '../base/buffer-memory.js'
import type { Clock } from '../base/clock.js'
import { loggedArguments } from '../base/slowlog.js'
import { CommandStatistics } from '../commands/command-statistics.js'
import type { ShardStatistics } from '../commands/server-services.js'
import { ShardCall, type ShardSelf } from '../commands/shard-call.js'
import type { CommandSpec } from '../commands/spec.js'
import { containerOf, idOf, keyPositions, specs } from '../commands/table.js'
import { FRAME_KIND_SHIFT, FRAME_LENGTH_MASK, RingConsumer, type RingMemory, RingProducer } from '../ring/byte-ring.js'
import { FrameKind, LOCK_OWNER_SHIFT, PIECE_HEADER_BYTES, REQUEST_WORDS, RequestFlag } from '../ring/frames.js'
import { Keyspace } from '../store/keyspace.js'
import { type LockScope, LockTable, lockName, type WaitingFrame } from './lock-table.js'
import { ReplySender } from './reply-sender.js'
import { applyShardSetting, type ObservedThresholds } from './shard-settings.js'
import { WatchTable } from './watch-table.js'

/** Requests are given back to the producer at least this often within a batch, so that it need not wait for the end. */
const RELEASE_EVERY_BYTES = 64 * 1024

const PERIOD_MS = 100
/** A quarter of the period, as Redis's slow expiry cycle at its default effort. */
const ACTIVE_EXPIRE_BUDGET_US = 25_000
/** The longest that a request waits for a slice of idle work. */
const IDLE_SLICE_US = 500

/** Replies are made visible at least this often within a batch: the main thread sends them while the shard goes on. */
const FLUSH_EVERY_FRAMES = 64
/** A slow log threshold below this is about single commands of constant time. */
const TIMED_EACH_BELOW_US = 1000
/** A reply of this size ends a run of timed commands: copying it is no constant time. */
const LONG_REPLY_BYTES = 4096

/** What a shard reports without being asked. */
export interface ShardEvents {
  /** A command took at least the slow log's or the latency monitor's threshold. */
  slow(event: SlowCommand): void
}

export interface SlowCommand {
  readonly target: number
  readonly id: number
  readonly durationUs: number
  /** Cut to the slow log's limits. */
  readonly argv: readonly string[]
}

export interface ShardOptions {
  readonly shard: number
  readonly shardCount: number
  readonly requests: RingMemory
  readonly replies: RingMemory
  readonly databases: number
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  readonly clock: Clock
  /** Smaller chunks for simulations with many shards; see `Arena`. */
  readonly arenaChunkBytes?: number
  readonly events: ShardEvents
  /** Called instead of blocking when the reply ring is full. */
  readonly onRepliesFull?: () => void
}

export class ShardExecutor implements ShardSelf {
  readonly keyspace: Keyspace
  readonly watches: WatchTable
  readonly locks = new LockTable()
  transactionAborted = false
  readonly thresholds: ObservedThresholds = { slowlogUs: 10_000, latencyMonitorMs: 0 }
  readonly #requests: RingConsumer
  readonly #sender: ReplySender
  readonly #call: ShardCall
  readonly #statistics = new CommandStatistics()
  readonly #options: ShardOptions
  readonly #clock: Clock
  readonly #monotonicUs: () => number
  #periodicAtMs = 0
  #idleAtMs = 0
  #expireCycleUs = 0
  /** The large frame that is coming in pieces. */
  #assembly: Int32Array | null = null
  #assembledWords = 0
  #runId = -1
  #runCalls = 0
  #runStartedUs = 0
  #timesEach = false
  readonly #timedAlone = Uint8Array.from(specs, (spec) => (isConstantTime(spec) ? 0 : 1))
  readonly #unkeyed = specs.map((spec) => takesWholeShard(spec))

  constructor(options: ShardOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#monotonicUs = () => options.clock.monotonicUs()
    this.keyspace = new Keyspace({
      databases: options.databases,
      hashSeed: options.hashSeed,
      randomSeed: options.randomSeed,
      ...(options.arenaChunkBytes === undefined ? {} : { arenaChunkBytes: options.arenaChunkBytes }),
    })
    this.watches = new WatchTable(this.keyspace)
    this.#requests = new RingConsumer(options.requests)
    this.keyspace.requestView.bytes = this.#requests.bytes
    this.keyspace.requestView.words = this.#requests.words
    this.#sender = new ReplySender(new RingProducer(options.replies), options.onRepliesFull ?? null)
    this.#call = new ShardCall(options.shard, options.shardCount, this.keyspace, this.#sender.writer, this)
  }

  /** Executes up to `framesMax` frames and publishes their replies; returns how many there were. */
  drain(framesMax: number): number {
    const requests = this.#requests
    const words = requests.words
    let done = 0
    let unreleased = 0
    while (done < framesMax) {
      const offset = requests.next()
      if (offset < 0) break
      this.#frame(words, requests.bytes, offset)
      unreleased += (words[offset >> 2] as number) & FRAME_LENGTH_MASK
      requests.release(offset)
      if (unreleased >= RELEASE_EVERY_BYTES) {
        requests.publishReleased()
        unreleased = 0
      }
      done++
      if (done % FLUSH_EVERY_FRAMES === 0) this.#sender.flushQuietly()
    }
    if (done > 0) {
      if (this.#runId >= 0) this.#endRun()
      requests.publishReleased()
      this.#sender.flush()
    }
    return done
  }

  /** Work that is due by the clock of the frames: active expiry, ten times a second. Returns whether it was. */
  periodic(): boolean {
    const nowMs = this.keyspace.nowMs
    if (nowMs - this.#periodicAtMs < PERIOD_MS) return false
    this.#periodicAtMs = nowMs
    const startedUs = this.#clock.monotonicUs()
    // A frame that waits for a lock must still find the keys that were alive at its own time.
    this.keyspace.nowMs = Math.min(nowMs, this.locks.oldestMs)
    this.keyspace.activeExpire(ACTIVE_EXPIRE_BUDGET_US, this.#monotonicUs)
    this.keyspace.nowMs = nowMs
    this.#expireCycleUs += this.#clock.monotonicUs() - startedUs
    return true
  }

  /** A slice of work for a time without requests; false when there is none left. */
  idleWork(): boolean {
    // Asked for before every sleep, which may be thousands of times a second: once for each time stamp is enough.
    if (this.keyspace.nowMs === this.#idleAtMs) return false
    if (this.keyspace.rehash(IDLE_SLICE_US, this.#monotonicUs)) return true
    this.#idleAtMs = this.keyspace.nowMs
    return false
  }

  get usedBytes(): number {
    return this.keyspace.memory().usedBytes
  }

  /** Blocks until a request comes or `timeoutMs` is over. */
  sleep(timeoutMs: number): void {
    this.#requests.sleep(timeoutMs)
  }

  #frame(words: Int32Array, bytes: Uint8Array, offset: number): void {
    const word = offset >> 2
    const kind = (words[word] as number) >>> FRAME_KIND_SHIFT
    switch (kind) {
      case FrameKind.command:
      case FrameKind.lock:
        this.#request(kind, words, bytes, word)
        return
      case FrameKind.time:
        this.keyspace.nowMs = ((words[word + 1] as number) >>> 0) + (words[word + 2] as number) * 4294967296
        return
      case FrameKind.piece:
        this.#piece(words, word)
        return
      case FrameKind.unlock:
        this.locks.release((words[word + 7] as number) >>> LOCK_OWNER_SHIFT, (frame) => this.#resume(frame))
        return
      default:
        throw new Error(`shard ${this.#options.shard}: frame of unknown kind ${kind} at ${offset}`)
    }
  }

  /** Puts a large frame together again, and executes it when it is whole. */
  #piece(words: Int32Array, word: number): void {
    const total = words[word + 1] as number
    this.#assembly ??= new Int32Array(total)
    const length = ((words[word] as number) & FRAME_LENGTH_MASK) - PIECE_HEADER_BYTES
    const from = word + PIECE_HEADER_BYTES / 4
    this.#assembly.set(words.subarray(from, from + (length >> 2)), this.#assembledWords)
    this.#assembledWords += length >> 2
    if (this.#assembledWords < total) return
    const frame = this.#assembly
    this.#assembly = null
    this.#assembledWords = 0
    this.#frame(frame, new Uint8Array(frame.buffer), 0)
    releaseChunk(frame.buffer as ArrayBuffer)
  }

  #request(kind: number, words: Int32Array, bytes: Uint8Array, word: number): void {
    const call = this.#call
    const argumentsAndFlags = words[word + 6] as number
    const argc = (argumentsAndFlags & 0x00ffffff) + 1
    if (argc > call.offsets.length) this.#growArguments(argc)
    const offsets = call.offsets
    const lengths = call.lengths
    let at = word + REQUEST_WORDS
    for (let i = 1; i < argc; i++) {
      const length = words[at] as number
      offsets[i] = (at + 1) << 2
      lengths[i] = length
      at += 1 + ((length + 3) >>> 2)
    }
    call.bytes = bytes
    call.argc = argc
    const idAndDb = words[word + 3] as number
    const owner = (words[word + 7] as number) >>> LOCK_OWNER_SHIFT
    if (kind === FrameKind.lock) {
      this.#lock(words, bytes, word, at, argumentsAndFlags >>> 24, owner)
      return
    }
    if (this.locks.isActive) {
      const spec = specs[idAndDb & 0xffff] as CommandSpec
      const scope = this.#scopeOf(spec)
      if (this.locks.mustWait(scope, owner)) {
        this.locks.wait(this.#keep(words, word, at, scope, owner))
        return
      }
      const lockedAtMs = this.locks.timeOf(owner)
      if (lockedAtMs !== undefined) {
        const nowMs = this.keyspace.nowMs
        this.keyspace.nowMs = lockedAtMs
        this.#execute(idAndDb & 0xffff, idAndDb >>> 16, words, word, argumentsAndFlags >>> 24)
        this.keyspace.nowMs = nowMs
        return
      }
    }
    this.#execute(idAndDb & 0xffff, idAndDb >>> 16, words, word, argumentsAndFlags >>> 24)
  }

  #execute(id: number, dbIndex: number, words: Int32Array, word: number, flags: number): void {
    const call = this.#call
    const sender = this.#sender
    const target = words[word + 1] as number
    const sequence = words[word + 2] as number
    sender.begin(target, sequence, flags)
    if ((flags & RequestFlag.conditional) !== 0 && this.transactionAborted) {
      sender.writer.nil()
      sender.end()
      return
    }
    const spec = specs[id] as CommandSpec
    call.spec = spec
    call.dbIndex = dbIndex
    call.db = this.keyspace.database(dbIndex)
    call.nowMs = this.keyspace.nowMs
    call.gsnLow = words[word + 4] as number
    call.gsnHigh = words[word + 5] as number
    this.keyspace.noTouch = (flags & RequestFlag.noTouch) !== 0
    if (id !== this.#runId) this.#beginRun(id)
    ;(spec.shard as (call: ShardCall) => void)(call)
    if ((flags & RequestFlag.part) === 0) this.#runCalls++
    const error = sender.writer.lastError
    if (error !== null) {
      this.#statistics.recordFailure(id, error)
      sender.writer.lastError = null
    }
    if (this.#timedAlone[id] !== 0 || this.#timesEach || sender.replyBytes > LONG_REPLY_BYTES) {
      const durationUs = this.#endRun()
      const { slowlogUs, latencyMonitorMs } = this.thresholds
      if (
        (slowlogUs >= 0 && durationUs >= slowlogUs) ||
        (latencyMonitorMs > 0 && durationUs >= latencyMonitorMs * 1000)
      ) {
        this.#reportSlow(target, id, durationUs)
      }
    }
    sender.end()
  }

  /**
   * Reading the clock costs as much as a GET, so commands of constant time are timed in runs of the same command: their sums
   * are exact, their distribution that of the runs' averages. Thresholds low enough to ask for each command get each timed.
   */
  #beginRun(id: number): void {
    const nowUs = this.#clock.monotonicUs()
    if (this.#runId >= 0) this.#statistics.recordRun(this.#runId, this.#runCalls, nowUs - this.#runStartedUs)
    this.#runId = id
    this.#runCalls = 0
    this.#runStartedUs = nowUs
  }

  #endRun(): number {
    const durationUs = this.#clock.monotonicUs() - this.#runStartedUs
    this.#statistics.recordRun(this.#runId, this.#runCalls, durationUs)
    this.#runId = -1
    return durationUs
  }

  #reportSlow(target: number, id: number, durationUs: number): void {
    const { bytes, argc, offsets, lengths } = this.#call
    const spec = specs[id] as CommandSpec
    const argv = loggedArguments(containerOf(spec)?.name ?? spec.name, bytes, argc, offsets, lengths)
    this.#options.events.slow({ target, id, durationUs, argv })
  }

  #lock(words: Int32Array, bytes: Uint8Array, word: number, end: number, flags: number, owner: number): void {
    const call = this.#call
    let scope: LockScope = 'all'
    if ((flags & RequestFlag.lockAll) === 0) {
      const names: string[] = []
      for (let i = 1; i < call.argc; i++) {
        names.push(lockName(bytes, call.offsets[i] as number, call.lengths[i] as number))
      }
      scope = names
    }
    if (this.locks.mustWait(scope, owner)) this.locks.wait(this.#keep(words, word, end, scope, owner))
    else this.locks.grant(scope, owner, this.keyspace.nowMs)
  }

  #scopeOf(spec: CommandSpec): LockScope {
    if (this.#unkeyed[idOf(spec)]) return 'all'
    const call = this.#call
    const positions: number[] = []
    keyPositions(spec, call.bytes, call.offsets, call.lengths, call.argc, positions)
    return positions.map((i) => lockName(call.bytes, call.offsets[i] as number, call.lengths[i] as number))
  }

  #keep(words: Int32Array, word: number, end: number, scope: LockScope, owner: number): WaitingFrame {
    const copy = words.slice(word, end)
    return { scope, owner, words: copy, bytes: new Uint8Array(copy.buffer), nowMs: this.keyspace.nowMs }
  }

  #resume(frame: WaitingFrame): void {
    const nowMs = this.keyspace.nowMs
    this.keyspace.nowMs = frame.nowMs
    this.#request((frame.words[0] as number) >>> FRAME_KIND_SHIFT, frame.words, frame.bytes, 0)
    this.keyspace.nowMs = nowMs
  }

  #growArguments(argc: number): void {
    const capacity = Math.max(argc, this.#call.offsets.length * 2)
    this.#call.offsets = new Int32Array(capacity)
    this.#call.lengths = new Int32Array(capacity)
  }

  statistics(): ShardStatistics {
    const { stats } = this.keyspace
    const memory = this.keyspace.memory()
    const heap = getHeapStatistics()
    const databases = []
    for (let index = 0; index < this.#options.databases; index++) {
      const db = this.keyspace.database(index)
      if (db.size > 0) {
        databases.push({ index, keys: db.size, expires: db.expiresSize, averageTtlMs: db.averageTtlMs })
      }
    }
    return {
      shard: this.#options.shard,
      databases,
      hits: stats.hits,
      misses: stats.misses,
      expiredKeys: stats.expiredKeys,
      expiredStalePercent: stats.expiredStalePercent,
      expiredTimeCapReached: stats.expiredTimeCapReached,
      expireCycleUs: Math.round(this.#expireCycleUs),
      evictedKeys: stats.evictedKeys,
      dirty: stats.dirty,
      arenaBytes: memory.arenaBytes,
      usedBytes: memory.usedBytes,
      tableBytes: memory.tableBytes,
      heapUsedBytes: heap.used_heap_size,
      heapTotalBytes: heap.total_heap_size,
      commands: this.#statistics.snapshot(),
      errors: { ...this.#statistics.errors },
    }
  }

  resetStatistics(): void {
    this.#statistics.reset()
    const { stats } = this.keyspace
    stats.hits = 0
    stats.misses = 0
    stats.expiredKeys = 0
    stats.evictedKeys = 0
    stats.expiredTimeCapReached = 0
    stats.expiredStalePercent = 0
  }

  applySetting(name: string, value: string): void {
    applyShardSetting(this.#call.settings, this.keyspace, this.thresholds, name, value)
    const { slowlogUs, latencyMonitorMs } = this.thresholds
    this.#timesEach = latencyMonitorMs > 0 || (slowlogUs >= 0 && slowlogUs < TIMED_EACH_BELOW_US)
  }
}

function isConstantTime(spec: CommandSpec): boolean {
  return spec.complexity.startsWith('O(1)') || spec.flags.includes('fast')
}

/** Commands that look at the keyspace as a whole conflict with every lock; internal bookkeeping looks at no key. */
function takesWholeShard(spec: CommandSpec): boolean {
  if (spec.internal === true) return false
  return (spec.keySpecs ?? []).length === 0 && spec.findKeys === undefined
}
