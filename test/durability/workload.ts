/**
 * All clients of one generation: those that write, and those that wait for elements of queues.
 *
 * Only used by tests.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Choice } from '../differential/choice.js'
import type { RespConnection, RespValue } from '../support/resp-value.js'
import { type Generation, queuedIn } from './checker.js'
import type { Model } from './model.js'
import { QueueConsumer } from './queue-consumer.js'
import { nowMs, WorkClient } from './work-client.js'

/** The clients' databases: shared keys are in the first one only. */
export const DATABASES = [0, 0, 0, 0, 3] as const
const QUEUES = 4

export interface WorkloadOptions {
  /** Counts the generations of a directory. */
  readonly number: number
  readonly base: Model
  readonly choice: Choice
  /** About so long does a client wait between two pipelines. */
  readonly pauseMs: number
  /** So many operations are under way at a client at most. */
  readonly window?: number
  /** False where writes may be refused: the elements of the queues would not be without gaps. */
  readonly hasConsumers?: boolean
}

export class Workload {
  readonly #running: readonly Promise<void>[]

  private constructor(
    private readonly options: WorkloadOptions,
    readonly clients: readonly WorkClient[],
    readonly consumers: readonly QueueConsumer[],
  ) {
    this.#running = [
      ...clients.map((client) => client.run(options.pauseMs)),
      ...consumers.map((consumer) => consumer.run()),
    ]
  }

  static async start(socket: string, options: WorkloadOptions): Promise<Workload> {
    const { number, base, choice, window } = options
    const clients = await Promise.all(
      DATABASES.map((database, client) => {
        const leftovers = leftoversIn(base, client, database)
        const source = { client, generation: number, database, leftovers, queued: queuedIn(base, client) }
        return WorkClient.open(socket, source, new Choice(choice.below(2 ** 31)), window)
      }),
    )
    const consumers = await Promise.all(
      Array.from({ length: options.hasConsumers === false ? 0 : QUEUES }, (_, client) =>
        QueueConsumer.open(socket, client, number),
      ),
    )
    return new Workload(options, clients, consumers)
  }

  /** Ends when so many operations have been answered, or after some time. */
  async answers(count: number, msMax: number): Promise<void> {
    const endMs = nowMs() + msMax
    while (this.clients.reduce((sum, { answered }) => sum + answered, 0) < count && nowMs() < endMs) await sleep(1)
  }

  /** To be called when the server is gone. @throws Error when it has answered what it must not */
  async end(): Promise<Generation> {
    const { clients, consumers, options } = this
    const endedMs = nowMs()
    for (const client of [...clients, ...consumers]) client.close()
    await Promise.all(this.#running)
    const faults = [...clients, ...consumers].flatMap(({ faults }) => faults)
    if (faults.length > 0) throw new Error(faults.join('\n'))
    return { number: options.number, base: options.base, clients, consumers, endedMs }
  }
}

/** Former generations' keys that a client deletes: its own trails, and the first client what belongs to all. */
function leftoversIn(base: Model, client: number, database: number): string[] {
  const prefixes = [`${database}/c${client}:trail`, ...(client === 0 ? ['0/log:', '0/done:'] : [])]
  return [...base.entries.keys()]
    .filter((key) => prefixes.some((prefix) => key.startsWith(prefix)))
    .map((key) => key.slice(key.indexOf('/') + 1))
}

export type BackgroundWork = 'saving' | 'rewriting' | ''

/** Begins to save or to rewrite the log, if neither is going on. @returns what goes on then */
export async function beginBackgroundWork(
  admin: RespConnection,
  request: 'BGREWRITEAOF' | 'BGSAVE',
): Promise<BackgroundWork> {
  const reply = await admin.call(request)
  if (isFault(reply)) throw new Error(`${request} was answered with ${JSON.stringify(reply)}`)
  return backgroundWork(admin)
}

function isFault(reply: RespValue): boolean {
  if (reply === null || typeof reply !== 'object' || !('error' in reply)) return false
  return !/already in progress|can't BGSAVE|child process/.test(reply.error)
}

export async function backgroundWork(admin: RespConnection): Promise<BackgroundWork> {
  const info = await admin.call('INFO', 'persistence')
  const text = typeof info === 'string' ? info : ''
  if (text.includes('rdb_bgsave_in_progress:1')) return 'saving'
  return text.includes('aof_rewrite_in_progress:1') ? 'rewriting' : ''
}
