/**
 * Clients in other languages, as Debian packages them: redis-py, php-redis and hiredis, each in a program of its own.
 *
 * Where one is not installed its test is skipped and says what to install.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { runProgram } from './program.js'

const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url))
const build = mkdtempSync(path.join(tmpdir(), 'shardkeep-clients-'))

interface SystemClient {
  readonly name: string
  /** What `apt-get install` has to bring. */
  readonly packages: string
  /** The command that runs the program, or null where the client is not installed. */
  readonly command: readonly string[] | null
}

const CLIENTS: readonly SystemClient[] = [
  { name: 'redis-py', packages: 'python3-redis', command: python() },
  { name: 'php-redis', packages: 'php-cli php-redis', command: php() },
  { name: 'hiredis', packages: 'gcc libc6-dev libhiredis-dev', command: hiredis() },
]

/** Another Python may come first in the path; the one that Debian's packages are for is in /usr/bin. */
function python(): readonly string[] | null {
  const found = ['python3', '/usr/bin/python3'].find((command) => succeeds(command, '-c', 'import redis'))
  return found === undefined ? null : [found, path.join(PROGRAMS, 'redis-py.py')]
}

function php(): readonly string[] | null {
  return succeeds('php', '-r', 'exit(extension_loaded("redis") ? 0 : 1);')
    ? ['php', path.join(PROGRAMS, 'php-redis.php')]
    : null
}

/** Compiles the program. An error in it fails the test: only a compiler or a header that is missing skips it. */
function hiredis(): readonly string[] | null {
  if (!existsSync('/usr/include/hiredis/hiredis.h') || !succeeds('cc', '--version')) return null
  const binary = path.join(build, 'hiredis')
  const source = path.join(PROGRAMS, 'hiredis.c')
  const compiled = spawnSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', binary, source, '-lhiredis'], {
    encoding: 'utf8',
  })
  if (compiled.status !== 0) throw new Error(`hiredis.c: ${compiled.stderr}`)
  return [binary]
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

describe.each(SHARD_COUNTS)('clients of the system on %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  for (const { name, packages, command } of CLIENTS)
    it(name, async (context) => {
      if (command === null) return context.skip(`not installed: apt-get install ${packages}`)
      const [program = '', ...args] = command
      expect(await runProgram(program, [...args, String(server.port)])).toEqual({ status: 0, output: 'done\n' })
    })
})

afterAll(() => {
  rmSync(build, { recursive: true, force: true })
})
