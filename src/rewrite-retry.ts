/** How long rewrites of the append-only log that fail keep the next from beginning by itself. Main thread. */

/** After a failure, where there have been some. */
const RETRY_MS = 60_000
/** After so many failures in a row the wait doubles with each, as in Redis. */
const FAILURES_BEFORE_WAITING = 3
const RETRY_MS_MAX = 60 * 60_000

/** @param failures how many rewrites in a row have failed */
export function retryDelayMs(failures: number): number {
  if (failures < FAILURES_BEFORE_WAITING) return 0
  return Math.min(RETRY_MS * 2 ** (failures - FAILURES_BEFORE_WAITING), RETRY_MS_MAX)
}
