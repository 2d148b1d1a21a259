/**
 * Keyspace events: every command, at one shard and at four, with a subscriber on Shardkeep and one on a real Redis. At one
 * shard the two hear the same messages in the same order, at four the same for each key.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { EventLog, eventsByKey, type PublishedEvent } from '../support/event-log.js'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS } from '../support/server.js'
import { type Argument, BesideRedis } from './beside-redis.js'
import { type Commands, members, PAST, sequences } from './command-sequences.js'

describe.runIf(hasRedis7).each(SHARD_COUNTS)('beside Redis with %i shards', (shards) => {
  let pair: BesideRedis
  let ourLog: EventLog
  let redisLog: EventLog

  beforeAll(async () => {
    pair = await BesideRedis.start(shards, '--enable-debug-command', 'yes')
    ourLog = await EventLog.open(pair.server.port, shards)
    redisLog = await EventLog.open(pair.oracle.client.options.path as string, shards)
  })

  afterAll(async () => {
    ourLog.close()
    redisLog.close()
    await pair.stop()
  })

  beforeEach(async () => {
    await pair.same('select', 0)
    await pair.same('config', 'set', 'notify-keyspace-events', 'KEAmn')
    await pair.same('flushall')
  })

  /** The events since the last time must be the same. @returns those of Redis */
  async function expectSameEvents(of: string, channels = 2, inOrder = shards === 1): Promise<PublishedEvent[]> {
    const [ours, redis] = await Promise.all([ourLog.take(channels), redisLog.take(channels)])
    if (inOrder) expect(ours, `events of ${of}`).toEqual(redis)
    else expect(eventsByKey(ours), `events of ${of}`).toEqual(eventsByKey(redis))
    return redis
  }

  it.each(Object.entries(sequences))('%s', async (_, commands) => {
    await expectSameEvents('what was before')
    for (const argv of commands) {
      await pair.each(...argv)
      await expectSameEvents(argv.join(' ').slice(0, 100))
    }
  })

  it('keys are dumped, restored and migrated', async () => {
    await expectSameEvents('what was before')
    for (const [value, ttl] of [
      ['string', 0],
      ['long', 0],
      ['string', 1000000],
    ] as const) {
      await pair.each('set', 'a', 'x')
      if (value === 'long') await pair.each('del', 'a')
      if (value === 'long') await pair.each('rpush', 'a', ...members(300))
      const payload = (await pair.oracle.client.dumpBuffer('a')) as Buffer
      const commands: Commands = [
        ['restore', `r:${value}:${ttl}`, ttl, payload],
        ['restore', `r:${value}:${ttl}`, ttl, payload],
        ['restore', `r:${value}:${ttl}`, ttl, payload, 'replace'],
        ['restore', 'b', PAST, payload, 'absttl'],
        ['set', 'b', 1],
        ['restore', 'b', PAST, payload, 'absttl', 'replace'],
        ['restore', 'b', 0, 'no payload'],
      ]
      for (const argv of commands) {
        await pair.each(...argv)
        await expectSameEvents(String(argv.slice(0, 3)))
      }
    }
    // To a server that takes them, each its own.
    const { port } = pair.server
    await pair.each('set', 'a', 1)
    await pair.each('migrate', '127.0.0.1', port, 'a', 9, 1000, 'copy')
    await pair.each('migrate', '127.0.0.1', port, '', 9, 1000, 'replace', 'keys', 'a', 'r:long:0', 'nothing')
    const [ours, redis] = await Promise.all([ourLog.take(), redisLog.take()])
    const here = (events: readonly PublishedEvent[]) =>
      eventsByKey(events.filter(([channel]) => channel.includes('@0__')))
    expect(here(ours)).toEqual(here(redis))
  })

  it('keys whose time is over, found by a command or by nobody', async () => {
    await pair.each('debug', 'set-active-expire', 0)
    await pair.allSame(
      ['psetex', 'a', 1, 'x'],
      ['psetex', 'b', 1, 'x'],
      ['psetex', 'c', 1, 'x'],
      ['psetex', 'd', 1, 'x'],
    )
    await pair.allSame(['psetex', 'e', 1, 'x'], ['psetex', 'f', 1, 'x'], ['psetex', 'g', 1, 'x'], ['set', 'h', 'x'])
    await expectSameEvents('keys with a time')
    await delay(10)
    const commands: Commands = [
      ['get', 'a'],
      ['set', 'b', 'y'],
      ['lpush', 'c', 'y'],
      ['rename', 'h', 'd'],
      ['copy', 'd', 'e'],
      ['del', 'f'],
      ['sunionstore', 'g', 'nothing'],
    ]
    for (const argv of commands.slice(0, -1)) {
      await pair.each(...argv)
      await expectSameEvents(argv.join(' '))
    }
    await pair.each('debug', 'set-active-expire', 1)
    await pair.allSame(['psetex', 'h', 1, 'x'], ['psetex', 'i', 1, 'x'], ['expire', 'd', 0])
    await delay(400)
    const events = await expectSameEvents('active expiry', 2, false)
    expect(events.filter(([channel]) => channel === '__keyevent@0__:expired')).toHaveLength(3)
  })

  it('commands that had to wait', async () => {
    const [ours, redis] = await Promise.all([
      RespConnection.open(pair.server.port),
      RespConnection.open(pair.oracle.client.options.path as string),
    ])
    const plays: readonly { waits: readonly Argument[]; then: Commands }[] = [
      { waits: ['blpop', 'x', 'a', 0], then: [['rpush', 'a', 1]] },
      { waits: ['brpop', 'x', 'a', 0], then: [['rpush', 'a', 1, 2, 3]] },
      { waits: ['blmove', 'b', 'c', 'left', 'right', 0], then: [['rpush', 'b', 1]] },
      { waits: ['blmpop', 0, 2, 'x', 'd', 'left', 'count', 2], then: [['rpush', 'd', 1, 2]] },
      { waits: ['bzpopmin', 'z', 0], then: [['zadd', 'z', 1, 'x']] },
      { waits: ['bzmpop', 0, 1, 'z', 'max', 'count', 3], then: [['multi'], ['zadd', 'z', 1, 'x', 2, 'y'], ['exec']] },
      { waits: ['xread', 'block', 0, 'streams', 's', '$'], then: [['xadd', 's', '1-1', 'f', 1]] },
      {
        waits: ['xreadgroup', 'group', 'g', 'me', 'block', 0, 'streams', 's', '>'],
        then: [
          ['xadd', 's', '2-1', 'f', 1],
          ['del', 's'],
        ],
      },
    ]
    await pair.same('xgroup', 'create', 's', 'g', '$', 'mkstream')
    await expectSameEvents('what was before')
    for (const { waits, then } of plays) {
      const replies = Promise.all([ours.call(...waits), redis.call(...waits)])
      await delay(20)
      for (const argv of then) await pair.each(...argv)
      await replies
      await expectSameEvents(waits.join(' '))
    }
    ours.close()
    redis.close()
  })

  it.each(['KEA', 'Kg', 'Eg', 'Kg$', 'Egl', 'Kgs', 'Kgh', 'Egz', 'Kgt', 'KEgn', 'Kgm', 'KEgxe', 'Kgd', 'KA'])(
    'only the classes of %s',
    async (setting) => {
      await pair.same('config', 'set', 'notify-keyspace-events', setting)
      const channels = setting.includes('K') && setting.includes('E') ? 2 : 1
      await Promise.all([ourLog.take(channels), redisLog.take(channels)])
      await pair.allSame(
        ['set', 'a', 1],
        ['get', 'nothing'],
        ['lpush', 'l', 1],
        ['sadd', 's', 1],
        ['hset', 'h', 'f', 1],
        ['zadd', 'z', 1, 1],
        ['xadd', 't', '1-1', 'f', 1],
        ['rename', 'a', 'b'],
        ['lpop', 'l'],
        // The last one, because it may go at once.
        ['psetex', 'x', 1, 1],
      )
      await delay(5)
      await pair.same('get', 'x')
      await expectSameEvents(setting, channels)
    },
  )

  it.each([
    '',
    'K',
    'E',
    'gKE',
    'A',
    'AKE',
    'An',
    'nAm',
    'Kg$lshzxetd',
    'ggg',
    'mnKE',
    'd',
    'KEA',
    'q',
    'K E',
    'a',
    'Km',
  ])('the setting %j is read and shown alike', async (setting) => {
    await pair.each('config', 'set', 'notify-keyspace-events', setting)
    await pair.same('config', 'get', 'notify-keyspace-events')
  })

  it('keys that are evicted', async () => {
    const server = pair.ours
    const used = async (): Promise<number> =>
      Number(/used_memory:(\d+)/.exec(String(await server.call('info', 'memory')))?.[1])
    for (let i = 0; i < 2000; i++) await server.call('set', `k${i}`, 'x'.repeat(1000))
    await ourLog.take()
    await server.call('config', 'set', 'maxmemory-policy', 'allkeys-random')
    await server.call('config', 'set', 'maxmemory', Math.floor((await used()) - 1000000))
    for (let i = 0; i < 20; i++) await server.call('set', `n${i}`, 'x')
    await delay(200)
    await server.call('config', 'set', 'maxmemory', 0)
    const evicted = (await ourLog.take()).filter(([channel]) => channel === '__keyevent@0__:evicted')
    expect(evicted.length).toBeGreaterThan(100)
    for (const [, key] of evicted) if (key.startsWith('k')) expect(await server.call('exists', key)).toBe(0)
    const stats = String(await server.call('info', 'stats'))
    expect(Number(/evicted_keys:(\d+)/.exec(stats)?.[1])).toBe(evicted.length)
  })

  const newer: Readonly<Record<string, readonly { command: readonly Argument[]; events: string }[]>> = {
    'fields that expire': [
      { command: ['hset', 'h', 'f', 1, 'g', 2, 'i', 3], events: 'new h, hset h' },
      { command: ['hexpire', 'h', 100, 'fields', 1, 'f'], events: 'hexpire h' },
      { command: ['hexpire', 'h', 100, 'nx', 'fields', 1, 'f'], events: '' },
      { command: ['hpersist', 'h', 'fields', 1, 'f'], events: 'hpersist h' },
      { command: ['hpersist', 'h', 'fields', 1, 'f'], events: '' },
      { command: ['hpexpireat', 'h', 1, 'fields', 1, 'f'], events: 'hdel h' },
      { command: ['hgetex', 'h', 'ex', 100, 'fields', 1, 'g'], events: 'hexpire h' },
      { command: ['hgetex', 'h', 'persist', 'fields', 1, 'g'], events: 'hpersist h' },
      { command: ['hgetex', 'h', 'fields', 1, 'g'], events: '' },
      { command: ['hgetex', 'h', 'exat', 1, 'fields', 1, 'g'], events: 'hdel h' },
      { command: ['hsetex', 'h', 'fields', 1, 'g', 2], events: 'hset h' },
      { command: ['hsetex', 'h', 'ex', 100, 'fields', 1, 'g', 2], events: 'hset h, hexpire h' },
      { command: ['hsetex', 'h', 'exat', 1, 'fields', 1, 'g', 2], events: 'hset h, hdel h' },
      {
        command: ['hsetex', 'fresh', 'exat', 1, 'fields', 1, 'g', 2],
        events: 'new fresh, hset fresh, hdel fresh, del fresh',
      },
      { command: ['hgetdel', 'h', 'fields', 1, 'nothing'], events: '' },
      { command: ['hgetdel', 'h', 'fields', 1, 'i'], events: 'hdel h, del h' },
      { command: ['hset', 'h', 'f', 1], events: 'new h, hset h' },
      { command: ['hexpireat', 'h', 1, 'fields', 1, 'f'], events: 'hdel h, del h' },
    ],
    'strings on conditions': [
      { command: ['set', 'a', 1], events: 'new a, set a' },
      { command: ['set', 'a', 2, 'ifeq', 5], events: '' },
      { command: ['set', 'a', 2, 'ifeq', 1, 'ex', 100], events: 'set a, expire a' },
      { command: ['delex', 'a', 'ifeq', 5], events: '' },
      { command: ['delex', 'a', 'ifeq', 2], events: 'del a' },
      { command: ['msetex', 1, '{m}', 1, 'ex', 100], events: 'new {m}, set {m}, expire {m}' },
    ],
    'deletion of stream entries': [
      { command: ['xadd', 't', '1-1', 'f', 1], events: 'new t, xadd t' },
      { command: ['xadd', 't', '1-2', 'f', 1], events: 'xadd t' },
      { command: ['xdelex', 't', 'ids', 1, '5-5'], events: '' },
      { command: ['xdelex', 't', 'ids', 1, '1-1'], events: 'xdel t' },
      { command: ['xgroup', 'create', 't', 'g', 0], events: 'xgroup-create t' },
      { command: ['xreadgroup', 'group', 'g', 'me', 'streams', 't', '>'], events: 'xgroup-createconsumer t' },
      { command: ['xackdel', 't', 'g', 'ids', 1, '1-2'], events: 'xdel t' },
    ],
  }

  it.each(Object.entries(newer))('newer than the real one: %s', async (_, steps) => {
    await ourLog.take()
    for (const { command, events } of steps) {
      await pair.ours.call(...command)
      const heard = (await ourLog.take()).filter(([channel]) => channel.startsWith('__keyevent@0__:'))
      const shown = heard.map(([channel, key]) => `${channel.slice('__keyevent@0__:'.length)} ${key}`)
      expect(shown.join(', '), command.join(' ')).toBe(events)
    }
  })

  it('fields whose time is over, found by a command or by nobody', async () => {
    const eventsOf = async (): Promise<string[]> =>
      (await ourLog.take()).filter(([channel]) => channel === '__keyspace@0__:h').map(([, event]) => event)
    await pair.ours.call('debug', 'set-active-expire', 0)
    await pair.ours.call('hset', 'h', 'f', 1, 'g', 1, 'i', 1)
    await pair.ours.call('hpexpire', 'h', 1, 'fields', 2, 'f', 'g')
    await ourLog.take()
    await delay(10)
    await pair.ours.call('hmget', 'h', 'f', 'g', 'i')
    expect(await eventsOf()).toEqual(['hexpired'])
    await pair.ours.call('hpexpire', 'h', 1, 'fields', 1, 'i')
    await delay(10)
    await pair.ours.call('hget', 'h', 'i')
    expect(await eventsOf()).toEqual(['hexpire', 'hexpired', 'del'])
    await pair.ours.call('hset', 'h', 'f', 1, 'g', 1)
    await pair.ours.call('debug', 'set-active-expire', 1)
    await pair.ours.call('hpexpire', 'h', 1, 'fields', 2, 'f', 'g')
    await delay(400)
    expect(await eventsOf()).toEqual(['new', 'hset', 'hexpire', 'hexpired', 'del'])
  })
})
