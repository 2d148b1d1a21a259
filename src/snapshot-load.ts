/**
 * Loads the data set from an RDB file: each shard reads the file and makes its own keys (shard/snapshot-loading.ts).
 *
 * Main thread, which asks the shards for one portion after the other, so that clients are answered and progress is known, and
 * meanwhile computes the file's checksum.
 */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from './base/assert.js'
import { CRC64_BYTES } from './base/crc64.js'
import type { LogLines } from './base/log-lines.js'
import { shardLoadClose, shardLoadOpen, shardLoadSome } from './commands/rdb/load.js'
import type { LoadOptions, LoadReport } from './commands/rdb/shard-loading.js'
import type { CommandSpec } from './commands/spec.js'
import { quoteArgument } from './config/arguments.js'
import { checksumError, checksumOf, type FileChecksum } from './rdb/file-checksum.js'
import { RdbFileError } from './rdb/file-error.js'
import { CHECKSUM_VERSION_MIN } from './rdb/file-reader.js'
import { bulkBody } from './resp/reply-reader.js'
import type { ShardRequests } from './shard-requests.js'

/** A shard works off so much of the file at a time: some 20 to 50 ms. */
const PORTION_BYTES = 4 * 1024 * 1024
/** And so much where keys are to be loaded slowly. */
const DELAYED_PORTION_BYTES = 1024

const PROGRESS_EVERY_MS = 5000
const US_PER_MS = 1000
const BYTES_PER_MIB = 1024 * 1024
const EMPTY_KEYS_LOGGED_MAX = 10

export interface LoadRequest {
  readonly path: string
  readonly checksChecksum: boolean
  readonly databases: number
  readonly nowMs: number
  /** Keys whose time is over are there until what follows the file says that they have gone. */
  readonly keepsExpired?: boolean
  /** Whether keys that are there are replaced; else they are a fault. */
  readonly replaces: boolean
  /** `key-load-delay`, in µs. */
  readonly keyDelayUs: () => number
}

/** How far it has come, and what came of it. */
export class LoadProgress {
  readonly startedAtMs: number
  totalBytes = 0
  loadedBytes = 0
  /** What the server that wrote the file had in use, in bytes. */
  writtenUsedBytes = 0
  keysLoaded = 0
  keysExpired = 0
  keysEmpty = 0
  /** The code of each library of functions. */
  readonly libraries: Uint8Array[] = []

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs
  }
}

/**
 * Loads the file.
 * @throws RdbFileError, or the system's error when it cannot be opened or read; a part of the keys may then be there
 */
export async function loadSnapshot(
  shards: ShardRequests,
  request: LoadRequest,
  progress: LoadProgress,
  log: LogLines,
): Promise<void> {
  const { size } = await stat(request.path)
  // Where it is the first of several files, they have been counted.
  if (progress.totalBytes === 0) progress.totalBytes = size
  const load = new SnapshotLoad(shards, request, progress, log)
  try {
    await load.run(size)
  } finally {
    await load.close()
  }
}

class SnapshotLoad {
  /** How far each shard is. */
  readonly #positions: number[]
  #version = 0
  #hasFailed = false
  #toldAtMs = performance.now()

  constructor(
    private readonly shards: ShardRequests,
    private readonly request: LoadRequest,
    private readonly progress: LoadProgress,
    private readonly log: LogLines,
  ) {
    this.#positions = new Array<number>(shards.shardCount).fill(0)
  }

  async run(size: number): Promise<void> {
    const { path, checksChecksum } = this.request
    // The file usually ends with its checksum. Meanwhile this thread has nothing else to do.
    const sum = checksChecksum ? checksumOf(path, size - CRC64_BYTES, () => this.#hasFailed) : undefined
    try {
      await Promise.all(this.#positions.map((_, shard) => this.#shard(shard)))
    } catch (error) {
      this.#hasFailed = true
      await sum
      throw error
    }
    const end = this.#positions[0] as number
    if (sum === undefined || this.#version < CHECKSUM_VERSION_MIN) return
    const found = await sum
    await this.#check(end === size ? found : await checksumOf(path, end - CRC64_BYTES, () => false))
  }

  async close(): Promise<void> {
    await this.shards.askAll(shardLoadClose, [])
  }

  async #shard(shard: number): Promise<void> {
    const { path, nowMs, replaces, keepsExpired, keyDelayUs } = this.request
    const options: LoadOptions = { path, dueMs: keepsExpired === true ? 0 : nowMs, replaces }
    await this.#ask(shard, shardLoadOpen, JSON.stringify(options))
    for (let isAtEnd = false; !isAtEnd && !this.#hasFailed; ) {
      const delayUs = keyDelayUs()
      const bytes = delayUs > 0 ? DELAYED_PORTION_BYTES : PORTION_BYTES
      const report = await this.#ask(shard, shardLoadSome, String(bytes))
      isAtEnd = report.isAtEnd
      this.#positions[shard] = report.at
      this.#version = report.version
      this.#count(report)
      const keys = report.keys * this.shards.shardCount
      if (delayUs > 0 && keys > 0) await sleep((keys * delayUs) / US_PER_MS)
    }
  }

  async #ask(shard: number, command: CommandSpec, argument: string): Promise<LoadReport> {
    const reply = await this.shards.ask(shard, command, [Buffer.from(argument)], 0, 0)
    const body = bulkBody(reply, 0)
    assert(body !== undefined, 'a shard does not say what it has loaded')
    const report = JSON.parse(Buffer.from(body).toString('utf8')) as LoadReport
    this.#tell(report)
    if (report.fault !== undefined) throw new RdbFileError(report.fault)
    if (report.code !== undefined) throw Object.assign(new Error(report.code), { code: report.code })
    return report
  }

  #count({ keys, expired, empty, emptyNames }: LoadReport): void {
    const { progress, log } = this
    progress.keysLoaded += keys
    progress.keysExpired += expired
    for (const [i, name] of emptyNames.entries()) {
      if (progress.keysEmpty + i < EMPTY_KEYS_LOGGED_MAX) log.warning(`skipping empty key: ${shownName(name)}`)
    }
    progress.keysEmpty += empty
    progress.loadedBytes = Math.min(...this.#positions)
    if (performance.now() - this.#toldAtMs < PROGRESS_EVERY_MS) return
    this.#toldAtMs = performance.now()
    const percent = ((progress.loadedBytes / progress.totalBytes) * 100).toFixed(0)
    log.notice(`Loading the DB: ${percent}% of the file, ${progress.keysLoaded} keys so far`)
  }

  /** Tells of what stands between keys. */
  #tell({ aux, libraries, modules }: LoadReport): void {
    const { progress, log, request } = this
    for (const [name, value] of aux) tellOfField(name, value, progress, log, request.nowMs)
    for (const code of libraries) progress.libraries.push(Buffer.from(code, 'base64'))
    for (const name of modules) {
      log.warning(`Data of the module type '${name}' that are not keys were passed over: there are no modules here.`)
    }
  }

  async #check({ crc, next }: FileChecksum): Promise<void> {
    if (next.every((byte) => byte === 0)) {
      this.log.warning('RDB file was saved with checksum disabled: no check performed.')
    } else if (!crc.equals(next, 0)) {
      throw checksumError(crc, next)
    }
  }
}

/** A key's name for the log, in quotes where it holds what would not print, or spaces. */
function shownName(name: string): string {
  return /^[!-~]+$/.test(name) ? name : quoteArgument(name)
}

/** Tells of a field about the file as Redis does. */
function tellOfField(name: string, value: string, progress: LoadProgress, log: LogLines, nowMs: number): void {
  switch (name) {
    case 'redis-ver':
      log.notice(`Loading RDB produced by version ${value}`)
      return
    case 'ctime': {
      const ageSeconds = Math.max(0, Math.floor(nowMs / 1000) - Number(value))
      log.notice(`RDB age ${ageSeconds} seconds`)
      return
    }
    case 'used-mem':
      progress.writtenUsedBytes = Number(value)
      log.notice(`RDB memory usage when created ${(Number(value) / BYTES_PER_MIB).toFixed(2)} Mb`)
      return
    case 'aof-preamble':
      if (Number(value) !== 0) log.notice('RDB has an AOF tail')
      return
    case 'aof-base':
      if (Number(value) !== 0) log.notice('RDB is base AOF')
      return
    default:
      if (name.startsWith('%')) log.notice(`RDB '${name}': ${value}`)
  }
}
