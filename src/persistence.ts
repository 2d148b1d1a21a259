/**
 * Saving and loading of the data set as a whole: when it is saved, what became of it, what writes may do meanwhile.
 *
 * Main thread. Invariant: one save goes on at a time, and none while the data set is being loaded, which it is from the beginning.
 */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { AppendLogLoadError } from './append-log-load.js'
import type { SnapshotFacts } from './backup/manifest.js'
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
import { commandNamed } from './commands/table.js'
import type { Configuration } from './config/configuration.js'
import { systemErrorText } from './config/system-error.js'
import { REDIS_VERSION } from './config/version.js'
import type { DispatchPolicy } from './net/dispatch-policy.js'
import { RdbFileError, RdbWriteError } from './rdb/file-error.js'
import { errors } from './resp/errors.js'
import type { ShardRequests } from './shard-requests.js'
import type { ShardReport } from './shard-threads.js'
import { LoadProgress, loadSnapshot } from './snapshot-load.js'
import {
  SaveAbortedError,
  type SavedSnapshot,
  SaveProgress,
  type SaveRequest,
  type SnapshotWays,
  saveSnapshot,
} from './snapshot-save.js'

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
  readonly snapshotWays: SnapshotWays
}

interface FileOptions {
  readonly isAofBase?: boolean
  readonly locksUntil?: SaveRequest['locksUntil']
  readonly wantsDigest?: boolean
  readonly isUnwanted?: () => boolean
  readonly atCut: (gsn: number) => void
}

export class Persistence implements PersistenceServices, PersistenceState {
  savedChanges = 0
  lastSaveAtMs: number
  isLastBackgroundSaveOk = true
  lastBackgroundSeconds = -1
  saves = 0
  lastSaveWaitingBytes = 0
  lastLoadKeysExpired = 0
  lastLoadKeysLoaded = 0
  #loading: LoadProgress | null
  #progress: SaveProgress | null = null
  #backgroundStartedAtMs = 0
  #triedAtMs = 0
  /** Clients whose FLUSHALL is answered after the save that comes next. */
  #waitForFlushed: (() => void)[] = []
  /** Saves to other files than the data set's own, those that wait for their turn included. */
  #savesForOthers = 0
  #isScheduled = false
  #savedFlushes = 0
  /** Ends when all saves that were asked for so far have, however. */
  #running: Promise<void> | null = null
  /** No save begins. */
  #isEnding = false

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

  /** What the data set has become counts as saved. */
  forgetChanges(): void {
    this.savedChanges = this.#changes
    this.#savedFlushes = this.#flushes
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
    const refuses =
      !this.isLastBackgroundSaveOk && config.flag('stop-writes-on-bgsave-error') && config.savePoints().length > 0
    policy.saveRefusal = refuses ? errors.cannotSave : null
  }

  save(done: (isSaved: boolean) => void): void {
    this.saves++
    void this.#inTurn(() => this.#write('end')).then(done)
  }

  /**
   * Saves to another file, when nothing else is being saved; `atCut` is called when the moment that the file will show has come,
   * and nothing else happens.
   * @throws RdbWriteError, SaveAbortedError
   */
  saveBase(finalPath: string, atCut: (gsn: number) => void): Promise<SavedSnapshot> {
    return this.#forOthers(() => this.#writeFile(finalPath, { isAofBase: true, atCut }))
  }

  /**
   * Saves to another file for a backup, when nothing else is being saved.
   * @throws RdbWriteError, SaveAbortedError
   */
  saveCopy(finalPath: string): Promise<SnapshotFacts> {
    return this.#forOthers(async () => {
      let cutAtMs = 0
      const atCut = (): void => {
        cutAtMs = this.surroundings.clock.nowMs()
      }
      const { gsn, keys, digest } = await this.#writeFile(finalPath, { wantsDigest: true, atCut })
      assert(digest !== undefined, 'a snapshot has no digest')
      return { gsn, cutAtMs, keys, digest }
    })
  }

  /** Saves as the last thing that the server does: if that goes well, no key is reached any more. */
  saveFinally(): Promise<boolean> {
    return this.#inTurn(() => this.#write('exit'))
  }

  /** Ends a save that goes on, and those that wait for it; nothing is left of their files. */
  async endSaves(): Promise<void> {
    if (this.#running === null) return
    this.surroundings.log.warning('There is a save that is not through. It is ended.')
    if (this.#progress !== null) this.#progress.isAborted = true
    this.#isEnding = true
    await this.#running
    this.#isEnding = false
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
      const isSaved = await this.#write('cut')
      this.lastBackgroundSeconds = this.#secondsSince(this.#backgroundStartedAtMs)
      this.#backgroundStartedAtMs = 0
      if (isSaved) log.notice('Background saving terminated with success')
      else log.warning('Background saving error')
    })
  }

  saveFlushed(done: () => void): void {
    const isWanted = this.surroundings.config.savePoints().length > 0 && this.#loading === null
    // A save in the background that shows what was there is not wanted any more, and ends soon; one for something else goes on.
    if (!isWanted || this.#savesForOthers > 0) {
      done()
      return
    }
    this.#waitForFlushed.push(done)
    if (this.#waitForFlushed.length > 1) return
    void this.#inTurn(async () => {
      const waiting = this.#waitForFlushed
      this.#waitForFlushed = []
      await this.#write('cut')
      for (const done of waiting) done()
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
    // That it fails is for who asked for it, and not for those behind it.
    const ended = result.then(nothing, nothing)
    this.#running = ended
    return result.finally(() => {
      if (this.#running === ended) this.#running = null
    })
  }

  async #forOthers<T>(save: () => Promise<T>): Promise<T> {
    this.#savesForOthers++
    try {
      return await this.#inTurn(save)
    } finally {
      this.#savesForOthers--
    }
  }

  /** @returns whether the file is written */
  async #write(locksUntil: SaveRequest['locksUntil']): Promise<boolean> {
    const { config, clock, log } = this.surroundings
    const isInBackground = locksUntil === 'cut'
    let flushes = this.#flushes
    try {
      const saved = await this.#writeFile(config.path('dbfilename'), {
        locksUntil,
        // As in Redis: nobody wants what has been emptied.
        isUnwanted: () => isInBackground && this.#flushes !== flushes,
        atCut: () => {
          flushes = this.#flushes
        },
      })
      log.notice('DB saved on disk')
      this.savedChanges = saved.changes
      this.#savedFlushes = flushes
      this.lastSaveWaitingBytes = saved.waitingBytesMax
      this.lastSaveAtMs = clock.nowMs()
      this.#setStatus(true)
      return true
    } catch (error) {
      if (error instanceof SaveAbortedError) return false
      if (!(error instanceof RdbWriteError)) throw error
      log.warning(error.message)
      if (isInBackground) this.#setStatus(false)
      return false
    }
  }

  async #writeFile(finalPath: string, options: FileOptions): Promise<SavedSnapshot> {
    const { config, clock, shards, snapshotWays, usedBytes, functions } = this.surroundings
    const { isAofBase = false, locksUntil = 'cut', wantsDigest = false, isUnwanted = () => false, atCut } = options
    if (this.#isEnding) throw new SaveAbortedError('the save was ended')
    const progress = new SaveProgress()
    this.#progress = progress
    const request: SaveRequest = {
      temporaryPath: path.join(path.dirname(finalPath), `temp-${process.pid}.rdb`),
      finalPath,
      hasChecksum: config.flag('rdbchecksum'),
      syncsAsItGoes: config.flag('rdb-save-incremental-fsync'),
      aux: [
        ['redis-ver', REDIS_VERSION],
        ['redis-bits', '64'],
        ['ctime', String(Math.floor(clock.nowMs() / MS_PER_SECOND))],
        ['used-mem', String(usedBytes())],
        ['aof-base', isAofBase ? '1' : '0'],
      ],
      libraries: () => functions.libraries.map(({ code }) => code),
      keyDelayUs: () => config.number('rdb-key-save-delay'),
      isUnwanted,
      wantsDigest,
      locksUntil,
    }
    // A process that does not wait for it, at a second SIGINT for one, leaves nothing unfinished behind.
    const removeUnfinished = (): void => rmSync(request.temporaryPath, { force: true })
    process.once('exit', removeUnfinished)
    try {
      return await saveSnapshot(shards, snapshotWays, request, progress, { atCut })
    } finally {
      process.off('exit', removeUnfinished)
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
    const flushall = commandNamed('flushall')
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
    const { config, clock, log, shards, functions } = this.surroundings
    return this.whileLoading(async (progress) => {
      try {
        await loadSnapshot(
          shards,
          {
            path: config.path('dbfilename'),
            checksChecksum: config.flag('rdbchecksum'),
            databases: config.number('databases'),
            nowMs: clock.nowMs(),
            replaces,
            keyDelayUs: () => config.number('key-load-delay'),
          },
          progress,
          log,
        )
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
        throw error
      }
      const policyOfLibraries = flushes ? 'flush' : replaces ? 'replace' : 'append'
      const fault = functions.restore(progress.libraries, policyOfLibraries)
      if (fault !== undefined) throw new RdbFileError(`Failed loading library, ${textOf(fault)}`)
      const empty = progress.keysEmpty === 0 ? '' : `, empty keys skipped: ${progress.keysEmpty}`
      const counts = `keys loaded: ${progress.keysLoaded}, keys expired: ${progress.keysExpired}`
      log.notice(`Done loading RDB, ${counts}${empty}.`)
      return true
    })
  }

  /**
   * Tells clients that the data set is being loaded for as long as `load` goes on.
   * @throws LoadError whatever it throws, or AppendLogLoadError
   */
  async whileLoading<T>(load: (progress: LoadProgress) => Promise<T>): Promise<T> {
    const { clock, policy } = this.surroundings
    const progress = new LoadProgress(clock.nowMs())
    this.#loading = progress
    policy.isLoading = true
    try {
      return await load(progress)
    } catch (error) {
      if (error instanceof AppendLogLoadError) throw error
      throw new LoadError(error instanceof RdbFileError ? error.message : systemErrorText(error))
    } finally {
      this.#loading = null
      policy.isLoading = false
      this.lastLoadKeysExpired = progress.keysExpired
      this.lastLoadKeysLoaded = progress.keysLoaded
    }
  }
}

function nothing(): void {}

/** The words of an encoded error. */
function textOf(error: Uint8Array): string {
  return Buffer.from(error).toString('latin1').replace(/^-/, '').trimEnd()
}
