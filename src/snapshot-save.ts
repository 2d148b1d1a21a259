/**
 * Saves the data set of all shards as one RDB file, which shows one moment (the cut), while clients go on.
 *
 * Main thread, which only coordinates: under a lock of all keys, held for a few milliseconds, every shard begins its part
 * (shard/snapshots.ts); the shards hand what they write to a job of the background pool (snapshot-file.ts) through memory that
 * they share. Invariant: `shard.snapshot-end` follows each `shard.snapshot-begin`, and one snapshot goes on at a time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Background } from './background.js'
import { assert } from './base/assert.js'
import { asciiBytes } from './base/bytes.js'
import { combineDigests, hexadecimal } from './commands/digest.js'
import type { SnapshotSizes } from './commands/rdb/shard-snapshots.js'
import { type SnapshotFigures, shardSnapshotBegin, shardSnapshotEnd } from './commands/rdb/snapshot.js'
import type { Lock } from './hops/hops.js'
import { RdbWriteError } from './rdb/file-error.js'
import { fileHead } from './rdb/file-head.js'
import { bulkBody } from './resp/reply-reader.js'
import { keysWritten, SnapshotControl, type SnapshotMemory } from './ring/part-channel.js'
import type { ShardRequests } from './shard-requests.js'
import type { SnapshotFileOutcome } from './snapshot-file.js'
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY } from './store/rdb/rdb-format.js'

/** As often is looked how far it is, and whether it is to end. */
const LOOK_MS = 20

/** What carries a snapshot from the shards to the file. */
export interface SnapshotWays {
  readonly background: Background
  readonly memory: SnapshotMemory
}

export interface SaveRequest {
  readonly temporaryPath: string
  readonly finalPath: string
  /** `rdbchecksum` */
  readonly hasChecksum: boolean
  /** `rdb-save-incremental-fsync` */
  readonly syncsAsItGoes: boolean
  /** Fields about the file, in their order. */
  readonly aux: readonly (readonly [name: string, value: string])[]
  /** The code of each library of functions; asked for at the cut. */
  readonly libraries: () => readonly Uint8Array[]
  /** `rdb-key-save-delay`, in µs. */
  readonly keyDelayUs: () => number
  /** Asked now and then: whether the save is to end without a file. */
  readonly isUnwanted: () => boolean
  /** Whether the digest of the data is wanted: to compute it takes longer than to write them. */
  readonly wantsDigest: boolean
  /**
   * How long all keys stay locked: until the cut is made; until the file is there, as SAVE wants it; or for good when all has
   * gone well, because the server is about to end.
   */
  readonly locksUntil: 'cut' | 'end' | 'exit'
}

export interface SaveOptions {
  /**
   * Called at the cut, while all keys are locked: what is sent to shards in this call reaches them before any other write.
   * @param gsn the sequence number up to which the file shows everything
   */
  readonly atCut?: (gsn: number) => void
}

export interface SavedSnapshot {
  readonly keys: number
  readonly bytes: number
  /** DEBUG DIGEST at the cut, 40 hexadecimal digits; undefined where it was not wanted. */
  readonly digest: string | undefined
  readonly gsn: number
  /** How many modifications there had been at the cut, over all shards. */
  readonly changes: number
  /** The most that waited in memory to be written. */
  readonly waitingBytesMax: number
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
 * @throws RdbWriteError, SaveAbortedError; the old file is then there as it was
 */
export async function saveSnapshot(
  shards: ShardRequests,
  ways: SnapshotWays,
  request: SaveRequest,
  progress: SaveProgress,
  { atCut = () => {} }: SaveOptions = {},
): Promise<SavedSnapshot> {
  const lock = shards.lockAll()
  const { gsn } = shards
  const wantsDigest = asciiBytes(request.wantsDigest ? '1' : '0')
  const begun = lock.shards.map((shard) => shards.ask(shard, shardSnapshotBegin, [wantsDigest], 0, lock.owner))
  const sizes = (await Promise.all(begun)).map((reply) => jsonIn(reply) as SnapshotSizes)
  const libraries = request.libraries()
  atCut(gsn)
  if (request.locksUntil === 'cut') shards.unlock(lock)
  let isSaved = false
  try {
    const bytes = await writeFile(ways, request, libraries, sizes, progress)
    const figures = await endSnapshots(shards, lock)
    isSaved = true
    const digests = figures.map(({ digest }) => Buffer.from(digest, 'base64'))
    return {
      keys: progress.keysTotal,
      bytes,
      digest: request.wantsDigest ? hexadecimal(combineDigests(digests)) : undefined,
      gsn,
      changes: sizes.reduce((sum, { dirty }) => sum + dirty, 0),
      waitingBytesMax: figures.reduce((sum, { waitingBytesMax }) => sum + waitingBytesMax, 0),
    }
  } finally {
    if (!isSaved) await endSnapshots(shards, lock)
    if (request.locksUntil === 'end' || (request.locksUntil === 'exit' && !isSaved)) shards.unlock(lock)
  }
}

function jsonIn(reply: Uint8Array): unknown {
  const body = bulkBody(reply, 0)
  assert(body !== undefined, 'a shard does not say what it has')
  return JSON.parse(Buffer.from(body).toString('utf8'))
}

/** Shards that have something left to write settle their records, which may take them some hundred milliseconds. */
async function endSnapshots(shards: ShardRequests, lock: Lock): Promise<SnapshotFigures[]> {
  const ended = lock.shards.map((shard) => shards.ask(shard, shardSnapshotEnd, [], 0, 0))
  return (await Promise.all(ended)).map((reply) => jsonIn(reply) as SnapshotFigures)
}

/** Has the file written. @returns its size in bytes */
async function writeFile(
  { background, memory }: SnapshotWays,
  request: SaveRequest,
  libraries: readonly Uint8Array[],
  sizes: readonly SnapshotSizes[],
  progress: SaveProgress,
): Promise<number> {
  const { temporaryPath, finalPath, hasChecksum, syncsAsItGoes, aux, keyDelayUs, isUnwanted } = request
  const databases = sizes.flatMap((shard) => shard.databases)
  progress.keysTotal = databases.reduce((sum, { keys }) => sum + keys, 0)
  // Redis 7.0 then refuses the whole file, and not what it does not know in the middle of it.
  const needsNewer = databases.some(({ hasFieldTimes }) => hasFieldTimes)
  const version = needsNewer ? RDB_VERSION_FIELD_EXPIRY : RDB_VERSION
  const head = fileHead(version, aux, libraries, databases)
  const control = new Int32Array(memory.control)
  Atomics.store(control, SnapshotControl.isAborted, 0)
  Atomics.store(control, SnapshotControl.keyDelayUs, keyDelayUs())
  const job = { temporaryPath, finalPath, hasChecksum, syncsAsItGoes, head, memory }
  let outcome: SnapshotFileOutcome | undefined
  const running = background.run('write-snapshot', job).then((result) => {
    outcome = result
  })
  while (outcome === undefined) {
    await Promise.race([running, sleep(LOOK_MS)])
    progress.keysProcessed = memory.channels.reduce((sum, channel) => sum + keysWritten(channel), 0)
    Atomics.store(control, SnapshotControl.keyDelayUs, keyDelayUs())
    if (!progress.isAborted && !isUnwanted()) continue
    Atomics.store(control, SnapshotControl.isAborted, 1)
    Atomics.notify(control, SnapshotControl.signal)
  }
  const ended: SnapshotFileOutcome = outcome
  if ('failure' in ended) throw new RdbWriteError(ended.failure)
  if ('isAborted' in ended) throw new SaveAbortedError('the save was ended')
  return ended.bytes
}
