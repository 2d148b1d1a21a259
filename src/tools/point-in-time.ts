/**
 * `shardkeep restore --to-seq | --to-time`: the data set as it was at one point of the log's history, in a folder of its own.
 *
 * The history is what the log's files and those that `aof-history-retention` keeps hold. Keys are chosen by a server that
 * loads the folder, because what a key became may depend on others.
 */
import path from 'node:path'
import { keepKeys } from './keep-keys.js'
import { type LogNames, openLog, seqAtTime, writeHistory } from './log-folder.js'
import { ToolError } from './tool-error.js'

const MS_PER_SECOND = 1000

export interface PointInTimeOptions extends LogNames {
  /** The server's `dir`. */
  readonly dir: string
  /** Where the restored data set goes. */
  readonly out: string
  /** One of these two. */
  readonly toSeq?: string
  readonly toTime?: string
  /** A glob: only keys that match are restored. */
  readonly key?: string
}

/**
 * @returns the number up to which everything was restored
 * @throws ToolError, an error of the operating system
 */
export async function restorePointInTime(options: PointInTimeOptions): Promise<number> {
  const log = await openLog(options.dir, options)
  const seq = options.toSeq === undefined ? await seqAtTime(log, secondsOf(options.toTime)) : numberOf(options.toSeq)
  await writeHistory(log, seq, options.out, options)
  if (options.key !== undefined) await keepKeys(path.resolve(options.out), options.key, options)
  return seq
}

/** What `shardkeep restore` does where no backup is named. */
export async function restoreFromLog({ out, ...options }: Partial<PointInTimeOptions> & LogNames): Promise<void> {
  const { dir, toSeq, toTime } = options
  if (dir === undefined || out === undefined || (toSeq === undefined) === (toTime === undefined)) {
    throw new ToolError('name a backup, or with --out either --to-seq or --to-time')
  }
  const seq = await restorePointInTime({ ...options, dir, out })
  process.stdout.write(`everything up to operation ${seq} is in ${out}\n`)
}

/** A sequence number as it is given to a tool. */
export function numberOf(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new ToolError(`${text} is no sequence number`)
  return number
}

/** Unix seconds, or a time such as 2026-11-22T21:00:00Z. */
function secondsOf(text = ''): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / MS_PER_SECOND)
  if (Number.isNaN(seconds)) throw new ToolError(`${text} is no time: seconds since 1970, or 2026-11-22T21:00:00Z`)
  return seconds
}
