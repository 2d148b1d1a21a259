/** What `shardkeep restore` does. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { openBackup } from './backup-location.js'
import { fetchBackup } from './fetch-backup.js'
import { restorePointInTime } from './point-in-time.js'
import type { TargetOptions } from './target-options.js'
import { ToolError } from './tool-error.js'

export interface RestoreOptions extends TargetOptions {
  readonly dir: string
  readonly dbfilename: string
  readonly force?: true
  readonly toSeq?: string
  readonly toTime?: string
  readonly key?: string
  readonly out?: string
  readonly appenddirname: string
  readonly appendfilename: string
}

export async function restore(name: string | undefined, options: RestoreOptions): Promise<void> {
  const { toSeq, toTime, dir, out, key } = options
  const isFromLog = toSeq !== undefined || toTime !== undefined
  if (isFromLog === (name !== undefined) || (toSeq !== undefined && toTime !== undefined)) {
    throw new ToolError('what is to be restored? A backup, or from the log --to-seq or --to-time')
  }
  if (name !== undefined) {
    await restoreBackup(name, options)
    return
  }
  if (out === undefined) throw new ToolError('--to-seq and --to-time need --out, a folder for the restored data set')
  const seq = await restorePointInTime({
    dir,
    out,
    appenddirname: options.appenddirname,
    appendfilename: options.appendfilename,
    ...(toSeq === undefined ? {} : { toSeq }),
    ...(toTime === undefined ? {} : { toTime }),
    ...(key === undefined ? {} : { key }),
  })
  process.stdout.write(`${out}: everything up to ${seq}\n`)
}

async function restoreBackup(name: string, options: RestoreOptions): Promise<void> {
  const file = path.join(options.dir, options.dbfilename)
  const log = path.join(options.dir, options.appenddirname)
  if (options.force !== true) {
    if (existsSync(file)) throw new ToolError(`${file} is there already: --force replaces it`)
    if (existsSync(log)) {
      throw new ToolError(
        `${log} is there, and a server with appendonly loads that: move it away, or use --force to leave it`,
      )
    }
  }
  const { store, manifest } = await openBackup(name, options)
  await mkdir(options.dir, { recursive: true })
  await fetchBackup(store, manifest, file)
  process.stdout.write(`${file}\n`)
}
