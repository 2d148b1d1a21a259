/**
 * A snapshot shows one moment although clients go on while it is written: the digest of what is loaded from the file is that of
 * the moment at which it was asked for, and of writes that follow one another it has all up to one, and none behind it.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { RandomWrites } from './random-writes.js'

const WAIT_MS_MAX = 60_000
const SEED = Number(process.env.SHARDKEEP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

let folder: string
const servers: TestServer[] = []
const clients: RespConnection[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'shardkeep-cut-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function connect(server: TestServer): Promise<RespConnection> {
  const client = await RespConnection.open(server.port)
  clients.push(client)
  return client
}

async function start(shards: number, ...args: string[]): Promise<TestServer> {
  const server = await startServer({ shards, args: ['--dir', folder, ...args] })
  servers.push(server)
  return server
}

async function info(client: RespConnection, field: string): Promise<string> {
  const reply = await client.call('INFO', 'persistence')
  const text = typeof reply === 'string' ? reply : Object.values(reply as object).join('')
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)?.[1] ?? ''
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('it did not come')
    await sleep(10)
  }
}

const isSaving = async (client: RespConnection): Promise<boolean> =>
  (await info(client, 'rdb_bgsave_in_progress')) === '1'

/** Keeps the file that was saved last, and starts a server that loads it. */
async function load(name: string): Promise<RespConnection> {
  copyFileSync(path.join(folder, 'dump.rdb'), path.join(folder, name))
  return connect(await start(2, '--dbfilename', name))
}

/** A megabyte of keys, so that there is something to walk over, and 50 µs for each. */
const KEYS = 6000
/** Of values that are written in many portions. */
const LARGE_ELEMENTS = 5000
const SLOWLY = ['--rdb-key-save-delay', '50']

describe.each(SHARD_COUNTS)(`a snapshot on %i shard(s), seed ${SEED}`, (shards) => {
  it('is that of its moment, whatever is written meanwhile', { timeout: 120_000 }, async () => {
    const server = await start(shards, ...SLOWLY, '--hash-max-listpack-entries', '8', '--list-max-listpack-size', '4')
    const client = await connect(server)
    const writes = new RandomWrites(new Prng(SEED + shards))
    await client.call('DEBUG', 'POPULATE', KEYS, 'key', 100)
    for (let i = 0; i < 3000; i++) void client.call(...writes.next())
    for (let round = 0; round < 3; round++) {
      const digest = client.call('DEBUG', 'DIGEST')
      expect(await client.call('BGSAVE')).toEqual({ simple: 'Background saving started' })
      let sent = 0
      while (await isSaving(client)) {
        const replies: Promise<RespValue>[] = []
        for (let i = 0; i < 200; i++) replies.push(client.call(...writes.next()))
        sent += replies.length
        await Promise.all(replies)
      }
      expect(sent).toBeGreaterThanOrEqual(200)
      expect(await info(client, 'rdb_last_bgsave_status')).toBe('ok')
      const copy = await load(`copy-${round}.rdb`)
      expect(await copy.call('DEBUG', 'DIGEST')).toEqual(await digest)
    }
  })

  it('has all writes up to one and none behind it', { timeout: 60_000 }, async () => {
    const server = await start(shards, ...SLOWLY)
    const client = await connect(server)
    const other = await connect(server)
    await client.call('DEBUG', 'POPULATE', KEYS, 'key', 100)
    const counters = 500
    let isOver = false
    const counting = (async () => {
      for (let value = 1; !isOver; value++) {
        const replies: Promise<RespValue>[] = []
        for (let i = 0; i < counters; i++) replies.push(client.call('SET', `counter:${i}`, value))
        await Promise.all(replies)
      }
    })()
    await sleep(100)
    await other.call('BGSAVE')
    await until(async () => !(await isSaving(other)))
    isOver = true
    await counting
    const copy = await load('copy.rdb')
    const names = Array.from({ length: counters }, (_, i) => `counter:${i}`)
    const values = ((await copy.call('MGET', ...names)) as (string | null)[]).map(Number)
    // Counters are set one after the other: the first ones are a round ahead, or none is.
    const ahead = values.findIndex((value) => value !== values[0])
    const behind = ahead < 0 ? [] : values.slice(ahead)
    expect(behind.every((value) => value === (values[0] as number) - 1)).toBe(true)
    expect(Number(await client.call('GET', 'counter:0'))).toBeGreaterThan(values[0] as number)
  })

  it('holds nobody up, and may be ended and begun again', { timeout: 60_000 }, async () => {
    const server = await start(shards, '--rdb-key-save-delay', '2000')
    const client = await connect(server)
    await client.call('DEBUG', 'POPULATE', KEYS, 'key', 100)
    await client.call('BGSAVE')
    for (let i = 0; i < 500; i++) await client.call('SET', `key:${i}`, 'new')
    expect(await isSaving(client)).toBe(true)
    // As in Redis, nobody wants what has been emptied.
    await client.call('FLUSHALL')
    await until(async () => !(await isSaving(client)))
    expect(existsSync(path.join(folder, 'dump.rdb'))).toBe(false)
    await client.call('DEBUG', 'POPULATE', KEYS, 'again', 100)
    await client.call('CONFIG', 'SET', 'rdb-key-save-delay', 0)
    for (let i = 0; i < 5; i++) {
      const digest = client.call('DEBUG', 'DIGEST')
      await client.call('BGSAVE')
      await client.call('SET', 'again:1', i)
      await until(async () => !(await isSaving(client)))
      if (i < 4) continue
      const copy = await load('copy.rdb')
      expect(await copy.call('DEBUG', 'DIGEST')).toEqual(await digest)
    }
  })

  it('has a database that is emptied meanwhile', { timeout: 60_000 }, async () => {
    const server = await start(shards, ...SLOWLY)
    const client = await connect(server)
    await client.call('DEBUG', 'POPULATE', KEYS, 'key', 100)
    await client.call('SELECT', 3)
    await client.call('DEBUG', 'POPULATE', KEYS, 'other', 100)
    const replies = await Promise.all([
      client.call('DEBUG', 'DIGEST'),
      client.call('BGSAVE'),
      client.call('FLUSHDB'),
      client.call('SET', 'other:1', 'new'),
      client.call('SWAPDB', 3, 0),
      client.call('FLUSHDB'),
    ])
    expect(await isSaving(client)).toBe(true)
    await client.call('SET', 'other:2', 'new')
    await until(async () => !(await isSaving(client)))
    const copy = await load('copy.rdb')
    expect(await copy.call('DEBUG', 'DIGEST')).toEqual(replies[0])
    // What was emptied has gone, and its memory with it.
    expect(await client.call('DBSIZE')).toBe(1)
    expect(await client.call('FLUSHALL')).toEqual({ simple: 'OK' })
    expect(await client.call('DBSIZE')).toBe(0)
  })

  it('has large values as they were, of which it writes a portion at a time', { timeout: 120_000 }, async () => {
    const server = await start(shards)
    const client = await connect(server)
    const reader = await connect(server)
    const types = ['set', 'hash', 'zset', 'list', 'string', 'timed', 'stream'] as const
    const elements = Array.from({ length: 1000 }, (_, i) => i)
    const fill = async (suffix: string): Promise<void> => {
      for (let from = 0; from < LARGE_ELEMENTS; from += 1000) {
        const names = elements.map((i) => `element ${from + i}`)
        void client.call('SADD', `set${suffix}`, ...names)
        void client.call('HSET', `hash${suffix}`, ...names.flatMap((name, i) => [name, i]))
        void client.call('ZADD', `zset${suffix}`, ...names.flatMap((name, i) => [i, name]))
        void client.call('RPUSH', `list${suffix}`, ...names)
        for (const name of names) void client.call('XADD', `stream${suffix}`, '*', name, from)
        void client.call('APPEND', `string${suffix}`, 'x'.repeat(40_000))
        await client.call('HSET', `timed${suffix}`, ...names.flatMap((name, i) => [name, i]))
      }
      await client.call('XGROUP', 'CREATE', `stream${suffix}`, 'group', 0)
      await client.call('HPEXPIREAT', `timed${suffix}`, 4_000_000_000_000, 'FIELDS', 1, 'element 5')
    }
    await fill('')
    await fill(':b')
    for (let round = 0; round < 4; round++) {
      const digest = client.call('DEBUG', 'DIGEST')
      void client.call('BGSAVE')
      const change = [
        () => [
          client.call('SADD', 'set', `new ${round}`),
          client.call('HSET', 'hash', 'element 1', `new ${round}`),
          client.call('ZADD', 'zset', round, 'element 2'),
          client.call('LPUSH', 'list', `new ${round}`),
          client.call('SETRANGE', 'string', 100_000, `new ${round}`),
          client.call('HSET', 'timed', 'element 1', `new ${round}`),
          client.call('XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', 3, 'STREAMS', 'stream', '>'),
          client.call('XADD', 'stream:b', '*', 'new', round),
        ],
        () => [
          client.call('MULTI'),
          client.call('SREM', 'set', 'element 7'),
          client.call('LPOP', 'list:b'),
          client.call('SET', 'one', 1),
          client.call('EXEC'),
          client.call('RENAME', 'set', 'moved'),
          client.call('SUNIONSTORE', 'set', 'moved', 'set:b'),
          client.call('EVAL', "return redis.call('ZADD', KEYS[1], 5, 'new')", 1, 'zset:b'),
        ],
        () => [client.call('DEL', 'list:b', 'hash:b'), client.call('COPY', 'set', 'zset:b', 'REPLACE')],
        () => [client.call('FLUSHDB'), client.call('SADD', 'set', 'new')],
      ][round] as () => Promise<RespValue>[]
      const replies = change()
      // Whoever only reads does not wait for all of it.
      for (const type of types) expect(await reader.call('TYPE', `${type}`)).toHaveProperty('simple')
      for (const reply of await Promise.all(replies)) expect(reply ?? 0).not.toHaveProperty('error')
      await until(async () => !(await isSaving(client)))
      expect(await info(client, 'rdb_last_bgsave_status')).toBe('ok')
      const copy = await load(`copy-${round}.rdb`)
      expect(await copy.call('DEBUG', 'DIGEST')).toEqual(await digest)
    }
  })

  it('lets go on who waits for a large value when it fails', { timeout: 60_000 }, async () => {
    // All but its first keys would take it minutes.
    const server = await start(shards, '--rdb-key-save-delay', '100000000', '--stop-writes-on-bgsave-error', 'no')
    const client = await connect(server)
    const names = Array.from({ length: 5000 }, (_, i) => `element ${i}`)
    for (let i = 0; i < 20; i++) await client.call('SADD', `set:${i}`, ...names)
    rmSync(folder, { recursive: true })
    for (let round = 0; round < 3; round++) {
      const replies: Promise<RespValue>[] = [client.call('BGSAVE')]
      for (let i = 0; i < 20; i++) replies.push(client.call('SADD', `set:${i}`, `new ${round}`))
      expect((await Promise.all(replies)).slice(1)).toEqual(Array.from({ length: 20 }, () => 1))
      await until(async () => !(await isSaving(client)))
      expect(await info(client, 'rdb_last_bgsave_status')).toBe('err')
    }
    expect(await client.call('SUNIONSTORE', 'set:0', 'set:1', 'set:2')).toBe(5003)
  })

  it('has what expires or is renamed meanwhile once, or not at all', { timeout: 60_000 }, async () => {
    const server = await start(shards, ...SLOWLY)
    const client = await connect(server)
    await client.call('DEBUG', 'POPULATE', KEYS, 'key', 100)
    for (let i = 0; i < 300; i++) void client.call('PEXPIRE', `key:${i}`, 100)
    void client.call('BGSAVE')
    for (let i = 300; i < 1000; i++) {
      void client.call('RENAME', `key:${i}`, `renamed:${i}`)
      if (i % 100 === 0) await client.call('PING')
    }
    await until(async () => !(await isSaving(client)))
    const copy = await load('copy.rdb')
    expect(await copy.call('DBSIZE')).toBe(KEYS - 300)
    expect(await copy.call('EXISTS', 'renamed:500', 'key:500')).toBe(1)
    expect(await copy.call('EXISTS', 'key:500')).toBe(1)
  })
})
