/**
 * Jobs of backups and exports: functions of files. They run on a thread of the background pool.
 */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { digestOfRdb, type RdbDigest } from './backup/rdb-digest.js'
import { systemErrorText } from './config/system-error.js'
import { RdbFileError } from './rdb/file-error.js'
import { ArenaFullError } from './store/arena.js'
import { ExportError, type ExportJob, exported } from './transfer/export.js'
import { itemsOfRdb } from './transfer/key-source.js'

/** What is wrong with the surroundings travels as a text, because errors lose their class between threads. */
export type JobOutcome<T> = { readonly result: T } | { readonly fault: string }

/** Loads an RDB file key by key. */
export function digestRdb(path: string): Promise<JobOutcome<RdbDigest>> {
  return outcomeOf(() => digestOfRdb(path))
}

/** Writes an RDB file in another form. @returns how many keys there were */
export function exportRdb({ rdbPath, outPath, format, nowMs }: ExportJob): Promise<JobOutcome<number>> {
  return outcomeOf(async () => {
    let keys = 0
    let version = 0
    const items = itemsOfRdb(rdbPath, nowMs, (_bytes, _total, found) => {
      version = found
    })
    const onKey = (): void => {
      keys++
    }
    await pipeline(
      exported(items, { format, rdbVersion: () => version, onKey }),
      createWriteStream(outPath, { mode: 0o600 }),
    )
    return keys
  })
}

async function outcomeOf<T>(work: () => Promise<T>): Promise<JobOutcome<T>> {
  try {
    return { result: await work() }
  } catch (error) {
    if (error instanceof RdbFileError || error instanceof ExportError) return { fault: error.message }
    if (error instanceof ArenaFullError) return { fault: 'a value does not fit into memory' }
    if (error instanceof Error && 'syscall' in error) return { fault: systemErrorText(error) }
    throw error
  }
}
