/**
 * Commands on keys whatever they hold, beside a real Redis 7.0, on one shard and on four.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'

describe.skipIf(!hasRedis7).each([1, 4])('generic commands on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.allSame(['SELECT', 0], ['FLUSHALL'])
  })

  it('deletes, counts and touches many keys', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
    await both.allSame(
      ['MSET', ...keys.flatMap((key) => [key, 'v'])],
      ['EXISTS', ...keys, 'missing', 'key:0'],
      ['TOUCH', ...keys, 'missing', 'key:0'],
      ['DEL', 'key:0', 'key:1', 'missing', 'key:0'],
      ['UNLINK', ...keys],
      ['EXISTS', ...keys],
      ['DBSIZE'],
    )
  })

  it('tells types', async () => {
    await both.allSame(['SET', 'k', 'v'], ['TYPE', 'k'], ['TYPE', 'missing'])
  })

  it('finds keys by pattern', async () => {
    const names = ['one', 'two', 'three', 'key:1', 'key:22', 'a*b', 'a?b', '[x]', 'ümlaut', '\\', '']
    await both.same('MSET', ...names.flatMap((name) => [Buffer.from(name), 'v']))
    await both.same('SET', 'gone', 'v', 'PXAT', 1)
    for (const pattern of [
      '*',
      '**',
      'key:*',
      'key:?',
      '*e*',
      'a\\*b',
      'a\\?b',
      '[[]x]',
      '[a-o]*',
      '[^a-o]*',
      'two',
      'none',
      '',
      '\\\\',
    ]) {
      const { ours, redis } = await both.each('KEYS', pattern)
      expect([...(ours as string[])].sort(), pattern).toEqual([...(redis as string[])].sort())
    }
  })

  it('picks random keys of all shards', async () => {
    await both.same('RANDOMKEY')
    const names = Array.from({ length: 20 }, (_, i) => `key:${i}`)
    await both.same('MSET', ...names.flatMap((name) => [name, 'v']))
    const seen = new Set<unknown>()
    for (let i = 0; i < 600; i++) seen.add(await both.ours.call('RANDOMKEY'))
    // A key is missed in 600 draws out of 20 with a probability of 20 * 0.95^600, about 1e-12.
    expect([...seen].sort()).toEqual([...names].sort())
  })

  it('renames', async () => {
    for (const from of ['a', 'missing']) {
      for (const to of ['a', 'b', 'c', 'd', 'e', 'new']) {
        for (const command of ['RENAME', 'RENAMENX']) {
          await both.allSame(['FLUSHALL'], ['MSET', 'a', 'value of a', 'b', 'B', 'c', 'C', 'd', 'D', 'e', 'E'])
          await both.allSame(
            ['EXPIRE', 'b', 50],
            [command, from, to],
            ['MGET', 'a', 'b', 'c', 'd', 'e', 'new'],
            ['DBSIZE'],
          )
          for (const key of ['a', 'b', 'new']) await both.sameWithin(1, 'TTL', key)
        }
      }
    }
  })

  it('moves encoding and expiry along', async () => {
    for (const value of ['12', 'text', 'x'.repeat(100), Buffer.alloc(200000, 'large')]) {
      for (const target of ['b', 'c', 'd', 'e', 'f']) {
        await both.allSame(['SET', 'a', value, 'EX', 5000], ['SETRANGE', 'a', 1, 'y'], ['RENAME', 'a', target])
        await both.allSame(['GET', target], ['OBJECT', 'ENCODING', target], ['EXISTS', 'a'])
        await both.sameWithin(1, 'TTL', target)
        await both.allSame(
          ['SET', 'a', value, 'EX', 5000],
          ['COPY', 'a', target, 'REPLACE'],
          ['OBJECT', 'ENCODING', target],
        )
        await both.sameWithin(1, 'TTL', target)
        await both.same('GET', 'a')
      }
    }
  })

  it('copies within and between databases', async () => {
    const options: Argument[][] = [
      [],
      ['REPLACE'],
      ['replace', 'replace'],
      ['DB', 1],
      ['DB', 1, 'REPLACE'],
      ['db', 0],
      ['DB', 16],
      ['DB', -1],
      ['DB', 'x'],
      ['DB'],
      ['nonsense'],
      ['DB', 99999999999],
      ['DB', '9223372036854775808'],
      ['REPLACE', 'DB', 1, 'DB', 2],
    ]
    for (const option of options) {
      for (const [from, to] of [
        ['a', 'b'],
        ['a', 'a'],
        ['a', 'c'],
        ['a', 'd'],
        ['missing', 'a'],
        ['missing', 'missing'],
      ] as const) {
        await both.allSame(
          ['FLUSHALL'],
          ['MSET', 'a', 'A', 'b', 'B'],
          ['COPY', from, to, ...option],
          ['MGET', 'a', 'b', 'c', 'd'],
        )
        for (const database of [1, 2])
          await both.allSame(['SELECT', database], ['MGET', 'a', 'b', 'c', 'd'], ['DBSIZE'])
        await both.same('SELECT', 0)
      }
    }
  })

  it('moves a key to another database', async () => {
    for (const database of [1, 0, 15, 16, -1, 'x', '', 99999999999, '9223372036854775808']) {
      await both.allSame(['FLUSHALL'], ['SET', 'k', 'v', 'EX', 1000], ['MOVE', 'k', database], ['EXISTS', 'k'])
      await both.allSame(['SET', 'k', 'other'], ['MOVE', 'k', database], ['MOVE', 'missing', database])
      await both.allSame(['SELECT', 1], ['GET', 'k'])
      await both.sameWithin(1, 'TTL', 'k')
      await both.same('SELECT', 0)
    }
  })

  it('counts hits, misses and modifications as Redis does', async () => {
    await both.allSame(['CONFIG', 'RESETSTAT'], ['MSET', 'a', 1, 'b', 2])
    const before = await modifications(both)
    for (const argv of [
      ['GET', 'a'],
      ['EXISTS', 'a', 'x'],
      ['TTL', 'a'],
      ['TYPE', 'x'],
      ['TOUCH', 'a', 'x'],
      ['MGET', 'a', 'x'],
      ['STRLEN', 'x'],
    ]) {
      await both.same(...argv)
    }
    await both.allSame(
      ['INCR', 'a'],
      ['APPEND', 'b', 'x'],
      ['EXPIRE', 'a', 100],
      ['PERSIST', 'a'],
      ['SET', 'a', 1, 'EX', 10],
      ['MSET', 'c', 1, 'd', 1],
    )
    await both.allSame(
      ['SETRANGE', 'new', 5, 'x'],
      ['DEL', 'c', 'd', 'x'],
      ['MOVE', 'new', 1],
      ['SET', 'a', 1, 'NX'],
      ['INCRBYFLOAT', 'a', 1],
    )
    const after = await modifications(both)
    expect(after.ours - before.ours).toBe(after.redis - before.redis)
    const { ours, redis } = await both.each('INFO', 'stats')
    for (const field of ['keyspace_hits', 'keyspace_misses']) {
      expect(infoField(ours as string, field), field).toBe(infoField(redis as string, field))
    }
  })

  it('WAIT finds no replicas', async () => {
    for (const argv of [
      [0, 0],
      [0, 100],
      [-1, 0],
      [1, 20],
      ['x', 0],
      [0, 'x'],
      [0, -1],
      [1, -1],
    ])
      await both.same('WAIT', ...argv)
    // Inside a transaction nothing waits.
    await both.allSame(['MULTI'], ['WAIT', 1, 0], ['SET', 'k', 'v'], ['EXEC'])
    const waiting = await RespConnection.open(both.server.port)
    waiting.write('WAIT', 1, 0)
    await both.same('SET', 'k', 'not held up by it')
    waiting.close()
  })
})

async function modifications(both: BesideRedis): Promise<{ ours: number; redis: number }> {
  const { ours, redis } = await both.each('INFO', 'persistence')
  const field = 'rdb_changes_since_last_save'
  return { ours: infoField(ours as string, field), redis: infoField(redis as string, field) }
}

function infoField(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1])
}
