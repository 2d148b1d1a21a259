/**
 * A place in shared memory through which two threads talk in turns: one asks, the other answers, and the one that has
 * asked blocks until then. What is larger than the place goes through it in pieces.
 *
 *   control (Int32): 0 whose turn it is   1 bytes of the piece   2 whether more of it follows   3 who sent it
 *   4 a number that belongs to the message
 *
 * Invariant: only the party whose turn it is touches the place, and it gives the turn away last. A wait is bounded in time
 * and looks again, so that a wake-up that was lost costs a moment and nothing more.
 */
import { copyBytes } from '../base/bytes.js'

const TURN = 0
const LENGTH = 1
const MORE = 2
const SENDER = 3
const NOTE = 4
const CONTROL_BYTES = 64
/** Nobody's turn: the place is free. */
const NOBODY = 0
const WAIT_MS_MAX = 100

export interface MailboxMemory {
  readonly control: SharedArrayBuffer
  readonly data: SharedArrayBuffer
}

export function createMailboxMemory(bytes: number): MailboxMemory {
  return { control: new SharedArrayBuffer(CONTROL_BYTES), data: new SharedArrayBuffer(bytes) }
}

export class Mailbox {
  /** Where a piece lies. A message of one piece may be used where it stands until the turn is given away. */
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly #control: Int32Array

  constructor(memory: MailboxMemory) {
    this.bytes = new Uint8Array(memory.data)
    this.words = new Int32Array(memory.data)
    this.#control = new Int32Array(memory.control)
  }

  /** Whether it is this party's turn. Parties are numbered from 1. */
  isTurnOf(party: number): boolean {
    return Atomics.load(this.#control, TURN) === party
  }

  /** Who sent the piece that lies here. */
  get sender(): number {
    return this.#control[SENDER] as number
  }

  /** The bytes of the piece that lies here. */
  get length(): number {
    return this.#control[LENGTH] as number
  }

  /** Whether more of the message follows the piece. */
  get hasMore(): boolean {
    return this.#control[MORE] !== 0
  }

  /** What the sender of the message has set `note` to. */
  get note(): number {
    return this.#control[NOTE] as number
  }

  set note(value: number) {
    this.#control[NOTE] = value
  }

  /** Gives the turn to `party` with the piece that was written to `bytes`. */
  pass(from: number, party: number, length: number, hasMore: boolean): void {
    const control = this.#control
    control[LENGTH] = length
    control[MORE] = hasMore ? 1 : 0
    control[SENDER] = from
    Atomics.store(control, TURN, party)
    Atomics.notify(control, TURN)
  }

  /** The message has been taken, and nothing is to be answered. */
  free(): void {
    Atomics.store(this.#control, TURN, NOBODY)
    Atomics.notify(this.#control, TURN)
  }

  /** Blocks until it is this party's turn. For worker threads. */
  waitForTurn(party: number): void {
    const control = this.#control
    for (let turn = Atomics.load(control, TURN); turn !== party; turn = Atomics.load(control, TURN)) {
      Atomics.wait(control, TURN, turn, WAIT_MS_MAX)
    }
  }

  /**
   * Sends a message in as many pieces as it takes, and blocks between them. For worker threads.
   * @param wake called with the first piece: the other party may sleep elsewhere
   */
  send(from: number, to: number, source: Uint8Array, offset: number, length: number, wake: (() => void) | null): void {
    const pieceBytesMax = this.bytes.length
    const end = offset + length
    let at = offset
    for (;;) {
      const piece = Math.min(end - at, pieceBytesMax)
      copyBytes(source, at, this.bytes, 0, piece)
      const isFirst = at === offset
      at += piece
      this.pass(from, to, piece, at < end)
      if (isFirst && wake !== null) wake()
      if (at >= end) return
      this.waitForTurn(from)
    }
  }

  /**
   * The rest of a message whose first piece lies here and has more to follow, put together with it. It is this party's
   * turn then. For worker threads.
   */
  receiveRest(party: number): Uint8Array {
    const from = this.sender
    const pieces: Uint8Array[] = []
    let length = 0
    for (;;) {
      pieces.push(this.bytes.slice(0, this.length))
      length += this.length
      if (!this.hasMore) break
      this.pass(party, from, 0, false)
      this.waitForTurn(party)
    }
    // Whole words, as requests are read.
    const whole = new Uint8Array((length + 3) & ~3)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }
}
