/**
 * Writes what the documentation says of commands, in README.md and docs/supported-commands.md:
 * `node dist/src/commands/docs.js`. With `--check` it writes nothing and fails when a file differs from the table.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { packageRoot } from '../config/version.js'
import { renderSummary, renderSupportedCommands } from './render-docs.js'

const BEGIN = '<!-- commands:begin -->'
const END = '<!-- commands:end -->'

/** The README with the table between its two marks. */
function withSummary(readme: string): string {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`README.md has no block between ${BEGIN} and ${END}`)
  return `${readme.slice(0, begin)}${BEGIN}\n${renderSummary()}\n${readme.slice(end)}`
}

/** The text of a file, empty when there is none. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function bringUpToDate(name: string, wantedFor: (text: string) => string): void {
  const path = join(packageRoot(), name)
  const text = read(path)
  const wanted = wantedFor(text)
  if (wanted === text) return
  if (process.argv.includes('--check')) {
    process.stderr.write(`${name} is out of date: run npm run docs\n`)
    process.exitCode = 1
    return
  }
  writeFileSync(path, wanted)
}

bringUpToDate('README.md', withSummary)
bringUpToDate('docs/supported-commands.md', renderSupportedCommands)
