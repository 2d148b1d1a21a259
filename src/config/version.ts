/**
 * The versions that the server reports: its own, and that of the Redis whose behaviour it shows.
 *
 * Every thread. Invariant: the own version is that of package.json, read at run time, so that it is written down once.
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The Redis version that clients and tools see (INFO, HELLO, `--version`): they decide on it what they may use. */
export const REDIS_VERSION = '7.4.0'

/**
 * The folder of package.json. It is searched upwards from this file, because compiled files lie deeper than sources.
 * Throws when there is none, which means that the installation is damaged.
 */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    if (existsSync(join(folder, 'package.json'))) return folder
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json was not found above the program: the installation is damaged')
    folder = parent
  }
}

/** Shardkeep's own version. */
export function shardkeepVersion(): string {
  const description = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return description.version
}
