/**
 * Long commands in slices: others are executed between two of them, as long as they have no key in common.
 *
 * Runs in a shard worker. A handler hands over an iterator (`ShardCall.inSlices`); what one slice does not finish is kept
 * here with a copy of the frame, and the command's keys stay locked until it is through. Only the work begun first goes on;
 * the others wait their turn.
 *
 * Invariant: the work of a lock's owner (a command to which records of other shards are lent) holds that owner's later
 * frames back; all other work holds a lock of its own, with a negative owner that no frame names.
 */
import type { LockScope, LockTable, WaitingFrame } from './lock-table.js'
import type { Slicing } from './shard-options.js'

/** Long work goes on for so long before others have their turn. */
const SLICE_US = 500

/** One long command that is not through. */
export interface LongWork {
  readonly steps: Iterator<undefined>
  readonly id: number
  readonly dbIndex: number
  readonly flags: number
  readonly target: number
  readonly sequence: number
  /** A frame of its own, that nobody else writes to. */
  readonly words: Int32Array
  readonly bytes: Uint8Array
  /** The time at which the command happens. */
  readonly nowMs: number
  /** The lock owner for whom it runs: the frame's own, or one of this table's. */
  readonly owner: number
  usedUs: number
  /** One of its slices has changed something. */
  hasModified: boolean
}

export class SlicedWork {
  readonly #locks: LockTable
  readonly #clockUs: () => number
  readonly #slicing: Slicing | undefined
  readonly #queue: LongWork[] = []
  #lastOwner = 0

  constructor(locks: LockTable, clockUs: () => number, slicing: Slicing | undefined) {
    this.#locks = locks
    this.#clockUs = clockUs
    this.#slicing = slicing
  }

  /** The work that goes on next, or undefined. */
  get first(): LongWork | undefined {
    return this.#queue[0]
  }

  /** Locks the keys of a command that is to go on later. @returns the owner to name in its `LongWork` */
  lock(scope: LockScope, frameOwner: number, nowMs: number, gsn: number): number {
    if (this.#locks.timeOf(frameOwner) !== undefined) {
      this.#locks.holdBack(frameOwner)
      return frameOwner
    }
    this.#lastOwner--
    this.#locks.grant(scope, this.#lastOwner, nowMs, gsn)
    return this.#lastOwner
  }

  add(work: LongWork): void {
    this.#queue.push(work)
  }

  /** The first work is through: gives its locks back, and hands the frames that waited for it to `run`. */
  finishFirst(run: (frame: WaitingFrame) => void): void {
    const work = this.#queue.shift()
    if (work === undefined) return
    if (work.owner < 0) this.#locks.release(work.owner, run)
    else this.#locks.letGoOn(work.owner, run)
  }

  /** Takes steps until there are no more or the slice is over. @returns whether there are no more */
  takeSteps(steps: Iterator<undefined>, startedUs: number): boolean {
    const isSliceOver = this.#slicing?.isSliceOver ?? (() => this.#clockUs() - startedUs >= SLICE_US)
    do {
      if (steps.next().done === true) return true
    } while (!isSliceOver())
    return false
  }
}
