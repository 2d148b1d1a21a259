/**
 * Writes docs/configuration.md: `node dist/src/config/docs.js`.
 * With `--check` it writes nothing and fails when the file differs from the table.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { renderConfigurationDocs } from './render-docs.js'
import { packageRoot } from './version.js'

const path = join(packageRoot(), 'docs', 'configuration.md')
const text = renderConfigurationDocs()
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    process.stderr.write('docs/configuration.md is out of date: run node dist/src/config/docs.js\n')
    process.exitCode = 1
  }
} else {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
