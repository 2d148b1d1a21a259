/**
 * What the command in hand has to tell the main thread beside its reply: kept until the reply has ended, then sent behind it.
 *
 * Runs in a shard worker. Costs one comparison for each command while there is nothing to tell. Invariant: notices leave in
 * the order in which they were added.
 */
import type { ReplySender } from './reply-sender.js'

const BYTES_INITIAL = 4096
/** Above this the buffer is given up when it is empty. */
const BYTES_KEPT_MAX = 64 * 1024
const PACKED_HEADER_BYTES = 12
const NOTHING = new Uint8Array(0)

interface Entry {
  readonly kind: number
  readonly number: number
  readonly end: number
}

export class Notices {
  #bytes = new Uint8Array(BYTES_INITIAL)
  #length = 0
  readonly #entries: Entry[] = []
  /** Counts the times that all there were have left: what was added under another number has gone. */
  batch = 0

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** The bytes of all payloads. */
  get length(): number {
    return this.#length
  }

  /** Adds bytes to the payload of the notice that the next `add` ends. */
  append(bytes: Uint8Array, offset: number, length: number): void {
    const needed = this.#length + length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(bytes.subarray(offset, offset + length), this.#length)
    this.#length = needed
  }

  /** Ends a notice, whose payload has been appended. `number` is a 32-bit integer. */
  add(kind: number, number: number): void {
    this.#entries.push({ kind, number, end: this.#length })
  }

  /** Sends all there are. No reply may be open. */
  sendTo(sender: Pick<ReplySender, 'notice'>): void {
    let from = 0
    for (const { kind, number, end } of this.#entries) {
      sender.notice(kind, number, this.#bytes, from, end - from)
      from = end
    }
    this.#clear()
  }

  /**
   * Takes all there are, for the `takeOver` of another shard.
   *
   *   kind 4 | number 4 | length of the payload 4 | payload         for each
   */
  handOver(): Uint8Array {
    if (this.isEmpty) return NOTHING
    const packed = new Uint8Array(this.#entries.length * PACKED_HEADER_BYTES + this.#length)
    const header = new DataView(packed.buffer)
    let at = 0
    let from = 0
    for (const { kind, number, end } of this.#entries) {
      header.setInt32(at, kind)
      header.setInt32(at + 4, number)
      header.setInt32(at + 8, end - from)
      at += PACKED_HEADER_BYTES
      packed.set(this.#bytes.subarray(from, end), at)
      at += end - from
      from = end
    }
    this.#clear()
    return packed
  }

  /** Adds what another shard has handed over; fewer bytes than a notice has at least may follow it before `end`. */
  takeOver(bytes: Uint8Array, offset: number, end: number): void {
    const header = new DataView(bytes.buffer, bytes.byteOffset)
    let at = offset
    while (end - at >= PACKED_HEADER_BYTES) {
      const length = header.getInt32(at + 8)
      this.append(bytes, at + PACKED_HEADER_BYTES, length)
      this.add(header.getInt32(at), header.getInt32(at + 4))
      at += PACKED_HEADER_BYTES + length
    }
  }

  #clear(): void {
    this.#entries.length = 0
    this.#length = 0
    this.batch++
    if (this.#bytes.length > BYTES_KEPT_MAX) this.#bytes = new Uint8Array(BYTES_INITIAL)
  }
}
