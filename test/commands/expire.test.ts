/**
 * Expiry commands beside a real Redis 7.0, on one shard and on four.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { type Argument, BesideRedis } from './beside-redis.js'

/** The two servers see a command a few milliseconds apart, and a busy machine makes that more. */
const TOLERANCE_MS = 500
const TOLERANCE_S = 1

describe.skipIf(!hasRedis7).each([1, 4])('expiry on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
  })

  async function sameExpiry(key: string): Promise<void> {
    await both.sameWithin(TOLERANCE_S, 'TTL', key)
    await both.sameWithin(TOLERANCE_MS, 'PTTL', key)
    await both.sameWithin(TOLERANCE_S, 'EXPIRETIME', key)
    await both.sameWithin(TOLERANCE_MS, 'PEXPIRETIME', key)
  }

  const times: Record<string, Argument[]> = {
    EXPIRE: [
      100,
      1000000,
      0,
      -1,
      -100,
      '9223372036854775',
      '9223372036854776',
      '9223372036854775807',
      '9223372036854775808',
      '-9223372036854775808',
      '-9223372036854775',
      'x',
      '',
      '1.5',
    ],
    PEXPIRE: [100000, 5000000000, 0, -1, '9223372036854775807', '-9223372036854775808', '9223372036854775808', '01'],
    EXPIREAT: [9999999999, 1, 0, -1, '9223372036854776', '-9223372036854776', '9223372036854775807', 'x'],
    PEXPIREAT: [
      9999999999999,
      1,
      0,
      -1,
      '9223372036854775807',
      '9223372036854770000',
      '-9223372036854775808',
      '9223372036854775808',
      'x',
    ],
  }

  it.each(Object.keys(times))('%s sets the time, or deletes the key when it has come', async (command) => {
    for (const time of times[command] as Argument[]) {
      for (const ttl of [[], ['EX', 500]]) {
        await both.allSame(['SET', 'k', 'v', ...ttl], [command, 'k', time], [command, 'missing', time], ['EXISTS', 'k'])
        // A time beyond 2^53 ms is kept as that, so that only times that any clock can reach are compared.
        if (Number(time) < 1e13) await sameExpiry('k')
      }
    }
  })

  it('respects NX, XX, GT and LT', async () => {
    const options: Argument[][] = [
      ['NX'],
      ['XX'],
      ['GT'],
      ['LT'],
      ['xx', 'gt'],
      ['XX', 'LT'],
      ['NX', 'XX'],
      ['NX', 'GT'],
      ['LT', 'NX'],
      ['GT', 'LT'],
      ['NX', 'NX'],
      ['XX', 'GT', 'LT'],
      ['AB'],
      ['NX', 'AB'],
      [''],
      ['a\r\nb'],
      ['zero\0byte'],
    ]
    for (const option of options) {
      for (const ttl of [[], ['EX', 500]]) {
        for (const seconds of [100, 1000, -1]) {
          await both.allSame(
            ['SET', 'k', 'v', ...ttl],
            ['EXPIRE', 'k', seconds, ...option],
            ['EXISTS', 'k'],
            ['EXPIRE', 'missing', seconds, ...option],
          )
          await sameExpiry('k')
        }
      }
    }
    await both.allSame(
      ['SET', 'k', 'v', 'PXAT', 9999999999999],
      ['PEXPIREAT', 'k', 9999999999999, 'GT'],
      ['PEXPIREAT', 'k', 9999999999999, 'LT'],
    )
    await both.allSame(
      ['PEXPIREAT', 'k', 9999999999998, 'GT'],
      ['PEXPIREAT', 'k', 9999999999998, 'LT'],
      ['PEXPIRETIME', 'k'],
    )
    await both.allSame(
      ['EXPIRE', 'k', 'x', 'AB'],
      ['EXPIRE', 'k', 'x', 'NX', 'XX'],
      ['EXPIRE', 'k', '9223372036854775807', 'NX'],
    )
  })

  it('PERSIST takes the expiry away', async () => {
    await both.allSame(
      ['SET', 'k', 'v', 'EX', 100],
      ['PERSIST', 'k'],
      ['TTL', 'k'],
      ['PERSIST', 'k'],
      ['PERSIST', 'missing'],
    )
  })

  it('tells -1 for a key that does not expire and -2 for none', async () => {
    await both.same('SET', 'k', 'v')
    for (const command of ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'])
      await both.allSame([command, 'k'], [command, 'missing'])
  })

  it('rounds seconds to the nearest', async () => {
    for (const ms of [9999999999000, 9999999999499, 9999999999500, 9999999999999]) {
      await both.allSame(['SET', 'k', 'v', 'PXAT', ms], ['EXPIRETIME', 'k'], ['PEXPIRETIME', 'k'])
    }
  })

  it('removes keys that nobody asks for', async () => {
    for (let i = 0; i < 50; i++) await both.ours.call('SET', `key:${i}`, 'v', 'PX', 20)
    await both.ours.call('SET', 'stays', 'v')
    const deadline = Date.now() + 5000
    while ((await both.ours.call('DBSIZE')) !== 1 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await both.ours.call('DBSIZE')).toBe(1)
  })

  it('an expired key is gone for every command', async () => {
    const reads: Argument[][] = [
      ['GET', 'k'],
      ['EXISTS', 'k'],
      ['TTL', 'k'],
      ['TYPE', 'k'],
      ['STRLEN', 'k'],
      ['MGET', 'k'],
      ['KEYS', '*'],
      ['RANDOMKEY'],
      ['DEL', 'k'],
      ['EXPIRE', 'k', 100],
      ['PERSIST', 'k'],
      ['RENAME', 'k', 'l'],
      ['RENAMENX', 'k', 'l'],
      ['COPY', 'k', 'l'],
      ['MOVE', 'k', 1],
      ['GETDEL', 'k'],
      ['APPEND', 'k', 'x'],
      ['INCR', 'k'],
      ['SETRANGE', 'k', 1, 'x'],
      ['SETNX', 'k', 'x'],
      ['OBJECT', 'ENCODING', 'k'],
      ['GETSET', 'k', 'x'],
    ]
    for (const read of reads) await both.allSame(['FLUSHALL'], ['SET', 'k', 'v', 'PXAT', 1], read, ['EXISTS', 'k'])
  })
})
