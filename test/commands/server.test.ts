/** Commands for the whole data set and the server, at 1 and 4 shards; errors beside a real Redis where there is one. */
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }
const KEYS = Array.from({ length: 50 }, (_, i) => `key:${i}`)

describe.each(SHARD_COUNTS)('server commands at %i shards', (shards) => {
  let server: TestServer
  let client: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  beforeEach(async () => {
    await client.call('FLUSHALL')
    await client.call('SELECT', '0')
  })

  async function fill(database: string): Promise<void> {
    await client.call('SELECT', database)
    await client.call('MSET', ...KEYS.flatMap((key) => [key, `${key}@${database}`]))
  }

  async function sizes(...databases: string[]): Promise<RespValue[]> {
    const all: RespValue[] = []
    for (const database of databases) {
      await client.call('SELECT', database)
      all.push(await client.call('DBSIZE'))
    }
    return all
  }

  test('DBSIZE counts the keys of the selected database on all shards', async () => {
    await fill('0')
    await fill('3')
    await client.call('DEL', ...KEYS.slice(0, 10))
    expect(await sizes('0', '3', '4')).toEqual([50, 40, 0])
  })

  test.each([[[]], [['ASYNC']], [['sync']]])('FLUSHDB %j empties the selected database only', async (mode) => {
    await fill('0')
    await fill('3')
    expect(await client.call('FLUSHDB', ...mode)).toEqual(OK)
    expect(await sizes('0', '3')).toEqual([50, 0])
    expect(await client.call('FLUSHDB', ...mode)).toEqual(OK)
  })

  test.each([[[]], [['ASYNC']], [['sync']]])('FLUSHALL %j empties all databases', async (mode) => {
    await fill('0')
    await fill('3')
    expect(await client.call('FLUSHALL', ...mode)).toEqual(OK)
    expect(await sizes('0', '3')).toEqual([0, 0])
    await fill('3')
    expect(await sizes('3')).toEqual([50])
  })

  test('a flush stands at its place in a pipeline', async () => {
    client.write('SET', 'a', '1')
    client.write('FLUSHALL')
    client.write('SET', 'b', '1')
    client.write('DBSIZE')
    expect([await client.read(), await client.read(), await client.read(), await client.read()]).toEqual([
      OK,
      OK,
      OK,
      1,
    ])
  })

  test('SWAPDB exchanges two databases for every client', async () => {
    await fill('1')
    const other = await RespConnection.open(server.port)
    await other.call('SELECT', '2')
    expect(await other.call('GET', 'key:7')).toBe(null)
    expect(await client.call('SWAPDB', '1', '2')).toEqual(OK)
    expect(await other.call('GET', 'key:7')).toBe('key:7@1')
    expect(await sizes('1', '2')).toEqual([0, 50])
    expect(await client.call('SWAPDB', '2', '2')).toEqual(OK)
    expect(await sizes('1', '2')).toEqual([0, 50])
    other.close()
  })

  test.each(['FLUSHALL', 'FLUSHDB'])('%s breaks a watch only if the key was there', async (flush) => {
    for (const [isThere, expected] of [
      [true, null],
      [false, []],
    ] as const) {
      if (isThere) await client.call('SET', 'watched', '1')
      else await client.call('DEL', 'watched')
      await client.call('WATCH', 'watched')
      await client.call(flush)
      await client.call('MULTI')
      expect(await client.call('EXEC')).toEqual(expected)
    }
  })

  test('SWAPDB breaks a watch if the key is in one of the two databases', async () => {
    for (const [database, expected] of [
      ['0', null],
      ['1', null],
      ['5', []],
    ] as const) {
      await client.call('FLUSHALL')
      await client.call('SELECT', database)
      await client.call('SET', 'watched', '1')
      await client.call('SELECT', '0')
      await client.call('WATCH', 'watched')
      await client.call('SWAPDB', '0', '1')
      await client.call('MULTI')
      expect(await client.call('EXEC'), database).toEqual(expected)
    }
  })

  test('TIME is the time, with microseconds', async () => {
    const before = Date.now()
    const [seconds, microseconds] = (await client.call('TIME')) as string[]
    const ms = Number(seconds) * 1000 + Number(microseconds) / 1000
    expect(ms).toBeGreaterThanOrEqual(before - 3)
    expect(ms).toBeLessThanOrEqual(Date.now() + 3)
  })

  test('ROLE is that of a master without replicas', async () => {
    expect(await client.call('ROLE')).toEqual(['master', 0, []])
  })

  test('LASTSAVE is the start of the server before any save', async () => {
    expect(Math.abs(((await client.call('LASTSAVE')) as number) * 1000 - Date.now())).toBeLessThan(120_000)
  })

  test('LOLWUT ends with the version, of whatever version it was asked for', async () => {
    for (const argv of [[], ['VERSION', '5'], ['version', '6', '20', '4'], ['30', '3']]) {
      const lines = Buffer.from((await client.call('LOLWUT', ...argv)) as string, 'latin1')
        .toString('utf8')
        .split('\n')
      expect(lines.at(-2)).toMatch(/Redis ver\. \d+\.\d+\.\d+$/)
      expect(lines.at(-1)).toBe('')
      const [columns, rows] = argv.length === 4 ? [20, 4] : argv.length === 2 && argv[0] === '30' ? [30, 3] : [66, 10]
      expect(lines).toHaveLength(rows + 2)
      for (const line of lines.slice(0, rows)) expect(line).toHaveLength(columns)
    }
    expect(await client.call('LOLWUT', 'VERSION', 'x')).toEqual({
      error: 'ERR value is not an integer or out of range',
    })
  })

  test('SHUTDOWN refuses options that contradict each other, and an abort of nothing', async () => {
    for (const argv of [['nosave', 'save'], ['abort', 'now'], ['save', 'abort'], ['whatever']]) {
      expect(await client.call('SHUTDOWN', ...argv)).toEqual({ error: 'ERR syntax error' })
    }
    expect(await client.call('SHUTDOWN', 'ABORT')).toEqual({ error: 'ERR No shutdown in progress.' })
    await client.call('MULTI')
    expect(await client.call('SHUTDOWN')).toEqual({ error: 'ERR Command not allowed inside a transaction' })
    await client.call('DISCARD')
  })

  describe.skipIf(!hasRedis7)('beside Redis', () => {
    let oracle: RedisOracle

    beforeAll(async () => {
      oracle = await startRedisOracle()
    })

    afterAll(async () => {
      await oracle?.stop()
    })

    test.each([
      [['FLUSHALL', 'NOW']],
      [['FLUSHALL', 'ASYNC', 'SYNC']],
      [['FLUSHDB', '']],
      [['DBSIZE', 'x']],
      [['SWAPDB', 'x', '0']],
      [['SWAPDB', '0', 'x']],
      [['SWAPDB', '0']],
      [['SWAPDB', '44', '0']],
      [['SWAPDB', '0', '-1']],
      [['SWAPDB', '3000000000', '0']],
      [['SWAPDB', '0', '3000000000']],
      [['TIME', 'x']],
      [['ROLE']],
      [['ROLE', 'x']],
      [['LASTSAVE', 'x']],
      [['LOLWUT', 'VERSION', '1.5']],
      [['SHUTDOWN', 'ABORT']],
    ])('%j is answered alike', async (argv) => {
      const redis = await RespConnection.open(oracle.client.options.path as string)
      expect(await client.call(...argv)).toEqual(await redis.call(...argv))
      redis.close()
    })
  })
})

describe('SHUTDOWN', () => {
  test.each([[[]], [['NOSAVE']], [['nosave', 'now', 'force']]])(
    '%j ends the server and the connection',
    async (options) => {
      const server = await startServer({ shards: 2 })
      const client = await RespConnection.open(server.port)
      expect(await client.call('SHUTDOWN', ...options)).toBe('closed')
      await server.stop()
    },
  )

  test.each(SHARD_COUNTS)('NOSAVE ends a script that cannot be killed, with a log on, at %i shards', async (shards) => {
    const args = ['--appendonly', 'yes', '--busy-reply-threshold', '20']
    const server = await startServer({ shards, args })
    const running = await RespConnection.open(server.port)
    const client = await RespConnection.open(server.port)
    const ended = running.call('EVAL', "redis.call('SET', KEYS[1], 'y') while true do end", 1, 'key')
    await expect
      .poll(() => client.call('PING'), { interval: 5, timeout: 10_000 })
      .toEqual({ error: expect.stringMatching(/^BUSY /) })
    expect(await client.call('SCRIPT', 'KILL')).toEqual({ error: expect.stringMatching(/^UNKILLABLE /) })
    const exited = once(server.process, 'exit')
    expect(await client.call('SHUTDOWN', 'NOSAVE')).toBe('closed')
    expect(await ended).toBe('closed')
    expect(await exited).toEqual([0, null])
  })
})
