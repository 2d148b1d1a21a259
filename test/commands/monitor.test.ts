/** MONITOR over real connections: the lines beside a real Redis where there is one, and what ends it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const COMMANDS: readonly (readonly string[])[] = [
  ['set', 'key', 'with "quotes", \\ and \r\n\t\x07\b\x00\x7f\xff'],
  ['SELECT', '3'],
  ['get', 'key'],
  ['nope', 'x'],
  ['get'],
  ['AUTH', 'secret'],
  ['auth', 'default', 'secret'],
  ['HELLO', '2', 'AUTH', 'default', 'secret', 'SETNAME', 'me'],
  ['MIGRATE', '127.0.0.1', '1', 'nothing', '0', '10', 'AUTH', 'secret'],
  ['MIGRATE', '127.0.0.1', '1', 'nothing', '0', '10', 'COPY', 'AUTH2', 'me', 'secret'],
  ['CONFIG', 'GET', 'port'],
  ['client', 'getname'],
  ['EXEC'],
  ['MULTI'],
  ['SET', 'a', '1'],
  ['SELECT', '4'],
  ['PING'],
  ['CONFIG', 'GET', 'port'],
  ['exec'],
  ['MULTI'],
  ['SET', 'a', '1'],
  ['nope'],
  ['EXEC'],
  ['WATCH', 'w'],
  ['SET', 'w', '1'],
  ['MULTI'],
  ['SET', 'a', '2'],
  ['EXEC'],
  ['WATCH', 'w'],
  ['MULTI'],
  ['SET', 'a', '2'],
  ['MSET', 'a', '2', 'b', '3', 'c', '4'],
  ['EXEC'],
  ['MULTI'],
  ['DISCARD'],
  ['BLPOP', 'nothing', '0.01'],
  ['SUBSCRIBE', 'c'],
  ['UNSUBSCRIBE', 'c'],
  ['PUBLISH', 'c', 'm'],
  [
    'EVAL',
    "redis.call('SET', KEYS[1], 'x') redis.pcall('lPush', KEYS[1], 1) return redis.call('GET', KEYS[1])",
    '1',
    'a',
  ],
  // Undeclared keys of several shards, another database, the main thread, and what is refused before it runs.
  [
    'EVAL',
    "redis.call('MSET', 'a', 1, 'b', 2, 'c', 3) redis.call('SELECT', 3) redis.call('PUBLISH', 'c', 'm') " +
      "redis.call('PING') redis.pcall('GET') redis.pcall('SUBSCRIBE', 'c') return redis.call('MGET', 'a', 'b', 'c')",
    '0',
  ],
  ['EVAL_RO', "return redis.pcall('SET', 'a', 1)", '0'],
  ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', '0'],
  ['SCRIPT', 'LOAD', 'return 1'],
  [
    'FUNCTION',
    'LOAD',
    "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)",
  ],
  ['FCALL', 'f', '1', 'a'],
  ['FCALL', 'no-such-function', '0'],
  ['RESET'],
  ['THE-END'],
  ['PING', 'the end'],
]

/** The lines that a monitor gets while a client sends the commands one after the other; times and ports left out. */
async function linesOf(address: number | string): Promise<string[]> {
  const monitor = await RawClient.connect(address)
  monitor.send('MONITOR')
  expect(await monitor.line()).toBe('+OK')
  const client = await RawClient.connect(address)
  for (const argv of COMMANDS) {
    client.send(...argv)
    // What answers with fewer replies than it has commands would hold this up: UNSUBSCRIBE and its like have one name.
    await client.reply()
  }
  const lines: string[] = []
  while (!lines.at(-1)?.includes('the end')) {
    const line = await monitor.line()
    expect(line).toMatch(/^\+\d{10}\.\d{6} \[\d+ (127\.0\.0\.1:\d+|unix:.*|lua)\] "/)
    // Not ours: the client that started the real server asks for it.
    if (!line.endsWith('"info"')) lines.push(line.replace(/^\S+ \[(\d+) (?:(lua)|[^\]]+)\]/, '[$1$2]'))
  }
  monitor.close()
  client.close()
  return lines
}

describe.each(SHARD_COUNTS)('MONITOR at %i shards', (shards) => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer({ shards })
  })
  afterAll(() => server.stop())

  describe.skipIf(!hasRedis7)('beside Redis', () => {
    let oracle: RedisOracle
    beforeAll(async () => {
      oracle = await startRedisOracle()
    })
    afterAll(() => oracle.stop())

    it('shows the same lines', async () => {
      const expected = await linesOf(oracle.client.options.path as string)
      expect(await linesOf(server.port)).toEqual(expected)
    })

    it('refuses what Redis refuses', async () => {
      const redis = await RawClient.connect(oracle.client.options.path as string)
      const ours = await RawClient.connect(server.port)
      for (const argv of [
        ['MULTI'],
        ['MONITOR'],
        ['EXEC'],
        ['MONITOR'],
        ['GET', 'a'],
        ['SET', 'a', 'b'],
        ['PUBLISH', 'a', 'b'],
        ['ECHO', 'x'],
      ]) {
        redis.send(...argv)
        ours.send(...argv)
        expect(await ours.reply(), argv.join(' ')).toBe(await redis.reply())
      }
      // The one that was answered, and which the monitor sees itself.
      expect(await ours.line()).toMatch(/\[0 127\.0\.0\.1:\d+\] "ECHO" "x"$/)
      redis.close()
      ours.close()
    })
  })

  it('keeps the order in which one client sends, whichever shards its keys are on', async () => {
    const monitor = await server.raw()
    monitor.send('MONITOR')
    await monitor.line()
    const client = await server.raw()
    client.write(Array.from({ length: 500 }, (_, i) => `SET key-${i} ${i}\r\n`).join(''))
    for (let i = 0; i < 500; i++) expect((await monitor.line()).endsWith(`"SET" "key-${i}" "${i}"`)).toBe(true)
    monitor.close()
  })

  it('shows flag O, ends with RESET and with the connection, and obeys CLIENT REPLY OFF', async () => {
    const monitor = await server.raw()
    monitor.send('CLIENT', 'ID')
    const id = (await monitor.line()).slice(1)
    monitor.send('MONITOR')
    await monitor.line()
    const control = server.client()
    expect(await control.client('LIST', 'ID', id)).toContain(' flags=O ')
    // The client says who it is before.
    await monitor.readUntil('"info"')
    monitor.send('CLIENT', 'REPLY', 'OFF')
    await expect.poll(() => control.client('LIST', 'ID', id)).toContain(' cmd=client|reply ')
    await control.set('unseen', '1')
    monitor.send('RESET')
    await expect.poll(() => control.client('LIST', 'ID', id)).toContain(' flags=N ')
    await control.set('unseen', '2')
    monitor.send('PING')
    const rest = await monitor.readUntil('+PONG')
    expect(rest).toContain('+RESET')
    expect(rest).not.toContain('unseen')
    const another = await server.raw()
    another.send('MONITOR')
    await another.line()
    another.close()
    await expect.poll(() => control.client('LIST')).not.toContain(' flags=O ')
    expect(await control.ping()).toBe('PONG')
  })

  it('hides passwords in the slow log, too', async () => {
    const control = server.client()
    await control.config('SET', 'slowlog-log-slower-than', '0')
    await control.call('AUTH', 'default', 'secret')
    await control.config('SET', 'masterauth', 'secret')
    await control.config('SET', 'slowlog-log-slower-than', '10000')
    const shown = JSON.stringify(await control.slowlog('GET', 10))
    expect(shown).toContain('(redacted)')
    expect(shown).not.toContain('secret')
  })
})
