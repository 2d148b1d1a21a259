/** DEBUG against a running server at 1 and 4 shards; digests and samples beside a real Redis where there is one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const NO_DIGEST = '0'.repeat(40)

const REFUSED = {
  error:
    'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
}

function unknown(subcommand: string): RespValue {
  return { error: `ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try DEBUG HELP.` }
}

function textOf(value: RespValue): string {
  if (typeof value === 'string') return value
  if (value !== null && typeof value === 'object' && 'simple' in value) return value.simple
  if (value !== null && typeof value === 'object' && 'verbatim' in value) return value.verbatim
  throw new Error(`no text: ${JSON.stringify(value)}`)
}

describe.each(SHARD_COUNTS)('DEBUG at %i shards', (shards) => {
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

  test('OBJECT tells how a value is kept', async () => {
    await client.call('SET', 'number', '12345')
    await client.call('SET', 'text', 'x'.repeat(100))
    expect(textOf(await client.call('DEBUG', 'OBJECT', 'number'))).toMatch(
      /^Value at:0x[0-9a-f]+ refcount:1 encoding:int serializedlength:3 lru:\d+ lru_seconds_idle:\d+$/,
    )
    expect(textOf(await client.call('DEBUG', 'OBJECT', 'text'))).toMatch(/ encoding:raw serializedlength:9 /)
    await client.call('SET', 'shared', '77')
    expect(textOf(await client.call('DEBUG', 'OBJECT', 'shared'))).toMatch(
      / refcount:2147483647 encoding:int serializedlength:2 /,
    )
    expect(await client.call('DEBUG', 'OBJECT', 'nothing')).toEqual({ error: 'ERR no such key' })
  })

  test('OBJECT shows that INCR works in place, and that two values have two addresses', async () => {
    const address = async (key: string) => textOf(await client.call('DEBUG', 'OBJECT', key)).split(' ')[1]
    await client.call('SET', 'counter', '1')
    const before = await address('counter')
    await client.call('INCR', 'counter')
    expect(await address('counter')).toBe(before)
    expect(await address('number')).not.toBe(before)
  })

  test('DIGEST is of the whole data set, whatever shard a key is on', async () => {
    await client.call('FLUSHALL')
    expect(await client.call('DEBUG', 'DIGEST')).toEqual({ simple: NO_DIGEST })
    await client.call('SET', 'a', '1')
    const one = await client.call('DEBUG', 'DIGEST')
    await client.call('SET', 'b', '1')
    expect(await client.call('DEBUG', 'DIGEST')).not.toEqual(one)
    await client.call('DEL', 'b')
    expect(await client.call('DEBUG', 'DIGEST')).toEqual(one)
    await client.call('EXPIRE', 'a', '1000')
    expect(await client.call('DEBUG', 'DIGEST')).not.toEqual(one)
  })

  test('DIGEST-VALUE gives one digest a key, in order, zeros for none', async () => {
    await client.call('MSET', 'x', 'same', 'y', 'same', 'z', 'other')
    const digests = (await client.call('DEBUG', 'DIGEST-VALUE', 'x', 'z', 'nothing', 'y')) as RespValue[]
    expect(digests).toHaveLength(4)
    expect(digests[0]).toEqual(digests[3])
    expect(digests[0]).not.toEqual(digests[1])
    expect(digests[2]).toEqual({ simple: NO_DIGEST })
    expect(await client.call('DEBUG', 'DIGEST-VALUE')).toEqual([])
  })

  test('a command sees what the commands before it in the pipeline did', async () => {
    for (let i = 0; i < 20; i++) {
      client.write('SET', `p${i}`, '1')
      client.write('DEBUG', 'OBJECT', `p${i}`)
      client.write('DEL', `p${i}`)
      client.write('DEBUG', 'OBJECT', `p${i}`)
    }
    for (let i = 0; i < 20; i++) {
      expect(await client.read()).toEqual({ simple: 'OK' })
      expect(textOf((await client.read()) as RespValue)).toMatch(/^Value at:/)
      expect(await client.read()).toBe(1)
      expect(await client.read()).toEqual({ error: 'ERR no such key' })
    }
  })

  test('works inside of a transaction', async () => {
    await client.call('MULTI')
    await client.call('SET', 'in-multi', '1')
    await client.call('DEBUG', 'DIGEST-VALUE', 'in-multi')
    const [, digests] = (await client.call('EXEC')) as RespValue[]
    expect(digests).toEqual(await client.call('DEBUG', 'DIGEST-VALUE', 'in-multi'))
  })

  test('SET-ACTIVE-EXPIRE 0 leaves expired keys alone until they are asked for', async () => {
    await client.call('FLUSHALL')
    expect(await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')).toEqual({ simple: 'OK' })
    for (let i = 0; i < 10; i++) await client.call('SET', `key${i}`, 'v', 'PX', '1')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await client.call('DBSIZE')).toBe(10)
    expect(await client.call('GET', 'key0')).toBe(null)
    expect(await client.call('DBSIZE')).toBe(9)
    expect(await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', '1')).toEqual({ simple: 'OK' })
    await expect.poll(() => client.call('DBSIZE'), { timeout: 5000 }).toBe(0)
  })

  test('SLEEP stops the server', async () => {
    const startedMs = performance.now()
    expect(await client.call('DEBUG', 'SLEEP', '0.2')).toEqual({ simple: 'OK' })
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(195)
    expect(await client.call('DEBUG', 'SLEEP', 'zero')).toEqual({ simple: 'OK' })
  })

  test('HTSTATS describes the tables of every shard', async () => {
    await client.call('FLUSHALL')
    await client.call('SET', 'a', '1')
    const text = textOf(await client.call('DEBUG', 'HTSTATS', '0'))
    expect(text.match(/\[Dictionary HT\]/g)).toHaveLength(shards)
    expect(text.match(/ number of elements: 1\n/g)).toHaveLength(1)
    expect(await client.call('DEBUG', 'HTSTATS', '16')).toEqual({ error: 'ERR Out of range database' })
    expect(await client.call('DEBUG', 'HTSTATS', 'x')).toEqual({
      error: 'ERR value is not an integer or out of range',
    })
    expect(await client.call('DEBUG', 'HTSTATS-KEY', 'nothing')).toEqual({ error: 'ERR no such key' })
    expect(await client.call('DEBUG', 'HTSTATS-KEY', 'a')).toEqual({
      error: 'ERR The value stored at the specified key is not represented using an hash table',
    })
  })

  test('ERROR answers the text as the error, on one line', async () => {
    expect(await client.call('DEBUG', 'ERROR', 'MY code')).toEqual({ error: 'MY code' })
    expect(await client.call('DEBUG', 'ERROR', 'two\r\nlines')).toEqual({ error: 'two  lines' })
  })

  test.each([
    ['LOG', 'a message'],
    ['LEAK', 'a string'],
    ['CHANGE-REPL-ID'],
    ['PAUSE-CRON', '0'],
    ['SET-DISABLE-DENY-SCRIPTS', '1'],
    ['CLIENT-ENFORCE-REPLY-LIST', '0'],
    ['DICT-RESIZING', '1'],
    ['QUICKLIST-PACKED-THRESHOLD', '100b'],
    ['QUICKLIST-PACKED-THRESHOLD', '0'],
    ['REPLYBUFFER', 'peak-reset-time', 'never'],
    ['REPLYBUFFER', 'peak-reset-time', '100'],
    ['REPLYBUFFER', 'resizing', '0'],
  ])('%s %s is accepted', async (...argv) => {
    expect(await client.call('DEBUG', ...argv.filter((word) => word !== undefined))).toEqual({ simple: 'OK' })
  })

  test('arguments that do not fit are refused as Redis does', async () => {
    for (const argv of [
      ['jmap'],
      ['Sleep'],
      ['object'],
      ['object', 'a', 'b'],
      ['digest', 'x'],
      ['replybuffer', 'x', '1'],
    ]) {
      expect(await client.call('DEBUG', ...argv)).toEqual(unknown(argv[0] as string))
    }
    expect(await client.call('DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '5gb')).toEqual({
      error: 'ERR argument must be a memory value bigger than 1 and smaller than 4gb',
    })
    expect(await client.call('DEBUG', 'REPLYBUFFER', 'peak-reset-time', 'soon')).toEqual({
      error: 'ERR value is not an integer or out of range',
    })
    expect(await client.call('DEBUG')).toEqual({ error: "ERR wrong number of arguments for 'debug' command" })
  })

  test('STRINGMATCH-LEN matches a pattern', async () => {
    expect(await client.call('DEBUG', 'STRINGMATCH-LEN', 'a*b', 'a--b')).toBe(1)
    expect(await client.call('DEBUG', 'STRINGMATCH-LEN', 'a*b', 'a--c')).toBe(0)
  })

  describe.skipIf(!hasRedis7)('beside Redis', () => {
    let oracle: RedisOracle
    let redis: RespConnection

    beforeAll(async () => {
      oracle = await startRedisOracle('--enable-debug-command', 'yes')
      redis = await RespConnection.open(oracle.client.options.path as string)
    })

    afterAll(async () => {
      redis?.close()
      await oracle?.stop()
    })

    async function callBoth(...argv: (string | Buffer)[]): Promise<[RespValue, RespValue]> {
      return Promise.all([client.call(...argv), redis.call(...argv)])
    }

    test('digests of equal data are equal', async () => {
      await callBoth('FLUSHALL')
      for (const database of ['0', '5', '15']) {
        await callBoth('SELECT', database)
        for (let i = 0; i < 40; i++) {
          const key = Buffer.from([i, 0, 255, 13, 10])
          await callBoth(
            'SET',
            key,
            i % 3 === 0 ? String(i * 1234567) : `${i}\0`.repeat(i),
            ...(i % 4 === 0 ? ['EX', '1000'] : []),
          )
        }
        const [ours, theirs] = await callBoth(
          'DEBUG',
          'DIGEST-VALUE',
          Buffer.from([0, 0, 255, 13, 10]),
          Buffer.from([1, 0, 255, 13, 10]),
        )
        expect(ours).toEqual(theirs)
      }
      await callBoth('SELECT', '0')
      const [ours, theirs] = await callBoth('DEBUG', 'DIGEST')
      expect(ours).toEqual(theirs)
      expect(ours).not.toEqual({ simple: NO_DIGEST })
    })

    test.each(['2', '3'])('samples of RESP%s are equal, byte for byte', async (version) => {
      const session = [
        await RespConnection.open(server.port),
        await RespConnection.open(oracle.client.options.path as string),
      ] as const
      for (const connection of session) await connection.call('HELLO', version)
      // Attributes and pushes are not replies: what follows them is, and both stand in the raw bytes only.
      const types = [
        'string',
        'integer',
        'bignum',
        'null',
        'array',
        'set',
        'map',
        'verbatim',
        'true',
        'false',
        'nothing',
      ]
      if (version === '2') types.push('attrib', 'push')
      for (const type of types) {
        const [ours, theirs] = await Promise.all(
          session.map((connection) => connection.call('DEBUG', 'PROTOCOL', type)),
        )
        expect(ours, type).toEqual(theirs)
      }
      for (const connection of session) connection.close()
    })
  })

  test('samples of RESP3 that are not replies stand before one', async () => {
    const raw = await server.raw()
    raw.write('HELLO 3\r\nDEBUG PROTOCOL attrib\r\nDEBUG PROTOCOL push\r\n')
    const expected =
      '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n' +
      '>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n'
    await raw.reply()
    expect(await raw.read(expected.length)).toBe(expected)
    raw.close()
  })
})

describe('the guard of DEBUG', () => {
  test('refuses with `no`', async () => {
    const server = await startServer({ shards: 1, args: ['--enable-debug-command', 'no'] })
    const client = await RespConnection.open(server.port)
    expect(await client.call('DEBUG', 'SLEEP', '0')).toEqual(REFUSED)
    expect(await client.call('DEBUG', 'HELP')).toEqual(REFUSED)
    client.close()
    await server.stop()
  })

  test('lets local clients in with `local`', async () => {
    const server = await startServer({ shards: 1, args: ['--enable-debug-command', 'local'] })
    const client = await RespConnection.open(server.port)
    expect(await client.call('DEBUG', 'SLEEP', '0')).toEqual({ simple: 'OK' })
    client.close()
    await server.stop()
  })
})

describe('the end of the server', () => {
  test.each([
    ['PANIC', 'SIGABRT', /DEBUG PANIC called at Unix time \d+/],
    ['SEGFAULT', 'SIGSEGV', /DEBUG SEGFAULT/],
  ] as const)('DEBUG %s ends the process with %s and a last word', async (subcommand, signal, lastWord) => {
    const server = await startServer({ shards: 2 })
    const client = await RespConnection.open(server.port)
    expect(await client.call('DEBUG', subcommand)).toBe('closed')
    await server.stop()
    expect(server.process.signalCode).toBe(signal)
    expect(server.output()).toMatch(lastWord)
  })
})
