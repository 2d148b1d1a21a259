/** `maxmemory` and what clients hold: it counts while they are there, and no longer. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RespConnection } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const MIB = 1024 * 1024
const KEYS = 50
const VALUE_BYTES = 100_000
const CLIENTS = 30
const HALF_A_COMMAND = `*250\r\n${`$1000\r\n${'x'.repeat(1000)}\r\n`.repeat(249)}`
/** All clients are counted so often. */
const COUNTED_EVERY_MS = 100

describe.each(SHARD_COUNTS)('maxmemory at %i shard(s)', (shards) => {
  let server: TestServer
  let control: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards, args: ['--maxmemory', String(11 * MIB), '--maxmemory-policy', 'allkeys-lru'] })
    control = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    control.close()
    await server.stop()
  })

  it('evicts no key for what clients held that have gone', async () => {
    for (let round = 0; round < 5; round++) {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => server.raw()))
      for (const client of clients) client.write(HALF_A_COMMAND)
      await delay(COUNTED_EVERY_MS * 2)
      for (const client of clients) client.close()
      await expect
        .poll(
          async () =>
            String(await control.call('CLIENT', 'LIST'))
              .trim()
              .split('\n').length,
          { interval: 1 },
        )
        .toBe(1)
      await control.call('FLUSHALL')
      for (let key = 0; key < KEYS; key++) await control.call('SETRANGE', key, VALUE_BYTES, 'x')
      expect(await control.call('DBSIZE')).toBe(KEYS)
    }
  })
})
