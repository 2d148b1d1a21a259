/** SLOWLOG against a running server at 1 and 4 shards. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

type Entry = [id: number, second: number, us: number, argv: string[], address: string, name: string]

describe.each(SHARD_COUNTS)('SLOWLOG at %i shards', (shards) => {
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

  beforeEach(async () => {
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '100000')
    await client.call('CONFIG', 'SET', 'slowlog-max-len', '128')
    await client.call('SLOWLOG', 'RESET')
  })

  async function entries(...count: string[]): Promise<Entry[]> {
    return (await client.call('SLOWLOG', 'GET', ...count)) as Entry[]
  }

  test('holds the commands that took long enough', async () => {
    await client.call('PING')
    expect(await client.call('SLOWLOG', 'LEN')).toBe(0)
    await client.call('CLIENT', 'SETNAME', 'slow_client')
    await client.call('DEBUG', 'SLEEP', '0.2')
    expect(await client.call('SLOWLOG', 'LEN')).toBe(1)
    const [[id, second, us, argv, address, name]] = (await entries()) as [Entry]
    expect(id).toBeTypeOf('number')
    expect(Math.abs(second - Date.now() / 1000)).toBeLessThan(5)
    expect(us).toBeGreaterThanOrEqual(199_000)
    expect(argv.map((word) => word.toLowerCase())).toEqual(['debug', 'sleep', '0.2'])
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(name).toBe('slow_client')
  })

  test('holds commands of shards too', async () => {
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    await client.call('SET', 'key', 'x'.repeat(200))
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
    const set = (await entries('-1')).find(([, , , argv]) => argv[0]?.toLowerCase() === 'set')
    expect(set?.[3].slice(1)).toEqual(['key', `${'x'.repeat(128)}... (72 more bytes)`])
  })

  test('is cut to its maximum, newest first', async () => {
    await client.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    await client.call('CONFIG', 'SET', 'slowlog-max-len', '10')
    for (let i = 0; i < 30; i++) await client.call('PING')
    const shown = await entries('-1')
    expect(shown).toHaveLength(10)
    const ids = shown.map(([id]) => id)
    expect(ids).toEqual(ids.map((_, i) => (ids[0] as number) - i))
    expect(await entries('3')).toHaveLength(3)
    expect(await entries('0')).toHaveLength(0)
  })

  test('refuses counts as Redis does', async () => {
    const refusal: RespValue = { error: 'ERR count should be greater than or equal to -1' }
    for (const count of ['-2', 'x', '1.5', '']) expect(await client.call('SLOWLOG', 'GET', count)).toEqual(refusal)
    expect(await client.call('SLOWLOG', 'GET', '9223372036854775807')).toEqual([])
    expect(await client.call('SLOWLOG', 'GET', '1', '2')).toEqual({
      error: "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
    })
  })
})
