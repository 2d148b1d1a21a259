/**
 * The program as users run it: compiled, in a process of its own.
 *
 * Only used by tests. It is compiled once for each test file, without type checks, into a folder that git ignores.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/config/version.js'

const output = join(packageRoot(), '.build', 'test-config')

/** Compiles the program and returns a function that runs it to its end. */
export function compileProgram(): (argv: readonly string[], input?: string) => SpawnSyncReturns<string> {
  mkdirSync(output, { recursive: true })
  const compiler = join(packageRoot(), 'node_modules', 'typescript', 'bin', 'tsc')
  const compiled = spawnSync(process.execPath, [compiler, '-p', packageRoot(), '--noCheck', '--outDir', output], {
    encoding: 'utf8',
  })
  if (compiled.status !== 0) throw new Error(`the program does not compile: ${compiled.stdout}${compiled.stderr}`)
  const program = join(output, 'src', 'cli.js')
  return (argv, input = '') => spawnSync(process.execPath, [program, ...argv], { encoding: 'utf8', input })
}
