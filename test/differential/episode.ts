/**
 * Runs the steps of an episode on a pair of servers, and says where they first differ.
 *
 * Only used by tests.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { eventsByKey, type PublishedEvent } from '../support/event-log.js'
import { addByClock } from './clock-entries.js'
import { Comparison, type Tally } from './comparison.js'
import { compareData } from './data-comparison.js'
import { crossDumps } from './dump-crossing.js'
import { storesExpired } from './hazards.js'
import { checkRandomMembers, type Finding } from './random-members.js'
import { bulkOf } from './reply-bytes.js'
import { NoReplyError } from './reply-connection.js'
import { CONTROL, type ServerPair } from './server-pair.js'
import { type Argv, type ClientIndex, type Step, shownBytes, shownCommand, shownStep } from './step.js'
import { removeExpired, scanToEnd } from './whole-scan.js'

export interface Difference {
  /** The place among the steps. */
  readonly step: number
  readonly what: string
}

/** What `let-expire` waits: a time to live of 2 ms is over, also for a server that reads the clock only now and then. */
const EXPIRED_AFTER_MS = 8

const ARRAY = '*'.charCodeAt(0)

const EVENTS_SHOWN_MAX = 2000

const words = (...texts: string[]): Argv => texts.map((text) => Buffer.from(text))

/** Runs all steps on emptied servers; returns the first difference, or undefined when there is none. */
export async function runEpisode(
  pair: ServerPair,
  steps: readonly Step[],
  tally: Tally,
): Promise<Difference | undefined> {
  await pair.reset()
  const episode = new Episode(pair, tally)
  for (let at = 0; at < steps.length; ) {
    const group = groupAt(steps, at)
    const difference = await episode.run(group).catch((error: unknown) => {
      if (error instanceof NoReplyError) return { step: 0, what: `${error.message}\n${pair.output().slice(-2000)}` }
      throw error
    })
    if (difference !== undefined) return { step: at + difference.step, what: difference.what }
    if (episode.hasDiverged) return undefined
    at += group.length
  }
  const difference = await episode.run([{ do: 'digest' }])
  return difference === undefined ? undefined : { step: steps.length, what: difference.what }
}

/** The step at `at`, with those joined to it. */
function groupAt(steps: readonly Step[], at: number): readonly Step[] {
  const first = steps[at] as Step
  let end = at + 1
  if (first.do === 'send') {
    for (; end < steps.length; end++) {
      const next = steps[end] as Step
      if (next.do !== 'send' || !next.joined || next.client !== first.client) break
    }
  }
  return steps.slice(at, end)
}

class Episode {
  readonly #pair: ServerPair
  readonly #comparison: Comparison
  /** Whether keys whose time is over may still be there. */
  #mayHoldExpired = false

  constructor(pair: ServerPair, tally: Tally) {
    this.#pair = pair
    this.#comparison = new Comparison(tally)
  }

  /** Whether there is nothing more to compare, because of what docs/differences.md explains. */
  get hasDiverged(): boolean {
    return this.#comparison.hasDiverged
  }

  /** One step, or several joined ones, and the events that they brought about. */
  async run(group: readonly Step[]): Promise<Difference | undefined> {
    const difference = await this.#take(group)
    if (difference !== undefined || this.hasDiverged || !this.#pair.isListening) return difference
    return this.#compareEvents(group)
  }

  /**
   * The events of each key must be the same in their order; on one shard also those of all keys, but for keys that are
   * missed: sets are gone through in no order.
   */
  async #compareEvents(group: readonly Step[]): Promise<Difference | undefined> {
    const { ours, redis } = await this.#pair.takeEvents()
    const isInOrder = this.#pair.shards > 1 || sameLines(ours.filter(isOfChange), redis.filter(isOfChange))
    const [own, other] = [byKey(ours), byKey(redis)]
    if (isInOrder && sameLines(own, other)) return undefined
    const shown = group.slice(-5).map(shownStep).join('\n')
    const [shownOwn, shownOther] = isInOrder ? [own, other] : [ours, redis]
    return { step: 0, what: `events of\n${shown}\nours:  ${shownEvents(shownOwn)}\nredis: ${shownEvents(shownOther)}` }
  }

  async #take(group: readonly Step[]): Promise<Difference | undefined> {
    const step = group[0] as Step
    switch (step.do) {
      case 'send':
        return this.#send(
          step.client,
          group.flatMap((joined) => (joined.do === 'send' ? [joined.argv] : [])),
        )
      case 'scan':
        return this.#scan(step.client, step.command, step.options)
      case 'random-key':
        return this.#randomKey(step.client)
      case 'random-members':
        return this.#found(shownStep(step), await checkRandomMembers(this.#pair, this.#comparison, step))
      case 'cross-dumps':
        return this.#found(shownStep(step), await crossDumps(this.#pair, this.#comparison, step.database, step.key))
      case 'add-by-clock':
        return this.#found(shownStep(step), await addByClock(this.#pair, step.database, step.key))
      case 'let-expire':
        return this.#letExpire(step.database, step.argv)
      case 'listen':
        await this.#pair.listen(step.classes)
        return undefined
      case 'digest':
        return this.#digest()
    }
  }

  async #send(client: ClientIndex, commands: readonly Argv[]): Promise<Difference | undefined> {
    const { ours, redis } = await this.#pair.exchange(client, commands)
    for (let i = 0; i < commands.length; i++) {
      const argv = commands[i] as Argv
      if (storesExpired(argv)) this.#mayHoldExpired = true
      if (!this.#comparison.areBothRight(client, argv, ours[i] as Buffer, redis[i] as Buffer)) {
        return different(shownCommand(argv), ours[i] as Buffer, redis[i] as Buffer, i)
      }
    }
    return undefined
  }

  async #scan(client: ClientIndex, command: Argv, options: Argv): Promise<Difference | undefined> {
    const outcome = await scanToEnd(this.#pair, client, command, options)
    const shown = `${shownCommand(command)} to the end ${shownCommand(options)}`
    if (outcome === 'endless') return { step: 0, what: `${shown}: there is none` }
    if ('replies' in outcome) {
      const { ours, redis } = outcome.replies
      const argv = [...command, ...words('0'), ...options]
      const isRight = redis[0] !== ARRAY && this.#comparison.areBothRight(client, argv, ours, redis)
      return isRight ? undefined : different(shownCommand(argv), ours, redis)
    }
    const { ours, redis } = outcome.elements
    if (ours.join('\n') === redis.join('\n')) return undefined
    return { step: 0, what: `${shown}\nours:  ${ours.join(' ')}\nredis: ${redis.join(' ')}` }
  }

  #found(shown: string, finding: Finding | undefined): Difference | undefined {
    return finding === undefined ? undefined : different(`${shown}\n${finding.what}`, finding.ours, finding.redis)
  }

  async #randomKey(client: ClientIndex): Promise<Difference | undefined> {
    const command = words('RANDOMKEY')
    const replies = await this.#pair.exchange(client, [command])
    const [ours, redis] = [replies.ours[0] as Buffer, replies.redis[0] as Buffer]
    if (!this.#comparison.areBothRight(client, command, ours, redis)) return different('RANDOMKEY', ours, redis)
    const key = bulkOf(ours)
    const redisKey = bulkOf(redis)
    if (key === undefined || redisKey === undefined) return undefined
    const exists = await this.#pair.exchangeEach(client, [[...words('EXISTS'), key]], [[...words('EXISTS'), redisKey]])
    if (exists.ours[0]?.toString() === ':1\r\n') return undefined
    return different(
      `EXISTS ${shownBytes(key)}, which RANDOMKEY gave`,
      exists.ours[0] as Buffer,
      exists.redis[0] as Buffer,
    )
  }

  async #letExpire(database: number, argv: Argv): Promise<Difference | undefined> {
    this.#mayHoldExpired = true
    const commands = [words('SELECT', String(database)), argv]
    const { ours, redis } = await this.#pair.exchange(CONTROL, commands)
    for (let i = 0; i < commands.length; i++) {
      if (!(ours[i] as Buffer).equals(redis[i] as Buffer)) {
        return different(shownCommand(commands[i] as Argv), ours[i] as Buffer, redis[i] as Buffer)
      }
    }
    await delay(EXPIRED_AFTER_MS)
    return undefined
  }

  async #digest(): Promise<Difference | undefined> {
    if (this.#mayHoldExpired) await removeExpired(this.#pair)
    this.#mayHoldExpired = false
    const finding = await compareData(this.#pair, this.#comparison)
    return finding === undefined ? undefined : different(finding.what, finding.ours, finding.redis)
  }
}

function isOfChange([channel, message]: PublishedEvent): boolean {
  const isKeyEvent = channel.startsWith('__keyevent')
  const event = isKeyEvent ? channel.slice(channel.indexOf(':') + 1) : message
  return event !== 'keymiss'
}

function byKey(events: readonly PublishedEvent[]): PublishedEvent[] {
  const groups = eventsByKey(events)
  return Object.keys(groups)
    .sort()
    .flatMap((key) => groups[key] ?? [])
}

function sameLines(ours: readonly PublishedEvent[], redis: readonly PublishedEvent[]): boolean {
  return ours.length === redis.length && ours.every((event, i) => event.join(' ') === redis[i]?.join(' '))
}

function shownEvents(events: readonly PublishedEvent[]): string {
  return events
    .map((event) => shownBytes(Buffer.from(event.join(' '), 'latin1')))
    .join(', ')
    .slice(0, EVENTS_SHOWN_MAX)
}

function different(command: string, ours: Buffer, redis: Buffer, step = 0): Difference {
  return { step, what: `${command}\nours:  ${shownBytes(ours)}\nredis: ${shownBytes(redis)}` }
}
