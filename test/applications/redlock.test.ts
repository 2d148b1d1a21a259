/**
 * Redlock: locks of one and of several resources, that only their owner can give back and that end by themselves.
 *
 * Invariant of the main test: a counter that is read, awaited and written under the lock loses no step.
 */
import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

interface Lock {
  readonly resources: readonly string[]
  readonly expiration: number
  release(): Promise<unknown>
  extend(durationMs: number): Promise<Lock>
}

interface Redlock extends EventEmitter {
  acquire(resources: readonly string[], durationMs: number, settings?: { retryCount: number }): Promise<Lock>
  using<T>(resources: readonly string[], durationMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** The package brings types, but its map of exports does not name them, so they cannot be imported. */
const { default: Redlock } = createRequire(import.meta.url)('redlock') as {
  default: new (clients: readonly unknown[], settings?: object) => Redlock
}

const CONTENDERS = 6
const STEPS = 5
const NO_RETRY = { retryCount: 0 }

describe.each(SHARD_COUNTS)('Redlock on %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  function redlock(retryCount = 1000): Redlock {
    return new Redlock([server.client()], { retryCount, retryDelay: 5, retryJitter: 5 })
  }

  it('lets one at a time do what must not be done by two', async () => {
    const client = server.client()
    await client.set('balance:a', 0)
    await client.set('balance:b', 1000)
    let inside = 0
    const contend = async (): Promise<void> => {
      const own = redlock()
      const connection = server.client()
      for (let step = 0; step < STEPS; step++)
        await own.using(['account:a', 'account:b', 'account:c'], 5000, async () => {
          inside += 1
          expect(inside).toBe(1)
          const [a, b] = await Promise.all([connection.get('balance:a'), connection.get('balance:b')])
          await delay(1)
          await connection.set('balance:a', Number(a) + 1)
          await connection.set('balance:b', Number(b) - 1)
          inside -= 1
        })
    }
    await Promise.all(Array.from({ length: CONTENDERS }, contend))
    expect(await client.mget('balance:a', 'balance:b')).toEqual([
      String(CONTENDERS * STEPS),
      String(1000 - CONTENDERS * STEPS),
    ])
    expect(await client.exists('account:a', 'account:b', 'account:c')).toBe(0)
  })

  it('refuses a lock of which any resource is taken, and takes none of the others then', async () => {
    const [one, two] = [redlock(), redlock()]
    const held = await one.acquire(['x:2'], 10_000)
    await expect(two.acquire(['x:1', 'x:2', 'x:3'], 10_000, NO_RETRY)).rejects.toThrow()
    const client = server.client()
    expect(await client.exists('x:1', 'x:3')).toBe(0)
    await held.release()
    const all = await two.acquire(['x:1', 'x:2', 'x:3'], 10_000, NO_RETRY)
    for (const key of ['x:1', 'x:2', 'x:3']) {
      const left = await client.pttl(key)
      expect(left).toBeGreaterThan(0)
      expect(left).toBeLessThanOrEqual(10_000)
    }
    await all.release()
    expect(await client.exists('x:1', 'x:2', 'x:3')).toBe(0)
  })

  it('extends a lock that is held, and neither extends nor gives back one that is lost', async () => {
    const [one, two] = [redlock(0), redlock(0)]
    const client = server.client()
    const first = await one.acquire(['y'], 5_000)
    const longer = await first.extend(60_000)
    expect(await client.pttl('y')).toBeGreaterThan(5_000)
    // As if the time of the lock were over: somebody else gets it, and the first owner learns that it is not the owner.
    await client.del('y')
    const second = await two.acquire(['y'], 60_000)
    await expect(longer.extend(1_000)).rejects.toThrow()
    await expect(longer.release()).rejects.toThrow()
    expect(await client.exists('y')).toBe(1)
    await second.release()
    expect(await client.exists('y')).toBe(0)
  })

  it('gets a lock whose owner has gone as soon as its time is over', async () => {
    const startedMs = Date.now()
    await redlock().acquire(['z'], 200)
    const second = await redlock().acquire(['z'], 5_000)
    // The lock has lived in the server for 200 ms from some moment after startedMs.
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(200)
    await second.release()
  })
})
