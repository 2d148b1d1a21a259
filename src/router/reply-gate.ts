/**
 * Keeps replies back until what they answer is on the disk of every shard (`appendfsync always` over several shards).
 *
 * Main thread. A shard syncs its own log before it publishes a reply. That is not enough where there are others: after a
 * crash everything above the lowest mark of all shards is dropped. So a reply goes on when the marks of all of them have
 * passed the number that its shard had reached when it came. Nothing here is about replies that the router gathers for
 * itself: those go on at once, because operations that are under way, and hold the marks back, wait for them.
 *
 * Invariant: replies that came from one shard go on in their order.
 */
import { copyOf } from '../base/bytes.js'
import type { ReplySink } from './reply-sink.js'

interface HeldReply {
  readonly slot: number
  readonly sequence: number
  readonly count: number
  readonly bytes: Uint8Array
  /** Everything up to this number must be on the disk. */
  readonly gsn: number
}

/** What the shards say of themselves in shared memory, see shard/gauges.ts. */
export interface ShardProgress {
  readonly logPosition: number
  readonly logMark: number
}

export class ReplyGate implements ReplySink {
  /** False: everything goes on at once. */
  isOn = false
  /** The shard whose replies are being taken in. */
  source = 0
  /** The number of the last command that writes. What comes later needs no sync. */
  lastWriteGsn = 0
  readonly #held: HeldReply[][]

  constructor(
    private readonly sink: ReplySink,
    private readonly shards: readonly ShardProgress[],
  ) {
    this.#held = shards.map(() => [])
  }

  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    if (!this.isOn) {
      this.sink.reply(slot, sequence, count, bytes, offset, length)
      return
    }
    const { source } = this
    const gsn = Math.min((this.shards[source] as ShardProgress).logPosition, this.lastWriteGsn)
    const held = this.#held[source] as HeldReply[]
    if (held.length === 0 && gsn <= this.#durable) this.sink.reply(slot, sequence, count, bytes, offset, length)
    else held.push({ slot, sequence, count, bytes: copyOf(bytes, offset, length), gsn })
  }

  get #durable(): number {
    let durable = Number.POSITIVE_INFINITY
    for (const { logMark } of this.shards) if (logMark < durable) durable = logMark
    return durable
  }

  /** Lets go on what is on the disk by now. @param all whatever is there: nothing is to be kept back any more */
  release(all = false): void {
    const durable = all ? Number.POSITIVE_INFINITY : this.#durable
    for (const held of this.#held) {
      let through = 0
      while (through < held.length && (held[through] as HeldReply).gsn <= durable) {
        const { slot, sequence, count, bytes } = held[through++] as HeldReply
        this.sink.reply(slot, sequence, count, bytes, 0, bytes.length)
      }
      if (through > 0) held.splice(0, through)
    }
  }

  notice(kind: number, number: number, bytes: Uint8Array, offset: number, length: number): void {
    this.sink.notice(kind, number, bytes, offset, length)
  }

  blocked(slot: number): void {
    this.sink.blocked(slot)
  }

  failed(slot: number, error: Uint8Array): void {
    this.sink.failed(slot, error)
  }

  released(slot: number): void {
    this.sink.released(slot)
  }
}
