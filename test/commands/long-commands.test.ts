/**
 * Commands that take long: what others can do meanwhile, and that all comes to what one thread would make of it. And values
 * that take long to give back: their memory comes back however they go.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS } from '../support/server.js'
import { type Argument, BesideRedis } from './beside-redis.js'

const MEMBERS = 100_000
const MEMBERS_A_COMMAND = 5000
/** Long enough for a command to be under way, and a fraction of what the long ones here take. */
const UNDER_WAY_MS = 15
/** Far above a slice, as the machine has others to serve; far below the command. */
const GET_MS_MAX = 60

const OK = { simple: 'OK' }

describe.each(SHARD_COUNTS)('at %i shards', (shards) => {
  let both: BesideRedis
  let others: RespConnection[]
  let isFilled = false

  beforeAll(async () => {
    both = await BesideRedis.start(shards, '--enable-debug-command', 'yes')
    others = []
    for (let i = 0; i < 20; i++) others.push(await RespConnection.open(both.server.port))
    await fill()
  }, 60_000)

  afterAll(async () => {
    for (const other of others) other.close()
    await both.stop()
  })

  /** Overlapping sets and sorted sets on keys of different shards, and a key of each shard. */
  async function fill(): Promise<void> {
    for (let from = 0; from < MEMBERS; from += MEMBERS_A_COMMAND) {
      const numbers = Array.from({ length: MEMBERS_A_COMMAND }, (_, i) => from + i)
      await both.same('sadd', 's1', ...numbers.map((i) => `m${i}`))
      await both.same('sadd', 's2', ...numbers.map((i) => `m${i + MEMBERS / 2}`))
      await both.same('zadd', 'z1', ...numbers.flatMap((i) => [i % 1000, `m${i}`]))
      await both.same('zadd', 'z2', ...numbers.flatMap((i) => [i, `m${i + MEMBERS / 2}`]))
    }
    for (let i = 0; i < 16; i++) await both.same('set', `small:${i}`, i)
    isFilled = true
  }

  async function info(field: string): Promise<number> {
    const text = String(await others[0]?.call('info', 'everything'))
    return Number(new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1])
  }

  /** Sends all commands to both at once, on one connection each. */
  async function samePipeline(...commands: readonly (readonly Argument[])[]): Promise<RespValue[]> {
    const [ours, redis] = await Promise.all(
      [both.ours, both.redis].map((connection) => Promise.all(commands.map((argv) => connection.call(...argv)))),
    )
    // Of a reply with 150 000 members `toEqual` alone takes seconds.
    for (const [i, argv] of commands.entries()) {
      if (!isDeepStrictEqual(ours?.[i], redis?.[i])) expect(ours?.[i], argv.join(' ')).toEqual(redis?.[i])
    }
    return ours as RespValue[]
  }

  it('transactions with a long command in them, and watches on what one makes', { timeout: 60_000 }, async () => {
    await samePipeline(
      ['watch', 'd1'],
      ['multi'],
      ['sunionstore', 'd1', 's1', 's2'],
      ['get', 'small:1'],
      ['scard', 'd1'],
      ['zunionstore', 'd2', 2, 'z1', 'z2'],
      ['exec'],
      ['scard', 'd1'],
      ['watch', 'd3', 'small:3'],
      ['sdiffstore', 'd3', 's1', 's2'],
      ['multi'],
      ['set', 'd3', 'x'],
      ['exec'],
    )
    const [a, b] = others as [RespConnection, RespConnection]
    await b.call('watch', 'd4')
    const long = a.call('sunionstore', 'd4', 's1', 's2')
    await delay(UNDER_WAY_MS)
    await b.call('multi')
    await b.call('set', 'd4', 'x')
    expect(await b.call('exec')).toBeNull()
    expect(await long).toBe(MEMBERS * 1.5)
    expect(await b.call('scard', 'd4')).toBe(MEMBERS * 1.5)
  })

  it('others on other keys are served at once', { timeout: 60_000 }, async () => {
    const [a, b] = others as [RespConnection, RespConnection]
    await Promise.all(Array.from({ length: 16 }, (_, i) => b.call('get', `small:${i}`)))
    const startedMs = performance.now()
    let isThrough = false
    const long = Promise.all([1, 2, 3].map(() => a.call('zunionstore', 'd1', 2, 'z1', 'z2'))).then((replies) => {
      isThrough = true
      return replies
    })
    const tookMs: number[] = []
    for (let i = 0; !isThrough; i++) {
      const sentMs = performance.now()
      expect(await b.call('get', `small:${i % 16}`)).toBe(String(i % 16))
      tookMs.push(performance.now() - sentMs)
    }
    expect(await long).toEqual([1, 2, 3].map(() => MEMBERS * 1.5))
    expect(performance.now() - startedMs).toBeGreaterThan(GET_MS_MAX)
    expect(tookMs.length).toBeGreaterThan(20)
    expect(Math.max(...tookMs)).toBeLessThan(GET_MS_MAX)
  })

  it('many at once, while clients go away or are killed', { timeout: 120_000 }, async () => {
    const [killer] = others as [RespConnection]
    const clients = await Promise.all(Array.from({ length: 20 }, () => RespConnection.open(both.server.port)))
    const ids = await Promise.all(clients.map((client) => client.call('client', 'id')))
    const replies = clients.map((client, i) => {
      // In one piece, so that whoever goes away has sent both.
      client.writeRaw(`SUNIONSTORE many:${i} s1 s2\r\nINCR count\r\n`)
      return Promise.all([client.read(), client.read()])
    })
    await delay(UNDER_WAY_MS)
    for (let i = 0; i < 5; i++) clients[i]?.close()
    for (let i = 5; i < 10; i++) expect(await killer.call('client', 'kill', 'id', ids[i] as number)).toBe(1)
    const got = await Promise.all(replies)
    expect(got.slice(5, 10)).toEqual(Array.from({ length: 5 }, () => ['closed', 'closed']))
    for (const [size] of got.slice(10)) expect(size).toBe(MEMBERS * 1.5)
    expect(new Set(got.slice(10).map(([, count]) => count)).size).toBe(10)
    for (let i = 0; i < 20; i++) expect(await killer.call('scard', `many:${i}`)).toBe(MEMBERS * 1.5)
    expect(await killer.call('get', 'count')).toBe('20')
    for (const client of clients) client.close()
    const keys = Array.from({ length: 20 }, (_, i) => `many:${i}`)
    expect(await killer.call('unlink', ...keys, 'count')).toBe(21)
    await untilGivenBack()
  })

  /** Until nothing that was removed holds memory any more. */
  async function untilGivenBack(): Promise<void> {
    for (let waitedMs = 0; (await info('lazyfree_pending_objects')) > 0; waitedMs += 10) {
      expect(waitedMs).toBeLessThan(20_000)
      await delay(10)
    }
  }

  it('values of each type give their memory back, however they go', { timeout: 120_000 }, async () => {
    const [client] = others as [RespConnection]
    const numbers = Array.from({ length: MEMBERS_A_COMMAND * 2 }, (_, i) => i)
    const make = async (prefix: string): Promise<string[]> => {
      await client.call('sadd', `${prefix}:set`, ...numbers.map((i) => `m${i}`))
      await client.call('zadd', `${prefix}:zset`, ...numbers.flatMap((i) => [i, `m${i}`]))
      await client.call('hset', `${prefix}:hash`, ...numbers.flatMap((i) => [`f${i}`, i]))
      await client.call('rpush', `${prefix}:list`, ...numbers.map((i) => `element ${i}`))
      for (const i of numbers) client.write('xadd', `${prefix}:stream`, `1-${i + 1}`, 'f', 'v')
      for (const _ of numbers) await client.read()
      await client.call('xgroup', 'create', `${prefix}:stream`, 'g', 0)
      await client.call('xreadgroup', 'group', 'g', 'c', 'count', 5000, 'streams', `${prefix}:stream`, '>')
      return ['set', 'zset', 'hash', 'list', 'stream'].map((type) => `${prefix}:${type}`)
    }
    const settled = async (): Promise<number> => {
      await untilGivenBack()
      // Tables shrink when there is nothing else to do.
      await delay(300)
      return info('used_memory_dataset')
    }
    await client.call('select', 0)
    const before = await settled()
    const rounds: readonly ((keys: string[]) => Promise<unknown>)[] = [
      (keys) => client.call('del', ...keys),
      (keys) => client.call('unlink', ...keys),
      (keys) => Promise.all(keys.map((key) => client.call('pexpire', key, 1))).then(() => delay(5)),
      (keys) => Promise.all(keys.map((key) => client.call('set', key, 'x'))).then(() => client.call('del', ...keys)),
      async (keys) => {
        for (const key of keys)
          await client.call('rename', 'small:0', key).then(() => client.call('rename', key, 'small:0'))
      },
      async (keys) => {
        for (const key of keys) expect(await client.call('move', key, 1)).toBe(1)
        await client.call('select', 1)
        expect(await client.call('flushdb')).toEqual(OK)
        await client.call('select', 0)
      },
      async (keys) => {
        for (const key of keys) expect(await client.call('move', key, 2)).toBe(1)
        await client.call('swapdb', 1, 2)
        await client.call('select', 1)
        expect(await client.call('dbsize')).toBe(keys.length)
        expect(await client.call('flushdb', 'async')).toEqual(OK)
        await client.call('select', 0)
      },
    ]
    for (const [i, round] of rounds.entries()) {
      const keys = await make(`gone:${i}`)
      expect(await info('used_memory_dataset')).toBeGreaterThan(before + 1_000_000)
      await round(keys)
      expect(await client.call('exists', ...keys)).toBe(0)
      expect((await settled()) - before, `round ${i}`).toBeLessThan(100_000)
    }
  })

  // The last one: it empties the server. When it is tried again, it fills it first.
  it('behind long commands of the same client everything comes in order', { timeout: 60_000 }, async () => {
    if (isFilled) {
      // Some were made in ours only.
      await both.each('del', 'd1', 'd2', 'd3', 'd4')
    } else {
      await both.same('flushall')
      await fill()
    }
    isFilled = false
    await samePipeline(
      ['zunionstore', 'd1', 2, 'z1', 'z2', 'WEIGHTS', 2, 3],
      ['get', 'small:1'],
      ['zadd', 'z1', 5, 'new'],
      ['zcard', 'd1'],
      ['sunionstore', 'd2', 's1', 's2'],
      ['set', 'small:1', 'x'],
      ['sinterstore', 'd3', 's1', 's2', 'd2'],
      ['sdiffstore', 'd4', 'd2', 's1'],
      ['pexpire', 'd2', 50],
      ['dbsize'],
      ['zinterstore', 'd5', 2, 'z1', 's2', 'AGGREGATE', 'MAX'],
      ['del', 'z1', 'small:2'],
      ['exists', 'z1', 'd5', 'small:2'],
      ['zrangestore', 'd6', 'd1', 100, -100],
      ['scard', 'd4'],
      ['zdiffstore', 'd1', 2, 'd1', 'd6'],
      ['sintercard', 2, 's1', 's2'],
      ['rename', 'd4', 'd7'],
      ['copy', 'd7', 'd8'],
    )
    for (const key of ['d1', 'd3', 'd5', 'd6', 'd8']) await both.same('debug', 'digest-value', key)
    await samePipeline(
      ['zunion', 2, 'd1', 'd6', 'WITHSCORES'],
      ['swapdb', 0, 1],
      ['dbsize'],
      ['swapdb', 1, 0],
      ['sunionstore', 'd9', 's1', 's2'],
      ['move', 'd9', 1],
      ['exists', 'd9'],
      ['flushdb'],
      ['dbsize'],
      ['flushall'],
    )
  })
})
