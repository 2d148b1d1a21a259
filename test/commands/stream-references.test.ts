/**
 * What becomes of the references that groups hold to entries that are deleted: XDELEX, XACKDEL, and the options of XADD and
 * XTRIM. Newer than the Redis that the other stream commands are compared with, so that expectations stand here.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

describe.each(SHARD_COUNTS)('references to entries of streams on %i shard(s)', (shards) => {
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

  const call = (...argv: (string | number)[]): Promise<RespValue> => client.call(...argv)

  const lengthOf = (): Promise<RespValue> => call('XLEN', 's')

  const pendingOf = async (group: string): Promise<string[]> =>
    ((await call('XPENDING', 's', group, '-', '+', 100)) as string[][]).map(([id]) => id as string)

  /**
   * Entries 1-0 to 6-0. Group g: got 1 to 5, has acknowledged 1, 2 and 5. Group h: got 1 to 3, has acknowledged 2.
   */
  beforeEach(async () => {
    await call('FLUSHALL')
    await call('CONFIG', 'SET', 'stream-node-max-entries', 2)
    for (let i = 1; i <= 6; i++) await call('XADD', 's', `${i}-0`, 'a', i)
    for (const [group, count] of [
      ['g', 5],
      ['h', 3],
    ] as const) {
      await call('XGROUP', 'CREATE', 's', group, '0')
      await call('XREADGROUP', 'GROUP', group, 'al', 'COUNT', count, 'STREAMS', 's', '>')
    }
    await call('XACK', 's', 'g', '1-0', '2-0', '5-0')
    await call('XACK', 's', 'h', '2-0')
  })

  it('XDELEX keeps them, removes them, or respects them', async () => {
    expect(await call('XDELEX', 's', 'IDS', 3, '1-0', '9-0', '3-0')).toEqual([1, -1, 1])
    expect(await pendingOf('g')).toEqual(['3-0', '4-0'])
    expect(await pendingOf('h')).toEqual(['1-0', '3-0'])
    expect(await call('XDELEX', 's', 'DELREF', 'IDS', 2, '4-0', '3-0')).toEqual([1, -1])
    expect(await pendingOf('g')).toEqual([])
    expect(await pendingOf('h')).toEqual(['1-0'])
    expect(await call('XDELEX', 's', 'ACKED', 'IDS', 4, '2-0', '5-0', '6-0', '7-0')).toEqual([1, 2, 2, -1])
    expect(await call('XRANGE', 's', '-', '+')).toEqual([
      ['5-0', ['a', '5']],
      ['6-0', ['a', '6']],
    ])
    expect(await call('XDELEX', 'missing', 'IDS', 2, '1-0', '2-0')).toEqual([-1, -1])
  })

  it('XACKDEL acknowledges first', async () => {
    expect(await call('XACKDEL', 's', 'g', 'ACKED', 'IDS', 3, '3-0', '4-0', '1-0')).toEqual([2, 2, -1])
    expect(await pendingOf('g')).toEqual([])
    expect(await call('XACKDEL', 's', 'h', 'ACKED', 'IDS', 2, '3-0', '1-0')).toEqual([1, 1])
    expect(await pendingOf('h')).toEqual([])
    expect(await lengthOf()).toBe(4)
    await call('XREADGROUP', 'GROUP', 'h', 'al', 'STREAMS', 's', '>')
    expect(await call('XACKDEL', 's', 'h', 'IDS', 1, '4-0')).toEqual([1])
    expect(await call('XACKDEL', 's', 'none', 'IDS', 1, '5-0')).toEqual([-1])
    expect(await call('XACKDEL', 'missing', 'h', 'IDS', 1, '5-0')).toEqual([-1])
    await call('XREADGROUP', 'GROUP', 'g', 'al', 'STREAMS', 's', '>')
    expect(await call('XACKDEL', 's', 'g', 'DELREF', 'IDS', 1, '6-0')).toEqual([1])
    expect(await pendingOf('h')).toEqual(['5-0'])
  })

  it('XTRIM and XADD trim with them', async () => {
    expect(await call('XTRIM', 's', 'MAXLEN', '=', 4, 'ACKED')).toBe(1)
    expect(await call('XRANGE', 's', '-', '3')).toEqual([
      ['1-0', ['a', '1']],
      ['3-0', ['a', '3']],
    ])
    expect(await call('XTRIM', 's', 'MAXLEN', '~', 0, 'ACKED')).toBe(0)
    await call('XACK', 's', 'h', '1-0')
    expect(await call('XTRIM', 's', 'ACKED', 'MAXLEN', '~', 0)).toBe(1)
    expect(await call('XADD', 's', 'DELREF', 'MAXLEN', 2, '7-0', 'a', 7)).toBe('7-0')
    expect(await pendingOf('g')).toEqual([])
    expect(await pendingOf('h')).toEqual([])
    expect(await call('XADD', 's', 'MINID', '8-0', 'KEEPREF', '8-0', 'a', 8)).toBe('8-0')
    expect(await lengthOf()).toBe(1)
    expect(await call('XADD', 's', 'ACKED', 'MINID', 9, '9-0', 'a', 9)).toBe('9-0')
    expect(await lengthOf()).toBe(2)
  })

  it('without groups everything may go', async () => {
    await call('XADD', 't', '1-0', 'a', 1)
    expect(await call('XDELEX', 't', 'ACKED', 'IDS', 1, '1-0')).toEqual([1])
    await call('XADD', 't', '2-0', 'a', 1)
    expect(await call('XTRIM', 't', 'MAXLEN', 0, 'ACKED')).toBe(1)
  })

  it('refuses arguments that do not fit', async () => {
    const syntax = { error: 'ERR syntax error' }
    const notMatching = { error: 'ERR The `numids` parameter must match the number of arguments' }
    expect(await call('XDELEX', 's', 'IDS', 0, '1-0')).toEqual({
      error: 'ERR Number of IDs must be a positive integer',
    })
    expect(await call('XDELEX', 's', 'IDS', 'x', '1-0')).toEqual({
      error: 'ERR Number of IDs must be a positive integer',
    })
    expect(await call('XDELEX', 's', 'IDS', 2, '1-0')).toEqual(notMatching)
    expect(await call('XDELEX', 's', 'IDS', 1, '1-0', '2-0')).toEqual(syntax)
    expect(await call('XDELEX', 's', 'ACKED', 'DELREF', 'IDS', 1, '1-0')).toEqual(syntax)
    expect(await call('XDELEX', 's', 'IDS', 1, 'x')).toEqual({
      error: 'ERR Invalid stream ID specified as stream command argument',
    })
    expect(await call('XTRIM', 's', 'MAXLEN', 1, 'ACKED', 'DELREF')).toEqual(syntax)
    await call('SET', 'string', 'x')
    expect(await call('XACKDEL', 'string', 'g', 'IDS', 1, '1-0')).toMatchObject({ error: /^WRONGTYPE/ })
    expect(await lengthOf()).toBe(6)
  })
})
