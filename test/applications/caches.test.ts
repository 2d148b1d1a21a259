/**
 * Keyv and cache-manager on top of it: values with a life span, in namespaces, behind a cache in memory.
 */
import { createKeyv } from '@keyv/redis'
import { createCache } from 'cache-manager'
import { Keyv } from 'keyv'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { within } from './arrivals.js'

describe.each(SHARD_COUNTS)('caches on %i shard(s)', (shards) => {
  let server: TestServer
  let open: Keyv[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterEach(async () => {
    for (const keyv of open) await keyv.disconnect()
    open = []
  })

  afterAll(async () => {
    await server?.stop()
  })

  function store(namespace: string): Keyv {
    const keyv = createKeyv(`redis://127.0.0.1:${server.port}`, { namespace, throwOnErrors: true })
    open.push(keyv)
    return keyv
  }

  /** Waits until the server has removed what expires; `exists` itself is what removes it. */
  async function gone(key: string): Promise<void> {
    const client = server.client()
    const absent = async (): Promise<void> => {
      while ((await client.exists(key)) === 1);
    }
    await within(`the end of ${key}`, absent())
  }

  describe('Keyv', () => {
    it('keeps any value that JSON can hold', async () => {
      const keyv = store('values')
      const values: readonly unknown[] = [
        0,
        '',
        'text',
        false,
        null,
        [1, [2, { three: '3' }]],
        { a: { b: ['c'] } },
        'ü€😀',
      ]
      for (const [number, value] of values.entries()) await keyv.set(`value:${number}`, value)
      for (const [number, value] of values.entries()) expect(await keyv.get(`value:${number}`)).toEqual(value)
      expect(await keyv.get('missing')).toBeUndefined()
      expect(await keyv.has('value:0')).toBe(true)
      expect(await keyv.delete('value:0')).toBe(true)
      expect(await keyv.delete('value:0')).toBe(false)
      expect(await keyv.has('value:0')).toBe(false)
    })

    it('writes, reads and deletes many at once', async () => {
      const keyv = store('many')
      const keys = Array.from({ length: 200 }, (_, number) => `key:${number}`)
      await keyv.setMany(keys.map((key, number) => ({ key, value: number })))
      expect(await keyv.get([...keys, 'missing'])).toEqual([...keys.keys(), undefined])
      expect(await keyv.has(['key:1', 'missing'])).toEqual([true, false])
      expect(await keyv.delete(keys.slice(0, 150))).toBe(true)
      expect((await keyv.get(keys)).filter((value: unknown) => value !== undefined)).toEqual(
        [...keys.keys()].slice(150),
      )
    })

    it('forgets a value at the end of its life', async () => {
      const keyv = store('lives')
      await keyv.set('short', 'value', 50)
      await keyv.set('long', 'value', 3_600_000)
      await gone('lives::short')
      expect(await keyv.get('short')).toBeUndefined()
      expect(await keyv.get('long')).toBe('value')
      const left = await server.client().pttl('lives::long')
      expect(left).toBeGreaterThan(3_500_000)
    })

    it('keeps namespaces apart, lists one of them, and empties it alone', async () => {
      const [one, two] = [store('one'), store('two')]
      for (let i = 0; i < 120; i++) await Promise.all([one.set(`k${i}`, `one ${i}`), two.set(`k${i}`, `two ${i}`)])
      expect(await one.get('k7')).toBe('one 7')
      const listed = new Map<string, string>()
      for await (const [key, value] of one.iterator?.(undefined) ?? []) listed.set(key, value)
      expect(listed.size).toBe(120)
      expect(listed.get('k99')).toBe('one 99')
      await one.clear()
      expect(await one.get('k7')).toBeUndefined()
      expect(await two.get('k7')).toBe('two 7')
      expect((await server.client().keys('two::*')).length).toBe(120)
    })
  })

  describe('cache-manager', () => {
    it('asks for a value once, however many want it at the same time', async () => {
      const cache = createCache({ stores: [store('wrap')], ttl: 3_600_000 })
      let asked = 0
      const price = async (): Promise<{ price: number }> => {
        asked += 1
        return { price: 42 }
      }
      const answers = await Promise.all(Array.from({ length: 20 }, () => cache.wrap('price', price)))
      for (const answer of answers) expect(answer).toEqual({ price: 42 })
      expect(asked).toBe(1)
      expect(await cache.wrap('price', price)).toEqual({ price: 42 })
      expect(asked).toBe(1)
      await cache.del('price')
      await cache.wrap('price', price)
      expect(asked).toBe(2)
    })

    it('refreshes a value in the background before its life is over', async () => {
      const keyv = store('refresh')
      const cache = createCache({ stores: [keyv] })
      const refreshed = new Promise((resolve) => cache.on('refresh', resolve))
      let version = 0
      const next = async (): Promise<number> => ++version
      const options = { ttl: 60_000, refreshThreshold: 120_000 }
      expect(await cache.wrap('v', next, options)).toBe(1)
      // Less than the threshold is left from the start, so the next reader gets the old value and starts a refresh.
      expect(await cache.wrap('v', next, options)).toBe(1)
      await within('a refresh', refreshed)
      expect(await keyv.get('v')).toBe(2)
    })

    it('reads through a cache in memory, and fills it', async () => {
      const [memory, shared] = [new Keyv(), store('tiers')]
      const cache = createCache({ stores: [memory, shared], ttl: 3_600_000 })
      await cache.mset([
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ])
      expect(await shared.get('a')).toBe(1)
      await memory.clear()
      expect(await cache.mget(['a', 'b', 'c'])).toEqual([1, 2, undefined])
      expect(await cache.wrap('b', async () => 3)).toBe(2)
      await within(
        'the value in memory',
        until(async () => (await memory.get('b')) === 2),
      )
      const left = (await cache.ttl('a')) as number
      expect(left).toBeGreaterThan(Date.now())
      await cache.mdel(['a', 'b'])
      expect(await shared.get('a')).toBeUndefined()
      await cache.set('d', 4)
      await cache.clear()
      expect(await cache.get('d')).toBeUndefined()
    })
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve))
}
