/**
 * Replies that have come before their turn, by the sequence that they begin with. Runs on the main thread.
 *
 * Invariant: what is held is a copy, as the bytes of a reply ring are overwritten.
 */
export interface HeldReply {
  /** Whole replies in the chunks; 0 when they are the beginning of one. */
  count: number
  readonly chunks: Uint8Array[]
}

export class HeldReplies {
  readonly #bySequence = new Map<number, HeldReply>()
  /** Whole replies that are held. */
  count = 0

  get isEmpty(): boolean {
    return this.#bySequence.size === 0
  }

  /** Keeps `count` replies from `sequence` on, or with count 0 a piece of the one. The chunk is kept, not copied. */
  add(sequence: number, count: number, chunk: Uint8Array): void {
    this.count += count
    const held = this.#bySequence.get(sequence)
    if (held === undefined) {
      this.#bySequence.set(sequence, { count, chunks: [chunk] })
    } else {
      held.count += count
      held.chunks.push(chunk)
    }
  }

  /** Takes out what begins with `sequence`. */
  take(sequence: number): HeldReply | undefined {
    const held = this.#bySequence.get(sequence)
    if (held === undefined) return undefined
    this.#bySequence.delete(sequence)
    this.count -= held.count
    return held
  }
}
