/**
 * A folder with an append-only log, as tools see it: what its manifest names, which of that makes up a history, and writing one
 * history as a log of its own.
 *
 * Invariant: nothing in the folder that is read is changed.
 */

import { existsSync } from 'node:fs'
import { copyFile, type FileHandle, mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { barrierOrder } from '../aof/barrier-order.js'
import {
  type AofFile,
  fileHead,
  type Manifest,
  ManifestError,
  readManifest,
  syncFolder,
  writeManifest,
} from '../aof/manifest.js'
import { type Operation, operationsOf } from '../aof/ordered-units.js'
import { LogDamageError, scanLog, selectRecord } from '../aof/recovery.js'
import { Element, SegmentReader } from '../aof/segment-reader.js'
import { asciiBytes } from '../base/bytes.js'
import { RdbFileReader } from '../rdb/file-reader.js'
import { ToolError } from './tool-error.js'

const WRITE_BYTES = 1024 * 1024
const MULTI = asciiBytes('*1\r\n$5\r\nMULTI\r\n')
const EXEC = asciiBytes('*1\r\n$4\r\nEXEC\r\n')

export interface LogNames {
  readonly appenddirname: string
  readonly appendfilename: string
}

export interface LogFolder {
  /** That of the log's files. */
  readonly folder: string
  readonly appendFileName: string
  readonly manifest: Manifest
  /** Everything up to here holds. */
  readonly cut: number
}

/** A base, and the files of each shard that go on from it. */
export interface History {
  readonly base: AofFile | undefined
  readonly chains: readonly (readonly AofFile[])[]
}

/**
 * @param dir that of the log's files, or the one in which it is
 * @throws ToolError, an error of the operating system
 */
export async function openLog(dir: string, { appenddirname, appendfilename }: LogNames): Promise<LogFolder> {
  const inside = path.join(dir, appenddirname)
  const folder = existsSync(inside) ? inside : dir
  try {
    const manifest = await readManifest(folder, appendfilename)
    if (manifest === null) throw new ToolError(`there is no ${appendfilename}.manifest in ${folder}`)
    if (manifest.shards === 0) {
      throw new ToolError(`the log in ${folder} is one of Redis, which has no numbers: start a server on it first`)
    }
    const { cut } = await scanLog(folder, manifest)
    return { folder, appendFileName: appendfilename, manifest, cut }
  } catch (error) {
    if (error instanceof ManifestError || error instanceof LogDamageError) throw new ToolError(error.message)
    throw error
  }
}

/** Bases and incremental files that are there, those that are only kept among them. */
function allFiles({ manifest }: LogFolder): AofFile[] {
  return [...manifest.history, ...manifest.files]
}

function basesOf(log: LogFolder): AofFile[] {
  return allFiles(log)
    .filter(({ type }) => type === 'b')
    .sort((a, b) => (a.gsn ?? 0) - (b.gsn ?? 0))
}

/** The files that go on from a base. */
function chainsFrom(log: LogFolder, base: AofFile | undefined): AofFile[][] {
  const chains: AofFile[][] = []
  const incremental = allFiles(log)
    .filter(({ type }) => type === 'i')
    .sort((a, b) => a.seq - b.seq)
  for (const file of incremental) {
    const shard = file.shard ?? 0
    chains[shard] ??= []
    chains[shard].push(file)
  }
  const from = base?.gsn ?? 0
  return Array.from(chains, (files = []) => {
    // The last file that was named before the base was begun is the one that the shard went on with.
    const first = files.findLastIndex(({ gsn = 0 }) => gsn <= from)
    return files.slice(Math.max(0, first))
  })
}

/**
 * The history that leads to a number.
 * @throws ToolError when it is not kept any more, or not complete so far
 */
export function historyUpTo(log: LogFolder, seq: number): History {
  if (seq > log.cut) throw new ToolError(`the log is complete up to ${log.cut}, and not up to ${seq}`)
  const bases = basesOf(log)
  const base = bases.findLast(({ gsn = 0 }) => gsn <= seq)
  if (base === undefined && bases.length > 0) {
    throw new ToolError(
      `the log goes back to ${bases[0]?.gsn}, and not to ${seq}: aof-history-retention keeps more of it`,
    )
  }
  return { base, chains: chainsFrom(log, base) }
}

/**
 * The last number that was given up to a time, in seconds: every operation up to it happened then or before.
 * @throws ToolError when nothing is kept of that time, or the log has no times
 */
export async function seqAtTime(log: LogFolder, seconds: number): Promise<number> {
  let base: AofFile | undefined
  for (const candidate of basesOf(log)) {
    if ((await baseSeconds(path.join(log.folder, candidate.name))) <= seconds) base = candidate
  }
  if (base === undefined && basesOf(log).length > 0) {
    throw new ToolError('the log does not go back to that time: aof-history-retention keeps more of it')
  }
  let last = base?.gsn ?? 0
  for await (const operation of operationsOf(log.folder, chainsFrom(log, base), 0, log.cut)) {
    if (operation.seconds === 0) throw new ToolError('the log has no times: aof-timestamp-enabled writes them')
    if (operation.seconds > seconds) return last
    last = operation.gsn
  }
  return last
}

/** When an RDB file was written. */
async function baseSeconds(name: string): Promise<number> {
  let seconds = 0
  const events = {
    aux(field: string, value: string): void {
      if (field === 'ctime') seconds = Number(value)
    },
    library() {},
    moduleData() {},
    checksumMissing() {},
  }
  const file = await RdbFileReader.open(name, false, events)
  try {
    await file.fill()
    file.next()
    return seconds
  } finally {
    await file.close()
  }
}

/** Everything from `from` on, as far as it is kept, up to `to`. */
export function operationsBetween(log: LogFolder, from: number, to: number): AsyncGenerator<Operation> {
  const chains = chainsFrom(log, basesOf(log).findLast(({ gsn = 0 }) => gsn < from) ?? basesOf(log)[0])
  return operationsOf(log.folder, chains, from - 1, Math.min(to, log.cut))
}

/**
 * Writes the data as of a number into a folder, as a log of one shard: a base, and one incremental file with what followed it in
 * order. Servers with any number of shards load it, and so does Redis 7.
 * @param dir the folder in which the log's folder is made
 * @throws ToolError when there is one already, an error of the operating system
 */
export async function writeHistory(log: LogFolder, seq: number, dir: string, names: LogNames): Promise<void> {
  const { base, chains } = historyUpTo(log, seq)
  const folder = path.join(dir, names.appenddirname)
  if (existsSync(folder)) throw new ToolError(`${folder} is there already`)
  await mkdir(folder, { recursive: true })
  const files: AofFile[] = []
  if (base !== undefined) {
    const name = `${names.appendfilename}.1.base.rdb`
    await copyFile(path.join(log.folder, base.name), path.join(folder, name))
    await syncFile(path.join(folder, name))
    files.push({ name, seq: 1, type: 'b', gsn: base.gsn ?? 0 })
  }
  const name = `${names.appendfilename}.1.incr.aof`
  const handle = await open(path.join(folder, name), 'wx')
  try {
    const writer = new HistoryWriter(handle)
    await handle.write(fileHead(base?.gsn ?? 0))
    for await (const operation of operationsOf(log.folder, chains, 0, seq)) await writer.add(operation)
    await writer.end(seq)
  } finally {
    await handle.close()
  }
  files.push({ name, seq: 1, type: 'i', shard: 0, gsn: base?.gsn ?? 0 })
  await syncFolder(folder)
  await writeManifest(folder, names.appendfilename, { shards: 1, files, history: [] })
}

async function syncFile(name: string): Promise<void> {
  const handle = await open(name, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes operations of several shards as those of one. */
class HistoryWriter {
  #parts: Uint8Array[] = []
  #bytes = 0
  #database = 0
  #seconds = 0
  readonly #reader = new SegmentReader()

  constructor(private readonly handle: FileHandle) {}

  async add({ gsn, seconds, units }: Operation): Promise<void> {
    let lines = `#G:${gsn}\r\n`
    if (seconds > this.#seconds) lines += `#TS:${seconds}\r\n`
    this.#seconds = Math.max(seconds, this.#seconds)
    this.#put(asciiBytes(lines))
    const records = units.reduce((sum, unit) => sum + unit.records, 0)
    if (records > 1) this.#put(MULTI)
    for (const { bytes, database } of barrierOrder(units)) {
      if (database !== this.#database) this.#put(asciiBytes(selectRecord(database)))
      this.#put(bytes)
      this.#database = this.#databaseAfter(bytes, database)
    }
    if (records > 1) this.#put(EXEC)
    if (this.#bytes >= WRITE_BYTES) await this.#write()
  }

  #databaseAfter(bytes: Uint8Array, database: number): number {
    const reader = this.#reader
    reader.openBytes(bytes, 0, bytes.length)
    reader.database = database
    while (reader.next() === Element.record);
    return reader.database
  }

  async end(seq: number): Promise<void> {
    this.#put(asciiBytes(`#M:${seq}\r\n`))
    await this.#write()
    await this.handle.sync()
  }

  #put(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }

  async #write(): Promise<void> {
    await this.handle.writev(this.#parts)
    this.#parts = []
    this.#bytes = 0
  }
}
