/**
 * Publish and subscribe: one client publishes as fast as it is answered, 100 others get every message.
 *
 * Runs in the main thread of the benchmark tool. Subscribers count bytes, as all messages are equally long, so that the
 * tool takes as little of the processor as it can: it shares it with the server. Servers take turns.
 */
import type net from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { encodeCommand } from '../load/encode.js'
import { type Figures, record } from '../results.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { median } from '../statistics.js'
import { textTable } from '../table.js'
import { verifyAnswers } from './verify.js'

export interface PubsubOptions {
  readonly own: ServerSpec
  readonly peers: readonly ServerSpec[]
  /** Of each server, all turns together. */
  readonly seconds: number
}

const TURNS = 4
const SUBSCRIBERS = 100
const PIPELINE = 16
const MESSAGE_BYTES = 64
const CHANNEL = 'channel'
/** What a subscriber gets for each message, but for its body. */
const FRAME = `*3\r\n$7\r\nmessage\r\n$${CHANNEL.length}\r\n${CHANNEL}\r\n$${MESSAGE_BYTES}\r\n\r\n`
const FRAME_BYTES = FRAME.length + MESSAGE_BYTES
const DELIVERY_SECONDS_MAX = 10

/** Prints and records how many messages each server delivers in a second. */
export async function pubsub(options: PubsubOptions): Promise<void> {
  const servers: RunningServer[] = []
  for (const spec of [options.own, ...options.peers]) servers.push(await startServer(spec))
  try {
    for (const server of servers) await verifyAnswers(server)
    const versions = await Promise.all(servers.map((server) => server.version()))
    const rates = servers.map((): number[] => [])
    for (let turn = 0; turn < TURNS; turn += 1) {
      const indexes = servers.map((_, index) => index)
      for (const index of turn % 2 === 0 ? indexes : indexes.reverse()) {
        rates[index]?.push(await deliveredPerSecond(servers[index] as RunningServer, options.seconds / TURNS))
      }
    }
    const sides = servers.map((server, index) => ({
      name: server.spec.name,
      version: versions[index] ?? '',
      opsPerSecond: Math.round(median(rates[index] ?? [])),
    }))
    report(options, sides)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

interface Subscriber {
  readonly socket: net.Socket
  readonly received: () => number
}

async function subscribe(port: number): Promise<Subscriber> {
  const client = await RawClient.connect(port)
  await client.call('SUBSCRIBE', CHANNEL)
  // From here on nobody needs to know where a message ends.
  client.socket.removeAllListeners('data')
  let bytes = 0
  client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  return { socket: client.socket, received: () => bytes / FRAME_BYTES }
}

async function deliveredPerSecond(server: RunningServer, seconds: number): Promise<number> {
  const subscribers: Subscriber[] = []
  for (let i = 0; i < SUBSCRIBERS; i += 1) subscribers.push(await subscribe(server.port))
  const publisher = await RawClient.connect(server.port)
  const command = encodeCommand(['PUBLISH', CHANNEL, 'm'.repeat(MESSAGE_BYTES)])
  const batch = Buffer.concat(Array.from({ length: PIPELINE }, () => command))
  const startedMs = performance.now()
  let published = 0
  while (performance.now() - startedMs < seconds * 1000) {
    const replies = Array.from({ length: PIPELINE }, () => publisher.expectReply())
    publisher.socket.write(batch)
    for (const reached of await Promise.all(replies)) {
      if (reached !== SUBSCRIBERS) throw new Error(`a message reached ${String(reached)} of ${SUBSCRIBERS} subscribers`)
    }
    published += PIPELINE
  }
  const expected = published * SUBSCRIBERS
  const delivered = (): number => subscribers.reduce((sum, { received }) => sum + received(), 0)
  const giveUpMs = performance.now() + DELIVERY_SECONDS_MAX * 1000
  while (delivered() < expected) {
    if (performance.now() > giveUpMs) throw new Error(`${expected - delivered()} messages have not come`)
    await delay(1)
  }
  const elapsedMs = performance.now() - startedMs
  publisher.close()
  for (const { socket } of subscribers) socket.destroy()
  return (expected * 1000) / elapsedMs
}

function report(options: PubsubOptions, sides: readonly Figures[]): void {
  const rows = sides.map((side) => [side.name, side.opsPerSecond ?? 0])
  process.stdout.write(
    `PUBLISH of ${MESSAGE_BYTES} bytes to ${SUBSCRIBERS} subscribers, pipeline ${PIPELINE}; messages delivered a second\n`,
  )
  process.stdout.write(`${textTable(['server', 'messages/s'], rows)}\n`)
  const [own, ...others] = sides as [Figures, ...Figures[]]
  for (const peer of others) {
    record({
      scenario: 'pubsub',
      shards: options.own.shards ?? 0,
      command: 'publish',
      clients: SUBSCRIBERS,
      pipeline: PIPELINE,
      valueBytes: MESSAGE_BYTES,
      seconds: options.seconds,
      own,
      peer,
      ratio: Number(((own.opsPerSecond ?? Number.NaN) / (peer.opsPerSecond ?? Number.NaN)).toFixed(4)),
    })
  }
}
