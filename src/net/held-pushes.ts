/**
 * Pushes that a connection cannot take yet: messages that answer no command, and must wait for replies.
 *
 * Runs on the main thread. A client that does not tell pushes from replies by their type (RESP2) takes whatever comes
 * next for the answer that it waits for. So a push stands behind the replies to all commands that came before it, and
 * never inside a reply of which only pieces have come.
 *
 * Invariant: pushes leave in the order in which they came.
 */
import { copyOf } from '../base/bytes.js'

interface HeldPush {
  /** It may go when the reply that comes next is this one, or a later one. */
  readonly behind: number
  readonly chunk: Uint8Array
}

/** Pushes that have gone are dropped from the queue when there are so many, and more than are left. */
const DROPPED_MIN = 64

export class HeldPushes {
  #queue: HeldPush[] = []
  #first = 0
  /** Bytes of all that is held. */
  bytes = 0

  /** Keeps a copy. */
  add(behind: number, bytes: Uint8Array, offset: number, length: number): void {
    this.#queue.push({ behind, chunk: copyOf(bytes, offset, length) })
    this.bytes += length
  }

  get isEmpty(): boolean {
    return this.#first === this.#queue.length
  }

  /** Takes the next one that may go when `delivered` is the sequence of the reply that comes next, or null. */
  take(delivered: number): Uint8Array | null {
    const push = this.#queue[this.#first]
    if (push === undefined || ((delivered - push.behind) | 0) < 0) return null
    this.#first++
    // A client that always has a command on the way may never see the queue empty.
    if (this.#first >= DROPPED_MIN && this.#first * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    this.bytes -= push.chunk.length
    return push.chunk
  }
}
