/**
 * The load generator: a process of its own that takes its orders as JSON in its only argument, and prints what it
 * measured as one line of JSON.
 *
 * Two loops. *Closed*: each connection sends its next command when the reply to the last one is there; this gives the
 * latency at the highest speed without pipelining. *Open*: commands leave by the clock, whatever the server does, and
 * their latency is also counted from the moment at which they were due, so that a server that stands still is charged
 * for everything that should have happened meanwhile (no coordinated omission).
 */
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { Histogram, type LatencySummary } from '../histogram.js'
import { encodeCommand } from './encode.js'
import { type FillOptions, fillKeys, keyName, patchNumber } from './fill.js'
import { ReplyCounter } from './replies.js'

export interface LoadOrder {
  readonly kind: 'closed' | 'open'
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** `mixed` alternates GET and SET over random keys below `keys`. */
  readonly command: 'ping' | 'get' | 'set' | 'mixed'
  readonly keys: number
  readonly valueBytes: number
  readonly seed: number
  /** Commands a second over all connections; only the open loop looks at it. */
  readonly ratePerSecond: number
  /**
   * Of an open loop: it has so many phases, of which `seconds` says nothing. SIGUSR2 ends each of them, and the last one the
   * loop.
   */
  readonly phases?: number
}

export interface FillOrder extends FillOptions {
  readonly kind: 'fill'
}

export interface LoadReport {
  readonly opsPerSecond: number
  /** From the moment a command was written to the socket. */
  readonly latency: LatencySummary
  /** From the moment it was due; the same as `latency` in the closed loop. */
  readonly fromSchedule: LatencySummary
  /** The same by the phase in which the reply came. */
  readonly phases: readonly LatencySummary[]
  readonly errors: number
}

/** Timers have a resolution of a millisecond, so that is the clock of the open loop. */
const TICK_MS = 1
/** How long an open loop waits for its last replies. */
const DRAIN_MS = 10_000
const IN_FLIGHT_MAX = 1 << 16

class Commands {
  readonly #order: LoadOrder
  readonly #ping = encodeCommand(['PING'])
  readonly #get = encodeCommand(['GET', keyName(0)])
  readonly #set: Buffer
  readonly #getDigitsAt: number
  readonly #setDigitsAt: number
  #state: number
  #turn = 0

  constructor(order: LoadOrder) {
    this.#order = order
    this.#set = encodeCommand(['SET', keyName(0), Buffer.alloc(order.valueBytes, 'w')])
    this.#getDigitsAt = this.#get.indexOf('key:') + 'key:'.length
    this.#setDigitsAt = this.#set.indexOf('key:') + 'key:'.length
    this.#state = order.seed | 1
    if (order.command === 'set') this.#turn = 1
  }

  /** The next command. A copy, because a socket that is full keeps what it is given. */
  next(): Buffer {
    if (this.#order.command === 'ping') return this.#ping
    if (this.#order.command === 'mixed') this.#turn ^= 1
    const key = this.#random() % this.#order.keys
    const template = this.#turn === 0 ? this.#get : this.#set
    patchNumber(template, this.#turn === 0 ? this.#getDigitsAt : this.#setDigitsAt, key)
    return Buffer.from(template)
  }

  /** xorshift32 (Marsaglia 2003): good enough to choose keys, and repeatable by its seed. */
  #random(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }
}

class Connection {
  readonly socket: net.Socket
  readonly #counter = new ReplyCounter()
  readonly #sent = new Float64Array(IN_FLIGHT_MAX)
  readonly #due = new Float64Array(IN_FLIGHT_MAX)
  #first = 0
  #behind = 0

  private constructor(socket: net.Socket, onReply: (sentMs: number, dueMs: number) => void) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      const complete = this.#counter.count(chunk)
      for (let index = 0; index < complete; index += 1) {
        const slot = this.#first % IN_FLIGHT_MAX
        this.#first += 1
        onReply(this.#sent[slot] as number, this.#due[slot] as number)
      }
    })
    socket.on('error', fail)
  }

  static open(
    port: number,
    onReply: (connection: Connection, sentMs: number, dueMs: number) => void,
  ): Promise<Connection> {
    return new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1')
      const connection: Connection = new Connection(socket, (sentMs, dueMs) => onReply(connection, sentMs, dueMs))
      socket.once('connect', () => resolve(connection))
    })
  }

  get inFlight(): number {
    return this.#behind - this.#first
  }

  get errors(): number {
    return this.#counter.errors
  }

  send(command: Buffer, dueMs: number): void {
    if (this.inFlight === IN_FLIGHT_MAX) fail(new Error('the server is so far behind that the generator gives up'))
    const slot = this.#behind % IN_FLIGHT_MAX
    this.#behind += 1
    this.#sent[slot] = performance.now()
    this.#due[slot] = dueMs
    this.socket.write(command)
  }
}

function fail(error: Error): never {
  process.stderr.write(`load generator: ${error.message}\n`)
  process.exit(1)
}

async function closedLoop(order: LoadOrder): Promise<LoadReport> {
  const commands = new Commands(order)
  const latency = new Histogram()
  let replies = 0
  let endMs = 0
  let finish: () => void = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () =>
      Connection.open(order.port, (connection, sentMs) => {
        const nowMs = performance.now()
        latency.record((nowMs - sentMs) * 1000)
        replies += 1
        if (nowMs < endMs) connection.send(commands.next(), nowMs)
        else finish()
      }),
    ),
  )
  const startMs = performance.now()
  endMs = startMs + order.seconds * 1000
  for (const connection of connections) connection.send(commands.next(), startMs)
  await finished
  const seconds = (performance.now() - startMs) / 1000
  return report(connections, replies / seconds, latency, latency, [])
}

async function openLoop(order: LoadOrder): Promise<LoadReport> {
  const commands = new Commands(order)
  const latency = new Histogram()
  const fromSchedule = new Histogram()
  const phases = Array.from({ length: order.phases ?? 0 }, () => new Histogram())
  let phase = 0
  process.on('SIGUSR2', () => {
    phase += 1
  })
  let replies = 0
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () =>
      Connection.open(order.port, (_connection, sentMs, dueMs) => {
        const nowMs = performance.now()
        latency.record((nowMs - sentMs) * 1000)
        fromSchedule.record((nowMs - dueMs) * 1000)
        phases[phase]?.record((nowMs - dueMs) * 1000)
        replies += 1
      }),
    ),
  )
  const startMs = performance.now()
  const ticks = phases.length > 0 ? Number.POSITIVE_INFINITY : Math.ceil((order.seconds * 1000) / TICK_MS)
  const perTick = (order.ratePerSecond * TICK_MS) / 1000
  let tick = 0
  let sent = 0
  await new Promise<void>((resolve) => {
    const onTimer = (): void => {
      // A late timer sends everything that became due meanwhile, with the time at which each was due.
      const dueTicks = Math.min(ticks, Math.floor((performance.now() - startMs) / TICK_MS))
      for (; tick < dueTicks; tick += 1) {
        const dueMs = startMs + (tick + 1) * TICK_MS
        for (; sent < (tick + 1) * perTick; sent += 1)
          connections[sent % connections.length]?.send(commands.next(), dueMs)
      }
      if (tick === ticks || (phase === phases.length && phase > 0)) resolve()
      else setTimeout(onTimer, TICK_MS)
    }
    onTimer()
  })
  const seconds = (performance.now() - startMs) / 1000
  const drainUntilMs = performance.now() + DRAIN_MS
  while (replies < sent && performance.now() < drainUntilMs) await new Promise((resolve) => setTimeout(resolve, 5))
  if (replies < sent) fail(new Error(`${sent - replies} commands were never answered`))
  return report(connections, sent / seconds, latency, fromSchedule, phases)
}

function report(
  connections: readonly Connection[],
  opsPerSecond: number,
  latency: Histogram,
  fromSchedule: Histogram,
  phases: readonly Histogram[],
): LoadReport {
  const errors = connections.reduce((sum, connection) => sum + connection.errors, 0)
  for (const connection of connections) connection.socket.destroy()
  return {
    opsPerSecond: Math.round(opsPerSecond),
    latency: latency.summary(),
    fromSchedule: fromSchedule.summary(),
    phases: phases.map((phase) => phase.summary()),
    errors,
  }
}

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder | FillOrder
if (order.kind === 'fill') {
  const startMs = performance.now()
  await fillKeys(order)
  process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - startMs) / 1000 })}\n`)
} else {
  process.stdout.write(`${JSON.stringify(order.kind === 'open' ? await openLoop(order) : await closedLoop(order))}\n`)
}
