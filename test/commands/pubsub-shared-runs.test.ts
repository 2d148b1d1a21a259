/**
 * Messages that many subscribers get alike (src/net/shared-run.ts): each must see exactly what it would see alone, in order,
 * whatever else goes out to it, and whoever comes, goes or does not read in the middle of a turn.
 *
 * What a publisher sends in one write is done in one turn.
 */
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { RawClient, startServer, type TestServer } from '../support/server.js'

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const RUN_BYTES_MAX = 64 * 1024

let server: TestServer
beforeAll(async () => {
  server = await startServer({ shards: 2 })
})
afterAll(() => server.stop())

const open: { close(): void }[] = []
async function connect(resp: 2 | 3 = 2): Promise<RespConnection> {
  const connection = await RespConnection.open(server.port)
  open.push(connection)
  if (resp === 3) await connection.call('HELLO', '3')
  return connection
}
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close()
  const control = await RespConnection.open(server.port)
  await expect.poll(async () => String(await control.call('INFO', 'clients'))).toContain('pubsub_clients:0')
  control.close()
})

async function subscriber(resp: 2 | 3, command: string, ...names: string[]): Promise<RespConnection> {
  const connection = await connect(resp)
  connection.write(command, ...names)
  for (const _ of names) await connection.read()
  return connection
}

function encode(...argv: readonly (string | number)[]): string {
  return `*${argv.length}\r\n${argv.map((argument) => `$${String(argument).length}\r\n${argument}\r\n`).join('')}`
}

/** Has a client do commands in one turn, and gives its replies. */
async function atOnce(
  client: RespConnection,
  commands: readonly (readonly (string | number)[])[],
): Promise<RespValue[]> {
  client.writeRaw(commands.map((argv) => encode(...argv)).join(''))
  const replies: RespValue[] = []
  for (const _ of commands) replies.push((await client.read()) as RespValue)
  return replies
}

function message(resp: 2 | 3, ...parts: string[]): RespValue {
  return resp === 3 ? { push: parts } : parts
}

async function readMany(connection: RespConnection, count: number): Promise<(RespValue | 'closed')[]> {
  const values: (RespValue | 'closed')[] = []
  for (let i = 0; i < count; i++) values.push(await connection.read())
  return values
}

/** A message for people to read, when it is not the right one: its text is mostly filling. */
function shortly(parts: readonly string[]): string {
  const text = parts.at(-1) as string
  return [...parts.slice(0, -1), text.replace(/m+$/, ''), text.length].join(' ')
}

/** One command of the publisher: to a channel, so long a message. */
const publication = fc.record({
  channel: fc.constantFrom('a', 'a', 'a', 'b'),
  bytes: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 200 }) },
    { weight: 2, arbitrary: fc.integer({ min: 5000, max: 30_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: RUN_BYTES_MAX - 100, max: RUN_BYTES_MAX + 100 }) },
  ),
})

/** What is written at about the same time: by the publisher, and by subscribers, whose commands are answered. */
const turn = fc.record({
  published: fc.array(publication, { minLength: 1, maxLength: 12 }),
  asked: fc.array(fc.record({ client: fc.integer({ min: 0, max: 7 }), isOfShard: fc.boolean() }), { maxLength: 4 }),
})

describe('messages that many get alike', () => {
  it(`come in order to each, with its own replies and other channels in between (SEED=${SEED})`, async () => {
    const listening: readonly (readonly [resp: 2 | 3, channels: readonly string[], patterns: readonly string[]])[] = [
      [2, ['a'], []],
      [3, ['a'], []],
      [2, ['a', 'b'], []],
      [3, ['b', 'a'], []],
      [2, ['b'], []],
      [3, ['b'], ['?']],
      [2, ['none'], ['a*']],
      // A client gets messages by the patterns in the order in which these came to be.
      [3, ['none'], ['?', 'a*']],
    ]
    const publisher = await connect()
    await publisher.call('SET', 'k', 'v')
    const clients: RespConnection[] = []
    for (const [resp, channels, patterns] of listening) {
      const client = await subscriber(resp, 'SUBSCRIBE', ...channels)
      for (const pattern of patterns) {
        client.write('PSUBSCRIBE', pattern)
        await client.read()
      }
      clients.push(client)
    }
    let number = 0
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 6 }), async (turns) => {
        const expected = listening.map((): { pushes: string[]; replies: string[] } => ({ pushes: [], replies: [] }))
        for (const { published, asked } of turns) {
          for (const { client, isOfShard } of asked) {
            const command = isOfShard && listening[client]?.[0] === 3 ? ['SET', 'k', 'v', 'GET'] : ['PING', 'v']
            clients[client]?.write(...command)
            expected[client]?.replies.push('v')
          }
          const commands = published.map(({ channel, bytes }): [string, string, string] => {
            return ['PUBLISH', channel, String(number++).padEnd(bytes, 'm')]
          })
          for (const [, channel, text] of commands) {
            for (const [index, [, channels, patterns]] of listening.entries()) {
              if (channels.includes(channel)) expected[index]?.pushes.push(shortly(['message', channel, text]))
              for (const pattern of patterns) {
                if (pattern === '?' || channel === 'a') {
                  expected[index]?.pushes.push(shortly(['pmessage', pattern, channel, text]))
                }
              }
            }
          }
          const receivers = { a: 8, b: 6 }
          expect(await atOnce(publisher, commands)).toEqual(published.map(({ channel }) => receivers[channel]))
        }
        for (const [index, client] of clients.entries()) {
          const { pushes, replies } = expected[index] as { pushes: string[]; replies: string[] }
          const got = { pushes: [] as string[], replies: [] as string[] }
          for (const value of await readMany(client, pushes.length + replies.length)) {
            const parts =
              typeof value === 'object' && value !== null && !Array.isArray(value) && 'push' in value
                ? value.push
                : value
            const isPush = Array.isArray(parts) && String(parts[0]).endsWith('message')
            if (isPush) expect(Array.isArray(value)).toBe(listening[index]?.[0] === 2)
            if (isPush) got.pushes.push(shortly(parts as string[]))
            else got.replies.push(String(Array.isArray(parts) ? parts[1] : parts))
          }
          expect(got).toEqual({ pushes, replies })
        }
      }),
      // What a failure leaves unread would make every other case fail.
      { seed: SEED, numRuns: 40, endOnFailure: true },
    )
  }, 60_000)

  it('stand on the right side of a reply that comes from a shard', async () => {
    const [sleeper, publisher, last] = [await connect(), await connect(), await connect()]
    const clients = [await subscriber(3, 'SUBSCRIBE', 'a'), await subscriber(3, 'SUBSCRIBE', 'a')]
    await publisher.call('SET', 'k', 'v')
    // All that comes while the server sleeps is done in one turn, in the order in which it came.
    sleeper.write('DEBUG', 'SLEEP', '0.3')
    await delay(100)
    publisher.write('PUBLISH', 'a', '1')
    await delay(20)
    clients[0]?.write('GET', 'k')
    await delay(20)
    last.write('PUBLISH', 'a', '2')
    expect(await publisher.read()).toBe(2)
    expect(await last.read()).toBe(2)
    const pushes = ['1', '2'].map((text) => message(3, 'message', 'a', text))
    expect(await readMany(clients[0] as RespConnection, 3)).toEqual([pushes[0], 'v', pushes[1]])
    expect(await readMany(clients[1] as RespConnection, 2)).toEqual(pushes)
  })

  it('begin for a client when it subscribes, and end when it unsubscribes, in the middle of a turn', async () => {
    const others = [await subscriber(2, 'SUBSCRIBE', 'a'), await subscriber(3, 'SUBSCRIBE', 'a')]
    const client = await connect(3)
    client.writeRaw(
      [
        ['PUBLISH', 'a', '0'],
        ['SUBSCRIBE', 'a'],
        ['PUBLISH', 'a', '1'],
        ['PUBLISH', 'a', '2'],
        ['UNSUBSCRIBE', 'a'],
        ['PUBLISH', 'a', '3'],
      ]
        .map((argv) => encode(...argv))
        .join(''),
    )
    const got = await readMany(client, 8)
    expect(got.filter((value) => typeof value === 'number')).toEqual([2, 3, 3, 2])
    expect(got.filter((value) => typeof value !== 'number')).toEqual([
      { push: ['subscribe', 'a', 1] },
      { push: ['message', 'a', '1'] },
      { push: ['message', 'a', '2'] },
      { push: ['unsubscribe', 'a', 0] },
    ])
    expect(await client.call('PING')).toEqual({ simple: 'PONG' })
    for (const [index, other] of others.entries()) {
      const texts = ['0', '1', '2', '3']
      expect(await readMany(other, 4)).toEqual(texts.map((text) => message(index === 0 ? 2 : 3, 'message', 'a', text)))
    }
  })

  it('go on for the others when some are killed in the middle of a turn', async () => {
    const publisher = await connect()
    for (const killed of [1, 2, 3]) {
      const clients = []
      for (const resp of [2, 3, 2] as const) clients.push(await subscriber(resp, 'SUBSCRIBE', 'a'))
      const elsewhere = [await subscriber(2, 'SUBSCRIBE', 'b'), await subscriber(2, 'SUBSCRIBE', 'b')]
      const ids: number[] = []
      const list = String(await publisher.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      for (const [, id] of list.matchAll(/id=(\d+) /g)) ids.push(Number(id))
      const replies = await atOnce(publisher, [
        ['PUBLISH', 'a', '1'],
        ...ids.slice(0, killed).map((id) => ['CLIENT', 'KILL', 'ID', id]),
        // The memory of a run that nobody needs any more may be used for this one.
        ['PUBLISH', 'b', 'x'.repeat(100)],
        ['PUBLISH', 'a', '2'],
        ['PUBLISH', 'b', 'y'.repeat(100)],
      ])
      expect(replies).toEqual([3, ...ids.slice(0, killed).map(() => 1), 2, 3 - killed, 2])
      for (const [index, client] of clients.entries()) {
        if (index < killed) {
          expect(await client.read()).toBe('closed')
          continue
        }
        const resp = index === 1 ? 3 : 2
        expect(await readMany(client, 2)).toEqual([
          message(resp, 'message', 'a', '1'),
          message(resp, 'message', 'a', '2'),
        ])
      }
      for (const client of elsewhere) {
        expect(await readMany(client, 2)).toEqual([
          ['message', 'b', 'x'.repeat(100)],
          ['message', 'b', 'y'.repeat(100)],
        ])
      }
      for (const client of [...clients, ...elsewhere]) client.close()
      await expect.poll(() => publisher.call('PUBSUB', 'NUMSUB', 'a', 'b')).toEqual(['a', 0, 'b', 0])
    }
  })

  it('stay whole for a slow reader, and count as its output at once', { timeout: 30_000 }, async () => {
    const publisher = await connect()
    await publisher.call('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 0 0 0')
    const slow = await RawClient.connect(server.port)
    open.push(slow)
    slow.send('SUBSCRIBE', 'a')
    const greeting = await slow.reply()
    expect(greeting).toBe('*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n')
    slow.socket.pause()
    const fast = await subscriber(2, 'SUBSCRIBE', 'a')
    const texts: string[] = []
    let waiting = 0
    for (let batch = 0; waiting < 1024 * 1024; batch++) {
      // Of changing length, so that bytes of another turn's run would not fit in by chance.
      const batchTexts = Array.from({ length: 9 }, (_, i) =>
        `${batch}.${i}`.padEnd(1000 + ((batch * 37 + i * 11) % 900), '.'),
      )
      texts.push(...batchTexts)
      const commands = batchTexts.map((text) => ['PUBLISH', 'a', text])
      const replies = await atOnce(publisher, [...commands, ['CLIENT', 'LIST', 'TYPE', 'pubsub']])
      const [ofSlow, ofFast] = Array.from(String(replies.pop()).matchAll(/ omem=(\d+) /g), ([, bytes]) => Number(bytes))
      const bytes = batchTexts.reduce((sum, text) => sum + encode('message', 'a', text).length, 0)
      // In the middle of the turn nobody has got them yet.
      expect(ofFast).toBe(bytes)
      expect(ofSlow).toBeGreaterThanOrEqual(bytes)
      waiting = ofSlow as number
      expect(await readMany(fast, 9)).toEqual(batchTexts.map((text) => ['message', 'a', text]))
    }
    slow.socket.resume()
    for (const text of texts) expect(await slow.reply()).toBe(encode('message', 'a', text))
    await publisher.call('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60')
  })
})
