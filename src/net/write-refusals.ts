/**
 * Why commands that write are refused: no memory, or what they write could not be kept. Main thread.
 *
 * Invariant: an error is the same object for as long as its reason holds.
 */
import { latin1Of } from '../base/bytes.js'
import { encodeError } from '../resp/errors.js'
import type { DispatchPolicy } from './dispatch-policy.js'

/** What the server's state says about writes. */
export type WriteState = Pick<DispatchPolicy, 'isOutOfMemory' | 'saveRefusal' | 'logRefusal'>

const LOG_ERROR_PREFIX = '-MISCONF Errors writing to the AOF file: '
const CANNOT_KEEP =
  "but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts."

/** What a command that writes is answered with, or null. */
export function refusalOfWrites({ saveRefusal, logRefusal }: WriteState): Uint8Array | null {
  return saveRefusal ?? logRefusal
}

/** The same for a script inside EXEC that may write: there Redis has a text of its own. */
export function refusalOfScripts({ saveRefusal, logRefusal }: WriteState): Uint8Array | null {
  if (saveRefusal !== null) return encodeError(`MISCONF Redis is configured to save RDB snapshots, ${CANNOT_KEEP}`)
  if (logRefusal === null) return null
  const reason = latin1Of(logRefusal, 0, logRefusal.length).slice(LOG_ERROR_PREFIX.length).trimEnd()
  return encodeError(`MISCONF Redis is configured to persist data to AOF, ${CANNOT_KEEP} AOF error: ${reason}`)
}
