/**
 * Disks that are full or cannot be written to: writes are refused as Redis refuses them, nothing that was answered is lost,
 * and all goes on when there is room again.
 *
 * The same with `SHARDKEEP_TEST_PEER=redis-server`.
 */

import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Choice } from '../differential/choice.js'
import type { RespConnection, RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, testPeer } from '../support/server.js'
import { isWhole } from './amount.js'
import { checkState } from './checker.js'
import { Model } from './model.js'
import { ServerProcess } from './server-process.js'
import { SmallDisk } from './small-disk.js'
import { readState } from './state-reader.js'
import { backgroundWork, DATABASES, Workload } from './workload.js'

const DISK_BYTES = 12 * 1024 * 1024
const VALUE_BYTES = 1024 * 1024
const WAIT_MS_MAX = 15_000
const SHARDS = testPeer !== undefined ? [1] : isWhole ? SHARD_COUNTS : [4]
const OK = { simple: 'OK' }
const REFUSED = { error: 'MISCONF Errors writing to the AOF file: No space left on device' }

let disk: SmallDisk
const servers: ServerProcess[] = []
const connections: RespConnection[] = []

beforeEach(() => {
  disk = new SmallDisk(DISK_BYTES)
})

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close()
  for (const server of servers.splice(0)) await server.end()
  disk.remove()
})

async function start(shards: number, ...args: string[]): Promise<ServerProcess> {
  const server = new ServerProcess({
    directory: disk.directory,
    shards,
    args: ['--save', '', ...args],
  })
  servers.push(server)
  if (!(await server.ready)) throw new Error(server.output)
  return server
}

async function connect(server: ServerProcess): Promise<RespConnection> {
  const connection = await server.connect()
  connections.push(connection)
  return connection
}

async function info(connection: RespConnection, field: string): Promise<string> {
  const text = (await connection.call('INFO', 'persistence')) as string
  return new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1] ?? ''
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`it did not come: ${what}`)
    await sleep(20)
  }
}

/** Writes until it is refused. @returns how many writes were answered with OK, and what the refusal was */
async function writeUntilRefused(connection: RespConnection): Promise<{ written: number; refusal: RespValue }> {
  for (let written = 0; ; written++) {
    const reply = await connection.call('SET', `filler:${written}`, 'x'.repeat(2000))
    if (JSON.stringify(reply) !== JSON.stringify(OK)) return { written, refusal: reply }
  }
}

async function hasWritten(connection: RespConnection, written: number): Promise<boolean> {
  const names = Array.from({ length: written }, (_, i) => `filler:${i}`)
  return written === 0 || (await connection.call('EXISTS', ...names)) === written
}

// A server of our own with the log is needed as much as the right to mount.
describe.skipIf(!SmallDisk.isPossible).each(SHARDS)(
  'a disk that is full, %i shard(s)',
  { timeout: 120_000 },
  (shards) => {
    it.each(isWhole ? ['everysec', 'no'] : ['everysec'])(
      'refuses writes until there is room, appendfsync %s',
      async (sync) => {
        const server = await start(shards, '--appendonly', 'yes', '--appendfsync', sync)
        const connection = await connect(server)
        disk.fill()
        const { written, refusal } = await writeUntilRefused(connection)
        expect(refusal).toEqual(REFUSED)
        expect(await connection.call('GET', 'filler:0')).toBe('x'.repeat(2000))
        expect(await info(connection, 'aof_last_write_status')).toBe('err')
        expect(await connection.call('EVAL', 'return redis.call("SET", KEYS[1], "x")', 1, 'filler:0')).toMatchObject(
          testPeer === undefined
            ? { error: expect.stringMatching(/^MISCONF /) }
            : { error: expect.stringMatching(/MISCONF/) },
        )
        disk.free()
        await until(
          'the log being written again',
          async () => (await info(connection, 'aof_last_write_status')) === 'ok',
        )
        expect(server.output).toContain('AOF write error looks solved')
        expect(await connection.call('SET', 'after', '1')).toEqual(OK)
        await sleep(1200)
        await server.end()
        const next = await connect(await start(shards, '--appendonly', 'yes'))
        expect(await next.call('GET', 'after')).toBe('1')
        expect(await hasWritten(next, written)).toBe(true)
      },
    )

    it('ends the server with appendfsync always, and nothing answered is lost', async () => {
      const server = await start(shards, '--appendonly', 'yes', '--appendfsync', 'always')
      const connection = await connect(server)
      disk.fill()
      const { written, refusal } = await writeUntilRefused(connection)
      expect(refusal).toBe('closed')
      await server.exited
      expect(server.exitCode).toBe(1)
      expect(server.output).toMatch(/(Error|Short write while) writing to the AOF file/)
      expect(server.output).toContain(
        "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
      )
      disk.free()
      const next = await connect(await start(shards, '--appendonly', 'yes'))
      expect(await hasWritten(next, written)).toBe(true)
    })

    it.runIf(isWhole)('keeps the old log when a rewrite has no room', async () => {
      const server = await start(shards, '--appendonly', 'yes', '--appendfsync', 'always')
      const connection = await connect(server)
      await connection.call('SET', 'large', 'x'.repeat(VALUE_BYTES))
      // Noise that no compression makes small.
      const noise = Buffer.from(new Choice(1).bytes(VALUE_BYTES)).toString('latin1')
      await connection.call('SET', 'noise', noise)
      const files = await logFiles()
      disk.fill()
      await connection.call('BGREWRITEAOF')
      await until('the rewrite', async () => (await info(connection, 'aof_rewrite_in_progress')) === '0')
      await until('the failure', async () => (await info(connection, 'aof_last_bgrewrite_status')) === 'err')
      disk.free()
      expect(await connection.call('SET', 'after', '1')).toEqual(OK)
      await server.end()
      expect(files.every((name) => existsSync(path.join(disk.directory, 'appendonlydir', name)))).toBe(true)
      const next = await connect(await start(shards, '--appendonly', 'yes'))
      expect(await next.call('GET', 'noise')).toBe(noise)
      expect(await next.call('STRLEN', 'large')).toBe(VALUE_BYTES)
      expect(await next.call('GET', 'after')).toBe('1')
      await next.call('BGREWRITEAOF')
      await until('a rewrite that succeeds', async () => (await backgroundWork(next)) === '')
      expect(await info(next, 'aof_last_bgrewrite_status')).toBe('ok')
      expect(leftovers()).toEqual([])
    })

    it.runIf(isWhole)(
      'keeps the old snapshot when a save has no room, and refuses writes if saves are wanted',
      async () => {
        const server = await start(shards, '--save', '3600 1000000')
        const connection = await connect(server)
        await connection.call('SET', 'small', '1')
        expect(await connection.call('SAVE')).toEqual(OK)
        await connection.call('SET', 'noise', Buffer.from(new Choice(1).bytes(VALUE_BYTES)).toString('latin1'))
        disk.fill()
        await connection.call('BGSAVE')
        await until('the failure', async () => (await info(connection, 'rdb_last_bgsave_status')) === 'err')
        expect(await connection.call('SET', 'more', '1')).toMatchObject({
          error: expect.stringMatching(/^MISCONF Redis is configured to save RDB snapshots/),
        })
        expect(leftovers()).toEqual([])
        disk.free()
        await connection.call('BGSAVE')
        await until('the success', async () => (await info(connection, 'rdb_last_bgsave_status')) === 'ok')
        expect(await connection.call('SET', 'more', '1')).toEqual(OK)
        disk.fill()
        await connection.call('BGSAVE')
        await until('the next failure', async () => (await info(connection, 'rdb_last_bgsave_status')) === 'err')
        await server.end()
        const next = await connect(await start(shards))
        expect(await next.call('STRLEN', 'noise')).toBe(VALUE_BYTES)
      },
    )

    it.runIf(isWhole)('under load: what is refused is not done, and what is answered stays', async () => {
      const seed = randomInt(2 ** 31)
      console.log(`seed ${seed}`)
      const choice = new Choice(seed)
      const server = await start(shards, '--appendonly', 'yes', '--appendfsync', 'everysec')
      const connection = await connect(server)
      const workload = await Workload.start(server.socket, {
        number: 1,
        base: new Model(),
        choice,
        pauseMs: 4,
        hasConsumers: false,
      })
      for (const client of workload.clients) client.expectRefusals()
      for (let i = 0; i < 3; i++) {
        await sleep(choice.below(200))
        disk.fill()
        await until('a refusal', async () => (await info(connection, 'aof_last_write_status')) === 'err')
        await sleep(choice.below(200))
        disk.free()
        await until(
          'the log being written again',
          async () => (await info(connection, 'aof_last_write_status')) === 'ok',
        )
      }
      await sleep(100)
      await server.end()
      const generation = await workload.end()
      const refused = workload.clients.reduce((sum, client) => sum + client.refused, 0)
      expect(refused).toBeGreaterThan(0)
      const next = await connect(await start(shards, '--appendonly', 'yes'))
      const state = await readState(next, [...new Set(DATABASES)])
      const { answered, lost } = checkState(generation, state, 2500)
      console.log(`${answered} operations answered, ${refused} of them refused, ${lost} lost with the last second`)
    })
  },
)

describe.skipIf(!SmallDisk.isPossible).each(SHARDS)(
  'a disk that is read only, %i shard(s)',
  { timeout: 120_000 },
  (shards) => {
    it('is said when the log is turned on, and when a snapshot is saved', async () => {
      const server = await start(shards)
      const connection = await connect(server)
      await connection.call('SET', 'a', '1')
      disk.setReadOnly(true)
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual({
        error:
          "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.",
      })
      expect(await connection.call('CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'no'])
      expect(await connection.call('SAVE')).toMatchObject({ error: expect.stringMatching(/^ERR/) })
      expect(await connection.call('SET', 'a', '2')).toEqual(OK)
      disk.setReadOnly(false)
      expect(await connection.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(OK)
      await until('the base', async () => (await backgroundWork(connection)) === '')
      expect(await connection.call('SAVE')).toEqual(OK)
      await connection.call('SET', 'b', '1')
      // Until the last second is on the disk.
      await sleep(1200)
      await server.end()
      const next = await connect(await start(shards, '--appendonly', 'yes'))
      expect(await next.call('MGET', 'a', 'b')).toEqual(['2', '1'])
    })

    it.runIf(isWhole)('is a reason not to start', async () => {
      const server = await start(shards, '--appendonly', 'yes', '--appendfsync', 'always')
      const connection = await connect(server)
      await connection.call('SET', 'a', '1')
      await server.end()
      disk.setReadOnly(true)
      const next = new ServerProcess({ directory: disk.directory, shards, args: ['--save', '', '--appendonly', 'yes'] })
      servers.push(next)
      expect(await next.ready).toBe(false)
      expect(next.exitCode).toBe(1)
      expect(next.output).toMatch(/Read-only file system/)
      disk.setReadOnly(false)
      expect(await (await connect(await start(shards, '--appendonly', 'yes'))).call('GET', 'a')).toBe('1')
    })
  },
)

function leftovers(): string[] {
  return readdirSync(disk.directory, { recursive: true, encoding: 'utf8' }).filter((name) => /temp|tmp/.test(name))
}

async function logFiles(): Promise<string[]> {
  return readdirSync(path.join(disk.directory, 'appendonlydir')).filter((name) => /\.(aof|rdb)$/.test(name))
}
