/** FUNCTION, FCALL and FCALL_RO beside a real Redis 7.0, on one shard and on several. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS } from '../support/server.js'
import { BesideRedis } from './beside-redis.js'

const library = (name: string, code: string): string => `#!lua name=${name}\n${code}`
const FIRST = library(
  'first',
  `redis.register_function('incr', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`,
)
const SECOND = library(
  'second',
  `redis.register_function{function_name='get', callback=function(keys) return redis.call('GET', keys[1]) end,
   flags={'no-writes', 'allow-stale'}, description='reads'}`,
)

describe.skipIf(!hasRedis7).each(SHARD_COUNTS)('functions on %i shards', (shards) => {
  let beside: BesideRedis
  beforeAll(async () => {
    beside = await BesideRedis.start(shards)
  })
  afterAll(() => beside?.stop())

  test('load, call, replace, delete', async () => {
    await beside.allSame(
      ['FUNCTION', 'FLUSH'],
      ['FCALL', 'incr', 1, 'n', 5],
      ['FUNCTION', 'LOAD', FIRST],
      ['FUNCTION', 'LOAD', FIRST],
      ['FUNCTION', 'LOAD', 'REPLACE', FIRST],
      ['FCALL', 'incr', 1, 'n', 5],
      ['FCALL', 'INCR', 1, 'n', 5],
      ['FCALL', 'incr', 1, 'n', 'x'],
      ['FCALL_RO', 'incr', 1, 'n', 5],
      ['FUNCTION', 'LIST'],
      ['FUNCTION', 'LOAD', SECOND],
      ['FCALL_RO', 'get', 1, 'n'],
      ['FCALL', 'get', 1, 'n'],
      ['FUNCTION', 'LIST', 'LIBRARYNAME', 'sec*', 'WITHCODE'],
      ['FUNCTION', 'LIST', 'WITHCODE', 'LIBRARYNAME', 'SECOND'],
      ['FUNCTION', 'LIST', 'LIBRARYNAME', 'nothing'],
      ['FUNCTION', 'STATS'],
      ['FUNCTION', 'DELETE', 'first'],
      ['FUNCTION', 'DELETE', 'first'],
      ['FCALL', 'incr', 1, 'n', 5],
      ['FCALL', 'get', 1, 'n'],
      ['FUNCTION', 'FLUSH', 'SYNC'],
      ['FUNCTION', 'LIST'],
      ['FUNCTION', 'STATS'],
    )
  })

  test('a library that is replaced gives its names back, and a refused one leaves the old', async () => {
    await beside.allSame(
      ['FUNCTION', 'FLUSH', 'ASYNC'],
      ['FUNCTION', 'LOAD', library('a', `redis.register_function('one', function() return 1 end)`)],
      ['FUNCTION', 'LOAD', library('b', `redis.register_function('two', function() return 2 end)`)],
      ['FUNCTION', 'LOAD', library('c', `redis.register_function('one', function() return 3 end)`)],
      ['FUNCTION', 'LOAD', library('c', `redis.register_function('ONE', function() return 3 end)`)],
      ['FUNCTION', 'LOAD', 'REPLACE', library('a', `redis.register_function('two', function() return 4 end)`)],
      ['FCALL', 'one', 0],
      ['FCALL', 'two', 0],
      ['FUNCTION', 'LOAD', 'REPLACE', library('a', `redis.register_function('three', function() return 5 end)`)],
      ['FCALL', 'one', 0],
      ['FCALL', 'three', 0],
      ['FUNCTION', 'LOAD', 'REPLACE', library('a', 'not lua')],
      ['FCALL', 'three', 0],
    )
  })

  test('libraries that cannot be loaded', async () => {
    await beside.same('FUNCTION', 'FLUSH')
    for (const code of [
      '',
      'return 1',
      '#!lua name=a',
      '#!lua\nreturn 1',
      '#!\nreturn 1',
      '#!python name=a\nreturn 1',
      '#!lua name=a-b\nreturn 1',
      '#!lua name=\nreturn 1',
      '#!lua name=a name=b\nreturn 1',
      '#!lua name=a foo=b\nreturn 1',
      '#!lua name="a\nreturn 1',
      '#!LUA NAME=ok\nreturn 1',
      ...[
        'return 1',
        'x = 1',
        'return redis.call("GET", "x")',
        'return x',
        'error("no")',
        'if',
        'redis.register_function()',
        'redis.register_function("a")',
        'redis.register_function("a", 1)',
        'redis.register_function("a b", function() end)',
        'redis.register_function("a", function() end, 3)',
        'redis.register_function("a", function() end) redis.register_function("a", function() end)',
        'redis.register_function({function_name="a"})',
        'redis.register_function({callback=function() end})',
        'redis.register_function({function_name="a", callback=function() end, other=1})',
        'redis.register_function({function_name="a", callback=function() end, flags="no-writes"})',
        'redis.register_function({function_name="a", callback=function() end, flags={"nothing"}})',
        'redis.register_function({function_name="a", callback=function() end, description={}})',
      ].map((body) => library('a', body)),
    ])
      await beside.same('FUNCTION', 'LOAD', code)
    await beside.same('FUNCTION', 'LIST')
  })

  test('one that never ends loading', async () => {
    await beside.same('FUNCTION', 'LOAD', library('a', 'while true do end'))
  })

  test('errors of functions', async () => {
    await beside.allSame(
      ['FUNCTION', 'FLUSH'],
      [
        'FUNCTION',
        'LOAD',
        library(
          'errors',
          `redis.register_function('raise', function() error('no') end)
           redis.register_function('table', function() return {err='CODE text'} end)
           redis.register_function('global', function() x = 1 end)
           redis.register_function('unknown', function() return KEYS end)
           redis.register_function('register', function() redis.register_function('x', function() end) end)
           redis.register_function('wrong', function(keys) return redis.call('LPUSH', keys[1], 1) end)
           redis.register_function('many', function(keys, args) return {#keys, #args, keys, args} end)
           redis.register_function{function_name='writes', flags={'no-writes'}, callback=function(keys) return redis.call('SET', keys[1], 1) end}`,
        ),
      ],
      ['SET', 'string', 'x'],
      ...['raise', 'table', 'global', 'unknown', 'register'].map((name) => ['FCALL', name, 0]),
      ['FCALL', 'wrong', 1, 'string'],
      ['FCALL', 'writes', 1, 'string'],
      ['FCALL', 'many', 2, 'a', 'b', 'c', 'd', 'e'],
      ['FCALL', 'many', 0],
      ['FCALL', 'many', 3, 'a', 'b'],
      ['FCALL', 'many', -1, 'a', 'b'],
      ['FCALL', 'many', 'x', 'a', 'b'],
      ['FCALL', 'none', 'x'],
      ['FCALL', 'many', '99999999999999999999', 'a'],
      ['FCALL', 'many', '9999999999999999', 'a'],
    )
  })

  test('arguments', async () => {
    await beside.allSame(
      ['FUNCTION', 'LOAD'],
      ['FUNCTION', 'LOAD', 'REPLACE', 'REPLACE', library('r', `redis.register_function('r', function() return 1 end)`)],
      ['FUNCTION', 'LOAD', 'OTHER', 'x'],
      ['FUNCTION', 'LOAD', 'a', 'b', 'c'],
      ['FUNCTION', 'LIST', 'x'],
      ['FUNCTION', 'LIST', 'LIBRARYNAME'],
      ['FUNCTION', 'LIST', 'WITHCODE', 'WITHCODE'],
      ['FUNCTION', 'FLUSH', 'x'],
      ['FUNCTION', 'FLUSH', 'SYNC', 'x'],
      ['FUNCTION', 'RESTORE', 'x', 'y'],
      ['FUNCTION', 'RESTORE', 'x', 'FLUSH', 'y'],
      ['FUNCTION', 'RESTORE', 'x'],
      ['FUNCTION', 'RESTORE'],
      ['FUNCTION', 'KILL'],
      ['FUNCTION', 'NOTHING'],
      ['FUNCTION'],
    )
  })

  test('dump and restore, also from one server to the other', async () => {
    await beside.allSame(['FUNCTION', 'FLUSH'], ['FUNCTION', 'DUMP'], ['FUNCTION', 'LOAD', FIRST])
    const payload = Buffer.from((await beside.same('FUNCTION', 'DUMP')) as string, 'latin1')
    await beside.allSame(
      ['FUNCTION', 'RESTORE', payload],
      ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
      ['FUNCTION', 'RESTORE', payload, 'FLUSH'],
      ['FCALL', 'incr', 1, 'n', 5],
      ['FUNCTION', 'FLUSH'],
      ['FUNCTION', 'RESTORE', payload, 'APPEND'],
      ['FUNCTION', 'LIST', 'WITHCODE'],
      ['FUNCTION', 'LOAD', 'REPLACE', library('first', `redis.register_function('other', function() return 1 end)`)],
      ['FUNCTION', 'LOAD', library('taken', `redis.register_function('incr', function() return 1 end)`)],
      ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
      ['FCALL', 'other', 0],
    )
  })

  test('in transactions', async () => {
    await beside.allSame(
      ['FUNCTION', 'FLUSH'],
      ['MULTI'],
      ['FUNCTION', 'LOAD', FIRST],
      ['FCALL', 'incr', 1, 'n', 5],
      ['FUNCTION', 'DELETE', 'first'],
      ['FCALL', 'incr', 1, 'n', 5],
      ['EXEC'],
    )
  })

  test('one that runs for long shows itself, and can be ended', async () => {
    const { ours, server } = beside
    await ours.call('FUNCTION', 'FLUSH')
    const endless = library('endless', `redis.register_function('endless', function() while true do end end)`)
    await ours.call('FUNCTION', 'LOAD', endless)
    const other = await RespConnection.open(server.port)
    const answer = other.call('FCALL', 'endless', 1, 'key', 'argument')
    let stats = JSON.stringify(await ours.call('FUNCTION', 'STATS'))
    while (!stats.includes('argument')) stats = JSON.stringify(await ours.call('FUNCTION', 'STATS'))
    expect(stats).toContain('endless')
    expect(stats).toContain('duration_ms')
    expect(await ours.call('FUNCTION', 'KILL')).toEqual({ simple: 'OK' })
    expect(JSON.stringify(await answer)).toContain('Script killed by user with FUNCTION KILL')
    expect(JSON.stringify(await ours.call('FUNCTION', 'STATS'))).not.toContain('argument')
    other.close()
  })
})
