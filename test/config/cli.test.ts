/**
 * The program up to the point where the server starts: help, version, faults that end it.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { packageRoot, shardkeepVersion } from '../../src/config/version.js'
import { compileProgram } from './compiled-program.js'
import { temporaryFolder } from './temporary-folder.js'

const folder = temporaryFolder()
let run: ReturnType<typeof compileProgram>

beforeAll(() => {
  run = compileProgram()
}, 60_000)

test.each(['--version', '-v'])('%s shows both versions', (option) => {
  const { status, stdout } = run([option])
  expect(status).toBe(0)
  expect(stdout).toMatch(/^Redis server v=7\.4\.0 sha=00000000:0 malloc=\S+ bits=64 build=\S+\nShardkeep v=/)
  expect(stdout).toContain(`Shardkeep v=${shardkeepVersion()} Node.js ${process.version}\n`)
  const description = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  expect(shardkeepVersion()).toBe(description.version)
})

test.each(['--help', '-h'])('%s shows how to start it', (option) => {
  const { status, stdout } = run([option])
  expect(status).toBe(0)
  expect(stdout).toContain('Usage: shardkeep [/path/to/redis.conf] [--name value ...] [-]')
})

const header = '\n*** FATAL CONFIG FILE ERROR (Redis 7.4.0) ***\n'

test('an unknown option ends it with status 1 and the place', () => {
  const { status, stderr, stdout } = run(['--port', '1', '--nope', 'x'])
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toBe(
    `${header}Reading the configuration file, at line 3\n>>> 'nope "x"'\n` +
      'Bad directive or wrong number of arguments\n(in the options of the command line)\n',
  )
})

test('a fault in a file ends it with status 1, the line and the name of the file', () => {
  const file = folder.write('bad.conf', 'port 1\n\nloglevel loud # \xe9\n')
  const { status, stderr } = run([file])
  expect(status).toBe(1)
  expect(stderr).toContain(`${header}Reading the configuration file, at line 3\n>>> 'loglevel loud`)
  expect(stderr).toContain(`(in ${file})\n`)
})

test('a file that is missing ends it with status 1', () => {
  const { status, stderr } = run(['/nonexistent/redis.conf'])
  expect(status).toBe(1)
  expect(stderr).toBe("Fatal error, can't open config file '/nonexistent/redis.conf': No such file or directory\n")
})

test('standard input is read for a dash', () => {
  const { status, stderr } = run(['-'], 'port 1\nprt 2\n')
  expect(status).toBe(1)
  expect(stderr).toContain("at line 2\n>>> 'prt 2'\nBad directive or wrong number of arguments\n(in standard input)\n")
})

test.each(['--test-memory', '--check-system', '--sentinel'])('%s is refused in words', (option) => {
  const { status, stderr } = run([option])
  expect(status).toBe(1)
  expect(stderr).toMatch(new RegExp(`^shardkeep: ${option}: .*not supported.*\n$`))
})
