/**
 * A long mixed load under which every answer is checked.
 *
 * Runs in the main thread of the tool, the server in a process of its own. Sessions with private keys check every reply
 * against a model, others check that commands over several shards are atomic, slow readers and short-lived connections
 * get in their way, and a watch sees to it that no command waits for a second.
 */

import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { encodeCommand } from '../load/encode.js'
import { type Reply, ReplyReader } from '../load/replies.js'
import { Random } from '../random.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { ModelSession } from './model-session.js'
import { sameReply } from './verify.js'
import { type Actor, joinActors, Watch } from './watch.js'

export interface SoakOptions {
  readonly specs: readonly ServerSpec[]
  readonly seconds: number
  readonly seed: number
}

const SESSIONS = 8
const WAIT_MS_MAX = 1_000
const SHARED_KEYS = Array.from({ length: 8 }, (_, index) => `shared:${index}`)
const SLOW_READERS = 2
const BIG_KEY = 'soak:big'
const BIG_VALUE = Buffer.alloc(256 * 1024, 'B')
const BIG_REPLIES = 64

interface Soak {
  readonly server: RunningServer
  readonly watch: Watch
  readonly endMs: number
  readonly random: Random
  checked: number
}

/** Soaks each server in turn. Returns whether everything was right. */
export async function soak(options: SoakOptions): Promise<boolean> {
  let right = true
  process.stdout.write(`soak: seed ${options.seed}, ${options.seconds} s each\n`)
  for (const spec of options.specs) right = (await soakOne(spec, options)) && right
  return right
}

async function soakOne(spec: ServerSpec, options: SoakOptions): Promise<boolean> {
  const server = await startServer(spec)
  const watch = new Watch(server, WAIT_MS_MAX)
  const run: Soak = {
    server,
    watch,
    endMs: performance.now() + options.seconds * 1000,
    random: new Random(options.seed),
    checked: 0,
  }
  const actors: Actor[] = []
  for (let index = 0; index < SESSIONS; index += 1) actors.push([`session ${index}`, session(run, index)])
  for (let index = 0; index < 2; index += 1) actors.push([`shared writer ${index}`, sharedWriter(run, index)])
  actors.push(['shared reader', sharedReader(run)], ['short connections', shortConnections(run)], ['ping', ping(run)])
  for (let index = 0; index < SLOW_READERS; index += 1) actors.push([`slow reader ${index}`, slowReader(run)])
  const failures = await joinActors(actors, run.endMs)
  watch.stop()
  failures.push(...watch.unanswered)
  if (!server.alive) failures.push(`the server has ended:\n${server.logTail()}`)
  const shards = spec.shards === null ? '' : ` with ${spec.shards} shards`
  process.stdout.write(
    `${spec.name}${shards}: ${run.checked} answers checked, longest wait ${watch.waitedMaxMs.toFixed(0)} ms\n`,
  )
  process.stdout.write(`  ${watch.memoryReport()}\n`)
  for (const failure of failures) process.stdout.write(`  FAILED ${failure}\n`)
  await server.stop()
  return failures.length === 0
}

function over(run: Soak): boolean {
  return performance.now() >= run.endMs
}

async function connectWatched(run: Soak, name: string): Promise<RawClient> {
  const client = await RawClient.connect(run.server.port)
  run.watch.add(client, name)
  return client
}

/** Random pipelines over private keys, on a new connection now and then. */
async function session(run: Soak, index: number): Promise<void> {
  const random = new Random(run.random.next())
  for (let generation = 0; !over(run); generation += 1) {
    const client = await connectWatched(run, `session ${index}`)
    const model = new ModelSession(client, random, `soak:${index}:${generation}:`)
    const batches = 50 + random.below(1_000)
    for (let batch = 0; batch < batches && !over(run); batch += 1) {
      await model.runBatch()
      if (random.oneIn(20)) await delay(random.below(20))
    }
    await model.clear()
    run.checked += model.checked
    run.watch.remove(client)
    client.close()
  }
}

/** Gives all shared keys one value, or removes them all, in one command or one transaction. */
async function sharedWriter(run: Soak, index: number): Promise<void> {
  const random = new Random(run.random.next())
  const client = await connectWatched(run, `shared writer ${index}`)
  for (let turn = 0; !over(run); turn += 1) {
    const token = `${index}:${turn}`
    const kind = random.below(4)
    if (kind === 0) await client.call('DEL', ...SHARED_KEYS)
    else if (kind === 1) {
      await client.pipeline([['MULTI'], ...SHARED_KEYS.map((key) => ['SET', key, token]), ['EXEC']])
    } else await client.call('MSET', ...SHARED_KEYS.flatMap((key) => [key, token]))
    await delay(random.below(3))
  }
  client.close()
}

/** Whatever the writers do, one read sees all shared keys with one value. */
async function sharedReader(run: Soak): Promise<void> {
  const client = await connectWatched(run, 'shared reader')
  const read: readonly string[] = ['MGET', ...SHARED_KEYS]
  const inTransaction = [['MULTI'], ...SHARED_KEYS.map((key) => ['GET', key]), ['EXEC']]
  while (!over(run)) {
    const single = await client.call(...read)
    const transaction = (await client.pipeline(inTransaction)).at(-1) as Reply
    for (const values of [single, transaction]) {
      if (!Array.isArray(values) || values.some((value) => !sameReply(value, values[0] as Reply))) {
        throw new Error(`a read over several shards saw half a write: ${String(values)}`)
      }
      run.checked += 1
    }
    await delay(2)
  }
  client.close()
}

/** Asks for much and reads slowly. Its own wait is not watched: it is this reader who lets the server wait. */
async function slowReader(run: Soak): Promise<void> {
  const setup = await RawClient.connect(run.server.port)
  await setup.call('SET', BIG_KEY, BIG_VALUE)
  setup.close()
  const request = encodeCommand(['GET', BIG_KEY])
  while (!over(run)) {
    const socket = net.connect(run.server.port, '127.0.0.1')
    const reader = new ReplyReader()
    let received = 0
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', () =>
        received === BIG_REPLIES ? resolve() : reject(new Error('closed before everything was read')),
      )
      socket.on('data', (chunk) => {
        reader.feed(chunk)
        for (let reply = reader.take(); reply !== undefined; reply = reader.take()) {
          if (!sameReply(reply, BIG_VALUE)) return reject(new Error('a big value came back changed'))
          received += 1
          run.checked += 1
        }
        if (received === BIG_REPLIES) return void socket.destroy()
        socket.pause()
        setTimeout(() => socket.resume(), 5)
        return undefined
      })
      socket.write(Buffer.concat(Array.from({ length: BIG_REPLIES }, () => request)))
    })
  }
}

/** Connections that come and go, some of them in the middle of a command. */
async function shortConnections(run: Soak): Promise<void> {
  const random = new Random(run.random.next())
  const command = encodeCommand(['SET', 'soak:short', Buffer.alloc(5_000, 's')])
  while (!over(run)) {
    const client = await RawClient.connect(run.server.port)
    if ((await client.call('PING')) !== 'PONG') throw new Error('PING was not answered with PONG')
    run.checked += 1
    if (random.oneIn(2)) client.socket.write(command.subarray(0, 1 + random.below(command.length - 1)))
    if (random.oneIn(2)) client.close()
    else client.socket.end()
    await delay(random.below(30))
  }
}

/** One connection that only wants to know whether the server is there. */
async function ping(run: Soak): Promise<void> {
  const client = await connectWatched(run, 'ping')
  while (!over(run)) {
    if ((await client.call('PING')) !== 'PONG') throw new Error('PING was not answered with PONG')
    run.checked += 1
    await delay(10)
  }
  client.close()
}
