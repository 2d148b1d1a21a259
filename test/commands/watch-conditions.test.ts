/**
 * Which commands count as changes of a key: after each, a watch on the keys it names must be broken exactly where that of a
 * real Redis is. Client-side caching goes by the same conditions.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { type Argument, BesideRedis } from './beside-redis.js'
import { sequences } from './command-sequences.js'

/** A connection for each of so many keys of a command. */
const WATCHERS = 4

/** Commands that act on more than the keys they name. */
const WITHOUT_KEYS = ['multi', 'exec', 'discard', 'select', 'flushall', 'flushdb', 'swapdb', 'scan', 'keys']

describe.runIf(hasRedis7)('beside Redis', () => {
  let pair: BesideRedis
  const watchers: { ours: RespConnection; redis: RespConnection }[] = []

  beforeAll(async () => {
    pair = await BesideRedis.start(1)
    for (let i = 0; i < WATCHERS; i++) {
      watchers.push({
        ours: await RespConnection.open(pair.server.port),
        redis: await RespConnection.open(pair.oracle.client.options.path as string),
      })
    }
  })

  afterAll(async () => {
    for (const { ours, redis } of watchers) {
      ours.close()
      redis.close()
    }
    await pair.stop()
  })

  async function isBroken(connection: RespConnection): Promise<RespValue | 'closed'> {
    await connection.call('multi')
    return (await connection.call('exec')) === null
  }

  it.each(Object.entries(sequences))('%s', async (_, commands) => {
    await pair.same('select', 0)
    await pair.same('flushall')
    let isQueueing = false
    for (const argv of commands) {
      const name = String(argv[0])
      if (name === 'multi') isQueueing = true
      if (isQueueing || WITHOUT_KEYS.includes(name)) {
        await pair.each(...argv)
        if (name === 'exec' || name === 'discard') isQueueing = false
        continue
      }
      const keys = keysAmong(argv)
      for (const [i, key] of keys.entries()) {
        const { ours, redis } = watchers[i] as (typeof watchers)[number]
        await Promise.all([ours.call('watch', key), redis.call('watch', key)])
      }
      await pair.each(...argv)
      for (const [i, key] of keys.entries()) {
        const { ours, redis } = watchers[i] as (typeof watchers)[number]
        const shown = `the watch on ${key} after ${argv.join(' ').slice(0, 100)}`
        expect(await isBroken(ours), shown).toBe(await isBroken(redis))
      }
    }
  })
})

/** The first words of a command that can be keys, each once. */
function keysAmong(argv: readonly Argument[]): readonly string[] {
  return [...new Set(argv.slice(1, 8).map(String))].filter((word) => /^[a-z]/.test(word)).slice(0, WATCHERS)
}
