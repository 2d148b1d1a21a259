/**
 * What keeps the data set beyond the end of the process: snapshots and the append-only log, and which of them is loaded.
 *
 * Main thread.
 */
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { AppendLog } from './append-log.js'
import { type LoadedAppendLog, loadAppendLog } from './append-log-load.js'
import { Background } from './background.js'
import { Backups } from './backup/backups.js'
import type { JobOutcome } from './backup-jobs.js'
import { textToPath } from './config/byte-text.js'
import { shardkeepVersion } from './config/version.js'
import { Cron } from './cron.js'
import { removeUnfinishedSnapshots } from './leftovers.js'
import { Persistence, type PersistenceSurroundings } from './persistence.js'
import { RdbFileError, RdbWriteError } from './rdb/file-error.js'
import type { SnapshotMemory } from './ring/part-channel.js'
import type { ReplyGate } from './router/reply-gate.js'
import type { LoadProgress } from './snapshot-load.js'

const SYNC_CHECKS_PER_SECOND = 10

export interface DurabilitySurroundings extends Omit<PersistenceSurroundings, 'snapshotWays'> {
  readonly snapshotMemory: SnapshotMemory
  /** The sequence number given last. */
  readonly gsn: () => number
  readonly gate: ReplyGate | null
}

export class Durability {
  readonly background = new Background()
  readonly persistence: Persistence
  readonly appendLog: AppendLog
  readonly backups: Backups
  readonly #syncs = new Cron(
    () => SYNC_CHECKS_PER_SECOND,
    () => this.appendLog.keepSynced(),
    () => {},
  )

  /** @throws BackupSettingsError */
  constructor(private readonly surroundings: DurabilitySurroundings) {
    const { config, clock, log, policy, shards, reports, gsn, gate } = surroundings
    const snapshotWays = { background: this.background, memory: surroundings.snapshotMemory }
    this.persistence = new Persistence({ ...surroundings, snapshotWays })
    this.appendLog = new AppendLog({
      config,
      clock,
      log,
      policy,
      shards,
      reports,
      gsn,
      gate,
      isSaving: () => this.persistence.isSavingInBackground,
      saveBase: async (finalPath, format, atCut) => {
        if (format === 'rdb') await this.persistence.saveBase(finalPath, atCut)
        else await this.#saveCommands(finalPath, atCut)
      },
      whileLoading: (change) => this.#loadAnew(change),
    })
    this.backups = new Backups({
      config,
      clock,
      log,
      serverVersion: shardkeepVersion(),
      isLoading: () => this.persistence.loading !== null,
      snapshot: (path) => this.persistence.saveCopy(path),
      digest: async (path) => resultOf(await this.background.run('digest-rdb', path)),
      exportRdb: async (job) => resultOf(await this.background.run('export-rdb', job)),
    })
  }

  /**
   * Loads the data set, from the log where there is to be one, and begins to log.
   * @throws LoadError, an error of the operating system
   */
  async load(): Promise<void> {
    await this.#loadData()
    this.#syncs.start()
    await this.backups.start()
  }

  async close(): Promise<void> {
    this.#syncs.stop()
    await this.background.close()
  }

  async #loadData(): Promise<void> {
    const { config, log } = this.surroundings
    await removeUnfinishedSnapshots(path.dirname(config.path('dbfilename')), log)
    if (!config.flag('appendonly')) {
      await this.persistence.load()
      return
    }
    await this.persistence.whileLoading(async (progress) => {
      await this.appendLog.start(await this.#loadLog(progress))
    })
  }

  #loadLog(progress: LoadProgress): Promise<LoadedAppendLog | null> {
    const { config, clock, log, shards, functions } = this.surroundings
    return loadAppendLog(
      shards,
      functions,
      {
        folder: path.dirname(config.path('appenddirname')),
        appendDirName: path.basename(config.path('appenddirname')),
        appendFileName: textToPath(config.text('appendfilename')),
        loadsTruncated: config.flag('aof-load-truncated'),
        checksChecksum: config.flag('rdbchecksum'),
        databases: config.number('databases'),
        nowMs: clock.nowMs(),
        keyDelayUs: () => config.number('key-load-delay'),
      },
      progress,
      log,
    )
  }

  /** The data set as commands, which are made of a snapshot. */
  async #saveCommands(finalPath: string, atCut: (gsn: number) => void): Promise<void> {
    const temporary = path.join(path.dirname(finalPath), `temp-${process.pid}.aof`)
    await this.persistence.saveBase(finalPath, atCut)
    try {
      // Keys whose time is over are among them: what follows says when they went.
      const job = { rdbPath: finalPath, outPath: temporary, format: 'resp', nowMs: 0 } as const
      const outcome = await this.background.run('export-rdb', job)
      if ('fault' in outcome) throw new RdbWriteError(outcome.fault)
      const handle = await fs.open(temporary, 'r+')
      await handle.sync().finally(() => handle.close())
      await fs.rename(temporary, finalPath)
    } catch (error) {
      await fs.rm(temporary, { force: true })
      await fs.rm(finalPath, { force: true })
      throw error
    }
  }

  async #loadAnew(change: (load: () => Promise<LoadedAppendLog | null>) => Promise<void>): Promise<void> {
    await this.persistence.whileLoading(async (progress) => {
      await change(async () => {
        this.surroundings.functions.flush()
        const loaded = await this.#loadLog(progress)
        this.persistence.forgetChanges()
        return loaded
      })
    })
  }

  /** To be called now and then (`hz`). */
  check(): void {
    this.persistence.check()
    this.appendLog.check()
  }
}

/** @throws RdbFileError */
function resultOf<T>(outcome: JobOutcome<T>): T {
  if ('result' in outcome) return outcome.result
  throw new RdbFileError(outcome.fault)
}
