/**
 * Puts large frames together again, which come through the ring in pieces. Runs in a shard worker. Invariant: the pieces of
 * one frame come one behind the other, with nothing between.
 */
import { FRAME_LENGTH_MASK } from '../ring/byte-ring.js'
import { PIECE_HEADER_BYTES } from '../ring/frames.js'

export class FrameAssembly {
  #frame: Int32Array | null = null
  #wordsTaken = 0

  /** Takes the piece at `word`; returns the whole frame with its last one, else null. */
  take(words: Int32Array, word: number): Int32Array | null {
    const total = words[word + 1] as number
    this.#frame ??= new Int32Array(total)
    const length = ((words[word] as number) & FRAME_LENGTH_MASK) - PIECE_HEADER_BYTES
    const from = word + PIECE_HEADER_BYTES / 4
    this.#frame.set(words.subarray(from, from + (length >> 2)), this.#wordsTaken)
    this.#wordsTaken += length >> 2
    if (this.#wordsTaken < total) return null
    const frame = this.#frame
    this.#frame = null
    this.#wordsTaken = 0
    return frame
  }
}
