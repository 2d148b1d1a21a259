/**
 * Scripts over several shards beside everything else that locks or waits: transactions, RENAME, BLMOVE, MSET and MGET.
 *
 * Money moves between accounts on all shards, by scripts that declare their keys and scripts that do not; whoever looks at all
 * accounts at once must see the same sum each time. A command that does not come back within the watchdog's time means
 * that somebody waits for somebody who waits for him. `SOAK_SECONDS` makes it longer, `SOAK_SEED` repeats a run.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

const seconds = Number(process.env.SOAK_SECONDS ?? 4)
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)
const CLIENTS = 16
const ACCOUNTS = Array.from({ length: 12 }, (_, i) => `account:${i}`)
const START = 1000
/** Far longer than anything takes on a busy machine. */
const WATCHDOG_MS = 20_000

const TRANSFER_DECLARED = `local amount = tonumber(ARGV[1])
  if tonumber(redis.call('GET', KEYS[1])) < amount then return 0 end
  redis.call('DECRBY', KEYS[1], amount)
  redis.call('INCRBY', KEYS[2], amount)
  return 1`
const TRANSFER_UNDECLARED = TRANSFER_DECLARED.replaceAll('KEYS[1]', 'ARGV[2]').replaceAll('KEYS[2]', 'ARGV[3]')
const SUM = `local sum = 0
  for _, value in ipairs(redis.call('MGET', unpack(ARGV))) do sum = sum + value end
  return sum`
const SUM_ONE_BY_ONE = `local sum = 0
  for i = 1, #KEYS do sum = sum + redis.call('GET', KEYS[i]) end
  return sum`

describe.each(SHARD_COUNTS)('scripts among others at %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  it(`keep the sum, seed ${seed}`, { timeout: (seconds + 60) * 1000 }, async () => {
    const setup = await RespConnection.open(server.port)
    await setup.call('MSET', ...ACCOUNTS.flatMap((account) => [account, START]))
    await setup.call('RPUSH', 'list:a', ...Array.from({ length: 20 }, (_, i) => i))
    await setup.call('SET', 'name:0', 'wanders')
    const total = ACCOUNTS.length * START
    const endsAt = Date.now() + seconds * 1000
    let done = 0

    const work = async (client: number): Promise<void> => {
      const random = new Prng(seed * 100 + client)
      const connection = await RespConnection.open(server.port)
      const call = async (...argv: (string | number)[]): Promise<RespValue> => {
        const stuck = delay(WATCHDOG_MS, 'stuck', { ref: false })
        const reply = await Promise.race([connection.call(...argv), stuck])
        if (reply === 'stuck') throw new Error(`no reply to ${argv.join(' ')}`)
        return reply
      }
      const account = (): string => ACCOUNTS[random.below(ACCOUNTS.length)] as string
      const sums = (values: RespValue): number => (values as string[]).reduce((sum, value) => sum + Number(value), 0)
      const actions: (() => Promise<void>)[] = [
        async () => expect(await call('EVAL', TRANSFER_DECLARED, 2, account(), account(), 3)).toBeTypeOf('number'),
        async () => expect(await call('EVAL', TRANSFER_UNDECLARED, 0, 5, account(), account())).toBeTypeOf('number'),
        async () => expect(await call('EVAL', SUM, 0, ...ACCOUNTS)).toBe(total),
        async () => expect(await call('EVAL', SUM_ONE_BY_ONE, ACCOUNTS.length, ...ACCOUNTS)).toBe(total),
        async () => expect(sums(await call('MGET', ...ACCOUNTS))).toBe(total),
        async () => {
          const [from, to] = [account(), account()]
          await call('MULTI')
          await call('DECR', from)
          await call('EVAL', TRANSFER_UNDECLARED, 0, 2, account(), account())
          await call('INFO', 'clients')
          await call('MGET', ...ACCOUNTS)
          await call('INCR', to)
          const replies = (await call('EXEC')) as RespValue[]
          expect(sums(replies[3] as RespValue)).toBe(total - 1)
        },
        async () => {
          // Not the first of its transaction: it is sent when others may have entered the order behind the transaction's locks.
          await call('MULTI')
          await call('EVAL', TRANSFER_DECLARED, 2, account(), account(), 4)
          await call('EVAL', TRANSFER_DECLARED, 2, account(), account(), 4)
          expect(await call('EXEC')).toEqual([expect.any(Number), expect.any(Number)])
        },
        async () => void (await call('LMOVE', `list:${random.below(2) === 0 ? 'a' : 'b'}`, 'list:b', 'LEFT', 'RIGHT')),
        async () => void (await call('BLMOVE', 'list:b', 'list:a', 'LEFT', 'RIGHT', '0.05')),
        async () => void (await call('EVAL', "return redis.call('LMOVE', 'list:a', 'list:b', 'LEFT', 'RIGHT')", 0)),
        async () => {
          const [from, to] = [random.below(4), random.below(4)]
          await call('EVAL', "return redis.pcall('RENAMENX', ARGV[1], ARGV[2])", 0, `name:${from}`, `name:${to}`)
          await call('RENAMENX', `name:${to}`, `name:${from}`)
        },
        async () => void (await call('EVAL', "return redis.call('PUBLISH', 'news', redis.call('DBSIZE'))", 0)),
      ]
      while (Date.now() < endsAt) {
        await actions[random.below(actions.length)]?.()
        done++
      }
      connection.close()
    }

    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)))
    expect(done).toBeGreaterThan(seconds * 20)
    const lists = await setup.call('EVAL', "return redis.call('LLEN', 'list:a') + redis.call('LLEN', 'list:b')", 0)
    expect(lists).toBe(20)
    setup.close()
  })

  it('a script over the shards of its keys in a transaction, ahead of scripts over all shards', async () => {
    const connection = await RespConnection.open(server.port)
    const replies: Promise<RespValue>[] = []
    for (let i = 0; i < 50; i++) {
      const keys = [0, 1, 2].map((k) => `beside:${i}:${k}`)
      replies.push(
        connection.call('MULTI'),
        connection.call('EXISTS', keys[2] as string),
        connection.call(
          'EVAL',
          "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])",
          2,
          ...keys.slice(0, 2),
        ),
        connection.call('EXEC'),
        connection.call('EVAL', "return redis.call('INCR', ARGV[1])", 0, keys[1] as string),
        connection.call('RENAME', keys[0] as string, keys[2] as string),
      )
    }
    const all = await Promise.race([Promise.all(replies), delay(WATCHDOG_MS, 'stuck', { ref: false })])
    expect(all).toEqual(
      Array.from({ length: 50 }, () => [
        { simple: 'OK' },
        { simple: 'QUEUED' },
        { simple: 'QUEUED' },
        [0, 1],
        2,
        { simple: 'OK' },
      ]).flat(),
    )
    connection.close()
  }, 60_000)

  it.each(['alone', 'in a transaction'])(
    'a script %s that feeds a client whose destination is elsewhere',
    async (where) => {
      const connection = await RespConnection.open(server.port)
      for (let i = 0; i < 12; i++) {
        const [source, destination, other] = ['from', 'to', 'other'].map((name) => `${name}:${where}:${i}`) as [
          string,
          string,
          string,
        ]
        const waiting = await RespConnection.open(server.port)
        const moved = waiting.call('BLMOVE', source, destination, 'LEFT', 'RIGHT', 0)
        while (!String(await connection.call('CLIENT', 'LIST')).includes('flags=b')) await delay(2)
        const push = "redis.call('SET', KEYS[2], 1) return redis.call('RPUSH', KEYS[1], 'value')"
        const replies: Promise<RespValue>[] = []
        if (where !== 'alone') replies.push(connection.call('MULTI'))
        replies.push(connection.call('EVAL', push, 2, source, other))
        if (where !== 'alone') replies.push(connection.call('EXEC'))
        replies.push(connection.call('EVAL', "return redis.call('GET', ARGV[1])", 0, other))
        const all = Promise.all([...replies, moved])
        const outcome = await Promise.race([all, delay(WATCHDOG_MS, 'stuck', { ref: false })])
        expect(outcome.slice(-2)).toEqual(['1', 'value'])
        waiting.close()
      }
      connection.close()
    },
    60_000,
  )
})
