/**
 * The stream commands that Redis 7.0 has, beside a real one, on one shard and on four.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { RespValue } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const SERIES_RUNS = 60

/** Fields whose values depend on the clock, or on how a stream is kept. */
const OWN_FIELDS = new Set(['radix-tree-nodes', 'radix-tree-keys', 'seen-time', 'idle'])
const TIME_MS_MIN = 1_600_000_000_000

/** A reply without what depends on the clock or on how a stream is kept. */
function comparable(value: RespValue): RespValue {
  if (typeof value === 'number') return value >= TIME_MS_MIN ? 'a time' : value
  if (Array.isArray(value)) {
    return value.map((element, i) => (OWN_FIELDS.has(value[i - 1] as string) ? 'its own' : comparable(element)))
  }
  if (value !== null && typeof value === 'object' && 'map' in value) {
    return {
      map: value.map.map(([key, element]) => [key, OWN_FIELDS.has(key as string) ? 'its own' : comparable(element)]),
    }
  }
  return value
}

/** XPENDING's third column is how long ago something was. */
function withoutIdle(value: RespValue): RespValue {
  if (!Array.isArray(value) || !Array.isArray(value[0])) return value
  return (value as RespValue[][]).map(([id, consumer, , deliveries]) => [
    id as RespValue,
    consumer as RespValue,
    deliveries as RespValue,
  ])
}

describe.skipIf(!hasRedis7).each([
  [1, 2],
  [1, 3],
  [4, 2],
  [4, 3],
])('stream commands on %i shard(s), RESP%i, beside Redis 7.0', (shards, resp) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards, '--enable-debug-command', 'yes')
    await both.each('HELLO', resp)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.same('FLUSHALL')
    await both.allSame(
      ['CONFIG', 'SET', 'stream-node-max-entries', 100],
      ['CONFIG', 'SET', 'stream-node-max-bytes', 4096],
    )
  })

  /** As `same`, but for what depends on the clock. */
  async function alike(...argv: Argument[]): Promise<void> {
    const { ours, redis } = await both.each(...argv)
    const seen = argv[0] === 'XPENDING' ? withoutIdle : comparable
    expect(seen(ours), argv.join(' ')).toEqual(seen(redis))
  }

  async function sameState(...keys: string[]): Promise<void> {
    for (const key of keys) {
      await both.allSame(['XRANGE', key, '-', '+'], ['XREVRANGE', key, '+', '-'], ['EXISTS', key], ['TYPE', key])
      for (const argv of [
        ['XINFO', 'STREAM', key],
        ['XINFO', 'STREAM', key, 'FULL', 'COUNT', 0],
        ['XINFO', 'GROUPS', key],
        ['DEBUG', 'DIGEST-VALUE', key],
      ]) {
        await alike(...argv)
      }
    }
  }

  it('takes IDs of all forms, and refuses the others', async () => {
    const ids = [
      '0-0',
      '0',
      '1-1',
      '1',
      '1-*',
      '1-1',
      '0-*',
      '*-1',
      '1-2',
      '-',
      '+',
      '2-',
      '-2',
      '2--1',
      '2-x',
      'x',
      '',
      ' 3',
      '3 ',
      '+3',
      '03',
      '3-03',
      '3-+4',
      '3- 5',
      '18446744073709551615',
      '18446744073709551616',
      '9223372036854775808-0',
      '9223372036854775808-09',
      '9223372036854775808-18446744073709551615',
      '9223372036854775808-*',
      '09223372036854775809',
      '9007199254740993-9007199254740993',
      '99999999999999999999-1',
      '18446744073709551614-18446744073709551615',
      '18446744073709551615-18446744073709551614',
      '18446744073709551615-*',
      '18446744073709551615-18446744073709551615',
      '*',
      '18446744073709551615-*',
      '1'.repeat(128),
    ]
    for (const key of ['s', 't']) {
      for (const id of ids) await both.same('XADD', key, id, 'field', 'value')
      await sameState(key)
      ids.reverse()
    }
    for (const id of [
      ...ids,
      '(',
      '(1',
      '(1-1',
      '(-',
      '(+',
      '(0',
      '(18446744073709551615-18446744073709551615',
      '((1',
    ]) {
      await both.allSame(
        ['XRANGE', 's', id, '+'],
        ['XRANGE', 's', '-', id],
        ['XREVRANGE', 's', id, '-'],
        ['XREVRANGE', 's', '+', id],
        ['XDEL', 'missing', id],
        ['XDEL', 't', '1-7', id],
      )
      if (id !== '+')
        await both.allSame(['XREAD', 'STREAMS', 's', id], ['XREAD', 'COUNT', 1, 'STREAMS', 's', 't', '0', id])
    }
  })

  it('adds entries of any fields, in nodes of any size', async () => {
    const values: Argument[] = [
      '',
      '0',
      '127',
      '128',
      '-1',
      '4095',
      '4096',
      '-4096',
      '-4097',
      '32768',
      '8388608',
      '-8388609',
      '2147483648',
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      '007',
      'x'.repeat(63),
      'x'.repeat(64),
      'x'.repeat(4095),
      'x'.repeat(4096),
      'x'.repeat(70000),
      Buffer.from([0, 255, 13, 10]),
    ]
    for (const [bytes, entries] of [
      [4096, 100],
      [100, 0],
      [0, 3],
      [0, 0],
      [1, 1],
    ] as const) {
      const key = `s${bytes}:${entries}`
      await both.allSame(
        ['CONFIG', 'SET', 'stream-node-max-entries', entries],
        ['CONFIG', 'SET', 'stream-node-max-bytes', bytes],
      )
      for (const [i, value] of values.entries()) {
        await both.allSame(
          ['XADD', key, `${i}-1`, 'field', value],
          ['XADD', key, `${i}-${i * 100000 + 5}`, value, 'value', 'field', value],
          ['XADD', key, `${i}-${2 ** 45}`, 'field', value, 'field', value],
        )
      }
      await sameState(key)
      const { ours, redis } = await both.each('XINFO', 'STREAM', key)
      expect(JSON.stringify(ours).match(/radix-tree-keys",(\d+)/)?.[1]).toBe(
        JSON.stringify(redis).match(/radix-tree-keys",(\d+)/)?.[1],
      )
      await both.same('XRANGE', key, '3-3', '7', 'COUNT', 4)
      await both.same('XREVRANGE', key, '7', '3-3', 'COUNT', 4)
    }
  })

  it('trims by length and by ID, exactly and roughly', async () => {
    const options: Argument[][] = [
      ['MAXLEN', 10],
      ['MAXLEN', '=', 10],
      ['MAXLEN', '~', 10],
      ['MAXLEN', '~', 10, 'LIMIT', 7],
      ['MAXLEN', '~', 10, 'LIMIT', 0],
      ['MAXLEN', 10, 'LIMIT', 1],
      ['MAXLEN', '=', 10, 'LIMIT', 1],
      ['MAXLEN', 0],
      ['MAXLEN', -1],
      ['MAXLEN', 'x'],
      ['MAXLEN'],
      ['MAXLEN', '~'],
      ['MAXLEN', '~', 'x'],
      ['MAXLEN', 10, 'MAXLEN', 5],
      ['MAXLEN', 10, 'MINID', 5],
      ['MINID', 30, 'MAXLEN', 5],
      ['MINID', 30],
      ['MINID', '~', 30],
      ['MINID', '=', '30-2'],
      ['MINID', '-'],
      ['MINID', 'x'],
      ['MINID', '~', 30, 'LIMIT', 7],
      ['MINID', '99'],
      ['LIMIT', 5],
      ['LIMIT', 0],
      ['LIMIT', -1],
      ['MAXLEN', '~', 5, 'LIMIT', -1],
      ['MAXLEN', '~', 5, 'LIMIT', 'x'],
      ['maxlen', '9223372036854775807'],
      ['MAXLEN', '9223372036854775808'],
      ['NOMKSTREAM'],
      ['nonsense'],
      [],
      ['MAXLEN', '~', 0],
      ['MAXLEN', 31],
      ['MAXLEN', '~', 31],
    ]
    await both.same('CONFIG', 'SET', 'stream-node-max-entries', 7)
    for (const option of options) {
      await both.same('FLUSHALL')
      for (let i = 1; i <= 40; i++) await both.same('XADD', 's', `${i}-1`, 'a', i)
      await both.allSame(
        ['XDEL', 's', '3-1', '9-1', '10-1', '33-1'],
        ['XTRIM', 's', ...option],
        ['XTRIM', 'missing', ...option],
        ['XADD', 's', ...option, '50-1', 'a', 'b'],
        ['XADD', 'missing', ...option, '50-1', 'a', 'b'],
        ['XADD', 'missing', 'NOMKSTREAM', ...option, '51-*', 'a', 'b'],
        ['XADD', 's', ...option, '50-1', 'a'],
        ['XADD', 's', ...option, '50-1', 'a', 'b', 'c'],
        ['XADD', 's', ...option],
      )
      await sameState('s', 'missing')
    }
  })

  it('answers to wrong types, missing keys and wrong arguments', async () => {
    await both.allSame(['SET', 'string', 'x'], ['XADD', 's', '1-1', 'a', 'b'], ['XGROUP', 'CREATE', 's', 'g', '$'])
    const commands: Argument[][] = [
      ['XADD', 'K', '2-2', 'a', 'b'],
      ['XLEN', 'K'],
      ['XRANGE', 'K', '-', '+'],
      ['XRANGE', 'K', 'x', '+'],
      ['XRANGE', 'K', '-', '+', 'COUNT'],
      ['XRANGE', 'K', '-', '+', 'COUNT', 0],
      ['XRANGE', 'K', '-', '+', 'COUNT', -1],
      ['XRANGE', 'K', '-', '+', 'COUNT', 'x'],
      ['XRANGE', 'K', '-', '+', 'x', 1],
      ['XRANGE', 'K', '-', '+', 'COUNT', 5, 'COUNT', 1],
      ['XDEL', 'K', '7-7'],
      ['XDEL', 'K', 'x'],
      ['XTRIM', 'K', 'MAXLEN', 5],
      ['XSETID', 'K', '9-9'],
      ['XSETID', 'K', '0-1'],
      ['XSETID', 'K', 'x'],
      ['XSETID', 'K', '9-9', 'ENTRIESADDED'],
      ['XSETID', 'K', '9-9', 'ENTRIESADDED', 0],
      ['XSETID', 'K', '9-9', 'ENTRIESADDED', -1],
      ['XSETID', 'K', '9-9', 'ENTRIESADDED', 'x'],
      ['XSETID', 'K', '9-9', 'MAXDELETEDID', '9-10'],
      ['XSETID', 'K', '9-9', 'ENTRIESADDED', 10, 'MAXDELETEDID', '1-0'],
      ['XSETID', 'K', '9-9', 'x', 'y'],
      ['XREAD', 'STREAMS', 'K', '0'],
      ['XREAD', 'STREAMS', 'K', '$'],
      ['XREAD', 'STREAMS', 'K', '>'],
      ['XREAD', 'COUNT', 'x', 'STREAMS', 'K', '0'],
      ['XREAD', 'COUNT', -1, 'STREAMS', 'K', '0'],
      ['XREAD', 'STREAMS', 'K'],
      ['XREAD', 'STREAMS', 'K', '0', 'x'],
      ['XREAD', 'BLOCK', 'x', 'STREAMS', 'K', '0'],
      ['XREAD', 'BLOCK', -1, 'STREAMS', 'K', '0'],
      ['XREAD', 'BLOCK', '1.5', 'STREAMS', 'K', '0'],
      ['XREAD', 'NOACK', 'STREAMS', 'K', '0'],
      ['XREAD', 'GROUP', 'g', 'c', 'STREAMS', 'K', '0'],
      ['XREAD', 'x', 'STREAMS', 'K', '0'],
      ['XREAD', 'COUNT', 1, 'K', '0'],
      ['XREAD', 'BLOCK', 1, 'STREAMS', 'K', '$'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'K', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'K', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'K', '$'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'K', 'x'],
      ['XREADGROUP', 'GROUP', 'none', 'c', 'STREAMS', 'K', '>'],
      ['XREADGROUP', 'COUNT', 1, 'NOACK', 'STREAMS', 'K', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'K', '18446744073709551615-18446744073709551615'],
      ['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', 1, 'STREAMS', 'K', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'STREAMS', 'K', '>', 'x'],
      ['XACK', 'K', 'g', '1-1'],
      ['XACK', 'K', 'none', '1-1'],
      ['XACK', 'K', 'g', 'x'],
      ['XACK', 'K', 'none', 'x'],
      ['XPENDING', 'K', 'g'],
      ['XPENDING', 'K', 'none'],
      ['XPENDING', 'K', 'g', '-'],
      ['XPENDING', 'K', 'g', '-', '+'],
      ['XPENDING', 'K', 'g', '-', '+', 10],
      ['XPENDING', 'K', 'g', '-', '+', -1],
      ['XPENDING', 'K', 'g', '-', '+', 'x'],
      ['XPENDING', 'K', 'g', 'x', '+', 10],
      ['XPENDING', 'K', 'g', '-', 'x', 10],
      ['XPENDING', 'K', 'g', '-', '+', 10, 'none'],
      ['XPENDING', 'K', 'g', 'IDLE', 'x', '-', '+', 10],
      ['XPENDING', 'K', 'g', 'IDLE', 0, '-', '+'],
      ['XPENDING', 'K', 'g', 'IDLE', 0, '-', '+', 10],
      ['XPENDING', 'K', 'g', 'IDLE', 0, '-', '+', 10, 'c', 'd'],
      ['XPENDING', 'K', 'g', '(1-1', '(2-2', 10],
      ['XPENDING', 'K', 'g', '(18446744073709551615-18446744073709551615', '+', 1],
      ['XPENDING', 'K', 'g', '-', '(0-0', 1],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1'],
      ['XCLAIM', 'K', 'none', 'c', 0, '1-1'],
      ['XCLAIM', 'K', 'g', 'c', 'x', '1-1'],
      ['XCLAIM', 'K', 'g', 'c', -1, '1-1'],
      ['XCLAIM', 'K', 'g', 'c', 0, 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'IDLE'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'IDLE', 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'TIME', 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'RETRYCOUNT', 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'LASTID', 'x'],
      ['XCLAIM', 'K', 'g', 'c', 0, 'FORCE'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'FORCE'],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', 'JUSTID', 'RETRYCOUNT', 7],
      ['XCLAIM', 'K', 'g', 'c', 0, '1-1', '7-7', 'FORCE', 'LASTID', '8-8'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0'],
      ['XAUTOCLAIM', 'K', 'none', 'c', 0, '0'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 'x', '0'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, 'x'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0', 'COUNT', 0],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0', 'COUNT', 'x'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0', 'COUNT'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0', 'x'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '(0-0', 'JUSTID'],
      ['XAUTOCLAIM', 'K', 'g', 'c', 0, '0', 'COUNT', '576460752303423488'],
      ['XGROUP'],
      ['XGROUP', 'x'],
      ['XGROUP', 'HELP', 'x'],
      ['XGROUP', 'CREATE', 'K'],
      ['XGROUP', 'CREATE', 'K', 'h'],
      ['XGROUP', 'CREATE', 'K', 'h', 'x'],
      ['XGROUP', 'CREATE', 'K', 'h', '-'],
      ['XGROUP', 'CREATE', 'K', 'h', '1-1', 'x'],
      ['XGROUP', 'CREATE', 'K', 'h', '$', 'ENTRIESREAD'],
      ['XGROUP', 'CREATE', 'K', 'h', '$', 'ENTRIESREAD', 'x'],
      ['XGROUP', 'CREATE', 'K', 'h', '$', 'ENTRIESREAD', -2],
      ['XGROUP', 'CREATE', 'K', 'h', '$', 'ENTRIESREAD', -1, 'ENTRIESREAD', 3, 'x'],
      ['XGROUP', 'CREATE', 'K', 'h', '$', 'ENTRIESREAD', 1, 'ENTRIESREAD', 3],
      ['XGROUP', 'CREATE', 'K', 'h', '$'],
      ['XGROUP', 'CREATE', 'K', 'h', '$'],
      ['XGROUP', 'CREATE', 'K', 'i', '$', 'MKSTREAM'],
      ['XGROUP', 'CREATE', 'K', 'i', '$', 'MKSTREAM'],
      ['XGROUP', 'CREATE', 'K', 'j', 'x', 'MKSTREAM'],
      ['XGROUP', 'CREATE', 'K', 'j', '$', 'MKSTREAM', 'MKSTREAM', 'MKSTREAM', 'MKSTREAM'],
      ['XGROUP', 'SETID', 'K', 'g', '-'],
      ['XGROUP', 'SETID', 'K', 'g', '+'],
      ['XGROUP', 'SETID', 'K', 'g', 'x'],
      ['XGROUP', 'SETID', 'K', 'none', '1'],
      ['XGROUP', 'SETID', 'K', 'g', '1', 'MKSTREAM'],
      ['XGROUP', 'SETID', 'K', 'g', '1', 'ENTRIESREAD', 1, 'ENTRIESREAD', 2],
      ['XGROUP', 'SETID', 'K', 'g', '1', 'ENTRIESREAD', 1],
      ['XGROUP', 'SETID', 'K', 'g', '$'],
      ['XGROUP', 'CREATECONSUMER', 'K', 'g', 'new'],
      ['XGROUP', 'CREATECONSUMER', 'K', 'g', 'new'],
      ['XGROUP', 'CREATECONSUMER', 'K', 'none', 'c'],
      ['XGROUP', 'CREATECONSUMER', 'K', 'g'],
      ['XGROUP', 'DELCONSUMER', 'K', 'g', 'new'],
      ['XGROUP', 'DELCONSUMER', 'K', 'g', 'new'],
      ['XGROUP', 'DELCONSUMER', 'K', 'none', 'c'],
      ['XGROUP', 'DESTROY', 'K', 'none'],
      ['XGROUP', 'DESTROY', 'K', 'h'],
      ['XGROUP', 'DESTROY', 'K', 'h', 'x'],
      ['XINFO'],
      ['XINFO', 'x'],
      ['XINFO', 'HELP', 'x'],
      ['XINFO', 'STREAM'],
      ['XINFO', 'STREAM', 'K'],
      ['XINFO', 'STREAM', 'K', 'x'],
      ['XINFO', 'STREAM', 'K', 'FULL'],
      ['XINFO', 'STREAM', 'K', 'FULL', 'COUNT'],
      ['XINFO', 'STREAM', 'K', 'FULL', 'x', 1],
      ['XINFO', 'STREAM', 'K', 'FULL', 'COUNT', 'x'],
      ['XINFO', 'STREAM', 'K', 'FULL', 'COUNT', -5],
      ['XINFO', 'GROUPS', 'K'],
      ['XINFO', 'GROUPS', 'K', 'x'],
      ['XINFO', 'CONSUMERS', 'K'],
      ['XINFO', 'CONSUMERS', 'K', 'g'],
      ['XINFO', 'CONSUMERS', 'K', 'none'],
      ['XINFO', 'CONSUMERS', 'K', 'g', 'x'],
      ['OBJECT', 'ENCODING', 'K'],
    ]
    for (const key of ['s', 'string', 'missing']) {
      for (const command of commands) await alike(...command.map((argument) => (argument === 'K' ? key : argument)))
    }
    await sameState('s')
  })

  it('reads several streams at once', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e']
    for (const key of keys) {
      for (let i = 1; i < 4; i++) await both.same('XADD', key, `${i}-${key.charCodeAt(0)}`, 'of', key)
      await both.same('XGROUP', 'CREATE', key, 'g', '0')
    }
    await both.same('SET', 'string', 'x')
    const reads: Argument[][] = [
      ['XREAD', 'STREAMS', ...keys, '0', '0', '0', '0', '0'],
      ['XREAD', 'COUNT', 1, 'STREAMS', ...keys, '1-99', '3', '$', '4', '0'],
      ['XREAD', 'STREAMS', ...keys, '5', '5', '5', '5', '5'],
      ['XREAD', 'BLOCK', 10, 'STREAMS', ...keys, '5', '5', '5', '5', '5'],
      ['XREAD', 'BLOCK', 10, 'STREAMS', ...keys, '$', '$', '$', '$', '$'],
      ['XREAD', 'BLOCK', 10, 'STREAMS', ...keys, '$', '$', '2', '$', '$'],
      ['XREAD', 'STREAMS', 'a', 'a', 'missing', 'b', '0', '2', '0', '2'],
      ['XREAD', 'STREAMS', 'a', 'string', 'b', '0', '0', '0'],
      ['XREAD', 'STREAMS', 'a', 'b', 'c', '0', 'x', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'al', 'COUNT', 1, 'STREAMS', ...keys, '>', '>', '>', '0', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'al', 'STREAMS', 'a', 'b', 'missing', 'c', '>', '>', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'al', 'STREAMS', 'a', 'string', 'c', '>', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'NOACK', 'STREAMS', 'a', 'b', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'STREAMS', 'c', 'd', 'e', '>', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'STREAMS', 'c', 'd', 'e', '>', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'BLOCK', 10, 'STREAMS', 'c', 'd', 'e', '>', '>', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'STREAMS', 'c', 'd', 'e', '0', '0', '>'],
      ['XREADGROUP', 'GROUP', 'none', 'bo', 'STREAMS', 'c', 'd', 'e', '0', '0', '>'],
    ]
    for (const read of reads) {
      await both.same(...read)
      await sameState('a', 'b', 'c', 'd', 'e')
    }
    await both.allSame(['MULTI'], ...reads, ['EXEC'])
    await sameState('a', 'b', 'c', 'd', 'e')
    for (const read of reads) await both.same('COMMAND', 'GETKEYS', ...read)
  })

  it('moves, copies and renames streams with all that belongs to them', async () => {
    for (let i = 1; i <= 500; i++) await both.same('XADD', 's', `${i}-1`, 'a', i, 'b', 'x'.repeat(i % 50))
    await both.allSame(
      ['XDEL', 's', '7-1', '300-1'],
      ['XGROUP', 'CREATE', 's', 'g', '0'],
      ['XGROUP', 'CREATE', 's', 'empty', '$'],
      ['XGROUP', 'CREATECONSUMER', 's', 'g', 'idle'],
      ['XREADGROUP', 'GROUP', 'g', 'al', 'COUNT', 150, 'STREAMS', 's', '>'],
      ['XREADGROUP', 'GROUP', 'g', 'bo', 'COUNT', 100, 'STREAMS', 's', '>'],
      ['XACK', 's', 'g', '3-1', '200-1'],
      ['PEXPIREAT', 's', 9999999999999],
      ['COPY', 's', 'copy'],
      ['COPY', 's', 'copy2'],
      ['RENAME', 'copy', 'renamed'],
      ['MOVE', 'copy2', 1],
      ['SELECT', 1],
    )
    await sameState('copy2')
    await both.allSame(['RENAME', 'copy2', 'copy3'], ['XADD', 'copy3', '501-1', 'x', 'y'])
    await sameState('copy3')
    await both.allSame(['SELECT', 0], ['XACK', 'renamed', 'g', '1-1'], ['XADD', 's', '777-1', 'a', 'b'])
    await sameState('s', 'renamed')
    await both.allSame(['XDEL', 's', '777-1'], ['DEL', 's', 'renamed'], ['DBSIZE'])
  })

  const key = fc.constantFrom('s', 's', 's', 't')
  const id = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 3 })).map(([ms, seq]) => `${ms}-${seq}`),
    fc.integer({ min: 1, max: 30 }).map(String),
  )
  const laterId = fc
    .tuple(fc.integer({ min: 1, max: 90 }), fc.constantFrom('0', '1', '*', '5'))
    .map((parts) => parts.join('-'))
  const group = fc.constantFrom('g', 'h')
  const consumer = fc.constantFrom('al', 'bo', 'cy')
  const count = fc.integer({ min: 0, max: 12 })
  const ids = fc.array(id, { minLength: 1, maxLength: 6 })
  const pair = fc.constantFrom<Argument[]>(
    ['a', '1'],
    ['a', 'x'],
    ['b', '22'],
    ['a', '1', 'b', '2'],
    ['b', '2', 'a', '1'],
    ['a', 'y'.repeat(80)],
  )
  const trim = fc.oneof(
    fc.constant<Argument[]>([]),
    fc.tuple(fc.constant('MAXLEN'), fc.constantFrom('=', '~'), count),
    fc.tuple(fc.constant('MINID'), fc.constantFrom('=', '~'), id),
  )
  const bound = fc.oneof(
    id,
    id.map((text) => `(${text}`),
    fc.constantFrom('-', '+'),
  )
  const command: fc.Arbitrary<Argument[]> = fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .tuple(key, trim, laterId, pair)
        .map(([k, options, i, fields]) => ['XADD', k, ...options, i, ...fields]),
    },
    { weight: 3, arbitrary: fc.tuple(key, ids).map(([k, all]) => ['XDEL', k, ...all]) },
    { weight: 1, arbitrary: fc.tuple(key, trim).map(([k, options]) => ['XTRIM', k, ...options]) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('XRANGE', 'XREVRANGE'), key, bound, bound, count)
        .map(([name, k, from, to, n]) => [name, k, from, to, 'COUNT', n]),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(key, group, fc.oneof(id, fc.constant('$')))
        .map(([k, g, i]) => ['XGROUP', 'CREATE', k, g, i, 'MKSTREAM']),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(key, group, id, fc.integer({ min: -1, max: 20 }))
        .map(([k, g, i, n]) => ['XGROUP', 'SETID', k, g, i, 'ENTRIESREAD', n]),
    },
    { weight: 1, arbitrary: fc.tuple(key, group).map(([k, g]) => ['XGROUP', 'DESTROY', k, g]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('CREATECONSUMER', 'DELCONSUMER'), key, group, consumer)
        .map(([name, k, g, c]) => ['XGROUP', name, k, g, c]),
    },
    {
      weight: 8,
      arbitrary: fc
        .tuple(
          group,
          consumer,
          count,
          fc.constantFrom<Argument[]>([], ['NOACK']),
          key,
          fc.oneof({ weight: 3, arbitrary: fc.constant('>') }, id),
        )
        .map(([g, c, n, noack, k, i]) => ['XREADGROUP', 'GROUP', g, c, 'COUNT', n, ...noack, 'STREAMS', k, i]),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(count, id, id).map(([n, i, j]) => ['XREAD', 'COUNT', n, 'STREAMS', 's', 't', i, j]),
    },
    { weight: 3, arbitrary: fc.tuple(key, group, ids).map(([k, g, all]) => ['XACK', k, g, ...all]) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(key, group, bound, bound, count, fc.constantFrom<Argument[]>([], ['al'], ['bo']))
        .map(([k, g, from, to, n, c]) => ['XPENDING', k, g, from, to, n, ...c]),
    },
    { weight: 1, arbitrary: fc.tuple(key, group).map(([k, g]) => ['XPENDING', k, g]) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          key,
          group,
          consumer,
          fc.constantFrom(0, 100000),
          ids,
          fc.constantFrom<Argument[]>(
            [],
            ['JUSTID'],
            ['FORCE'],
            ['FORCE', 'JUSTID'],
            ['RETRYCOUNT', 5],
            ['LASTID', '20-0'],
            ['IDLE', 50],
          ),
        )
        .map(([k, g, c, idle, all, options]) => ['XCLAIM', k, g, c, idle, ...all, ...options]),
    },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          key,
          group,
          consumer,
          fc.constantFrom(0, 100000),
          bound,
          fc.integer({ min: 1, max: 5 }),
          fc.constantFrom<Argument[]>([], ['JUSTID']),
        )
        .map(([k, g, c, idle, i, n, options]) => ['XAUTOCLAIM', k, g, c, idle, i, 'COUNT', n, ...options]),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(key, id, count, id)
        .map(([k, i, n, deleted]) => ['XSETID', k, i, 'ENTRIESADDED', n, 'MAXDELETEDID', deleted]),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Argument[]>(
        ['COPY', 's', 't', 'REPLACE'],
        ['RENAME', 't', 's'],
        ['DEL', 't'],
        ['XLEN', 's'],
      ),
    },
  )

  it('does what Redis does in random series', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 20, maxLength: 80 }),
        fc.constantFrom(1, 3, 7, 100),
        async (commands, entriesMax) => {
          await both.same('FLUSHALL')
          await both.same('CONFIG', 'SET', 'stream-node-max-entries', entriesMax)
          for (const argv of commands) await alike(...argv)
          await sameState('s', 't')
        },
      ),
      { numRuns: SERIES_RUNS / 4 },
    )
  })
})
