/**
 * Servers that start from logs: Redis's own of every kind, those of other numbers of shards, and back to Redis; each time the data
 * are the same to the last element.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { serverProgram, startServer, type TestServer } from '../support/server.js'
import { record, segmentOf, writeLog } from './segments.js'

const folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-load-'))
afterAll(() => rmSync(folder, { recursive: true }))

let folders = 0
function newFolder(): string {
  const name = path.join(folder, String(folders++))
  mkdirSync(name)
  return name
}

const LIBRARY = "#!lua name=lib\nredis.register_function('answer', function() return 42 end)"

/** Data of every type, in several databases, with transactions, functions, and what has gone again. */
async function fill(client: Redis): Promise<void> {
  for (let i = 0; i < 300; i++) await client.set(`string:${i}`, `value ${i}`)
  await client.mset('a', '1', 'b', '2', 'c', '3', 'd', '4')
  await client.multi().incr('a').rename('b', 'renamed').lpush('list', '1', '2', '3').exec()
  await client.rpush('list', '4', '5')
  await client.sadd('set', '1', '2', 'three')
  await client.spop('set')
  await client.zadd('sorted', 1, 'one', 2, 'two')
  await client.hset('hash', 'f', 'v', 'g', 'w')
  await client.xadd('stream', '*', 'f', 'v')
  await client.xgroup('CREATE', 'stream', 'group', '0')
  await client.xreadgroup('GROUP', 'group', 'consumer', 'COUNT', 1, 'STREAMS', 'stream', '>')
  await client.set('timed', 'x', 'PX', 1_000_000)
  await client.set('short', 'x', 'PX', 1)
  await client.del('c', 'string:3', 'string:4')
  await client.sunionstore('union', 'set', 'none')
  await client.lmove('list', 'other list', 'LEFT', 'RIGHT')
  await client.eval("redis.call('SET', KEYS[1], 'by a script'); redis.call('INCR', 'd')", 1, 'scripted')
  await client.function('LOAD', LIBRARY)
  await client.select(3)
  await client.set('in database 3', '\r\n\0')
  await client.move('in database 3', 5)
  await client.set('flushed', '1')
  await client.flushdb()
  await client.set('after', '1')
  await client.select(0)
  await client.swapdb(3, 4)
}

interface State {
  readonly digest: unknown
  readonly ttlIsKept: boolean
  readonly answer: unknown
}

async function stateOf(client: Redis): Promise<State> {
  // The key whose time was over is in nobody's way.
  await client.get('short')
  const digest = await client.call('DEBUG', 'DIGEST')
  const ttl = await client.pttl('timed')
  return { digest, ttlIsKept: ttl > 900_000 && ttl <= 1_000_000, answer: await client.fcall('answer', 0) }
}

function start(dir: string, shards: number, ...args: string[]): Promise<TestServer> {
  return startServer({ shards, args: ['--dir', dir, '--appendonly', 'yes', ...args] })
}

/** What a server that starts from a folder has. */
async function stateIn(dir: string, shards: number): Promise<State> {
  const server = await start(dir, shards)
  try {
    return await stateOf(server.client())
  } finally {
    await server.stop()
  }
}

describe.skipIf(!hasRedis7)('logs of Redis 7', () => {
  it.each([
    ['with an RDB base', 'yes'],
    ['with a base of commands', 'no'],
  ])('are loaded %s, at any number of shards', async (_, usesRdb) => {
    const redis = await startRedisOracle(
      ...['--appendonly', 'yes', '--aof-use-rdb-preamble', usesRdb, '--enable-debug-command', 'yes'],
    )
    const source = newFolder()
    let state: State
    try {
      await fill(redis.client)
      await redis.client.bgrewriteaof()
      while (!(await redis.client.info('persistence')).includes('aof_rewrite_in_progress:0')) await redis.client.ping()
      await redis.client.mset('after', '1', 'the', '2', 'rewrite', '3')
      state = await stateOf(redis.client)
      const [, dir] = (await redis.client.config('GET', 'dir')) as [string, string]
      cpSync(path.join(dir, 'appendonlydir'), path.join(source, 'appendonlydir'), { recursive: true })
    } finally {
      await redis.stop()
    }
    expect(state.ttlIsKept).toBe(true)
    for (const shards of [1, 4]) {
      const dir = newFolder()
      cpSync(source, dir, { recursive: true })
      expect(await stateIn(dir, shards), `${shards} shards`).toEqual(state)
      expect(await stateIn(dir, shards), `${shards} shards again`).toEqual(state)
    }
  })

  it('of older versions, in one file, are moved into the folder as Redis 7 does it', async () => {
    for (const shards of [1, 4]) {
      const dir = newFolder()
      writeFileSync(
        path.join(dir, 'appendonly.aof'),
        record('SELECT', '0') +
          record('SET', 'a', '1') +
          record('MSET', 'b', '2', 'c', '3') +
          record('RENAME', 'a', 'z'),
      )
      const server = await start(dir, shards)
      expect(await server.client().mget('a', 'b', 'c', 'z')).toEqual([null, '2', '3', '1'])
      expect(server.output()).toContain('Successfully migrated an old-style AOF file (appendonly.aof)')
      await server.stop()
      expect(existsSync(path.join(dir, 'appendonly.aof'))).toBe(false)
      const again = await start(dir, shards)
      expect(await again.client().mget('a', 'b', 'c', 'z')).toEqual([null, '2', '3', '1'])
      await again.stop()
    }
  })
})

describe('logs of ours', () => {
  it('are loaded by other numbers of shards, and go back to Redis', async () => {
    const dir = newFolder()
    const first = await start(dir, 1)
    await fill(first.client())
    const state = await stateOf(first.client())
    await first.stop()
    for (const shards of [4, 4, 2, 1]) {
      expect(await stateIn(dir, shards), `${shards} shards`).toEqual(state)
      const manifest = path.join(dir, 'appendonlydir', 'appendonly.aof.manifest')
      if (!hasRedis7) continue
      const checked = spawnSync('redis-check-aof', [manifest], { encoding: 'utf8' })
      expect(checked.stdout, `${shards} shards`).toContain('All AOF files and manifest are valid')
    }
  })

  it.skipIf(!hasRedis7)('of several shards become one that Redis loads', async () => {
    const dir = newFolder()
    const server = await start(dir, 4)
    await fill(server.client())
    const state = await stateOf(server.client())
    await server.stop()
    const out = newFolder()
    const [program = '', ...args] = serverProgram(1)
    const exported = spawnSync(program, [...args.slice(0, 1), 'export-aof', '--dir', dir, '--out', out], {
      encoding: 'utf8',
    })
    expect(exported.stderr).toBe('')
    const redis = await startRedisOracle('--dir', out, '--appendonly', 'yes', '--enable-debug-command', 'yes')
    try {
      expect(await stateOf(redis.client)).toEqual(state)
    } finally {
      await redis.stop()
    }
  })

  it('execute a command on the whole keyspace once, at its place', async () => {
    const dir = newFolder()
    const flushes = { gsn: 2, records: [record('SET', 'a', '1'), record('FLUSHALL'), record('SET', 'a', '2')] }
    writeLog(path.join(dir, 'appendonlydir'), [
      segmentOf([{ gsn: 1, records: [record('SET', 'x', '0')] }, flushes, { mark: 3 }]).text,
      segmentOf([
        { gsn: 2, records: [record('SET', 'b', '1'), record('FLUSHALL'), record('SET', 'c', '2')] },
        { mark: 3 },
      ]).text,
      segmentOf([{ gsn: 2, records: [record('SET', 'd', '2')] }, { mark: 3 }]).text,
    ])
    const server = await start(dir, 2)
    expect(await server.client().mget('x', 'a', 'b', 'c', 'd')).toEqual([null, '2', null, '2', '2'])
    await server.stop()
  })

  it('lose what other shards have not written, and nothing of it comes back', async () => {
    const dir = newFolder()
    // In two shards, b is the first's and a the second's.
    const texts = [
      segmentOf([
        { gsn: 1, records: [record('SET', 'b', '1')] },
        { mark: 1 },
        { gsn: 5, records: [record('SET', 'b', '5')] },
        { mark: 5 },
      ]).text,
      segmentOf([{ gsn: 2, records: [record('SET', 'a', '2')] }, { mark: 4 }]).text,
    ]
    writeLog(path.join(dir, 'appendonlydir'), texts)
    for (const round of [1, 2]) {
      const server = await start(dir, 2)
      expect(await server.client().mget('a', 'b'), `start ${round}`).toEqual(['2', '1'])
      expect(server.output().includes('1 records that were written after it are dropped')).toBe(round === 1)
      await server.stop()
    }
  })

  it('that are damaged keep the server from starting, until they are repaired', async () => {
    const dir = newFolder()
    const good = segmentOf([{ gsn: 1, records: [record('SET', 'a', '1')] }, { mark: 1 }]).text
    const bad = `${good}garbage\r\n${segmentOf([{ gsn: 3, records: [record('SET', 'a', '3')] }, { mark: 3 }]).text}`
    writeLog(path.join(dir, 'appendonlydir'), [bad])
    await expect(start(dir, 1)).rejects.toThrow('Bad file format reading the append only file')
    const [program = '', ...args] = serverProgram(1)
    const fixed = spawnSync(program, [...args.slice(0, 1), 'check', '--fix', dir], { encoding: 'utf8' })
    expect(fixed.status, fixed.stdout).toBe(0)
    expect(fixed.stdout).toContain(`damage at byte ${good.length}`)
    const server = await start(dir, 1)
    expect(await server.client().get('a')).toBe('1')
    await server.stop()
    expect(readdirSync(path.join(dir, 'appendonlydir')).some((name) => name.startsWith('before-fix-'))).toBe(true)
  })
})
