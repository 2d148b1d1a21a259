/**
 * One shard: takes request frames from its ring in order, executes them on its keyspace and replies.
 *
 * Runs in a shard worker, or several in one thread under the simulation: it blocks nowhere by itself, takes the time from
 * the frames, and its randomness from the seeds it is given.
 *
 * Invariant: frames are executed in the order of the ring, except that a frame which must wait for a key lock (see
 * lock-table.ts) runs later; frames that share no key commute.
 */

import { releaseChunk } from '../base/buffer-memory.js'
import type { Clock } from '../base/clock.js'
import { LOG_WARNING } from '../base/log-lines.js'
import { Effects } from '../commands/effects.js'
import { shardServe } from '../commands/internal.js'
import type { ShardStatistics } from '../commands/server-services.js'
import { initialSettings, ShardCall, type ShardSelf } from '../commands/shard-call.js'
import type { CommandSpec, ShardHandler } from '../commands/spec.js'
import { idOf, shardHandlers, specs } from '../commands/table.js'
import { errors } from '../resp/errors.js'
import { FRAME_KIND_SHIFT, FRAME_LENGTH_MASK, RingConsumer, RingProducer } from '../ring/byte-ring.js'
import { FrameKind, gsnOf, LOCK_OWNER_SHIFT, ORIGIN_MASK, REQUEST_WORDS, RequestFlag } from '../ring/frames.js'
import { readArguments } from '../ring/request-arguments.js'
import { createScriptMemory } from '../ring/script-memory.js'
import { ArenaFullError } from '../store/arena.js'
import { Keyspace } from '../store/keyspace.js'
import { Blocking } from './blocking.js'
import { ChangeListeners } from './change-listeners.js'
import { CommandTiming } from './command-timing.js'
import { eventsTo } from './event-notices.js'
import { FrameAssembly } from './frame-assembly.js'
import { Gauge } from './gauges.js'
import { Housekeeping } from './housekeeping.js'
import { Journal } from './journal.js'
import { LockScopes } from './lock-scopes.js'
import { type LockScope, LockTable, type WaitingFrame } from './lock-table.js'
import { Notices } from './notices.js'
import { Replay } from './replay.js'
import { ReplySender } from './reply-sender.js'
import { ScriptRunner } from './script-runner.js'
import { resetFigures, shardFigures } from './shard-figures.js'
import type { ShardOptions } from './shard-options.js'
import { applyShardSetting } from './shard-settings.js'
import { type LongWork, SlicedWork } from './sliced-work.js'
import { Snapshots, writeBefore } from './snapshots.js'
import { TrackingTable } from './tracking-table.js'
import type { Waiter } from './waiting-table.js'
import { WatchTable } from './watch-table.js'

/** Requests are given back to the producer at least this often within a batch, so that it need not wait for the end. */
const RELEASE_EVERY_BYTES = 64 * 1024

/** A reply of this size ends a run of timed commands: copying it is no constant time. */
const LONG_REPLY_BYTES = 4096

/** A command with one of these may not run at all. */
const MAY_BE_PASSED_OVER = RequestFlag.conditional | RequestFlag.mayBlock

/** Nothing may come between a command with one of these and its neighbours. */
const NEVER_SLICED = RequestFlag.within | RequestFlag.conditional | RequestFlag.mayBlock

export class ShardExecutor implements ShardSelf {
  readonly keyspace: Keyspace
  readonly housekeeping: Housekeeping
  readonly watches: WatchTable
  readonly tracking: TrackingTable
  readonly locks = new LockTable()
  readonly blocking: Blocking
  readonly slicedWork: SlicedWork
  readonly notices = new Notices()
  readonly scripts: ScriptRunner
  servedClients = 0
  transactionAborted = false
  readonly #requests: RingConsumer
  readonly #sender: ReplySender
  readonly #call: ShardCall
  readonly #timing: CommandTiming
  readonly #options: ShardOptions
  readonly #clock: Clock
  readonly #monotonicUs: () => number
  readonly #assembly = new FrameAssembly()
  /** The large frame that is being executed; long work takes it over. */
  #wholeFrame: Int32Array | null = null
  readonly #scopes: LockScopes
  readonly journal: Journal
  readonly snapshots: Snapshots
  readonly replay: Replay
  readonly log: (message: string) => void

  constructor(options: ShardOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#monotonicUs = () => options.clock.monotonicUs()
    this.#timing = new CommandTiming(this.#monotonicUs, this.notices)
    this.slicedWork = new SlicedWork(this.locks, this.#monotonicUs, options.slicing)
    this.keyspace = new Keyspace({
      databases: options.databases,
      hashSeed: options.hashSeed,
      randomSeed: options.randomSeed,
      ...(options.arenaChunkBytes === undefined ? {} : { arenaChunkBytes: options.arenaChunkBytes }),
    })
    this.keyspace.onEvent = eventsTo(this.notices, this.keyspace)
    const { clock, shard, shardCount } = options
    const gauges = options.gauges ?? new Float64Array(Gauge.COUNT)
    this.housekeeping = new Housekeeping(this.keyspace, this.locks, gauges, clock, shard, shardCount)
    const listeners = new ChangeListeners(this.keyspace)
    this.watches = new WatchTable(this.keyspace, listeners)
    this.#requests = new RingConsumer(options.requests)
    this.keyspace.requestView.bytes = this.#requests.bytes
    this.keyspace.requestView.words = this.#requests.words
    this.#sender = new ReplySender(new RingProducer(options.replies), options.onRepliesFull ?? null)
    const { writer } = this.#sender
    this.#call = new ShardCall(shard, shardCount, this.keyspace, writer, this, initialSettings(), new Effects())
    this.snapshots = new Snapshots(this.#call, this.locks, options.snapshotMemory, this.#monotonicUs, (frame) => {
      this.#resume(frame)
      this.housekeeping.report()
      this.#sender.flush()
    })
    if (options.slicing !== undefined) this.#call.portions = options.slicing.portions
    this.log = (message) => options.events.log?.(LOG_WARNING, message)
    this.replay = new Replay(this.#call)
    this.journal = new Journal(this.#call, this.locks, listeners, gauges)
    this.tracking = new TrackingTable(this.#call, this.notices, listeners, options)
    this.scripts = new ScriptRunner({
      call: this.#call,
      locks: this.locks,
      journal: this.journal,
      sender: this.#sender,
      timing: this.#timing,
      notices: this.notices,
      clock,
      randomSeed: options.randomSeed,
      memory: options.scriptMemory ?? createScriptMemory(shardCount, clock.nowMs(), false),
      bells: options.bells ?? [],
      log: (level, message) => options.events.log?.(level, message),
      running: (command) => options.events.running?.(command),
    })
    this.blocking = new Blocking(options.claims, this.keyspace, this.locks, this.#call, this.#sender, (waiter) =>
      this.#runAgain(waiter),
    )
    this.#scopes = new LockScopes(this.#call, this.blocking.waiting.flows, (spec) => this.scripts.reachesKeyspace(spec))
    this.#sender.beforePublish = () => {
      if (this.journal.isOn) this.journal.commit()
    }
  }

  /** Executes up to `framesMax` frames and publishes their replies; returns how many there were. */
  drain(framesMax: number): number {
    const requests = this.#requests
    const words = requests.words
    let done = 0
    let unreleased = 0
    this.housekeeping.beginBatch()
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
      const holdsReplies = this.journal.delaysReplies || this.journal.isWithinOperation
      if (!holdsReplies) this.#sender.flushWithin(done, this.#timing.takesLong())
    }
    if (done > 0) {
      this.#timing.end()
      requests.publishReleased()
      this.housekeeping.report()
      if (!this.journal.awaitsRest) this.#sender.flush()
    }
    return done
  }

  /** What is due between batches of requests. */
  periodic(): void {
    this.#call.origin = 0
    this.housekeeping.giveBackMemory()
    this.journal.beginBetweenFrames()
    const isDue = !this.scripts.attendance.isOn && this.housekeeping.periodic()
    // A client may wait for a stream whose time is over.
    const isServed = isDue && this.blocking.serve(0) > 0
    this.journal.endBetweenFrames()
    if (!isDue) return
    this.tracking.keepWithinLimit()
    if (!isServed && this.notices.isEmpty) return
    if (isServed) this.#timing.end()
    this.notices.sendTo(this.#sender)
    this.#sender.flush()
  }

  /** Blocks until a request comes, a script of another shard asks for something, or `timeoutMs` is over. */
  sleep(timeoutMs: number): void {
    this.#requests.sleep(timeoutMs, this.#isAsked)
  }

  readonly #isAsked = (): boolean => this.scripts.attendance.isAsked

  #frame(words: Int32Array, bytes: Uint8Array, offset: number): void {
    const word = offset >> 2
    const kind = (words[word] as number) >>> FRAME_KIND_SHIFT
    switch (kind) {
      case FrameKind.command:
      case FrameKind.lock:
      case FrameKind.park:
        this.#request(kind, words, bytes, word)
        if (kind !== FrameKind.park) this.journal.reached(words[word + 4] as number, words[word + 5] as number)
        return
      case FrameKind.through:
        this.journal.reached(words[word + 4] as number, words[word + 5] as number)
        return
      case FrameKind.time:
        this.keyspace.nowMs = ((words[word + 1] as number) >>> 0) + (words[word + 2] as number) * 4294967296
        return
      case FrameKind.piece:
        this.#piece(words, word)
        return
      case FrameKind.unlock:
        this.#unlock((words[word + 7] as number) >>> LOCK_OWNER_SHIFT)
        this.journal.reached(words[word + 4] as number, words[word + 5] as number)
        return
      default:
        throw new Error(`shard ${this.#options.shard}: frame of unknown kind ${kind} at ${offset}`)
    }
  }

  /** Takes a piece of a large frame, and executes that when it is whole. */
  #piece(words: Int32Array, word: number): void {
    const frame = this.#assembly.take(words, word)
    if (frame === null) return
    this.#wholeFrame = frame
    this.#frame(frame, new Uint8Array(frame.buffer), 0)
    if (this.#wholeFrame !== null) releaseChunk(frame.buffer as ArrayBuffer)
    this.#wholeFrame = null
  }

  #request(kind: number, words: Int32Array, bytes: Uint8Array, word: number): void {
    const at = this.#loadArguments(words, bytes, word)
    const argumentsAndFlags = words[word + 6] as number
    const idAndDb = words[word + 3] as number
    const owner = (words[word + 7] as number) >>> LOCK_OWNER_SHIFT
    if (kind !== FrameKind.command) {
      if (kind === FrameKind.lock) this.#lock(words, word, at, argumentsAndFlags >>> 24, owner)
      else this.blocking.park(words, word)
      return
    }
    const spec = specs[idAndDb & 0xffff] as CommandSpec
    if (this.keyspace.snapshot !== null) this.snapshots.lockLarge(spec, idAndDb >>> 16, argumentsAndFlags >>> 24, owner)
    if (this.locks.isActive) {
      const scope = this.#scopes.ofCommand(spec)
      if (this.locks.mustWait(scope, owner)) {
        this.locks.wait(this.#keep(words, word, at, scope, owner))
        return
      }
      const lockedAtMs = this.locks.timeOf(owner)
      if (lockedAtMs !== undefined) {
        const nowMs = this.keyspace.nowMs
        this.keyspace.nowMs = lockedAtMs
        if ((idAndDb & 0xffff) === idOf(shardServe)) this.servedClients = this.blocking.feed(owner)
        this.#execute(idAndDb & 0xffff, idAndDb >>> 16, words, word, argumentsAndFlags >>> 24)
        this.keyspace.nowMs = nowMs
        return
      }
    }
    this.#execute(idAndDb & 0xffff, idAndDb >>> 16, words, word, argumentsAndFlags >>> 24)
  }

  /** Gives the call the frame's arguments; returns where the frame ends. */
  #loadArguments(words: Int32Array, bytes: Uint8Array, word: number): number {
    const call = this.#call
    const argc = ((words[word + 6] as number) & 0x00ffffff) + 1
    if (argc > call.offsets.length) call.growArguments(argc)
    call.bytes = bytes
    call.argc = argc
    return readArguments(words, (word + REQUEST_WORDS) << 2, argc, call.offsets, call.lengths) >> 2
  }

  /** Runs the command of a client that waits, at the place in the order of what made its key ready. */
  #runAgain({ words, bytes }: Waiter): void {
    const call = this.#call
    this.#loadArguments(words, bytes, 0)
    words[4] = call.gsnLow
    words[5] = call.gsnHigh
    const idAndDb = words[3] as number
    this.#execute(idAndDb & 0xffff, idAndDb >>> 16, words, 0, (words[6] as number) >>> 24)
  }

  #execute(id: number, dbIndex: number, words: Int32Array, word: number, flags: number): void {
    const call = this.#call
    const sender = this.#sender
    const target = words[word + 1] as number
    const sequence = words[word + 2] as number
    sender.begin(target, sequence, flags)
    if ((flags & MAY_BE_PASSED_OVER) !== 0 && this.#isPassedOver(flags, target)) return
    this.#prepareCall(id, dbIndex, words, word, flags)
    this.#timing.begin(id)
    call.mayBeSliced = (flags & NEVER_SLICED) === 0
    const { journal } = this
    if (journal.isOn) journal.beginCommand()
    if (this.keyspace.snapshot !== null) writeBefore(call)
    try {
      ;(shardHandlers[id] as ShardHandler)(call)
    } catch (error) {
      this.#replyFailure(error)
    }
    if (call.longWork !== null && !this.#firstSlice(call.longWork, id, words, word, flags)) return
    if (journal.isOn) journal.endCommand(call, journal.hasModified)
    if ((flags & RequestFlag.part) === 0) this.#timing.count()
    this.#timing.noteFailure(id, this.#sender.writer)
    if (this.#timing.isTimedAlone(id) || sender.replyBytes > LONG_REPLY_BYTES) {
      this.#timing.reportIfSlow(this.#call, target, id, this.#timing.end())
    }
    if ((flags & RequestFlag.mayBlock) !== 0) this.blocking.endAttempt(target, words, word)
    else sender.end()
    if (!this.notices.isEmpty) this.notices.sendTo(sender)
    if (journal.isOn) journal.endUnit()
    if (this.blocking.waiting.readyCount !== 0) {
      if ((flags & RequestFlag.within) === 0) this.blocking.serve(0)
      else this.blocking.waiting.defer()
    }
  }

  /** Begins long work. @returns false when it goes on later, and the reply comes with its end */
  #firstSlice(steps: Iterator<undefined>, id: number, words: Int32Array, word: number, flags: number): boolean {
    const call = this.#call
    call.longWork = null
    if (this.#takeSteps(steps, this.#clock.monotonicUs())) return true
    this.#sender.cancel()
    const usedUs = this.#timing.leave()
    const { nowMs } = this.keyspace
    const frameOwner = (words[word + 7] as number) >>> LOCK_OWNER_SHIFT
    const owner = this.slicedWork.lock(this.#scopes.ofCommand(call.spec), frameOwner, nowMs, gsnOf(words, word))
    let frame = words
    if (words === this.#wholeFrame) this.#wholeFrame = null
    else frame = words.slice(word, this.#loadArguments(words, call.bytes, word))
    this.slicedWork.add({
      steps,
      id,
      dbIndex: call.dbIndex,
      flags,
      target: words[word + 1] as number,
      sequence: words[word + 2] as number,
      words: frame,
      bytes: new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength),
      nowMs,
      owner,
      usedUs,
      hasModified: this.journal.hasModified,
    })
    return false
  }

  /** A slice of the long work that was begun first. @returns false when there is none */
  sliceWork(): boolean {
    const work = this.slicedWork.first
    if (work === undefined) return false
    const sender = this.#sender
    const startedUs = this.#clock.monotonicUs()
    const { nowMs } = this.keyspace
    this.#loadArguments(work.words, work.bytes, 0)
    this.keyspace.nowMs = work.nowMs
    sender.begin(work.target, work.sequence, work.flags)
    this.#prepareCall(work.id, work.dbIndex, work.words, 0, work.flags)
    this.journal.beginCommand()
    const isThrough = this.#takeSteps(work.steps, startedUs)
    work.usedUs += this.#clock.monotonicUs() - startedUs
    work.hasModified ||= this.journal.hasModified
    if (isThrough) this.#endLongWork(work)
    else sender.cancel()
    this.keyspace.nowMs = nowMs
    this.housekeeping.report()
    sender.flush()
    return true
  }

  /** Takes steps for as long as a slice may take. @returns whether the work is through, with its reply or an error */
  #takeSteps(steps: Iterator<undefined>, startedUs: number): boolean {
    try {
      return this.slicedWork.takeSteps(steps, startedUs)
    } catch (error) {
      this.#replyFailure(error)
      return true
    }
  }

  /** A command for which there was no memory answers so, and has left its keys whole; any other failure is the shard's end. */
  #replyFailure(error: unknown): void {
    if (!(error instanceof ArenaFullError)) throw error
    this.#call.longWork = null
    this.#sender.discard()
    this.#sender.writer.error(errors.outOfMemory)
  }

  #endLongWork({ id, target, flags, usedUs, owner, hasModified }: LongWork): void {
    const sender = this.#sender
    if (this.journal.isOn) {
      this.journal.endCommand(this.#call, hasModified)
      this.journal.endUnit()
    }
    this.#timing.noteFailure(id, this.#sender.writer)
    this.#timing.statistics.recordRun(id, (flags & RequestFlag.part) === 0 ? 1 : 0, usedUs)
    this.#timing.reportIfSlow(this.#call, target, id, usedUs)
    sender.end()
    if (!this.notices.isEmpty) this.notices.sendTo(sender)
    // Ahead of the frames that waited for the locks, which came later. What other shards lend is served from at its unlock.
    if (owner < 0 && this.blocking.waiting.readyCount !== 0) this.blocking.serve(owner)
    this.slicedWork.finishFirst((frame) => this.#resume(frame))
  }

  #prepareCall(id: number, dbIndex: number, words: Int32Array, word: number, flags: number): void {
    const call = this.#call
    call.spec = specs[id] as CommandSpec
    call.dbIndex = dbIndex
    call.db = this.keyspace.database(dbIndex)
    call.nowMs = this.keyspace.nowMs
    call.gsnLow = words[word + 4] as number
    call.gsnHigh = words[word + 5] as number
    if (this.locks.isActive) this.#takeNumberOfLock((words[word + 7] as number) >>> LOCK_OWNER_SHIFT)
    call.flags = flags
    call.origin = (words[word + 7] as number) & ORIGIN_MASK
    this.keyspace.noTouch = (flags & RequestFlag.noTouch) !== 0
  }

  /** What is done under locks happens at the number under which they were asked for. */
  #takeNumberOfLock(owner: number): void {
    const gsn = this.locks.gsnOf(owner)
    if (gsn === undefined) return
    this.#call.gsnLow = gsn | 0
    this.#call.gsnHigh = Math.floor(gsn / 4294967296)
  }

  /** Whether the command that the sender has opened must not run. Then its reply is written. */
  #isPassedOver(flags: number, target: number): boolean {
    if ((flags & RequestFlag.conditional) !== 0 && this.transactionAborted) this.#sender.writer.nil()
    else if ((flags & RequestFlag.mayBlock) === 0 || this.blocking.beginAttempt(target)) return false
    this.#sender.end()
    return true
  }

  #lock(words: Int32Array, word: number, end: number, flags: number, owner: number): void {
    const scope = this.#scopes.ofLock(flags)
    if (this.locks.mustWait(scope, owner)) this.locks.wait(this.#keep(words, word, end, scope, owner))
    else this.locks.grant(scope, owner, this.keyspace.nowMs, gsnOf(words, word))
  }

  #unlock(owner: number): void {
    const lockedAtMs = this.locks.timeOf(owner)
    if (lockedAtMs !== undefined && this.blocking.waiting.readyCount !== 0) {
      const nowMs = this.keyspace.nowMs
      this.keyspace.nowMs = lockedAtMs
      this.#takeNumberOfLock(owner)
      this.blocking.serve(owner)
      this.keyspace.nowMs = nowMs
    }
    this.scripts.attendance.end(owner)
    if (!this.notices.isEmpty) this.notices.sendTo(this.#sender)
    this.locks.release(owner, (frame) => this.#resume(frame))
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

  statistics(): ShardStatistics {
    return shardFigures(this.#options.shard, this, this.#timing.statistics)
  }

  evict(bytes: number): number {
    return this.housekeeping.evict(bytes)
  }

  transactionOver(name: string): void {
    this.blocking.waiting.undefer(name)
  }

  unpark(ticket: number): void {
    this.blocking.waiting.remove(ticket)
  }

  resetStatistics(): void {
    this.#timing.statistics.reset()
    resetFigures(this.keyspace)
  }

  applySetting(name: string, value: string): void {
    applyShardSetting(this.#call.settings, this.keyspace, this.#timing.thresholds, name, value)
    this.#timing.refresh()
    this.tracking.keepWithinLimit()
  }
}
