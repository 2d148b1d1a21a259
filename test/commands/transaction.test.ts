/**
 * Transactions and commands over several shards against a real server, at one shard and at four. What a scheduler can do to
 * them is searched by the simulation (test/sim); here they pass through sockets, sessions and threads.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keySlot } from '../../src/base/crc16.js'
import { HASH_SLOTS } from '../../src/base/limits.js'
import { type RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

/** Encodes commands one behind the other. */
function encoded(...commands: readonly (readonly (string | number)[])[]): string {
  return commands
    .map((argv) => `*${argv.length}\r\n${argv.map((word) => `$${String(word).length}\r\n${word}\r\n`).join('')}`)
    .join('')
}

/** The first key of that prefix on each of four shards, by the default table of slots. */
function keyOnEachShard(prefix: string): [string, string, string, string] {
  return [0, 1, 2, 3].map((shard) => {
    for (let i = 0; ; i++) {
      const key = `${prefix}${i}`
      if (Math.floor((keySlot(Buffer.from(key), 0, key.length) * 4) / HASH_SLOTS) === shard) return key
    }
  }) as [string, string, string, string]
}

const [A, B, C, D] = keyOnEachShard('key:')

describe.each(SHARD_COUNTS)('transactions at %i shard(s)', (shards) => {
  let server: TestServer
  let one: RawClient
  let two: RawClient

  beforeAll(async () => {
    server = await startServer({ shards })
    one = await server.raw()
    two = await server.raw()
  })

  afterAll(async () => {
    await server?.stop()
  })

  beforeEach(async () => {
    await ask(one, ['UNWATCH'], ['SELECT', 0], ['FLUSHALL'])
    await ask(two, ['UNWATCH'], ['SELECT', 0])
  })

  /** Sends all commands at once and returns their replies, each without its type's CRLF noise where it is short. */
  async function ask(client: RawClient, ...commands: readonly (readonly (string | number)[])[]): Promise<string[]> {
    client.write(encoded(...commands))
    const replies: string[] = []
    for (const _ of commands) replies.push((await client.reply()).trimEnd().replaceAll('\r\n', ' '))
    return replies
  }

  /** The reply to EXEC of a transaction that is sent at once. */
  async function exec(client: RawClient, ...commands: readonly (readonly (string | number)[])[]): Promise<string> {
    const replies = await ask(client, ['MULTI'], ...commands, ['EXEC'])
    expect(replies.slice(0, -1)).toEqual(['+OK', ...commands.map(() => '+QUEUED')])
    return replies.at(-1) as string
  }

  it('runs commands of one key, of many, and of the whole keyspace', async () => {
    expect(await exec(one)).toBe('*0')
    expect(await exec(one, ['SET', A, 1], ['GET', A], ['INCR', A], ['STRLEN', B])).toBe('*4 +OK $1 1 :2 :0')
    expect(await exec(one, ['MSET', A, 'a', B, 'b', C, 'c'], ['MGET', C, D, A], ['DBSIZE'], ['DEL', A, D, C])).toBe(
      '*4 +OK *3 $1 c $-1 $1 a :3 :2',
    )
    expect(await exec(one, ['KEYS', '*'], ['RANDOMKEY'], ['SCAN', 0, 'COUNT', 1000])).toMatch(
      new RegExp(`^\\*3 \\*1 \\$\\d+ ${B} \\$\\d+ ${B} \\*2 \\$\\d+ \\d+ \\*[01]`),
    )
    expect(await exec(one, ['FLUSHDB'], ['DBSIZE'], ['PING'], ['ECHO', 'x'])).toBe('*4 +OK :0 +PONG $1 x')
  })

  it('runs commands that move data between shards, each seeing what came before', async () => {
    expect(
      await exec(
        one,
        ['SET', A, 'v'],
        ['RENAME', A, B],
        ['GET', B],
        ['RENAMENX', B, C],
        ['COPY', C, D],
        ['APPEND', D, '!'],
      ),
    ).toBe('*6 +OK +OK $1 v :1 :1 :2')
    expect(await exec(one, ['MSETNX', A, 1, B, 2], ['MSETNX', A, 3, C, 4], ['MGET', A, B, C, D])).toBe(
      '*3 :1 :0 *4 $1 1 $1 2 $1 v $2 v!',
    )
    expect(await exec(one, ['LCS', C, D], ['RENAME', 'missing', A], ['COPY', A, A], ['DBSIZE'])).toBe(
      '*4 $1 v -ERR no such key -ERR source and destination objects are the same :4',
    )
  })

  it('goes on after a command that fails in it', async () => {
    expect(await exec(one, ['SET', A, 'x'], ['INCR', A], ['RENAME', A, B], ['INCR', B], ['GET', B])).toBe(
      '*5 +OK -ERR value is not an integer or out of range +OK -ERR value is not an integer or out of range $1 x',
    )
    expect(await exec(one, ['MSET', A, 1, C], ['MSETNX', A, 1, C], ['RENAME', B, D], ['EXISTS', A, C])).toBe(
      "*4 -ERR wrong number of arguments for 'mset' command -ERR wrong number of arguments for 'msetnx' command +OK :0",
    )
  })

  it('refuses what it must, and what was queued then never runs', async () => {
    expect(await ask(one, ['EXEC'], ['DISCARD'], ['MULTI'], ['MULTI'], ['WATCH', A], ['SET', A, 1], ['EXEC'])).toEqual([
      '-ERR EXEC without MULTI',
      '-ERR DISCARD without MULTI',
      '+OK',
      '-ERR MULTI calls can not be nested',
      '-ERR WATCH inside MULTI is not allowed',
      '+QUEUED',
      '*1 +OK',
    ])
    for (const wrong of [['NOSUCH'], ['GET'], ['MSET', 'a']]) {
      const replies = await ask(one, ['MULTI'], ['SET', B, 1], wrong, ['RENAME', A, C], ['EXEC'])
      expect(replies.at(-1)).toBe('-EXECABORT Transaction discarded because of previous errors.')
    }
    expect(await ask(one, ['MULTI'], ['SET', B, 1], ['DISCARD'], ['EXISTS', A, B, C])).toEqual([
      '+OK',
      '+QUEUED',
      '+OK',
      ':1',
    ])
  })

  it('fails when a watched key was written, on whatever shard', async () => {
    for (const key of [A, B, C, D]) {
      await ask(one, ['WATCH', A, B], ['WATCH', C, D])
      await ask(two, ['SET', key, 1])
      expect(await exec(one, ['SET', A, 2]), key).toBe('*-1')
      await ask(one, ['WATCH', A, B, C, D])
      await ask(two, ['GET', key])
      expect(await exec(one, ['SET', A, 2], ['RENAME', A, B], ['DEL', B]), key).toBe('*3 +OK +OK :1')
    }
  })

  it('fails when a watched key was moved, deleted, expired, flushed or swapped away', async () => {
    const breaks: readonly (readonly (string | number)[])[] = [
      ['RENAME', A, B],
      ['RENAME', C, A],
      ['COPY', C, A, 'REPLACE'],
      ['DEL', B, A],
      ['PEXPIRE', A, 100_000],
      ['MSETEX', 2, A, 1, D, 1, 'XX'],
      ['MSETEX', 2, A, 1, D, 1],
      ['FLUSHDB'],
      ['FLUSHALL'],
      ['SWAPDB', 0, 1],
      ['MOVE', A, 1],
    ]
    for (const change of breaks) {
      await ask(one, ['FLUSHALL'], ['MSET', A, 'a', C, 'c'], ['WATCH', A])
      const [reply] = await ask(two, change)
      const isBroken = reply !== ':0'
      expect(await exec(one, ['PING'], ['GET', A]), change.join(' ')).toMatch(isBroken ? /^\*-1$/ : /^\*2 \+PONG/)
    }
    await ask(one, ['SET', A, 1, 'PX', 20], ['WATCH', A])
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(await exec(one, ['SET', B, 1])).toBe('*-1')
  })

  it('does not fail for what happens elsewhere, nor after UNWATCH and DISCARD', async () => {
    await ask(one, ['SET', A, 1], ['WATCH', A, B])
    await ask(
      two,
      ['SELECT', 1],
      ['SET', A, 1],
      ['SELECT', 0],
      ['SET', C, 1],
      ['DEL', B],
      ['SWAPDB', 1, 2],
      ['SWAPDB', 0, 0],
    )
    expect(await exec(one, ['INCR', A])).toBe('*1 :2')
    await ask(one, ['WATCH', A], ['UNWATCH'])
    await ask(two, ['SET', A, 5])
    expect(await exec(one, ['INCR', A])).toBe('*1 :6')
    await ask(one, ['WATCH', A], ['MULTI'], ['DISCARD'])
    await ask(two, ['SET', A, 7])
    expect(await exec(one, ['INCR', A])).toBe('*1 :8')
  })

  it('remembers the database in which a key is watched', async () => {
    await ask(one, ['SELECT', 2], ['WATCH', A], ['SELECT', 0])
    await ask(two, ['SET', A, 1])
    expect(await exec(one, ['PING'])).toBe('*1 +PONG')
    await ask(one, ['SELECT', 2], ['WATCH', A], ['SELECT', 0])
    await ask(two, ['SELECT', 2], ['SET', A, 1])
    expect(await exec(one, ['PING'])).toBe('*-1')
  })

  it('leaves nothing of a watch to the next client', async () => {
    for (let i = 0; i < 20; i++) {
      const passing = await server.raw()
      passing.write(encoded(['RENAME', 'missing', A], ['WATCH', A, B, C, D], ['RENAME', 'missing', B]))
      await passing.reply()
      passing.close()
      const next = await server.raw()
      expect(await ask(next, ['PING'])).toEqual(['+PONG'])
      await ask(two, ['MSET', A, i, B, i, C, i, D, i])
      expect(await exec(next, ['GET', A], ['RENAME', A, B])).toBe(`*2 $${String(i).length} ${i} +OK`)
      next.close()
    }
  })

  it('keeps what is pipelined in order, transactions with locks among it', async () => {
    const replies = await ask(
      one,
      ['MSET', A, 1, B, 2],
      ['WATCH', A],
      ['RENAME', A, C],
      ['MULTI'],
      ['SET', D, 1],
      ['EXEC'],
      ['GET', C],
      ['WATCH', C],
      ['MULTI'],
      ['RENAME', C, A],
      ['GET', A],
      ['EXEC'],
      ['WATCH', B],
      ['UNWATCH'],
      ['WATCH', D],
      ['SET', B, 3],
      ['MULTI'],
      ['MGET', A, B, C, D],
      ['EXEC'],
      ['SELECT', 1],
      ['GET', A],
    )
    expect(replies.filter((reply) => reply !== '+QUEUED')).toEqual([
      '+OK',
      '+OK',
      '+OK',
      '+OK',
      '*-1',
      '$1 1',
      '+OK',
      '+OK',
      '*2 +OK $1 1',
      '+OK',
      '+OK',
      '+OK',
      '+OK',
      '+OK',
      '*1 *4 $1 1 $1 3 $-1 $-1',
      '+OK',
      '$-1',
    ])
  })

  it('knows the database of each command, before, in and after a transaction', async () => {
    expect(
      await exec(one, ['SET', A, 0], ['SELECT', 3], ['SET', A, 3], ['COPY', A, B], ['SELECT', 0], ['GET', A]),
    ).toBe('*6 +OK +OK +OK :1 +OK $1 0')
    expect(await ask(one, ['GET', B], ['SELECT', 3], ['GET', B])).toEqual(['$-1', '+OK', '$1 3'])
    const replies = await ask(
      one,
      ['MULTI'],
      ['RENAME', B, C],
      ['PING'],
      ['GET', C],
      ['EXEC'],
      ['SELECT', 0],
      ['GET', C],
    )
    expect(replies.slice(-3)).toEqual(['*3 +OK +PONG $1 3', '+OK', '$-1'])
  })

  it('copies and moves between databases', async () => {
    await ask(one, ['SET', A, 'a', 'PX', 100_000])
    expect(
      await ask(one, ['COPY', A, B, 'DB', 5], ['COPY', A, B, 'DB', 5], ['COPY', A, B, 'DB', 4, 'DB', 5, 'REPLACE']),
    ).toEqual([':1', ':0', ':1'])
    expect(
      await ask(one, ['COPY', A, A], ['COPY', A, A, 'DB', 6], ['COPY', A, B, 'DB', 99], ['COPY', A, B, 'DB', 'x']),
    ).toEqual([
      '-ERR source and destination objects are the same',
      ':1',
      '-ERR DB index is out of range',
      '-ERR value is not an integer or out of range',
    ])
    expect(await ask(one, ['DBSIZE'], ['SELECT', 4], ['DBSIZE'], ['SELECT', 5], ['MGET', A, B])).toEqual([
      ':1',
      '+OK',
      ':0',
      '+OK',
      '*2 $-1 $1 a',
    ])
    expect(Number((await ask(one, ['PTTL', B]))[0]?.slice(1))).toBeGreaterThan(50_000)
  })

  it('runs commands of the main thread under locks, also those that ask the shards', async () => {
    const reply = await exec(
      one,
      ['MSET', A, 1, B, 2],
      ['RENAME', A, C],
      ['INFO', 'keyspace'],
      ['DBSIZE'],
      ['DEBUG', 'OBJECT', C],
    )
    expect(reply).toMatch(/^\*5 \+OK \+OK \$\d+ # Keyspace.* :2 \+Value at:/)
    const pings = Array.from({ length: 20_000 }, () => ['PING'])
    expect(await exec(one, ['RENAME', C, A], ...pings)).toBe(`*20001 +OK${' +PONG'.repeat(20_000)}`)
  })

  it('carries values that no ring could hold', async () => {
    const value = 'x'.repeat(5_000_000)
    const reply = await exec(one, ['SET', A, value], ['RENAME', A, B], ['STRLEN', B], ['COPY', B, C], ['GET', C])
    expect(reply === `*5 +OK +OK :5000000 :1 $5000000 ${value}`).toBe(true)
  })
})

describe.each(SHARD_COUNTS)('clients beside each other at %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  it('never see a key twice or not at all while it is renamed', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `place:${i}`)
    const tokens = 5
    const admin = server.client()
    await admin.mset(...names.slice(0, tokens).flatMap((name, i) => [name, `token ${i}`]))
    let isOver = false
    const movers = Array.from({ length: 4 }, async (_, seed) => {
      const client = server.client()
      for (let i = 0; i < 300; i++) {
        const [from, to] = [names[(i * 7 + seed * 5) % 16] as string, names[(i * 11 + seed * 3) % 16] as string]
        // Most of the names hold nothing.
        if (i % 3 === 0) await client.multi().renamenx(from, to).exists(from).exec()
        else await client.renamenx(from, to).catch((error: Error) => expect(error.message).toBe('ERR no such key'))
      }
    })
    const watchers = Array.from({ length: 2 }, async () => {
      const client = server.client()
      let looks = 0
      for (; !isOver; looks++) {
        const [counts, values, size] = await Promise.all([
          client.exists(...names),
          client.mget(...names),
          client.dbsize(),
        ])
        expect(counts).toBe(tokens)
        expect(values.filter((value) => value !== null).sort()).toEqual([0, 1, 2, 3, 4].map((i) => `token ${i}`))
        expect(size).toBe(tokens)
      }
      return looks
    })
    await Promise.all(movers)
    isOver = true
    for (const looks of await Promise.all(watchers)) expect(looks).toBeGreaterThan(0)
  })

  it('let SELECT inside a transaction hold for what the client has sent behind it', async () => {
    const client = await server.raw()
    client.write(
      encoded(
        ['FLUSHALL'],
        ['SET', A, 1],
        ['MULTI'],
        ['RENAME', A, D],
        ['SELECT', 3],
        ['EXEC'],
        ['SET', 'where', 'here'],
        ['DBSIZE'],
      ),
    )
    const replies: string[] = []
    for (let i = 0; i < 8; i++) replies.push(await client.reply())
    expect(replies.slice(5)).toEqual(['*2\r\n+OK\r\n+OK\r\n', '+OK\r\n', ':1\r\n'])
    client.write(encoded(['SELECT', 0], ['EXISTS', 'where']))
    await client.reply()
    expect(await client.reply()).toBe(':0\r\n')
  })

  it('lose no update under WATCH, and see both shards of one transaction together', async () => {
    const admin = server.client()
    await admin.mset(A, 0, D, 0)
    let isOver = false
    const writers = Array.from({ length: 4 }, async () => {
      const client = server.client()
      for (let done = 0; done < 50; ) {
        await client.watch(A, D)
        const n = Number(await client.get(A))
        const replies = await client
          .multi()
          .set(A, n + 1)
          .set(D, n + 1)
          .exec()
        if (replies !== null) done++
      }
    })
    const reader = (async () => {
      const client = server.client()
      while (!isOver) {
        const [left, right] = await client.mget(A, D)
        expect(left).toBe(right)
      }
    })()
    await Promise.all(writers)
    isOver = true
    await reader
    expect(await admin.mget(A, D)).toEqual(['200', '200'])
  })
})
