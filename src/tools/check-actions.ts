/**
 * What `shardkeep check` does. It reads everything that a start would read, and says of each file whether it is whole; with `--fix`
 * the log is cut back to what holds.
 *
 * Invariant: a file is changed only when there is a copy of it as it was.
 */
import { existsSync } from 'node:fs'
import { copyFile, mkdir, open, readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type AofFile, baseOf, type Manifest, ManifestError, manifestName, readManifest } from '../aof/manifest.js'
import { applyRecovery, type LogScan, type SegmentScan, scanLog, scanSegment, truncateFile } from '../aof/recovery.js'
import { digestOfRdb } from '../backup/rdb-digest.js'
import { RdbFileError } from '../rdb/file-error.js'
import type { LogNames } from './log-folder.js'
import { ToolError } from './tool-error.js'

const RDB_SIGNATURE = 'REDIS'

export interface CheckOptions extends LogNames {
  readonly dbfilename: string
  readonly fix?: true
}

/** @throws ToolError when something is wrong and has not been repaired */
export async function check(name: string, options: CheckOptions): Promise<void> {
  if (!existsSync(name)) throw new ToolError(`${name} is not there`)
  const problems = new Check(options)
  if ((await stat(name)).isDirectory()) await problems.folder(name)
  else await problems.file(name)
  if (problems.unmended > 0) {
    const hint = problems.fixable > 0 && options.fix !== true ? `; --fix repairs ${problems.fixable} of them` : ''
    throw new ToolError(`${problems.unmended} ${problems.unmended === 1 ? 'problem' : 'problems'} found${hint}`)
  }
  say(problems.torn === 0 ? 'Everything is whole.' : 'A server can start with it.')
}

class Check {
  unmended = 0
  torn = 0
  fixable = 0

  constructor(private readonly options: CheckOptions) {}

  async folder(name: string): Promise<void> {
    const { appenddirname, appendfilename, dbfilename } = this.options
    let found = false
    for (const log of [path.join(name, appenddirname), name]) {
      if (found || !existsSync(path.join(log, manifestName(appendfilename)))) continue
      found = true
      await this.#log(log)
    }
    const rdb = path.join(name, dbfilename)
    if (existsSync(rdb)) {
      found = true
      await this.#rdb(rdb)
    }
    if (found) return
    const { openStore } = await import('./backup-location.js')
    const backups = await openStore({ target: name }).list()
    if (backups.length === 0) {
      throw new ToolError(`there is no log, no ${dbfilename} and no backup in ${name}`)
    }
    await (await import('./backup-actions.js')).verify([], { target: name, temporary: tmpdir() })
  }

  async file(name: string): Promise<void> {
    if (name.endsWith('.manifest')) await this.#log(path.dirname(name), path.basename(name, '.manifest'))
    else if (await isRdb(name)) await this.#rdb(name)
    else await this.#segment(path.dirname(name), { name: path.basename(name), seq: 1, type: 'i' })
  }

  async #rdb(name: string): Promise<boolean> {
    try {
      const { keys, digest } = await digestOfRdb(name)
      say(`ok   ${name}: ${keys} keys, digest ${digest}`)
      return true
    } catch (error) {
      if (!(error instanceof RdbFileError)) throw error
      this.#bad(name, error.message, 'it cannot be repaired: restore a backup')
      return false
    }
  }

  async #log(folder: string, appendFileName = this.options.appendfilename): Promise<void> {
    const manifest = await this.#manifest(folder, appendFileName)
    if (manifest === null || !(await this.#hasFiles(folder, manifest))) return
    const base = baseOf(manifest)
    if (base !== undefined) {
      const name = path.join(folder, base.name)
      if (await isRdb(name)) await this.#rdb(name)
      else await this.#segment(folder, base, false)
    }
    if (manifest.shards === 0) await this.#segments(folder, manifest)
    else await this.#ours(folder, appendFileName, manifest)
    for (const file of manifest.history) await this.#kept(folder, file)
    const known = new Set([...manifest.files, ...manifest.history].map(({ name }) => name))
    for (const name of await readdir(folder)) {
      if (!known.has(name) && name !== manifestName(appendFileName)) say(`note ${name} is not part of the log`)
    }
  }

  async #manifest(folder: string, appendFileName: string): Promise<Manifest | null> {
    const name = path.join(folder, manifestName(appendFileName))
    try {
      const manifest = await readManifest(folder, appendFileName)
      if (manifest === null) throw new ToolError(`${name} is not there`)
      const writer = manifest.shards === 0 ? 'Redis' : `${manifest.shards} shards`
      say(`ok   ${name}: ${manifest.files.length} files, written by ${writer}`)
      return manifest
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error
      this.#bad(name, error.message, 'it has to be mended by hand')
      return null
    }
  }

  async #hasFiles(folder: string, { files }: Manifest): Promise<boolean> {
    let hasAll = true
    for (const { name } of files) {
      if (existsSync(path.join(folder, name))) continue
      this.#bad(path.join(folder, name), 'the manifest names it, and it is not there', 'restore a backup')
      hasAll = false
    }
    return hasAll
  }

  /** A log with marks: what holds is everything up to the cut. */
  async #ours(folder: string, appendFileName: string, manifest: Manifest): Promise<void> {
    const scan = await scanLog(folder, manifest, true)
    for (const segment of scan.segments) this.#tell(folder, segment, scan.cut)
    const lost = scan.excess.reduce((sum, { records }) => sum + records, 0)
    const tornBytes = scan.excess.reduce((sum, excess) => sum + excess.tornBytes, 0)
    if (scan.excess.length === 0) {
      say(`     complete up to operation ${scan.cut}`)
      return
    }
    say(
      `     complete up to operation ${scan.cut}; lost by going back to it: ${lost} whole records above it, ` +
        `${tornBytes} bytes that are damaged or behind damage`,
    )
    const isDamaged = scan.segments.some(({ damage }) => damage !== null && damage.goesOnAt >= 0)
    if (!isDamaged) say('     a server does so by itself when it starts')
    await this.#mendOurs(folder, appendFileName, manifest, scan, isDamaged)
  }

  async #mendOurs(
    folder: string,
    appendFileName: string,
    manifest: Manifest,
    scan: LogScan,
    isDamaged: boolean,
  ): Promise<void> {
    if (isDamaged) this.fixable += scan.segments.filter(({ damage }) => damage !== null).length
    if (this.options.fix !== true) return
    const names = [manifestName(appendFileName), ...scan.excess.map(({ file }) => file.name)]
    await this.#copy(folder, names)
    await applyRecovery(folder, appendFileName, manifest, scan)
    this.unmended -= this.fixable
    this.fixable = 0
    say(`     repaired: the log ends at operation ${scan.cut}`)
  }

  #tell(folder: string, { file, bytes, records, mark, damage }: SegmentScan, cut: number): void {
    const name = path.join(folder, file.name)
    if (damage === null) {
      say(`ok   ${name}: ${records} records, complete up to ${Math.max(mark, Math.min(cut, file.gsn ?? 0))}`)
    } else if (damage.goesOnAt < 0) {
      this.torn++
      say(`torn ${name}: it ends in the middle at byte ${damage.offset} of ${bytes} (expected ${damage.expected})`)
    } else {
      this.#bad(
        name,
        `damage at byte ${damage.offset} of ${bytes} (expected ${damage.expected}); it goes on at byte ${damage.goesOnAt}`,
        'a server refuses to start with it',
      )
    }
  }

  /** Files of Redis, of which only the last may end in the middle of something. */
  async #segments(folder: string, { files }: Manifest): Promise<void> {
    const incremental = files.filter(({ type }) => type === 'i')
    for (const [i, file] of incremental.entries()) await this.#segment(folder, file, i === incremental.length - 1)
  }

  async #segment(folder: string, file: AofFile, isLast = true): Promise<void> {
    const name = path.join(folder, file.name)
    const { damage, records, wholeEnd, bytes } = await scanSegment(folder, file)
    if (damage === null) {
      say(`ok   ${name}: ${records} records`)
      return
    }
    const lost = `${bytes - wholeEnd} bytes would be lost`
    this.#bad(name, `damage at byte ${damage.offset} of ${bytes} (expected ${damage.expected})`, lost)
    if (!isLast) return
    this.fixable++
    if (this.options.fix !== true) return
    await this.#copy(folder, [file.name])
    await truncateFile(name, wholeEnd)
    this.fixable--
    this.unmended--
    say(`     repaired: ${name} ends at byte ${wholeEnd}`)
  }

  /** What is only kept to go back in time does not keep a server from starting. */
  async #kept(folder: string, file: AofFile): Promise<void> {
    const name = path.join(folder, file.name)
    if (!existsSync(name)) {
      this.#bad(name, 'the manifest keeps it as history, and it is not there', 'no time that needs it can be restored')
    } else if (file.type === 'b') {
      await this.#rdb(name)
    } else {
      const { damage, bytes, records } = await scanSegment(folder, file)
      if (damage === null) say(`ok   ${name}: ${records} records, kept as history`)
      else this.#bad(name, `damage at byte ${damage.offset} of ${bytes}`, 'no time behind it can be restored')
    }
  }

  async #copy(folder: string, names: readonly string[]): Promise<void> {
    const copies = path.join(folder, `before-fix-${new Date().toISOString().replace(/[:.]/g, '-')}`)
    await mkdir(copies)
    for (const name of names) await copyFile(path.join(folder, name), path.join(copies, name))
    say(`     what is changed was copied to ${copies}`)
  }

  #bad(name: string, what: string, consequence: string): void {
    this.unmended++
    say(`BAD  ${name}: ${what}: ${consequence}`)
  }
}

async function isRdb(name: string): Promise<boolean> {
  const handle = await open(name, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(RDB_SIGNATURE.length), 0, RDB_SIGNATURE.length, 0)
    return buffer.toString('latin1', 0, bytesRead) === RDB_SIGNATURE
  } finally {
    await handle.close()
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
