/**
 * Scripts beside a real Redis, at one shard and at four: what they return, what they change, and what comes between them and
 * others. Keys are chosen so that at four shards each is on another one.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keySlot } from '../../src/base/crc16.js'
import { HASH_SLOTS } from '../../src/base/limits.js'
import { hasRedis7 } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS } from '../support/server.js'
import { type Argument, BesideRedis } from './beside-redis.js'

/** The first key of that prefix on each of four shards. */
function keyOnEachShard(prefix: string): [string, string, string, string] {
  return [0, 1, 2, 3].map((shard) => {
    for (let i = 0; ; i++) {
      const key = `${prefix}${i}`
      if (Math.floor((keySlot(Buffer.from(key), 0, key.length) * 4) / HASH_SLOTS) === shard) return key
    }
  }) as [string, string, string, string]
}

const [A, B, C, D] = keyOnEachShard('key:')
const KEYS = [A, B, C, D]
/** A command of a script without keys of its own. */
const CALL = 'return redis.call(unpack(ARGV))'
const PCALL = 'return redis.pcall(unpack(ARGV))'

describe.skipIf(!hasRedis7).each(SHARD_COUNTS)('scripts at %i shard(s)', (shards) => {
  let beside: BesideRedis
  const others: RespConnection[] = []

  beforeAll(async () => {
    beside = await BesideRedis.start(shards)
  })

  afterAll(async () => {
    for (const other of others) other.close()
    await beside?.stop()
  })

  beforeEach(async () => {
    await beside.same('FLUSHALL')
    await beside.same('SELECT', 0)
  })

  /** Another connection to our server. */
  async function other(): Promise<RespConnection> {
    const connection = await RespConnection.open(beside.server.port)
    others.push(connection)
    return connection
  }

  /** Runs one command from a script that declares no keys. */
  async function called(...argv: Argument[]): Promise<void> {
    await beside.same('EVAL', CALL, 0, ...argv)
  }

  it('runs a script by its text and by its digest', async () => {
    await beside.allSame(
      ['EVAL', 'return {KEYS[1], KEYS[2], ARGV[1], ARGV[2], #KEYS, #ARGV}', 2, A, B, 'x', 'y'],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 0],
      ['SCRIPT', 'LOAD', 'return 1'],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 0],
      ['EVALSHA', 'E0E1F9FABFC9D4800C877A703B823AC0578FF8DB', 0],
      ['EVALSHA', 'short', 0],
      ['SCRIPT', 'EXISTS', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'E0E1F9FABFC9D4800C877A703B823AC0578FF8DB', 'x'],
      ['SCRIPT', 'FLUSH', 'SYNC'],
      ['SCRIPT', 'EXISTS', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 0],
      ['EVAL', 'return 1', 0],
      ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 0],
    )
  })

  it('refuses what makes no sense', async () => {
    await beside.allSame(
      ['EVAL', 'return 1'],
      ['EVAL', 'return 1', 'x'],
      ['EVAL', 'return 1', 1],
      ['EVAL', 'return 1', -1],
      ['EVAL', 'return 1', '99999999999999999999'],
      ['EVAL', 'return 1', '9999999999999999'],
      ['EVAL', 'return', 2, 'a'],
      ['EVAL', 'this is no Lua', 0],
      ['EVALSHA', 'short', -1],
      ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', 'x'],
      ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', 0],
      ['SCRIPT', 'LOAD', 'this is no Lua'],
      ['SCRIPT', 'FLUSH', 'NEVER'],
      ['SCRIPT', 'FLUSH', 'SYNC', 'SYNC'],
      ['SCRIPT', 'LOAD'],
      ['SCRIPT', 'NOTHING'],
      ['SCRIPT'],
      ['SCRIPT', 'KILL'],
      ['SCRIPT', 'DEBUG', 'NO'],
      ['SCRIPT', 'DEBUG', 'PERHAPS'],
    )
  })

  it('reads the first line of a script', async () => {
    await beside.allSame(
      ['EVAL', '#!lua\nreturn 1', 0],
      ['EVAL', '#!lua', 0],
      ['EVAL', '#!python\nreturn 1', 0],
      ['EVAL', '#!lua flags=nothing\nreturn 1', 0],
      ['EVAL', '#!lua name=x\nreturn 1', 0],
      ['EVAL', '#!lua flags=\nreturn 1', 0],
      ['EVAL', "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 1)", 1, A],
      ['EVAL', "#!lua flags=no-writes,allow-oom\nreturn redis.call('GET', KEYS[1])", 1, A],
      ['EVAL_RO', '#!lua\nreturn 1', 0],
      ['EVAL_RO', '#!lua flags=no-writes\nreturn 1', 0],
      ['EVAL', '#!lua\n\nerror("here")', 0],
    )
  })

  it('refuses writes of read-only scripts', async () => {
    await beside.allSame(
      ['EVAL_RO', CALL, 0, 'GET', A],
      ['EVAL_RO', CALL, 0, 'SET', A, 1],
      ['EVAL_RO', PCALL, 0, 'DEL', A],
      ['EVAL_RO', PCALL, 0, 'PUBLISH', 'x', 'y'],
      ['EVAL_RO', 'return redis.call("GET", KEYS[1])', 1, A],
      ['EVAL_RO', 'return redis.call("SET", KEYS[1], 1)', 1, A],
      ['GET', A],
    )
  })

  it('runs commands with keys anywhere', async () => {
    await called('MSET', A, 1, B, 2, C, 3, D, 4)
    await called('MGET', D, A, 'nothing', B, C, A)
    await called('EXISTS', A, B, C, D, 'nothing')
    await called('DEL', A, B, 'nothing')
    await called('RENAME', C, A)
    await called('RENAME', 'nothing', A)
    await called('GET', A)
    await called('COPY', A, B)
    await called('COPY', A, B)
    await called('COPY', A, B, 'REPLACE')
    await called('COPY', A, C, 'DB', 3)
    await called('MSETNX', A, 1, C, 2)
    await called('MSETNX', C, 'c', 'new', 'n')
    await called('SADD', 'set', 1, 2, 3, 4)
    await called('SADD', `${A}set`, 3, 4, 5)
    await called('SINTERSTORE', 'result', 'set', `${A}set`)
    await beside.same('SMEMBERS', 'result')
    await called('SMOVE', 'set', `${B}set`, 1)
    await called('RPUSH', `${A}list`, 3, 1, 2)
    await called('LMOVE', `${A}list`, `${D}list`, 'LEFT', 'RIGHT')
    await called('SORT', `${A}list`, 'STORE', `${C}sorted`)
    await beside.same('LRANGE', `${C}sorted`, 0, -1)
    await called('MSET', 'w1', 9, 'w2', 4, 'w3', 6)
    await called('SORT', `${A}list`, 'BY', 'w*', 'GET', 'w*', 'GET', '#')
    await called('BITOP', 'OR', 'bits', A, B, C)
    await called('XADD', `${A}x`, '1-1', 'f', 'v')
    await called('XADD', `${B}x`, '2-1', 'f', 'v')
    await called('XREAD', 'COUNT', 10, 'STREAMS', `${A}x`, `${B}x`, 0, 0)
    await called('PFADD', `${A}hll`, 1, 2, 3)
    await called('PFADD', `${B}hll`, 3, 4)
    await called('PFCOUNT', `${A}hll`, `${B}hll`)
    await called('DBSIZE')
    await called('SWAPDB', 0, 5)
    await called('DBSIZE')
    await called('FLUSHALL')
    await called('DBSIZE')
    await called('RANDOMKEY')
  })

  it('looks at the whole keyspace', async () => {
    for (let i = 0; i < 200; i++) await beside.same('SET', `k${i}`, i)
    const scan = `local cursor, found = '0', {}
      repeat
        local page = redis.call('SCAN', cursor, 'COUNT', 20)
        cursor = page[1]
        for _, key in ipairs(page[2]) do found[key] = true end
      until cursor == '0'
      local names = {}
      for key in pairs(found) do names[#names + 1] = key end
      table.sort(names)
      return names`
    await beside.same('EVAL', scan, 0)
    await beside.same('EVAL', "local keys = redis.call('KEYS', 'k1*') table.sort(keys) return keys", 0)
    await beside.same('EVAL', "return #redis.call('RANDOMKEY') > 1", 0)
    await called('DBSIZE')
  })

  it('has errors of commands as Redis has them', async () => {
    await beside.allSame(
      ['SET', A, 'text'],
      ['EVAL', CALL, 0, 'LPUSH', A, 1],
      ['EVAL', PCALL, 0, 'LPUSH', A, 1],
      ['EVAL', CALL, 0, 'NOTHING'],
      ['EVAL', PCALL, 0, 'NOTHING'],
      ['EVAL', CALL, 0, 'GET'],
      ['EVAL', CALL, 0, 'CONFIG', 'GET', 'port'],
      ['EVAL', CALL, 0, 'MULTI'],
      ['EVAL', CALL, 0, 'EVAL', 'return 1', 0],
      ['EVAL', CALL, 0, 'BLPOP', A, 0],
      ['EVAL', CALL, 0, 'OBJECT', 'NOTHING'],
      ['EVAL', CALL, 0, 'OBJECT', 'ENCODING', A],
      ['EVAL', 'return redis.call()', 0],
      ['EVAL', 'return redis.call({})', 0],
      ['EVAL', 'local a = redis.pcall("LPUSH", KEYS[1], 1) return {a.err, type(a)}', 1, A],
      ['EVAL', 'return {err = "MY own"}', 0],
      ['EVAL', 'error({err = "MY own"})', 0],
    )
  })

  it('answers commands of the main thread', async () => {
    await beside.allSame(
      ['EVAL', CALL, 0, 'PING'],
      ['EVAL', CALL, 0, 'PING', 'x'],
      ['EVAL', CALL, 0, 'PING', 'x', 'y'],
      ['EVAL', CALL, 0, 'ECHO', 'x'],
      ['EVAL', "return #redis.call('TIME')", 0],
      ['EVAL', CALL, 0, 'PUBLISH', 'channel', 'message'],
      ['EVAL', CALL, 0, 'SPUBLISH', 'channel', 'message'],
      ['EVAL', CALL, 0, 'SELECT', 'x'],
      ['EVAL', CALL, 0, 'SELECT', 99],
      ['EVAL', CALL, 0, 'LOLWUT', 'VERSION', 'x'],
    )
    const long = await beside.ours.call('EVAL', "return #redis.call('COMMAND', 'DOCS')", 0)
    expect(long).toBeGreaterThan(200)
  })

  it('tells subscribers, and counts them', async () => {
    const subscriber = await other()
    await subscriber.call('SUBSCRIBE', 'channel')
    expect(await beside.ours.call('EVAL', CALL, 0, 'PUBLISH', 'channel', 'message')).toBe(1)
    expect(await subscriber.read()).toEqual(['message', 'channel', 'message'])
  })

  it('selects a database for itself alone', async () => {
    await beside.allSame(
      ['SET', A, 'zero'],
      ['EVAL', "redis.call('SELECT', 4) redis.call('SET', KEYS[1], 'four') return redis.call('GET', KEYS[1])", 1, A],
      ['GET', A],
      ['SELECT', 4],
      ['GET', A],
      ['EVAL', "return redis.call('GET', KEYS[1])", 1, A],
    )
  })

  it('speaks RESP3 when it says so', async () => {
    await beside
      .allSame(
        ['HSET', A, 'f', 'v'],
        ['EVAL', "redis.setresp(3) return redis.call('HGETALL', KEYS[1])", 1, A],
        ['EVAL', "redis.setresp(3) return redis.call('HGETALL', KEYS[1]).map.f", 1, A],
        ['HELLO', 3],
        ['EVAL', "return redis.call('HGETALL', KEYS[1])", 1, A],
        ['EVAL', "redis.setresp(3) return redis.call('HGETALL', KEYS[1])", 1, A],
        ['EVAL', 'return {double = 3.5}', 0],
        ['EVAL', 'return false', 0],
        ['HELLO', 2],
      )
      .catch((error: unknown) => {
        // HELLO's reply names the server.
        if (!String(error).includes('HELLO')) throw error
      })
    await beside.each('HELLO', 2)
  })

  it('runs in transactions', async () => {
    await beside.allSame(
      ['MULTI'],
      ['SET', A, 1],
      ['EVAL', "return redis.call('INCR', KEYS[1])", 1, A],
      ['EVAL', CALL, 0, 'MSET', B, 2, C, 3],
      ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', 0],
      ['EVAL', 'this is no Lua', 0],
      ['SCRIPT', 'LOAD', 'return {KEYS[1], 77}'],
      ['EVALSHA', 'a7dbc3b6f2d0ea3ba5ba2a8b4b9c7e3dd8fbe3a0', 0],
      ['MGET', A, B, C, D],
      ['EXEC'],
      ['MGET', A, B, C, D],
      ['WATCH', A],
      ['MULTI'],
      ['EVAL', CALL, 0, 'SET', D, 'watched'],
      ['EXEC'],
      ['WATCH', A],
      ['EVAL', CALL, 0, 'SET', A, 'changed'],
      ['MULTI'],
      ['EVAL', CALL, 0, 'SET', D, 'never'],
      ['EXEC'],
      ['MGET', A, B, C, D],
    )
  })

  it('knows the script of a transaction by its digest if the transaction has run', async () => {
    const digestOf = (text: string): string => createHash('sha1').update(text).digest('hex')
    for (const [i, how] of ['ran', 'watched', 'broken', 'keys'].entries()) {
      const text = `return {KEYS[1], ${i}}`
      const commands = [
        ...(how === 'watched' || how === 'broken' ? [['WATCH', A, B]] : []),
        ...(how === 'broken' ? [['SET', A, how]] : []),
        ['MULTI'],
        ['EVAL', text, how === 'keys' ? 2 : 1, A],
        ['EXEC'],
        // In one pipeline, so that it comes before anybody knows what became of EXEC.
        ['EVALSHA', digestOf(text), 1, A],
        ['SCRIPT', 'EXISTS', digestOf(text)],
      ]
      const replies = await Promise.all(commands.map((argv) => beside.same(...argv)))
      expect(replies.at(-1), how).toEqual([how === 'ran' || how === 'watched' ? 1 : 0])
    }
  })

  it('wakes clients that wait for what it has written', async () => {
    const waiting = await other()
    const popped = waiting.call('BLPOP', A, 0)
    const moving = await other()
    const moved = moving.call('BLMOVE', B, C, 'LEFT', 'RIGHT', 0)
    while (!String(await beside.ours.call('CLIENT', 'LIST')).match(/flags=b[\s\S]*flags=b/)) await delay(5)
    const push = `redis.call('RPUSH', KEYS[1], 1, 2) redis.call('RPUSH', ARGV[1], 3)
      return {redis.call('LLEN', KEYS[1]), redis.call('LLEN', ARGV[1])}`
    expect(await beside.ours.call('EVAL', push, 1, A, B)).toEqual([2, 1])
    expect(await popped).toEqual([A, '1'])
    expect(await moved).toBe('3')
    expect(await beside.ours.call('LRANGE', C, 0, -1)).toEqual(['3'])
  })

  it('does not hold back the reply of a script before it in its pipeline', async () => {
    // One that takes longer than a batch of replies waits for, and one that ends only because that reply has come.
    const long = 'for i = 1, 1000000 do end return 1'
    const endless = 'while true do end'
    const client = await other()
    expect(await client.call('EVAL', long, 1, A)).toBe(1)
    const request = (body: string): string => `*4\r\n$4\r\nEVAL\r\n$${body.length}\r\n${body}\r\n$1\r\n1\r\n$1\r\nk\r\n`
    client.writeRaw(request(long) + request(endless))
    const early = await Promise.race([client.read(), delay(3000, 'held back', { ref: false })])
    let killed: RespValue
    do killed = await beside.ours.call('SCRIPT', 'KILL')
    while ((killed as { error?: string }).error?.startsWith('NOTBUSY'))
    expect(early).toBe(1)
    expect(await client.read()).toEqual({ error: expect.stringMatching(/Script killed by user/) })
  })

  it('is ended by SCRIPT KILL, and others hear that it is busy', async () => {
    await beside.ours.call('CONFIG', 'SET', 'busy-reply-threshold', 20)
    const running = await other()
    const ended = running.call('EVAL', 'while true do pcall(function() while true do end end) end', 0)
    await delay(200)
    expect(await beside.ours.call('GET', A)).toEqual({ error: expect.stringMatching(/^BUSY .*SCRIPT KILL/) })
    expect(await beside.ours.call('PING')).toEqual({ error: expect.stringMatching(/^BUSY /) })
    expect(await beside.ours.call('SCRIPT', 'KILL')).toEqual({ simple: 'OK' })
    expect(await ended).toEqual({ error: expect.stringMatching(/Script killed by user with SCRIPT KILL/) })
    expect(await beside.ours.call('PING')).toEqual({ simple: 'PONG' })
    expect(await beside.ours.call('SCRIPT', 'KILL')).toEqual({ error: 'NOTBUSY No scripts in execution right now.' })
  })

  it('is not ended when it has written', async () => {
    const running = await other()
    const script = `redis.call('SET', KEYS[1], 'written')
      local now = redis.call('TIME')
      local ends = now[1] * 1000000 + now[2] + 400000
      repeat now = redis.call('TIME') until now[1] * 1000000 + now[2] > ends
      return 'whole'`
    const whole = running.call('EVAL', script, 1, A)
    await delay(150)
    expect(await beside.ours.call('SCRIPT', 'KILL')).toEqual({ error: expect.stringMatching(/^UNKILLABLE /) })
    expect(await whole).toBe('whole')
    expect(await beside.ours.call('GET', A)).toBe('written')
  })

  it('survives a script that takes too much memory', async () => {
    const hungry = "local all = {} for i = 1, 1e9 do all[i] = string.rep('x', 1000000) .. i end"
    const reply = await beside.ours.call('EVAL', hungry, 0)
    expect(reply).toEqual({ error: expect.stringMatching(/not enough memory/) })
    await beside.allSame(['EVAL', 'return 1', 0], ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 0])
  })

  it('counts its commands', async () => {
    await beside.allSame(
      ['CONFIG', 'RESETSTAT'],
      ['EVAL', CALL, 0, 'MSET', A, 1, B, 2],
      ['EVAL', PCALL, 0, 'LPUSH', A, 1],
    )
    const counts = async (connection: RespConnection): Promise<string[]> => {
      const info = String(await connection.call('INFO', 'commandstats'))
      return ['mset', 'lpush', 'eval'].map((name) => {
        const line = info.split('\r\n').find((each) => each.startsWith(`cmdstat_${name}:`)) ?? ''
        return line.replace(/usec[^,]*,/g, '')
      })
    }
    expect(await counts(beside.ours)).toEqual(await counts(beside.redis))
  })

  it('passes large arguments and replies between shards', async () => {
    const text = 'x'.repeat(700_000)
    for (const key of KEYS) {
      expect(await beside.ours.call('EVAL', CALL, 0, 'SET', key, text)).toEqual({ simple: 'OK' })
      expect(await beside.ours.call('EVAL', "return #redis.call('GET', ARGV[1])", 0, key)).toBe(text.length)
    }
    expect(await beside.ours.call('EVAL', "return #redis.call('MGET', unpack(ARGV))[3]", 0, ...KEYS)).toBe(text.length)
  })
})
