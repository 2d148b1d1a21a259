/**
 * A folder for the files of one test file, removed when its tests have run. Only used by tests.
 */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

export interface TemporaryFolder {
  readonly path: string
  /** Writes a file (one character a byte) and returns its path. */
  write(name: string, text: string): string
}

export function temporaryFolder(): TemporaryFolder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'shardkeep-config-')))
  afterAll(() => rmSync(path, { recursive: true }))
  return {
    path,
    write(name, text) {
      const file = join(path, name)
      writeFileSync(file, text, 'latin1')
      return file
    },
  }
}
