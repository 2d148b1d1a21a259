/**
 * The background pool: threads for work that would hold up clients or shards, and that has a beginning and an end.
 *
 * Main thread. One thread is there from the beginning, so that its memory is not part of what a save takes; others come when
 * several jobs run side by side. A job may block its thread.
 */
import { MessageChannel, type Transferable } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { BackgroundJobs, BackgroundTask } from './background-jobs.js'

const THREADS_MAX = 4
/** A thread beyond the first that has nothing to do ends after so long. */
const IDLE_MS = 10_000

export interface RunOptions {
  /** Of `input`, what the job gets and the caller has no more. */
  readonly transfer?: readonly Transferable[]
  /** Ends the job, with its thread. */
  readonly signal?: AbortSignal
  readonly onProgress?: (value: unknown) => void
}

export class Background {
  readonly #pool = new Piscina<BackgroundTask, unknown>({
    filename: new URL('../workers/background.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: THREADS_MAX,
    idleTimeout: IDLE_MS,
    // Jobs block their threads: to wake one by shared memory would gain nothing.
    atomics: 'disabled',
  })

  /** Runs a job. The promise ends with what it returns, or as an error that it throws. */
  async run<Name extends keyof BackgroundJobs>(
    name: Name,
    input: Parameters<BackgroundJobs[Name]>[0],
    { transfer = [], signal, onProgress }: RunOptions = {},
  ): Promise<Awaited<ReturnType<BackgroundJobs[Name]>>> {
    const channel = onProgress === undefined ? null : new MessageChannel()
    channel?.port1.on('message', (value: unknown) => onProgress?.(value))
    const transferList = channel === null ? [...transfer] : [...transfer, channel.port2]
    try {
      const task = { name, input, progress: channel?.port2 ?? null }
      const result = await this.#pool.run(task, signal === undefined ? { transferList } : { transferList, signal })
      return result as Awaited<ReturnType<BackgroundJobs[Name]>>
    } finally {
      channel?.port1.close()
    }
  }

  /** Ends all threads, whatever they do. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}
