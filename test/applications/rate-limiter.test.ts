/**
 * rate-limiter-flexible: points that many clients take at the same time, over ioredis and over node-redis.
 *
 * Its script increments and sets the expiry in one step; what it says is left must never be more than there is.
 */
import fc from 'fast-check'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const SERIES_RUNS = 15

/** What a limiter answers: that points were taken, or that there were too few. Anything else is an error. */
interface Verdict {
  readonly allowed: boolean
  readonly result: RateLimiterRes
}

async function verdict(attempt: Promise<RateLimiterRes>): Promise<Verdict> {
  try {
    return { allowed: true, result: await attempt }
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    return { allowed: false, result: refusal }
  }
}

describe.each(SHARD_COUNTS)('rate-limiter-flexible on %i shard(s)', (shards) => {
  let server: TestServer
  let prefixes = 0

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  function limiter(points: number, duration: number, blockDuration = 0): RateLimiterRedis {
    prefixes += 1
    const storeClient = server.client({ enableOfflineQueue: true })
    return new RateLimiterRedis({ storeClient, points, duration, blockDuration, keyPrefix: `limit-${prefixes}` })
  }

  it('lets as many through as there are points, whoever asks first', async () => {
    const limiters = [limiter(10, 60), limiter(10, 60), limiter(10, 60)].map((one) => {
      one.keyPrefix = 'shared'
      return one
    })
    for (const key of ['ann', 'bob', 'eve', 'ivo']) {
      const verdicts = await Promise.all(
        limiters.flatMap((one) => Array.from({ length: 8 }, () => verdict(one.consume(key)))),
      )
      expect(verdicts.filter(({ allowed }) => allowed).length).toBe(10)
      const taken = verdicts.map(({ result }) => result.consumedPoints).sort((a, b) => a - b)
      expect(taken).toEqual(Array.from({ length: 24 }, (_, i) => i + 1))
      for (const { result } of verdicts) {
        expect(result.msBeforeNext).toBeGreaterThan(0)
        expect(result.msBeforeNext).toBeLessThanOrEqual(60_000)
      }
    }
  })

  it('gives points back when the window is over', async () => {
    const one = limiter(2, 1)
    expect((await verdict(one.consume('k', 2))).allowed).toBe(true)
    const refused = await verdict(one.consume('k'))
    expect(refused.allowed).toBe(false)
    expect(refused.result.msBeforeNext).toBeLessThanOrEqual(1000)
    // Points come back with time alone: there is no event to wait for.
    await new Promise((resolve) => setTimeout(resolve, refused.result.msBeforeNext + 20))
    expect((await verdict(one.consume('k'))).allowed).toBe(true)
  })

  it('blocks, rewards, punishes, and forgets', async () => {
    const one = limiter(5, 60, 120)
    expect((await one.penalty('k', 4)).consumedPoints).toBe(4)
    expect((await one.reward('k', 2)).consumedPoints).toBe(2)
    expect((await one.get('k'))?.remainingPoints).toBe(3)
    const refused = await verdict(one.consume('k', 4))
    expect(refused.allowed).toBe(false)
    expect(refused.result.msBeforeNext).toBeGreaterThan(60_000)
    await one.block('other', 30)
    expect((await verdict(one.consume('other'))).allowed).toBe(false)
    expect(await one.delete('k')).toBe(true)
    expect(await one.get('k')).toBe(null)
    expect((await verdict(one.consume('k'))).allowed).toBe(true)
  })

  it('counts as a plain counter does, whatever comes in what order', async () => {
    const calls = fc.array(
      fc.record({
        call: fc.constantFrom('consume', 'reward', 'penalty', 'delete'),
        key: fc.constantFrom('a', 'b', 'c', 'd'),
        points: fc.integer({ min: 1, max: 6 }),
      }),
      { minLength: 1, maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(calls, async (series) => {
        const one = limiter(10, 3600)
        const model = new Map<string, number>()
        for (const { call, key, points } of series) {
          if (call === 'delete') {
            expect(await one.delete(key)).toBe(model.delete(key))
            continue
          }
          const before = model.get(key) ?? 0
          const after = before + (call === 'reward' ? -points : points)
          model.set(key, after)
          if (call === 'consume') {
            const { allowed, result } = await verdict(one.consume(key, points))
            expect({ allowed, consumed: result.consumedPoints }).toEqual({ allowed: after <= 10, consumed: after })
          } else expect((await one[call as 'reward' | 'penalty'](key, points)).consumedPoints).toBe(after)
        }
      }),
      { numRuns: SERIES_RUNS },
    )
  })

  it('does the same through node-redis', async () => {
    const storeClient = createClient({ url: `redis://127.0.0.1:${server.port}` })
    await storeClient.connect()
    const one = new RateLimiterRedis({ storeClient, useRedisPackage: true, points: 4, duration: 60, keyPrefix: 'node' })
    const verdicts = await Promise.all(Array.from({ length: 9 }, () => verdict(one.consume('k'))))
    expect(verdicts.filter(({ allowed }) => allowed).length).toBe(4)
    expect((await one.get('k'))?.consumedPoints).toBe(9)
    await storeClient.close()
  })
})
