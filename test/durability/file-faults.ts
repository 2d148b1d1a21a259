/** Faults of a server's calls on files: what file-calls.cjs is told. Only used by tests. */
import { renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FILE_CALLS = fileURLToPath(new URL('file-calls.cjs', import.meta.url))

export interface FileFault {
  /** The name of the call, or several: a regular expression. */
  readonly call: string
  /** A part of the file's path: a regular expression. */
  readonly path?: string
  /** So many such calls of a thread go well first. */
  readonly skip?: number
  /** So many fail then; one, if nothing is said. */
  readonly count?: number
  /** The system's name of an error. */
  readonly error?: string
  /** So much longer does the call take. */
  readonly delayMs?: number
  /** The process ends there. */
  readonly end?: 'before' | 'after'
}

/** The environment of a server whose calls below a directory are looked at. */
export function watchingCalls(directory: string): Record<string, string> {
  return {
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${FILE_CALLS}`,
    FILE_CALLS_UNDER: directory,
  }
}

/** Has a running server's calls fail from now on, and no others. @param file what FILE_CALLS_FAULTS names */
export function setFaults(file: string, faults: readonly FileFault[]): void {
  // The server reads it in the middle of everything: it must never find half of it.
  writeFileSync(`${file}.new`, JSON.stringify(faults))
  renameSync(`${file}.new`, file)
}
