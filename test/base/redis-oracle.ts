/**
 * A real Redis server to compare with, where the machine has one.
 *
 * Only used by tests. The server listens on a socket file in a directory of its own, so that any number of test files
 * can run at the same time, and it ends with the test file that started it.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** True when a redis-server 7.0 can be started. Other versions differ in details that these tests look at. */
export const hasRedis7 = / v=7\.0\./.test(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')

export interface RedisOracle {
  readonly client: Redis
  /** Sends all commands in one pipeline; error replies come back as Error objects, in place. */
  replies(commands: (string | Buffer | number)[][]): Promise<unknown[]>
  stop(): Promise<void>
}

/** `settings` are command-line arguments beyond those that every test needs, for example `--enable-debug-command yes`. */
export async function startRedisOracle(...settings: string[]): Promise<RedisOracle> {
  const directory = mkdtempSync(join(tmpdir(), 'redis-oracle-'))
  const socketPath = join(directory, 'socket')
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socketPath, '--save', '', '--dir', directory, '--logfile', 'log', ...settings],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  while (!existsSync(socketPath)) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with status ${server.exitCode}`)
    await delay(10)
  }
  const client = new Redis(socketPath)
  // The socket's file is there before the server listens on it.
  await client.ping()
  return {
    client,
    async replies(commands) {
      const pipeline = client.pipeline()
      for (const [name, ...args] of commands) pipeline.callBuffer(String(name), ...args)
      const results = await pipeline.exec()
      return (results ?? []).map(([error, reply]) => error ?? reply)
    },
    async stop() {
      client.disconnect()
      server.kill()
      await ended
      rmSync(directory, { recursive: true })
    },
  }
}
