/**
 * What the main thread and the shards must know of each other's scripts at once, in shared memory: which shard runs one,
 * since when, whether it has written, whether it must end, and whether memory is out.
 *
 * Main thread and shards. A script shows itself here only when it has run for a while, so that a short one costs nothing.
 *
 *   a shard's line:   0 state   1 milliseconds since the board's beginning when the script was seen first
 *   the last line:    0 whether memory is out   1 whether scripts may call what is not for them (a debugging aid)
 *                     2 whether somebody monitors
 *
 * Invariant: a script that has written is never told to end: both go through one word, by compare-and-swap.
 */

const LINE_WORDS = 16
const STATE = 0
const SINCE = 1

/** What the state of a shard's script is made of. */
const State = { none: 0, clean: 1, written: 2, killed: 3 } as const
/** Added to a state when the script is a function (FCALL). */
const FUNCTION = 8

export interface ScriptBoardMemory {
  readonly words: SharedArrayBuffer
  /** `Date.now()` when it was made: what `SINCE` counts from. */
  readonly madeAtMs: number
}

export function createScriptBoardMemory(shardCount: number, nowMs: number): ScriptBoardMemory {
  return { words: new SharedArrayBuffer((shardCount + 1) * LINE_WORDS * 4), madeAtMs: nowMs }
}

/** How an attempt to end a script came out. */
export type KillResult = 'killed' | 'not-busy' | 'written' | 'other-kind'

export class ScriptBoard {
  readonly #words: Int32Array
  readonly #madeAtMs: number
  readonly #shardCount: number

  constructor(memory: ScriptBoardMemory) {
    this.#words = new Int32Array(memory.words)
    this.#madeAtMs = memory.madeAtMs
    this.#shardCount = this.#words.length / LINE_WORDS - 1
  }

  /** Shard: a script has run for a while. */
  show(shard: number, nowMs: number, isFunction: boolean, hasWritten: boolean): void {
    const line = shard * LINE_WORDS
    Atomics.store(this.#words, line + SINCE, (nowMs - this.#madeAtMs) | 0)
    const state = hasWritten ? State.written : State.clean
    Atomics.store(this.#words, line + STATE, isFunction ? state | FUNCTION : state)
  }

  /** Shard: the script that was shown is about to write. @returns false when it must end instead */
  noteWrite(shard: number): boolean {
    const line = shard * LINE_WORDS
    const state = Atomics.load(this.#words, line + STATE)
    if ((state & ~FUNCTION) !== State.clean) return (state & ~FUNCTION) !== State.killed
    const written = (state & FUNCTION) | State.written
    return Atomics.compareExchange(this.#words, line + STATE, state, written) === state
  }

  /** Shard: whether the script that was shown must end. */
  isKilled(shard: number): boolean {
    return (Atomics.load(this.#words, shard * LINE_WORDS + STATE) & ~FUNCTION) === State.killed
  }

  /** Shard: the script that was shown is over. */
  clear(shard: number): void {
    Atomics.store(this.#words, shard * LINE_WORDS + STATE, State.none)
  }

  /** Main thread: what has run for longer than so many milliseconds, if anything has. */
  busy(nowMs: number, thresholdMs: number): 'script' | 'function' | null {
    const words = this.#words
    for (let line = 0; line < this.#shardCount * LINE_WORDS; line += LINE_WORDS) {
      const state = words[line + STATE] as number
      if (state === State.none) continue
      if (((nowMs - this.#madeAtMs) | 0) - (words[line + SINCE] as number) < thresholdMs) continue
      return (state & FUNCTION) !== 0 ? 'function' : 'script'
    }
    return null
  }

  /** Main thread: the script or function that has been shown for the longest time. */
  longest(nowMs: number): { readonly shard: number; readonly isFunction: boolean; readonly durationMs: number } | null {
    let longest: { readonly shard: number; readonly isFunction: boolean; readonly durationMs: number } | null = null
    for (let shard = 0; shard < this.#shardCount; shard++) {
      const line = shard * LINE_WORDS
      const state = Atomics.load(this.#words, line + STATE)
      if (state === State.none) continue
      const durationMs = ((nowMs - this.#madeAtMs) | 0) - Atomics.load(this.#words, line + SINCE)
      if (longest !== null && longest.durationMs >= durationMs) continue
      longest = { shard, isFunction: (state & FUNCTION) !== 0, durationMs }
    }
    return longest
  }

  /** Main thread: ends the scripts (or functions) that run and have not written. */
  kill(isFunction: boolean): KillResult {
    let result: KillResult = 'not-busy'
    for (let shard = 0; shard < this.#shardCount; shard++) {
      const at = shard * LINE_WORDS + STATE
      const state = Atomics.load(this.#words, at)
      if (state === State.none) continue
      if ((state & ~FUNCTION) === State.written) result = 'written'
      else if (((state & FUNCTION) !== 0) !== isFunction) result = 'other-kind'
      else if (Atomics.compareExchange(this.#words, at, state, (state & FUNCTION) | State.killed) === state)
        return 'killed'
    }
    return result
  }

  /** Main thread. */
  set isOutOfMemory(isOut: boolean) {
    Atomics.store(this.#words, this.#shardCount * LINE_WORDS, isOut ? 1 : 0)
  }

  /** Main thread. */
  set allowsEveryCommand(allows: boolean) {
    Atomics.store(this.#words, this.#shardCount * LINE_WORDS + 1, allows ? 1 : 0)
  }

  get allowsEveryCommand(): boolean {
    return Atomics.load(this.#words, this.#shardCount * LINE_WORDS + 1) !== 0
  }

  /** Main thread. */
  set isMonitored(isMonitored: boolean) {
    Atomics.store(this.#words, this.#shardCount * LINE_WORDS + 2, isMonitored ? 1 : 0)
  }

  /** A look without ordering: a script that was sent after MONITOR was answered came through a ring, and sees it. */
  get isMonitored(): boolean {
    return this.#words[this.#shardCount * LINE_WORDS + 2] !== 0
  }

  get isOutOfMemory(): boolean {
    return Atomics.load(this.#words, this.#shardCount * LINE_WORDS) !== 0
  }
}
