/**
 * Chunks of memory from the system and back to it, at the moment it is asked for and not at some later garbage
 * collection.
 *
 * Runs on every thread that has an arena. Invariant: after `releaseChunk` the buffer is detached: every view of it has
 * length 0, so that a stale view can read nothing and overwrite nothing.
 */
import { MessageChannel } from 'node:worker_threads'

/**
 * A closed port. What is posted to it is serialised and thrown away at once, and with it the memory of the buffers
 * that were transferred. Dropping the last reference instead would leave the memory in place until a major collection,
 * which may never come when V8's own heap stays small; `ArrayBuffer.prototype.transfer` does not exist in Node.js 20.
 */
const sink = new MessageChannel().port1
sink.close()

/**
 * Makes a buffer whose memory is only committed where it is written to: the system maps zero pages on the first touch.
 * @returns null when the system has no such memory
 */
export function acquireChunk(bytes: number): ArrayBuffer | null {
  try {
    return new ArrayBuffer(bytes)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Gives the memory of the buffer back to the system before it returns. */
export function releaseChunk(buffer: ArrayBuffer): void {
  sink.postMessage(null, [buffer])
}
