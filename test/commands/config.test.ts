/** CONFIG over real connections. What each setting accepts is tested in test/config. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }

function pairsOf(reply: RespValue): Map<string, string> {
  const flat = reply as string[]
  const pairs = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) pairs.set(flat[i] as string, flat[i + 1] as string)
  return pairs
}

describe.each(SHARD_COUNTS)('CONFIG at %i shards', (shards) => {
  let directory: string
  let file: string
  let server: TestServer
  let client: RespConnection

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'config-'))
    file = join(directory, 'server.conf')
    writeFileSync(file, '# a comment\nmaxclients 500\n')
    server = await startServer({ shards, configFile: file })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
    rmSync(directory, { recursive: true })
  })

  it('gets by names and patterns, each setting once', async () => {
    expect(pairsOf(await client.call('CONFIG', 'GET', 'maxclients'))).toEqual(new Map([['maxclients', '500']]))
    const several = pairsOf(await client.call('CONFIG', 'GET', 'maxmemory*', 'MAXMEMORY-POLICY', 'no such setting'))
    expect(several.get('maxmemory')).toBe('0')
    expect([...several.keys()].filter((name) => name.toLowerCase() === 'maxmemory-policy')).toHaveLength(1)
    expect(await client.call('CONFIG', 'GET', 'no such setting')).toEqual([])
    expect(pairsOf(await client.call('CONFIG', 'GET', '*')).size).toBeGreaterThan(100)
  })

  it('sends a map in RESP3', async () => {
    const other = await RespConnection.open(server.port)
    await other.call('HELLO', '3')
    expect(await other.call('CONFIG', 'GET', 'maxclients')).toEqual({ map: [['maxclients', '500']] })
    other.close()
  })

  it('sets all pairs or none', async () => {
    expect(await client.call('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-samples', '7')).toEqual(OK)
    expect(await client.call('CONFIG', 'SET', 'maxmemory', '200mb', 'maxmemory-samples', 'many')).toHaveProperty(
      'error',
    )
    const after = pairsOf(await client.call('CONFIG', 'GET', 'maxmemory', 'maxmemory-samples'))
    expect(after).toEqual(
      new Map([
        ['maxmemory', String(100 * 1024 * 1024)],
        ['maxmemory-samples', '7'],
      ]),
    )
    expect(await client.call('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-samples', '5')).toEqual(OK)
  })

  it('keeps every byte of a value', async () => {
    const other = await RespConnection.open(server.port)
    const value = Buffer.from([1, 0, 255, 195, 40, 10])
    await client.call('CONFIG', 'SET', 'requirepass', value)
    expect(pairsOf(await client.call('CONFIG', 'GET', 'requirepass')).get('requirepass')).toBe(value.toString('latin1'))
    expect(await client.call('CONFIG', 'SET', 'requirepass', '')).toEqual(OK)
    other.close()
  })

  it('rewrites the file, and keeps what it does not know', async () => {
    await client.call('CONFIG', 'SET', 'maxmemory-samples', '9')
    expect(await client.call('CONFIG', 'REWRITE')).toEqual(OK)
    const text = readFileSync(file, 'latin1')
    expect(text).toContain('# a comment')
    expect(text).toMatch(/^maxmemory-samples 9$/m)
    expect(text).toMatch(/^maxclients 500$/m)
    await client.call('CONFIG', 'SET', 'maxmemory-samples', '5')
  })

  it('resets the counters of INFO', async () => {
    await client.call('SET', 'counted', '1')
    await client.call('GET', 'counted')
    await client.call('GET', 'not there')
    expect(String(await client.call('INFO', 'stats'))).toMatch(/keyspace_hits:[1-9]/)
    expect(await client.call('CONFIG', 'RESETSTAT')).toEqual(OK)
    const stats = String(await client.call('INFO', 'stats', 'commandstats', 'errorstats'))
    expect(stats).toMatch(/keyspace_hits:0\r\n/)
    expect(stats).toMatch(/keyspace_misses:0\r\n/)
    expect(stats).not.toContain('cmdstat_set:')
    expect(stats).not.toContain('errorstat_')
  })

  it('explains itself', async () => {
    const help = (await client.call('CONFIG', 'HELP')) as { simple: string }[]
    expect(help[0]?.simple).toMatch(/^CONFIG <subcommand>/)
  })
})

describe.skipIf(!hasRedis7)('errors of CONFIG beside Redis 7.0', () => {
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
    [],
    ['nosuch'],
    ['GET'],
    ['GET', 'nosuch'],
    ['GET', 'appendonly', 'appendonly'],
    ['SET'],
    ['SET', 'maxmemory'],
    ['SET', 'maxmemory', '1', 'maxclients'],
    ['SET', 'maxmemory', 'bla'],
    ['SET', 'nosuch', '1'],
    ['SET', 'maxmemory', '1', 'maxmemory', '2'],
    ['SET', 'databases', '3'],
    ['SET', 'maxmemory-policy', 'nosuch'],
    ['SET', 'maxmemory', 'x', 'nosuch', 'y'],
    ['REWRITE'],
    ['REWRITE', 'x'],
    ['RESETSTAT', 'x'],
    ['RESETSTAT'],
  ]

  it.each(cases.map((argv) => [argv.join(' '), argv] as const))('CONFIG %s', async (_, argv) => {
    expect(await ours.call('CONFIG', ...argv)).toEqual(await redis.call('CONFIG', ...argv))
  })
})
