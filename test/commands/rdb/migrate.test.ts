/**
 * MIGRATE between Shardkeep servers, and to and from a real Redis 7.0, on one shard and on four.
 */
import net from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../../base/redis-oracle.js'
import { RespConnection } from '../../support/resp-value.js'
import { startServer, type TestServer } from '../../support/server.js'

const HOST = '127.0.0.1'
const TIMEOUT_MS = 2000

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe.each([1, 4])('MIGRATE on %i shard(s)', (shards) => {
  let source: TestServer
  let target: TestServer
  let ours: RespConnection
  let theirs: RespConnection

  beforeAll(async () => {
    source = await startServer({ shards })
    target = await startServer({ shards: 5 - shards })
    ours = await RespConnection.open(source.port)
    theirs = await RespConnection.open(target.port)
  })

  afterAll(async () => {
    ours?.close()
    theirs?.close()
    await source?.stop()
    await target?.stop()
  })

  beforeEach(async () => {
    await ours.call('FLUSHALL')
    await theirs.call('FLUSHALL')
  })

  const ok = { simple: 'OK' }

  it('moves a key with its time to live', async () => {
    await ours.call('SET', 'k', 'value', 'PX', 50_000)
    expect(await ours.call('MIGRATE', HOST, target.port, 'k', 0, TIMEOUT_MS)).toEqual(ok)
    expect(await ours.call('EXISTS', 'k')).toBe(0)
    expect(await theirs.call('GET', 'k')).toBe('value')
    const ttl = (await theirs.call('PTTL', 'k')) as number
    expect(ttl).toBeGreaterThan(40_000)
    expect(ttl).toBeLessThanOrEqual(50_000)
    expect(await ours.call('MIGRATE', HOST, target.port, 'k', 0, TIMEOUT_MS)).toEqual({ simple: 'NOKEY' })
  })

  it('copies, replaces, and selects the database', async () => {
    await ours.call('SET', 'k', 'new')
    await theirs.call('SELECT', 3)
    await theirs.call('SET', 'k', 'old')
    expect(await ours.call('MIGRATE', HOST, target.port, 'k', 3, TIMEOUT_MS, 'COPY')).toEqual({
      error: 'ERR Target instance replied with error: BUSYKEY Target key name already exists.',
    })
    expect(await theirs.call('GET', 'k')).toBe('old')
    expect(await ours.call('MIGRATE', HOST, target.port, 'k', 3, TIMEOUT_MS, 'COPY', 'REPLACE')).toEqual(ok)
    expect(await theirs.call('GET', 'k')).toBe('new')
    expect(await ours.call('GET', 'k')).toBe('new')
    await theirs.call('SELECT', 0)
    expect(await theirs.call('EXISTS', 'k')).toBe(0)
    expect(await ours.call('MIGRATE', HOST, target.port, 'k', 0, TIMEOUT_MS)).toEqual(ok)
    expect(await theirs.call('GET', 'k')).toBe('new')
  })

  it('moves many keys, and keeps those that are refused', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `key:${i}`)
    for (const key of keys) await ours.call('SET', key, `value of ${key}`)
    await theirs.call('SET', 'key:7', 'taken')
    const reply = await ours.call('MIGRATE', HOST, target.port, '', 0, TIMEOUT_MS, 'KEYS', 'missing', ...keys)
    expect(reply).toEqual({
      error: 'ERR Target instance replied with error: BUSYKEY Target key name already exists.',
    })
    expect(await ours.call('DBSIZE')).toBe(1)
    expect(await ours.call('GET', 'key:7')).toBe('value of key:7')
    expect(await theirs.call('MGET', ...keys)).toEqual(
      keys.map((key) => (key === 'key:7' ? 'taken' : `value of ${key}`)),
    )
  })

  it('goes on with a new connection when the one that was kept has broken', async () => {
    await ours.call('SET', 'a', 1)
    expect(await ours.call('MIGRATE', HOST, target.port, 'a', 0, TIMEOUT_MS)).toEqual(ok)
    await theirs.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await ours.call('SET', 'b', 2)
    expect(await ours.call('MIGRATE', HOST, target.port, 'b', 0, TIMEOUT_MS)).toEqual(ok)
    expect(await theirs.call('MGET', 'a', 'b')).toEqual(['1', '2'])
  })

  it('takes its place in a transaction', async () => {
    await theirs.call('SET', 'refused', 'taken')
    await ours.call('MSET', 'k', 'before', 'refused', 'here')
    for (const argv of [
      ['MULTI'],
      ['SET', 'k', 'within'],
      ['MIGRATE', HOST, target.port, 'k', 0, TIMEOUT_MS],
      ['EXISTS', 'k'],
      ['MIGRATE', HOST, target.port, 'refused', 0, TIMEOUT_MS],
      ['GET', 'refused'],
    ]) {
      await ours.call(...(argv as [string]))
    }
    expect(await ours.call('EXEC')).toEqual([
      ok,
      ok,
      0,
      { error: 'ERR Target instance replied with error: BUSYKEY Target key name already exists.' },
      'here',
    ])
    expect(await theirs.call('GET', 'k')).toBe('within')
  })

  it('says what is wrong with its arguments as Redis does', async () => {
    await ours.call('SET', 'k', 'v')
    const syntax = { error: 'ERR syntax error' }
    const notAnInteger = { error: 'ERR value is not an integer or out of range' }
    const wrong: readonly (readonly [readonly (string | number)[], unknown])[] = [
      [['k', 0, 1000, 'NONSENSE'], syntax],
      [['k', 0, 1000, 'AUTH'], syntax],
      [['k', 0, 1000, 'AUTH2', 'user'], syntax],
      [['k', 'x', 1000], notAnInteger],
      [['k', 0, 'x'], notAnInteger],
      [
        ['k', 0, 1000, 'KEYS', 'k'],
        { error: 'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string' },
      ],
      [['', 0, 1000, 'KEYS'], { simple: 'NOKEY' }],
    ]
    for (const [rest, reply] of wrong) expect(await ours.call('MIGRATE', HOST, target.port, ...rest)).toEqual(reply)
  })

  it('gives up when nobody is there, or nobody answers, and leaves the key where it is', async () => {
    await ours.call('SET', 'k', 'v')
    for (const port of [await freePort(), 0, 70000, 'x']) {
      expect(await ours.call('MIGRATE', HOST, port, 'k', 0, 500)).toEqual({
        error: 'IOERR error or timeout connecting to the client',
      })
    }
    const silent = net.createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, HOST, resolve))
    const sockets: net.Socket[] = []
    silent.on('connection', (socket) => sockets.push(socket))
    const { port } = silent.address() as net.AddressInfo
    const other = await RespConnection.open(source.port)
    const migrated = ours.call('MIGRATE', HOST, port, 'k', 0, 300)
    // Only the key waits; the server does not.
    expect(await other.call('SET', 'another', 'key')).toEqual(ok)
    expect(await migrated).toEqual({ error: 'IOERR error or timeout reading to target instance' })
    expect(await ours.call('GET', 'k')).toBe('v')
    for (const socket of sockets) socket.destroy()
    silent.close()
    other.close()
  })

  it('moves a value that is larger than a ring', async () => {
    const value = Buffer.alloc(3_000_000, 'some text that repeats itself, but not always the same way ')
    for (let i = 0; i < value.length; i += 7) value[i] = (i * 2654435761) >>> 24
    await ours.call('SET', 'big', value)
    expect(await ours.call('MIGRATE', HOST, target.port, 'big', 0, 20_000)).toEqual(ok)
    expect(await theirs.call('GET', 'big')).toBe(value.toString('latin1'))
  })
})

describe.skipIf(!hasRedis7).each([1, 4])('MIGRATE on %i shard(s) and Redis 7.0', (shards) => {
  let server: TestServer
  let oracle: RedisOracle
  let redisPort: number
  let ours: RespConnection
  let redis: RespConnection

  beforeAll(async () => {
    redisPort = await freePort()
    oracle = await startRedisOracle('--port', String(redisPort), '--requirepass', '')
    server = await startServer({ shards })
    ours = await RespConnection.open(server.port)
    redis = await RespConnection.open(redisPort)
  })

  afterAll(async () => {
    ours?.close()
    redis?.close()
    await server?.stop()
    await oracle?.stop()
  })

  it('moves keys there and back', async () => {
    const values = ['', '1', '-300', '70000', 'text', 'x'.repeat(5000), 'éßü'.repeat(10)]
    const keys = values.map((_, i) => `k${i}`)
    for (const [i, value] of values.entries()) await ours.call('SET', `k${i}`, value)
    const shown = await ours.call('MGET', ...keys)
    expect(await ours.call('MIGRATE', HOST, redisPort, '', 0, TIMEOUT_MS, 'KEYS', ...keys)).toEqual({ simple: 'OK' })
    expect(await ours.call('DBSIZE')).toBe(0)
    expect(await redis.call('MGET', ...keys)).toEqual(shown)
    expect(await redis.call('MIGRATE', HOST, server.port, '', 2, TIMEOUT_MS, 'KEYS', ...keys)).toEqual({ simple: 'OK' })
    await ours.call('SELECT', 2)
    expect(await ours.call('MGET', ...keys)).toEqual(shown)
    await ours.call('SELECT', 0)
  })

  it('gives the password that is asked for', async () => {
    await redis.call('CONFIG', 'SET', 'requirepass', 'secret')
    await redis.call('AUTH', 'secret')
    await redis.call('ACL', 'SETUSER', 'mover', 'on', '>word', '~*', '+@all')
    // The connection that was kept is one from before there was a password.
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await ours.call('SET', 'a', 1)
    const migrate = (...rest: string[]): Promise<unknown> =>
      ours.call('MIGRATE', HOST, redisPort, 'a', 0, TIMEOUT_MS, 'COPY', 'REPLACE', ...rest)
    expect(await migrate()).toMatchObject({ error: expect.stringContaining('replied with error: NOAUTH') })
    expect(await migrate('AUTH', 'wrong')).toMatchObject({ error: expect.stringContaining('WRONGPASS') })
    expect(await migrate('AUTH', 'secret')).toEqual({ simple: 'OK' })
    expect(await migrate('AUTH2', 'mover', 'word')).toEqual({ simple: 'OK' })
    expect(await redis.call('GET', 'a')).toBe('1')
  })
})
