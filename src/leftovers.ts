/**
 * Files that servers which were stopped in the middle of it have left unfinished: found by their names at the start, and
 * removed, so that they do not add up.
 *
 * Main thread.
 */
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { temporaryManifestName } from './aof/manifest.js'
import type { LogLines } from './base/log-lines.js'
import { systemErrorText } from './config/system-error.js'

/** What a snapshot is written to, or commands made of one: the number is that of the process. */
const TEMPORARY_SNAPSHOT = /^temp-([0-9]+)\.(?:rdb|aof)$/
/** What stands behind the prefix of the files of the log, apart from the manifest. */
const LOG_FILE = /^[0-9]+(\.s[0-9]+)?\.(incr\.aof|base\.(rdb|aof))$/

/**
 * Removes unfinished snapshots. Another server may write to the same folder, so those of processes that are there stay.
 * @throws nothing: they only take room
 */
export async function removeUnfinishedSnapshots(folder: string, log: LogLines): Promise<void> {
  await removeFrom(folder, log, isAbandonedSnapshot)
}

/**
 * Removes what was begun in the log's folder, which is one server's own, and is not part of the log.
 * @param known the names that are
 */
export async function removeUnfinishedLogFiles(
  folder: string,
  appendFileName: string,
  known: ReadonlySet<string>,
  log: LogLines,
): Promise<void> {
  const prefix = `${appendFileName}.`
  const unfinishedManifest = temporaryManifestName(appendFileName)
  await removeFrom(folder, log, (name) => {
    if (known.has(name)) return false
    if (name === unfinishedManifest || isAbandonedSnapshot(name)) return true
    return name.startsWith(prefix) && LOG_FILE.test(name.slice(prefix.length))
  })
}

async function removeFrom(folder: string, log: LogLines, isLeftover: (name: string) => boolean): Promise<void> {
  try {
    for (const name of await fs.readdir(folder)) {
      if (!isLeftover(name)) continue
      log.notice(`Removing ${name}, which a server that was stopped has left behind unfinished`)
      await fs.rm(path.join(folder, name), { force: true })
    }
  } catch (error) {
    log.warning(`What is left behind unfinished in ${folder} was not removed: ${systemErrorText(error)}`)
  }
}

/** Whether the process that wrote it is no more. One with our number was another one, before this one had it. */
function isAbandonedSnapshot(name: string): boolean {
  const pid = TEMPORARY_SNAPSHOT.exec(name)?.[1]
  return pid !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid)))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // There is one, and it is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
