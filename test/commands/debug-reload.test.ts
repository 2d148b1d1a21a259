/**
 * DEBUG RELOAD, and what DEBUG OBJECT says of values as RDB keeps them, on one shard and on four.
 */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }

describe.each([1, 4])('DEBUG RELOAD on %i shard(s)', (shards) => {
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
    await client.call('FLUSHALL')
  })

  async function fill(): Promise<void> {
    for (let i = 0; i < 300; i++) {
      await client.call('SET', `string:${i}`, `${i} `.repeat(i % 50))
      await client.call('RPUSH', `list:${i % 7}`, i, `element ${i}`)
      await client.call('SADD', `set:${i % 5}`, i % 2 === 0 ? i : `member ${i}`)
      await client.call('HSET', `hash:${i % 5}`, `field ${i}`, i)
    }
    await client.call('RPUSH', 'long', 'x'.repeat(30_000), 'y')
    await client.call('SELECT', 9)
    await client.call('SET', 'elsewhere', 'value')
    await client.call('SELECT', 0)
  }

  const digest = (): Promise<RespValue> => client.call('DEBUG', 'DIGEST')

  it('makes everything anew as it was', async () => {
    await fill()
    await client.call('PEXPIRE', 'string:1', 500_000)
    const before = await digest()
    const size = await client.call('DBSIZE')
    expect(await client.call('DEBUG', 'RELOAD')).toEqual(OK)
    expect(await digest()).toEqual(before)
    expect(await client.call('DBSIZE')).toBe(size)
    const ttl = (await client.call('PTTL', 'string:1')) as number
    expect(ttl).toBeGreaterThan(400_000)
    expect(ttl).toBeLessThanOrEqual(500_000)
    // What was made anew can be changed.
    await client.call('RPUSH', 'list:0', 'more')
    expect(await client.call('LRANGE', 'list:0', -2, -1)).toEqual(['element 294', 'more'])
  })

  it('makes everything anew of the file, with NOSAVE', async () => {
    await fill()
    const before = await digest()
    expect(await client.call('SAVE')).toEqual(OK)
    await client.call('SET', 'string:1', 'other')
    await client.call('SET', 'later', 'value')
    const twice = { error: 'ERR Error trying to load the RDB dump' }
    expect(await client.call('DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH')).toEqual(twice)
    expect(await client.call('DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH', 'MERGE')).toEqual(OK)
    expect(await client.call('GET', 'later')).toBe('value')
    expect(await client.call('DEBUG', 'RELOAD', 'NOSAVE')).toEqual(OK)
    expect(await digest()).toEqual(before)
    rmSync(path.join(server.directory, 'dump.rdb'))
  })

  it('leaves out keys whose time is over', async () => {
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    await client.call('SET', 'over', 'value', 'PX', 1)
    await client.call('SET', 'there', 'value')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await client.call('DBSIZE')).toBe(2)
    expect(await client.call('DEBUG', 'RELOAD')).toEqual(OK)
    expect(await client.call('DBSIZE')).toBe(1)
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', 1)
  })

  it('takes its options as Redis does', async () => {
    await fill()
    const before = await digest()
    expect(await client.call('DEBUG', 'RELOAD', 'MERGE', 'NOFLUSH')).toEqual(OK)
    expect(await digest()).toEqual(before)
    expect(await client.call('DEBUG', 'RELOAD', 'NOFLUSH')).toEqual({ error: 'ERR Error trying to load the RDB dump' })
    expect(await digest()).toEqual(before)
    expect(await client.call('DEBUG', 'RELOAD', 'NONSENSE')).toEqual({
      error: 'ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.',
    })
    expect(await client.call('DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH')).toEqual({
      error: 'ERR Error trying to load the RDB dump',
    })
  })

  it('breaks watches, as a flush does', async () => {
    await client.call('SET', 'k', 'v')
    await client.call('WATCH', 'k')
    await client.call('DEBUG', 'RELOAD')
    await client.call('MULTI')
    await client.call('PING')
    expect(await client.call('EXEC')).toBeNull()
  })

  it('DEBUG OBJECT tells the length in RDB and the pieces of a list', async () => {
    const object = async (key: string): Promise<string> =>
      ((await client.call('DEBUG', 'OBJECT', key)) as { simple: string }).simple
    await client.call('RPUSH', 'short', 'a', 'b')
    // A count of pieces, the form of one, its length, and the listpack of 13 bytes.
    expect(await object('short')).toMatch(
      / encoding:quicklist serializedlength:16 .* ql_nodes:1 ql_avg_node:2.00 ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:13$/,
    )
    await client.call('RPUSH', 'long', 'x'.repeat(30_000), 'y')
    expect(await object('long')).toMatch(/ ql_nodes:2 ql_avg_node:1.00 /)
    await client.call('SET', 'text', 'text '.repeat(100))
    const compressed = Number(/serializedlength:(\d+)/.exec(await object('text'))?.[1])
    expect(compressed).toBeLessThan(50)
    await client.call('CONFIG', 'SET', 'rdbcompression', 'no')
    expect(await object('text')).toContain(' serializedlength:502 ')
    await client.call('CONFIG', 'SET', 'rdbcompression', 'yes')
  })
})
