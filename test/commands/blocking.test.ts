/**
 * Blocking commands, at one shard and at four: the same plays with several clients on Shardkeep and on a real Redis, and what
 * only we can look at. What a scheduler can do to them is searched by the simulation (test/sim).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keySlot, shardOfSlot } from '../../src/base/crc16.js'
import { specs } from '../../src/commands/table.js'
import { waitedTypeOf } from '../../src/shard/waiting-table.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { BlockingStage } from './blocking-stage.js'

/** A key on each of four shards. */
const [A, B, C, D] = [0, 1, 2, 3].map((shard) => {
  for (let i = 0; ; i++) {
    const key = `list:${i}`
    if (shardOfSlot(keySlot(Buffer.from(key), 0, key.length), 4) === shard) return key
  }
}) as [string, string, string, string]
/** Another one on the shard of A. */
const A2 = `{${A}}2`

type Play = (stage: BlockingStage) => Promise<void>

const plays: Readonly<Record<string, Play>> = {
  'one client for each element, in the order in which they blocked': async (stage) => {
    for (const name of ['first', 'second', 'third']) await stage.blocksOn(name, 'blpop', A, 0)
    await stage.asks('pusher', 'rpush', A, 'x', 'y')
    await stage.hears('first')
    await stage.hears('second')
    await stage.waits('third')
    await stage.asks('pusher', 'lpush', A, 'z')
    await stage.hears('third')
    await stage.asks('pusher', 'exists', A)
  },

  'several keys, on any shards': async (stage) => {
    await stage.blocksOn('one', 'brpop', A, B, C, 0)
    await stage.blocksOn('two', 'blpop', C, B, 0)
    await stage.asks('pusher', 'rpush', D, 'nobody')
    await stage.asks('pusher', 'rpush', C, 'x')
    await stage.hears('one')
    await stage.asks('pusher', 'rpush', A, 'y')
    await stage.waits('two')
    await stage.asks('pusher', 'rpush', B, 'z', 'w')
    await stage.hears('two')
    await stage.asks('pusher', 'blpop', C, B, A, 0)
    await stage.asks('pusher', 'blmpop', 0, 3, A, B, C, 'left', 'count', 5)
  },

  'the key that was first ready serves, not the first in the command': async (stage) => {
    await stage.blocksOn('one', 'blpop', A, A2, 0)
    await stage.executes('pusher', ['rpush', A2, 'x'], ['rpush', A, 'y'])
    await stage.hears('one')
  },

  'the same key several times': async (stage) => {
    await stage.blocksOn('one', 'blpop', A, B, A, A, 0)
    await stage.asks('pusher', 'rpush', A, 'x')
    await stage.hears('one')
    await stage.asks('pusher', 'rpush', A, 'y')
    await stage.asks('pusher', 'lrange', A, 0, -1)
  },

  'a transaction is over before anybody is served': async (stage) => {
    await stage.blocksOn('one', 'blpop', A, 0)
    await stage.executes('pusher', ['lpush', A, 'x'], ['del', A])
    await stage.waits('one')
    await stage.executes('pusher', ['lpush', A, 'x'], ['del', A], ['lpush', A, 'y', 'z'], ['lpush', B, 'other'])
    await stage.hears('one')
    await stage.blocksOn('one', 'blpop', C, 0)
    await stage.executes('pusher', ['lpush', A, 'q'], ['rename', A, C], ['lpush', C, 'p'], ['llen', C])
    await stage.hears('one')
  },

  'within a transaction nothing waits': async (stage) => {
    await stage.executes(
      'one',
      ['blpop', A, B, 0],
      ['blmove', A, B, 'left', 'right', 0],
      ['brpoplpush', A, B, 0],
      ['bzpopmin', A, 0],
      ['xread', 'block', 0, 'streams', A, '$'],
    )
  },

  'whatever makes the list': async (stage) => {
    await stage.asks('maker', 'rpush', B, 'x', 'y', 'z')
    for (const argv of [
      ['rename', B, A],
      ['copy', C, A],
      ['lmove', C, A, 'left', 'left'],
      ['rpoplpush', C, A],
      ['linsert', A, 'before', 'x', 'y'],
      ['sort', C, 'alpha', 'store', A],
    ]) {
      await stage.blocksOn('one', 'blmpop', 0, 1, A, 'left', 'count', 9)
      await stage.asks('maker', ...argv)
      if (argv[0] === 'linsert') {
        await stage.waits('one')
        await stage.asks('maker', 'rpush', A, 'x')
      }
      await stage.hears('one')
      await stage.asks('maker', 'rpush', C, 'c', 'd')
    }
    await stage.asks('maker', 'select', 1)
    await stage.asks('maker', 'rpush', A, 'elsewhere')
    await stage.asks('maker', 'rpush', B, 'elsewhere too')
    await stage.blocksOn('one', 'blpop', A, 0)
    await stage.asks('maker', 'move', A, 0)
    await stage.hears('one')
    await stage.blocksOn('one', 'blpop', B, 0)
    await stage.asks('maker', 'swapdb', 0, 1)
    await stage.hears('one')
  },

  'keys that are gone or past their time serve nobody': async (stage) => {
    await stage.blocksOn('one', 'blpop', A, 0)
    await stage.asks('maker', 'set', A, 'a string')
    await stage.waits('one')
    await stage.asks('maker', 'del', A)
    await stage.asks('maker', 'sadd', A, 'member')
    await stage.asks('maker', 'rename', A, B)
    await stage.executes('maker', ['rpush', A, 'x'], ['pexpire', A, 0])
    await stage.waits('one')
    await stage.asks('maker', 'zadd', A, 1, 'member')
    await stage.waits('one')
    await stage.executes('maker', ['del', A], ['rpush', A, 'y'])
    await stage.hears('one')
  },

  'moves from one list to another, of one shard and of two': async (stage) => {
    for (const [from, to] of [
      [A, A2],
      [A, B],
      [B, A],
      [A, A],
    ] as const) {
      await stage.blocksOn('mover', 'blmove', from, to, 'left', 'right', 0)
      await stage.asks('pusher', 'rpush', from, 'x', 'y')
      await stage.hears('mover')
      await stage.asks('pusher', 'lrange', from, 0, -1)
      await stage.asks('pusher', 'lrange', to, 0, -1)
      await stage.blocksOn('mover', 'brpoplpush', C, to, 0)
      await stage.asks('pusher', 'lpush', C, 'z')
      await stage.hears('mover')
      await stage.asks('pusher', 'lrange', to, 0, -1)
      await stage.asks('pusher', 'del', A, B, C, A2)
    }
  },

  'what is moved goes on to who waits for it': async (stage) => {
    await stage.blocksOn('last', 'blpop', D, 0)
    await stage.blocksOn('third', 'blmove', C, D, 'left', 'left', 0)
    await stage.blocksOn('second', 'blmove', B, C, 'left', 'left', 0)
    await stage.blocksOn('first', 'blmove', A, B, 'left', 'left', 0)
    await stage.asks('pusher', 'rpush', A, 'x')
    for (const name of ['first', 'second', 'third', 'last']) await stage.hears(name)
    await stage.asks('pusher', 'exists', A, B, C, D)
  },

  'moves in a circle come to an end': async (stage) => {
    await stage.blocksOn('there', 'brpoplpush', A, B, 0)
    await stage.blocksOn('back', 'brpoplpush', B, A, 0)
    await stage.asks('pusher', 'rpush', A, 'x')
    await stage.hears('there')
    await stage.hears('back')
    await stage.asks('pusher', 'lrange', A, 0, -1)
    await stage.asks('pusher', 'lrange', B, 0, -1)
    await stage.blocksOn('round', 'brpoplpush', C, C, 0)
    await stage.asks('pusher', 'rpush', C, 'y')
    await stage.hears('round')
    await stage.asks('pusher', 'lrange', C, 0, -1)
  },

  'transactions feed who waits with a destination elsewhere': async (stage) => {
    await stage.blocksOn('mover', 'blmove', A, B, 'left', 'right', 0)
    await stage.executes('pusher', ['rpush', A, 'x'], ['del', A], ['rpush', C, 'y'])
    await stage.waits('mover')
    await stage.executes('pusher', ['rpush', A, 'x', 'y'], ['rpush', B, 'b'], ['lrange', B, 0, -1], ['llen', A])
    await stage.hears('mover')
    await stage.asks('pusher', 'lrange', A, 0, -1)
    await stage.asks('pusher', 'lrange', B, 0, -1)
  },

  'a destination of another type is told to who waits, and the element stays': async (stage) => {
    await stage.asks('maker', 'set', B, 'a string')
    await stage.asks('maker', 'set', A2, 'a string')
    for (const destination of [A2, B]) {
      await stage.blocksOn('mover', 'blmove', A, destination, 'left', 'right', 0)
      await stage.blocksOn('popper', 'blpop', A, 0)
      await stage.asks('pusher', 'rpush', A, 'x', 'y')
      await stage.hears('mover')
      await stage.hears('popper')
      await stage.asks('pusher', 'lpop', A)
    }
    await stage.asks('maker', 'blpop', B, 0)
    await stage.asks('maker', 'blpop', C, B, 0)
    await stage.asks('maker', 'blmove', B, A, 'left', 'right', 0)
  },

  'a served client breaks watches, and so does who feeds it': async (stage) => {
    await stage.asks('watcher', 'watch', B)
    await stage.blocksOn('mover', 'blmove', A, B, 'left', 'right', 0)
    await stage.asks('pusher', 'rpush', A, 'x')
    await stage.hears('mover')
    await stage.executes('watcher', ['ping'])
    await stage.asks('watcher', 'watch', C)
    await stage.blocksOn('popper', 'blpop', C, 0)
    await stage.asks('pusher', 'rpush', C, 'x')
    await stage.hears('popper')
    await stage.executes('watcher', ['ping'])
  },

  'CLIENT UNBLOCK ends a wait as its time would, or with an error': async (stage) => {
    const id = await stage.clientId('one')
    const unblock = ['client', 'unblock', id] as const
    await stage.asks('other', ...unblock)
    for (const keys of [[A], [A, B, C]]) {
      for (const reason of [[], ['timeout'], ['error']]) {
        await stage.blocksOn('one', 'blpop', ...keys, 0)
        await stage.asks('other', ...unblock, ...reason)
        await stage.hears('one')
        await stage.asks('other', ...unblock)
      }
    }
    await stage.asks('other', 'rpush', A, 'x')
    await stage.asks('other', 'lrange', A, 0, -1)
  },

  'whoever has gone is passed over': async (stage) => {
    await stage.blocksOn('one', 'blpop', A, B, 0)
    await stage.blocksOn('two', 'blpop', A, 0)
    await stage.blocksOn('three', 'blpop', A, 0)
    await stage.leaves('one')
    const id = await stage.clientId('killer')
    await stage.asks('killer', 'client', 'kill', 'id', id + 1000)
    await stage.leaves('two')
    await stage.asks('pusher', 'rpush', A, 'x')
    await stage.hears('three')
    await stage.asks('pusher', 'rpush', B, 'y')
    await stage.asks('pusher', 'lrange', B, 0, -1)
  },

  'sorted sets, from either end': async (stage) => {
    await stage.blocksOn('least', 'bzpopmin', A, B, 0)
    await stage.blocksOn('most', 'bzpopmax', A, 0)
    await stage.blocksOn('many', 'bzmpop', 0, 2, C, A, 'min', 'count', 2)
    await stage.asks('adder', 'zadd', A, 1, 'a', 2, 'b', 3, 'c', 4, 'd', 5, 'e')
    await stage.hears('least')
    await stage.hears('most')
    await stage.hears('many')
    await stage.asks('adder', 'zrange', A, 0, -1)
    await stage.blocksOn('popper', 'blpop', B, 0)
    await stage.blocksOn('least', 'bzpopmin', B, 0)
    await stage.asks('adder', 'zunionstore', B, 1, A)
    await stage.hears('least')
    await stage.waits('popper')
    await stage.asks('adder', 'lpush', B, 'x')
    await stage.hears('popper')
  },

  'streams: everybody who waits reads the same': async (stage) => {
    await stage.asks('adder', 'xadd', A, '1-1', 'f', 'v')
    await stage.blocksOn('one', 'xread', 'block', 0, 'streams', A, '$')
    await stage.blocksOn('two', 'xread', 'block', 0, 'streams', B, A, '$', '1-1')
    await stage.blocksOn('three', 'xread', 'block', 0, 'streams', A, '5-5')
    await stage.asks('adder', 'xadd', A, '2-1', 'f', 'w')
    await stage.hears('one')
    await stage.hears('two')
    await stage.waits('three')
    await stage.executes('adder', ['xadd', A, '6-1', 'f', 'x'], ['xadd', A, '7-1', 'f', 'y'])
    await stage.hears('three')
    await stage.blocksOn('one', 'xread', 'block', 0, 'streams', B, C, '$', '$')
    await stage.asks('adder', 'set', B, 'a string')
    await stage.asks('adder', 'xadd', C, '1-1', 'f', 'v')
    await stage.hears('one')
  },

  'streams: a group hands out each entry once': async (stage) => {
    await stage.asks('adder', 'xgroup', 'create', A, 'group', '$', 'mkstream')
    const read = ['xreadgroup', 'group', 'group', 'me', 'block', 0, 'streams', A, '>'] as const
    await stage.blocksOn('one', ...read)
    await stage.blocksOn('two', ...read)
    await stage.asks('adder', 'xadd', A, '1-1', 'f', 'v')
    await stage.hears('one')
    await stage.waits('two')
    await stage.asks('adder', 'xadd', A, '2-1', 'f', 'v')
    await stage.hears('two')
  },

  'streams: a group that is read ends with its key': async (stage) => {
    const ends: (readonly [string, ...string[]])[] = [
      ['del', A],
      ['unlink', A],
      ['set', A, 'a string'],
      ['rename', A, B],
      ['rename', D, A],
      ['xgroup', 'destroy', A, 'group'],
      ['flushdb'],
      ['flushall'],
      ['swapdb', '0', '1'],
      ['pexpire', A, '-1'],
    ]
    for (const end of ends) {
      await stage.asks('adder', 'flushall')
      await stage.asks('adder', 'xadd', D, '1-1', 'f', 'v')
      await stage.asks('adder', 'xgroup', 'create', A, 'group', '$', 'mkstream')
      await stage.asks('adder', 'xgroup', 'create', C, 'group', '$', 'mkstream')
      await stage.blocksOn('one', 'xreadgroup', 'group', 'group', 'me', 'block', 0, 'streams', C, A, '>', '>')
      await stage.asks('adder', ...end)
      await stage.hears('one')
    }
    await stage.asks('adder', 'flushall')
    await stage.asks('adder', 'xgroup', 'create', A, 'group', '$', 'mkstream')
    await stage.blocksOn('one', 'xreadgroup', 'group', 'group', 'me', 'block', 0, 'streams', A, '>')
    await stage.executes('adder', ['del', A], ['xadd', A, '1-1', 'f', 'v'])
    await stage.hears('one')
    await stage.asks('adder', 'del', A)
    await stage.asks('adder', 'xgroup', 'create', A, 'group', '$', 'mkstream')
    await stage.asks('adder', 'pexpire', A, 30)
    await stage.blocksOn('one', 'xreadgroup', 'group', 'group', 'me', 'block', 0, 'streams', A, '>')
    await stage.hears('one')
  },

  'RESP3: a wait that is over is a null': async (stage) => {
    await stage.asks('one', 'hello', 3).catch(() => undefined)
    stage.heard.pop()
    await stage.blocksOn('one', 'blpop', A, 0.1)
    await stage.hears('one')
    await stage.blocksOn('one', 'bzpopmin', A, B, 0)
    await stage.asks('adder', 'zadd', B, 1.5, 'member')
    await stage.hears('one')
  },

  'arguments are refused before anything waits': async (stage) => {
    for (const argv of [
      ['blpop', A, 'never'],
      ['blpop', A, -1],
      ['blpop', A, '1e300'],
      ['blmove', A, B, 'left', 'up', 0],
      ['blmpop', 0, 0, A, 'left'],
      ['blmpop', 0, 1, A, 'left', 'count', 0],
      ['bzmpop', -1, 1, A, 'min'],
      ['xread', 'block', -1, 'streams', A, '$'],
      ['xread', 'block', 'x', 'streams', A, B, '$', '$'],
      ['xreadgroup', 'group', 'g', 'c', 'block', 0, 'streams', A, B, '>', '>'],
    ]) {
      await stage.asks('one', ...argv)
    }
  },
}

describe.skipIf(!hasRedis7)('blocking commands beside Redis', () => {
  const expected = new Map<string, BlockingStage['heard']>()
  let oracle: RedisOracle

  beforeAll(async () => {
    oracle = await startRedisOracle()
    for (const [name, play] of Object.entries(plays)) {
      const stage = await BlockingStage.open(oracle.client.options.path as string)
      await oracle.client.flushall()
      await play(stage)
      expected.set(name, stage.heard)
      stage.close()
    }
  }, 60_000)

  afterAll(async () => {
    await oracle?.stop()
  })

  describe.each(SHARD_COUNTS)('at %i shard(s)', (shards) => {
    let server: TestServer

    beforeAll(async () => {
      server = await startServer({ shards })
    })

    afterAll(async () => {
      await server?.stop()
    })

    it.each(Object.keys(plays))('%s', async (name) => {
      const stage = await BlockingStage.open(server.port)
      await stage.asks('cleaner', 'flushall')
      stage.heard.pop()
      await (plays[name] as Play)(stage)
      expect(stage.heard).toEqual(expected.get(name))
      expect(await stage.blockedClients()).toBe(0)
      stage.close()
    })
  })
})

describe.each(SHARD_COUNTS)('blocked clients at %i shard(s)', (shards) => {
  let server: TestServer
  let stage: BlockingStage

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  beforeEach(async () => {
    stage = await BlockingStage.open(server.port)
    await stage.asks('cleaner', 'flushall')
    return () => stage.close()
  })

  it('wait for as long as they say, to some milliseconds', async () => {
    const client = await server.raw()
    for (const argv of [
      ['blpop', A, 0.1],
      ['blpop', A, B, C, 0.1],
      ['blmove', A, B, 'left', 'left', 0.1],
      ['brpoplpush', A, A2, '0.1'],
      ['xread', 'block', 100, 'streams', A, B, '$', '$'],
    ]) {
      const startedMs = performance.now()
      client.send(...argv)
      expect(await client.reply()).toBe('*-1\r\n')
      const tookMs = performance.now() - startedMs
      expect(tookMs).toBeGreaterThanOrEqual(99)
      expect(tookMs).toBeLessThan(400)
    }
  })

  it('end in the order of their times', async () => {
    const timeouts = [0.08, 0.02, 0.14, 0.05, 0.11]
    const ended: number[] = []
    await Promise.all(
      timeouts.map(async (timeout) => {
        const client = await server.raw()
        client.send('blpop', A, timeout)
        expect(await client.reply()).toBe('*-1\r\n')
        ended.push(timeout)
      }),
    )
    expect(ended).toEqual([...timeouts].sort((left, right) => left - right))
  })

  it('are shown as blocked, and counted once', async () => {
    await stage.asks('cleaner', 'config', 'resetstat')
    await stage.blocksOn('one', 'blpop', A, B, 30)
    await stage.blocksOn('two', 'blpop', A, 0)
    expect(await stage.info('clients_in_timeout_table')).toBe('1')
    expect(String(await stage.asks('looker', 'client', 'list'))).toMatch(/flags=b .*cmd=blpop/)
    await stage.asks('pusher', 'rpush', A, 'x', 'y')
    await stage.hears('one')
    await stage.hears('two')
    expect(await stage.info('cmdstat_blpop')).toMatch(/^calls=2,.*failed_calls=0$/)
    expect(await stage.info('clients_in_timeout_table')).toBe('0')
    expect(await stage.blockedClients()).toBe(0)
  })

  it('have what they send meanwhile done afterwards', async () => {
    const client = await server.raw()
    client.write(`BLPOP ${A} ${B} 0\r\nSET behind 1\r\nBLPOP ${C} 0\r\nPING\r\n`)
    await stage.untilBlocked(1)
    expect(await stage.asks('looker', 'exists', 'behind')).toBe(0)
    await stage.asks('pusher', 'rpush', B, 'x')
    expect(await client.reply()).toContain('x')
    expect(await client.reply()).toBe('+OK\r\n')
    await stage.untilBlocked(1)
    await stage.asks('pusher', 'rpush', C, 'y')
    expect(await client.reply()).toContain('y')
    expect(await client.reply()).toBe('+PONG\r\n')
  })

  it('have it done at once when there is something', async () => {
    await stage.asks('pusher', 'rpush', A, '1', '2', '3')
    const client = await server.raw()
    client.write(`BLPOP ${A} 0\r\nBLPOP ${A} ${B} 0\r\nPING\r\nBLPOP ${A} 0\r\n`)
    for (const word of ['$1\r\n1', '$1\r\n2', 'PONG', '$1\r\n3']) expect(await client.reply()).toContain(word)
  })

  it('are gone when they have announced that they send no more', async () => {
    const client = await server.raw()
    client.write(`BLPOP ${A} ${B} 0\r\n`)
    client.socket.end()
    expect(await client.rest()).toBe('')
    expect(await stage.blockedClients()).toBe(0)
    await stage.asks('pusher', 'rpush', A, 'x')
    expect(await stage.asks('pusher', 'lrange', A, 0, -1)).toEqual(['x'])
    const served = await server.raw()
    served.write(`BLPOP ${A} 0\r\nPING\r\n`)
    served.socket.end()
    expect(await served.rest()).toBe(`*2\r\n$${A.length}\r\n${A}\r\n$1\r\nx\r\n+PONG\r\n`)
  })

  it('can be killed', async () => {
    const id = await stage.clientId('one')
    await stage.blocksOn('one', 'blpop', A, B, 0)
    expect(await stage.asks('killer', 'client', 'kill', 'id', id)).toBe(1)
    expect(await stage.hears('one')).toBe('closed')
    expect(await stage.blockedClients()).toBe(0)
  })

  it('leave their slots to others, however often', async () => {
    for (let i = 0; i < 50; i++) {
      const clients = await Promise.all([server.raw(), server.raw(), server.raw()])
      clients.forEach((client, k) => {
        client.send('blpop', ...(k === 0 ? [A] : [A, B, C, D].slice(k)), 0)
      })
      if (i % 2 === 0) await stage.untilBlocked(3)
      for (const client of clients) client.close()
      await stage.untilBlocked(0)
    }
    await stage.asks('pusher', 'rpush', A, 'x')
    expect(await stage.asks('pusher', 'lrange', A, 0, -1)).toEqual(['x'])
  })

  it('get each element once, many of them at a time', async () => {
    const keys = [A, B, C, D]
    const got: string[] = []
    const workers = Array.from({ length: 12 }, async (_, k) => {
      const client = await server.raw()
      for (;;) {
        if (k % 3 === 0) client.send('blmove', keys[k % 4] as string, 'done', 'left', 'right', 0)
        else client.send('blpop', ...(k % 3 === 1 ? [keys[k % 4] as string] : keys), 0)
        const reply = await client.reply()
        const element = /\$\d+\r\n(\w+)\r\n$/.exec(reply)?.[1] ?? reply
        if (element === 'stop') return
        got.push(element)
      }
    })
    const sent = Array.from({ length: 400 }, (_, i) => `e${i}`)
    for (const [i, element] of sent.entries()) await stage.asks('pusher', 'rpush', keys[i % 4] as string, element)
    while (got.length < sent.length) await delay(5)
    expect([...got].sort()).toEqual([...sent].sort())
    const moved = (await stage.asks('pusher', 'lrange', 'done', 0, -1)) as string[]
    expect(new Set(moved).size).toBe(moved.length)
    for (let stopped = 0; stopped < 12; stopped++) {
      for (const key of keys) await stage.asks('pusher', 'rpush', key, 'stop')
      await delay(2)
    }
    await Promise.all(workers)
    expect(await stage.blockedClients()).toBe(0)
  })

  it('do not keep the server from ending', async () => {
    const other = await startServer({ shards })
    const client = await other.raw()
    client.send('blpop', A, B, 0)
    await delay(50)
    await other.stop()
    expect(await client.rest()).toBe('')
  })
})

describe('entries of commands that may wait', () => {
  it('say so in all places', () => {
    for (const spec of specs) {
      expect(spec.blocking !== undefined, spec.name).toBe(spec.flags.includes('blocking') && spec.shard !== undefined)
      if (spec.blocking === undefined) continue
      expect(waitedTypeOf(spec), spec.name).toBeGreaterThan(0)
      expect(spec.route?.on, spec.name).toBe('hops')
    }
  })
})
