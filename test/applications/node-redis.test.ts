/**
 * node-redis in both protocols: transactions, scripts, functions, messages, a pool, and its cache, which the server keeps
 * right by telling it which keys have changed.
 */
import { BasicClientSideCache, createClient, createClientPool, defineScript, RESP_TYPES } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { Arrivals, within } from './arrivals.js'

const PROTOCOLS = [2, 3] as const

const scripts = {
  moveUnits: defineScript({
    NUMBER_OF_KEYS: 2,
    SCRIPT: `
      local left = redis.call('DECRBY', KEYS[1], ARGV[1])
      return {left, redis.call('INCRBY', KEYS[2], ARGV[1])}`,
    parseCommand(parser, from: string, to: string, units: number) {
      parser.pushKey(from)
      parser.pushKey(to)
      parser.push(String(units))
    },
    transformReply: (reply: unknown) => reply as [number, number],
  }),
}

const LIBRARY = `#!lua name=counters
redis.register_function('bump', function(keys, args)
  return redis.call('HINCRBY', keys[1], args[1], 1)
end)
redis.register_function{
  function_name = 'count',
  callback = function(keys, args) return redis.call('HLEN', keys[1]) end,
  flags = {'no-writes'}
}`

type Protocol = (typeof PROTOCOLS)[number]

describe.each(SHARD_COUNTS)('node-redis on %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  describe.each(PROTOCOLS)('with RESP%i', (protocol) => {
    behaves(() => server, protocol)
  })

  describe('with its client-side cache', () => {
    caches(() => server)
  })
})

function behaves(server: () => TestServer, protocol: Protocol): void {
  const open: { destroy(): void }[] = []

  function make() {
    return createClient({ url: `redis://127.0.0.1:${server().port}`, RESP: protocol, scripts })
  }

  async function connect() {
    const made = make()
    made.on('error', () => {})
    await made.connect()
    open.push(made)
    return made
  }

  let client: ReturnType<typeof make>

  beforeAll(async () => {
    client = await connect()
  })

  beforeEach(async () => {
    await client.flushAll()
  })

  afterEach(() => {
    for (const one of open.splice(1)) one.destroy()
  })

  afterAll(() => {
    for (const one of open) one.destroy()
  })

  it('reads replies of every type', async () => {
    await client.hSet('hash', { name: 'Ann', age: 42 })
    expect({ ...(await client.hGetAll('hash')) }).toEqual({ name: 'Ann', age: '42' })
    await client.zAdd('scores', [
      { value: 'low', score: 1.5 },
      { value: 'high', score: Number.POSITIVE_INFINITY },
    ])
    expect(await client.zRangeWithScores('scores', 0, -1)).toEqual([
      { value: 'low', score: 1.5 },
      { value: 'high', score: Number.POSITIVE_INFINITY },
    ])
    expect(await client.zScore('scores', 'none')).toBe(null)
    await client.sAdd('set', ['a', 'b'])
    expect(new Set(await client.sMembers('set'))).toEqual(new Set(['a', 'b']))
    expect(await client.sIsMember('set', 'a')).toBe(1)
    await client.geoAdd('places', { longitude: 13.4, latitude: 52.5, member: 'Berlin' })
    expect(Number((await client.geoPos('places', 'Berlin'))[0]?.longitude)).toBeCloseTo(13.4, 4)
    await client.xAdd('stream', '1-1', { a: '1' })
    const entries = (await client.xRange('stream', '-', '+')) ?? []
    expect(entries.map(({ id, message }) => ({ id, ...message }))).toEqual([{ id: '1-1', a: '1' }])
    expect((await client.configGet('hz')).hz).toBe('10')
    const binary = Buffer.from([0, 255, 13, 10, 128])
    const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    await client.set('binary', binary)
    expect(await buffers.get('binary')).toEqual(binary)
    await expect(client.lPush('hash', 'x')).rejects.toThrow(/WRONGTYPE/)
  })

  it('sends transactions, and learns that a watched key has changed', async () => {
    expect(await client.multi().set('a', '1').incr('a').mGet(['a', 'none']).exec()).toEqual(['OK', 2, ['2', null]])
    const other = await connect()
    await client.watch('a')
    await other.incr('a')
    await expect(client.multi().set('a', 'mine').exec()).rejects.toThrow(/watched/i)
    expect(await client.get('a')).toBe('3')
    const failed: { replies: unknown[] } = await client
      .multi()
      .set('b', 'x')
      .incr('b')
      .get('b')
      .exec()
      .catch((error) => error)
    expect(failed.replies.map(String)).toEqual(['OK', expect.stringContaining('not an integer'), 'x'])
  })

  it('runs scripts by their hash, also after the server has forgotten them', async () => {
    await client.mSet({ from: '100', to: '0' })
    expect(await client.moveUnits('from', 'to', 30)).toEqual([70, 30])
    await client.scriptFlush()
    expect(await client.moveUnits('from', 'to', 30)).toEqual([40, 60])
    expect(await client.multi().moveUnits('from', 'to', 10).get('to').exec()).toEqual([[30, 70], '70'])
    expect(await client.eval("return cjson.encode({1, 'two', {three = 3}})", {})).toBe('[1,"two",{"three":3}]')
  })

  it('loads functions and calls them', async () => {
    expect(await client.functionLoad(LIBRARY, { REPLACE: true })).toBe('counters')
    for (let i = 1; i <= 3; i++) expect(await client.fCall('bump', { keys: ['c'], arguments: ['hits'] })).toBe(i)
    expect(await client.fCallRo('count', { keys: ['c'], arguments: [] })).toBe(1)
    const [library] = await client.functionList()
    expect(library?.library_name).toBe('counters')
    const dump = await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).functionDump()
    await client.functionFlush()
    await expect(client.fCall('bump', { keys: ['c'], arguments: ['hits'] })).rejects.toThrow(/not found/)
    await client.functionRestore(dump)
    expect(await client.fCall('bump', { keys: ['c'], arguments: ['hits'] })).toBe(4)
    await client.functionDelete('counters')
  })

  it('hears messages, also between commands where the protocol allows it', async () => {
    const subscriber = await connect()
    const heard = new Arrivals<string>()
    const hear = (message: string, channel: string): void => heard.add(`${channel}: ${message}`)
    await subscriber.subscribe(['news', 'weather'], hear)
    await subscriber.pSubscribe('w*', hear)
    await subscriber.sSubscribe('orders', hear)
    if (protocol === 3) expect(await subscriber.set('while', 'subscribed')).toBe('OK')
    expect(await client.publish('weather', 'rain')).toBe(2)
    expect(await client.sPublish('orders', 'seven')).toBe(1)
    await heard.count('messages', 3)
    expect([...heard.all].sort()).toEqual(['orders: seven', 'weather: rain', 'weather: rain'])
    expect(await client.pubSubNumSub(['news', 'none'])).toEqual({ news: 1, none: 0 })
    await subscriber.unsubscribe()
    await subscriber.pUnsubscribe()
    await subscriber.sUnsubscribe('orders')
    expect(String(await subscriber.ping())).toBe('PONG')
  })

  it('iterates over keys and members, and waits on connections of a pool', async () => {
    await Promise.all(Array.from({ length: 500 }, (_, i) => client.set(`scan:${i}`, i)))
    const keys = new Set<string>()
    for await (const batch of client.scanIterator({ MATCH: 'scan:*', COUNT: 40 }))
      for (const key of batch) keys.add(key)
    expect(keys.size).toBe(500)
    const pool = createClientPool(
      { url: `redis://127.0.0.1:${server().port}`, RESP: protocol },
      { minimum: 1, maximum: 5 },
    )
    pool.on('error', () => {})
    await pool.connect()
    open.push(pool)
    const waiting = [1, 2, 3].map((number) => pool.blPop(`list:${number}`, 10))
    for (const number of [3, 1, 2]) await client.rPush(`list:${number}`, `element ${number}`)
    expect((await Promise.all(waiting)).map((popped) => popped?.element)).toEqual([
      'element 1',
      'element 2',
      'element 3',
    ])
  })

  it('connects again and goes on', async () => {
    const cut = await connect()
    const id = await cut.clientId()
    const ready = new Promise<void>((resolve) => cut.once('ready', resolve))
    await client.clientKill({ filter: 'ID', id: Number(id) })
    await within('the new connection', ready)
    expect(await cut.set('after', 'all')).toBe('OK')
    expect(await cut.clientId()).not.toBe(id)
  })
}

function caches(server: () => TestServer): void {
  it('answers from memory what it has read, until somebody changes it', async () => {
    const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 100 })
    const cached = createClient({ url: `redis://127.0.0.1:${server().port}`, RESP: 3, clientSideCache: cache })
    const invalidated = new Arrivals<string | null>()
    cache.on('invalidate', (key: Buffer | string | null) => invalidated.add(key === null ? null : String(key)))
    await cached.connect()
    const other = server().client()
    const keys = Array.from({ length: 20 }, (_, number) => `cached:${number}`)
    for (const key of keys) await other.set(key, 'old')
    for (let round = 0; round < 3; round++) for (const key of keys) expect(await cached.get(key)).toBe('old')
    expect(cache.stats()).toMatchObject({ hitCount: 40, missCount: 20 })

    await other.set('cached:3', 'new')
    await other.del('cached:4')
    await other.pexpire('cached:5', 1)
    await invalidated.until('three invalidations', (all) => ['3', '4', '5'].every((n) => all.includes(`cached:${n}`)))
    expect(await cached.get('cached:3')).toBe('new')
    expect(await cached.get('cached:4')).toBe(null)
    expect(await cached.get('cached:6')).toBe('old')
    expect(cache.stats()).toMatchObject({ hitCount: 41, missCount: 22 })

    await other.flushall()
    await invalidated.until('the end of everything', (all) => all.includes(null))
    expect(await cached.get('cached:6')).toBe(null)
    cached.destroy()
  })
}
