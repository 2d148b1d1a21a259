/**
 * Waiting for what an application does: every wait ends with the event it waits for, or with an error that names it.
 *
 * Only used by tests. Invariant: nothing here sleeps; a limit is only ever reached by a test that fails.
 */

/** Generous: the machine may be busy with other tests, and an event that is missing is missing after any time. */
const WAIT_MS_MAX = 15_000

/** Resolves as `event` does, or rejects naming `what` when that takes longer than `limitMs`. */
export async function within<T>(what: string, event: Promise<T>, limitMs: number = WAIT_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([event, late])
  } finally {
    clearTimeout(timer)
  }
}

/** What has come so far (messages, finished jobs), in order, and a way to wait for more of it. */
export class Arrivals<T> {
  readonly all: T[] = []
  readonly #waiting = new Set<() => void>()

  add(item: T): void {
    this.all.push(item)
    for (const look of this.#waiting) look()
  }

  /** Resolves with everything that has come as soon as `holds` is true of it, at once if it already is. */
  until(what: string, holds: (all: readonly T[]) => boolean, limitMs?: number): Promise<readonly T[]> {
    let look = (): void => {}
    const reached = new Promise<readonly T[]>((resolve) => {
      look = () => {
        if (holds(this.all)) resolve(this.all)
      }
      this.#waiting.add(look)
      look()
    })
    return within(what, reached, limitMs)
      .catch((error: Error) => {
        throw new Error(`${error.message}; so far: ${JSON.stringify(this.all).slice(0, 2_000)}`)
      })
      .finally(() => this.#waiting.delete(look))
  }

  /** Resolves when at least `count` have come. */
  count(what: string, count: number, limitMs?: number): Promise<readonly T[]> {
    return this.until(`${what} (${count})`, (all) => all.length >= count, limitMs)
  }
}
