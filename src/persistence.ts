/**
 * Saving and loading of the data set as a whole: when it is saved, what became of it, what writes may do meanwhile.
 *
 * Main thread. Invariant: one save goes on at a time, and none while the data set is being loaded, which it is from the beginning.
 */
import path from 'node:path'
import { assert } from './base/assert.js'
import type { Clock } from './base/clock.js'
import type { LogLines } from './base/log-lines.js'
import type {
  LoadingState,
  PersistenceServices,
  PersistenceState,
  ReloadOptions,
} from './commands/persistence-services.js'
import type { FunctionServices } from './commands/server-services.js'
import { lookup } from './commands/table.js'
import type { Configuration } from './config/configuration.js'
import { systemErrorText } from './config/system-error.js'
import { REDIS_VERSION } from './config/version.js'
import type { DispatchPolicy } from './net/dispatcher.js'
import { RdbFileError, RdbWriteError } from './rdb/file-error.js'
import type { ShardRequests } from './shard-requests.js'
import type { ShardReport } from './shard-threads.js'
import { LoadProgress, loadSnapshot } from './snapshot-load.js'
import { SaveAbortedError, SaveProgress, saveSnapshot } from './snapshot-save.js'

/** After a save in the background that failed, the next is not tried before. */
const RETRY_SECONDS = 5
const MS_PER_SECOND = 1000

/** The data set could not be loaded: the server must not start without it. */
export class LoadError extends Error {
  readonly code = 'DB_NOT_LOADED'

  constructor(readonly reason: string) {
    super(`Fatal error loading the DB: ${reason}. Exiting.`)
  }
}

/** What it asks of the rest of the server. */
export interface PersistenceSurroundings {
  readonly config: Configuration
  readonly clock: Clock
  readonly log: LogLines
  readonly policy: DispatchPolicy
  readonly shards: ShardRequests
  /** What shards report without being asked. */
  readonly reports: readonly ShardReport[]
  readonly usedBytes: () => number
  readonly functions: FunctionServices
}

export class Persistence implements PersistenceServices, PersistenceState {
  savedChanges = 0
  lastSaveAtMs: number
  isLastBackgroundSaveOk = true
  lastBackgroundSeconds = -1
  saves = 0
  lastLoadKeysExpired = 0
  lastLoadKeysLoaded = 0
  #loading: LoadProgress | null
  #progress: SaveProgress | null = null
  #backgroundStartedAtMs = 0
  #triedAtMs = 0
  #isScheduled = false
  #savedFlushes = 0
  /** Ends when all saves that were asked for so far have. */
  #running: Promise<unknown> | null = null

  constructor(private readonly surroundings: PersistenceSurroundings) {
    const { config, clock, policy } = surroundings
    this.lastSaveAtMs = clock.nowMs()
    // Whoever connects before the load has begun finds a data set that is not there yet, too.
    this.#loading = new LoadProgress(this.lastSaveAtMs)
    policy.isLoading = true
    config.onChange(['save', 'stop-writes-on-bgsave-error'], () => {
      this.#updatePolicy()
      return undefined
    })
  }

  get state(): PersistenceState {
    return this
  }

  get loading(): LoadingState | null {
    return this.#loading
  }

  get saveKeysProcessed(): number {
    return this.#progress?.keysProcessed ?? 0
  }

  get saveKeysTotal(): number {
    return this.#progress?.keysTotal ?? 0
  }

  get isSavingInBackground(): boolean {
    return this.#backgroundStartedAtMs !== 0
  }

  get currentBackgroundSeconds(): number {
    return this.isSavingInBackground ? this.#secondsSince(this.#backgroundStartedAtMs) : -1
  }

  get #changes(): number {
    return this.surroundings.reports.reduce((sum, { changes }) => sum + changes, 0)
  }

  get #flushes(): number {
    return this.surroundings.reports.reduce((sum, { flushes }) => sum + flushes, 0)
  }

  #secondsSince(sinceMs: number): number {
    // As Redis, whose clock has whole seconds.
    return Math.floor(this.surroundings.clock.nowMs() / MS_PER_SECOND) - Math.floor(sinceMs / MS_PER_SECOND)
  }

  /** Writes are refused while the data set cannot be saved, if it is to be saved. */
  #updatePolicy(): void {
    const { config, policy } = this.surroundings
    policy.refusesWrites =
      !this.isLastBackgroundSaveOk && config.flag('stop-writes-on-bgsave-error') && config.savePoints().length > 0
  }

  save(done: (isSaved: boolean) => void): void {
    this.saves++
    void this.#inTurn(() => this.#write(false)).then(done)
  }

  /** Saves as the last thing that the server does: if that goes well, no key is reached any more. */
  saveFinally(): Promise<boolean> {
    return this.#inTurn(() => this.#write(true))
  }

  /** Ends a save that goes on; nothing is left of its file. */
  async endSaves(): Promise<void> {
    if (this.#progress === null) return
    this.surroundings.log.warning('There is a save that is not through. It is ended.')
    this.#progress.isAborted = true
    await this.#running
  }

  saveInBackground(): void {
    const { clock, log } = this.surroundings
    if (this.isSavingInBackground) return
    this.saves++
    this.#isScheduled = false
    this.#backgroundStartedAtMs = clock.nowMs()
    this.#triedAtMs = this.#backgroundStartedAtMs
    log.notice('Background saving started')
    void this.#inTurn(async () => {
      const isSaved = await this.#write(false, true)
      this.lastBackgroundSeconds = this.#secondsSince(this.#backgroundStartedAtMs)
      this.#backgroundStartedAtMs = 0
      if (isSaved) log.notice('Background saving terminated with success')
      else log.warning('Background saving error')
    })
  }

  scheduleSave(): void {
    this.#isScheduled = true
  }

  /** To be called now and then: begins to save where the save points ask for it. */
  check(): void {
    const { config, log } = this.surroundings
    if (this.#loading !== null || this.#running !== null) return
    if (!this.isLastBackgroundSaveOk && this.#secondsSince(this.#triedAtMs) <= RETRY_SECONDS) return
    if (this.#isScheduled) {
      this.saveInBackground()
      return
    }
    const isFlushed = this.#flushes !== this.#savedFlushes
    if (isFlushed && config.savePoints().length > 0) {
      // As in Redis: what was emptied must not come back with the next start.
      log.notice('The data set was emptied. Saving...')
      this.saveInBackground()
      return
    }
    const changes = this.#changes - this.savedChanges
    if (changes <= 0) return
    const seconds = this.#secondsSince(this.lastSaveAtMs)
    const point = config.savePoints().find((point) => changes >= point.changes && seconds > point.seconds)
    if (point === undefined) return
    log.notice(`${point.changes} changes in ${point.seconds} seconds. Saving...`)
    this.saveInBackground()
  }

  /** Runs a save when those before it are through: at once, if there are none, so that it shows what is now. */
  #inTurn<T>(save: () => Promise<T>): Promise<T> {
    const result = this.#running === null ? save() : this.#running.then(save)
    this.#running = result
    return result.finally(() => {
      if (this.#running === result) this.#running = null
    })
  }

  /** @returns whether the file is written */
  async #write(keepsLocks: boolean, isInBackground = false): Promise<boolean> {
    const { config, clock, log, shards, usedBytes, functions } = this.surroundings
    const progress = new SaveProgress()
    this.#progress = progress
    const flushes = this.#flushes
    const finalPath = config.path('dbfilename')
    try {
      this.savedChanges = await saveSnapshot(
        shards,
        {
          temporaryPath: path.join(path.dirname(finalPath), `temp-${process.pid}.rdb`),
          finalPath,
          hasChecksum: config.flag('rdbchecksum'),
          syncsAsItGoes: config.flag('rdb-save-incremental-fsync'),
          reasonOf: systemErrorText,
          aux: [
            ['redis-ver', REDIS_VERSION],
            ['redis-bits', '64'],
            ['ctime', String(Math.floor(clock.nowMs() / MS_PER_SECOND))],
            ['used-mem', String(usedBytes())],
            ['aof-base', '0'],
          ],
          libraries: functions.libraries.map(({ code }) => code),
          keyDelayUs: () => config.number('rdb-key-save-delay'),
          keepsLocks,
        },
        progress,
      )
      log.notice('DB saved on disk')
      this.#savedFlushes = flushes
      this.lastSaveAtMs = clock.nowMs()
      this.#setStatus(true)
      return true
    } catch (error) {
      if (error instanceof SaveAbortedError) return false
      if (!(error instanceof RdbWriteError)) throw error
      log.warning(error.message)
      if (isInBackground) this.#setStatus(false)
      return false
    } finally {
      this.#progress = null
    }
  }

  #setStatus(isOk: boolean): void {
    this.isLastBackgroundSaveOk = isOk
    this.#updatePolicy()
  }

  /**
   * Loads the file, if there is one, while clients are told that the data set is being loaded.
   * @throws LoadError
   */
  async load(): Promise<void> {
    const startedMs = performance.now()
    const isThere = await this.#load({ flushes: false, replaces: false })
    if (!isThere) return
    const seconds = ((performance.now() - startedMs) / MS_PER_SECOND).toFixed(3)
    this.surroundings.log.notice(`DB loaded from disk: ${seconds} seconds`)
  }

  reload(options: ReloadOptions, done: (isLoaded: boolean) => void): void {
    const { log, shards } = this.surroundings
    const flushall = lookup('flushall')
    assert(flushall !== undefined, 'FLUSHALL is no command')
    const reload = async (): Promise<boolean> => {
      if (options.flushes) {
        await Promise.all(
          Array.from({ length: shards.shardCount }, (_, shard) => shards.ask(shard, flushall, [], 0, 0)),
        )
      }
      return this.#load(options)
    }
    reload().then(done, (error: unknown) => {
      if (!(error instanceof LoadError)) throw error
      log.warning(`The RDB file was not loaded: ${error.reason}`)
      done(false)
    })
  }

  /** @returns false when there is no file */
  async #load({ flushes, replaces }: ReloadOptions): Promise<boolean> {
    const { config, clock, log, policy, shards, functions } = this.surroundings
    const nowMs = clock.nowMs()
    const progress = new LoadProgress(nowMs)
    this.#loading = progress
    policy.isLoading = true
    try {
      await loadSnapshot(
        shards,
        {
          path: config.path('dbfilename'),
          checksChecksum: config.flag('rdbchecksum'),
          databases: config.number('databases'),
          nowMs,
          replaces,
          keyDelayUs: () => config.number('key-load-delay'),
        },
        progress,
        log,
      )
      const policyOfLibraries = flushes ? 'flush' : replaces ? 'replace' : 'append'
      const fault = functions.restore(progress.libraries, policyOfLibraries)
      if (fault !== undefined) throw new RdbFileError(`Failed loading library, ${textOf(fault)}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      const reason = error instanceof RdbFileError ? error.message : systemErrorText(error)
      throw new LoadError(reason)
    } finally {
      this.#loading = null
      policy.isLoading = false
      this.lastLoadKeysExpired = progress.keysExpired
      this.lastLoadKeysLoaded = progress.keysLoaded
    }
    const empty = progress.keysEmpty === 0 ? '' : `, empty keys skipped: ${progress.keysEmpty}`
    log.notice(`Done loading RDB, keys loaded: ${progress.keysLoaded}, keys expired: ${progress.keysExpired}${empty}.`)
    return true
  }
}

/** The words of an encoded error. */
function textOf(error: Uint8Array): string {
  return Buffer.from(error).toString('latin1').replace(/^-/, '').trimEnd()
}
