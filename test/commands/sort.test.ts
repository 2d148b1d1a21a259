/**
 * SORT and SORT_RO beside a real Redis 7.0, on one shard and on four: any combination of options, over keys that lie on any
 * shard.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 400

describe.skipIf(!hasRedis7).each([1, 4])('SORT on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
    await both.allSame(
      ['RPUSH', 'numbers', 3, 1, 2, 10, -5, '1.5', 7, 7, 0, '-1e3', '0x10'],
      ['RPUSH', 'words', 'b', 'a', 'Z', 'aa', '', 'b\0x', 'b\0a', 'é', '10', '9'],
      ['SADD', 'set', 5, 3, 9, 1],
      ['ZADD', 'ranked', 4, '3', 2, '1', 3, '2', 0, '11'],
      ['RPUSH', 'mixed', 1, 'x'],
      ['SET', 'string', 'x'],
      ['HSET', 'hash', 'a', 1],
    )
    for (const [i, element] of ['3', '1', '2', '10', '-5', '7', '0', '9', '5', '11', 'b', 'aa', 'Z'].entries()) {
      await both.allSame(
        // All different, because in which order equal weights come is nobody's promise.
        ['SET', `weight_${element}`, (i * 37) % 13],
        ['SET', `word_${element}`, `w${(i * 5) % 13}`],
        ['HSET', `object_${element}`, 'weight', (i * 11) % 13, 'name', `name ${i}`],
      )
      if (i % 3 !== 0) await both.same('SET', `title_${element}`, `title of ${element}`)
    }
    await both.allSame(['RPUSH', 'title_1', 'no string'], ['SET', 'object_0', 'no hash'], ['SET', 'weight_Z', 'heavy'])
  })

  it('sorts by numbers, words and what keys hold', async () => {
    const options: Argument[][] = [
      [],
      ['DESC'],
      ['ALPHA'],
      ['ALPHA', 'DESC'],
      ['BY', 'weight_*'],
      ['BY', 'weight_*', 'DESC'],
      ['BY', 'word_*', 'ALPHA'],
      ['BY', 'object_*->weight'],
      ['BY', 'object_*->missing'],
      ['BY', 'constant'],
      ['BY', 'constant', 'DESC'],
      ['BY', 'weight_*', 'BY', 'constant'],
      ['BY', 'constant', 'BY', 'weight_*'],
      ['LIMIT', 1, 3],
      ['LIMIT', -1, 3],
      ['LIMIT', 2, -1],
      ['LIMIT', 100, 1],
      ['LIMIT', 0, 0],
      ['BY', 'constant', 'LIMIT', 1, 2],
      ['BY', 'constant', 'LIMIT', 1, 2, 'DESC'],
      ['GET', 'title_*'],
      ['GET', '#', 'GET', 'object_*->name', 'GET', 'title_*'],
      ['GET', 'constant'],
      ['GET', 'object_*->'],
      ['BY', 'weight_*', 'GET', 'title_*', 'LIMIT', 1, 3],
    ]
    for (const key of ['numbers', 'words', 'ranked', 'mixed', 'string', 'hash', 'missing']) {
      for (const option of options) await both.allSame(['SORT', key, ...option], ['SORT_RO', key, ...option])
    }
    // Without an order of its own a set may come in any.
    for (const option of options.filter((option) => !option.includes('constant') || option[0] === 'GET')) {
      await both.same('SORT', 'set', ...option)
    }
  })

  it('refuses what it does not understand', async () => {
    const options: Argument[][] = [
      ['NONSENSE'],
      ['BY'],
      ['GET'],
      ['LIMIT'],
      ['LIMIT', 1],
      ['LIMIT', 'x', 1],
      ['LIMIT', 1, '9223372036854775808'],
      ['LIMIT', '-9223372036854775808', '9223372036854775807'],
      ['STORE'],
      ['STORE', 'to', 'NONSENSE'],
    ]
    for (const option of options) {
      await both.allSame(['SORT', 'numbers', ...option], ['SORT_RO', 'numbers', ...option], ['EXISTS', 'to'])
    }
    await both.allSame(['SORT'], ['SORT_RO'], ['SORT_RO', 'numbers', 'STORE', 'to'], ['SORT', 'string', 'STORE', 'to'])
  })

  it('stores its result, and removes what was there when it is empty', async () => {
    const destinations = ['to', 'numbers', 'weight_3', 'elsewhere']
    for (const destination of destinations) {
      for (const option of [
        [],
        ['BY', 'weight_*'],
        ['BY', 'constant'],
        ['GET', 'title_*'],
        ['GET', '#', 'GET', 'object_*->name', 'LIMIT', 1, 2],
        ['LIMIT', 0, 0],
      ] as Argument[][]) {
        for (const key of ['ranked', 'set', 'missing', 'numbers']) {
          await both.allSame(['SORT', key, ...option, 'STORE', destination], ['TYPE', destination])
          await both.allSame(['LRANGE', destination, 0, -1], ['DBSIZE'])
        }
      }
    }
    await both.allSame(
      ['SORT', 'mixed', 'STORE', 'to'],
      ['SORT', 'words', 'ALPHA', 'STORE', 'to'],
      ['LRANGE', 'to', 0, -1],
    )
    await both.allSame(['SET', 'to', 'v', 'EX', 100], ['SORT', 'set', 'STORE', 'to'], ['TTL', 'to'])
  })

  it('takes its place in a transaction', async () => {
    await both.allSame(
      ['MULTI'],
      ['RPUSH', 'numbers', 4],
      ['SET', 'weight_4', '-1'],
      ['SORT', 'numbers', 'BY', 'weight_*', 'GET', '#', 'GET', 'weight_*', 'STORE', 'to'],
      ['LRANGE', 'to', 0, 3],
      ['SET', 'weight_4', '1000'],
      ['SORT', 'numbers', 'BY', 'weight_*', 'LIMIT', 0, 2],
      ['EXEC'],
      ['LRANGE', 'to', 0, -1],
    )
    // A watch on a key that a pattern reads is not broken by that; one on the destination is.
    await both.allSame(['WATCH', 'weight_3'], ['SORT', 'set', 'BY', 'weight_*'], ['MULTI'], ['PING'], ['EXEC'])
    await both.allSame(['WATCH', 'to'], ['SORT', 'set', 'BY', 'weight_*', 'STORE', 'to'], ['MULTI'], ['PING'], ['EXEC'])
  })

  it('leaves nothing of what it has read where it has sorted', async () => {
    const before = await both.ours.call('DEBUG', 'DIGEST')
    await both.same('SORT', 'set', 'BY', 'weight_*', 'GET', 'title_*', 'GET', 'object_*->name')
    expect(await both.ours.call('DEBUG', 'DIGEST')).toEqual(before)
    await both.same('DBSIZE')
  })

  it('answers the same to any options', async () => {
    const option = fc.constantFrom<Argument[]>(
      ['ASC'],
      ['DESC'],
      ['BY', 'weight_*'],
      ['BY', 'object_*->weight'],
      ['BY', 'constant'],
      ['GET', '#'],
      ['GET', 'title_*'],
      ['GET', 'object_*->name'],
      ['LIMIT', 0, 3],
      ['LIMIT', 1, -1],
      ['LIMIT', -2, 4],
      ['STORE', 'to'],
      ['STORE', 'title_2'],
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('numbers', 'words', 'ranked'),
        fc.boolean(),
        fc.array(option, { maxLength: 5 }),
        async (key, alpha, options) => {
          const flat = options.flat()
          // By weights that keys have, ALPHA knows only those that are there: the others are equal.
          const word = alpha && !flat.includes('BY') ? ['ALPHA'] : []
          await both.same('SORT', key, ...word, ...flat)
          for (const name of ['to', 'title_2']) await both.allSame(['TYPE', name], ['EXISTS', name])
          await both.allSame(['DEL', 'to'], ['SET', 'title_2', 'second'])
        },
      ),
      { numRuns: SERIES_RUNS },
    )
  })

  it('sorts many elements, with keys on all shards', async () => {
    const elements = Array.from({ length: 2000 }, (_, i) => (i * 7919) % 2003)
    await both.same('RPUSH', 'many', ...elements)
    await both.same('MSET', ...elements.flatMap((element) => [`rank_${element}`, (element * 31) % 1999]))
    await both.allSame(
      ['SORT', 'many'],
      ['SORT', 'many', 'BY', 'rank_*', 'LIMIT', 100, 50, 'GET', '#', 'GET', 'rank_*'],
      ['SORT', 'many', 'BY', 'rank_*', 'STORE', 'sorted'],
      ['LRANGE', 'sorted', 0, -1],
      ['DBSIZE'],
    )
  })
})
