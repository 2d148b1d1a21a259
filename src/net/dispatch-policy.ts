/** What commands of clients may do now. Main thread. */

/** What the dispatcher must know of the server's state; the wiring keeps it up to date. */
export interface DispatchPolicy {
  requiresPassword: boolean
  protoMaxBulkLen: number
  /** Commands flagged `denyoom` are refused. */
  isOutOfMemory(): boolean
  /** CLIENT PAUSE: until when, and what. */
  pausedUntilMs: number
  pauseMode: 'write' | 'all'
  isShuttingDown: boolean
  /** The data set is being loaded: only commands flagged `loading` are done. */
  isLoading: boolean
  /** The data set cannot be saved, or the log of writes not be written: commands that write are refused with these errors. */
  saveRefusal: Uint8Array | null
  logRefusal: Uint8Array | null
}

/** Everything is allowed, but that the data set is being loaded is for others to say. */
export function openPolicy(isOutOfMemory: () => boolean): DispatchPolicy {
  return {
    requiresPassword: false,
    protoMaxBulkLen: 0,
    isOutOfMemory,
    pausedUntilMs: 0,
    pauseMode: 'all',
    isShuttingDown: false,
    isLoading: false,
    saveRefusal: null,
    logRefusal: null,
  }
}
