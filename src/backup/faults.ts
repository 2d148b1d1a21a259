/** Which errors are the surroundings', and what to tell about them. Main thread. */
import { systemErrorText } from '../config/system-error.js'

/** True for faults of the surroundings, which have a code; a broken invariant must end the process. */
export function isFault(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return error.code !== 'INVARIANT_BROKEN' && !error.code.startsWith('ERR_')
}

export function reasonOf(error: unknown): string {
  return error instanceof Error && 'syscall' in error ? systemErrorText(error) : (error as Error).message
}
