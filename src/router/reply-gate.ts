/**
 * Keeps replies back until what they answer is on the disk of every shard (`appendfsync always` over several shards).
 *
 * Main thread. A shard syncs its own log before it publishes a reply. That is not enough where there are others: after a
 * crash everything above the lowest mark of all shards is dropped. So a reply goes on when the marks of all of them have
 * passed the number that its shard had reached when it came; a reply that the main thread has made, when they have passed
 * that of the last write. Nothing here is about replies that the router gathers for itself: those go on at once, because
 * operations that are under way, and hold the marks back, wait for them.
 *
 * Invariant: replies that came from one shard go on in their order.
 */
import { copyOf } from '../base/bytes.js'
import type { ReplySink } from './reply-sink.js'

/** In the place of a shard: what the main thread has put together, or answers by itself. */
export const MADE_HERE = -1

interface HeldReply {
  readonly slot: number
  readonly sequence: number
  readonly count: number
  readonly bytes: Uint8Array
  /** Everything up to this number must be on the disk. */
  readonly gsn: number
}

interface Waiting {
  readonly gsn: number
  readonly done: () => void
}

/** What the shards say of themselves in shared memory, see shard/gauges.ts. */
export interface ShardProgress {
  readonly logPosition: number
  readonly logMark: number
}

export class ReplyGate implements ReplySink {
  /** The shard whose replies are being taken in, or MADE_HERE. */
  source = MADE_HERE
  /** The number of the last command that writes. What comes later needs no sync. */
  lastWriteGsn = 0
  #isOn = false
  /** Shards still sync what they wrote when nothing waited for that: their marks say nothing about the disk so far. */
  #isSettling = false
  /** By source; those made here are the last. */
  readonly #held: HeldReply[][]
  #waiting: Waiting[] = []

  constructor(
    private readonly sink: ReplySink,
    private readonly shards: readonly ShardProgress[],
  ) {
    this.#held = Array.from({ length: shards.length + 1 }, () => [])
  }

  /** False: everything goes on at once. */
  get isOn(): boolean {
    return this.#isOn
  }

  /**
   * From here on replies wait; none goes on before `settled`, which is to be called when every shard syncs what it writes, and
   * has synced what it wrote before.
   * @param gsn the number given last
   */
  turnOn(gsn: number): void {
    if (this.#isOn) return
    this.#isOn = true
    this.#isSettling = true
    this.lastWriteGsn = gsn
  }

  /** See `turnOn`. */
  settled(): void {
    this.#isSettling = false
    this.release()
  }

  /** Nothing waits any more. */
  turnOff(): void {
    this.#isOn = false
    this.#isSettling = false
    this.#releaseUpTo(Number.POSITIVE_INFINITY)
  }

  reply(slot: number, sequence: number, count: number, bytes: Uint8Array, offset: number, length: number): void {
    if (!this.#isOn) {
      this.sink.reply(slot, sequence, count, bytes, offset, length)
      return
    }
    const { source } = this
    const position = this.shards[source]?.logPosition ?? Number.POSITIVE_INFINITY
    const gsn = Math.min(position, this.lastWriteGsn)
    const held = this.#held[source === MADE_HERE ? this.shards.length : source] as HeldReply[]
    if (held.length === 0 && gsn <= this.#durable) this.sink.reply(slot, sequence, count, bytes, offset, length)
    else held.push({ slot, sequence, count, bytes: copyOf(bytes, offset, length), gsn })
  }

  /** Calls `done` when all writes so far are on the disk. */
  whenDurable(done: () => void): void {
    if (!this.#isOn || this.lastWriteGsn <= this.#durable) done()
    else this.#waiting.push({ gsn: this.lastWriteGsn, done })
  }

  get #durable(): number {
    if (this.#isSettling) return Number.NEGATIVE_INFINITY
    let durable = Number.POSITIVE_INFINITY
    for (const { logMark } of this.shards) if (logMark < durable) durable = logMark
    return durable
  }

  /** Lets go on what is on the disk by now. */
  release(): void {
    if (this.#isOn) this.#releaseUpTo(this.#durable)
  }

  #releaseUpTo(durable: number): void {
    for (const held of this.#held) {
      let through = 0
      while (through < held.length && (held[through] as HeldReply).gsn <= durable) {
        const { slot, sequence, count, bytes } = held[through++] as HeldReply
        this.sink.reply(slot, sequence, count, bytes, 0, bytes.length)
      }
      if (through > 0) held.splice(0, through)
    }
    if (this.#waiting.length === 0) return
    const through = this.#waiting.filter(({ gsn }) => gsn <= durable)
    this.#waiting = this.#waiting.filter(({ gsn }) => gsn > durable)
    for (const { done } of through) done()
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
