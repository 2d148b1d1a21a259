/**
 * express-session with connect-redis: two web servers that share their sessions, asked over HTTP.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'

declare module 'express-session' {
  interface SessionData {
    user?: string
    visits?: number
  }
}

const MAX_AGE_MS = 3_600_000
const PREFIX = 'session:'

interface WebServer {
  readonly port: number
  readonly store: RedisStore
  close(): Promise<void>
}

async function startWebServer(port: number): Promise<WebServer> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  await client.connect()
  const store = new RedisStore({ client, prefix: PREFIX })
  const app = express()
  const cookie = { maxAge: MAX_AGE_MS }
  app.use(session({ store, secret: 'of the tests', resave: false, saveUninitialized: false, cookie }))
  app.post('/login/:user', (request, response) => {
    request.session.user = request.params.user
    request.session.visits = 0
    response.json({ user: request.session.user })
  })
  app.get('/visit', (request, response) => {
    const { user, visits } = request.session
    if (user === undefined) {
      response.status(401).json({})
      return
    }
    request.session.visits = (visits ?? 0) + 1
    response.json({ user, visits: request.session.visits })
  })
  app.get('/look', (request, response) => {
    response.json({ user: request.session.user ?? null })
  })
  app.post('/logout', (request, response, next) => {
    request.session.destroy((error: unknown) => (error ? next(error) : response.json({})))
  })
  const server = http.createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    store,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await client.close()
    },
  }
}

/** A browser that keeps one cookie. */
class Visitor {
  #cookie = ''

  async ask(web: WebServer, method: 'GET' | 'POST', path: string): Promise<{ status: number; body: unknown }> {
    const headers = this.#cookie === '' ? {} : { cookie: this.#cookie }
    const response = await fetch(`http://127.0.0.1:${web.port}${path}`, { method, headers })
    const set = response.headers.get('set-cookie')
    if (set !== null) this.#cookie = set.split(';')[0] ?? ''
    return { status: response.status, body: await response.json() }
  }

  get sessionId(): string {
    return /^connect\.sid=s%3A([^.]+)\./.exec(this.#cookie)?.[1] ?? ''
  }
}

describe.each(SHARD_COUNTS)('express-session with connect-redis on %i shard(s)', (shards) => {
  let server: TestServer
  const web: WebServer[] = []

  beforeAll(async () => {
    server = await startServer({ shards })
    for (let i = 0; i < 2; i++) web.push(await startWebServer(server.port))
  })

  afterAll(async () => {
    for (const one of web.splice(0)) await one.close()
    await server?.stop()
  })

  const either = (turn: number): WebServer => web[turn % 2] as WebServer

  it('keeps each visitor in a session of their own, on both servers', async () => {
    const visitors = Array.from({ length: 20 }, () => new Visitor())
    expect((await (visitors[0] as Visitor).ask(either(0), 'GET', '/visit')).status).toBe(401)
    await Promise.all(
      visitors.map(async (visitor, number) => {
        await visitor.ask(either(number), 'POST', `/login/visitor-${number}`)
        for (let visit = 1; visit <= 5; visit++) {
          const { body } = await visitor.ask(either(number + visit), 'GET', '/visit')
          expect(body).toEqual({ user: `visitor-${number}`, visits: visit })
        }
      }),
    )
    const { store } = either(0)
    expect(await store.length()).toBe(20)
    expect((await store.ids()).sort()).toEqual(visitors.map(({ sessionId }) => sessionId).sort())
    const everybody = (await store.all()) as session.SessionData[]
    expect(everybody.map(({ user }) => user).sort()).toEqual(visitors.map((_, number) => `visitor-${number}`).sort())
    await store.clear()
    expect(await store.length()).toBe(0)
    expect((await (visitors[3] as Visitor).ask(either(1), 'GET', '/visit')).status).toBe(401)
  })

  it('lets a session live as long as its cookie, from its last use on', async () => {
    const visitor = new Visitor()
    await visitor.ask(either(0), 'POST', '/login/ann')
    const key = `${PREFIX}${visitor.sessionId}`
    const client = server.client()
    const left = await client.ttl(key)
    expect(left).toBeGreaterThan(MAX_AGE_MS / 1000 - 60)
    expect(left).toBeLessThanOrEqual(MAX_AGE_MS / 1000)
    await client.expire(key, 100)
    await visitor.ask(either(1), 'GET', '/look')
    expect(await client.ttl(key)).toBeGreaterThan(100)
    await client.pexpire(key, 1)
    while (await client.exists(key));
    expect((await visitor.ask(either(0), 'GET', '/look')).body).toEqual({ user: null })
  })

  it('ends a session on both servers when its visitor logs out', async () => {
    const visitor = new Visitor()
    await visitor.ask(either(0), 'POST', '/login/bob')
    expect((await visitor.ask(either(1), 'GET', '/visit')).status).toBe(200)
    await visitor.ask(either(1), 'POST', '/logout')
    expect((await visitor.ask(either(0), 'GET', '/visit')).status).toBe(401)
    expect(await server.client().keys(`${PREFIX}${visitor.sessionId}`)).toEqual([])
  })
})
