/** `port` and `bind` of a running server: it listens where they say, and goes on where it did when it cannot. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { BesideRedis } from '../commands/beside-redis.js'
import { RespConnection } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

const others: Server[] = []

afterEach(() => {
  for (const other of others.splice(0)) other.close()
})

/** A port that somebody else listens on. */
async function takenPort(): Promise<number> {
  const other = createServer().listen(0, '127.0.0.1')
  others.push(other)
  await once(other, 'listening')
  return (other.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const port = await takenPort()
  const other = others.pop()
  other?.close()
  if (other !== undefined) await once(other, 'close')
  return port
}

/** Whether a new client gets through to the server there. */
async function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ port, host })
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk.toString() === '+PONG\r\n'
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
    return false
  } finally {
    socket.destroy()
  }
}

describe('port and bind of a running server', () => {
  let server: TestServer
  let admin: RespConnection

  beforeAll(async () => {
    server = await startServer({ shards: 2 })
    admin = await RespConnection.open(server.port)
  })

  afterAll(async () => {
    admin.close()
    await server.stop()
  })

  afterEach(async () => {
    await admin.call('CONFIG', 'SET', 'port', server.port, 'bind', '127.0.0.1')
  })

  it('listens on another port, and no more on the old one; clients stay', async () => {
    const port = await freePort()
    expect(await admin.call('CONFIG', 'SET', 'port', port)).toEqual({ simple: 'OK' })
    expect(await answers(port)).toBe(true)
    expect(await answers(server.port)).toBe(false)
    expect(await admin.call('INFO', 'server')).toContain(`tcp_port:${port}\r\n`)
    expect(await admin.call('CONFIG', 'SET', 'port', 0)).toEqual({ simple: 'OK' })
    expect(await answers(port)).toBe(false)
    expect(await admin.call('PING')).toEqual({ simple: 'PONG' })
    expect(await admin.call('CONFIG', 'SET', 'port', server.port)).toEqual({ simple: 'OK' })
    expect(await answers(server.port)).toBe(true)
  })

  it('goes on where it was when a port is taken, with all other settings put back', async () => {
    const taken = await takenPort()
    expect(
      await admin.call('CONFIG', 'SET', 'maxmemory', 10000001, 'port', taken, 'client-query-buffer-limit', '10mb'),
    ).toEqual({
      error:
        "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.",
    })
    expect(await answers(server.port)).toBe(true)
    for (const [name, value] of [
      ['port', server.port],
      ['maxmemory', 0],
      ['client-query-buffer-limit', 1073741824],
    ] as const) {
      expect(await admin.call('CONFIG', 'GET', name)).toEqual([name, String(value)])
    }
    expect(server.output()).toContain(`:${taken}: bind: Address already in use`)
  })

  it('listens on addresses that exclude or hold each other, and on none', async () => {
    for (const [bind, reached, unreached] of [
      ['127.0.0.1 127.0.0.2', ['127.0.0.1', '127.0.0.2'], ['127.0.0.3']],
      ['*', ['127.0.0.1', '127.0.0.3'], []],
      ['127.0.0.3', ['127.0.0.3'], ['127.0.0.1']],
      ['', [], ['127.0.0.1', '127.0.0.3']],
      ['-192.0.2.1 127.0.0.1', ['127.0.0.1'], ['127.0.0.3']],
    ] as const) {
      expect(await admin.call('CONFIG', 'SET', 'bind', bind), bind).toEqual({ simple: 'OK' })
      for (const host of reached) expect(await answers(server.port, host), `${bind}: ${host}`).toBe(true)
      for (const host of unreached) expect(await answers(server.port, host), `${bind}: ${host}`).toBe(false)
    }
    expect(await admin.call('CONFIG', 'SET', 'bind', '192.0.2.1')).toEqual({
      error: "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.",
    })
    expect(await admin.call('CONFIG', 'GET', 'bind')).toEqual(['bind', '-192.0.2.1 127.0.0.1'])
    expect(await answers(server.port)).toBe(true)
  })

  it('lets changes that come at once follow each other', async () => {
    const [first, taken, last] = [await freePort(), await takenPort(), await freePort()]
    const other = await RespConnection.open(server.port)
    const replies = await Promise.all([
      admin.call('CONFIG', 'SET', 'port', first),
      other.call('CONFIG', 'SET', 'port', taken, 'timeout', 7),
      admin.call('CONFIG', 'SET', 'port', last),
    ])
    expect(replies.map((reply) => (reply as { simple?: string }).simple)).toEqual(['OK', undefined, 'OK'])
    expect(await admin.call('CONFIG', 'GET', 'timeout')).toEqual(['timeout', '0'])
    expect(await answers(first)).toBe(false)
    expect(await answers(last)).toBe(true)
    other.close()
  })

  it('answers inside a transaction', async () => {
    const port = await freePort()
    await admin.call('MULTI')
    await admin.call('CONFIG', 'SET', 'port', port)
    await admin.call('SET', 'key', 'value')
    expect(await admin.call('EXEC')).toEqual([{ simple: 'OK' }, { simple: 'OK' }])
    expect(await answers(port)).toBe(true)
  })
})

it.skipIf(!hasRedis7)('says what Redis says', async () => {
  const pair = await BesideRedis.start(1, '--bind', '127.0.0.1', '--port', String(await freePort()))
  const taken = await takenPort()
  try {
    await pair.allSame(
      ['CONFIG', 'SET', 'bind', '999.999.999.999'],
      ['CONFIG', 'SET', 'bind', '192.0.2.1 127.0.0.1'],
      ['CONFIG', 'SET', 'port', taken],
      ['CONFIG', 'SET', 'timeout', 5, 'port', taken],
      ['CONFIG', 'SET', 'bind', '127.0.0.1', 'port', taken],
      ['CONFIG', 'SET', 'bind', '127.0.0.2 127.0.0.1', 'port', taken],
      ['CONFIG', 'SET', 'port', taken, 'bind', '127.0.0.2 127.0.0.1'],
      ['CONFIG', 'SET', 'port', 'x'],
      ['CONFIG', 'SET', 'port', 65536],
      ['CONFIG', 'SET', 'unixsocket', 'elsewhere'],
      ['CONFIG', 'SET', 'unixsocketperm', '700'],
      ['CONFIG', 'GET', 'bind'],
      ['CONFIG', 'GET', 'timeout'],
      ['CONFIG', 'SET', 'bind', '127.0.0.2 127.0.0.1'],
      ['CONFIG', 'SET', 'bind', ''],
      ['CONFIG', 'GET', 'bind'],
      ['CONFIG', 'SET', 'bind', '* -::*'],
    )
  } finally {
    await pair.stop()
  }
})
