/**
 * The append-only log as a whole: which files it consists of, when they are synced, when they are compacted, and what
 * became of that. The shards write the records (shard/journal.ts); docs/decisions/0011-append-only-log.md has the rules.
 *
 * Main thread. Invariants: the manifest on disk names every file that a shard may be writing to; a file goes only when a
 * manifest that does not need it is in force; one rewrite goes on at a time.
 */
import { close, promises as fs, openSync } from 'node:fs'
import path from 'node:path'
import { getSystemErrorMap, promisify } from 'node:util'
import { type AofFile, type Manifest, NO_MANIFEST, writeManifest } from './aof/manifest.js'
import { asciiBytes } from './base/bytes.js'
import type { Clock } from './base/clock.js'
import type { LogLines } from './base/log-lines.js'
import type { AppendLogServices, AppendLogState } from './commands/append-log-services.js'
import { shardJournal, shardJournalSettings, shardMark, shardRecord } from './commands/journal.js'
import type { Configuration } from './config/configuration.js'
import { systemErrorText } from './config/system-error.js'
import { LogSync } from './log-sync.js'
import type { DispatchPolicy } from './net/dispatch-policy.js'
import { encodeError } from './resp/errors.js'
import type { ReplyGate } from './router/reply-gate.js'
import type { ShardRequests } from './shard-requests.js'
import type { ShardReport } from './shard-threads.js'
import { SaveAbortedError } from './snapshot-save.js'

const MS_PER_SECOND = 1000
const SYNC_EVERY_MS = 1000
/** After a rewrite that failed, the next is not tried by itself before. */
const RETRY_MS = 60_000
/** After so many failures in a row the wait doubles, as in Redis. */
const FAILURES_BEFORE_WAITING = 3
const RETRY_MS_MAX = 60 * 60_000

const closeFile = promisify(close)

/** A file that a shard appends to. */
interface OpenFile {
  readonly file: AofFile
  readonly descriptor: number
}

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
  readonly saveBase: (finalPath: string, atCut: (gsn: number) => void) => Promise<void>
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
  /** It is to be on, but nothing has been logged yet. */
  #isBeginning = false
  #manifest = NO_MANIFEST
  #open: readonly OpenFile[] = []
  /** Bytes of the base and of files that are no longer appended to. */
  #closedBytes = 0
  #rewriteStartedMs = 0
  #rewriteFailedMs = 0
  #running: Promise<boolean> | null = null
  #syncedAtMs = 0
  /** Up to here the shards were asked to sync. */
  #requestedGsn = 0
  readonly #sync: LogSync
  #recordsMarked = -1
  #isMarking = false

  constructor(private readonly surroundings: AppendLogSurroundings) {
    const { config, reports } = surroundings
    this.#sync = new LogSync(reports, () => this.#open.map(({ descriptor }) => descriptor))
    config.onChange(['appendfsync', 'aof-timestamp-enabled', 'aof-history-retention'], () => {
      if (this.#isOn) void this.#tellAll(shardJournalSettings, this.#settings)
      this.#setGate()
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

  get #folder(): string {
    const { config } = this.surroundings
    return path.resolve(config.path('appenddirname'))
  }

  get #settings(): readonly Uint8Array[] {
    const { config } = this.surroundings
    const hasTimes = config.flag('aof-timestamp-enabled') || config.number('aof-history-retention') > 0
    return [asciiBytes(config.text('appendfsync') === 'always' ? '1' : '0'), asciiBytes(hasTimes ? '1' : '0')]
  }

  /**
   * Begins to log, behind what was loaded. Where that cannot be continued (or there was nothing), a base is written first.
   * @throws an error of the operating system, RdbWriteError
   */
  async start(loaded: LoadedLog | null): Promise<void> {
    await fs.mkdir(this.#folder, { recursive: true })
    if (loaded !== null) this.#manifest = loaded.manifest
    await this.#removeLeftovers()
    if (loaded === null || loaded.needsRewrite) {
      this.#isBeginning = true
      await this.#rewriteNow()
      return
    }
    const files = this.#lastFiles() ?? (await this.#nextFiles())
    const opened = files.map((file) => this.#openFile(file))
    const all = await Promise.all(loaded.manifest.files.map((file) => this.#sizeOf(file)))
    this.#closedBytes = all.reduce((sum, bytes) => sum + bytes, 0)
    await this.#switchTo(opened)
    this.baseBytes = this.currentBytes
  }

  /** Files of ours that no manifest knows: what was begun before a crash. */
  async #removeLeftovers(): Promise<void> {
    const { config, log } = this.surroundings
    const { files, history } = this.#manifest
    const known = new Set([...files, ...history].map(({ name }) => name))
    const prefix = `${config.text('appendfilename')}.`
    for (const name of await fs.readdir(this.#folder)) {
      const isOurs =
        name.startsWith(prefix) && /^[0-9]+(\.s[0-9]+)?\.(incr\.aof|base\.rdb)$/.test(name.slice(prefix.length))
      if ((!isOurs && !/^temp-[0-9]+\.rdb$/.test(name)) || known.has(name)) continue
      log.notice(`Removing ${name}, which a server that was stopped has left behind unfinished`)
      await fs.rm(path.join(this.#folder, name))
    }
  }

  /** The last file of each shard, or undefined when there is not one for each. */
  #lastFiles(): AofFile[] | undefined {
    const { shardCount } = this.surroundings.shards
    const last = Array.from({ length: shardCount }, (_, shard) =>
      this.#manifest.files.filter((file) => file.type === 'i' && (file.shard ?? 0) === shard).at(-1),
    )
    return last.every((file) => file !== undefined) ? last : undefined
  }

  async #sizeOf({ name }: AofFile): Promise<number> {
    return (await fs.stat(path.join(this.#folder, name))).size
  }

  #openFile(file: AofFile): OpenFile {
    const descriptor = openSync(path.join(this.#folder, file.name), 'a')
    return { file, descriptor }
  }

  /**
   * Makes files for the shards to go on with. The manifest knows them before anything is in them; but where logging begins
   * anew, only together with the base, as what it knows until then is no part of the same history.
   */
  async #nextFiles(): Promise<AofFile[]> {
    const { config, shards, gsn } = this.surroundings
    const name = config.text('appendfilename')
    const first = this.#nextSeq(false)
    const files = Array.from({ length: shards.shardCount }, (_, shard): AofFile => {
      const seq = first + shard
      const part = shards.shardCount === 1 ? '' : `.s${shard}`
      return { name: `${name}.${seq}${part}.incr.aof`, seq, type: 'i', shard, gsn: gsn() }
    })
    for (const { name } of files) await (await fs.open(path.join(this.#folder, name), 'w')).close()
    if (this.#isBeginning) return files
    const all = [...this.#manifest.files, ...files]
    await this.#writeManifest({ ...this.#manifest, shards: shards.shardCount, files: all })
    return files
  }

  /** The number behind those of the bases, or of the others, that there are. */
  #nextSeq(isBase: boolean): number {
    const all = this.#manifest.files.concat(this.#manifest.history)
    return all.reduce((last, { type, seq }) => ((type === 'b') === isBase ? Math.max(last, seq) : last), 0) + 1
  }

  async #writeManifest(manifest: Manifest): Promise<void> {
    await writeManifest(this.#folder, this.surroundings.config.text('appendfilename'), manifest)
    this.#manifest = manifest
  }

  /** Has the shards write to these files from now on. */
  async #switchTo(opened: readonly OpenFile[]): Promise<void> {
    const { shards } = this.surroundings
    const before = this.#open
    this.#open = opened
    this.#isOn = true
    this.#isBeginning = false
    await Promise.all(
      opened.map(({ descriptor }, shard) =>
        shards.ask(shard, shardJournal, [asciiBytes(String(descriptor)), ...this.#settings], 0, 0),
      ),
    )
    this.#setGate()
    // Each shard has written, and synced, what it had for its last file.
    await this.#sync.changeFiles()
    await Promise.all(before.map(({ descriptor }) => closeFile(descriptor)))
  }

  /** Replies wait for the disk where every write is to be there before its answer. */
  #setGate(): void {
    const { gate, config } = this.surroundings
    if (gate === null) return
    gate.isOn = this.#isOn && config.text('appendfsync') === 'always'
    if (!gate.isOn) gate.release(true)
  }

  /** To be called at the end of a turn: has all shards sync, if it has brought writes that clients wait for. */
  requestSync(): void {
    const { gate } = this.surroundings
    if (gate?.isOn !== true || gate.lastWriteGsn === this.#requestedGsn) return
    this.#requestedGsn = gate.lastWriteGsn
    void this.#tellAll(shardMark, []).then(() => gate.release())
  }

  #tellAll(command: typeof shardMark, argv: readonly Uint8Array[]): Promise<unknown> {
    const { shards } = this.surroundings
    return Promise.all(Array.from({ length: shards.shardCount }, (_, shard) => shards.ask(shard, command, argv, 0, 0)))
  }

  /** The log gets a command that the main thread has executed, as the first shard's. */
  record(argv: readonly Uint8Array[]): void {
    if (this.#isOn) void this.surroundings.shards.ask(0, shardRecord, argv, 0, 0)
  }

  rewrite(): void {
    if (this.isRewriting) return
    this.isRewriteScheduled = false
    this.surroundings.log.notice('Background append only file rewriting started')
    void this.#rewriteNow().then(
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

  #rewriteNow(): Promise<boolean> {
    this.#rewriteStartedMs = performance.now()
    this.#running = this.#rewrite().then(
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

  async #rewrite(): Promise<void> {
    const { config, shards, saveBase } = this.surroundings
    const superseded = this.#manifest.files
    // As in Redis it may be asked for while nothing is logged: then there is a base, and nothing behind it.
    const files = this.#isOn || this.#isBeginning ? await this.#nextFiles() : []
    const opened = files.map((file) => this.#openFile(file))
    const seq = this.#nextSeq(true)
    const name = `${config.text('appendfilename')}.${seq}.base.rdb`
    const before = this.#closedBytes
    let switched: Promise<void> | undefined
    let cut = 0
    try {
      await saveBase(path.join(this.#folder, name), (gsn) => {
        cut = gsn
        this.#closedBytes = this.currentBytes
        if (opened.length > 0) switched = this.#switchTo(opened)
      })
      await switched
    } catch (error) {
      if (switched === undefined) {
        this.#closedBytes = before
        await Promise.all(opened.map(({ descriptor }) => closeFile(descriptor)))
      }
      throw error
    }
    const base: AofFile = { name, seq, type: 'b', gsn: cut }
    const keptMs = config.number('aof-history-retention') * MS_PER_SECOND
    const untilMs = this.surroundings.clock.nowMs() + keptMs
    const kept = keptMs === 0 ? [] : superseded.map((file) => ({ ...file, untilMs }))
    const nowMs = this.surroundings.clock.nowMs()
    const over = this.#manifest.history.filter((file) => file.untilMs <= nowMs)
    const history = [...this.#manifest.history.filter((file) => file.untilMs > nowMs), ...kept]
    await this.#writeManifest({ shards: shards.shardCount, files: [base, ...files], history })
    this.#closedBytes = await this.#sizeOf(base)
    this.baseBytes = this.currentBytes
    await this.#remove(keptMs === 0 ? [...over, ...superseded] : over)
  }

  async #remove(files: readonly AofFile[]): Promise<void> {
    if (this.surroundings.config.flag('aof-disable-auto-gc')) return
    for (const { name } of files) {
      try {
        await fs.unlink(path.join(this.#folder, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
        this.surroundings.log.warning(`The old log file ${name} was not removed: ${systemErrorText(error)}`)
      }
    }
  }

  /** Turns the log on or off while the server runs; on, it begins with a base. */
  async setOn(isOn: boolean): Promise<void> {
    if (isOn === this.#isOn) return
    if (isOn) {
      this.#isBeginning = true
      await fs.mkdir(this.#folder, { recursive: true })
      this.rewrite()
      return
    }
    const { shards } = this.surroundings
    const off = [asciiBytes('-1'), ...this.#settings]
    this.#isOn = false
    this.#isBeginning = false
    this.#setGate()
    await Promise.all(this.#open.map((_, shard) => shards.ask(shard, shardJournal, off, 0, 0)))
    await this.#sync.changeFiles()
    await Promise.all(this.#open.map(({ descriptor }) => closeFile(descriptor)))
    this.#open = []
    this.surroundings.policy.logRefusal = null
  }

  /** To be called now and then (`hz`). */
  check(): void {
    if (!this.#isOn) return
    this.#checkErrors()
    this.#markWhatIsNew()
    const nowMs = performance.now()
    const { config } = this.surroundings
    if (config.text('appendfsync') === 'everysec' && nowMs - this.#syncedAtMs >= SYNC_EVERY_MS) {
      if (this.#sync.isRunning) this.delayedSyncs++
      else void this.#sync.request()
      this.#syncedAtMs = nowMs
    }
    this.#checkSize(nowMs)
  }

  #checkErrors(): void {
    const { policy, reports, log } = this.surroundings
    const errno = reports.find(({ logErrno }) => logErrno !== 0)?.logErrno ?? 0
    const { error } = this.#sync
    const reason = errno !== 0 ? textOfErrno(errno) : error !== null ? systemErrorText(error) : undefined
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
    if (this.isRewriteScheduled) {
      this.rewrite()
      return
    }
    const percentage = config.number('auto-aof-rewrite-percentage')
    const bytes = this.currentBytes
    if (percentage === 0 || bytes < config.number('auto-aof-rewrite-min-size')) return
    const growth = this.baseBytes === 0 ? Number.POSITIVE_INFINITY : ((bytes - this.baseBytes) * 100) / this.baseBytes
    if (growth < percentage || nowMs < this.#retryAtMs) return
    log.notice(`Starting automatic rewriting of AOF on ${Math.floor(growth)}% growth`)
    this.rewrite()
  }

  get #retryAtMs(): number {
    if (this.consecutiveFailures < FAILURES_BEFORE_WAITING) return 0
    const waitMs = RETRY_MS * 2 ** (this.consecutiveFailures - FAILURES_BEFORE_WAITING)
    return this.#rewriteFailedMs + Math.min(waitMs, RETRY_MS_MAX)
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

function textOfErrno(errno: number): string {
  const text = getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`
  return text.charAt(0).toUpperCase() + text.slice(1)
}
