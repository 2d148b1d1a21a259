/** INFO over real connections: its sections, Redis's field names, and figures that are true. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { humanBytes } from '../../src/commands/info-memory.js'
import { hasRedis7, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

/** Sections by heading, each with its fields. */
function sectionsOf(reply: RespValue): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let section = new Map<string, string>()
  for (const line of String(reply).split('\r\n')) {
    if (line.startsWith('# ')) {
      section = new Map()
      sections.set(line.slice(2), section)
    } else if (line !== '') section.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1))
  }
  return sections
}

const DEFAULT_SECTIONS = [
  'Server',
  'Clients',
  'Memory',
  'Persistence',
  'Stats',
  'Replication',
  'CPU',
  'Modules',
  'Errorstats',
  'Cluster',
  'Keyspace',
  'Backup',
  'Shardkeep',
]
const ALL_SECTIONS = [
  'Server',
  'Clients',
  'Memory',
  'Persistence',
  'Stats',
  'Replication',
  'CPU',
  'Modules',
  'Commandstats',
  'Errorstats',
  'Latencystats',
  'Cluster',
  'Keyspace',
  'Backup',
  'Shardkeep',
]

describe.each(SHARD_COUNTS)('INFO at %i shards', (shards) => {
  let server: TestServer
  let client: RespConnection

  async function section(name: string): Promise<Map<string, string>> {
    const [fields] = sectionsOf(await client.call('INFO', name)).values()
    if (fields === undefined) throw new Error(`no section ${name}`)
    return fields
  }

  async function figure(name: string, field: string): Promise<number> {
    const value = (await section(name)).get(field)
    expect(value, field).toBeDefined()
    return Number(value)
  }

  beforeAll(async () => {
    server = await startServer({ shards })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  it.each([
    [[], DEFAULT_SECTIONS],
    [['default'], DEFAULT_SECTIONS],
    [['all'], ALL_SECTIONS],
    [['everything'], ALL_SECTIONS],
    [['EveryThing', 'cpu'], ALL_SECTIONS],
    [['cpu'], ['CPU']],
    [
      ['keyspace', 'SERVER', 'server', 'nosuch'],
      ['Server', 'Keyspace'],
    ],
    [['commandstats', 'default'], ALL_SECTIONS.filter((name) => name !== 'Latencystats')],
    [['modules'], ['Modules']],
    [['sentinel'], []],
    [['nosuch', 'latencystats'], ['Latencystats']],
  ])('shows for %j the sections %j', async (names, expected) => {
    expect([...sectionsOf(await client.call('INFO', ...names)).keys()]).toEqual(expected)
  })

  it('answers nothing for a section that does not exist, and a verbatim string in RESP3', async () => {
    expect(await client.call('INFO', 'sentinel')).toBe('')
    const other = await RespConnection.open(server.port)
    await other.call('HELLO', '3')
    expect(await other.call('INFO', 'cluster')).toEqual({ verbatim: 'txt:# Cluster\r\ncluster_enabled:0\r\n' })
    other.close()
  })

  it('says who it is', async () => {
    const fields = await section('server')
    expect(fields.get('redis_version')).toBe('7.4.0')
    expect(fields.get('redis_mode')).toBe('standalone')
    expect(fields.get('run_id')).toMatch(/^[0-9a-f]{40}$/)
    expect(fields.get('tcp_port')).toBe(String(server.port))
    expect(Math.abs(Number(fields.get('server_time_usec')) / 1000 - Date.now())).toBeLessThan(5000)
    const own = await section('shardkeep')
    expect(own.get('shardkeep_version')).toMatch(/^\d+\.\d+\.\d+/)
    expect(own.get('shards')).toBe(String(shards))
    expect(Number(own.get('shardkeep_v8_heap_used'))).toBeGreaterThan(1_000_000)
  })

  it('counts keys by database and by shard', async () => {
    await client.call('FLUSHALL')
    for (let i = 0; i < 100; i++) await client.call('SET', `key:${i}`, 'value')
    for (let i = 0; i < 10; i++) await client.call('PEXPIRE', `key:${i}`, '100000')
    await client.call('SELECT', '9')
    await client.call('SET', 'elsewhere', '1')
    await client.call('SELECT', '0')
    const fields = await section('keyspace')
    expect([...fields.keys()]).toEqual(['db0', 'db9'])
    expect(fields.get('db0')).toMatch(/^keys=100,expires=10,avg_ttl=\d+$/)
    expect(fields.get('db9')).toBe('keys=1,expires=0,avg_ttl=0')
    const own = await section('shardkeep')
    let keys = 0
    for (let shard = 0; shard < shards; shard++) keys += Number(/^keys=(\d+)/.exec(own.get(`shard${shard}`) ?? '')?.[1])
    expect(keys).toBe(101)
    await client.call('FLUSHALL')
    expect((await section('keyspace')).size).toBe(0)
  })

  it('counts clients', async () => {
    const before = await figure('clients', 'connected_clients')
    const other = await RespConnection.open(server.port)
    await other.call('WATCH', 'a', 'b')
    expect(await figure('clients', 'connected_clients')).toBe(before + 1)
    expect(await figure('clients', 'watching_clients')).toBe(1)
    expect(await figure('clients', 'total_watched_keys')).toBe(2)
    other.close()
  })

  it('counts commands and their failures, and what was refused', async () => {
    await client.call('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 7; i++) await client.call('SET', `counted:${i}`, 'x')
    await client.call('INCR', 'counted:0')
    await client.call('GET')
    await client.call('CLIENT', 'ID')
    const counts = await section('commandstats')
    expect(counts.get('cmdstat_set')).toMatch(
      /^calls=7,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0$/,
    )
    expect(counts.get('cmdstat_incr')).toMatch(/^calls=1,.*,failed_calls=1$/)
    expect(counts.get('cmdstat_get')).toMatch(/^calls=0,usec=0,usec_per_call=0\.00,rejected_calls=1,failed_calls=0$/)
    expect(counts.get('cmdstat_client|id')).toMatch(/^calls=1,/)
    expect((await section('errorstats')).get('errorstat_ERR')).toBe('count=2')
    expect(await figure('stats', 'total_error_replies')).toBe(2)
    expect(await figure('stats', 'total_commands_processed')).toBeGreaterThanOrEqual(10)
  })

  it('counts a command over several shards once', async () => {
    await client.call('CONFIG', 'RESETSTAT')
    await client.call('MSET', ...Array.from({ length: 40 }, (_, i) => `many:${i >> 1}`))
    await client.call('MGET', ...Array.from({ length: 20 }, (_, i) => `many:${i}`))
    await client.call('DBSIZE')
    const counts = await section('commandstats')
    for (const name of ['mset', 'mget', 'dbsize']) expect(counts.get(`cmdstat_${name}`)).toMatch(/^calls=1,/)
  })

  it('counts hits and misses', async () => {
    await client.call('SET', 'hit', 'x')
    await client.call('CONFIG', 'RESETSTAT')
    await client.call('GET', 'hit')
    await client.call('GET', 'hit')
    await client.call('GET', 'a miss')
    const stats = await section('stats')
    expect(stats.get('keyspace_hits')).toBe('2')
    expect(stats.get('keyspace_misses')).toBe('1')
  })

  it('gives the percentiles that are configured', async () => {
    await client.call('SET', 'x', 'y')
    expect((await section('latencystats')).get('latency_percentiles_usec_set')).toMatch(
      /^p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}$/,
    )
    await client.call('CONFIG', 'SET', 'latency-tracking-info-percentiles', '0 75.5 100')
    expect((await section('latencystats')).get('latency_percentiles_usec_set')).toMatch(/^p0=.*,p75\.5=.*,p100=/)
    await client.call('CONFIG', 'SET', 'latency-tracking-info-percentiles', '')
    expect((await section('latencystats')).get('latency_percentiles_usec_set')).toBe('')
    await client.call('CONFIG', 'SET', 'latency-tracking', 'no')
    expect((await section('latencystats')).size).toBe(0)
    await client.call('CONFIG', 'SET', 'latency-tracking', 'yes', 'latency-tracking-info-percentiles', '50 99 99.9')
  })

  it('sees memory grow with the data and shrink with it', async () => {
    await client.call('FLUSHALL')
    const before = await section('memory')
    const value = Buffer.alloc(1024 * 1024, 'x')
    for (let i = 0; i < 32; i++) await client.call('SET', `big:${i}`, value)
    const full = await section('memory')
    const grown = Number(full.get('used_memory')) - Number(before.get('used_memory'))
    // Garbage of the start-up in up to five JavaScript heaps may be collected in between.
    expect(grown).toBeGreaterThan(16 * 1024 * 1024)
    expect(grown).toBeLessThan(64 * 1024 * 1024)
    expect(Number(full.get('used_memory_peak'))).toBeGreaterThanOrEqual(Number(full.get('used_memory')))
    expect(Number(full.get('used_memory_dataset'))).toBeGreaterThan(16 * 1024 * 1024)
    expect(Number(full.get('used_memory_rss'))).toBeGreaterThan(31 * 1024 * 1024)
    await client.call('FLUSHALL')
    const after = await section('memory')
    expect(Number(after.get('used_memory'))).toBeLessThan(Number(full.get('used_memory')) - 16 * 1024 * 1024)
    expect(Number(after.get('used_memory_peak'))).toBeGreaterThan(Number(after.get('used_memory')))
  })

  it('counts traffic', async () => {
    const before = await section('stats')
    await client.call('ECHO', Buffer.alloc(10_000, 'x'))
    const after = await section('stats')
    const grown = (field: string) => Number(after.get(field)) - Number(before.get(field))
    expect(grown('total_net_input_bytes')).toBeGreaterThan(10_000)
    expect(grown('total_net_output_bytes')).toBeGreaterThan(10_000)
    expect(grown('total_commands_processed')).toBe(2)
    expect(grown('total_reads_processed')).toBeGreaterThanOrEqual(2)
    expect(grown('total_writes_processed')).toBeGreaterThanOrEqual(2)
  })

  it('stands inside a transaction', async () => {
    await client.call('MULTI')
    await client.call('SET', 'in', '1')
    await client.call('INFO', 'cluster')
    expect(await client.call('EXEC')).toEqual([{ simple: 'OK' }, '# Cluster\r\ncluster_enabled:0\r\n'])
  })

  it.skipIf(!hasRedis7)('has every field of Redis 7.0', async () => {
    const oracle = await startRedisOracle()
    const redis = await RespConnection.open(oracle.client.options.path as string)
    try {
      const theirs = sectionsOf(await redis.call('INFO', 'everything'))
      const ours = sectionsOf(await client.call('INFO', 'everything'))
      for (const [name, fields] of theirs) {
        // Counters by command, error and database depend on what was called.
        if (['Commandstats', 'Errorstats', 'Latencystats', 'Keyspace'].includes(name)) continue
        const missing = [...fields.keys()].filter((field) => !ours.get(name)?.has(field))
        expect(missing, name).toEqual([])
      }
    } finally {
      redis.close()
      await oracle.stop()
    }
  })
})

describe('bytes for people', () => {
  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1.00K'],
    [1536, '1.50K'],
    [1024 * 1024, '1.00M'],
    [3 * 1024 ** 3, '3.00G'],
    [1.25 * 1024 ** 4, '1.25T'],
    [2 * 1024 ** 5, '2.00P'],
  ])('writes %d as %s', (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text)
  })
})
