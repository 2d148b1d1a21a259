/** MEMORY against a running server at 1 and 4 shards. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

/** The pairs of a map in RESP2. */
function fieldsOf(flat: RespValue): Map<string, RespValue> {
  const elements = flat as RespValue[]
  const fields = new Map<string, RespValue>()
  for (let i = 0; i < elements.length; i += 2) fields.set(elements[i] as string, elements[i + 1] as RespValue)
  return fields
}

describe.each(SHARD_COUNTS)('MEMORY at %i shards', (shards) => {
  let server: TestServer
  let client: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  test('USAGE is a little more than the bytes of key and value', async () => {
    for (const [key, length] of [
      ['small', 10],
      ['large', 33000],
    ] as const) {
      await client.call('SET', key, 'x'.repeat(length))
      const usage = (await client.call('MEMORY', 'USAGE', key)) as number
      expect(usage).toBeGreaterThan(key.length + length)
      // The table of a database with few keys is mostly air.
      expect(usage).toBeLessThan(1.25 * length + 400)
    }
    expect(await client.call('MEMORY', 'USAGE', 'nothing')).toBe(null)
  })

  test.each([
    [['large', 'SAMPLES', '0'], 'number'],
    [['large', 'samples', '5', 'samples', '6'], 'number'],
    [['large', 'SAMPLES'], 'ERR syntax error'],
    [['nothing', 'SAMPLES', '-1'], 'ERR syntax error'],
    [['nothing', 'SAMPLES', 'x'], 'ERR value is not an integer or out of range'],
    [['nothing', 'x', '1'], 'ERR syntax error'],
  ])('USAGE %j is %s', async (argv, expected) => {
    const reply = await client.call('MEMORY', 'USAGE', ...argv)
    if (expected === 'number') expect(reply).toBeTypeOf('number')
    else expect(reply).toEqual({ error: expected })
  })

  test('STATS adds up', async () => {
    await client.call('FLUSHALL')
    await client.call('MSET', ...Array.from({ length: 1000 }, (_, i) => [`key:${i}`, 'value'.repeat(20)]).flat())
    await client.call('SELECT', '7')
    await client.call('SET', 'elsewhere', '1', 'EX', '100')
    await client.call('SELECT', '0')
    const stats = fieldsOf(await client.call('MEMORY', 'STATS'))
    expect(stats.get('keys.count')).toBe(1001)
    for (const [name, value] of stats) {
      if (!name.startsWith('db.'))
        expect(Number(value), name).toBeGreaterThanOrEqual(name.endsWith('.bytes') ? -1e12 : 0)
    }
    const number = (name: string): number => Number(stats.get(name))
    expect(number('total.allocated')).toBe(number('overhead.total') + number('dataset.bytes'))
    expect(number('peak.allocated')).toBeGreaterThanOrEqual(number('total.allocated'))
    expect(number('allocator.active')).toBeGreaterThanOrEqual(number('allocator.allocated'))
    expect(number('allocator.allocated')).toBeGreaterThan(1000 * 100)
    expect([...stats.keys()].filter((name) => name.startsWith('db.'))).toEqual(['db.0', 'db.7'])
    expect([...fieldsOf(stats.get('db.7') as RespValue).values()].every((bytes) => (bytes as number) >= 0)).toBe(true)
  })

  test('reports are texts', async () => {
    expect(await client.call('MEMORY', 'DOCTOR')).toMatch(/\n$/)
    expect(await client.call('MEMORY', 'PURGE')).toEqual({ simple: 'OK' })
    const lines = ((await client.call('MEMORY', 'MALLOC-STATS')) as string).split('\n')
    expect(lines.filter((line) => /^\d+ \d+ \d+ \d+ \d+ \d+$/.test(line))).toHaveLength(shards)
    expect(await client.call('MEMORY', 'NOTHING')).toEqual({
      error: "ERR unknown subcommand 'NOTHING'. Try MEMORY HELP.",
    })
  })

  test.skipIf(!hasRedis7)('STATS has the fields of Redis, in its order', async () => {
    const oracle = await startRedisOracle()
    const redis = await RespConnection.open(oracle.client.options.path as string)
    const theirs = [...fieldsOf(await redis.call('MEMORY', 'STATS')).keys()]
    await client.call('FLUSHALL')
    expect([...fieldsOf(await client.call('MEMORY', 'STATS')).keys()]).toEqual(theirs)
    redis.close()
    await oracle.stop()
  })
})
