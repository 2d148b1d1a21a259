/**
 * The string commands that Redis 7.0 has, beside a real one, on one shard and on four.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 40

describe.skipIf(!hasRedis7).each([1, 4])('string commands on %i shard(s) beside Redis 7.0', (shards) => {
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

  it('sets and gets any bytes', async () => {
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    await both.allSame(
      ['SET', 'k', 'value'],
      ['GET', 'k'],
      ['SET', everyByte, everyByte],
      ['GET', everyByte],
      ['SET', '', 'under the empty key'],
      ['GET', ''],
      ['SET', 'empty', ''],
      ['GET', 'empty'],
      ['GET', 'missing'],
      ['STRLEN', everyByte],
      ['STRLEN', 'missing'],
    )
  })

  it('sets and gets values of any size', async () => {
    for (const size of [1, 44, 45, 1000, 65535, 70000, 300000, 5_000_000]) {
      const value = Buffer.alloc(size, `value of ${size} bytes `)
      await both.allSame(['SET', 'k', value], ['GET', 'k'], ['STRLEN', 'k'], ['GETRANGE', 'k', -10, -1])
    }
  })

  it('takes the options of SET that fit together, and refuses the others', async () => {
    await both.same('SET', 'k', 'old')
    const time = 9999999999
    const options: Argument[][] = [
      ['NX'],
      ['xx'],
      ['NX', 'XX'],
      ['XX', 'NX'],
      ['GET'],
      ['NX', 'GET'],
      ['XX', 'GET'],
      ['GET', 'GET'],
      ['KEEPTTL'],
      ['EX', 100],
      ['PX', 100000],
      ['EXAT', time],
      ['PXAT', time * 1000],
      ['EX'],
      ['EX', 100, 'PX', 100],
      ['EX', 1, 'EX', 100],
      ['KEEPTTL', 'EX', 100],
      ['EX', 100, 'KEEPTTL'],
      ['PERSIST'],
      ['nonsense'],
      ['NX', 'EX', 100, 'GET'],
      ['XX', 'KEEPTTL', 'GET'],
      ['EX', 0],
      ['EX', -1],
      ['EX', 'x'],
      ['EX', '1.5'],
      ['PX', 0],
      ['EXAT', 0],
      ['PXAT', -5],
      ['EX', '9223372036854775807'],
      ['EX', '9223372036854776'],
      ['PX', '9223372036854775807'],
      ['PX', '9223372036854775808'],
      ['GET', 'EX', 0],
      ['NX', 'EX', 'x'],
    ]
    for (const option of options) {
      for (const key of ['k', 'missing']) {
        await both.same('SET', key, 'new', ...option)
        await both.sameWithin(1, 'TTL', key)
        await both.same('GET', key)
      }
      await both.allSame(['DEL', 'missing'], ['SET', 'k', 'old'])
    }
  })

  it('keeps or drops the expiry', async () => {
    await both.allSame(['SET', 'k', '1', 'EX', 1000], ['INCR', 'k'], ['APPEND', 'k', '2'], ['SETRANGE', 'k', 1, '3'])
    expect(await both.sameWithin(1, 'TTL', 'k')).toBeGreaterThan(900)
    await both.allSame(['INCRBYFLOAT', 'k', '1.5'], ['SET', 'k', 'v', 'KEEPTTL'])
    expect(await both.sameWithin(1, 'TTL', 'k')).toBeGreaterThan(900)
    await both.allSame(['SET', 'k', 'v'], ['TTL', 'k'], ['SETEX', 'k', 100, 'v'], ['GETSET', 'k', 'w'], ['TTL', 'k'])
    await both.allSame(
      ['PSETEX', 'k', 100000, 'v'],
      ['MSET', 'k', 'w'],
      ['TTL', 'k'],
      ['SETNX', 'k', 'x'],
      ['GET', 'k'],
    )
  })

  it('forgets a key whose time is over', async () => {
    await both.allSame(['SET', 'past', 'v', 'PXAT', 1], ['GET', 'past'], ['SET', 'k', 'v', 'PX', 30])
    await new Promise((resolve) => setTimeout(resolve, 60))
    await both.allSame(['GET', 'k'], ['SETNX', 'k', 'again'], ['GET', 'k'], ['TTL', 'k'])
  })

  it('GETEX changes the expiry', async () => {
    const options: Argument[][] = [
      [],
      ['EX', 100],
      ['PX', 100000],
      ['EXAT', 9999999999],
      ['PXAT', 9999999999999],
      ['PERSIST'],
      ['EX', 0],
      ['EX', 'x'],
      ['PERSIST', 'EX', 1],
      ['EX', 1, 'PERSIST'],
      ['KEEPTTL'],
      ['NX'],
      ['EX'],
      ['EXAT', 1],
      ['PXAT', 1],
      ['PERSIST', 'PERSIST'],
    ]
    for (const option of options) {
      for (const ttl of [[], ['EX', 500]]) {
        await both.allSame(
          ['SET', 'k', 'v', ...ttl],
          ['GETEX', 'k', ...option],
          ['EXISTS', 'k'],
          ['GETEX', 'missing', ...option],
        )
        await both.sameWithin(1, 'TTL', 'k')
      }
    }
  })

  it('GETDEL and GETSET return what they replace', async () => {
    await both.allSame(['GETDEL', 'k'], ['GETSET', 'k', 'a'], ['GETSET', 'k', 'b'], ['GETDEL', 'k'], ['EXISTS', 'k'])
  })

  it('stores many keys at once, also the same key twice', async () => {
    const pairs = Array.from({ length: 200 }, (_, i) => [`key:${i}`, `value ${i}`]).flat()
    const keys = Array.from({ length: 220 }, (_, i) => `key:${i}`)
    await both.allSame(
      ['MSET', ...pairs],
      ['MGET', ...keys],
      ['MSET', 'a', 1, 'b', 2, 'a', 3],
      ['MGET', 'a', 'b', 'missing', 'a'],
      ['MSETNX', 'x', 1, 'y', 2, 'x', 3],
      ['MGET', 'x', 'y'],
      ['MSETNX', 'z', 1, 'y', 9],
      ['MGET', 'z', 'y'],
      ['MSET', 'a', 1, 'odd'],
      ['MSET', 'a', 1, 'b', 2, 'odd'],
      ['MSETNX', 'a', 1, 'odd'],
      ['GET', 'a'],
      ['EXISTS', 'odd', 'b'],
    )
  })

  it('counts over the whole range of 64 bits', async () => {
    const integers = [
      '0',
      '1',
      '-1',
      '9',
      '10',
      '99',
      '-10',
      '9007199254740991',
      '9007199254740992',
      '-9007199254740993',
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      '',
      ' 1',
      '1 ',
      '+1',
      '01',
      '-0',
      '1.0',
      'x',
    ]
    for (const value of integers) {
      for (const command of ['INCR', 'DECR']) await both.allSame(['SET', 'k', value], [command, 'k'], ['GET', 'k'])
      for (const increment of integers) {
        for (const command of ['INCRBY', 'DECRBY']) {
          await both.allSame(['SET', 'k', value], [command, 'k', increment], ['GET', 'k'], ['OBJECT', 'ENCODING', 'k'])
        }
      }
      await both.allSame(['DEL', 'new'], ['INCRBY', 'new', value], ['DEL', 'new'], ['DECRBY', 'new', value])
    }
  })

  it('adds floating-point numbers with the digits of Redis', async () => {
    const numbers = [
      '0',
      '1',
      '-1',
      '3.0e3',
      '200',
      '0.1',
      '1.23',
      '-1.1',
      '17179869184',
      '1e17',
      '1e-10',
      '5.7e308',
      '1e400',
      'inf',
      '-inf',
      'nan',
      '',
      ' 1',
      '1 ',
      'x',
      '1\0',
      '0x10',
      '9223372036854775807.5',
      '3.333333333333333333333',
    ]
    for (const value of numbers) {
      for (const increment of numbers) {
        await both.allSame(
          ['SET', 'k', value],
          ['INCRBYFLOAT', 'k', increment],
          ['GET', 'k'],
          ['OBJECT', 'ENCODING', 'k'],
        )
      }
      await both.allSame(['DEL', 'new'], ['INCRBYFLOAT', 'new', value], ['GET', 'new'])
    }
  })

  it('cuts ranges out as Redis does, with indexes beyond the ends', async () => {
    const indexes = [
      '0',
      '1',
      '3',
      '4',
      '5',
      '100',
      '-1',
      '-4',
      '-5',
      '-100',
      '9223372036854775807',
      '-9223372036854775808',
      'x',
      '',
    ]
    for (const value of ['', 'a', 'Hello', '12345']) {
      await both.same('SET', 'k', value)
      for (const start of indexes) {
        for (const end of indexes) await both.allSame(['GETRANGE', 'k', start, end], ['SUBSTR', 'k', start, end])
      }
    }
    await both.same('GETRANGE', 'missing', 0, -1)
  })

  it('overwrites and extends with SETRANGE and APPEND', async () => {
    const offsets = ['0', '1', '5', '20', '3000', '-1', 'x', '536870912', '9223372036854775807', '9223372036854775808']
    for (const offset of offsets) {
      for (const text of ['', 'x', 'four']) {
        await both.allSame(
          ['DEL', 'missing'],
          ['SETRANGE', 'missing', offset, text],
          ['GET', 'missing'],
          ['EXISTS', 'missing'],
        )
        await both.allSame(
          ['SET', 'k', '12345'],
          ['SETRANGE', 'k', offset, text],
          ['GET', 'k'],
          ['OBJECT', 'ENCODING', 'k'],
        )
      }
    }
    await both.allSame(
      ['DEL', 'k'],
      ['APPEND', 'k', ''],
      ['EXISTS', 'k'],
      ['APPEND', 'k', '1'],
      ['OBJECT', 'ENCODING', 'k'],
    )
    for (let i = 0; i < 60; i++) await both.same('APPEND', 'k', `piece ${i} `.repeat(i))
    await both.same('GET', 'k')
  })

  it('shows the encodings of Redis', async () => {
    const values = [
      '',
      '0',
      '-1',
      '12345',
      '9223372036854775807',
      '9223372036854775808',
      '01',
      'x'.repeat(44),
      'x'.repeat(45),
    ]
    for (const value of values) {
      const ways: Argument[][] = [
        ['SET', 'k', value],
        ['SETEX', 'k', 100, value],
        ['GETSET', 'k', value],
        ['MSET', 'k', value],
        ['APPEND', 'k', value],
        ['SETRANGE', 'k', 0, value],
      ]
      for (const way of ways)
        await both.allSame(
          ['DEL', 'k'],
          way,
          ['OBJECT', 'ENCODING', 'k'],
          ['COPY', 'k', 'l', 'REPLACE'],
          ['OBJECT', 'ENCODING', 'l'],
        )
      await both.allSame(
        ['SET', 'k', value],
        ['APPEND', 'k', ''],
        ['OBJECT', 'ENCODING', 'k'],
        ['OBJECT', 'REFCOUNT', 'k'],
      )
    }
  })

  it('respects proto-max-bulk-len', async () => {
    await both.same('CONFIG', 'SET', 'proto-max-bulk-len', '1mb')
    try {
      const half = Buffer.alloc(512 * 1024, 'x')
      await both.allSame(
        ['SET', 'k', half],
        ['APPEND', 'k', half],
        ['STRLEN', 'k'],
        ['APPEND', 'k', 'x'],
        ['STRLEN', 'k'],
      )
      await both.allSame(
        ['SETRANGE', 'k', 1048575, 'y'],
        ['SETRANGE', 'k', 1048576, 'y'],
        ['SETRANGE', 'new', 1048576, 'y'],
      )
      await both.allSame(
        ['SET', 'a', Buffer.alloc(511, 'a')],
        ['SET', 'b', Buffer.alloc(511, 'b')],
        ['LCS', 'a', 'b', 'LEN'],
      )
      await both.allSame(['APPEND', 'a', 'a'], ['LCS', 'a', 'b'], ['LCS', 'a', 'b', 'IDX'])
    } finally {
      await both.same('CONFIG', 'SET', 'proto-max-bulk-len', '512mb')
    }
  })

  it('finds the longest common subsequence', async () => {
    await both.allSame(['MSET', 'a', 'ohmytext', 'b', 'mynewtext', 'empty', '', 'n', '12345'])
    const options: Argument[][] = [
      [],
      ['LEN'],
      ['IDX'],
      ['idx', 'withmatchlen'],
      ['IDX', 'MINMATCHLEN', 4],
      ['IDX', 'MINMATCHLEN', 4, 'WITHMATCHLEN'],
      ['IDX', 'MINMATCHLEN', -5],
      ['IDX', 'MINMATCHLEN', 'x'],
      ['MINMATCHLEN'],
      ['LEN', 'IDX'],
      ['nonsense'],
      ['WITHMATCHLEN'],
      ['IDX', 'MINMATCHLEN', '9223372036854775807'],
    ]
    for (const option of options) {
      for (const [left, right] of [
        ['a', 'b'],
        ['b', 'a'],
        ['a', 'a'],
        ['a', 'empty'],
        ['missing', 'a'],
        ['a', 'n'],
      ]) {
        await both.same('LCS', left as string, right as string, ...option)
      }
    }
    await both.each('HELLO', 3)
    await both.same('LCS', 'a', 'b', 'IDX', 'WITHMATCHLEN')
    await both.each('HELLO', 2)
  })

  it('answers the same to any series of string commands', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd')
    const integer = fc.oneof(
      fc.constantFrom('0', '1', '-1', '10', '2147483648', '9223372036854775807', 'x'),
      fc.integer().map(String),
    )
    const value = fc.oneof(
      integer,
      fc.string({ maxLength: 60 }),
      fc.constantFrom('1.5', '-2e3', 'y'.repeat(44), 'y'.repeat(45)),
    )
    const offset = fc.oneof(fc.integer({ min: -3, max: 70 }).map(String), integer)
    const command = fc.oneof(
      fc.tuple(fc.constantFrom('GET', 'STRLEN', 'INCR', 'DECR', 'GETDEL'), key),
      fc.tuple(fc.constantFrom('SET', 'SETNX', 'GETSET', 'APPEND'), key, value),
      fc.tuple(fc.constantFrom('INCRBY', 'DECRBY'), key, integer),
      fc.tuple(fc.constant('INCRBYFLOAT'), key, fc.oneof(integer, fc.constantFrom('0.1', '1e3', '-7.25'))),
      fc.tuple(fc.constant('GETRANGE'), key, offset, offset),
      fc.tuple(fc.constant('SETRANGE'), key, fc.integer({ min: -1, max: 90 }).map(String), fc.string({ maxLength: 9 })),
      fc.tuple(fc.constantFrom('MSET', 'MSETNX'), key, value, key, value),
      fc.tuple(fc.constantFrom('MGET', 'DEL', 'EXISTS'), key, key, key),
      fc.tuple(fc.constantFrom('RENAME', 'RENAMENX', 'COPY', 'LCS'), key, key),
      fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
        await both.same('FLUSHALL')
        for (const argv of commands) await both.same(...argv.map((argument) => Buffer.from(argument, 'utf8')))
        await both.same('MGET', 'a', 'b', 'c', 'd')
      }),
      { numRuns: SERIES_RUNS },
    )
  })
})
