/**
 * DEBUG LOADAOF, and what the log's folder looks like: the files and the manifest of one shard are Redis's, in its words.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { startServer, type TestServer } from '../support/server.js'

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-reload-'))
afterAll(() => rmSync(folder, { recursive: true }))

let folders = 0
function newFolder(): string {
  const name = path.join(folder, String(folders++))
  mkdirSync(name)
  return name
}

const LIBRARY = "#!lua name=lib\nredis.register_function('answer', function() return 42 end)"

function start(dir: string, shards: number, ...args: string[]): Promise<TestServer> {
  const log = ['--appendonly', 'yes', '--save', '', '--enable-debug-command', 'yes']
  return startServer({ shards, args: ['--dir', dir, ...log, ...args] })
}

async function fill(client: Redis): Promise<void> {
  await client.mset('a', '1', 'b', '2', 'c', '3', 'd', '4', '{e}', 'e', '\0\r\n', '')
  await client.multi().incr('a').rename('b', 'renamed').lpush('list', '1', '2', '3').exec()
  await client.sadd('set', '1', '2', 'three')
  await client.zadd('sorted', 1, 'one', 2.5, 'two', '-inf', 'least')
  await client.hset('hash', 'f', 'v', 'g', 'w')
  await client.xadd('stream', '5-1', 'f', 'v')
  await client.xadd('stream', '6-1', 'f', 'v')
  await client.xgroup('CREATE', 'stream', 'group', '0')
  await client.xreadgroup('GROUP', 'group', 'consumer', 'COUNT', 1, 'STREAMS', 'stream', '>')
  await client.xdel('stream', '6-1')
  await client.set('timed', 'x', 'PX', 1_000_000)
  await client.function('LOAD', 'REPLACE', LIBRARY)
  await client.select(3)
  await client.set('elsewhere', '1')
  await client.select(0)
}

const digestOf = (client: Redis): Promise<unknown> => client.call('DEBUG', 'DIGEST')

async function rewrite(client: Redis): Promise<void> {
  await client.bgrewriteaof()
  await waitForRewrites(client)
}

async function waitForRewrites(client: Redis): Promise<void> {
  for (;;) {
    const info = await client.info('persistence')
    if (info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0')) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const manifestIn = (dir: string): string =>
  readFileSync(path.join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'latin1')
const namesIn = (dir: string): string[] => readdirSync(path.join(dir, 'appendonlydir')).sort()

describe.each([1, 3])('DEBUG LOADAOF with %i shards', (shards) => {
  it('gives the same data, and the log goes on behind them', async () => {
    const dir = newFolder()
    const server = await start(dir, shards)
    const client = server.client()
    await fill(client)
    await rewrite(client)
    await client.mset('behind', '1', 'the', '2', 'rewrite', '3')
    const before = await digestOf(client)
    expect(await client.call('DEBUG', 'LOADAOF')).toBe('OK')
    expect(await digestOf(client)).toBe(before)
    expect(await client.fcall('answer', 0)).toBe(42)
    expect(await client.pttl('timed')).toBeGreaterThan(900_000)
    expect(await client.info('persistence')).toContain('rdb_changes_since_last_save:0')
    await client.set('after', 'the load')
    const after = await digestOf(client)
    await server.stop()
    const again = await start(dir, shards)
    expect(await digestOf(again.client())).toBe(after)
    await again.stop()
  })

  it('loses nothing that was answered, whatever is under way', async () => {
    const dir = newFolder()
    const server = await start(dir, shards)
    const counts = new Map<string, number>()
    let isOver = false
    const write = async (client: Redis, keys: readonly string[]): Promise<void> => {
      while (!isOver) {
        try {
          const transaction = client.multi()
          for (const key of keys) transaction.incr(key)
          await transaction.exec()
          for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
        } catch (error) {
          if (!/LOADING|EXECABORT/.test(String(error))) throw error
        }
      }
    }
    const writers = [['a'], ['b', 'c'], ['d', 'e', 'f'], ['g', 'h', 'i', 'j']].map((keys) =>
      write(server.client(), keys),
    )
    const client = server.client()
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 60))
      expect(await client.call('DEBUG', 'LOADAOF')).toBe('OK')
    }
    isOver = true
    await Promise.all(writers)
    const keys = [...counts.keys()]
    expect(keys).toHaveLength(10)
    expect(await client.mget(keys)).toEqual(keys.map((key) => String(counts.get(key))))
    await server.stop()
  })

  it('takes what the folder has when nothing is logged any more', async () => {
    const dir = newFolder()
    const server = await start(dir, shards)
    const client = server.client()
    await client.mset('a', '1', 'b', '2')
    await client.config('SET', 'appendonly', 'no')
    await client.mset('b', '3', 'c', '4')
    await client.call('DEBUG', 'LOADAOF')
    expect(await client.mget('a', 'b', 'c')).toEqual(['1', '2', null])
    expect(await client.info('persistence')).toContain('aof_enabled:0')
    await server.stop()
  })
})

describe.each([1, 3])('bases of commands with %i shards', (shards) => {
  it('have the data of the moment, in the files that Redis has', async () => {
    const dir = newFolder()
    const server = await start(dir, shards, '--aof-use-rdb-preamble', 'no')
    const client = server.client()
    await fill(client)
    await rewrite(client)
    await client.set('behind', 'it')
    const digest = await digestOf(client)
    await server.stop()
    expect(namesIn(dir)[0]).toBe('appendonly.aof.2.base.aof')
    const base = readFileSync(path.join(dir, 'appendonlydir', 'appendonly.aof.2.base.aof'), 'latin1')
    expect(base).toMatch(/^\*\d+\r\n\$/)
    const again = await start(dir, shards)
    expect(await digestOf(again.client())).toBe(digest)
    expect(await again.client().fcall('answer', 0)).toBe(42)
    await again.stop()
  })
})

describe('the folder of the log with one shard', () => {
  it('is that of Redis: names, numbers and every line', { timeout: 120_000 }, async () => {
    const dir = newFolder()
    const server = await start(dir, 1)
    const client = server.client()
    const redis = hasRedis7 ? await startRedisOracle('--appendonly', 'yes', '--enable-debug-command', 'yes') : null
    const redisDir = redis === null ? null : ((await redis.client.config('GET', 'dir')) as [string, string])[1]
    const steps: readonly ((client: Redis) => Promise<unknown>)[] = [
      (client) => client.set('a', '1'),
      rewrite,
      (client) => client.config('SET', 'aof-disable-auto-gc', 'yes'),
      rewrite,
      rewrite,
      (client) => client.config('SET', 'aof-disable-auto-gc', 'no'),
      (client) => client.config('SET', 'appendonly', 'no'),
      rewrite,
      async (client) => {
        await client.config('SET', 'appendonly', 'yes')
        await waitForRewrites(client)
      },
      (client) => client.config('SET', 'appendonly', 'no'),
      rewrite,
      (client) => client.call('DEBUG', 'LOADAOF'),
      async (client) => {
        await client.config('SET', 'appendonly', 'yes')
        await waitForRewrites(client)
      },
      (client) => client.config('SET', 'aof-use-rdb-preamble', 'no'),
      rewrite,
    ]
    for (const [i, step] of steps.entries()) {
      await step(client)
      // Redis removes files behind its own back.
      await new Promise((resolve) => setTimeout(resolve, 50))
      if (redis === null || redisDir === null) continue
      await step(redis.client)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(manifestIn(dir), `step ${i}`).toBe(manifestIn(redisDir))
      expect(namesIn(dir), `step ${i}`).toEqual(namesIn(redisDir))
    }
    expect(manifestIn(dir)).toBe(
      'file appendonly.aof.9.base.aof seq 9 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n',
    )
    await redis?.stop()
    await server.stop()
  })

  it('goes to Redis, and comes back with what that has added', { timeout: 120_000 }, async () => {
    if (!hasRedis7) return
    const dir = newFolder()
    const server = await start(dir, 1)
    await fill(server.client())
    const digest = await digestOf(server.client())
    await server.stop()
    const redis = await startRedisOracle('--appendonly', 'yes', '--dir', dir, '--enable-debug-command', 'yes')
    expect(await digestOf(redis.client)).toBe(digest)
    await redis.client.multi().incr('a').set('from', 'Redis').exec()
    const added = await digestOf(redis.client)
    await redis.stop()
    for (const shards of [1, 3, 1]) {
      const again = await start(dir, shards)
      expect(await digestOf(again.client()), `${shards} shards`).toBe(added)
      await again.stop()
    }
  })

  it('still says what history is kept', async () => {
    const dir = newFolder()
    const server = await start(dir, 1, '--aof-history-retention', '3600')
    await server.client().set('a', '1')
    await rewrite(server.client())
    expect(manifestIn(dir)).toMatch(/^# shardkeep 1 shards 1\n/)
    expect(existsSync(path.join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof'))).toBe(true)
    await server.stop()
  })
})
