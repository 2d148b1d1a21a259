/**
 * The server that the suite is to test, put where the suite looks for it.
 *
 * Runs in the suite tool's only thread. The suite starts `src/redis-server` and writes under `tests/tmp`, so each target
 * of each run gets a tree of its own, whose other parts are links into the unpacked source: runs do not disturb each other.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

export interface Target {
  /** Column head in the report, such as `4 shards`. */
  readonly label: string
  /** Null for a server that has no shards, such as redis-server itself. */
  readonly shards: number | null
  /** A program, or a `.js` file that Node.js is to run. */
  readonly server: string
}

/** Redis's own tools, which the suite expects beside the server. */
const TOOLS = ['redis-cli', 'redis-benchmark', 'redis-check-aof', 'redis-check-rdb']
const TOOLS_FOLDER = '/usr/bin'

/** Lays out a tree for `target` below `runsFolder` and returns its path. */
export function makeTree(target: Target, sourceFolder: string, runsFolder: string): string {
  const name = `${process.pid}-${target.label.replace(/\W+/g, '-')}`
  const tree = path.join(runsFolder, name)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(path.join(tree, 'tests/tmp'), { recursive: true })
  mkdirSync(path.join(tree, 'src'))
  for (const entry of readdirSync(path.join(sourceFolder, 'tests'))) {
    if (entry !== 'tmp') symlinkSync(path.join(sourceFolder, 'tests', entry), path.join(tree, 'tests', entry))
  }
  for (const tool of TOOLS) {
    if (existsSync(path.join(TOOLS_FOLDER, tool)))
      symlinkSync(path.join(TOOLS_FOLDER, tool), path.join(tree, 'src', tool))
  }
  const server = path.join(tree, 'src/redis-server')
  writeFileSync(server, wrapper(target))
  chmodSync(server, 0o755)
  return tree
}

/** The suite remembers the pid of what it starts, so the shell must become the server instead of starting it. */
function wrapper(target: Target): string {
  const command = target.server.endsWith('.js') ? `'${process.execPath}' '${target.server}'` : `'${target.server}'`
  const shards = target.shards === null ? '' : ` --shards ${target.shards}`
  return `#!/bin/sh\nexec ${command} "$@"${shards}\n`
}
