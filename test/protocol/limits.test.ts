/** Clients that take too much of the server: they are refused, held back or cut, and nobody else notices. */
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Configuration } from '../../src/config/configuration.js'
import { createLogger } from '../../src/log.js'
import { ClientLimits } from '../../src/net/client-limits.js'
import { ClientTable } from '../../src/net/client-table.js'
import { Bell, createBellMemory } from '../../src/ring/bell.js'
import { type RawClient, SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { encodeRequest, exchange } from './raw-exchange.js'

const MIB = 1024 * 1024

/** Resident memory of a process in bytes, as Linux tells it. */
function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** How long a condition takes to come true, in ms. */
async function waitFor(condition: () => boolean | Promise<boolean>, msMax: number): Promise<number> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > msMax) throw new Error(`not within ${msMax} ms`)
    await delay(10)
  }
  return performance.now() - startedAt
}

/** A client that writes and does not read unless it is told to. */
class DeafClient {
  isClosed = false
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.pause()
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  static open(port: number): Promise<DeafClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', onread: undefined }, () => resolve(new DeafClient(socket)))
      socket.once('error', reject)
    })
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Takes up to `bytes` bytes, if that many are there. */
  read(bytes: number): number {
    const chunk = this.#socket.read(bytes) as Buffer | null
    return chunk?.length ?? 0
  }

  close(): void {
    this.#socket.destroy()
  }
}

describe.each(SHARD_COUNTS)('limits of clients at %i shards', (shards) => {
  let server: TestServer
  const open: { close(): void }[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(() => server.stop())

  afterEach(async () => {
    for (const client of open.splice(0)) client.close()
    await configure('timeout', '0')
    await configure('client-stall-timeout', '60')
    await configure('client-output-buffer-limit', 'normal 0 0 0')
    await configure('client-query-buffer-limit', '1gb')
  })

  /** Over a connection of its own, so that no limit is in its way. */
  async function call(...argv: string[]): Promise<string> {
    return (await exchange(server.port, encodeRequest(argv))).toString('latin1')
  }

  async function configure(name: string, value: string): Promise<void> {
    expect(await call('CONFIG', 'SET', name, value)).toBe('+OK\r\n')
  }

  async function deafClient(): Promise<DeafClient> {
    const client = await DeafClient.open(server.port)
    open.push(client)
    return client
  }

  async function rawClient(): Promise<RawClient> {
    const client = await server.raw()
    open.push(client)
    return client
  }

  async function statistic(name: string): Promise<number> {
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await call('INFO', 'all'))?.[1])
  }

  function gets(count: number): Buffer {
    return Buffer.concat(new Array<Buffer>(count).fill(encodeRequest(['GET', 'big'])))
  }

  async function setBig(bytes: number): Promise<void> {
    await exchange(server.port, encodeRequest(['SET', 'big', Buffer.alloc(bytes, 'x')]))
  }

  it.skipIf(!existsSync('/proc/self/status'))(
    'a client that asks for 3 GB and never reads costs a part of it',
    async () => {
      await setBig(16 * 1024)
      const before = residentBytes(server.process.pid as number)
      const client = await deafClient()
      for (let i = 0; i < 20; i++) client.write(gets(10_000))
      let slowest = 0
      for (let i = 0; i < 60; i++) {
        const startedAt = performance.now()
        expect(await call('SET', `other${i}`, 'v')).toBe('+OK\r\n')
        slowest = Math.max(slowest, performance.now() - startedAt)
        await delay(20)
      }
      // Some 4 MiB may be owed to one client when replies are large, and 1 MiB of output be pending.
      expect(residentBytes(server.process.pid as number) - before).toBeLessThan(100 * MIB)
      expect(slowest).toBeLessThan(500)
      expect(client.isClosed).toBe(false)

      await configure('client-stall-timeout', '1')
      await waitFor(async () => !/ cmd=get /.test(await call('CLIENT', 'LIST')), 4000)
      expect(server.output()).toContain('taking none of its output for 1 s')
    },
    20_000,
  )

  it('a client that reads a large reply slowly but steadily is not cut', async () => {
    await setBig(24 * MIB)
    await configure('client-stall-timeout', '1')
    await configure('timeout', '1')
    const client = await deafClient()
    client.write(gets(1))
    const total = 24 * MIB + '$25165824\r\n'.length + 2
    let bytes = 0
    const startedAt = performance.now()
    while (bytes < total && !client.isClosed) {
      // Some 6 MB a second: several seconds beyond what the kernel's buffers hold at once.
      bytes += client.read(Math.min(128 * 1024, total - bytes)) || client.read(total - bytes)
      await delay(20)
    }
    expect(bytes).toBe(total)
    expect(performance.now() - startedAt).toBeGreaterThan(2000)
  }, 30_000)

  it('the hard limit of pending output cuts at once', async () => {
    await setBig(100_000)
    await configure('client-output-buffer-limit', 'normal 1mb 0 0')
    const cut = await statistic('client_output_buffer_limit_disconnections')
    const client = await deafClient()
    client.write(gets(400))
    await waitFor(async () => (await statistic('client_output_buffer_limit_disconnections')) === cut + 1, 2000)
    const answer = await exchange(server.port, gets(8))
    expect(answer.length).toBe(8 * (100_000 + '$100000\r\n\r\n'.length))
  }, 15_000)

  it('the soft limit of pending output cuts when it lasts', async () => {
    await setBig(100_000)
    await configure('client-output-buffer-limit', 'normal 0 1mb 1')
    const cut = await statistic('client_output_buffer_limit_disconnections')
    const client = await deafClient()
    client.write(gets(400))
    const tookMs = await waitFor(async () => (await statistic('client_output_buffer_limit_disconnections')) > cut, 5000)
    expect(tookMs).toBeGreaterThan(900)
  }, 15_000)

  it('the limit of unfinished input cuts', async () => {
    await configure('client-query-buffer-limit', '1mb')
    const cut = await statistic('client_query_buffer_limit_disconnections')
    const client = await rawClient()
    client.write(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${100 * MIB}\r\n`)
    for (let i = 0; i < 30; i++) client.write(Buffer.alloc(100_000))
    expect(await client.rest()).toBe('')
    expect(await statistic('client_query_buffer_limit_disconnections')).toBe(cut + 1)
    // A command that is whole may be as long as the limit allows.
    expect((await exchange(server.port, encodeRequest(['SET', 'k', 'x'.repeat(900_000)]))).toString()).toBe('+OK\r\n')
  }, 10_000)

  it('timeout cuts a client that does nothing, and no other', async () => {
    const idle = await rawClient()
    const active = await rawClient()
    const uploading = await rawClient()
    await configure('timeout', '1')
    uploading.write('*2\r\n$4\r\nECHO\r\n$30\r\n')
    const startedAt = performance.now()
    let idleCutMs = 0
    void idle.rest().then(() => {
      idleCutMs = performance.now() - startedAt
    })
    for (let i = 0; i < 15; i++) {
      active.send('PING')
      uploading.write('ab')
      expect(await active.reply()).toBe('+PONG\r\n')
      await delay(180)
    }
    uploading.write('\r\n')
    expect(await uploading.reply()).toBe(`$30\r\n${'ab'.repeat(15)}\r\n`)
    expect(idleCutMs).toBeGreaterThan(900)
    expect(idleCutMs).toBeLessThan(2500)
  }, 10_000)

  it('timeout spares a client that CLIENT PAUSE holds back', async () => {
    const waiting = await rawClient()
    await call('CLIENT', 'PAUSE', '2500', 'WRITE')
    await configure('timeout', '1')
    waiting.send('SET', 'k', 'v')
    expect(await waiting.reply()).toBe('+OK\r\n')
  }, 10_000)

  it('maxclients refuses, and lets in again when somebody has left', async () => {
    const admin = await rawClient()
    async function info(name: string): Promise<number> {
      admin.send('INFO', 'all')
      return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await admin.reply())?.[1])
    }
    await waitFor(async () => (await info('connected_clients')) === 1, 2000)
    admin.send('CONFIG', 'SET', 'maxclients', '3')
    expect(await admin.reply()).toBe('+OK\r\n')
    try {
      const rejected = await info('rejected_connections')
      const first = await rawClient()
      const second = await rawClient()
      for (const client of [first, second]) {
        client.send('PING')
        expect(await client.reply()).toBe('+PONG\r\n')
      }
      const refused = await rawClient()
      // What it sends does not turn the refusal into a reset.
      refused.write('PING\r\nPING\r\n')
      expect(await refused.rest()).toBe('-ERR max number of clients reached\r\n')
      expect(await info('rejected_connections')).toBe(rejected + 1)
      first.close()
      await waitFor(async () => (await info('connected_clients')) === 2, 1000)
      const next = await rawClient()
      next.send('PING')
      expect(await next.reply()).toBe('+PONG\r\n')
    } finally {
      admin.send('CONFIG', 'SET', 'maxclients', '10000')
      expect(await admin.reply()).toBe('+OK\r\n')
    }
  })

  it('CONFIG RESETSTAT leaves no rate below zero', async () => {
    await exchange(server.port, Buffer.concat(new Array<Buffer>(5000).fill(encodeRequest(['PING']))))
    await delay(250)
    await call('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 4; i++) {
      await delay(110)
      const info = await call('INFO', 'stats')
      expect(info).not.toMatch(/^instantaneous\w+:-/m)
    }
  })
})

describe('protected mode', () => {
  const elsewhere = '192.0.2.7'

  function limits(requiresPassword: boolean): {
    config: Configuration
    admit: (address: string, unix?: boolean) => string | undefined
  } {
    const config = new Configuration()
    const policy = {
      requiresPassword,
      protoMaxBulkLen: 0,
      isOutOfMemory: () => false,
      pausedUntilMs: 0,
      pauseMode: 'all' as const,
      isShuttingDown: false,
      isLoading: false,
      saveRefusal: null,
      logRefusal: null,
    }
    const all = new ClientLimits(
      new ClientTable(systemClock, new Bell(createBellMemory())),
      config,
      createLogger(config),
      policy,
    )
    return { config, admit: (address, unix = false) => all.admit(address, unix) }
  }

  it('refuses clients from elsewhere while there is no password', () => {
    const { config, admit } = limits(false)
    expect(admit(elsewhere)).toMatch(/^DENIED .*protected mode/)
    expect(admit('::ffff:192.0.2.7')).toMatch(/^DENIED/)
    expect(admit('2001:db8::1')).toMatch(/^DENIED/)
    expect(admit('')).toMatch(/^DENIED/)
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) expect(admit(address)).toBeUndefined()
    expect(admit('', true)).toBeUndefined()
    expect(config.set([['protected-mode', 'no']], { isLocal: true, isLoading: false })).toBeUndefined()
    expect(admit(elsewhere)).toBeUndefined()
  })

  it('lets everybody knock when there is a password', () => {
    expect(limits(true).admit(elsewhere)).toBeUndefined()
  })

  const outward = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address

  it.skipIf(outward === undefined)('refuses a real connection over an outward address', async () => {
    const server = await startServer({ args: ['--bind', '0.0.0.0'] })
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect({ port: server.port, host: outward as string })
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('error', reject)
        socket.on('close', () => resolve(text))
        socket.write('PING\r\n')
      })
      expect(answer).toMatch(/^-DENIED .*\r\n$/)
      expect((await exchange(server.port, encodeRequest(['PING']))).toString()).toBe('+PONG\r\n')
    } finally {
      await server.stop()
    }
  })
})
