/**
 * SCAN on one shard and on four: its errors beside a real Redis 7.0, its guarantee while keys come and go.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parseScanCursor } from '../../src/commands/scan.js'
import { hasRedis7 } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'
import { type Argument, BesideRedis } from './beside-redis.js'

describe.each([1, 4])('SCAN on %i shard(s)', (shards) => {
  let server: TestServer
  let connection: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards })
    connection = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    connection?.close()
    await server?.stop()
  })

  beforeEach(async () => {
    await connection.call('FLUSHALL')
  })

  async function fill(prefix: string, count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, i) => `${prefix}:${i}`)
    await connection.call('MSET', ...names.flatMap((name) => [name, 'v']))
    return names
  }

  /** A whole iteration; `between` runs after every step. */
  async function scanAll(options: Argument[], between?: (step: number) => Promise<void>): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    let step = 0
    do {
      const [next, keys] = (await connection.call('SCAN', cursor, ...options)) as [string, string[]]
      expect(next).toMatch(/^\d+$/)
      found.push(...keys)
      cursor = next
      await between?.(step++)
    } while (cursor !== '0')
    return found
  }

  it('finds nothing in an empty database', async () => {
    expect(await scanAll([])).toEqual([])
  })

  it.each([[[]], [['COUNT', 1]], [['COUNT', 7]], [['COUNT', 100000]], [['COUNT', '9223372036854775807']]])(
    'finds every key once with %j',
    async (options) => {
      const names = await fill('key', 1500)
      expect((await scanAll(options)).sort()).toEqual(names.sort())
    },
  )

  it('filters by pattern and type', async () => {
    const names = await fill('key', 300)
    await fill('other', 300)
    expect((await scanAll(['MATCH', 'key:*'])).sort()).toEqual([...names].sort())
    expect(await scanAll(['match', 'key:7', 'count', 50])).toEqual(['key:7'])
    expect((await scanAll(['TYPE', 'STRING', 'MATCH', 'key:*'])).sort()).toEqual([...names].sort())
    expect((await scanAll(['MATCH', '*'])).length).toBe(600)
    expect(await scanAll(['TYPE', 'list'])).toEqual([])
    expect(await scanAll(['TYPE', 'nonsense'])).toEqual([])
  })

  it('finds a key that stays, whatever comes and goes meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (stay, count, grows) => {
          await connection.call('FLUSHALL')
          const staying = await fill('stays', stay)
          if (!grows) await fill('goes', 2000)
          const found = new Set(
            await scanAll(['COUNT', count], async (step) => {
              if (step > 30) return
              if (grows) await fill(`comes:${step}`, 200)
              else await connection.call('DEL', ...Array.from({ length: 100 }, (_, i) => `goes:${step * 100 + i}`))
            }),
          )
          expect(staying.filter((name) => !found.has(name))).toEqual([])
        },
      ),
      { numRuns: 8 },
    )
  })

  it('passes over keys whose time is over', async () => {
    await fill('key', 20)
    for (let i = 0; i < 20; i++) await connection.call('SET', `gone:${i}`, 'v', 'PXAT', 1)
    expect((await scanAll([])).length).toBe(20)
  })
})

describe.skipIf(!hasRedis7).each([1, 4])('SCAN on %i shard(s) beside Redis 7.0', (shards) => {
  let both: BesideRedis

  beforeAll(async () => {
    both = await BesideRedis.start(shards)
    await both.same('FLUSHALL')
  })

  afterAll(async () => {
    await both?.stop()
  })

  const wrong: Argument[][] = [
    ['x'],
    ['1x'],
    [' 1'],
    ['+'],
    ['-'],
    ['18446744073709551616'],
    ['x', 'COUNT'],
    [0, 'COUNT'],
    [0, 'COUNT', 0],
    [0, 'COUNT', -1],
    [0, 'COUNT', 'x'],
    [0, 'COUNT', '9223372036854775808'],
    [0, 'MATCH'],
    [0, 'TYPE'],
    [0, 'NONSENSE', 1],
    [0, 'COUNT', 1, 'MATCH'],
    [0, 'COUNT', 'x', 'NONSENSE'],
    [0, 'NONSENSE', 'COUNT', 'x'],
  ]

  it.each(wrong)('answers as Redis to SCAN %s %s %s %s', async (...argv) => {
    const reply: RespValue = await both.same('SCAN', ...argv.filter((argument) => argument !== undefined))
    expect(reply).toHaveProperty('error')
  })
})

describe('parseScanCursor', () => {
  const parse = (text: string): bigint | undefined => parseScanCursor(Buffer.from(text, 'latin1'), 0, text.length)

  it.each([
    ['0', 0n],
    ['', 0n],
    ['007', 7n],
    ['+5', 5n],
    ['-1', 18446744073709551615n],
    ['18446744073709551615', 18446744073709551615n],
  ])('reads %j', (text, cursor) => {
    expect(parse(text)).toBe(cursor)
  })

  it.each(['x', ' 1', '1 ', '+', '-', '1.0', '18446744073709551616', '0x10'])('refuses %j', (text) => {
    expect(parse(text)).toBe(undefined)
  })
})
