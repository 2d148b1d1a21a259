/** COMMAND and its subcommands over real connections. Descriptions are compared in command-differential.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

describe('COMMAND', () => {
  let server: TestServer
  let client: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards: 1 })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  async function names(...filter: string[]): Promise<string[]> {
    return (await client.call('COMMAND', 'LIST', ...filter)) as string[]
  }

  it('counts and lists what it describes', async () => {
    const all = await names()
    const topLevel = all.filter((name) => !name.includes('|'))
    expect(await client.call('COMMAND', 'COUNT')).toBe(topLevel.length)
    const described = (await client.call('COMMAND')) as string[][]
    expect(described.map(([name]) => name).sort()).toEqual([...topLevel].sort())
    expect(new Set(all).size).toBe(all.length)
    expect(all).toEqual(expect.arrayContaining(['get', 'config', 'config|get', 'command|docs']))
    expect(all.filter((name) => name.startsWith('shard.'))).toEqual([])
  })

  it('filters by category, pattern and module', async () => {
    expect(await names('FILTERBY', 'PATTERN', 'CONFIG|*')).toEqual(
      expect.arrayContaining(['config|get', 'config|set', 'config|help', 'config|resetstat', 'config|rewrite']),
    )
    expect(await names('FILTERBY', 'PATTERN', 'no*such')).toEqual([])
    const strings = await names('FILTERBY', 'ACLCAT', 'String')
    expect(strings).toContain('get')
    expect(strings).not.toContain('del')
    expect(await names('FILTERBY', 'ACLCAT', 'nosuch')).toEqual([])
    expect(await names('FILTERBY', 'MODULE', 'any')).toEqual([])
  })

  it('describes by name in any case, and marks names that nothing bears', async () => {
    const [get, none, subcommand] = (await client.call('COMMAND', 'INFO', 'GeT', 'nosuch', 'CONFIG|Get')) as unknown[][]
    expect(get?.[0]).toBe('get')
    expect(none).toBeNull()
    expect(subcommand?.[0]).toBe('config|get')
    for (const name of ['get|x', 'config|get|x', 'config|nosuch', '']) {
      expect(await client.call('COMMAND', 'INFO', name)).toEqual([null])
    }
    const docs = (await client.call('COMMAND', 'DOCS', 'nosuch', 'config|get')) as unknown[]
    expect(docs).toHaveLength(2)
    expect(docs[0]).toBe('config|get')
  })

  it('explains itself', async () => {
    const help = (await client.call('COMMAND', 'HELP')) as { simple: string }[]
    expect(help[0]?.simple).toMatch(/^COMMAND <subcommand>/)
  })
})

describe.skipIf(!hasRedis7)('errors of COMMAND and ACL beside Redis 7.0', () => {
  let oracle: RedisOracle
  let server: TestServer
  let redis: RespConnection
  let ours: RespConnection

  beforeAll(async () => {
    oracle = await startRedisOracle()
    server = await startServer({ shards: 1 })
    redis = await RespConnection.open(oracle.client.options.path as string)
    ours = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    redis?.close()
    ours?.close()
    await server?.stop()
    await oracle?.stop()
  })

  const cases: string[][] = [
    ['COMMAND', 'nosuch'],
    ['COMMAND', 'COUNT', 'x'],
    ['COMMAND', 'LIST', 'x'],
    ['COMMAND', 'LIST', 'FILTERBY'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN'],
    ['COMMAND', 'LIST', 'FILTERBY', 'nosuch', 'x'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'x', 'y'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'ge?'],
    ['COMMAND', 'INFO', 'nosuch'],
    ['COMMAND', 'DOCS', 'nosuch'],
    ['COMMAND', 'GETKEYS'],
    ['COMMAND', 'GETKEYS', 'get'],
    ['ACL'],
    ['ACL', 'nosuch'],
    ['ACL', 'WHOAMI'],
    ['ACL', 'WHOAMI', 'x'],
    ['ACL', 'CAT'],
    ['ACL', 'CAT', 'nosuch'],
    ['ACL', 'CAT', 'string', 'x'],
    ['ACL', 'LIST'],
    ['ACL', 'USERS'],
    ['ACL', 'GETUSER', 'nosuch'],
    ['ACL', 'GETUSER', 'default'],
  ]

  it.each(cases.map((argv) => [argv.join(' '), argv] as const))('%s', async (_, argv) => {
    for (const version of ['2', '3']) {
      await redis.call('HELLO', version)
      await ours.call('HELLO', version)
      expect(await ours.call(...argv)).toEqual(await redis.call(...argv))
    }
  })

  it('shows the password of the default user as Redis does', async () => {
    for (const connection of [redis, ours]) await connection.call('CONFIG', 'SET', 'requirepass', 'secret')
    for (const argv of [
      ['ACL', 'LIST'],
      ['ACL', 'GETUSER', 'default'],
    ]) {
      expect(await ours.call(...argv)).toEqual(await redis.call(...argv))
    }
    for (const connection of [redis, ours]) await connection.call('CONFIG', 'SET', 'requirepass', '')
  })
})
