/**
 * Faults of the operating system in the words that Redis's users know ("No such file or directory").
 *
 * Main thread. Node.js reports libuv's texts, which are those of the C library with a small first letter; tools and
 * tests match on the C library's.
 */

import { getSystemErrorMap } from 'node:util'

/** The C library's text for an error of a file operation, or the error's own message when it has no error number. */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const errno = (error as NodeJS.ErrnoException).errno
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)
  if (known === undefined) return error.message
  const text = known[1]
  return text.charAt(0).toUpperCase() + text.slice(1)
}
