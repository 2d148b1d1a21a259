/**
 * ioredis, and iovalkey, which is its other branch: what applications use them for beyond single commands.
 */
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { Arrivals, within } from './arrivals.js'

/** The two have the same methods; their types differ in names alone. */
const CLIENTS = { ioredis: Redis, iovalkey: Valkey as unknown as typeof Redis }
type ClientName = keyof typeof CLIENTS

interface Scripted {
  addAll(keys: number, ...keysAndAmounts: (string | number)[]): Promise<number>
}

describe.each(SHARD_COUNTS)('on %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  describe.each(Object.keys(CLIENTS) as ClientName[])('%s', (name) => {
    behaves(() => server, CLIENTS[name])
  })
})

function behaves(server: () => TestServer, Client: typeof Redis): void {
  let client: Redis
  const open: Redis[] = []

  beforeAll(() => {
    client = connect()
  })

  beforeEach(async () => {
    await client.flushall()
  })

  afterEach(() => {
    for (const one of open.splice(1)) one.disconnect()
  })

  afterAll(() => {
    for (const one of open) one.disconnect()
  })

  function connect(options: object = {}): Redis {
    const made = new Client({ port: server().port, host: '127.0.0.1', ...options })
    made.on('error', () => {})
    open.push(made)
    return made
  }

  it('sends pipelines and transactions of many kinds', async () => {
    const pipeline = client.pipeline()
    for (let i = 0; i < 300; i++) pipeline.set(`key:${i}`, i).incrby(`key:${i}`, 1000)
    pipeline.lpush('key:5', 'wrong type').hset('hash', { a: 1, b: '2' }).hgetall('hash')
    const replies = (await pipeline.exec()) ?? []
    expect(replies.slice(0, 4)).toEqual([
      [null, 'OK'],
      [null, 1000],
      [null, 'OK'],
      [null, 1001],
    ])
    expect(replies[600]?.[0]?.message).toContain('WRONGTYPE')
    expect(replies.slice(601)).toEqual([
      [null, 2],
      [null, { a: '1', b: '2' }],
    ])
    const results = await client.multi().set('a', 1).incr('a').incr('b').mget('a', 'b', 'key:7').exec()
    expect(results).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, 1],
      [null, ['2', '1', '1007']],
    ])
  })

  it('gives up a transaction whose watched key has changed', async () => {
    const other = connect()
    await client.set('stock', 5)
    await client.watch('stock', 'unrelated')
    await other.decr('stock')
    expect(await client.multi().set('sold', 1).exec()).toBe(null)
    await client.watch('stock')
    expect(await client.multi().decr('stock').exec()).toEqual([[null, 3]])
  })

  it('collects commands of one turn into one pipeline by itself', async () => {
    const auto = connect({ enableAutoPipelining: true })
    const numbers = Array.from({ length: 200 }, (_, number) => number)
    await Promise.all(numbers.map((number) => auto.set(`auto:${number}`, number)))
    expect(await Promise.all(numbers.map((number) => auto.get(`auto:${number}`)))).toEqual(numbers.map(String))
    expect((await auto.mgetBuffer('auto:1', 'auto:none')).map((value) => value?.toString())).toEqual(['1', undefined])
  })

  it('runs scripts by their hash, also after the server has forgotten them, and in pipelines', async () => {
    client.defineCommand('addAll', {
      lua: `
        local total = 0
        for i, key in ipairs(KEYS) do total = total + redis.call('INCRBY', key, ARGV[i]) end
        return total`,
    })
    const scripted = client as unknown as Scripted
    expect(await scripted.addAll(3, 'x', 'y', 'z', 1, 10, 100)).toBe(111)
    await client.script('FLUSH')
    expect(await scripted.addAll(3, 'x', 'y', 'z', 1, 10, 100)).toBe(222)
    const pipeline = client.pipeline()
    for (let i = 0; i < 3; i++) (pipeline as unknown as Scripted).addAll(2, 'x', 'z', i, i)
    expect(await pipeline.exec()).toEqual([
      [null, 202],
      [null, 204],
      [null, 208],
    ])
    await expect(client.eval("return redis.call('LPUSH', KEYS[1], 1)", 1, 'x')).rejects.toThrow(/WRONGTYPE/)
    expect(await client.eval("return {1, 'two', {3, false}, redis.status_reply('FINE')}", 0)).toEqual([
      1,
      'two',
      [3, null],
      'FINE',
    ])
  })

  it('hears what is published to channels, patterns and channels of shards', async () => {
    const subscriber = connect()
    const heard = new Arrivals<string>()
    subscriber.on('message', (channel, message) => heard.add(`${channel}: ${message}`))
    subscriber.on('pmessage', (pattern, channel, message) => heard.add(`${pattern} ${channel}: ${message}`))
    subscriber.on('smessage', (channel, message) => heard.add(`shard ${channel}: ${message}`))
    expect(await subscriber.subscribe('news', 'weather')).toBe(2)
    expect(await subscriber.psubscribe('n*s')).toBe(3)
    // Shard channels are counted by themselves.
    expect(await subscriber.ssubscribe('orders')).toBe(1)
    expect(await client.publish('news', 'one')).toBe(2)
    expect(await client.publish('weather', 'rain')).toBe(1)
    expect(await client.publish('nobody', 'hears')).toBe(0)
    expect(await client.spublish('orders', 'seven')).toBe(1)
    await heard.count('messages', 4)
    expect(heard.all).toEqual(['news: one', 'n*s news: one', 'weather: rain', 'shard orders: seven'])
    expect(await client.pubsub('NUMSUB', 'news', 'weather')).toEqual(['news', 1, 'weather', 1])
    expect(await subscriber.unsubscribe('news')).toBe(2)
    expect(await client.publish('news', 'two')).toBe(1)
    await heard.until('the last message', (all) => all.at(-1) === 'n*s news: two')
    expect(await subscriber.punsubscribe('n*s')).toBe(1)
    expect(await subscriber.unsubscribe('weather')).toBe(0)
    expect(await subscriber.sunsubscribe('orders')).toBe(0)
    expect(await subscriber.ping()).toBe('PONG')
  })

  it('subscribes again to everything when its connection was cut', async () => {
    const subscriber = connect({ retryStrategy: () => 5 })
    const heard = new Arrivals<string>()
    subscriber.on('message', (_, message) => heard.add(message))
    subscriber.on('pmessage', (_, __, message) => heard.add(message))
    const id = await subscriber.client('ID')
    await subscriber.subscribe('kept')
    await subscriber.psubscribe('kept:*')
    const closed = new Promise<void>((resolve) => subscriber.once('close', resolve))
    expect(await client.client('KILL', 'ID', id)).toBe(1)
    await within('the end of the connection', closed)
    const both = async (): Promise<void> => {
      while ((await client.publish('kept', 'channel')) === 0);
      while ((await client.publish('kept:x', 'pattern')) === 0);
    }
    await within('both subscriptions', both())
    await heard.until('both messages', (all) => all.includes('channel') && all.includes('pattern'))
  })

  it('hears of changes to keys', async () => {
    await client.config('SET', 'notify-keyspace-events', 'KEA')
    const subscriber = connect()
    const heard = new Arrivals<string>()
    subscriber.on('pmessage', (_, channel, message) => heard.add(`${channel} ${message}`))
    await subscriber.psubscribe('__key*@0__:*')
    await client.set('watched', 1)
    await client.pexpire('watched', 20)
    await heard.until('the expiry', (all) => all.some((one) => one.endsWith(':expired watched')))
    await client.config('SET', 'notify-keyspace-events', '')
    expect(heard.all).toEqual([
      '__keyspace@0__:watched set',
      '__keyevent@0__:set watched',
      '__keyspace@0__:watched expire',
      '__keyevent@0__:expire watched',
      '__keyspace@0__:watched expired',
      '__keyevent@0__:expired watched',
    ])
  })

  it('scans keys and fields as streams', async () => {
    const pipeline = client.pipeline()
    for (let i = 0; i < 700; i++) pipeline.set(`scan:${i}`, i).hset('fields', `field:${i}`, i)
    await pipeline.exec()
    const keys = new Set<string>()
    for await (const batch of client.scanStream({ match: 'scan:*', count: 50 }))
      for (const key of batch as string[]) keys.add(key)
    expect(keys.size).toBe(700)
    const fields = new Map<string, string>()
    for await (const batch of client.hscanStream('fields', { count: 100 })) {
      const flat = batch as string[]
      for (let i = 0; i < flat.length; i += 2) fields.set(flat[i] as string, flat[i + 1] as string)
    }
    expect(fields.size).toBe(700)
    expect(fields.get('field:99')).toBe('99')
  })

  it('waits for work on one connection while another brings it', async () => {
    const worker = connect()
    const first = worker.blpop('queue:a', 'queue:b', 10)
    await client.rpush('queue:b', 'job')
    expect(await first).toEqual(['queue:b', 'job'])
    await client.xgroup('CREATE', 'stream', 'group', '$', 'MKSTREAM')
    const next = worker.xreadgroup('GROUP', 'group', 'one', 'COUNT', 1, 'BLOCK', 10_000, 'STREAMS', 'stream', '>')
    const id = await client.xadd('stream', '*', 'kind', 'letter')
    expect(await next).toEqual([['stream', [[id, ['kind', 'letter']]]]])
    expect(await client.xack('stream', 'group', String(id))).toBe(1)
  })

  it('watches the commands of others as a monitor', async () => {
    const monitor = await connect().monitor()
    open.push(monitor)
    const seen = new Arrivals<string>()
    monitor.on('monitor', (_time: string, words: string[]) => seen.add(words.join(' ')))
    await client.set('looked', 'at')
    await client.get('looked')
    await seen.until('two commands', (all) => all.includes('set looked at') && all.includes('get looked'))
  })
}
