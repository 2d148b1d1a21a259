/**
 * Random Lua programs in our engine and in a real Redis 7.0: they must return the same.
 *
 * `SHARDKEEP_LUA_SNIPPETS` says how many with fresh seeds, for long runs; `SHARDKEEP_LUA_SEED` where these begin.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import type { RespValue } from '../support/resp-value.js'
import { randomSnippet } from './random-snippets.js'
import { ScriptsBesideRedis } from './scripts-beside-redis.js'

const FIXED_SEEDS = 1500
const FRESH_SEEDS = Number(process.env.SHARDKEEP_LUA_SNIPPETS ?? 300)
const SEED_MAX = 2 ** 31
const firstFreshSeed = Number(process.env.SHARDKEEP_LUA_SEED ?? Math.floor(Math.random() * SEED_MAX))

/** Redis keeps all scripts that it has seen. */
const FLUSH_EVERY = 1000

const DIFFERENCES_SHOWN_MAX = 10

/** Our interpreter takes `0x` without digits for a number (docs/differences.md), and a program may cut one from a longer text. */
const NO_NUMBER = /number expected, got string|perform arithmetic on|malformed number/

describe.skipIf(!hasRedis7)('random programs beside Redis 7.0', () => {
  let beside: ScriptsBesideRedis

  beforeAll(async () => {
    beside = await ScriptsBesideRedis.start()
  })

  afterAll(() => beside?.stop())

  /** Shows the first few programs that differ. */
  async function compare(from: number, count: number): Promise<void> {
    const different: string[] = []
    for (let seed = from; seed < from + count && different.length < DIFFERENCES_SHOWN_MAX; seed++) {
      const body = randomSnippet(seed)
      const { ours, redis } = await beside.each(body)
      if (JSON.stringify(ours) !== JSON.stringify(redis)) {
        const difference = shownDifference(seed, body, ours, redis)
        const isKnown = body.includes('0x') && NO_NUMBER.test(/^redis: .*/m.exec(difference)?.[0] ?? '')
        // At once: a long run may be cut off.
        console.log(`${isKnown ? 'known: ' : ''}${difference}`)
        if (!isKnown) different.push(difference)
      }
      if (seed % FLUSH_EVERY === 0) await beside.oracle.client.call('SCRIPT', 'FLUSH')
    }
    expect(different.join('\n\n')).toBe('')
  }

  it('return the same, with fixed seeds', { timeout: 120_000 }, () => compare(1, FIXED_SEEDS))

  // Once again would be the same programs, and of a long run the same hours.
  it('return the same, with fresh seeds', { timeout: 24 * 3600_000, retry: 0 }, async () => {
    console.log(`seeds from ${firstFreshSeed} on`)
    await compare(firstFreshSeed, FRESH_SEEDS)
  })
})

/** The lines of the program that returned something else, and what they returned. */
function shownDifference(seed: number, body: string, ours: RespValue, redis: RespValue): string {
  const [own, other] = [ours, redis].map((value) =>
    (typeof value === 'string' ? value : JSON.stringify(value)).split('\n'),
  )
  const at = own?.findIndex((line, i) => line !== other?.[i]) ?? 0
  const program = body.slice(body.indexOf('local s1'))
  return `seed ${seed}, result ${at + 1}\nours:  ${own?.[at]}\nredis: ${other?.[at]}\n${program}`
}
