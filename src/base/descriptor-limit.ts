/**
 * How many descriptors this process may have open: Linux alone tells.
 *
 * Runs on every thread; the limit is the process's.
 */
import fs from 'node:fs'

/** The soft limit of open files in the form of Linux's /proc/self/limits; undefined when it says nothing or "unlimited". */
export function parseDescriptorLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1]
  return soft === undefined ? undefined : Number(soft)
}

/** How many descriptors this process may have open, or undefined when there is no limit or the system does not tell. */
export function descriptorLimit(): number | undefined {
  try {
    return parseDescriptorLimit(fs.readFileSync('/proc/self/limits', 'latin1'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Only Linux has that file.
    if (code === 'ENOENT' || code === 'EACCES') return undefined
    throw error
  }
}
