/**
 * The files of the append-only log on the disk: their folder, names and manifest. What is written to them, and when, is
 * append-log.ts's.
 *
 * Main thread. Invariants: the manifest on disk names every file that a shard may be writing to behind its base; a file goes only
 * when a manifest that does not need it is in force; no number is given twice, so that no name means two things.
 */
import { close, promises as fs, openSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  type AofFile,
  fileHead,
  type HistoryFile,
  type Manifest,
  NO_MANIFEST,
  readManifest,
  syncFolder,
  writeManifest,
} from './aof/manifest.js'
import type { LogLines } from './base/log-lines.js'
import { textToPath } from './config/byte-text.js'
import type { Configuration } from './config/configuration.js'
import { systemErrorText } from './config/system-error.js'
import { removeUnfinishedLogFiles } from './leftovers.js'

const MS_PER_SECOND = 1000
const BASE_NAME = /\.base\.(rdb|aof)$/

/** What a base consists of: RDB data, or commands. */
export type BaseFormat = 'rdb' | 'aof'

const closeDescriptor = promisify(close)

/** A file that a shard appends to. */
export interface OpenFile {
  readonly file: AofFile
  readonly descriptor: number
}

/** Shards go on with the files that they had: the log was turned off, or records for those files cannot be written. */
export class FilesNotChangedError extends Error {
  readonly code = 'AOF_FILES_NOT_CHANGED'

  constructor() {
    super('the shards have not changed to new files')
  }
}

export class LogFiles {
  #manifest = NO_MANIFEST
  #lastBaseSeq = 0
  #lastSeq = 0
  /** The folder in which `prepare` was. */
  #preparedFolder = ''

  constructor(
    private readonly config: Configuration,
    private readonly log: LogLines,
    private readonly shardCount: number,
  ) {}

  get manifest(): Manifest {
    return this.#manifest
  }

  get #folder(): string {
    return path.resolve(this.config.path('appenddirname'))
  }

  /** The settings name another folder than that in which the files are. */
  get isElsewhere(): boolean {
    return this.#folder !== this.#preparedFolder
  }

  /** What the names of all files begin with. */
  get #fileName(): string {
    return textToPath(this.config.text('appendfilename'))
  }

  /**
   * Makes the folder, and takes what is there.
   * @param manifest the one in force, where it is known
   * @throws an error of the operating system, ManifestError
   */
  async prepare(manifest?: Manifest): Promise<void> {
    this.#preparedFolder = this.#folder
    const made = await fs.mkdir(this.#folder, { recursive: true })
    // Without its name on the disk, nothing in it is.
    if (made !== undefined) await syncFolder(path.dirname(this.#folder))
    this.#manifest = manifest ?? (await readManifest(this.#folder, this.#fileName)) ?? NO_MANIFEST
    const known = [...this.#manifest.files, ...this.#manifest.history]
    for (const { name, type, seq } of known) {
      if (type === 'b' || BASE_NAME.test(name)) this.#lastBaseSeq = Math.max(this.#lastBaseSeq, seq)
      else this.#lastSeq = Math.max(this.#lastSeq, seq)
    }
    await removeUnfinishedLogFiles(this.#folder, this.#fileName, new Set(known.map(({ name }) => name)), this.log)
    await this.collectGarbage()
  }

  /** Numbers go on behind those of the files that `prepare` finds, as after a start. */
  forget(): void {
    this.#manifest = NO_MANIFEST
    this.#lastBaseSeq = 0
    this.#lastSeq = 0
  }

  /** @throws an error of the operating system */
  async bytesOf(files: readonly AofFile[]): Promise<number> {
    const sizes = await Promise.all(files.map(async ({ name }) => (await fs.stat(this.pathOf(name))).size))
    return sizes.reduce((sum, bytes) => sum + bytes, 0)
  }

  pathOf(name: string): string {
    return path.join(this.#folder, name)
  }

  /** Opens the last file of each shard, if there is one for each. @throws an error of the operating system */
  openLast(): OpenFile[] | undefined {
    const last = Array.from({ length: this.shardCount }, (_, shard) =>
      this.#manifest.files.filter((file) => file.type === 'i' && (file.shard ?? 0) === shard).at(-1),
    )
    return last.every((file) => file !== undefined) ? last.map((file) => this.#open(file)) : undefined
  }

  #open(file: AofFile): OpenFile {
    return { file, descriptor: openSync(this.pathOf(file.name), 'a') }
  }

  /**
   * Makes files for the shards to go on with.
   * @param isAnnounced the manifest knows them before anything is in them; where logging begins anew it is told of them only
   *   together with the base, as what it knows until then is no part of the same history
   * @throws an error of the operating system; there are none then
   */
  async openNext(gsn: number, isAnnounced: boolean): Promise<OpenFile[]> {
    const files = Array.from({ length: this.shardCount }, (_, shard): AofFile => {
      const seq = ++this.#lastSeq
      const part = this.shardCount === 1 ? '' : `.s${shard}`
      return { name: `${this.#fileName}.${seq}${part}.incr.aof`, seq, type: 'i', shard, gsn }
    })
    const before = this.#manifest
    try {
      for (const { name } of files) await this.#make(name, gsn)
      if (isAnnounced) {
        await this.#write({ ...before, shards: this.shardCount, files: [...before.files, ...files] })
      }
      return files.map((file) => this.#open(file))
    } catch (error) {
      await this.takeBack(files, isAnnounced ? before : undefined)
      throw error
    }
  }

  /** What the manifest of one shard does not say must be in the file before anything else is. */
  async #make(name: string, gsn: number): Promise<void> {
    const handle = await fs.open(this.pathOf(name), 'w')
    try {
      if (this.shardCount > 1) return
      await handle.writeFile(fileHead(gsn))
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  /** Files that were made are not used: they go. @param before the manifest that did not know them, where another one may */
  async takeBack(files: readonly AofFile[], before?: Manifest): Promise<void> {
    if (files.length === 0) return
    try {
      // Even where the other one seems not to be in force: it may be, when the sync of the folder has failed.
      if (before !== undefined) await this.#write(before)
      for (const { name } of files) await fs.rm(this.pathOf(name), { force: true })
    } catch (error) {
      this.log.warning(`Files of a rewrite that failed were not removed: ${systemErrorText(error)}`)
    }
  }

  /** The name of the next base, with its number. */
  nextBase(format: BaseFormat): { readonly name: string; readonly seq: number } {
    const seq = ++this.#lastBaseSeq
    return { name: `${this.#fileName}.${seq}.base.${format}`, seq }
  }

  /**
   * Puts a base into force with what follows it, and removes what is over.
   * @param superseded what the log consisted of
   * @throws an error of the operating system
   */
  async replace(
    base: AofFile,
    files: readonly AofFile[],
    superseded: readonly AofFile[],
    nowMs: number,
  ): Promise<void> {
    const keptMs = this.config.number('aof-history-retention') * MS_PER_SECOND
    const untilMs = nowMs + keptMs
    const isOver = ({ type }: AofFile): boolean => type === 'h' || keptMs === 0
    const kept = superseded.filter((file) => !isOver(file)).map((file): HistoryFile => ({ ...file, untilMs }))
    const due = this.#manifest.history.filter((file) => file.untilMs <= nowMs)
    const history = [...this.#manifest.history.filter((file) => file.untilMs > nowMs), ...kept]
    const over = [...due, ...superseded.filter(isOver)]
    const garbage = this.config.flag('aof-disable-auto-gc') ? garbageOf(over) : []
    await this.#write({ shards: this.shardCount, files: [base, ...garbage, ...files], history })
    if (garbage.length === 0) await this.#remove(over)
  }

  /**
   * Removes what the manifest still names although it is over, unless `aof-disable-auto-gc` keeps it.
   * @throws an error of the operating system
   */
  async collectGarbage(): Promise<void> {
    const garbage = this.#manifest.files.filter(({ type }) => type === 'h')
    if (garbage.length === 0 || this.config.flag('aof-disable-auto-gc')) return
    await this.#write({ ...this.#manifest, files: this.#manifest.files.filter(({ type }) => type !== 'h') })
    await this.#remove(garbage)
  }

  async #write(manifest: Manifest): Promise<void> {
    await writeManifest(this.#folder, this.#fileName, manifest)
    this.#manifest = manifest
  }

  async #remove(files: readonly AofFile[]): Promise<void> {
    for (const { name } of files) {
      try {
        await fs.unlink(this.pathOf(name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
        this.log.warning(`The old log file ${name} was not removed: ${systemErrorText(error)}`)
      }
    }
  }
}

export async function closeFiles(files: readonly OpenFile[]): Promise<void> {
  for (const { descriptor } of files) await closeDescriptor(descriptor)
}

/** As the manifest names them when nothing removes them: those of the last rewrite first, and of each the files in front of the base. */
function garbageOf(over: readonly AofFile[]): AofFile[] {
  const fresh = over.filter(({ type }) => type !== 'h')
  const order = (file: AofFile): number => (file.type === 'b' ? 0 : file.seq)
  return [
    ...fresh.toSorted((a, b) => order(b) - order(a)).map((file): AofFile => ({ ...file, type: 'h' })),
    ...over.filter(({ type }) => type === 'h'),
  ]
}
