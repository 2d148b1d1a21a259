/** What the server does `hz` times a second. Main thread. */
export class Cron {
  /** True: the shards still get the time, and nothing else is done (DEBUG). */
  isPaused = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly hz: () => number,
    /** Done even while it is paused. */
    private readonly always: () => void,
    private readonly work: () => void,
  ) {}

  /** Starts it, or changes its rate. */
  start(): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(() => {
      this.always()
      if (!this.isPaused) this.work()
    }, 1000 / this.hz())
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
