/** The server as a process: what it listens on, when it refuses to start, and how it ends. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseDescriptorLimit } from '../../src/base/descriptor-limit.js'
import { Configuration } from '../../src/config/configuration.js'
import { createLogger } from '../../src/log.js'
import { keepToDescriptorLimit } from '../../src/net/descriptor-limit.js'
import { type StartOptions, startServer, type TestServer } from '../support/server.js'
import { encodeRequest, exchange } from './raw-exchange.js'

const PING = encodeRequest(['PING'])
const hasProc = existsSync('/proc/self/limits')

let directory: string
const servers: TestServer[] = []

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shardkeep-process-'))
})

afterAll(() => rmSync(directory, { recursive: true }))

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function start(options: StartOptions): Promise<TestServer> {
  const server = await startServer(options)
  servers.push(server)
  return server
}

/** The exit status of a server that ends, its signal, and how long that took. */
async function exitOf(server: TestServer): Promise<{ code: number | null; signal: string | null; tookMs: number }> {
  const startedAt = performance.now()
  const { process } = server
  while (process.exitCode === null && process.signalCode === null) await delay(5)
  return { code: process.exitCode, signal: process.signalCode, tookMs: performance.now() - startedAt }
}

/** The answer to PING at an address, or the code of the error. */
function pingAt(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.end(PING))
    socket.once('data', (chunk) => resolve(chunk.toString()))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

describe('listening', () => {
  it('on several addresses', async () => {
    const { port } = await start({ args: ['--bind', '127.0.0.1 127.0.0.2 -::1'] })
    expect(await pingAt('127.0.0.1', port)).toBe('+PONG\r\n')
    expect(await pingAt('127.0.0.2', port)).toBe('+PONG\r\n')
    expect(await pingAt('127.0.0.3', port)).toBe('ECONNREFUSED')
    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
    if (hasIpv6) expect(await pingAt('::1', port)).toBe('+PONG\r\n')
  })

  it('without an address that may be missing, but not without one that may not', async () => {
    const server = await start({ args: ['--bind', '127.0.0.1 -192.0.2.1'] })
    expect(await pingAt('127.0.0.1', server.port)).toBe('+PONG\r\n')
    expect(server.output()).toContain('Could not create server TCP listening socket 192.0.2.1:')
    await expect(startServer({ args: ['--bind', '127.0.0.1 192.0.2.1'] })).rejects.toThrow(
      /ended with code 1:[\s\S]*bind: Cannot assign requested address[\s\S]*Failed listening on port \d+ \(TCP\), aborting\./,
    )
  })

  it('on a Unix socket, with its mode, until it ends', async () => {
    const path = join(directory, 'own.sock')
    // What a server that was killed has left behind is in nobody's way.
    writeFileSync(path, '')
    const server = await start({ args: ['--unixsocket', path, '--unixsocketperm', '700'] })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect((await exchange(path, PING)).toString()).toBe('+PONG\r\n')
    expect((await exchange(path, encodeRequest(['CLIENT', 'LIST']))).toString()).toContain(` addr=${path}:0 `)
    await server.stop()
    expect(existsSync(path)).toBe(false)
  })

  it('on a Unix socket only', async () => {
    const path = join(directory, 'only.sock')
    const server = await start({ args: ['--unixsocket', path, '--port', '0'] })
    expect((await exchange(path, PING)).toString()).toBe('+PONG\r\n')
    expect(await pingAt('127.0.0.1', server.port)).toBe('ECONNREFUSED')
  })

  it('is refused on a port that is taken, and leaves the other server its Unix socket', async () => {
    const path = join(directory, 'shared.sock')
    const server = await start({ args: ['--unixsocket', path] })
    await expect(startServer({ args: ['--port', String(server.port), '--unixsocket', path] })).rejects.toThrow(
      /ended with code 1:[\s\S]*bind: Address already in use[\s\S]*Failed listening on port \d+ \(TCP\), aborting\./,
    )
    expect((await exchange(path, PING)).toString()).toBe('+PONG\r\n')
  })

  it('is refused on a Unix socket that cannot be', async () => {
    const path = join(directory, 'a folder')
    mkdirSync(path)
    const refusal = /ended with code 1:[\s\S]*Failed opening Unix socket: /
    await expect(startServer({ args: ['--unixsocket', path] })).rejects.toThrow(refusal)
    await expect(startServer({ args: ['--unixsocket', join(directory, 'none', 'x.sock')] })).rejects.toThrow(refusal)
  })

  it('nowhere is refused', async () => {
    await expect(startServer({ args: ['--port', '0'] })).rejects.toThrow(
      /ended with code 1:[\s\S]*Configured to not listen anywhere, exiting\./,
    )
  })
})

describe('starting', () => {
  it.each([
    ['does not exist', '/nonexistent folder', 'No such file or directory'],
    ['is a file', '/etc/passwd', 'Not a directory'],
  ])('is refused when dir %s', async (_name, dir, reason) => {
    const startedAt = performance.now()
    await expect(startServer({ args: ['--dir', dir] })).rejects.toThrow(
      new RegExp(`ended with code 1:[\\s\\S]*'dir "${dir}"'\\n${reason}\\n`),
    )
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })

  it.skipIf(!hasProc)('is refused with too few descriptors for itself', async () => {
    await expect(startServer({ shards: 4, descriptorsMax: 100 })).rejects.toThrow(
      /ended with code 1:[\s\S]*Your current 'ulimit -n' of 100 is not enough for the server to start/,
    )
  })

  it.skipIf(!hasProc)(
    'lowers maxclients to what the descriptors allow, and bears three times as many clients',
    async () => {
      const server = await start({ shards: 1, descriptorsMax: 128 })
      const clientsMax = 128 - 32 - 8
      expect(server.output()).toContain(
        'You requested maxclients of 10000 requiring at least 10040 max file descriptors.',
      )
      expect(server.output()).toContain(`maxclients has been reduced to ${clientsMax} to compensate for low ulimit.`)
      const admin = await server.raw()
      admin.send('CONFIG', 'SET', 'maxclients', String(clientsMax + 1))
      expect(await admin.reply()).toBe(
        "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle " +
          `the specified number of clients, try with ${clientsMax}\r\n`,
      )
      admin.send('CONFIG', 'GET', 'maxclients')
      expect(await admin.reply()).toContain(`\r\n${clientsMax}\r\n`)
      const sockets = Array.from({ length: 300 }, () => {
        const socket = connect(server.port, '127.0.0.1')
        socket.on('error', () => undefined)
        return socket
      })
      await delay(200)
      admin.send('PING')
      expect(await admin.reply()).toBe('+PONG\r\n')
      for (const socket of sockets) socket.destroy()
      await delay(50)
      expect((await exchange(server.port, PING)).toString()).toBe('+PONG\r\n')
    },
  )

  it('reads the limit of descriptors from what Linux tells', () => {
    const line = (soft: string): string =>
      `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft} 4096                 files     \n`
    expect(parseDescriptorLimit(line('1024                '))).toBe(1024)
    expect(parseDescriptorLimit(line('unlimited           '))).toBeUndefined()
    expect(parseDescriptorLimit('')).toBeUndefined()
  })

  it('leaves maxclients alone where there are descriptors enough, or nobody tells', () => {
    for (const limit of [undefined, 20_000]) {
      const config = new Configuration()
      keepToDescriptorLimit(config, createLogger(config), limit)
      expect(config.number('maxclients')).toBe(10_000)
    }
  })
})

describe('ending', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s with clients connected is quick and clean',
    async (signal) => {
      const server = await start({ shards: 4 })
      const idle = await Promise.all(Array.from({ length: 20 }, () => server.raw()))
      const busy = await server.raw()
      let isOver = false
      const traffic = (async () => {
        while (!isOver) {
          busy.write(Buffer.concat(new Array<Buffer>(100).fill(encodeRequest(['INCR', 'n']))))
          await delay(1)
        }
      })()
      await delay(50)
      server.process.kill(signal)
      const { code, tookMs } = await exitOf(server)
      isOver = true
      await traffic
      expect(code).toBe(0)
      expect(tookMs).toBeLessThan(1500)
      expect(server.output()).toContain('bye bye')
      for (const client of idle) expect(await client.rest()).toBe('')
    },
    10_000,
  )

  it('by SIGTERM while a client does not read', async () => {
    const server = await start({ shards: 1 })
    await exchange(server.port, encodeRequest(['SET', 'big', 'x'.repeat(1_000_000)]))
    const deaf = connect(server.port, '127.0.0.1')
    deaf.on('error', () => undefined)
    deaf.pause()
    deaf.write(Buffer.concat(new Array<Buffer>(50).fill(encodeRequest(['GET', 'big']))))
    await delay(100)
    server.process.kill('SIGTERM')
    const { code, tookMs } = await exitOf(server)
    deaf.destroy()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(1500)
  })

  it('by SHUTDOWN', async () => {
    const server = await start({ shards: 4 })
    expect((await exchange(server.port, encodeRequest(['SHUTDOWN', 'NOSAVE']))).toString()).toBe('')
    expect((await exitOf(server)).code).toBe(0)
  })

  it('with its reason when a shard dies', async () => {
    // Code that only the test brings along, and that runs in every thread: from a moment on, waiting fails in the shards.
    const flag = join(directory, 'die')
    const preload = join(directory, 'dying-shard.mjs')
    writeFileSync(
      preload,
      `import { existsSync } from 'node:fs'
       import { isMainThread, threadId } from 'node:worker_threads'
       const wait = Atomics.wait
       if (!isMainThread) Atomics.wait = (...all) => {
         if (existsSync(${JSON.stringify(flag)})) throw new Error('the disk of thread ' + threadId + ' is on fire')
         return wait(...all)
       }`,
    )
    const server = await start({ shards: 4, environment: { NODE_OPTIONS: `--import ${pathToFileURL(preload)}` } })
    expect((await exchange(server.port, PING)).toString()).toBe('+PONG\r\n')
    const client = await server.raw()
    writeFileSync(flag, '')
    const { code, tookMs } = await exitOf(server)
    expect(code).toBe(1)
    expect(tookMs).toBeLessThan(2000)
    expect(server.output()).toMatch(/Shard \d died, and the server with it: Error: the disk of thread \d+ is on fire/)
    expect(await client.rest()).toBe('')
  })

  it('leaves the port free for the next', async () => {
    const server = await start({})
    const client = await server.raw()
    client.send('PING')
    expect(await client.reply()).toBe('+PONG\r\n')
    await server.stop()
    await new Promise<void>((resolve, reject) => {
      const next = createServer().once('error', reject)
      next.listen(server.port, '127.0.0.1', () => next.close(() => resolve()))
    })
  })
})
