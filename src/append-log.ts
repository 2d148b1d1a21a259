/**
 * The append-only log as a whole: which files it consists of, when they are synced, when they are compacted, and what
 * became of that. The shards write the records (shard/journal.ts); docs/decisions/0011-append-only-log.md has the rules.
 *
 * Main thread; the files themselves are log-files.ts's. Invariant: one rewrite goes on at a time.
 */
import { type AofFile, type Manifest, ManifestError } from './aof/manifest.js'
import { asciiBytes } from './base/bytes.js'
import type { Clock } from './base/clock.js'
import type { LogLines } from './base/log-lines.js'
import type { AppendLogServices, AppendLogState } from './commands/append-log-services.js'
import { shardEmpty, shardJournal, shardJournalSettings, shardMark, shardRecord } from './commands/journal.js'
import type { Configuration } from './config/configuration.js'
import { systemErrorText, textOfErrno } from './config/system-error.js'
import { type BaseFormat, closeFiles, FilesNotChangedError, LogFiles, type OpenFile } from './log-files.js'
import { LogSync } from './log-sync.js'
import type { DispatchPolicy } from './net/dispatch-policy.js'
import { encodeError } from './resp/errors.js'
import { headerNumber } from './resp/reply-reader.js'
import { retryDelayMs } from './rewrite-retry.js'
import type { ReplyGate } from './router/reply-gate.js'
import type { ShardRequests } from './shard-requests.js'
import type { ShardReport } from './shard-threads.js'
import { SaveAbortedError } from './snapshot-save.js'

const MS_PER_SECOND = 1000
/** The first base is tried again after so long. */
const FIRST_BASE_RETRY_MS = 1000
/** What CONFIG SET says when the log cannot be turned on, as in Redis. */
const NOT_TURNED_ON = 'Unable to turn on AOF. Check server logs.'
const DIRECTORY_IN_USE = 'the append only file is in the present one, turn it off first'

/** What it asks of the rest of the server. */
export interface AppendLogSurroundings {
  readonly config: Configuration
  readonly clock: Clock
  readonly log: LogLines
  readonly policy: DispatchPolicy
  readonly shards: ShardRequests
  readonly reports: readonly ShardReport[]
  /** Whether the data set is being saved. */
  readonly isSaving: () => boolean
  /**
   * Saves the data set as the log's base. `atCut` is called while nothing else happens, with the number up to which the file
   * shows everything.
   * @throws RdbWriteError, SaveAbortedError
   */
  readonly saveBase: (finalPath: string, format: BaseFormat, atCut: (gsn: number) => void) => Promise<void>
  /**
   * Tells clients that the data set is being loaded for as long as `change` goes on, which is given what loads it from the files.
   * @throws LoadError, AppendLogLoadError
   */
  readonly whileLoading: (change: (load: () => Promise<LoadedLog | null>) => Promise<void>) => Promise<void>
  /** The number given last. */
  readonly gsn: () => number
  /** Where replies wait for the disk; null with one shard, which does that by itself. */
  readonly gate: ReplyGate | null
}

/** What a load at the start has found. */
export interface LoadedLog {
  readonly manifest: Manifest
  /** The files cannot be continued as they are: a new base is needed. */
  readonly needsRewrite: boolean
}

export class AppendLog implements AppendLogServices, AppendLogState {
  isRewriteScheduled = false
  isLastRewriteOk = true
  lastRewriteSeconds = -1
  rewrites = 0
  consecutiveFailures = 0
  delayedSyncs = 0
  baseBytes = 0
  #isOn = false
  /** It is to be on, but there is no base yet that what is logged could stand behind: the manifest stays as it is. */
  #isBeginning = false
  /** CONFIG SET is about to begin a rewrite. */
  #isTurningOn = false
  /** Changes of what shards write to, or of when they sync, that are under way. */
  #changes = 0
  readonly #files: LogFiles
  #open: readonly OpenFile[] = []
  /** While shards change to the files in `#open`: those that they had before. */
  #leaving: readonly OpenFile[] = []
  /** Bytes of the base and of files that are no longer appended to. */
  #closedBytes = 0
  #rewriteStartedMs = 0
  #rewriteFailedMs = 0
  #running: Promise<boolean> | null = null
  /** Up to here the shards were asked to sync. */
  #requestedGsn = 0
  readonly #sync: LogSync
  #recordsMarked = -1
  #isMarking = false
  /** Ends when the shard that logs what the main thread does has what it was given last. */
  #recording: Promise<unknown> = Promise.resolve()

  constructor(private readonly surroundings: AppendLogSurroundings) {
    const { config, log, shards, reports } = surroundings
    this.#files = new LogFiles(config, log, shards.shardCount)
    this.#sync = new LogSync(reports, () => [...this.#leaving, ...this.#open].map(({ descriptor }) => descriptor))
    const follow = async (): Promise<undefined> => {
      if (this.#isOn) await this.#holdReplies(() => this.#tellAll(shardJournalSettings, this.#settings))
    }
    for (const name of ['appendfsync', 'aof-timestamp-enabled', 'aof-history-retention']) {
      config.onChangeLater(name, follow)
    }
    const isInUse = (): boolean => this.#isOn || this.#isBeginning || this.isRewriting
    config.onChange('dir', () => (isInUse() && this.#files.isElsewhere ? DIRECTORY_IN_USE : undefined))
    config.onChangeLater('appendonly', () => this.#setOn(config.flag('appendonly')))
    config.onChangeLater('aof-disable-auto-gc', async () => {
      await this.#files.collectGarbage()
      return undefined
    })
  }

  get state(): AppendLogState {
    return this
  }

  get isOn(): boolean {
    return this.#isOn
  }

  get isRewriting(): boolean {
    return this.#running !== null
  }

  get currentRewriteSeconds(): number {
    return this.isRewriting ? Math.floor((performance.now() - this.#rewriteStartedMs) / MS_PER_SECOND) : -1
  }

  get currentBytes(): number {
    const { reports } = this.surroundings
    return this.#open.reduce((sum, _, shard) => sum + (reports[shard] as ShardReport).logBytes, this.#closedBytes)
  }

  get bufferBytes(): number {
    return this.surroundings.reports.reduce((sum, { logBufferBytes }) => sum + logBufferBytes, 0)
  }

  get pendingSyncs(): number {
    return this.#sync.isRunning ? 1 : 0
  }

  get isLastWriteOk(): boolean {
    return this.surroundings.policy.logRefusal === null
  }

  get #syncsAlways(): boolean {
    return this.surroundings.config.text('appendfsync') === 'always'
  }

  get #settings(): readonly Uint8Array[] {
    const { config } = this.surroundings
    const hasTimes = config.flag('aof-timestamp-enabled') || config.number('aof-history-retention') > 0
    return [asciiBytes(this.#syncsAlways ? '1' : '0'), asciiBytes(hasTimes ? '1' : '0')]
  }

  /**
   * Begins to log, behind what was loaded. Where that cannot be continued (or there was nothing), a base is written first.
   * @throws an error of the operating system, RdbWriteError
   */
  async start(loaded: LoadedLog | null): Promise<void> {
    await this.#files.prepare(loaded?.manifest)
    if (loaded === null || loaded.needsRewrite) {
      this.#isBeginning = true
      await this.#rewriteNow()
      return
    }
    const opened = this.#files.openLast() ?? (await this.#openNext())
    this.#closedBytes = await this.#files.bytesOf(loaded.manifest.files)
    await this.#switchTo(opened)
    this.baseBytes = this.currentBytes
  }

  /** @throws an error of the operating system */
  #openNext(): Promise<OpenFile[]> {
    return this.#files.openNext(this.surroundings.gsn(), !this.#isBeginning)
  }

  /** Has the shards write to these files from now on. @returns false when some could not leave the files that they have */
  async #switchTo(opened: readonly OpenFile[]): Promise<boolean> {
    const { shards } = this.surroundings
    const before = this.#open
    this.#leaving = before
    this.#open = opened
    this.#isOn = true
    this.#sync.beginChange()
    let replies: readonly Uint8Array[] = []
    await this.#holdReplies(async () => {
      const argvOf = ({ descriptor }: OpenFile) => [asciiBytes(String(descriptor)), ...this.#settings]
      replies = await Promise.all(opened.map((file, shard) => shards.ask(shard, shardJournal, argvOf(file), 0, 0)))
    })
    const isTaken = replies.map((reply) => headerNumber(reply, 0) === 1)
    this.#open = opened.map((file, shard) => (isTaken[shard] ? file : (before[shard] as OpenFile)))
    // Each shard has written, and synced, what it had for its last file.
    await this.#sync.endChange()
    this.#leaving = []
    const unused = opened.map((file, shard) => (isTaken[shard] ? before[shard] : file))
    await closeFiles(unused.filter((file) => file !== undefined))
    return isTaken.every((is) => is)
  }

  /**
   * Replies wait for the disk where every write is to be there before its answer: from now on, and until `change` has made the
   * shards sync by themselves, all of them do.
   */
  async #holdReplies(change: () => Promise<unknown>): Promise<void> {
    const { gate, gsn } = this.surroundings
    if (this.#syncsAlways) gate?.turnOn(gsn())
    else gate?.turnOff()
    this.#changes++
    await change()
    if (--this.#changes === 0 && this.#isOn && this.#syncsAlways) gate?.settled()
  }

  /** To be called at the end of a turn: has all shards sync, if it has brought writes that clients wait for. */
  requestSync(): void {
    const { gate } = this.surroundings
    if (gate?.isOn !== true || gate.lastWriteGsn === this.#requestedGsn) return
    this.#requestedGsn = gate.lastWriteGsn
    void this.#tellAll(shardMark, []).then(() => gate.release())
  }

  #tellAll(command: typeof shardMark, argv: readonly Uint8Array[]): Promise<unknown> {
    return this.surroundings.shards.askAll(command, argv)
  }

  /** The log gets commands that the main thread has executed, as one operation of the first shard's. */
  record(commands: readonly (readonly Uint8Array[])[]): void {
    if (!this.#isOn) return
    const { shards, gate, gsn } = this.surroundings
    const argv = commands.flatMap((command) => [asciiBytes(String(command.length)), ...command])
    this.#recording = shards.ask(0, shardRecord, argv, 0, shards.actingOwner)
    if (gate !== null) gate.lastWriteGsn = gsn()
  }

  get recordsAreAwaited(): boolean {
    return this.#isOn && this.#syncsAlways
  }

  whenRecorded(done: () => void): void {
    void this.#recording.then(done)
  }

  rewrite(): void {
    if (!this.isRewriting && !this.#isTurningOn) this.#rewriteInBackground()
  }

  /** @param opened the files that the shards are to go on with, where they are there already */
  #rewriteInBackground(opened?: readonly OpenFile[]): void {
    this.isRewriteScheduled = false
    this.surroundings.log.notice('Background append only file rewriting started')
    void this.#rewriteNow(opened).then(
      () => this.surroundings.log.notice('Background AOF rewrite finished successfully'),
      (error: unknown) => {
        if (!(error instanceof Error)) throw error
        this.surroundings.log.warning(`Background AOF rewrite terminated with error: ${error.message}`)
      },
    )
  }

  scheduleRewrite(): void {
    this.isRewriteScheduled = true
  }

  #rewriteNow(opened?: readonly OpenFile[]): Promise<boolean> {
    this.#rewriteStartedMs = performance.now()
    this.#running = this.#rewrite(opened).then(
      () => {
        this.isLastRewriteOk = true
        this.consecutiveFailures = 0
        this.rewrites++
        return true
      },
      (error: unknown) => {
        if (!(error instanceof SaveAbortedError)) {
          this.isLastRewriteOk = false
          this.consecutiveFailures++
        }
        this.#rewriteFailedMs = performance.now()
        throw error
      },
    )
    return this.#running.finally(() => {
      this.lastRewriteSeconds = this.currentRewriteSeconds
      this.#running = null
    })
  }

  async #rewrite(prepared?: readonly OpenFile[]): Promise<void> {
    const { clock, config, saveBase } = this.surroundings
    const isAnnounced = !this.#isBeginning
    // Else it is known already what is there.
    if (!this.#isOn && isAnnounced) await this.#files.prepare()
    const before = this.#files.manifest
    // While there is no base, the manifest does not know what is appended to.
    const appendedTo = this.#open.map(({ file }) => file)
    const unknown = appendedTo.filter(({ name }) => !before.files.some((file) => file.name === name))
    // As in Redis it may be asked for while nothing is logged: then there is a base, and nothing behind it.
    const opened = prepared ?? (this.#isOn || this.#isBeginning ? await this.#openNext() : [])
    const files = opened.map(({ file }) => file)
    const format = config.flag('aof-use-rdb-preamble') ? 'rdb' : 'aof'
    const { name, seq } = this.#files.nextBase(format)
    const closedBytes = this.#closedBytes
    let switched: Promise<boolean> | undefined
    let cut = 0
    try {
      await saveBase(this.#files.pathOf(name), format, (gsn) => {
        cut = gsn
        this.#closedBytes = this.currentBytes
        // It may have been turned off meanwhile.
        if (opened.length > 0 && (this.#isOn || this.#isBeginning)) switched = this.#switchTo(opened)
      })
      if (opened.length > 0 && (await switched) !== true) throw new FilesNotChangedError()
    } catch (error) {
      await switched
      if (switched === undefined) {
        this.#closedBytes = closedBytes
        await closeFiles(opened)
        await this.#files.takeBack(files, isAnnounced ? before : undefined)
      }
      throw error
    }
    const base: AofFile = { name, seq, type: 'b', gsn: cut }
    await this.#files.replace(base, files, [...before.files, ...unknown], clock.nowMs())
    this.#isBeginning = false
    this.#closedBytes = await this.#files.bytesOf([base])
    this.baseBytes = this.currentBytes
  }

  /** Turns the log on or off while the server runs; on, it begins with a base. @returns why that is not possible, for CONFIG SET */
  async #setOn(isOn: boolean): Promise<string | undefined> {
    if (isOn === (this.#isOn || this.#isBeginning)) return undefined
    if (!isOn) {
      await this.#turnOff()
      return undefined
    }
    this.#isTurningOn = true
    try {
      // A rewrite that goes on is for a log as it was.
      while (this.#running !== null) await this.#running.catch(() => {})
      await this.#files.prepare()
      const opened = await this.#files.openNext(this.surroundings.gsn(), false)
      this.#isBeginning = true
      this.#rewriteInBackground(opened)
      return undefined
    } catch (error) {
      if (!(error instanceof ManifestError) && (error as NodeJS.ErrnoException).errno === undefined) throw error
      this.surroundings.log.warning(`Can't open the append-only file: ${systemErrorText(error)}`)
      return NOT_TURNED_ON
    } finally {
      this.#isTurningOn = false
    }
  }

  async #turnOff(): Promise<void> {
    this.#isOn = false
    this.#isBeginning = false
    const { shards } = this.surroundings
    const lock = shards.lockAll()
    await this.#leave(lock.owner)
    shards.unlock(lock)
  }

  /**
   * Has the shards write to no file any more. All keys are locked, so that everything older is complete in all files.
   * @param owner that of the lock
   */
  async #leave(owner: number): Promise<void> {
    const { shards, gate } = this.surroundings
    const off = [asciiBytes('-1'), ...this.#settings]
    await Promise.all(this.#open.map((_, shard) => shards.ask(shard, shardJournal, off, 0, owner)))
    gate?.turnOff()
    this.#sync.beginChange()
    await this.#sync.endChange()
    await closeFiles(this.#open)
    this.#open = []
    this.surroundings.policy.logRefusal = null
  }

  reload(done: () => void): void {
    void this.#reload().then(done, (error: unknown) => {
      if (!(error instanceof Error) || !('code' in error)) throw error
      // As Redis does: what is there now must neither be served nor saved.
      this.surroundings.log.warning(error.message)
      process.exit(1)
    })
  }

  async #reload(): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => {})
    const { shards, whileLoading, log } = this.surroundings
    const wasOn = this.#isOn
    this.#isOn = false
    await whileLoading(async (load) => {
      // Behind everything that is under way.
      const lock = shards.lockAll()
      await this.#leave(lock.owner)
      await Promise.all(lock.shards.map((shard) => shards.ask(shard, shardEmpty, [], 0, lock.owner)))
      shards.unlock(lock)
      const loaded = await load()
      this.#files.forget()
      // Before anybody can write again.
      if (wasOn) await this.start(loaded)
      else await this.#files.prepare(loaded?.manifest)
    })
    log.notice('Append Only File loaded by DEBUG LOADAOF')
  }

  /** To be called now and then (`hz`). */
  check(): void {
    // There is nothing yet that could be rewritten.
    if (this.surroundings.policy.isLoading) return
    const nowMs = performance.now()
    if (this.#isOn) {
      this.#checkErrors()
      this.#markWhatIsNew()
      this.#checkWaiting()
    }
    this.#checkSize(nowMs)
  }

  #checkWaiting(): void {
    // A mark may have been held back when they came.
    if (this.#sync.hasWaiting && !this.#sync.isRunning)
      void this.#tellAll(shardMark, []).then(() => this.#sync.request())
  }

  /** To be called ten times a second, whatever `hz` is: syncs every second, if that is how it is to be. */
  keepSynced(): void {
    const { config, policy } = this.surroundings
    if (!this.#isOn || policy.isLoading || config.text('appendfsync') !== 'everysec') return
    this.#markWhatIsNew()
    if (!this.#sync.requestEverySecond(performance.now())) this.delayedSyncs++
  }

  #checkErrors(): void {
    const { policy, reports, log } = this.surroundings
    const errno = reports.find(({ logErrno }) => logErrno !== 0)?.logErrno ?? 0
    const { error } = this.#sync
    const reason =
      errno !== 0 ? (textOfErrno(-errno) ?? `error ${errno}`) : error !== null ? systemErrorText(error) : undefined
    if (reason === undefined) {
      if (policy.logRefusal !== null) log.warning('AOF write error looks solved. The server can write again.')
      policy.logRefusal = null
      return
    }
    if (policy.logRefusal === null) log.warning(`Error writing to the AOF file: ${reason}`)
    policy.logRefusal = encodeError(`MISCONF Errors writing to the AOF file: ${reason}`)
  }

  /** Shards that have written nothing must say that they are complete, else the others' records are behind the cut. */
  #markWhatIsNew(): void {
    const records = this.surroundings.reports.reduce((sum, { logRecords }) => sum + logRecords, 0)
    if (records === this.#recordsMarked || this.#isMarking || this.#open.length === 1) return
    this.#recordsMarked = records
    this.#isMarking = true
    void this.#tellAll(shardMark, []).then(() => {
      this.#isMarking = false
    })
  }

  whenSynced(done: () => void): void {
    this.#sync.when(this.surroundings.gsn(), done)
    void this.#tellAll(shardMark, []).then(() => this.#sync.request())
  }

  #checkSize(nowMs: number): void {
    const { config, log, isSaving } = this.surroundings
    if (this.isRewriting || isSaving()) return
    const isFirstBaseDue = this.#isBeginning && nowMs - this.#rewriteFailedMs >= FIRST_BASE_RETRY_MS
    if (this.isRewriteScheduled || isFirstBaseDue) {
      this.rewrite()
      return
    }
    if (!this.#isOn || this.#isBeginning) return
    const percentage = config.number('auto-aof-rewrite-percentage')
    const bytes = this.currentBytes
    if (percentage === 0 || bytes < config.number('auto-aof-rewrite-min-size')) return
    const growth = this.baseBytes === 0 ? Number.POSITIVE_INFINITY : ((bytes - this.baseBytes) * 100) / this.baseBytes
    if (growth < percentage || nowMs < this.#rewriteFailedMs + retryDelayMs(this.consecutiveFailures)) return
    log.notice(`Starting automatic rewriting of AOF on ${Math.floor(growth)}% growth`)
    this.rewrite()
  }

  /**
   * Has everything on the disk, as the last thing that the server does. A shard with a command that does not end writes no
   * mark: without marks, what the others have done since that command began is dropped by the next load.
   */
  async finish(marks: 'with marks' | 'without marks'): Promise<void> {
    if (!this.#isOn) return
    if (marks === 'with marks') await this.#tellAll(shardMark, [])
    this.surroundings.log.notice('Calling fsync() on the AOF file.')
    await this.#sync.request()
  }
}
