/**
 * Saves the data set of all shards as one RDB file.
 *
 * Main thread. All keys are locked while the shards write theirs, part by part, so that the file shows one moment: clients
 * wait for their keys until it is written. What takes no keys goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from './base/assert.js'
import { asciiBytes } from './base/bytes.js'
import { type SnapshotSizes, shardSnapshotBegin, shardSnapshotEnd, shardSnapshotPart } from './commands/rdb/snapshot.js'
import type { Lock } from './hops/hops.js'
import { RdbWriteError } from './rdb/file-error.js'
import { type RdbFileOptions, RdbFileWriter } from './rdb/file-writer.js'
import { bulkBody, headerNumber, isError, lineEnd } from './resp/reply-reader.js'
import type { ShardRequests } from './shard-requests.js'
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY } from './store/rdb/rdb-format.js'

const US_PER_MS = 1000

export interface SaveRequest extends Omit<RdbFileOptions, 'version'> {
  readonly temporaryPath: string
  readonly finalPath: string
  /** Fields about the file, in their order. */
  readonly aux: readonly (readonly [name: string, value: string])[]
  /** The code of each library of functions. */
  readonly libraries: readonly Uint8Array[]
  /** `rdb-key-save-delay`, in µs. */
  readonly keyDelayUs: () => number
  /** The locks are not given back when all has gone well: the server is about to end. */
  readonly keepsLocks: boolean
}

/** How far it has come. */
export class SaveProgress {
  keysTotal = 0
  keysProcessed = 0
  /** Set by whoever wants it to end: nothing is left of the file then. */
  isAborted = false
}

/** What it was ended by is no fault. */
export class SaveAbortedError extends Error {
  readonly code = 'SAVE_ABORTED'
}

/**
 * Saves; the moment that the file shows is that of the call.
 * @returns how many modifications there had been at that moment, over all shards
 * @throws RdbWriteError, SaveAbortedError; the old file is then there as it was
 */
export async function saveSnapshot(
  shards: ShardRequests,
  request: SaveRequest,
  progress: SaveProgress,
): Promise<number> {
  const lock = shards.lockAll()
  const begun = lock.shards.map((shard) => shards.ask(shard, shardSnapshotBegin, [], 0, lock.owner))
  const sizes = (await Promise.all(begun)).map(sizesIn)
  let isSaved = false
  try {
    await new SnapshotSave(shards, lock, sizes, progress, request).run()
    isSaved = true
  } finally {
    if (!isSaved || !request.keepsLocks) {
      lock.shards.forEach((shard, i) => {
        const databases = (sizes[i] as SnapshotSizes).databases.map(({ index }) => asciiBytes(String(index)))
        void shards.ask(shard, shardSnapshotEnd, databases, 0, lock.owner)
      })
      shards.unlock(lock)
    }
  }
  return sizes.reduce((sum, { dirty }) => sum + dirty, 0)
}

function sizesIn(reply: Uint8Array): SnapshotSizes {
  const body = bulkBody(reply, 0)
  assert(body !== undefined, 'a shard does not say what it has')
  return JSON.parse(Buffer.from(body).toString('utf8')) as SnapshotSizes
}

class SnapshotSave {
  constructor(
    private readonly shards: ShardRequests,
    private readonly lock: Lock,
    /** By shard. */
    private readonly sizes: readonly SnapshotSizes[],
    private readonly progress: SaveProgress,
    private readonly request: SaveRequest,
  ) {}

  async run(): Promise<void> {
    const { request, sizes, progress } = this
    const databases = sizes.flatMap((shard) => shard.databases)
    progress.keysTotal = databases.reduce((sum, { keys }) => sum + keys, 0)
    // Redis 7.0 then refuses the whole file, and not what it does not know in the middle of it.
    const needsNewer = databases.some(({ hasFieldTimes }) => hasFieldTimes)
    const version = needsNewer ? RDB_VERSION_FIELD_EXPIRY : RDB_VERSION
    const file = await RdbFileWriter.create(request.temporaryPath, { ...request, version })
    try {
      for (const [name, value] of request.aux) file.aux(name, value)
      for (const code of request.libraries) file.library(code)
      const indexes = [...new Set(databases.map(({ index }) => index))].sort((a, b) => a - b)
      for (const index of indexes) await this.#database(file, index)
      this.#checkAborted()
      await file.finish(request.finalPath)
    } catch (error) {
      await file.abandon()
      throw error
    }
  }

  /** Writes one database; its shards work side by side. */
  async #database(file: RdbFileWriter, index: number): Promise<void> {
    const parts = this.sizes.map(({ databases }) => databases.find((database) => database.index === index))
    const sum = (count: (part: SnapshotSizes['databases'][number]) => number): number =>
      parts.reduce((total, part) => total + (part === undefined ? 0 : count(part)), 0)
    const keys = sum((part) => part.keys)
    file.selectDatabase(
      index,
      keys,
      sum((part) => part.expires),
    )
    await Promise.all(
      this.lock.shards.map((shard, i) => (parts[i] === undefined ? undefined : this.#shard(file, shard, index))),
    )
  }

  async #shard(file: RdbFileWriter, shard: number, database: number): Promise<void> {
    for (let bucket = 0; bucket >= 0; ) {
      this.#checkAborted()
      const argv = [asciiBytes(String(bucket))]
      const reply = await this.shards.ask(shard, shardSnapshotPart, argv, database, this.lock.owner)
      if (isError(reply)) throw new RdbWriteError('A shard has no memory left to write its keys.')
      const bucketAt = lineEnd(reply, 0)
      const keysAt = lineEnd(reply, bucketAt)
      bucket = headerNumber(reply, bucketAt)
      const keys = headerNumber(reply, keysAt)
      await file.add(bulkBody(reply, lineEnd(reply, keysAt)) as Uint8Array)
      this.progress.keysProcessed += keys
      const delayUs = this.request.keyDelayUs()
      if (delayUs > 0) await this.#delay((keys * delayUs) / US_PER_MS)
    }
  }

  async #delay(ms: number): Promise<void> {
    const untilMs = performance.now() + ms
    for (let leftMs = ms; leftMs > 0; leftMs = untilMs - performance.now()) {
      this.#checkAborted()
      await sleep(Math.min(leftMs, ABORT_LOOK_MS))
    }
  }

  #checkAborted(): void {
    if (this.progress.isAborted) throw new SaveAbortedError('the save was ended')
  }
}

/** As often does a save that is delayed look whether it is to end. */
const ABORT_LOOK_MS = 20
