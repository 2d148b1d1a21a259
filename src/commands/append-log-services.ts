/**
 * What commands ask of the append-only log: interfaces only. `src/append-log.ts` provides them, on the main thread.
 */

/** For INFO. */
export interface AppendLogState {
  readonly isOn: boolean
  readonly isRewriting: boolean
  readonly isRewriteScheduled: boolean
  readonly isLastRewriteOk: boolean
  readonly isLastWriteOk: boolean
  /** Seconds that the last rewrite took, and the one that goes on; -1 for none. */
  readonly lastRewriteSeconds: number
  readonly currentRewriteSeconds: number
  readonly rewrites: number
  readonly consecutiveFailures: number
  /** All files, and what they were after the last rewrite or at the start. */
  readonly currentBytes: number
  readonly baseBytes: number
  /** Not written yet, over all shards. */
  readonly bufferBytes: number
  readonly pendingSyncs: number
  readonly delayedSyncs: number
}

export interface AppendLogServices {
  readonly state: AppendLogState
  /** Begins to compact the log, unless that goes on already. */
  rewrite(): void
  /** Begins when nothing is in the way of it. */
  scheduleRewrite(): void
  /** Whether what the main thread has put into the log may only be answered when the log has it. */
  readonly recordsAreAwaited: boolean
  /** Calls `done` when the log has it. */
  whenRecorded(done: () => void): void
  /** Has the data set loaded anew from the files, and goes on with them; the server ends when that is not possible. */
  reload(done: () => void): void
  /** Calls `done` when everything that has been asked of the server so far is on the disk. */
  whenSynced(done: () => void): void
}
