/**
 * The expiry of fields of hashes, on one shard and on four, in both encodings. These commands are newer than Redis 7.0, so
 * that the replies are those of the documentation (Redis 7.4 and 8.0), written out.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import type { Argument } from './beside-redis.js'

const LISTPACK_ENTRIES = { small: 512, large: 0 } as const
const TIME_MS_MAX = 2 ** 46 - 1

const cases = SHARD_COUNTS.flatMap((shards) => (['small', 'large'] as const).map((size) => [shards, size] as const))

describe.each(cases)('fields that expire, on %i shard(s), in %s hashes', (shards, size) => {
  let server: TestServer
  let connection: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards })
    connection = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    connection?.close()
    await server?.stop()
  })

  beforeEach(async () => {
    await call('FLUSHALL')
    await call('HELLO', 2)
    await call('DEBUG', 'SET-ACTIVE-EXPIRE', 1)
    await call('CONFIG', 'SET', 'hash-max-listpack-entries', LISTPACK_ENTRIES[size])
  })

  const call = (...argv: Argument[]): Promise<RespValue> => connection.call(...argv)
  const errorOf = async (...argv: Argument[]): Promise<string> => ((await call(...argv)) as { error: string }).error
  const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 200; i++) {
      if (await condition()) return
      await wait(10)
    }
    expect.fail('it did not come to that in 2 seconds')
  }

  async function hashOf(key: string): Promise<Record<string, string>> {
    const flat = (await call('HGETALL', key)) as string[]
    const fields: Record<string, string> = {}
    for (let i = 0; i < flat.length; i += 2) fields[flat[i] as string] = flat[i + 1] as string
    return fields
  }

  it('takes times, tells them, and takes them away', async () => {
    await call('HSET', 'h', 'a', 1, 'b', 2, 'c', 3)
    expect(await call('OBJECT', 'ENCODING', 'h')).toBe(size === 'small' ? 'listpack' : 'hashtable')
    expect(await call('HEXPIRE', 'h', 100, 'FIELDS', 2, 'a', 'nope')).toEqual([1, -2])
    expect(await call('OBJECT', 'ENCODING', 'h')).toBe(size === 'small' ? 'listpackex' : 'hashtable')
    expect(await call('HPEXPIRE', 'h', 200_000, 'FIELDS', 1, 'b')).toEqual([1])
    expect(await call('HTTL', 'h', 'FIELDS', 4, 'a', 'b', 'c', 'nope')).toEqual([100, 200, -1, -2])
    const [left] = (await call('HPTTL', 'h', 'FIELDS', 1, 'a')) as number[]
    expect(left).toBeGreaterThan(99_000)
    expect(left).toBeLessThanOrEqual(100_000)
    expect(await call('HEXPIREAT', 'h', 2_000_000_000, 'FIELDS', 1, 'a')).toEqual([1])
    expect(await call('HPEXPIREAT', 'h', 2_000_000_000_001, 'FIELDS', 1, 'b')).toEqual([1])
    expect(await call('HEXPIRETIME', 'h', 'FIELDS', 3, 'a', 'b', 'c')).toEqual([2_000_000_000, 2_000_000_001, -1])
    expect(await call('HPEXPIRETIME', 'h', 'FIELDS', 3, 'a', 'b', 'c')).toEqual([
      2_000_000_000_000, 2_000_000_000_001, -1,
    ])
    expect(await call('HPERSIST', 'h', 'FIELDS', 3, 'a', 'c', 'nope')).toEqual([1, -1, -2])
    expect(await call('HTTL', 'h', 'FIELDS', 1, 'a')).toEqual([-1])
    expect(await hashOf('h')).toEqual({ a: '1', b: '2', c: '3' })
    for (const command of ['HTTL', 'HPTTL', 'HEXPIRETIME', 'HPEXPIRETIME', 'HPERSIST']) {
      expect(await call(command, 'missing', 'FIELDS', 2, 'a', 'b')).toEqual([-2, -2])
    }
    expect(await call('HEXPIRE', 'missing', 5, 'FIELDS', 2, 'a', 'b')).toEqual([-2, -2])
    expect(await call('EXISTS', 'missing')).toBe(0)
  })

  it('respects conditions', async () => {
    await call('HSET', 'h', 'a', 1, 'b', 2)
    await call('HPEXPIREAT', 'h', 2_000_000_000_000, 'FIELDS', 1, 'a')
    const results: [condition: string, timeMs: number, a: number, b: number][] = [
      ['NX', 2_000_000_000_000, 0, 1],
      ['xx', 2_000_000_000_000, 1, 0],
      ['GT', 2_000_000_000_000, 0, 0],
      ['GT', 2_000_000_000_001, 1, 0],
      ['LT', 2_000_000_000_000, 0, 1],
      ['lt', 1_999_999_999_999, 1, 1],
    ]
    for (const [condition, timeMs, a, b] of results) {
      await call('HPEXPIREAT', 'h', 2_000_000_000_000, 'FIELDS', 1, 'a')
      await call('HPERSIST', 'h', 'FIELDS', 1, 'b')
      expect(await call('HPEXPIREAT', 'h', timeMs, condition, 'FIELDS', 2, 'a', 'b'), condition).toEqual([a, b])
    }
  })

  it('deletes a field whose time has come when it is given', async () => {
    await call('HSET', 'h', 'a', 1, 'b', 2, 'c', 3)
    expect(await call('HPEXPIREAT', 'h', 1, 'FIELDS', 2, 'a', 'nope')).toEqual([2, -2])
    expect(await call('HEXPIRE', 'h', 0, 'FIELDS', 1, 'b')).toEqual([2])
    expect(await hashOf('h')).toEqual({ c: '3' })
    expect(await call('HEXPIRE', 'h', 0, 'FIELDS', 2, 'c', 'c')).toEqual([2, -2])
    expect(await call('EXISTS', 'h')).toBe(0)
  })

  it('refuses what does not fit', async () => {
    await call('SET', 's', 'v')
    await call('HSET', 'h', 'f', 'v')
    const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value'
    const noFields = 'ERR Mandatory argument FIELDS is missing or not at the right position'
    const noMatch = 'ERR The `numfields` parameter must match the number of arguments'
    const notPositive = 'ERR Number of fields must be a positive integer'
    const notAnInteger = 'ERR value is not an integer or out of range'
    const negative = 'ERR invalid expire time, must be >= 0'
    for (const [command, time] of [
      ['HEXPIRE', 10],
      ['HPEXPIRE', 10],
      ['HEXPIREAT', 2_000_000_000],
      ['HPEXPIREAT', 2_000_000_000_000],
    ] as const) {
      const arity = `ERR wrong number of arguments for '${command.toLowerCase()}' command`
      const invalid = `ERR invalid expire time in '${command.toLowerCase()}' command`
      expect(await errorOf(command, 'h', time, 'FIELDS', 1)).toBe(arity)
      expect(await errorOf(command, 's', time, 'FIELDS', 1, 'f')).toBe(wrongType)
      expect(await errorOf(command, 's', 'x', 'FIELDS', 1, 'f')).toBe(wrongType)
      expect(await errorOf(command, 'h', 'x', 'FIELDS', 1, 'f')).toBe(notAnInteger)
      expect(await errorOf(command, 'h', '9223372036854775808', 'FIELDS', 1, 'f')).toBe(notAnInteger)
      expect(await errorOf(command, 'h', -1, 'FIELDS', 1, 'f')).toBe(negative)
      expect(await errorOf(command, 'h', '-9223372036854775808', 'FIELDS', 1, 'f')).toBe(negative)
      expect(await errorOf(command, 'h', '9223372036854775807', 'FIELDS', 1, 'f')).toBe(invalid)
      expect(await errorOf(command, 'h', TIME_MS_MAX + 1, 'FIELDS', 1, 'f')).toBe(invalid)
      expect(await errorOf(command, 'h', time, 'FIELD', 1, 'f')).toBe(noFields)
      expect(await errorOf(command, 'h', time, 'NX', 'XX', 'FIELDS', 1, 'f')).toBe(noFields)
      for (const count of ['0', '-1', 'x', '9223372036854775808']) {
        expect(await errorOf(command, 'h', time, 'FIELDS', count, 'f')).toBe(
          'ERR Parameter `numFields` should be greater than 0',
        )
      }
      expect(await errorOf(command, 'h', time, 'FIELDS', 2, 'f')).toBe(noMatch)
      expect(await errorOf(command, 'h', time, 'NX', 'FIELDS', 1, 'f', 'g')).toBe(noMatch)
    }
    expect(await call('HPEXPIREAT', 'h', TIME_MS_MAX, 'FIELDS', 1, 'f')).toEqual([1])
    expect(await call('HPEXPIRETIME', 'h', 'FIELDS', 1, 'f')).toEqual([TIME_MS_MAX])
    for (const command of ['HTTL', 'HPTTL', 'HEXPIRETIME', 'HPEXPIRETIME', 'HPERSIST', 'HGETDEL', 'HGETEX']) {
      expect(await errorOf(command, 's', 'FIELDS', 1, 'f')).toBe(wrongType)
      expect(await errorOf(command, 'h', 'FIELD', 1, 'f')).toBe(noFields)
      for (const count of ['0', '-1', 'x']) expect(await errorOf(command, 'h', 'FIELDS', count, 'f')).toBe(notPositive)
      expect(await errorOf(command, 'h', 'FIELDS', 3, 'f', 'g')).toBe(noMatch)
    }
    expect(await errorOf('HGETEX', 'h', 'EX', 'x', 'FIELDS', 1, 'f')).toBe(notAnInteger)
    expect(await errorOf('HGETEX', 'h', 'PX', -1, 'FIELDS', 1, 'f')).toBe(negative)
    expect(await errorOf('HGETEX', 'h', 'PXAT', TIME_MS_MAX + 1, 'FIELDS', 1, 'f')).toBe(
      "ERR invalid expire time in 'hgetex' command",
    )
    expect(await errorOf('HGETEX', 'h', 'PERSIST', 1, 'FIELDS', 1, 'f')).toBe(noFields)
    expect(await errorOf('HGETEX', 'h', 'PXAT', 1, 1)).toBe(noFields)
    const setArity = "ERR wrong number of arguments for 'hsetex' command"
    const twoExpiries = 'ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified'
    expect(await errorOf('HSETEX', 's', 'FIELDS', 1, 'f', 'v')).toBe(wrongType)
    expect(await errorOf('HSETEX', 'h', 'FIELDS', 2, 'a', 'b', 'c')).toBe(setArity)
    expect(await errorOf('HSETEX', 'h', 'FIELDS', 1, 'a', 'b', 'c')).toBe(setArity)
    expect(await errorOf('HSETEX', 'h', 'NX', 'FIELDS', 1, 'a', 'b')).toBe('ERR unknown argument: NX')
    expect(await errorOf('HSETEX', 'h', 'FXX', 'FNX', 'FIELDS', 1, 'a', 'b')).toBe(
      'ERR Only one of FXX or FNX arguments can be specified',
    )
    expect(await errorOf('HSETEX', 'h', 'EX', 5, 'KEEPTTL', 'FIELDS', 1, 'a', 'b')).toBe(twoExpiries)
    expect(await errorOf('HSETEX', 'h', 'KEEPTTL', 'PXAT', 5, 'FIELDS', 1, 'a', 'b')).toBe(twoExpiries)
    expect(await errorOf('HSETEX', 'h', 'EX', 'FIELDS', 1, 'a', 'b')).toBe(notAnInteger)
    expect(await errorOf('HSETEX', 'h', 'FIELDS', 0, 'a', 'b')).toBe('ERR invalid number of fields')
    expect(await errorOf('HSETEX', 'h', 'FNX', 'FXY', 'a', 'b')).toBe('ERR unknown argument: FXY')
  })

  it('HGETEX, HSETEX and HGETDEL do two things at once', async () => {
    expect(await call('HSETEX', 'h', 'FXX', 'FIELDS', 1, 'a', 1)).toBe(0)
    expect(await call('EXISTS', 'h')).toBe(0)
    expect(await call('HSETEX', 'h', 'FNX', 'EX', 100, 'FIELDS', 2, 'a', 1, 'b', 2)).toBe(1)
    expect(await call('HSETEX', 'h', 'FNX', 'FIELDS', 2, 'c', 1, 'b', 2)).toBe(0)
    expect(await call('HSETEX', 'h', 'FXX', 'FIELDS', 2, 'a', 1, 'c', 2)).toBe(0)
    expect(await call('HTTL', 'h', 'FIELDS', 3, 'a', 'b', 'c')).toEqual([100, 100, -2])
    expect(await call('HSETEX', 'h', 'KEEPTTL', 'FXX', 'FIELDS', 1, 'a', 'kept')).toBe(1)
    expect(await call('HSETEX', 'h', 'FIELDS', 1, 'b', 'not kept')).toBe(1)
    expect(await call('HTTL', 'h', 'FIELDS', 2, 'a', 'b')).toEqual([100, -1])
    expect(await call('HGETEX', 'h', 'FIELDS', 2, 'a', 'nope')).toEqual(['kept', null])
    expect(await call('HGETEX', 'h', 'EXAT', 2_000_000_000, 'FIELDS', 2, 'a', 'b')).toEqual(['kept', 'not kept'])
    expect(await call('HEXPIRETIME', 'h', 'FIELDS', 2, 'a', 'b')).toEqual([2_000_000_000, 2_000_000_000])
    expect(await call('HGETEX', 'h', 'PERSIST', 'FIELDS', 1, 'a')).toEqual(['kept'])
    expect(await call('HTTL', 'h', 'FIELDS', 2, 'a', 'nope')).toEqual([-1, -2])
    expect(await call('HGETEX', 'h', 'PXAT', 1, 'FIELDS', 1, 'a')).toEqual(['kept'])
    expect(await hashOf('h')).toEqual({ b: 'not kept' })
    expect(await call('HSETEX', 'h', 'PXAT', 1, 'FIELDS', 2, 'b', 1, 'c', 2)).toBe(1)
    expect(await call('EXISTS', 'h')).toBe(0)
    expect(await call('HSETEX', 'h', 'PXAT', 1, 'FIELDS', 1, 'b', 1)).toBe(1)
    expect(await call('EXISTS', 'h')).toBe(0)
    await call('HSET', 'h', 'a', 1, 'b', 2)
    expect(await call('HGETDEL', 'h', 'FIELDS', 3, 'a', 'a', 'nope')).toEqual(['1', null, null])
    expect(await call('HGETDEL', 'h', 'FIELDS', 1, 'b')).toEqual(['2'])
    expect(await call('EXISTS', 'h')).toBe(0)
    await call('HELLO', 3)
    expect(await call('HGETDEL', 'h', 'FIELDS', 1, 'b')).toEqual([null])
    expect(await call('HGETEX', 'missing', 'EX', 5, 'FIELDS', 2, 'a', 'b')).toEqual([null, null])
  })

  it('a field past its time is absent, and goes when it is met', async () => {
    await call('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    await call('HSET', 'h', 'a', 1, 'b', 2, 'c', 3, 'd', 4, 'e', 5)
    await call('HPEXPIRE', 'h', 10, 'FIELDS', 4, 'a', 'b', 'c', 'd')
    await wait(30)
    expect(await call('HLEN', 'h')).toBe(5)
    expect(await hashOf('h')).toEqual({ e: '5' })
    expect(await call('HKEYS', 'h')).toEqual(['e'])
    expect(await call('HVALS', 'h')).toEqual(['5'])
    expect(await call('HSCAN', 'h', 0, 'COUNT', 100)).toEqual(['0', ['e', '5']])
    expect(await call('HTTL', 'h', 'FIELDS', 1, 'd')).toEqual([-2])
    expect(await call('HGET', 'h', 'a')).toBeNull()
    expect(await call('HLEN', 'h')).toBe(3)
    expect(await call('HSETNX', 'h', 'b', 'again')).toBe(1)
    expect(await call('HTTL', 'h', 'FIELDS', 1, 'b')).toEqual([-1])
    expect(await call('HINCRBY', 'h', 'c', 7)).toBe(7)
    expect(await call('HRANDFIELD', 'h', -5)).not.toContain('d')
    await call('HPEXPIRE', 'h', 10, 'FIELDS', 3, 'b', 'c', 'e')
    await wait(30)
    expect(await call('HMGET', 'h', 'b', 'c', 'e', 'f')).toEqual([null, null, null, null])
    expect(await call('EXISTS', 'h')).toBe(0)

    await call('HSETEX', 'h', 'PX', 10, 'FIELDS', 1, 'f', 'v')
    await wait(30)
    expect(await call('HRANDFIELD', 'h')).toBeNull()
    expect(await call('EXISTS', 'h')).toBe(0)
    await call('HSETEX', 'h', 'PX', 10, 'FIELDS', 1, 'f', 5)
    await wait(30)
    expect(await call('HINCRBYFLOAT', 'h', 'f', '1.5')).toBe('1.5')
    expect(await call('HTTL', 'h', 'FIELDS', 1, 'f')).toEqual([-1])
  })

  it('keeps the time of a field that is counted up, drops that of one that is set', async () => {
    await call('HSETEX', 'h', 'EX', 100, 'FIELDS', 3, 'a', 1, 'b', 2, 'c', 3)
    await call('HINCRBY', 'h', 'a', 5)
    await call('HINCRBYFLOAT', 'h', 'b', '0.5')
    await call('HSET', 'h', 'c', 3)
    expect(await call('HTTL', 'h', 'FIELDS', 3, 'a', 'b', 'c')).toEqual([100, 100, -1])
  })

  it('removes fields nobody asks for, and hashes with their last field', async () => {
    const fields = Array.from({ length: 50 }, (_, i) => `f${i}`)
    for (let i = 0; i < 30; i++) {
      await call('HSET', `all${i}`, ...fields.flatMap((field) => [field, i]))
      await call('HPEXPIRE', `all${i}`, 20 + i, 'FIELDS', 50, ...fields)
      await call('HSET', `half${i}`, ...fields.flatMap((field) => [field, i]))
      await call('HPEXPIRE', `half${i}`, 20 + i, 'FIELDS', 25, ...fields.slice(25))
    }
    await call('SELECT', 5)
    await call('HSETEX', 'h', 'PX', 20, 'FIELDS', 1, 'f', 1)
    await until(async () => (await call('DBSIZE')) === 0)
    await call('SELECT', 0)
    await until(async () => (await call('DBSIZE')) === 30)
    await until(async () => (await call('HLEN', 'half29')) === 25)
    for (let i = 0; i < 30; i++) expect(await call('HLEN', `half${i}`)).toBe(25)
    expect((await call('INFO', 'stats')) as string).toMatch(/expired_subkeys:[1-9]/)
  })

  it('takes times along when a hash is copied, renamed or moved', async () => {
    for (const target of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await call('HSET', 'h', 'x', 1, 'y', 2)
      await call('HPEXPIREAT', 'h', 2_000_000_000_000, 'FIELDS', 1, 'x')
      await call('COPY', 'h', target)
      expect(await call('HPEXPIRETIME', target, 'FIELDS', 2, 'x', 'y')).toEqual([2_000_000_000_000, -1])
      await call('RENAME', 'h', `${target} renamed`)
      await call('MOVE', `${target} renamed`, 1)
      await call('SELECT', 1)
      expect(await call('HPEXPIRETIME', `${target} renamed`, 'FIELDS', 2, 'x', 'y')).toEqual([2_000_000_000_000, -1])
      // Active expiry knows of them where they are.
      await call('HPEXPIRE', `${target} renamed`, 1, 'FIELDS', 2, 'x', 'y')
      await call('SELECT', 0)
      await call('HPEXPIRE', target, 1, 'FIELDS', 2, 'x', 'y')
    }
    await until(async () => (await call('DBSIZE')) === 0)
    await call('SELECT', 1)
    await until(async () => (await call('DBSIZE')) === 0)
    await call('SELECT', 0)
    await call('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    const copies = ['copy 1', 'copy 2', 'copy 3', 'copy 4']
    await call('HSETEX', 'h', 'PX', 20, 'FIELDS', 1, 'x', 1)
    for (const copy of copies) await call('COPY', 'h', copy)
    await call('RENAME', 'h', 'renamed')
    await call('DEBUG', 'SET-ACTIVE-EXPIRE', 1)
    await until(async () => (await call('DBSIZE')) === 0)
  })

  it('tells a watching client when fields go', async () => {
    const other = await RespConnection.open(server.port)
    await call('HSET', 'h', 'a', 1)
    await call('HPEXPIRE', 'h', 10, 'FIELDS', 1, 'a')
    await call('WATCH', 'h')
    await until(async () => (await other.call('EXISTS', 'h')) === 0)
    await call('MULTI')
    await call('PING')
    expect(await call('EXEC')).toBeNull()
    other.close()
  })
})
