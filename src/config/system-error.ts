/**
 * Faults of the operating system in the words that Redis's users know ("No such file or directory").
 *
 * Any thread. Node.js reports libuv's texts, most of which are those of the C library with a small first letter; tools and
 * tests match on the C library's.
 */

import { getSystemErrorMap } from 'node:util'

/** Where libuv has other words than the C library (its texts on Linux). */
const TEXTS: ReadonlyMap<string, string> = new Map([
  ['EADDRNOTAVAIL', 'Cannot assign requested address'],
  ['EAFNOSUPPORT', 'Address family not supported by protocol'],
  ['EBUSY', 'Device or resource busy'],
  ['EEXIST', 'File exists'],
  ['EFAULT', 'Bad address'],
  ['EHOSTUNREACH', 'No route to host'],
  ['EIO', 'Input/output error'],
  ['EISDIR', 'Is a directory'],
  ['ELOOP', 'Too many levels of symbolic links'],
  ['ENAMETOOLONG', 'File name too long'],
  ['ENFILE', 'Too many open files in system'],
  ['ENOMEM', 'Cannot allocate memory'],
  ['ENOTSUP', 'Operation not supported'],
  ['ESPIPE', 'Illegal seek'],
  ['ETXTBSY', 'Text file busy'],
  ['EXDEV', 'Invalid cross-device link'],
])

/** The C library's text for an error of a file operation, or the error's own message when it has no error number. */
export function systemErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const errno = (error as NodeJS.ErrnoException).errno
  return (errno === undefined ? undefined : textOfErrno(errno)) ?? error.message
}

/** @param errno as Node.js has it: negative */
export function textOfErrno(errno: number): string | undefined {
  const known = getSystemErrorMap().get(errno)
  if (known === undefined) return undefined
  const [code, text] = known
  return TEXTS.get(code) ?? text.charAt(0).toUpperCase() + text.slice(1)
}
