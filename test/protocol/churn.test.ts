/**
 * Clients that come and go while others work, and clients that are killed while they are owed replies. Every reply must
 * reach the client it belongs to, although places in the table of clients and descriptors are given to others at once.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { encodeRequest, exchange } from './raw-exchange.js'

/** Collects what comes for one client; whatever is not its own is somebody else's reply. */
class Listener {
  received = ''
  readonly socket: Socket
  readonly closed: Promise<void>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()))
  }

  /** Ends when the server has answered, so that it knows of the connection. */
  static async open(port: number): Promise<Listener> {
    const listener = new Listener(connect(port, '127.0.0.1'))
    listener.socket.write('PING\r\n')
    while (listener.received === '') await once(listener.socket, 'data')
    listener.received = ''
    return listener
  }
}

/** The replies to `count` ECHOs and GETs of one client's own values, which name it. */
function expectedReplies(name: string, count: number): string {
  const bulk = `$${name.length}\r\n${name}\r\n`
  return `+OK\r\n${bulk.repeat(count * 2)}`
}

function ownRequests(name: string, count: number): Buffer {
  const pair = Buffer.concat([encodeRequest(['GET', `key of ${name}`]), encodeRequest(['ECHO', name])])
  const pairs = Buffer.concat(new Array<Buffer>(count).fill(pair))
  return Buffer.concat([encodeRequest(['SET', `key of ${name}`, name]), pairs])
}

describe.each(SHARD_COUNTS)('clients that come and go at %i shards', (shards) => {
  let server: TestServer
  let admin: RawClient

  beforeAll(async () => {
    server = await startServer({ shards })
    admin = await server.raw()
  })

  afterAll(() => server.stop())

  async function ask(...argv: string[]): Promise<string> {
    admin.send(...argv)
    return admin.reply()
  }

  async function connectedClients(): Promise<number> {
    return ((await ask('CLIENT', 'LIST')).match(/^id=/gm) ?? []).length
  }

  async function waitForClients(count: number): Promise<void> {
    for (let i = 0; (await connectedClients()) !== count; i++) {
      if (i > 200) throw new Error(`${await connectedClients()} clients are left, not ${count}`)
      await delay(10)
    }
  }

  it('never get a reply of the client whose place they took', async () => {
    const COUNT = 300
    const GENERATIONS = 25
    for (let generation = 0; generation < GENERATIONS; generation++) {
      // These are owed hundreds of replies each, over all shards, when they go: half are killed, half vanish.
      const doomed = await Promise.all(Array.from({ length: 8 }, () => Listener.open(server.port)))
      for (const [i, { socket }] of doomed.entries()) socket.write(ownRequests(`doomed ${generation}/${i}`, COUNT))
      await delay(generation % 4)
      const addresses = doomed.map(({ socket }) => `127.0.0.1:${socket.localPort}`)
      doomed.forEach(({ socket }, i) => {
        if (i % 2 === 0) admin.send('CLIENT', 'KILL', addresses[i] as string)
        else socket.resetAndDestroy()
      })
      // And these take their places.
      const heirs = Array.from({ length: 8 }, (_, i) => {
        const name = `heir ${generation}/${i}`
        return { name, answer: exchange(server.port, ownRequests(name, 20)) }
      })
      for (const { name, answer } of heirs) expect((await answer).toString('latin1')).toBe(expectedReplies(name, 20))
      for (let i = 0; i < doomed.length; i += 2) await admin.reply()
      await Promise.all(doomed.map(({ closed }) => closed))
      doomed.forEach(({ received }, i) => {
        const own = expectedReplies(`doomed ${generation}/${i}`, COUNT)
        if (!own.startsWith(received)) expect(received).toBe(own)
      })
    }
    await waitForClients(1)
  }, 30_000)

  it('never get what was meant for a client whose descriptor they took', async () => {
    // The descriptor of a client that has reset its connection is given to the next one within the same turn of the event
    // loop, and the replies to the first come at the end of that turn. The main thread is put to sleep twice to have it so:
    // in the first sleep the reset, the new client and the second sleep come, in the second one the shard finishes.
    const text = 'ab'.repeat(2000)
    expect(await ask('MSET', '{s}1', text, '{s}2', text.replaceAll('b', 'c'))).toBe('+OK\r\n')
    const [first, second] = await Promise.all([server.raw(), server.raw()])
    const victim = await Listener.open(server.port)
    const slow = encodeRequest(['LCS', '{s}1', '{s}2', 'LEN'])
    victim.socket.write(Buffer.concat([...new Array<Buffer>(12).fill(slow), encodeRequest(['GET', '{s}1'])]))
    await delay(20)
    first.send('DEBUG', 'SLEEP', '0.15')
    await delay(40)
    victim.socket.resetAndDestroy()
    await delay(20)
    const heir = new Promise<Socket>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => resolve(socket))
    })
    const socket = await heir
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    await delay(20)
    second.send('DEBUG', 'SLEEP', '1.5')
    expect(await first.reply()).toBe('+OK\r\n')
    expect(await second.reply()).toBe('+OK\r\n')
    socket.write('PING\r\n')
    await once(socket, 'data')
    await delay(20)
    expect(received.slice(0, 100)).toBe('+PONG\r\n')
    for (const client of [socket, first.socket, second.socket]) client.destroy()
  }, 10_000)

  it('may be killed in the middle of anything', async () => {
    const victims = await Promise.all(Array.from({ length: 6 }, () => Listener.open(server.port)))
    const steps = [
      'MULTI',
      'SET a 1',
      'WATCH a',
      'GET a',
      'MGET a b c d',
      'RENAME a b',
      'EXEC',
      'DBSIZE',
      'KEYS *',
      'CLIENT LIST',
    ]
    let isOver = false
    const traffic = victims.map(async ({ socket }, i) => {
      for (let n = i; !isOver && !socket.destroyed; n++) {
        socket.write(`${steps[n % steps.length]}\r\n${steps[(n * 7) % steps.length]}\r\n`)
        if (n % 5 === 0) await delay(1)
      }
    })
    await delay(30)
    for (const { socket } of victims) {
      await ask('CLIENT', 'KILL', `127.0.0.1:${socket.localPort}`)
      await delay(3)
    }
    isOver = true
    await Promise.all(traffic)
    await Promise.all(victims.map(({ closed }) => closed))
    await waitForClients(1)
    expect((await exchange(server.port, ownRequests('after', 50))).toString('latin1')).toBe(
      expectedReplies('after', 50),
    )
  }, 15_000)

  it('may kill themselves, and get their own reply first', async () => {
    const client = await server.raw()
    client.write('CLIENT ID\r\n')
    const id = (await client.line()).slice(1)
    client.write(`SET before 1\r\nCLIENT KILL ID ${id} SKIPME no\r\nSET behind 1\r\n`)
    expect(await client.rest()).toBe('+OK\r\n:1\r\n')
    expect(await ask('EXISTS', 'before', 'behind')).toBe(':1\r\n')
  })

  it('500 of them, during traffic', async () => {
    let isOver = false
    const workers = Array.from({ length: 4 }, async (_, i) => {
      let rounds = 0
      while (!isOver) {
        const name = `worker ${i} round ${rounds++}`
        expect((await exchange(server.port, ownRequests(name, 30))).toString('latin1')).toBe(expectedReplies(name, 30))
      }
      return rounds
    })
    for (let wave = 0; wave < 5; wave++) {
      const guests = await Promise.all(Array.from({ length: 100 }, () => server.raw()))
      for (const [i, guest] of guests.entries()) {
        if (i % 4 !== 3) guest.write(`SET guest${i} ${wave}\r\nGET guest${i}\r\n`)
        // Some leave without a word, some in the middle of a command, some after an answer.
        if (i % 4 === 1) guest.write('*2\r\n$3\r\nGE')
        if (i % 4 === 2) expect(await guest.reply()).toBe('+OK\r\n')
      }
      for (const guest of guests) guest.close()
    }
    isOver = true
    for (const rounds of await Promise.all(workers)) expect(rounds).toBeGreaterThan(0)
    await waitForClients(1)
  }, 30_000)
})
