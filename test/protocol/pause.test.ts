/** CLIENT PAUSE and UNPAUSE: what is held back, what goes on, and in which order it comes out in the end. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { type RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { encodeRequest } from './raw-exchange.js'

const OK = '+OK\r\n'
/** Long enough for what is not held back to be answered, on a busy machine too. */
const PATIENCE_MS = 60

describe.each(SHARD_COUNTS)('CLIENT PAUSE at %i shards', (shards) => {
  let server: TestServer
  const clients: RawClient[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(() => server.stop())

  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
  })

  async function open(): Promise<RawClient> {
    const client = await server.raw()
    clients.push(client)
    return client
  }

  async function ask(client: RawClient, ...argv: string[]): Promise<string> {
    client.send(...argv)
    return client.reply()
  }

  /** The client's next reply, or 'held back' when none comes for a while. */
  async function replyOrNone(reply: Promise<string>): Promise<string> {
    return Promise.race([reply, delay(PATIENCE_MS, 'held back')])
  }

  it('WRITE holds back writes only, until UNPAUSE', async () => {
    const [admin, writer, reader] = await Promise.all([open(), open(), open()])
    await ask(admin, 'SET', 'k', 'old')
    expect(await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')).toBe(OK)
    writer.send('SET', 'k', 'new')
    const held = writer.reply()
    expect(await replyOrNone(held)).toBe('held back')
    expect(await ask(reader, 'GET', 'k')).toBe('$3\r\nold\r\n')
    expect(await ask(reader, 'PING')).toBe('+PONG\r\n')
    expect(await ask(admin, 'CLIENT', 'UNPAUSE')).toBe(OK)
    expect(await held).toBe(OK)
    expect(await ask(reader, 'GET', 'k')).toBe('$3\r\nnew\r\n')
  })

  it('ALL holds back everybody until it is over', async () => {
    const [admin, reader] = await Promise.all([open(), open()])
    const startedAt = performance.now()
    expect(await ask(admin, 'CLIENT', 'PAUSE', '400')).toBe(OK)
    const replies = await Promise.all([ask(admin, 'PING'), ask(reader, 'GET', 'none')])
    expect(replies).toEqual(['+PONG\r\n', '$-1\r\n'])
    expect(performance.now() - startedAt).toBeGreaterThan(390)
  })

  it('keeps a pipeline in its order, whatever of it is held back', async () => {
    const [admin, client] = await Promise.all([open(), open()])
    await ask(admin, 'DEL', 'p')
    await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')
    client.write('GET p\r\nAPPEND p a\r\nGET p\r\nPING\r\nAPPEND p b\r\nGET p\r\n')
    expect(await client.reply()).toBe('$-1\r\n')
    const next = client.reply()
    expect(await replyOrNone(next)).toBe('held back')
    client.write('APPEND p c\r\nGET p\r\n')
    await ask(admin, 'CLIENT', 'UNPAUSE')
    const replies = [await next]
    for (let i = 0; i < 6; i++) replies.push(await client.reply())
    const expected = [':1\r\n', '$1\r\na\r\n', '+PONG\r\n', ':2\r\n', '$2\r\nab\r\n', ':3\r\n', '$3\r\nabc\r\n']
    expect(replies).toEqual(expected)
  })

  it('keeps a long pipeline that was sent while it stands', async () => {
    const admin = await open()
    await ask(admin, 'DEL', 'long')
    await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')
    const request = Buffer.concat(new Array<Buffer>(20_000).fill(encodeRequest(['INCR', 'long'])))
    const client = await open()
    client.write(request)
    client.write('PING\r\n')
    await delay(PATIENCE_MS)
    expect(await ask(admin, 'GET', 'long')).toBe('$-1\r\n')
    await ask(admin, 'CLIENT', 'UNPAUSE')
    for (let i = 1; i <= 20_000; i++) {
      const reply = await client.reply()
      if (reply !== `:${i}\r\n`) expect(reply).toBe(`:${i}\r\n`)
    }
    expect(await client.reply()).toBe('+PONG\r\n')
  }, 20_000)

  it('holds EXEC back when the transaction writes, and lets it pass when it only reads', async () => {
    const [admin, writer, reader] = await Promise.all([open(), open(), open()])
    for (const client of [writer, reader]) await ask(client, 'MULTI')
    await ask(writer, 'SET', 't', '1')
    await ask(writer, 'GET', 't')
    await ask(reader, 'PING')
    await ask(admin, 'DEL', 't')
    await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')
    await ask(reader, 'GET', 't')
    expect(await ask(reader, 'EXEC')).toBe('*2\r\n+PONG\r\n$-1\r\n')
    writer.send('EXEC')
    const held = writer.reply()
    expect(await replyOrNone(held)).toBe('held back')
    await ask(admin, 'CLIENT', 'UNPAUSE')
    expect(await held).toBe('*2\r\n+OK\r\n$1\r\n1\r\n')
  })

  it('notices that a client it holds back has left', async () => {
    const [admin, writer] = await Promise.all([open(), open()])
    await ask(admin, 'DEL', 'left')
    await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')
    writer.send('SET', 'left', '1')
    await delay(PATIENCE_MS)
    writer.close()
    await delay(PATIENCE_MS)
    const list = await ask(admin, 'CLIENT', 'LIST')
    expect(list.match(/^id=/gm)?.length).toBe(1)
    await ask(admin, 'CLIENT', 'UNPAUSE')
    expect(await ask(admin, 'EXISTS', 'left')).toBe(':0\r\n')
  })

  it('costs nothing while it stands', async () => {
    const admin = await open()
    await ask(admin, 'CLIENT', 'PAUSE', '60000', 'WRITE')
    const held: RawClient[] = []
    for (let i = 0; i < 100; i++) {
      const client = await open()
      client.send('SET', `held${i}`, 'v')
      held.push(client)
    }
    await delay(100)
    const cpuSeconds = async (): Promise<number> => {
      const info = await ask(admin, 'INFO', 'cpu')
      return Number(/used_cpu_user:([\d.]+)/.exec(info)?.[1]) + Number(/used_cpu_sys:([\d.]+)/.exec(info)?.[1])
    }
    const before = await cpuSeconds()
    await delay(500)
    // A turn of the event loop after another would take all of the 0.5 s.
    expect((await cpuSeconds()) - before).toBeLessThan(0.25)
    await ask(admin, 'CLIENT', 'UNPAUSE')
    for (const client of held) expect(await client.reply()).toBe(OK)
  }, 10_000)

  it('can be made longer and stricter, not weaker, and ends all at once', async () => {
    const [admin, reader] = await Promise.all([open(), open()])
    await ask(admin, 'CLIENT', 'PAUSE', '300', 'WRITE')
    await ask(admin, 'CLIENT', 'PAUSE', '100', 'ALL')
    const startedAt = performance.now()
    expect(await ask(reader, 'GET', 'none')).toBe('$-1\r\n')
    expect(performance.now() - startedAt).toBeGreaterThan(200)
  })
})

describe.skipIf(!hasRedis7)('CLIENT PAUSE WRITE beside Redis 7.0', () => {
  let oracle: RedisOracle
  let server: TestServer

  beforeAll(async () => {
    oracle = await startRedisOracle()
    server = await startServer({ shards: 4 })
  })

  afterAll(async () => {
    await server?.stop()
    await oracle?.stop()
  })

  const cases: readonly (readonly string[][])[] = [
    [['GET', 'k']],
    [['SET', 'k', 'v']],
    [['SET', 'k']],
    [['NOSUCH']],
    [['DEL', 'k']],
    [['MULTI'], ['SET', 'k', 'v']],
    [['MULTI'], ['GET', 'k']],
    [['MULTI'], ['GET', 'k'], ['EXEC']],
    [['MULTI'], ['EXEC']],
    [['MULTI'], ['NOSUCH'], ['EXEC']],
    [['EXEC']],
    [['WATCH', 'k']],
    [['CONFIG', 'GET', 'port']],
    [['PING']],
    [['QUIT']],
    [['RESET']],
  ]

  /** The replies to the commands, up to the one that is held back. */
  async function repliesUnderPause(target: number | string, commands: readonly string[][]): Promise<RespValue[]> {
    const admin = await RespConnection.open(target)
    const client = await RespConnection.open(target)
    await admin.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    const replies: RespValue[] = []
    try {
      for (const argv of commands) {
        const reply = await Promise.race([client.call(...argv), delay(PATIENCE_MS, { simple: 'held back' })])
        replies.push(argv[0] === 'CONFIG' && Array.isArray(reply) ? reply.length : reply)
      }
    } finally {
      client.close()
      await admin.call('CLIENT', 'UNPAUSE')
      admin.close()
    }
    return replies
  }

  it.each(cases.map((commands) => [JSON.stringify(commands), commands] as const))('%s', async (_name, commands) => {
    const ours = await repliesUnderPause(server.port, commands)
    expect(ours).toEqual(await repliesUnderPause(oracle.client.options.path as string, commands))
  })
})
