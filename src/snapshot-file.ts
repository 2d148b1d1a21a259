/**
 * The background job of a snapshot: puts the parts that shards hand over into one RDB file.
 *
 * Runs on a thread of the background pool, which it blocks until the file is there or the save is ended. Parts are taken as
 * they come, and only what one part holds stands together, because each names its database.
 */
import { systemErrorText } from './config/system-error.js'
import { RdbWriteError } from './rdb/file-error.js'
import { type RdbFileOptions, RdbFileWriter } from './rdb/file-writer.js'
import { PartReceiver, SnapshotControl, type SnapshotMemory } from './ring/part-channel.js'

/** As often does it look whether the save is to end, when nothing comes. */
const LOOK_MS = 100

export interface SnapshotFileJob extends RdbFileOptions {
  readonly finalPath: string
  /** What stands in the file before the keys. */
  readonly head: Uint8Array
  readonly memory: SnapshotMemory
}

/** The size of the file; or that the save was ended; or Redis's words for what went wrong. */
export type SnapshotFileOutcome =
  | { readonly bytes: number }
  | { readonly isAborted: true }
  | { readonly failure: string }

export function writeSnapshotFile(job: SnapshotFileJob): SnapshotFileOutcome {
  let file: RdbFileWriter | undefined
  try {
    file = new RdbFileWriter(job, systemErrorText)
    file.add(job.head)
    if (!addParts(file, job.memory)) {
      file.abandon()
      return { isAborted: true }
    }
    file.finish(job.finalPath)
    return { bytes: file.writtenBytes }
  } catch (error) {
    file?.abandon()
    if (error instanceof RdbWriteError) return { failure: error.message }
    throw error
  }
}

/** @returns false when the save is to end */
function addParts(file: RdbFileWriter, memory: SnapshotMemory): boolean {
  const control = new Int32Array(memory.control)
  let receivers = memory.channels.map((channel) => new PartReceiver(channel))
  while (receivers.length > 0) {
    const signal = Atomics.load(control, SnapshotControl.signal)
    let isIdle = true
    for (const receiver of receivers) if (addPart(file, receiver, control)) isIdle = false
    if (Atomics.load(control, SnapshotControl.isAborted) !== 0) return false
    receivers = receivers.filter(({ isThrough }) => !isThrough)
    if (isIdle) Atomics.wait(control, SnapshotControl.signal, signal, LOOK_MS)
  }
  return true
}

/** Adds the next part of a shard, to its end. @returns false when there is none */
function addPart(file: RdbFileWriter, receiver: PartReceiver, control: Int32Array): boolean {
  let isFound = false
  do {
    const signal = Atomics.load(control, SnapshotControl.signal)
    const bytes = receiver.next()
    if (bytes !== undefined) {
      isFound = true
      file.add(bytes)
      receiver.release()
    } else if (Atomics.load(control, SnapshotControl.isAborted) !== 0) {
      return false
    } else if (receiver.goesOn) {
      Atomics.wait(control, SnapshotControl.signal, signal, LOOK_MS)
    }
  } while (receiver.goesOn)
  return isFound
}
