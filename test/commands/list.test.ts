/**
 * The list commands beside a real Redis 7.0, on one shard and on four.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 25

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const elements: Argument[] = [
  'a',
  '',
  '0',
  '-1',
  '4096',
  '8388608',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-0',
  '007',
  ' 1',
  everyByte,
  'x'.repeat(63),
  'x'.repeat(64),
  'y'.repeat(5000),
  'z'.repeat(20000),
]

describe.skipIf(!hasRedis7).each([1, 4])('list commands on %i shard(s) beside Redis 7.0', (shards) => {
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

  it('pushes and pops any elements at both ends', async () => {
    for (const element of elements) {
      await both.allSame(
        ['LPUSH', 'l', element],
        ['RPUSH', 'l', element, 'more', element],
        ['LINDEX', 'l', 0],
        ['LINDEX', 'l', -1],
        ['LLEN', 'l'],
        ['OBJECT', 'ENCODING', 'l'],
      )
    }
    await both.allSame(['LRANGE', 'l', 0, -1], ['TYPE', 'l'])
    for (let i = 0; i < elements.length; i++) await both.allSame(['LPOP', 'l'], ['RPOP', 'l'], ['LPOP', 'l', 2])
    await both.allSame(['LLEN', 'l'], ['EXISTS', 'l'], ['LPUSHX', 'l', 'a'], ['RPUSHX', 'l', 'a'], ['LLEN', 'l'])
    await both.allSame(
      ['RPUSH', 'l', 'a'],
      ['LPUSHX', 'l', 'b', 'c'],
      ['RPUSHX', 'l', 'd', 'e'],
      ['LRANGE', 'l', 0, -1],
    )
  })

  it('keeps long lists through all their shapes', async () => {
    const batch = Array.from({ length: 500 }, (_, i) => `element ${i}`)
    for (let i = 0; i < 10; i++) await both.allSame(['RPUSH', 'l', ...batch], ['LPUSH', 'l', ...batch])
    await both.allSame(['LLEN', 'l'], ['LRANGE', 'l', 0, -1], ['LRANGE', 'l', -700, -600], ['LRANGE', 'l', 4990, 5010])
    for (const index of [0, 1, 4999, 5000, 9999, -1, -5000, 10000, -10001]) {
      await both.allSame(['LINDEX', 'l', index], ['LSET', 'l', index, `new ${index}`], ['LINDEX', 'l', index])
    }
    await both.allSame(['LSET', 'l', 5000, 'y'.repeat(30000)], ['LSET', 'l', 5002, 'y'.repeat(3000)])
    await both.allSame(['LREM', 'l', 0, 'element 7'], ['LREM', 'l', -3, 'element 8'], ['LREM', 'l', 3, 'element 9'])
    await both.allSame(['LINSERT', 'l', 'BEFORE', 'element 490', 'x'], ['LINSERT', 'l', 'AFTER', 'new 5000', 'x'])
    await both.allSame(['LPOP', 'l', 3000], ['RPOP', 'l', 3000], ['LLEN', 'l'], ['LRANGE', 'l', 0, -1])
    await both.allSame(['COPY', 'l', 'copy'], ['RENAME', 'l', 'm'], ['LRANGE', 'm', 10, 20], ['LRANGE', 'copy', 10, 20])
    await both.allSame(['LTRIM', 'm', 100, -100], ['LRANGE', 'm', 0, -1], ['LTRIM', 'm', 5, 4], ['EXISTS', 'm'])
    await both.allSame(['LTRIM', 'copy', -50, -40], ['LRANGE', 'copy', 0, -1], ['UNLINK', 'copy'], ['DBSIZE'])
  })

  it('counts from both ends, and refuses what is no index', async () => {
    await both.same('RPUSH', 'l', 'a', 'b', 'c', 'd', 'e', 'c')
    const numbers: Argument[] = [0, 1, 5, 6, -1, -6, -7, 100, -100, '9223372036854775807', '-9223372036854775808']
    const noNumbers: Argument[] = ['x', '', '1.5', '9223372036854775808', ' 1', '-0']
    for (const index of [...numbers, ...noNumbers]) {
      for (const key of ['l', 'missing']) {
        await both.allSame(['LINDEX', key, index], ['LSET', key, index, 'z'], ['LRANGE', key, index, -1])
        await both.allSame(['LRANGE', key, 0, index], ['LREM', key, index, 'c'], ['LPOP', key, index])
        await both.allSame(['RPOP', key, index], ['LRANGE', key, 0, -1], ['LTRIM', key, index, index])
        await both.allSame(['DEL', 'l'], ['RPUSH', 'l', 'a', 'b', 'c', 'd', 'e', 'c'], ['LTRIM', key, 1, index])
        await both.allSame(['LRANGE', key, 0, -1], ['DEL', 'l'], ['RPUSH', 'l', 'a', 'b', 'c', 'd', 'e', 'c'])
      }
    }
    await both.allSame(['LPOP', 'l', 1, 1], ['RPOP', 'l', 1, 1], ['LPOP'], ['LLEN'], ['RPUSH', 'l'], ['LLEN', 'l', 'm'])
  })

  it('finds positions', async () => {
    await both.same('RPUSH', 'l', 'a', 'b', 'c', '1', '2', '3', 'c', 'c', 'a')
    const options: Argument[][] = [[], ['RANK', 1], ['RANK', -1], ['RANK', 2], ['RANK', 5], ['RANK', 0], ['RANK', 'x']]
    options.push(['COUNT', 0], ['COUNT', 1], ['COUNT', 2], ['COUNT', -1], ['COUNT', 'x'], ['COUNT'], ['RANK'])
    options.push(['MAXLEN', 0], ['MAXLEN', 3], ['MAXLEN', -1], ['MAXLEN', 'x'], ['MAXLEN', 1000], ['nonsense'])
    options.push(['COUNT', 0, 'RANK', -2], ['COUNT', 2, 'RANK', 2, 'MAXLEN', 7], ['rank', -1, 'maxlen', 2])
    options.push(['COUNT', '9223372036854775807', 'RANK', '9223372036854775807'], ['RANK', 1, 'RANK', 2])
    for (const option of options) {
      for (const element of ['c', 'a', '1', 'nothing', '']) await both.same('LPOS', 'l', element, ...option)
      await both.same('LPOS', 'missing', 'c', ...option)
    }
  })

  it('inserts beside the first pivot', async () => {
    await both.allSame(['LINSERT', 'l', 'BEFORE', 'a', 'x'], ['RPUSH', 'l', 'a', 'b', '7', 'a'])
    for (const where of ['BEFORE', 'after', 'beside']) {
      for (const pivot of ['a', 'b', '7', 'nothing']) {
        await both.allSame(['LINSERT', 'l', where, pivot, `${where} ${pivot}`], ['LRANGE', 'l', 0, -1])
      }
    }
  })

  it('moves elements between lists, on one shard or two', async () => {
    const ends = ['LEFT', 'RIGHT', 'left']
    await both.allSame(
      ['LMOVE', 'a', 'b', 'LEFT', 'RIGHT'],
      ['RPOPLPUSH', 'a', 'b'],
      ['RPUSH', 'a', '1', '2', '3', '4'],
    )
    for (const from of ends) {
      for (const to of ends) {
        await both.allSame(['LMOVE', 'a', 'b', from, to], ['LMOVE', 'b', 'a', to, from], ['LMOVE', 'a', 'a', from, to])
        await both.allSame(['LRANGE', 'a', 0, -1], ['LRANGE', 'b', 0, -1], ['BLMOVE', 'a', 'b', from, to, 0])
        await both.allSame(
          ['RPOPLPUSH', 'b', 'a'],
          ['BRPOPLPUSH', 'a', 'a', '0.5'],
          ['LRANGE', 'a', 0, -1],
          ['EXISTS', 'b'],
        )
      }
    }
    await both.allSame(
      ['LMOVE', 'a', 'b', 'UP', 'LEFT'],
      ['LMOVE', 'a', 'b', 'LEFT', 'UP'],
      ['LMOVE', 'a', 'b', 'LEFT'],
    )
    await both.allSame(
      ['DEL', 'b'],
      ['RPUSH', 'b', 'y'.repeat(20000)],
      ['LMOVE', 'b', 'b', 'LEFT', 'RIGHT'],
      ['LMOVE', 'b', 'c', 'LEFT', 'RIGHT'],
    )
    await both.allSame(
      ['EXISTS', 'b'],
      ['LRANGE', 'c', 0, -1],
      ['RPOPLPUSH', 'c', 'a'],
      ['LLEN', 'a'],
      ['LINDEX', 'a', 0],
    )
  })

  it('pops from the first of several lists', async () => {
    await both.allSame(['LMPOP', 2, 'a', 'b', 'LEFT'], ['RPUSH', 'b', '1', '2', '3', '4', '5'], ['RPUSH', 'c', 'x'])
    const calls: Argument[][] = [
      [3, 'a', 'b', 'c', 'LEFT'],
      [3, 'a', 'b', 'c', 'RIGHT', 'COUNT', 2],
      [1, 'b', 'left', 'count', 10],
      [2, 'b', 'c', 'LEFT', 'COUNT', 1],
      [0, 'b', 'LEFT'],
      ['x', 'b', 'LEFT'],
      [-1, 'b', 'LEFT'],
      [2, 'b', 'LEFT'],
      [1, 'b', 'UP'],
      [1, 'b', 'LEFT', 'COUNT'],
      [1, 'b', 'LEFT', 'COUNT', 0],
      [1, 'b', 'LEFT', 'COUNT', 'x'],
      [1, 'b', 'LEFT', 'COUNT', 1, 'COUNT', 2],
      [1, 'b', 'LEFT', 'nonsense'],
      ['9223372036854775807', 'b', 'LEFT'],
    ]
    for (const argv of calls) await both.allSame(['LMPOP', ...argv], ['LLEN', 'b'], ['LLEN', 'c'])
    await both.same('RPUSH', 'b', '1', '2', '3', '4', '5')
    for (const argv of calls.filter(([count]) => count !== 2 && count !== 3)) {
      await both.same('BLMPOP', '0.01', ...argv)
    }
    await both.allSame(['DEL', 'b', 'c'], ['RPUSH', 'b', '1', '2', '3'])
    await both.allSame(
      ['BLPOP', 'a', 'b', 'c', 0],
      ['BRPOP', 'a', 'b', 'c', '0.01'],
      ['BLPOP', 'b', 'b', 0],
      ['EXISTS', 'b'],
    )
  })

  it('reads timeouts, and gives up in time', async () => {
    await both.same('SET', 'string', 'v')
    const timeouts: Argument[] = [
      '0.01',
      '-1',
      '-0.0000001',
      'x',
      '',
      'inf',
      '-inf',
      '1e400',
      '1e-400',
      'nan',
      '0x0.01',
      '1e300',
    ]
    for (const timeout of timeouts) {
      // An endless wait has no reply to compare: a list is there where the timeout may mean one.
      await both.same('RPUSH', 'l', 'a', 'b', 'c', 'd')
      await both.allSame(['BLPOP', 'missing', 'l', timeout], ['BLMOVE', 'l', 'l', 'LEFT', 'LEFT', timeout])
      await both.allSame(
        ['BRPOPLPUSH', 'l', 'l', timeout],
        ['BLMPOP', timeout, 1, 'l', 'LEFT'],
        ['BRPOP', 'l', timeout],
      )
    }
    await both.same('DEL', 'l')
    for (const version of [2, 3]) {
      await both.each('HELLO', version)
      await both.allSame(
        ['BLPOP', 'l', '0.01'],
        ['BLMOVE', 'l', 'm', 'LEFT', 'LEFT', '0.01'],
        ['BLMPOP', '0.01', 1, 'l', 'LEFT'],
      )
      await both.allSame(
        ['BRPOPLPUSH', 'l', 'm', '0.01'],
        ['LPOP', 'l'],
        ['LPOP', 'l', 1],
        ['LMPOP', 1, 'l', 'LEFT'],
        ['LINDEX', 'l', 0],
      )
      await both.allSame(
        ['MULTI'],
        ['BLPOP', 'l', 0],
        ['BLMOVE', 'l', 'm', 'LEFT', 'LEFT', 0],
        ['BLMPOP', 0, 1, 'l', 'LEFT'],
        ['EXEC'],
      )
    }
    await both.each('HELLO', 2)
  })

  it('refuses keys of other types in the order of its checks', async () => {
    await both.allSame(['SET', 's', 'v'], ['RPUSH', 'l', 'a', 'b'])
    const commands: Argument[][] = [
      ['LPUSH', 's', 'a'],
      ['RPUSHX', 's', 'a'],
      ['LINSERT', 's', 'BEFORE', 'a', 'b'],
      ['LINSERT', 's', 'BESIDE', 'a', 'b'],
      ['LSET', 's', 0, 'a'],
      ['LSET', 's', 'x', 'a'],
      ['LLEN', 's'],
      ['LINDEX', 's', 'x'],
      ['LRANGE', 's', 0, 1],
      ['LRANGE', 's', 'x', 1],
      ['LPOS', 's', 'a'],
      ['LPOS', 's', 'a', 'RANK', 0],
      ['LPOP', 's'],
      ['LPOP', 's', 0],
      ['RPOP', 's', -1],
      ['LTRIM', 's', 0, 1],
      ['LREM', 's', 0, 'a'],
      ['LMPOP', 2, 's', 'l', 'LEFT'],
      ['LMOVE', 's', 'l', 'LEFT', 'LEFT'],
      ['LMOVE', 'l', 's', 'LEFT', 'LEFT'],
      ['LMOVE', 'missing', 's', 'LEFT', 'LEFT'],
      ['RPOPLPUSH', 'l', 's'],
      ['BLPOP', 's', 'l', 0],
      ['BLPOP', 's', 'x'],
      ['BRPOP', 'missing', 's', 0],
      ['BLMOVE', 's', 'l', 'LEFT', 'LEFT', 0],
      ['BLMOVE', 'l', 's', 'LEFT', 'LEFT', 0],
      ['BLMPOP', 0, 2, 's', 'l', 'LEFT'],
      ['GET', 'l'],
      ['INCR', 'l'],
      ['APPEND', 'l', 'x'],
    ]
    for (const argv of commands) await both.same(...argv)
    await both.allSame(['LRANGE', 'l', 0, -1], ['SET', 'l', 'string now'], ['GET', 'l'])
  })

  it('digests lists of every shape alike', async () => {
    const oracle = await startRedisOracle('--enable-debug-command', 'yes')
    const redis = await RespConnection.open(oracle.client.options.path as string)
    const same = async (...argv: Argument[]): Promise<void> => {
      expect(await both.ours.call(...argv)).toEqual(await redis.call(...argv))
    }
    try {
      for (const [setting, depth] of [
        [-2, 0],
        [3, 1],
        [-1, 2],
      ] as const) {
        await same('CONFIG', 'SET', 'list-max-listpack-size', setting)
        await same('CONFIG', 'SET', 'list-compress-depth', depth)
        const key = `list${setting}`
        for (let i = 0; i < 100; i++) await same('RPUSH', key, `element ${i} ${'x'.repeat(i * 7)}`)
        await same('RPUSH', key, 'z'.repeat(40000), ...elements)
        await same('COPY', key, `copy${setting}`)
        await same('LRANGE', `copy${setting}`, 0, -1)
        await same('DEBUG', 'DIGEST-VALUE', key, `copy${setting}`)
      }
      await same('DEBUG', 'DIGEST')
      await same('CONFIG', 'SET', 'list-max-listpack-size', -2)
      await same('CONFIG', 'SET', 'list-compress-depth', 0)
    } finally {
      redis.close()
      await oracle.stop()
    }
  })

  it.each([
    [-2, 0],
    [-1, 1],
    [4, 0],
    [1, 2],
  ])(
    'answers the same to any series of list commands (list-max-listpack-size %i, depth %i)',
    async (setting, depth) => {
      await both.allSame(
        ['CONFIG', 'SET', 'list-max-listpack-size', setting],
        ['CONFIG', 'SET', 'list-compress-depth', depth],
      )
      const key = fc.constantFrom('a', 'b', 'c')
      const index = fc.integer({ min: -12, max: 12 }).map(String)
      const end = fc.constantFrom('LEFT', 'RIGHT')
      const element = fc.oneof(
        fc.constantFrom('x', 'y', '1', '2', '', '-70000'),
        fc.nat(1000).map(String),
        fc.nat(9000).map((length) => 'q'.repeat(length)),
      )
      const command = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.tuple(fc.constantFrom('LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'), key, element, element),
        },
        { weight: 2, arbitrary: fc.tuple(fc.constantFrom('LPOP', 'RPOP'), key) },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom('LPOP', 'RPOP'), key, fc.nat(5).map(String)) },
        { weight: 2, arbitrary: fc.tuple(fc.constantFrom('LINDEX', 'LRANGE'), key, index, index) },
        { weight: 3, arbitrary: fc.tuple(fc.constantFrom('LSET', 'LREM'), key, index, element) },
        {
          weight: 3,
          arbitrary: fc.tuple(fc.constant('LINSERT'), key, fc.constantFrom('BEFORE', 'AFTER'), element, element),
        },
        { weight: 1, arbitrary: fc.tuple(fc.constant('LTRIM'), key, index, index) },
        {
          weight: 2,
          arbitrary: fc.tuple(fc.constant('LPOS'), key, element, fc.constant('COUNT'), fc.nat(3).map(String)),
        },
        { weight: 3, arbitrary: fc.tuple(fc.constant('LMOVE'), key, key, end, end) },
        {
          weight: 1,
          arbitrary: fc.tuple(
            fc.constant('LMPOP'),
            fc.constant('2'),
            key,
            key,
            end,
            fc.constant('COUNT'),
            fc.constant('3'),
          ),
        },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.constantFrom('RENAME', 'COPY', 'BRPOPLPUSH'), key, key, fc.constant('0.001')),
        },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom('LLEN', 'DEL', 'SET'), key, fc.constant('v')) },
        { weight: 1, arbitrary: fc.tuple(fc.constant('DEL'), key) },
      )
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 80, size: 'max' }), async (commands) => {
          await both.same('FLUSHALL')
          for (const argv of commands) await both.same(...argv)
          for (const name of ['a', 'b', 'c']) await both.same('LRANGE', name, 0, -1)
        }),
        { numRuns: SERIES_RUNS },
      )
      await both.allSame(['CONFIG', 'SET', 'list-max-listpack-size', -2], ['CONFIG', 'SET', 'list-compress-depth', 0])
    },
  )
})
