/**
 * The server's periodic exports: a snapshot, written in another form by the background pool, and brought to `export-target` under a
 * name with its time, `export-<time>-<chance>.<format>`.
 *
 * Main thread. One goes on at a time. A file is in the target only when it is whole; what a crash leaves in `dir`
 * (`temp-export-...`) is removed at the next start.
 */
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Cron } from 'croner'
import type { BackupOutcome } from '../commands/backup-services.js'
import { BackupSettingsError, configuredTarget, S3_SETTINGS } from './configured-target.js'
import { isFault, reasonOf } from './faults.js'
import { newBackupId } from './manifest.js'
import { outlived, retentionIn } from './retention.js'
import type { BackupSurroundings } from './surroundings.js'
import type { BackupTarget } from './target.js'

const TEMPORARY = 'temp-export-'

export class Exports {
  last: BackupOutcome | null = null
  #schedule: Cron | undefined
  #isStarted = false
  #isRunning = false

  /** @throws BackupSettingsError */
  constructor(private readonly surroundings: BackupSurroundings) {
    const fault = this.#faultOfSettings()
    if (fault !== undefined) throw new BackupSettingsError(fault)
    surroundings.config.onChange(['export-schedule', 'export-target', ...S3_SETTINGS], () => {
      const fault = this.#faultOfSettings()
      if (fault === undefined && this.#isStarted) this.#followSchedule()
      return fault
    })
  }

  get nextAtMs(): number {
    return this.#schedule?.nextRun()?.getTime() ?? 0
  }

  async start(): Promise<void> {
    this.#isStarted = true
    this.#followSchedule()
    const dir = this.surroundings.config.path('dir')
    for (const name of await readdir(dir)) {
      if (name.startsWith(TEMPORARY)) await rm(path.join(dir, name), { recursive: true, force: true })
    }
  }

  #faultOfSettings(): string | undefined {
    const { config } = this.surroundings
    if (config.text('export-target') === '') {
      return config.text('export-schedule') === '' ? undefined : 'export-schedule needs an export-target'
    }
    try {
      configuredTarget(config, 'export-target')
      return undefined
    } catch (error) {
      return reasonOf(error)
    }
  }

  #followSchedule(): void {
    this.#schedule?.stop()
    const pattern = this.surroundings.config.text('export-schedule')
    this.#schedule = pattern === '' ? undefined : new Cron(pattern, { unref: true }, () => this.#begin())
  }

  #begin(): void {
    const { clock, log, isLoading } = this.surroundings
    if (this.#isRunning || isLoading()) {
      log.warning(
        'The export that the schedule asks for was not begun: another one, or the load at the start, is not through',
      )
      return
    }
    this.#isRunning = true
    const id = newBackupId(clock.nowMs())
    const startedAtMs = clock.nowMs()
    const ended = (bytes: number, keys: number, fault: string): void => {
      const endedAtMs = clock.nowMs()
      this.last = { id, isOk: fault === '', endedAtMs, durationMs: endedAtMs - startedAtMs, bytes, keys, fault }
      if (fault === '') log.notice(`Export ${id} succeeded: ${keys} keys, ${bytes} bytes`)
      else log.warning(`Export ${id} failed: ${fault}`)
      this.#isRunning = false
    }
    this.#export(id).then(
      ({ bytes, keys }) => ended(bytes, keys, ''),
      (error: unknown) => {
        if (!isFault(error)) throw error
        ended(0, 0, reasonOf(error))
      },
    )
  }

  async #export(id: string): Promise<{ bytes: number; keys: number }> {
    const { config, snapshot, exportRdb } = this.surroundings
    const target = configuredTarget(config, 'export-target')
    const format = config.text('export-format') as 'rdb' | 'resp' | 'jsonl'
    const folder = path.join(config.path('dir'), `${TEMPORARY}${id}`)
    await mkdir(folder, { mode: 0o700 })
    try {
      const rdbPath = path.join(folder, 'snapshot.rdb')
      const outPath = path.join(folder, `export.${format}`)
      const { cutAtMs } = await snapshot(rdbPath)
      const keys = await exportRdb({ rdbPath, outPath, format, nowMs: cutAtMs })
      await rm(rdbPath)
      const { size } = await stat(outPath)
      await target.put(`export-${id}.${format}`, createReadStream(outPath))
      await this.#retire(target)
      return { bytes: size, keys }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #retire(target: BackupTarget): Promise<void> {
    const { config, clock, log } = this.surroundings
    const files = (await target.list('export-')).filter(({ name }) =>
      /^export-\d{8}T\d{6}Z-[0-9a-f]{8}\.\w+$/.test(name),
    )
    const kept = files.map(({ name, modifiedAtMs }) => ({ id: name, madeAtMs: modifiedAtMs }))
    for (const { id } of outlived(kept, retentionIn(config.words('export-retention')), clock.nowMs())) {
      await target.remove(id)
      log.notice(`${id} has had its time and was removed`)
    }
  }
}
