/**
 * Hostile input from several connections, while another connection goes on working and checks every answer.
 *
 * Runs in the main thread of the tool, the server in a process of its own. The run fails when the well-behaved session
 * gets a wrong answer or none, when the server ends, or when its memory grows.
 */
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from '../load/client.js'
import { Random } from '../random.js'
import { type RunningServer, type ServerSpec, startServer } from '../servers.js'
import { FUZZ_KEYS, FuzzInput, fuzzableCommands } from './fuzz-input.js'
import { ModelSession } from './model-session.js'
import { type Actor, joinActors, Watch } from './watch.js'

export interface FuzzOptions {
  readonly specs: readonly ServerSpec[]
  readonly seconds: number
  readonly seed: number
}

const ATTACKERS = 6
const WAIT_MS_MAX = 5_000
/** How long an attacker waits for the server to answer or to hang up before it sends its next input. */
const PATIENCE_MS = 5
const INPUTS_PER_CONNECTION_MAX = 20

interface Counts {
  inputs: number
  connections: number
  closedByServer: number
}

/** Fuzzes each server in turn. Returns whether all of them stood it. */
export async function fuzz(options: FuzzOptions): Promise<boolean> {
  let right = true
  process.stdout.write(`fuzz: seed ${options.seed}, ${options.seconds} s each\n`)
  for (const spec of options.specs) right = (await fuzzOne(spec, options)) && right
  return right
}

async function fuzzOne(spec: ServerSpec, options: FuzzOptions): Promise<boolean> {
  const server = await startServer(spec)
  const watch = new Watch(server, WAIT_MS_MAX)
  const random = new Random(options.seed)
  const endMs = performance.now() + options.seconds * 1000
  const counts: Counts = { inputs: 0, connections: 0, closedByServer: 0 }
  const commands = fuzzableCommands(await commandNames(server))
  const client = await RawClient.connect(server.port)
  watch.add(client, 'well-behaved session')
  const model = new ModelSession(client, new Random(random.next()), 'private:')
  const actors: Actor[] = [
    ['well-behaved session', checkMeanwhile(model, endMs)],
    ['clean-up', cleanUp(server, endMs)],
  ]
  for (let index = 0; index < ATTACKERS; index += 1) {
    actors.push([
      `attacker ${index}`,
      attack(server, new FuzzInput(new Random(random.next()), commands), endMs, counts),
    ])
  }
  const failures = await joinActors(actors, endMs)
  watch.stop()
  failures.push(...watch.unanswered)
  if (!server.alive) failures.push(`the server has ended:\n${server.logTail()}`)
  if (!watch.memoryIsFlat()) failures.push('memory grows')
  const shards = spec.shards === null ? '' : ` with ${spec.shards} shards`
  process.stdout.write(
    `${spec.name}${shards}: ${counts.inputs} inputs over ${counts.connections} connections, ${counts.closedByServer} closed by the server\n`,
  )
  process.stdout.write(
    `  ${model.checked} answers checked, longest wait ${watch.waitedMaxMs.toFixed(0)} ms; ${watch.memoryReport()}\n`,
  )
  for (const failure of failures) process.stdout.write(`  FAILED ${failure}\n`)
  await server.stop()
  return failures.length === 0
}

async function commandNames(server: RunningServer): Promise<string[]> {
  const client = await RawClient.connect(server.port)
  const reply = await client.call('COMMAND', 'LIST')
  client.close()
  return Array.isArray(reply) ? reply.map(String) : []
}

async function checkMeanwhile(model: ModelSession, endMs: number): Promise<void> {
  while (performance.now() < endMs) {
    await model.runBatch()
    await delay(5)
  }
}

/** Removes what the attackers left behind, so that memory which stays taken is the server's own. */
async function cleanUp(server: RunningServer, endMs: number): Promise<void> {
  const client = await RawClient.connect(server.port)
  while (performance.now() < endMs) {
    await delay(500)
    for (const db of [0, 1])
      await client.pipeline([
        ['SELECT', db],
        ['DEL', ...FUZZ_KEYS],
      ])
  }
  client.close()
}

async function attack(server: RunningServer, input: FuzzInput, endMs: number, counts: Counts): Promise<void> {
  while (performance.now() < endMs) {
    const socket = net.connect(server.port, '127.0.0.1')
    let open = true
    // A reset is a server's right after what it was sent; only the well-behaved session may insist on an answer.
    socket.on('error', () => {
      open = false
    })
    socket.on('close', () => {
      open = false
    })
    socket.resume()
    counts.connections += 1
    for (let turn = 0; turn < INPUTS_PER_CONNECTION_MAX && open && performance.now() < endMs; turn += 1) {
      const bytes = input.next()
      counts.inputs += 1
      if (turn % 4 === 3) {
        for (const piece of input.split(bytes)) {
          socket.write(piece)
          await delay(1)
        }
      } else socket.write(bytes)
      await delay(PATIENCE_MS)
    }
    if (!open) counts.closedByServer += 1
    socket.destroy()
    if (!server.alive) throw new Error('the server has ended under attack')
  }
}
