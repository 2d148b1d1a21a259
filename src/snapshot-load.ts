/**
 * Loads the data set from an RDB file: the keys go to their shards in batches, as they stand in the file.
 *
 * Main thread. Between two blocks of the file it waits until the shards have taken most of what was sent, so that no more
 * is on the way than a few MiB, and clients are answered.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLines } from './base/log-lines.js'
import { shardLoad } from './commands/rdb/snapshot.js'
import { RdbFileError } from './rdb/file-error.js'
import { type RdbFileEvents, RdbFileReader } from './rdb/file-reader.js'
import { headerNumber, isError, lineEnd } from './resp/reply-reader.js'
import type { ShardRequests } from './shard-requests.js'
import { RdbOpcode } from './store/rdb/rdb-format.js'
import { RdbWriter } from './store/rdb/rdb-writer.js'
import { NO_EXPIRY } from './store/value-type.js'

/** A batch is sent when it is so long: a quarter of what a ring takes in one frame by default. */
const BATCH_BYTES = 64 * 1024
/** No more is on the way when the next block is read. */
const WAY_BYTES_MAX = 4 * 1024 * 1024
/** What is longer cannot be sent to a shard: the bytes of a frame are counted in 31 bits. */
const ENTRY_BYTES_MAX = 2 ** 31 - 2 ** 20

const PROGRESS_EVERY_MS = 5000
const US_PER_MS = 1000
const BYTES_PER_MIB = 1024 * 1024
const EMPTY_KEYS_LOGGED_MAX = 10

const ONE = Uint8Array.of(0x31)
const ZERO = Uint8Array.of(0x30)

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

interface Batch {
  readonly writer: RdbWriter
  database: number
  /** Where its keys begin, in the batch and in the file. */
  starts: number[]
  fileStarts: number[]
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
  const events = eventsFor(progress, log, request.nowMs)
  const file = await RdbFileReader.open(request.path, request.checksChecksum, events)
  try {
    // Where it is the first of several files, they have been counted.
    if (progress.totalBytes === 0) progress.totalBytes = file.totalBytes
    await new SnapshotLoad(shards, request, progress, file, log).run()
  } finally {
    await file.close()
  }
}

class SnapshotLoad {
  readonly #batches: Batch[]
  #wayBytes = 0
  /** What went wrong on a shard. */
  #fault: RdbFileError | undefined
  #wake: (() => void) | undefined

  constructor(
    private readonly shards: ShardRequests,
    private readonly request: LoadRequest,
    private readonly progress: LoadProgress,
    private readonly file: RdbFileReader,
    private readonly log: LogLines,
  ) {
    this.#batches = Array.from({ length: shards.shardCount }, () => ({
      writer: new RdbWriter(),
      database: 0,
      starts: [],
      fileStarts: [],
    }))
  }

  async run(): Promise<void> {
    const { file, progress } = this
    let toldAtMs = performance.now()
    do {
      await this.#waitForWay(WAY_BYTES_MAX)
      if (!file.isAtEnd) await file.fill()
      let keys = 0
      for (; file.next(); keys++) this.#take()
      progress.loadedBytes = file.loadedBytes
      const delayUs = this.request.keyDelayUs()
      if (delayUs > 0 && keys > 0) await sleep((keys * delayUs) / US_PER_MS)
      if (performance.now() - toldAtMs >= PROGRESS_EVERY_MS) {
        toldAtMs = performance.now()
        const percent = ((progress.loadedBytes / progress.totalBytes) * 100).toFixed(0)
        this.log.notice(`Loading the DB: ${percent}% of the file, ${progress.keysLoaded} keys so far`)
      }
    } while (!file.isAtEnd)
    for (let shard = 0; shard < this.#batches.length; shard++) this.#send(shard)
    await this.#waitForWay(0)
  }

  /** Puts the key in hand with those for its shard. */
  #take(): void {
    const { file, request } = this
    if (file.database >= request.databases) {
      throw new RdbFileError(
        `FATAL: Data file was created with a server configured to handle more than ${request.databases} databases.`,
      )
    }
    if (file.expireAtMs !== NO_EXPIRY && file.expireAtMs < request.nowMs && request.keepsExpired !== true) {
      this.progress.keysExpired++
      return
    }
    if (file.entryLength > ENTRY_BYTES_MAX) {
      throw new RdbFileError(`the key at byte ${file.entryAt} takes more than 2 GiB`)
    }
    const shard = this.shards.shardOf(file.key, file.keyOffset, file.keyLength)
    const batch = this.#batches[shard] as Batch
    const { writer } = batch
    if (writer.position > 0 && batch.database !== file.database) this.#send(shard)
    batch.database = file.database
    batch.starts.push(writer.position)
    batch.fileStarts.push(file.entryAt)
    if (file.expireAtMs !== NO_EXPIRY) {
      writer.byte(RdbOpcode.expiryMs)
      writer.int64(file.expireAtMs)
    }
    if (file.idleSeconds >= 0) {
      writer.byte(RdbOpcode.idle)
      writer.length(file.idleSeconds)
    }
    if (file.frequency >= 0) {
      writer.byte(RdbOpcode.frequency)
      writer.byte(file.frequency)
    }
    writer.raw(file.bytes, file.entryOffset, file.entryLength)
    if (writer.position >= BATCH_BYTES) this.#send(shard)
  }

  #send(shard: number): void {
    const batch = this.#batches[shard] as Batch
    const { writer, database, starts, fileStarts } = batch
    if (writer.position === 0) return
    const keys = writer.take()
    writer.reset()
    batch.starts = []
    batch.fileStarts = []
    this.#wayBytes += keys.length
    const argv = [this.request.replaces ? ONE : ZERO, keys]
    void this.shards.ask(shard, shardLoad, argv, database, 0).then((reply) => {
      this.#wayBytes -= keys.length
      if (isError(reply)) this.#fault ??= faultIn(reply, starts, fileStarts)
      else this.#count(reply)
      this.#wake?.()
    })
  }

  #count(reply: Uint8Array): void {
    const { progress, log } = this
    const loadedAt = lineEnd(reply, 0)
    progress.keysLoaded += headerNumber(reply, loadedAt)
    const empty = headerNumber(reply, lineEnd(reply, loadedAt))
    if (empty > 0 && progress.keysEmpty < EMPTY_KEYS_LOGGED_MAX) log.warning(`skipping ${empty} empty key(s)`)
    progress.keysEmpty += empty
  }

  /** Waits until no more than so many bytes are on their way to shards. */
  async #waitForWay(bytesMax: number): Promise<void> {
    while (this.#wayBytes > bytesMax && this.#fault === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#fault !== undefined) throw this.#fault
  }
}

/** What a shard's error means: it begins with the place in the batch at which the key in question begins. */
function faultIn(reply: Uint8Array, starts: readonly number[], fileStarts: readonly number[]): RdbFileError {
  const [, start, expected] = /^-(\d+) (.*)\r\n$/.exec(Buffer.from(reply).toString('latin1')) ?? []
  if (start === undefined) return new RdbFileError('the data do not fit into the memory of their shard')
  const at = fileStarts[starts.indexOf(Number(start))]
  return new RdbFileError(`malformed value in the key at byte ${at}: expected ${expected}`)
}

/** Tells of a file's fields as Redis does. */
function eventsFor(progress: LoadProgress, log: LogLines, nowMs: number): RdbFileEvents {
  return {
    aux(name, value) {
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
    },
    library(code) {
      progress.libraries.push(code)
    },
    moduleData(moduleType) {
      log.warning(
        `Data of the module type '${moduleType}' that are not keys were passed over: there are no modules here.`,
      )
    },
    checksumMissing() {
      log.warning('RDB file was saved with checksum disabled: no check performed.')
    },
  }
}
