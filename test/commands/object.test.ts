/**
 * OBJECT beside a real Redis 7.0, on one shard and on four. What each command makes of an encoding stands in
 * string.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { BesideRedis } from './beside-redis.js'

const SUBCOMMANDS = ['ENCODING', 'REFCOUNT', 'IDLETIME', 'FREQ']

describe.skipIf(!hasRedis7).each([1, 4])('OBJECT on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    await both?.stop()
  })

  beforeEach(async () => {
    await both.allSame(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'], ['FLUSHALL'])
  })

  it('looks at keys that exist and at one that does not', async () => {
    await both.same('MSET', 'a', 1, 'b', 'text', 'c', 'x'.repeat(100))
    for (const key of ['a', 'b', 'c']) await both.sameWithin(3, 'OBJECT', 'IDLETIME', key)
    for (const subcommand of SUBCOMMANDS) {
      const keys = subcommand === 'IDLETIME' ? ['missing'] : ['a', 'b', 'c', 'missing']
      for (const key of keys) await both.allSame(['OBJECT', subcommand, key], ['object', subcommand.toLowerCase(), key])
      await both.allSame(['OBJECT', subcommand], ['OBJECT', subcommand, 'a', 'b'])
    }
    await both.allSame(['OBJECT', 'NONSENSE', 'a'], ['OBJECT'], ['OBJECT', 'HELP', 'me'])
  })

  it('counts the references of small integers as Redis does', async () => {
    for (const value of ['0', '9999', '10000', '-1', '0012', 'text']) {
      await both.allSame(
        ['SET', 'k', value],
        ['OBJECT', 'REFCOUNT', 'k'],
        ['INCRBY', 'n', 7],
        ['OBJECT', 'REFCOUNT', 'n'],
      )
    }
  })

  it('tells the frequency with an LFU policy, the idle time with another', async () => {
    await both.allSame(['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu'], ['SET', 'k', 'v'])
    await both.allSame(['OBJECT', 'FREQ', 'k'], ['OBJECT', 'IDLETIME', 'k'], ['OBJECT', 'FREQ', 'missing'])
    for (let i = 0; i < 200; i++) await both.ours.call('GET', 'k')
    expect(await both.ours.call('OBJECT', 'FREQ', 'k')).toBeGreaterThan(5)
  })

  it('does not count as an access', async () => {
    await both.same('SET', 'k', 'v')
    await new Promise((resolve) => setTimeout(resolve, 2100))
    for (const subcommand of ['ENCODING', 'REFCOUNT', 'IDLETIME']) await both.ours.call('OBJECT', subcommand, 'k')
    await both.allSame(['EXISTS', 'k'], ['TTL', 'k'], ['TYPE', 'k'])
    expect(await both.ours.call('OBJECT', 'IDLETIME', 'k')).toBeGreaterThan(0)
    await both.same('TOUCH', 'k')
    expect(await both.ours.call('OBJECT', 'IDLETIME', 'k')).toBe(0)
  })

  it('explains itself', async () => {
    const lines = (await both.ours.call('OBJECT', 'HELP')) as { simple: string }[]
    const text = lines.map(({ simple }) => simple).join('\n')
    for (const subcommand of SUBCOMMANDS) expect(text).toContain(`${subcommand} <key>`)
  })
})
