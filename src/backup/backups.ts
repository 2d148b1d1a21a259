/**
 * The server's backups: made when the schedule or BACKUP NOW asks for one, proved, and removed when they have had their time.
 *
 * Main thread. A backup is a snapshot in a temporary folder, written to the target, read back from there, loaded in a worker, and
 * compared with the digest that the data had at the moment of the snapshot. Only then does it get its manifest.
 *
 * Invariants: one backup or verification goes on at a time. What a crash leaves is removed before the next backup: the
 * temporary folder `temp-backup-<id>` in `dir` says which that is, and in it, where it was going.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Cron } from 'croner'
import type {
  BackupFigures,
  BackupListing,
  BackupOutcome,
  BackupPhase,
  BackupRefusal,
  BackupServices,
} from '../commands/backup-services.js'
import { type BackupEntry, BackupStore } from './backup-store.js'
import { BackupSettingsError, configuredTarget, S3_SETTINGS } from './configured-target.js'
import { readKeyFile } from './encryption.js'
import { Exports } from './exports.js'
import { isFault, reasonOf } from './faults.js'
import { isBackupId, type Manifest, newBackupId } from './manifest.js'
import { outlived, retentionIn } from './retention.js'
import type { BackupSurroundings } from './surroundings.js'
import type { BackupTarget } from './target.js'

const TEMPORARY = 'temp-backup-'
/** What only makes sense together. */
const CHECKED_SETTINGS = ['backup-schedule', 'backup-target', 'backup-encryption-key-file', ...S3_SETTINGS]
/** In the temporary folder: the target's description. */
const DESTINATION = 'destination'

export class Backups implements BackupServices {
  #phase: BackupPhase = 'idle'
  #currentId = ''
  #startedAtMs = 0
  #doneBytes = 0
  #totalBytes = 0
  #last: BackupOutcome | null = null
  #lastSuccess: BackupOutcome | null = null
  #succeeded = 0
  #failed = 0
  #schedule: Cron | undefined
  #isStarted = false
  readonly #exports: Exports

  /** @throws BackupSettingsError */
  constructor(private readonly surroundings: BackupSurroundings) {
    const fault = this.#faultOfSettings()
    if (fault !== undefined) throw new BackupSettingsError(fault)
    this.#exports = new Exports(surroundings)
    surroundings.config.onChange(CHECKED_SETTINGS, () => {
      const fault = this.#faultOfSettings()
      if (fault === undefined && this.#isStarted) this.#followSchedule()
      return fault
    })
  }

  /** Follows the schedule from now on, and removes what a crash has left. */
  async start(): Promise<void> {
    this.#isStarted = true
    this.#followSchedule()
    await this.#exports.start()
    await this.#removeLeftovers().catch((error: unknown) => {
      if (!isFault(error)) throw error
      this.surroundings.log.warning(`What unfinished backups have left was not removed: ${reasonOf(error)}`)
    })
  }

  /** What is wrong with the settings as they are together. */
  #faultOfSettings(): string | undefined {
    const { config } = this.surroundings
    if (config.text('backup-schedule') !== '' && config.text('backup-target') === '') {
      return 'backup-schedule needs a backup-target'
    }
    const keyFile = config.path('backup-encryption-key-file')
    try {
      if (keyFile !== '') readKeyFile(keyFile)
      if (config.text('backup-target') !== '') configuredTarget(config, 'backup-target')
      return undefined
    } catch (error) {
      return reasonOf(error)
    }
  }

  get figures(): BackupFigures {
    return {
      phase: this.#phase,
      currentId: this.#currentId,
      startedAtMs: this.#startedAtMs,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      last: this.#last,
      lastSuccess: this.#lastSuccess,
      succeeded: this.#succeeded,
      failed: this.#failed,
      nextAtMs: this.#schedule?.nextRun()?.getTime() ?? 0,
      lastExport: this.#exports.last,
      nextExportAtMs: this.#exports.nextAtMs,
    }
  }

  begin(): string | BackupRefusal {
    const { config, clock, log, isLoading } = this.surroundings
    if (config.text('backup-target') === '') return { reason: 'There is no backup-target' }
    if (isLoading()) return { reason: 'The data set is being loaded' }
    if (this.#phase !== 'idle') return { reason: 'A backup, or the verification of one, is in progress' }
    const id = newBackupId(clock.nowMs())
    this.#begin(id, 'snapshot')
    log.notice(`Backup ${id} started`)
    void this.#make(id).then((outcome) => {
      this.#last = outcome
      this.#phase = 'idle'
      this.#currentId = ''
      if (outcome.isOk) {
        this.#lastSuccess = outcome
        this.#succeeded++
        log.notice(`Backup ${id} succeeded and was verified: ${outcome.keys} keys, ${outcome.bytes} bytes`)
      } else {
        this.#failed++
        log.warning(`Backup ${id} failed: ${outcome.fault}`)
      }
    })
    return id
  }

  #begin(id: string, phase: BackupPhase): void {
    this.#phase = phase
    this.#currentId = id
    this.#startedAtMs = this.surroundings.clock.nowMs()
    this.#enter(phase, 0)
  }

  #enter(phase: BackupPhase, totalBytes: number): void {
    this.#phase = phase
    this.#doneBytes = 0
    this.#totalBytes = totalBytes
  }

  /** Makes a backup; whatever goes wrong is in the outcome. */
  async #make(id: string): Promise<BackupOutcome> {
    const { clock } = this.surroundings
    const startedAtMs = clock.nowMs()
    const outcome = (fault: string, manifest?: Manifest): BackupOutcome => ({
      id,
      isOk: fault === '',
      endedAtMs: clock.nowMs(),
      durationMs: clock.nowMs() - startedAtMs,
      bytes: manifest?.file.bytes ?? 0,
      keys: manifest?.keys ?? 0,
      fault,
    })
    try {
      const store = this.#openStore()
      await this.#removeLeftovers()
      return await this.#inFolder(id, store.target, async (folder) => {
        const written = await this.#write(store, id, folder)
        this.#enter('verify', written.file.bytes)
        const fault = await this.#faultOf(store, written, folder)
        if (fault !== undefined) {
          await store.fail(written, fault)
          return outcome(`it is kept apart, because it did not prove itself: ${fault}`, written)
        }
        const manifest = { ...written, verifiedAtMs: clock.nowMs() }
        await store.complete(manifest)
        await this.#retire(store).catch((error: unknown) => {
          if (!isFault(error)) throw error
          this.surroundings.log.warning(`Old backups were not removed: ${reasonOf(error)}`)
        })
        return outcome('', manifest)
      })
    } catch (error) {
      if (!isFault(error)) throw error
      return outcome(reasonOf(error))
    }
  }

  /** Takes the snapshot and writes it to the target. */
  async #write(store: BackupStore, id: string, folder: string): Promise<Manifest> {
    const file = path.join(folder, 'snapshot.rdb')
    const facts = await this.surroundings.snapshot(file)
    this.#enter('store', 0)
    const content = createReadStream(file, { highWaterMark: 256 * 1024 })
    try {
      const stored = await store.write(id, this.#counted(content))
      return { id, serverVersion: this.surroundings.serverVersion, ...facts, ...stored, verifiedAtMs: null }
    } finally {
      content.destroy()
      await rm(file, { force: true })
    }
  }

  async *#counted(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.#doneBytes += chunk.length
      yield chunk
    }
  }

  /** Reads a backup back and loads it. @returns what is wrong with it */
  async #faultOf(store: BackupStore, manifest: Manifest, folder: string): Promise<string | undefined> {
    const file = path.join(folder, 'read-back.rdb')
    try {
      const content = store.content(manifest, (bytes) => {
        this.#doneBytes = bytes
      })
      await pipeline(content, createWriteStream(file, { mode: 0o600 }))
      const { digest, keys } = await this.surroundings.digest(file)
      if (digest === manifest.digest && keys === manifest.keys) return undefined
      return (
        `its ${keys} keys have the digest ${digest}, and the ${manifest.keys} keys at the moment of the snapshot ` +
        `had ${manifest.digest}`
      )
    } catch (error) {
      if (!isFault(error)) throw error
      return reasonOf(error)
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Removes backups that have had their time, and failed ones that are older than all that are kept. */
  async #retire(store: BackupStore): Promise<void> {
    const { config, clock, log } = this.surroundings
    const entries = await store.list()
    const complete = entries.flatMap(({ id, state, manifest }) =>
      state === 'complete' && manifest !== null ? [{ id, madeAtMs: manifest.cutAtMs }] : [],
    )
    const gone = outlived(complete, retentionIn(config.words('backup-retention')), clock.nowMs()).map(({ id }) => id)
    if (gone.length === 0) return
    const oldest = complete
      .map(({ id }) => id)
      .filter((id) => !gone.includes(id))
      .sort()[0] as string
    const failed = entries.filter(({ id, state }) => state === 'failed' && id < oldest).map(({ id }) => id)
    for (const id of [...gone, ...failed]) {
      await store.remove(id)
      log.notice(`Backup ${id} has had its time and was removed`)
    }
  }

  list(done: (result: readonly BackupListing[] | BackupRefusal) => void): void {
    this.#answer(async () => (await this.#openStore().list()).map(listingOf), done)
  }

  verify(id: string, done: (fault: BackupRefusal | undefined) => void): void {
    if (this.#phase !== 'idle') {
      done({ reason: 'A backup, or the verification of one, is in progress' })
      return
    }
    this.#begin(id, 'verify')
    this.#answer<BackupRefusal | undefined>(async () => {
      try {
        const store = this.#openStore()
        const manifest = await store.manifest(id)
        this.#enter('verify', manifest.file.bytes)
        const fault = await this.#inFolder(newBackupId(this.surroundings.clock.nowMs()), null, (folder) =>
          this.#faultOf(store, manifest, folder),
        )
        if (fault !== undefined) this.surroundings.log.warning(`Backup ${id} does not prove itself: ${fault}`)
        return fault === undefined ? undefined : { reason: `Backup ${id} does not prove itself: ${fault}` }
      } finally {
        this.#phase = 'idle'
        this.#currentId = ''
      }
    }, done)
  }

  remove(id: string, done: (result: boolean | BackupRefusal) => void): void {
    if (id === this.#currentId) {
      done({ reason: 'That backup is in progress' })
      return
    }
    this.#answer(async () => {
      const isRemoved = await this.#openStore().remove(id)
      if (isRemoved) this.surroundings.log.notice(`Backup ${id} was removed`)
      return isRemoved
    }, done)
  }

  /** Does something for a client, who hears of every fault of the surroundings. */
  #answer<T>(work: () => Promise<T>, done: (result: T | BackupRefusal) => void): void {
    void work()
      .catch((error: unknown) => {
        if (!isFault(error)) throw error
        return { reason: reasonOf(error) }
      })
      .then(done)
  }

  /** @throws TargetError, EncryptionError */
  #openStore(): BackupStore {
    const keyFile = this.surroundings.config.path('backup-encryption-key-file')
    return new BackupStore(
      configuredTarget(this.surroundings.config, 'backup-target'),
      keyFile === '' ? null : readKeyFile(keyFile),
    )
  }

  #followSchedule(): void {
    this.#schedule?.stop()
    const pattern = this.surroundings.config.text('backup-schedule')
    this.#schedule =
      pattern === ''
        ? undefined
        : new Cron(pattern, { unref: true }, () => {
            const begun = this.begin()
            if (typeof begun !== 'string') {
              this.surroundings.log.warning(`The backup that the schedule asks for was not begun: ${begun.reason}`)
            }
          })
  }

  #temporaryFolder(id: string): string {
    return path.join(this.surroundings.config.path('dir'), `${TEMPORARY}${id}`)
  }

  /** Gives a temporary folder for as long as the work takes. */
  async #inFolder<T>(id: string, target: BackupTarget | null, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = this.#temporaryFolder(id)
    await mkdir(folder, { mode: 0o700 })
    try {
      if (target !== null) await writeFile(path.join(folder, DESTINATION), target.description)
      return await work(folder)
    } finally {
      await this.#removeUnfinished(id)
    }
  }

  async #removeLeftovers(): Promise<void> {
    const { config, log } = this.surroundings
    for (const name of await readdir(config.path('dir'))) {
      const id = name.slice(TEMPORARY.length)
      if (!name.startsWith(TEMPORARY) || !isBackupId(id) || id === this.#currentId) continue
      log.notice(`Removing what is left of the unfinished backup ${id}`)
      await this.#removeUnfinished(id)
    }
  }

  /** Removes a temporary folder, and before it what was written to the target of a backup that got no manifest. */
  async #removeUnfinished(id: string): Promise<void> {
    const folder = this.#temporaryFolder(id)
    const destination = await readFile(path.join(folder, DESTINATION), 'utf8').catch(ifMissing)
    if (destination !== undefined && this.surroundings.config.text('backup-target') !== '') {
      const store = this.#openStore()
      if (store.target.description === destination) {
        const entry = (await store.list()).find((found) => found.id === id)
        if (entry === undefined || entry.state === 'unfinished') await store.remove(id)
      } else {
        this.surroundings.log.warning(`What the unfinished backup ${id} has left in ${destination} stays there`)
      }
    }
    await rm(folder, { recursive: true, force: true })
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}

function listingOf({ id, state, bytes, manifest, failure }: BackupEntry): BackupListing {
  return {
    id,
    state,
    bytes,
    cutAtMs: manifest?.cutAtMs ?? 0,
    gsn: manifest?.gsn ?? 0,
    keys: manifest?.keys ?? 0,
    digest: manifest?.digest ?? '',
    isEncrypted: manifest !== null && manifest.encryption !== null,
    verifiedAtMs: manifest?.verifiedAtMs ?? 0,
    failure: failure ?? '',
  }
}
