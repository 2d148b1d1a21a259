/**
 * Has the files of the append-only log written to the disk, and knows how far they are. Main thread.
 *
 * Shards write, and go on; descriptors are the process's, so a thread of Node.js's pool can sync them meanwhile.
 * Invariant: one sync goes on at a time, and everything that was written before one was asked for is covered by it.
 */
import { fdatasync } from 'node:fs'
import { promisify } from 'node:util'
import type { ShardReport } from './shard-threads.js'

const syncFile = promisify(fdatasync)

/** With the time until the next look, no write waits longer than a second for its sync to begin, or for the one before to end. */
const SYNC_AFTER_MS = 800

interface Waiting {
  readonly gsn: number
  readonly done: () => void
}

export class LogSync {
  /** What the last sync failed with, null when it went well. */
  error: unknown = null
  /** Everything up to this number is on the disk. */
  #gsn = 0
  /** By shard, the bytes of the file in hand that are. */
  #bytes: number[] = []
  #requestedAtMs = 0
  /** The sync of this second is due, and waits for the one before. */
  #isLate = false
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  /** Shards change to other files: which of them has what cannot be told. */
  #isChanging = false
  readonly #waiting: Waiting[] = []

  constructor(
    private readonly reports: readonly ShardReport[],
    /** Descriptors of the files that the shards append to, in their order; while they change, all of both. */
    private readonly descriptors: () => readonly number[],
  ) {}

  /** Somebody waits, so that syncs must go on. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  /** Syncs what has been written so far. */
  request(): Promise<void> {
    if (this.#running === null) return this.#begin()
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.#begin()
    })
    return this.#next
  }

  /** The same every second; to be called ten times in each. @returns false, once, when the last one has not come to its end yet */
  requestEverySecond(nowMs: number): boolean {
    if (nowMs - this.#requestedAtMs < SYNC_AFTER_MS) return true
    if (this.isRunning) {
      if (this.#isLate) return true
      this.#isLate = true
      return false
    }
    this.#requestedAtMs = nowMs
    this.#isLate = false
    void this.request()
    return true
  }

  #begin(): Promise<void> {
    this.#running = this.#sync().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #sync(): Promise<void> {
    const gsn = Math.min(...this.reports.map(({ logMark }) => logMark))
    const bytes = this.reports.map(({ logBytes }) => logBytes)
    const isOfFiles = !this.#isChanging
    const stale = this.descriptors().filter((_, shard) => !isOfFiles || bytes[shard] !== this.#bytes[shard])
    try {
      await Promise.all(stale.map((descriptor) => syncFile(descriptor)))
    } catch (error) {
      this.error = error
      return
    }
    this.error = null
    if (isOfFiles) this.#bytes = bytes
    this.#gsn = Math.max(this.#gsn, gsn)
    for (const entry of this.#waiting.splice(0)) {
      if (entry.gsn <= this.#gsn) entry.done()
      else this.#waiting.push(entry)
    }
  }

  /** Calls `done` when everything up to the number is on the disk; somebody has to ask for syncs. */
  when(gsn: number, done: () => void): void {
    if (gsn <= this.#gsn) done()
    else this.#waiting.push({ gsn, done })
  }

  /** The shards are about to go on with other files; `endChange` follows. */
  beginChange(): void {
    this.#isChanging = true
  }

  /** They do. Resolves when no sync uses the last files any more. */
  async endChange(): Promise<void> {
    while (this.isRunning || this.#next !== null) await (this.#running ?? this.#next)
    this.#bytes = []
    this.#isChanging = false
  }
}
