/**
 * Socket.IO servers that reach each other's clients through publish and subscribe, with the plain adapter (one channel
 * for each namespace and a pattern) and with the sharded one (SSUBSCRIBE, and a channel for each room).
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { Server } from 'socket.io'
import { type Socket as ClientSocket, io as connect } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHARD_COUNTS, startServer, type TestServer } from '../support/server.js'
import { Arrivals, within } from './arrivals.js'

const ADAPTERS = ['plain', 'sharded'] as const

interface Member {
  readonly socket: ClientSocket
  readonly heard: Arrivals<string>
}

interface ChatServer {
  readonly io: Server
  readonly port: number
}

describe.each(SHARD_COUNTS)('Socket.IO on %i shard(s)', (shards) => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer({ shards })
  })

  afterAll(async () => {
    await server?.stop()
  })

  describe.each(ADAPTERS)('with the %s adapter', (adapter) => {
    behaves(() => server, adapter)
  })
})

function behaves(server: () => TestServer, adapter: (typeof ADAPTERS)[number]): void {
  const chats: ChatServer[] = []
  const members: Member[] = []

  beforeAll(async () => {
    for (let i = 0; i < 2; i++) chats.push(await startChat())
    for (let i = 0; i < 4; i++) members.push(await join(chats[i % 2] as ChatServer, i < 2 ? 'front' : 'back'))
    for (const room of ['front', 'back'])
      await within(
        `the room ${room}`,
        untilTrue(async () => (await reached(room)) === 2),
      )
  })

  afterAll(async () => {
    for (const { socket } of members.splice(0)) socket.disconnect()
    for (const { io } of chats.splice(0)) await io.close()
  })

  async function startChat(): Promise<ChatServer> {
    const [publisher, subscriber] = [server().client(), server().client()]
    // Of what is asked for before it is ready, ioredis may lose a subscription to a shard's channel.
    await Promise.all([publisher.ping(), subscriber.ping()])
    const options = { requestsTimeout: 10_000 }
    const io = new Server(http.createServer(), {
      adapter:
        adapter === 'plain'
          ? createAdapter(publisher, subscriber, options)
          : createShardedAdapter(publisher, subscriber, { subscriptionMode: 'dynamic' }),
      transports: ['websocket'],
    })
    io.on('connection', (socket) => {
      socket.on('join', async (room: string, joined: () => void) => {
        await socket.join(room)
        joined()
      })
      socket.on('say', (room: string, text: string) => socket.to(room).emit('heard', text))
    })
    const web = (io as unknown as { httpServer: http.Server }).httpServer
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    return { io, port: (web.address() as AddressInfo).port }
  }

  async function join(chat: ChatServer, room: string): Promise<Member> {
    const socket = connect(`http://127.0.0.1:${chat.port}`, { transports: ['websocket'], reconnection: false })
    const heard = new Arrivals<string>()
    socket.on('heard', (text: string) => heard.add(text))
    socket.on('question', (text: string, answer: (reply: string) => void) => answer(`${text} from ${socket.id}`))
    await within('a connection', new Promise<void>((resolve) => socket.on('connect', resolve)))
    await within('a room', new Promise<void>((resolve) => socket.emit('join', room, resolve)))
    return { socket, heard }
  }

  /** How many clients hear what is said in a room. A server that is still about to subscribe does not answer yet. */
  async function reached(room: string): Promise<number> {
    const answers: string[] = await chat(0).to(room).timeout(10_000).emitWithAck('question', 'are you there')
    return answers.length
  }

  const chat = (number: number): Server => (chats[number] as ChatServer).io
  const member = (number: number): Member => members[number] as Member

  it('carries a message to everybody in a room, on both servers, once and in order', async () => {
    const texts = Array.from({ length: 40 }, (_, number) => `message ${number}`)
    for (const text of texts) chat(0).to('front').emit('heard', text)
    chat(0).emit('heard', 'end')
    for (const { heard } of members) await heard.until('the last message', (all) => all.includes('end'))
    for (const number of [0, 1]) expect(member(number).heard.all).toEqual([...texts, 'end'])
    for (const number of [2, 3]) expect(member(number).heard.all).toEqual(['end'])
  })

  it('carries what one client says to the others, and not back', async () => {
    member(2).socket.emit('say', 'front', 'from the back')
    for (const number of [0, 1])
      await member(number).heard.until('what was said', (all) => all.at(-1) === 'from the back')
    member(0).socket.emit('say', 'front', 'among ourselves')
    await member(1).heard.until('what was said', (all) => all.at(-1) === 'among ourselves')
    expect(member(0).heard.all).not.toContain('among ourselves')
    chat(1).except('front').emit('heard', 'behind their backs')
    for (const number of [2, 3])
      await member(number).heard.until('what was said', (all) => all.at(-1) === 'behind their backs')
    expect(member(0).heard.all).not.toContain('behind their backs')
  })

  it('collects the answers of all clients of both servers', async () => {
    const answers: string[] = await chat(0).timeout(10_000).emitWithAck('question', 'hello')
    expect(answers.sort()).toEqual(members.map(({ socket }) => `hello from ${socket.id}`).sort())
    chat(1).on('status', (answer: (reply: string) => void) => answer('well'))
    expect(await chat(0).serverSideEmitWithAck('status')).toEqual(['well'])
  })

  it('knows, moves and disconnects the clients of the other server', async () => {
    const ids = async (room: string): Promise<string[]> =>
      (await chat(0).in(room).fetchSockets()).map(({ id }) => id).sort()
    const idsOf = (...numbers: number[]): string[] => numbers.map((number) => String(member(number).socket.id)).sort()
    expect(await ids('front')).toEqual(idsOf(0, 1))
    expect(await ids('back')).toEqual(idsOf(2, 3))
    chat(0).in('back').socketsJoin('upstairs')
    await within(
      'the move',
      untilTrue(async () => (await reached('upstairs')) === 2),
    )
    chat(1).to('upstairs').emit('heard', 'up here')
    for (const number of [2, 3]) await member(number).heard.until('upstairs', (all) => all.at(-1) === 'up here')
    chat(0).in('upstairs').socketsLeave('back')
    await within(
      'the other move',
      untilTrue(async () => (await ids('back')).length === 0),
    )
    const gone = Promise.all(
      [2, 3].map((number) => new Promise((resolve) => member(number).socket.once('disconnect', resolve))),
    )
    chat(0).in('upstairs').disconnectSockets(true)
    await within('the end of two connections', gone)
    await within(
      'their absence',
      untilTrue(async () => (await ids('upstairs')).length === 0),
    )
    expect(await ids('front')).toEqual(idsOf(0, 1))
  })
}

/** Asks again and again: the answer comes over the network, so that the loop leaves the event loop to others. */
async function untilTrue(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}
