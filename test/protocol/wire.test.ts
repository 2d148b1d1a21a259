/**
 * What travels over a real connection: pipelines over all shards, values of all sizes, silenced replies, RESP3, and
 * clients that leave in the middle of something.
 */
import { randomFillSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { expectedExchange } from './expected-replies.js'
import { cutAt, encodeRequest, exchange } from './raw-exchange.js'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Fails with the place where the answers part, not with megabytes of text. */
function expectReply(actual: Buffer, expected: string): void {
  const text = actual.toString('latin1')
  if (text === expected) return
  let at = 0
  while (text[at] === expected[at] && at < text.length) at++
  const from = Math.max(0, at - 100)
  expect(text.slice(from, at + 100), `at ${at} of ${text.length}`).toBe(expected.slice(from, at + 100))
}

describe.each(SHARD_COUNTS)('the wire at %i shards', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(() => server.stop())

  beforeEach(async () => {
    await exchange(server.port, encodeRequest(['FLUSHALL']))
  })

  describe('order', () => {
    it('holds for 10,000 commands in one write', async () => {
      const commands = Array.from({ length: 10_000 }, (_, i): string[] => {
        const key = `key:${(i * 7) % 500}`
        switch (i % 8) {
          case 0:
            return ['SET', key, `value ${i}`]
          case 1:
            return ['PING', String(i)]
          case 2:
            return ['GET', key]
          case 3:
            return ['MGET', key, `key:${(i * 11) % 500}`, 'absent']
          case 4:
            return ['NOSUCH', String(i)]
          case 5:
            return ['APPEND', key, 'x']
          case 6:
            return ['INCR', `counter:${i % 13}`]
          default:
            return ['DEL', `key:${i % 500}`, `key:${(i * 3) % 500}`]
        }
      })
      const { request, reply } = expectedExchange(commands)
      expectReply(await exchange(server.port, request), reply)
    }, 20_000)

    it('holds for random mixes with transactions, errors and moves between shards, in any pieces', async () => {
      const key = fc.nat(12).map((n) => `k${n}`)
      const value = fc.oneof(fc.nat(99).map(String), fc.string({ maxLength: 8, unit: 'binary-ascii' }))
      const plain = fc.oneof(
        fc.tuple(fc.constant('SET'), key, value),
        fc.tuple(fc.constantFrom('GET', 'STRLEN', 'INCR', 'PING', 'ECHO'), key),
        fc.tuple(fc.constantFrom('DEL', 'MGET', 'EXISTS'), key, key, key),
        fc.tuple(fc.constant('MSET'), key, value, key, value),
        fc.tuple(fc.constant('APPEND'), key, value),
        fc.tuple(fc.constant('RENAME'), key, key),
        fc.constant(['DBSIZE']),
        fc.constant(['PING']),
      )
      const refused = fc.constantFrom(['NOSUCH', 'a', 'b'], ['GET'], ['SET', 'k1'], ['EXEC'])
      const transaction = fc
        .tuple(fc.array(plain, { maxLength: 5 }), fc.boolean())
        .map(([commands, isSpoilt]) => [['MULTI'], ...commands, ...(isSpoilt ? [['NOSUCH']] : []), ['EXEC']])
      const step = fc.oneof(
        { weight: 10, arbitrary: plain.map((argv) => [argv]) },
        { weight: 1, arbitrary: refused.map((argv) => [argv]) },
        { weight: 2, arbitrary: transaction },
      )
      const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), cuts, async (steps, fractions) => {
          await exchange(server.port, encodeRequest(['FLUSHALL']))
          const { request, reply } = expectedExchange(steps.flat() as string[][])
          const offsets = fractions.map((fraction) => Math.floor(fraction * request.length))
          expectReply(await exchange(server.port, ...cutAt(request, offsets)), reply)
        }),
        { numRuns: 120 },
      )
    }, 30_000)

    it('holds for each of 50 clients at once', async () => {
      const clients = Array.from({ length: 50 }, (_, client) => {
        const commands = Array.from({ length: 400 }, (_, i) => {
          const key = `client ${client} key ${i % 20}`
          if (i % 3 === 0) return ['SET', key, `${client}/${i}`]
          return i % 3 === 1 ? ['GET', key] : ['MGET', key, `client ${client} key ${(i * 7) % 20}`]
        })
        return expectedExchange(commands)
      })
      const answers = await Promise.all(clients.map(({ request }) => exchange(server.port, request)))
      for (const [i, answer] of answers.entries()) expectReply(answer, clients[i]?.reply ?? '')
    }, 20_000)
  })

  it('does not stop the clock under load', async () => {
    // With replies outstanding in every turn of the event loop, no turn begins as after a rest.
    const block = Buffer.concat(Array.from({ length: 1000 }, (_, i) => encodeRequest(['SET', `k${i}`, 'v'])))
    let isOver = false
    const load = Array.from({ length: 8 }, async () => {
      const client = await server.raw()
      client.socket.removeAllListeners('data')
      client.socket.resume()
      while (!isOver) await new Promise((resolve) => client.socket.write(block, resolve))
      client.close()
    })
    const client = await server.raw()
    client.write('SET clock v PX 1000000\r\n')
    await client.reply()
    const startedAt = Date.now()
    let lagMs = 0
    while (Date.now() - startedAt < 1500) {
      const askedAt = Date.now()
      client.write('PTTL clock\r\n')
      const elapsedMs = 1_000_000 - Number((await client.line()).slice(1))
      lagMs = Math.max(lagMs, askedAt - startedAt - elapsedMs)
    }
    isOver = true
    await Promise.all(load)
    expect(lagMs).toBeLessThan(50)
  }, 10_000)

  describe('values', () => {
    const KIB = 1024
    const sizes = [0, 1, 9, 10, 99, 100, 1000, 16 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB, KIB * KIB]

    /** Sends a value there and back, twice, and compares every byte. */
    async function expectWhole(bytes: number): Promise<void> {
      const value = randomFillSync(Buffer.allocUnsafe(bytes))
      const request = Buffer.concat([encodeRequest(['SET', 'v', value]), encodeRequest(['MGET', 'v', 'none', 'v'])])
      const bulk = Buffer.concat([latin1(`$${bytes}\r\n`), value, latin1('\r\n')])
      const expected = Buffer.concat([latin1('+OK\r\n*3\r\n'), bulk, latin1('$-1\r\n'), bulk])
      const answer = await exchange(server.port, request)
      expect(answer.length).toBe(expected.length)
      expect(answer.equals(expected)).toBe(true)
    }

    it.each(sizes)('of %i bytes travel whole', (bytes) => expectWhole(bytes))

    it('of 20 MiB travel whole', () => expectWhole(20 * KIB * KIB), 30_000)

    it('of 20 MiB travel whole to a client that reads slowly', async () => {
      const value = randomFillSync(Buffer.allocUnsafe(20 * KIB * KIB))
      await exchange(server.port, encodeRequest(['SET', 'v', value]))
      const client = await server.raw()
      client.socket.removeAllListeners('data')
      const received: Buffer[] = []
      let bytes = 0
      const header = `$${value.length}\r\n`
      const total = header.length + value.length + 2
      const done = new Promise<void>((resolve) => {
        client.socket.on('data', (chunk: Buffer) => {
          received.push(chunk)
          bytes += chunk.length
          if (bytes >= total) resolve()
          if (received.length % 16 !== 0) return
          client.socket.pause()
          setTimeout(() => client.socket.resume(), 5)
        })
      })
      client.send('GET', 'v')
      await done
      expect(Buffer.concat(received).equals(Buffer.concat([latin1(header), value, latin1('\r\n')]))).toBe(true)
    }, 30_000)

    it('of 200 MB travel whole', async () => {
      const value = Buffer.alloc(200_000_000, 'sixteen bytes...')
      const request = Buffer.concat([
        encodeRequest(['SET', 'v', value]),
        encodeRequest(['GET', 'v']),
        encodeRequest(['DEL', 'v']),
      ])
      const answer = await exchange(server.port, request)
      const header = '+OK\r\n$200000000\r\n'
      expect(answer.length).toBe(header.length + value.length + 2 + 4)
      expect(answer.subarray(0, header.length).toString()).toBe(header)
      expect(answer.subarray(header.length, -6).equals(value)).toBe(true)
    }, 40_000)

    it('arrive in a command of a million arguments in good time', async () => {
      // 60 MB that grow the input buffer some twenty times, not a thousand times.
      const argument = 'x'.repeat(50)
      const request = encodeRequest(['PING', ...new Array<string>(1_000_000).fill(argument)])
      const startedAt = performance.now()
      expectReply(await exchange(server.port, request), "-ERR wrong number of arguments for 'ping' command\r\n")
      expect(performance.now() - startedAt).toBeLessThan(5000)
    }, 30_000)
  })

  describe('a client that leaves', () => {
    it('in the middle of a command takes nothing with it', async () => {
      for (const part of [
        '*',
        '*3\r\n',
        '*3\r\n$3\r\nSE',
        '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf',
        'SET k half',
      ]) {
        const client = await server.raw()
        client.write(part)
        await delay(2)
        client.close()
      }
      await delay(20)
      expectReply(await exchange(server.port, encodeRequest(['EXISTS', 'k'])), ':0\r\n')
    })

    it('announced by a half-close still gets what it is owed', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => ['SET', `k${i}`, 'v'.repeat(100)])
      const { request, reply } = expectedExchange([...many, ['DBSIZE']])
      expectReply(await exchange(server.port, request, latin1('*1\r\n$4\r\nPI')), reply)
    })

    it('with QUIT gets what came before it, and nothing behind it is run', async () => {
      const before = Array.from({ length: 200 }, (_, i) => ['SET', `k${i}`, String(i)])
      const { request, reply } = expectedExchange(before)
      const behind = Buffer.concat(
        Array.from({ length: 500 }, (_, i) => encodeRequest(['SET', `behind${i}`, 'x'.repeat(200)])),
      )
      const answer = await exchange(server.port, Buffer.concat([request, encodeRequest(['QUIT']), behind]))
      expectReply(answer, `${reply}+OK\r\n`)
      expectReply(await exchange(server.port, encodeRequest(['DBSIZE'])), ':200\r\n')
    })

    it('without a word while it is owed much does no harm', async () => {
      await exchange(server.port, encodeRequest(['SET', 'big', 'x'.repeat(100_000)]))
      const gets = Buffer.concat(Array.from({ length: 500 }, () => encodeRequest(['GET', 'big'])))
      for (let i = 0; i < 10; i++) {
        const client = await server.raw()
        client.write(gets)
        await delay(i)
        client.socket.resetAndDestroy()
      }
      expectReply(await exchange(server.port, encodeRequest(['STRLEN', 'big'])), ':100000\r\n')
    })
  })

  describe('CLIENT REPLY', () => {
    it('OFF, SKIP and ON leave out what they should, whatever answers first', async () => {
      const request = [
        'SET a 1',
        'CLIENT REPLY OFF',
        'SET b 2',
        'GET a',
        'MGET a b',
        'PING',
        'NOSUCH',
        'MULTI',
        'GET a',
        'EXEC',
        'CLIENT REPLY SKIP',
        'CLIENT REPLY ON',
        'MGET a b',
        'CLIENT REPLY SKIP',
        'MGET b a',
        'GET b',
        'CLIENT REPLY SKIP',
        'PING',
        'ECHO on',
        'CLIENT REPLY SKIP',
        'SET c 3',
        'DBSIZE',
      ].join('\r\n')
      const expected = '+OK\r\n+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n2\r\n$2\r\non\r\n:3\r\n'
      expectReply(await exchange(server.port, latin1(`${request}\r\n`)), expected)
    })

    it('OFF runs 10,000 commands and answers none', async () => {
      const commands = Array.from({ length: 10_000 }, (_, i) => encodeRequest(['INCR', `c${i % 10}`]))
      const all = Buffer.concat([latin1('CLIENT REPLY OFF\r\n'), ...commands, latin1('CLIENT REPLY ON\r\nGET c7\r\n')])
      expectReply(await exchange(server.port, all), '+OK\r\n$4\r\n1000\r\n')
    })

    it('OFF keeps big values to itself as well', async () => {
      await exchange(server.port, encodeRequest(['SET', 'big', 'x'.repeat(3_000_000)]))
      const request = 'CLIENT REPLY OFF\r\nGET big\r\nMGET big big\r\nCLIENT REPLY ON\r\nSTRLEN big\r\n'
      expectReply(await exchange(server.port, latin1(request)), '+OK\r\n:3000000\r\n')
    })
  })

  describe('RESP3', () => {
    it('begins with the reply to HELLO 3 and ends with that to HELLO 2', async () => {
      const client = await server.raw()
      client.send('HELLO', '3')
      expect(await client.reply()).toMatch(/^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n/)
      client.write('GET none\r\nCONFIG GET port\r\nMGET none none\r\nMULTI\r\nGET none\r\nEXEC\r\n')
      expect(await client.reply()).toBe('_\r\n')
      expect(await client.reply()).toBe(`%1\r\n$4\r\nport\r\n$${String(server.port).length}\r\n${server.port}\r\n`)
      expect(await client.reply()).toBe('*2\r\n_\r\n_\r\n')
      for (const expected of ['+OK\r\n', '+QUEUED\r\n', '*1\r\n_\r\n']) expect(await client.reply()).toBe(expected)
      client.send('HELLO', '2')
      expect(await client.reply()).toMatch(/^\*14\r\n\$6\r\nserver\r\n/)
      client.write('GET none\r\n')
      expect(await client.reply()).toBe('$-1\r\n')
    })

    it('changes between commands of one pipeline, not before', async () => {
      const client = await server.raw()
      client.write('GET none\r\nHELLO 3\r\nGET none\r\nHELLO 2\r\nGET none\r\n')
      const replies: string[] = []
      for (let i = 0; i < 5; i++) replies.push((await client.reply()).slice(0, 5))
      expect(replies).toEqual(['$-1\r\n', '%7\r\n$', '_\r\n', '*14\r\n', '$-1\r\n'])
    })
  })
})
