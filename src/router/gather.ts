/**
 * Gathers: replies of shards that the router needs itself, to merge them or to go on with a next hop. Main thread.
 *
 * A gather has a fixed number of parts; a part's index travels as the frame's sequence. It ends, exactly once, when every
 * part is there.
 */

import { assert } from '../base/assert.js'
import { copyOf, joinBytes } from '../base/bytes.js'
import { replyEnd } from '../resp/reply-reader.js'
import { TARGET_GATHER } from '../ring/frames.js'

interface Gather {
  readonly parts: (Uint8Array | undefined)[]
  /** Chunks of parts that come in several frames, by part. */
  readonly chunks: Map<number, Uint8Array[]>
  remaining: number
  readonly done: (parts: readonly Uint8Array[]) => void
}

export class GatherTable {
  readonly #gathers: (Gather | undefined)[] = []
  readonly #free: number[] = []

  /** Opens a gather of `partCount` parts and returns its target. `done` gets copies that it may keep. */
  open(partCount: number, done: (parts: readonly Uint8Array[]) => void): number {
    const gather: Gather = {
      parts: new Array(partCount).fill(undefined),
      chunks: new Map(),
      remaining: partCount,
      done,
    }
    const index = this.#free.pop() ?? this.#gathers.length
    this.#gathers[index] = gather
    return index | TARGET_GATHER
  }

  get openCount(): number {
    return this.#gathers.length - this.#free.length
  }

  /** Takes a reply frame: `count` replies from part `first` on, or with count 0 a piece of part `first`. */
  accept(target: number, first: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    const index = target & ~TARGET_GATHER
    const gather = this.#gathers[index]
    assert(gather !== undefined, `a reply for gather ${index}, which is not open`)
    const chunk = copyOf(bytes, offset, length)
    const begun = gather.chunks.get(first)
    if (count === 0) {
      if (begun === undefined) gather.chunks.set(first, [chunk])
      else begun.push(chunk)
      return
    }
    if (begun !== undefined) {
      assert(count === 1, 'a reply in pieces ends in a frame of its own')
      begun.push(chunk)
      gather.chunks.delete(first)
      this.#setPart(gather, first, joinBytes(begun))
    } else if (count === 1) {
      this.#setPart(gather, first, chunk)
    } else {
      let at = 0
      for (let i = 0; i < count; i++) {
        const end = replyEnd(chunk, at)
        this.#setPart(gather, first + i, chunk.subarray(at, end))
        at = end
      }
    }
    if (gather.remaining === 0) {
      this.#gathers[index] = undefined
      this.#free.push(index)
      gather.done(gather.parts as Uint8Array[])
    }
  }

  #setPart(gather: Gather, part: number, reply: Uint8Array): void {
    assert(gather.parts[part] === undefined, `part ${part} of a gather came twice`)
    gather.parts[part] = reply
    gather.remaining--
  }
}
