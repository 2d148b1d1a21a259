/**
 * The proof: whether what a server has after a crash is what it had at one moment before, every operation whole, and nothing
 * missing that it had promised to keep.
 *
 * Only used by tests. What each client has of its own says how many of its operations are there; the log says in which order
 * operations on shared keys are there. Between clients, nothing may be there that was sent after the answer to something that
 * is not.
 */
import type { RespValue } from '../support/resp-value.js'
import { agrees, describeEntry, type Model } from './model.js'
import { applyCommand, keysOf } from './model-commands.js'
import { doneOf, logOf, PLACE, queuedOf, queueOf } from './operations.js'
import type { QueueConsumer } from './queue-consumer.js'
import type { State } from './state-reader.js'
import type { SentOperation, WorkClient } from './work-client.js'

/** Clients as far as the proof needs them. */
export type SeenClient = Pick<WorkClient, 'source' | 'operations' | 'answered'>
export type SeenConsumer = Pick<QueueConsumer, 'kind' | 'client' | 'sentMs' | 'taken'>

/** What was done since the state was known the last time. */
export interface Generation {
  readonly number: number
  /** What there was before. */
  readonly base: Model
  readonly clients: readonly SeenClient[]
  readonly consumers: readonly SeenConsumer[]
  /** When the server was gone. */
  readonly endedMs: number
}

export interface Survival {
  readonly sent: number
  readonly answered: number
  /** Transactions and scripts: each of them was looked for as a whole. */
  readonly transactions: number
  readonly survived: number
  /** Answered, and not there. */
  readonly lost: number
  /** For how long what is lost had been answered when the server ended, at most. */
  readonly lostMsMax: number
}

/** Something that is there or not, with its times, in the order of its client. */
interface Happening {
  readonly name: string
  readonly sentMs: number
  readonly doneMs: number | undefined
}

interface Outcome {
  readonly happenings: readonly Happening[]
  /** So many of them are there at least, and at most: a command that changes nothing cannot be seen. */
  readonly atLeast: number
  readonly atMost: number
}

export class BrokenPromiseError extends Error {
  readonly code = 'BROKEN_PROMISE'
}

/**
 * Checks a state.
 * @param lossMsMax how long ago the answer to what is missing may have come, in ms before the end; 0 when nothing may be missing
 * @throws BrokenPromiseError that says what is wrong
 */
export function checkState(generation: Generation, state: State, lossMsMax: number): Survival {
  const proof = new Proof(generation, state)
  const outcomes = proof.outcomes()
  checkOrder(outcomes)
  const transactions = generation.clients.flatMap(({ operations }) => operations.filter(({ how }) => how !== 'plain'))
  return { ...checkLoss(outcomes, generation.endedMs, lossMsMax), transactions: transactions.length }
}

class Proof {
  /** Where in the log each client's operations stand, counted from 1. */
  readonly #places: Map<number, number>[]
  readonly #log: readonly string[]

  constructor(
    private readonly generation: Generation,
    private readonly state: State,
  ) {
    const log = state.model.entries.get(`0/${logOf(generation.number)}`)?.value
    this.#log = log?.type === 'list' ? log.items : []
    this.#places = generation.clients.map(() => new Map())
  }

  outcomes(): Outcome[] {
    const { clients, consumers } = this.generation
    this.#checkNames()
    this.#readLog()
    const outcomes = clients.map((client) => this.#ownOutcome(client))
    this.#checkShared()
    return [...outcomes, ...consumers.map((consumer) => this.#queueOutcome(consumer))]
  }

  /** Every key must belong to somebody. */
  #checkNames(): void {
    const { base } = this.generation
    const owns = this.generation.clients.map((client) => this.#ownerOf(client))
    for (const key of this.state.model.entries.keys()) {
      const isKnown = this.#isShared(key) || this.#isOfQueue(key) || owns.some((isOwn) => isOwn(key))
      if (!isKnown) fail(`there is a key ${key} that nobody has made${base.has(key) ? ' since the last restart' : ''}`)
    }
  }

  #ownerOf({ source }: SeenClient): (key: string) => boolean {
    const prefix = `${source.database}/c${source.client}:`
    // The first client deletes what former generations have left of the log.
    const leftovers = new Set(source.leftovers.map((key) => `${source.database}/${key}`))
    return (key) => key.startsWith(prefix) || leftovers.has(key)
  }

  #isShared(key: string): boolean {
    return key.startsWith('0/g:') || key === `0/${logOf(this.generation.number)}`
  }

  #isOfQueue(key: string): boolean {
    return this.generation.clients.some(({ source }) => {
      const names = [queueOf(source.client), doneOf(source.client, this.generation.number)]
      return names.some((name) => key === `0/${name}`)
    })
  }

  /** The log must have operations that were sent, each client's in order and without a gap. */
  #readLog(): void {
    const { clients } = this.generation
    const next = clients.map(() => 0)
    const logged = clients.map(({ operations }) =>
      operations.filter(({ isLogged, isRefused }) => isLogged && !isRefused),
    )
    this.#log.forEach((tag, i) => {
      const [client, number] = tag.split(':').map(Number) as [number, number]
      const expected = logged[client]?.[next[client] as number]
      if (expected === undefined || expected.number !== number) {
        const order = this.#log.slice(Math.max(i - 5, 0), i + 6).join(' ')
        fail(`place ${i + 1} of the log is ${tag} where ${client}:${expected?.number} belongs: ... ${order} ...`)
      }
      const answered = placeIn(expected)
      if (answered !== undefined && answered !== i + 1) {
        fail(`${tag} was answered as place ${answered} of the log, and stands at ${i + 1}`)
      }
      next[client] = (next[client] as number) + 1
      this.#places[client]?.set(number, i + 1)
    })
  }

  /** Looks for the number of operations after which the client's own keys are what they are. */
  #ownOutcome(client: SeenClient): Outcome {
    const isOwn = this.#ownerOf(client)
    const places = this.#places[client.source.client] as Map<number, number>
    const own = this.generation.base.copy(isOwn)
    const actual = this.state.model.copy(isOwn)
    const wrong = new Set([...own.entries.keys(), ...actual.entries.keys()].filter((key) => !this.#agrees(own, key)))
    let placed = 0
    let atLeast: number | undefined
    let atMost = -1
    let best = { wrong: [...wrong], after: 0, model: own.copy(() => true) }
    const { operations } = client
    for (let count = 0; ; count++) {
      if (wrong.size === 0 && placed === places.size) {
        atLeast ??= count
        atMost = count
      }
      // The last of the nearest: where it differs is most likely what is missing.
      if (wrong.size > 0 && wrong.size <= best.wrong.length) {
        best = { wrong: [...wrong], after: count, model: own.copy((key) => wrong.has(key)) }
      }
      const operation = operations[count]
      if (operation === undefined) break
      if (operation.isRefused) continue
      const place = places.get(operation.number)
      if (operation.isLogged) {
        if (place === undefined) break
        placed++
      }
      this.#apply(own, operation, client, place, isOwn)
      for (const key of own.touched) {
        if (this.#agrees(own, key)) wrong.delete(key)
        else wrong.add(key)
      }
      own.touched.clear()
    }
    const name = client.source.client
    if (atLeast === undefined) {
      const differences = best.wrong.map((key) => {
        const is = describeEntry(actual.entries.get(key))
        return `  ${key}\n    is        ${is}\n    should be ${describeEntry(best.model.entries.get(key))}`
      })
      fail(
        `the keys of client ${name} are what they were after none of its ${operations.length} operations, ` +
          `${client.answered} of them answered, ${places.size} in the log (up to ` +
          `${Math.max(...places.keys(), -1)}). Nearest after ${best.after}:\n${differences.join('\n')}\n` +
          `around it:\n${operations
            .slice(Math.max(best.after - 4, 0), best.after + 4)
            .map(textOf)
            .join('\n')}`,
      )
    }
    const happenings = operations.map(({ number, sentMs, doneMs }) => ({ name: `${name}:${number}`, sentMs, doneMs }))
    return { happenings, atLeast, atMost }
  }

  #agrees(model: Model, key: string): boolean {
    return agrees(model.entries.get(key), this.state.model.entries.get(key), this.state.readAt)
  }

  #apply(
    model: Model,
    operation: SentOperation,
    { source }: SeenClient,
    place: number | undefined,
    isOwn: (key: string) => boolean,
  ): void {
    const circumstances = {
      database: source.database,
      sentMs: operation.sentMs,
      doneMs: operation.doneMs ?? this.generation.endedMs,
      reply: operation.how === 'plain' ? operation.reply : undefined,
    }
    for (const command of operation.commands) {
      // The keys of a command all belong to one owner.
      const [key] = keysOf(command)
      if (key !== undefined && !isOwn(`${source.database}/${key}`)) continue
      const argv = place === undefined ? command : command.map((word) => (word === PLACE ? String(place) : word))
      applyCommand(model, argv, circumstances)
    }
  }

  /** The shared keys must be what the operations of the log make of them, in its order. */
  #checkShared(): void {
    const { base, clients } = this.generation
    const isShared = (key: string): boolean => key.startsWith('0/g:')
    const shared = base.copy(isShared)
    this.#log.forEach((tag, i) => {
      const [number, of] = tag.split(':').map(Number) as [number, number]
      const client = clients[number] as SeenClient
      this.#apply(shared, client.operations[of] as SentOperation, client, i + 1, isShared)
    })
    const keys = new Set([...shared.entries.keys(), ...this.state.model.copy(isShared).entries.keys()])
    const wrong = [...keys].filter((key) => !this.#agrees(shared, key))
    if (wrong.length === 0) return
    const differences = wrong.map((key) => {
      const is = describeEntry(this.state.model.entries.get(key))
      return `  ${key}\n    is        ${is}\n    should be ${describeEntry(shared.entries.get(key))}`
    })
    fail(
      `shared keys are not what ${this.#log.length} operations in the order of the log make of them:\n` +
        `${differences.join('\n')}\nthe end of the log: ${this.#log.slice(-6).join(' ')}`,
    )
  }

  /** Elements that were taken are away, or done; the others are there, in order; none is twice. */
  #queueOutcome(consumer: SeenConsumer): Outcome {
    const { base } = this.generation
    const { client, kind } = consumer
    const queue = `0/${queueOf(client)}`
    const left = elementsOf(this.state.model, queue)
    const done = elementsOf(this.state.model, `0/${doneOf(client, this.generation.number)}`)
    const queued = queuedIn(this.state.model, client)
    const first = queuedIn(base, client) - elementsOf(base, queue).length + 1
    const firstLeft = queued - left.length + 1
    const present = [...done, ...left]
    const isInOrder = present.every((element, i) => element === queued - present.length + 1 + i)
    const takenCount = firstLeft - first
    const isWhole = kind !== 'BLMOVE' || done.length === takenCount
    if (!isInOrder || !isWhole || takenCount < 0 || takenCount > consumer.sentMs.length) {
      fail(
        `the queue of client ${client} (${kind}) had elements from ${first} on, ${queued} were put in, ` +
          `${consumer.sentMs.length} were asked for; done are ${done.join(' ')}, left are ${left.join(' ')}`,
      )
    }
    const { taken } = consumer
    const isOutOfOrder = taken.some(({ element }, i) => element !== first + i)
    if (isOutOfOrder) fail(`${kind} gave ${taken.map(({ element }) => element).join(' ')}, and ${first} came first`)
    const happenings = consumer.sentMs.map((sentMs, i) => ({
      name: `${kind} of element ${first + i} of client ${client}`,
      sentMs,
      doneMs: taken[i]?.doneMs,
    }))
    return { happenings, atLeast: takenCount, atMost: takenCount }
  }
}

function elementsOf(model: Model, key: string): number[] {
  const value = model.entries.get(key)?.value
  if (value?.type === 'list') return value.items.map(Number)
  return value?.type === 'zset' ? [...value.scores.values()].sort((a, b) => a - b) : []
}

/** How many elements a client has put in its queue. */
export function queuedIn(model: Model, client: number): number {
  const value = model.entries.get(`0/${queuedOf(client)}`)?.value
  return value?.type === 'string' ? Number(value.text) : 0
}

/** The place in the log that an operation was answered with. */
function placeIn({ isLogged, how, reply }: SentOperation): number | undefined {
  if (!isLogged || reply === undefined) return undefined
  return Number(how === 'transaction' ? (reply as RespValue[]).at(-1) : reply)
}

/** What is there shows a moment: nothing was sent after the answer to something that is not there. */
function checkOrder(outcomes: readonly Outcome[]): void {
  let firstLost: Happening | undefined
  let lastThere: Happening | undefined
  for (const { happenings, atLeast, atMost } of outcomes) {
    const lost = happenings[atMost]
    const there = happenings[atLeast - 1]
    if (lost?.doneMs !== undefined && lost.doneMs < (firstLost?.doneMs ?? Number.POSITIVE_INFINITY)) firstLost = lost
    if (there !== undefined && there.sentMs > (lastThere?.sentMs ?? 0)) lastThere = there
  }
  if (firstLost === undefined || lastThere === undefined) return
  const lostMs = firstLost.doneMs as number
  if (lastThere.sentMs > lostMs) {
    fail(
      `no prefix: ${firstLost.name} is not there, and ${lastThere.name} is, ` +
        `which was sent ${(lastThere.sentMs - lostMs).toFixed(3)} ms after the answer to the other`,
    )
  }
}

function checkLoss(outcomes: readonly Outcome[], endedMs: number, lossMsMax: number): Omit<Survival, 'transactions'> {
  let sent = 0
  let answered = 0
  let survived = 0
  let lost = 0
  let lostMsMax = 0
  for (const { happenings, atMost } of outcomes) {
    sent += happenings.length
    survived += atMost
    answered += happenings.filter(({ doneMs }) => doneMs !== undefined).length
    for (const { name, doneMs } of happenings.slice(atMost)) {
      if (doneMs === undefined) continue
      lost++
      lostMsMax = Math.max(lostMsMax, endedMs - doneMs)
      if (endedMs - doneMs > lossMsMax || lossMsMax === 0) {
        fail(`${name} is not there, and had been answered ${(endedMs - doneMs).toFixed(3)} ms before the end`)
      }
    }
  }
  return { sent, answered, survived, lost, lostMsMax }
}

function textOf({ number, how, commands, doneMs }: SentOperation): string {
  return `  ${number} (${how}${doneMs === undefined ? ', not answered' : ''}) ${JSON.stringify(commands)}`
}

function fail(message: string): never {
  throw new BrokenPromiseError(message)
}
