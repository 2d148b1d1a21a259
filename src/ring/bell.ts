/**
 * Wakes a thread that has announced its sleep, and costs one load when it has not. Any number of threads may ring; one
 * sleeps.
 *
 * No wake-up is lost: the sleeper announces, then looks at its rings again, then waits; a ringer publishes, then looks at
 * the announcement. Whichever comes second sees the other. Every wait is bounded in time all the same.
 */
const AWAKE = 0
const ASLEEP = 1
const BELL_BYTES = 64

export function createBellMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(BELL_BYTES)
}

export class Bell {
  readonly #state: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#state = new Int32Array(memory)
  }

  /** Wakes the sleeper if there is one; returns whether there was. */
  ring(): boolean {
    if (Atomics.load(this.#state, 0) === AWAKE) return false
    Atomics.store(this.#state, 0, AWAKE)
    Atomics.notify(this.#state, 0)
    return true
  }

  /** After this, the sleeper must look whether there is work, and then `wait`, `waitAsync` or `cancel`. */
  announce(): void {
    Atomics.store(this.#state, 0, ASLEEP)
  }

  cancel(): void {
    Atomics.store(this.#state, 0, AWAKE)
  }

  /** Blocks until the bell rings or `timeoutMs` (fractions count) is over. */
  wait(timeoutMs: number): void {
    Atomics.wait(this.#state, 0, ASLEEP, timeoutMs)
    Atomics.store(this.#state, 0, AWAKE)
  }

  /** A promise that ends with the bell or after `timeoutMs`, or undefined when it has rung already. */
  waitAsync(timeoutMs: number): Promise<unknown> | undefined {
    const wait = Atomics.waitAsync(this.#state, 0, ASLEEP, timeoutMs)
    return wait.async ? wait.value : undefined
  }
}
