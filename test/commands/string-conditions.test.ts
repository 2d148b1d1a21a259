/**
 * What Redis 8.4 added to the string commands: comparisons in SET, DELEX, DIGEST and MSETEX. No server to compare with:
 * the expected replies follow the documentation.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const OK = { simple: 'OK' }
const SYNTAX_ERROR = { error: 'ERR syntax error' }
const NOT_A_DIGEST = { error: 'ERR must be exactly 16 hexadecimal characters' }

/** XXH3, 64 bits, of texts of several lengths, as xxhsum -H3 prints them. */
const DIGEST_OF_EMPTY = '2d06800538d394c2'

describe.each([1, 4])('conditions on values, on %i shard(s)', (shards) => {
  let server: TestServer
  let connection: RespConnection

  const call = (...argv: (string | number)[]): Promise<RespValue> => connection.call(...argv)

  beforeAll(async () => {
    server = await startServer({ shards })
    connection = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    connection?.close()
    await server?.stop()
  })

  beforeEach(async () => {
    expect(await call('FLUSHALL')).toEqual(OK)
  })

  it('SET IFEQ sets only over the value given', async () => {
    expect(await call('SET', 'k', 'new', 'IFEQ', 'old')).toBe(null)
    expect(await call('EXISTS', 'k')).toBe(0)
    await call('SET', 'k', 'old')
    expect(await call('SET', 'k', 'new', 'IFEQ', 'other')).toBe(null)
    expect(await call('SET', 'k', 'new', 'IFEQ', 'ol')).toBe(null)
    expect(await call('GET', 'k')).toBe('old')
    expect(await call('SET', 'k', 'new', 'ifeq', 'old', 'EX', 100)).toEqual(OK)
    expect(await call('GET', 'k')).toBe('new')
    expect(await call('TTL', 'k')).toBeGreaterThan(90)
  })

  it('SET IFNE sets over every other value and over nothing', async () => {
    expect(await call('SET', 'k', 'first', 'IFNE', 'x')).toEqual(OK)
    expect(await call('SET', 'k', 'second', 'IFNE', 'first')).toBe(null)
    expect(await call('SET', 'k', 'second', 'IFNE', 'x')).toEqual(OK)
    expect(await call('GET', 'k')).toBe('second')
  })

  it('SET IFDEQ and IFDNE compare the digest, in either case', async () => {
    await call('SET', 'k', 'value')
    const digest = (await call('DIGEST', 'k')) as string
    expect(await call('SET', 'k', 'a', 'IFDEQ', '0000000000000000')).toBe(null)
    expect(await call('SET', 'k', 'a', 'IFDNE', digest)).toBe(null)
    expect(await call('SET', 'k', 'value', 'IFDEQ', digest.toUpperCase())).toEqual(OK)
    expect(await call('SET', 'k', 'a', 'IFDNE', '0000000000000000')).toEqual(OK)
    expect(await call('SET', 'k', 'b', 'IFDEQ', '123')).toEqual(NOT_A_DIGEST)
    expect(await call('SET', 'k', 'b', 'IFDNE', `${digest}0`)).toEqual(NOT_A_DIGEST)
    expect(await call('SET', 'missing', 'b', 'IFDEQ', digest)).toBe(null)
    expect(await call('SET', 'missing', 'b', 'IFDNE', digest)).toEqual(OK)
    expect(await call('GET', 'k')).toBe('a')
  })

  it('SET with GET returns the old value whether the condition holds or not', async () => {
    expect(await call('SET', 'k', 'a', 'IFNE', 'x', 'GET')).toBe(null)
    expect(await call('SET', 'k', 'b', 'IFEQ', 'x', 'GET')).toBe('a')
    expect(await call('SET', 'k', 'b', 'GET', 'IFEQ', 'a')).toBe('a')
    expect(await call('GET', 'k')).toBe('b')
  })

  it('takes one condition only', async () => {
    const conditions = [
      ['NX'],
      ['XX'],
      ['IFEQ', 'v'],
      ['IFNE', 'v'],
      ['IFDEQ', DIGEST_OF_EMPTY],
      ['IFDNE', DIGEST_OF_EMPTY],
    ]
    for (const first of conditions) {
      for (const second of conditions) {
        if (first === second) continue
        expect(await call('SET', 'k', 'v', ...first, ...second)).toEqual(SYNTAX_ERROR)
      }
    }
    for (const option of ['IFEQ', 'IFNE', 'IFDEQ', 'IFDNE'])
      expect(await call('SET', 'k', 'v', option)).toEqual(SYNTAX_ERROR)
    expect(await call('EXISTS', 'k')).toBe(0)
  })

  it('DIGEST is XXH3 in 16 digits', async () => {
    expect(await call('DIGEST', 'missing')).toBe(null)
    await call('SET', 'k', '')
    expect(await call('DIGEST', 'k')).toBe(DIGEST_OF_EMPTY)
    await call('SET', 'k', '12345')
    const ofInteger = await call('DIGEST', 'k')
    await call('SET', 'l', '1234')
    await call('APPEND', 'l', '5')
    expect(await call('DIGEST', 'l')).toBe(ofInteger)
    expect(ofInteger).toMatch(/^[0-9a-f]{16}$/)
  })

  it('DELEX deletes when its condition holds', async () => {
    expect(await call('DELEX', 'k', 'IFEQ', 'v')).toBe(0)
    expect(await call('DELEX', 'k', 'NONSENSE', 'v')).toBe(0)
    await call('SET', 'k', 'v')
    const digest = (await call('DIGEST', 'k')) as string
    for (const condition of [
      ['IFEQ', 'w'],
      ['IFNE', 'v'],
      ['IFDEQ', '0000000000000000'],
      ['IFDNE', digest],
    ]) {
      expect(await call('DELEX', 'k', ...condition)).toBe(0)
    }
    for (const condition of [['ifeq', 'v'], ['IFNE', 'w'], ['IFDEQ', digest], ['IFDNE', '0000000000000000'], []]) {
      await call('SET', 'k', 'v')
      expect(await call('DELEX', 'k', ...condition)).toBe(1)
      expect(await call('EXISTS', 'k')).toBe(0)
    }
    await call('SET', 'k', 'v')
    expect(await call('DELEX', 'k', 'IFDEQ', '12')).toEqual(NOT_A_DIGEST)
    expect(await call('DELEX', 'k', 'NONSENSE', 'v')).toEqual({
      error: 'ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE',
    })
    const wrongArity = { error: "ERR wrong number of arguments for 'delex' command" }
    expect(await call('DELEX', 'missing', 'IFEQ')).toEqual(wrongArity)
    expect(await call('DELEX', 'k', 'IFEQ', 'v', 'more')).toEqual(wrongArity)
  })

  it('MSETEX sets all keys with one expiry', async () => {
    expect(await call('MSETEX', 3, 'a', 1, 'b', 2, 'c', 3, 'EX', 100)).toBe(1)
    expect(await call('MGET', 'a', 'b', 'c')).toEqual(['1', '2', '3'])
    for (const key of ['a', 'b', 'c']) expect(await call('TTL', key)).toBeGreaterThan(90)
    expect(await call('MSETEX', 2, 'a', 4, 'b', 5, 'KEEPTTL')).toBe(1)
    expect(await call('TTL', 'b')).toBeGreaterThan(90)
    expect(await call('MSETEX', 2, 'a', 6, 'b', 7)).toBe(1)
    expect(await call('TTL', 'a')).toBe(-1)
    expect(await call('MGET', 'a', 'b')).toEqual(['6', '7'])
  })

  it('MSETEX sets all keys or none with NX and XX', async () => {
    await call('SET', 'a', 'old')
    expect(await call('MSETEX', 3, 'x', 1, 'y', 2, 'a', 3, 'NX')).toBe(0)
    expect(await call('MSETEX', 2, 'a', 1, 'x', 2, 'XX', 'PX', 5000)).toBe(0)
    expect(await call('MGET', 'a', 'x', 'y')).toEqual(['old', null, null])
    expect(await call('MSETEX', 2, 'x', 1, 'y', 2, 'PXAT', 9999999999999, 'NX')).toBe(1)
    expect(await call('MSETEX', 2, 'x', 3, 'y', 4, 'XX')).toBe(1)
    expect(await call('MGET', 'x', 'y')).toEqual(['3', '4'])
  })

  it('MSETEX says what is wrong', async () => {
    const cases: [(string | number)[], string][] = [
      [['0', 'a', 1], 'ERR invalid numkeys value'],
      [['-1', 'a', 1], 'ERR invalid numkeys value'],
      [['x', 'a', 1], 'ERR invalid numkeys value'],
      [['2147483648', 'a', 1], 'ERR invalid numkeys value'],
      [['9223372036854775808', 'a', 1], 'ERR invalid numkeys value'],
      [['2', 'a', 1], 'ERR wrong number of key-value pairs'],
      [['2147483647', 'a', 1], 'ERR wrong number of key-value pairs'],
      [['1', 'a', 1, 'b', 2], 'ERR syntax error'],
      [['1', 'a', 1, 'NX', 'XX'], 'ERR syntax error'],
      [['1', 'a', 1, 'EX', 1, 'PX', 1], 'ERR syntax error'],
      [['1', 'a', 1, 'GET'], 'ERR syntax error'],
      [['1', 'a', 1, 'IFEQ', 'x'], 'ERR syntax error'],
      [['1', 'a', 1, 'EX', 0], "ERR invalid expire time in 'msetex' command"],
      [['1', 'a', 1, 'EX', 'x'], 'ERR value is not an integer or out of range'],
      [['1', 'a'], "ERR wrong number of arguments for 'msetex' command"],
    ]
    for (const [argv, error] of cases) expect(await call('MSETEX', ...argv), argv.join(' ')).toEqual({ error })
    expect(await call('EXISTS', 'a')).toBe(0)
  })
})
