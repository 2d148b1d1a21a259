/**
 * Output of one connection that has not been offered to its socket: its own bytes, or a run of messages that it shares with
 * others, see shared-run.ts.
 *
 * Runs on the main thread.
 *
 * Invariant: it rides a run only while it has no bytes of its own; what is added goes behind a copy of that run.
 */
import { copyBytes } from '../base/bytes.js'
import type { SharedRun, Subscriber } from './shared-run.js'

const OUTPUT_BYTES_INITIAL = 1024

export class ConnectionOutput {
  /** Its own bytes, `ownLength` of them. */
  #own = new Uint8Array(OUTPUT_BYTES_INITIAL)
  #ownLength = 0
  #run: SharedRun | null = null
  readonly #rider: Subscriber

  constructor(rider: Subscriber) {
    this.#rider = rider
  }

  get length(): number {
    return this.#run === null ? this.#ownLength : this.#run.length
  }

  /** Memory that it takes; of a run that it rides, what it would take by itself. */
  get memoryBytes(): number {
    return this.#own.length + (this.#run === null ? 0 : this.#run.length)
  }

  /** Whether the output is empty, and will be what stands in this run when it is written. */
  ride(run: SharedRun): boolean {
    if (this.#run !== null || this.#ownLength > 0) return false
    this.#run = run
    return true
  }

  /** Takes what the run has brought so far for its own, so that something else can go out behind it. */
  leaveRun(): void {
    const run = this.#run
    if (run === null) return
    this.#run = null
    this.#add(run.bytes, 0, run.length)
    run.broadcast.leave(run, this.#rider)
  }

  append(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#run !== null) this.leaveRun()
    this.#add(bytes, offset, length)
  }

  #add(bytes: Uint8Array, offset: number, length: number): void {
    const needed = this.#ownLength + length
    if (needed > this.#own.length) this.#grow(needed)
    copyBytes(bytes, offset, this.#own, this.#ownLength, length)
    this.#ownLength = needed
  }

  #grow(needed: number): void {
    let capacity = this.#own.length
    while (capacity < needed) capacity *= 2
    const grown = new Uint8Array(capacity)
    grown.set(this.#own.subarray(0, this.#ownLength))
    this.#own = grown
  }

  /** Hands over all there is, in a buffer that may be overwritten when `write` returns. */
  take(write: (bytes: Uint8Array, offset: number, length: number) => void): void {
    const run = this.#run
    if (run === null) {
      const length = this.#ownLength
      this.#ownLength = 0
      write(this.#own, 0, length)
      return
    }
    this.#run = null
    run.broadcast.close()
    write(run.bytes, 0, run.length)
    run.broadcast.done(run)
  }

  /** Gives up what there is: nobody will read it. */
  drop(): void {
    this.#ownLength = 0
    const run = this.#run
    this.#run = null
    run?.broadcast.done(run)
  }

  /** Gives back memory that a quiet connection does not need. */
  shrink(): void {
    if (this.#ownLength === 0 && this.#own.length > OUTPUT_BYTES_INITIAL)
      this.#own = new Uint8Array(OUTPUT_BYTES_INITIAL)
  }
}
