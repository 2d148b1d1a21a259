/** LATENCY against a running server at 1 and 4 shards. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

describe.each(SHARD_COUNTS)('LATENCY at %i shards', (shards) => {
  let server: TestServer
  let client: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards, args: ['--latency-monitor-threshold', '200'] })
    client = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    client?.close()
    await server?.stop()
  })

  describe('events', () => {
    beforeEach(async () => {
      await client.call('LATENCY', 'RESET')
    })

    test('of slow commands are kept, with the worst of each second', async () => {
      await client.call('DEBUG', 'SLEEP', '0.3')
      await client.call('DEBUG', 'SLEEP', '0.4')
      const history = (await client.call('LATENCY', 'HISTORY', 'command')) as [number, number][]
      expect(history.length).toBeGreaterThanOrEqual(1)
      const worst = Math.max(...history.map(([, ms]) => ms))
      expect(worst).toBeGreaterThanOrEqual(399)
      expect(worst).toBeLessThan(800)
      const [second, ms] = history.at(-1) as [number, number]
      expect(Math.abs(second - Date.now() / 1000)).toBeLessThan(5)
      expect(await client.call('LATENCY', 'LATEST')).toEqual([['command', second, ms, worst]])
    })

    test('below the threshold are not', async () => {
      await client.call('DEBUG', 'SLEEP', '0.05')
      expect(await client.call('LATENCY', 'HISTORY', 'command')).toEqual([])
      expect(await client.call('LATENCY', 'LATEST')).toEqual([])
    })

    test('are drawn, and described', async () => {
      expect(await client.call('LATENCY', 'DOCTOR')).toMatch(/^No latency spike/)
      await client.call('DEBUG', 'SLEEP', '0.3')
      expect(await client.call('LATENCY', 'GRAPH', 'command')).toMatch(
        /^command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\n-{80}\n/,
      )
      expect(await client.call('LATENCY', 'DOCTOR')).toMatch(/1\. command: 1 latency spikes \(average 3\d\dms/)
      expect(await client.call('LATENCY', 'GRAPH', 'nothing')).toEqual({
        error: "ERR No samples available for event 'nothing'",
      })
    })

    test('are forgotten on demand', async () => {
      await client.call('DEBUG', 'SLEEP', '0.3')
      expect(await client.call('LATENCY', 'RESET', 'nothing', 'fork')).toBe(0)
      expect(await client.call('LATENCY', 'RESET', 'COMMAND')).toBe(1)
      expect(await client.call('LATENCY', 'RESET')).toBe(0)
    })
  })

  describe('HISTOGRAM', () => {
    /** Calls by the names of the commands shown, checking the shape of each distribution. */
    async function calls(...names: string[]): Promise<Record<string, number>> {
      const reply = (await client.call('LATENCY', 'HISTOGRAM', ...names)) as RespValue[]
      const shown: Record<string, number> = {}
      for (let i = 0; i < reply.length; i += 2) {
        const [callsWord, count, histogramWord, buckets] = reply[i + 1] as [string, number, string, number[]]
        expect([callsWord, histogramWord]).toEqual(['calls', 'histogram_usec'])
        expect(buckets.at(-1)).toBe(count)
        for (let k = 2; k < buckets.length; k++) expect(buckets[k]).toBeGreaterThan(buckets[k - 2] as number)
        shown[reply[i] as string] = count
      }
      return shown
    }

    beforeEach(async () => {
      await client.call('CONFIG', 'RESETSTAT')
    })

    test('counts the calls of commands of shards and of the main thread', async () => {
      for (let i = 0; i < 20; i++) await client.call('SET', `key:${i}`, 'v')
      await client.call('GET', 'key:1')
      await client.call('TIME')
      expect(await calls('set', 'GET', 'time')).toEqual({ set: 20, get: 1, time: 1 })
      expect(await calls()).toMatchObject({ set: 20, get: 1, time: 1 })
    })

    test('of a container is that of its subcommands', async () => {
      await client.call('CLIENT', 'ID')
      await client.call('CLIENT', 'GETNAME')
      expect(await calls('client')).toEqual({ 'client|id': 1, 'client|getname': 1 })
      expect(await calls('client|id')).toEqual({ 'client|id': 1 })
    })

    test('passes over commands that were not called or do not exist', async () => {
      await client.call('SET', 'key', 'v')
      expect(await calls('blabla', 'set', 'get')).toEqual({ set: 1 })
    })
  })
})
