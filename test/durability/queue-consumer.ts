/**
 * A client that waits for the elements of a queue, one after the other, with a command that blocks.
 *
 * Only used by tests. The elements are numbers that count up from 1, so that the queue says itself how many were taken.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { doneOf, queueOf } from './operations.js'
import { isDiskRefusal, nowMs } from './work-client.js'

/** Requests that wait at once: those behind the first find what came meanwhile. */
const REQUESTS = 3
const REFUSED_PAUSE_MS = 20

export type QueueKind = 'BLPOP' | 'BLMOVE' | 'BZPOPMIN'

/** Each producer has one kind of queue. */
export function kindOf(client: number): QueueKind {
  return (['BLPOP', 'BLMOVE', 'BZPOPMIN'] as const)[client % 3] as QueueKind
}

export interface TakenElement {
  readonly element: number
  readonly sentMs: number
  readonly doneMs: number
}

export class QueueConsumer {
  /** In the order of the answers. */
  readonly taken: TakenElement[] = []
  readonly faults: string[] = []
  /** When each request was sent. */
  readonly sentMs: number[] = []
  readonly kind: QueueKind
  readonly #connection: RespConnection

  private constructor(
    connection: RespConnection,
    readonly client: number,
    private readonly generation: number,
  ) {
    this.#connection = connection
    this.kind = kindOf(client)
  }

  /** @param client whose queue */
  static async open(target: string | number, client: number, generation: number): Promise<QueueConsumer> {
    return new QueueConsumer(await RespConnection.open(target), client, generation)
  }

  /** Takes elements until the connection is closed. */
  async run(): Promise<void> {
    for (let i = 0; i < REQUESTS; i++) this.#ask()
    for (let i = 0; ; i++) {
      const reply = await this.#connection.read()
      if (reply === 'closed') return
      if (isDiskRefusal(reply)) {
        // It has done nothing, so it counts for nothing.
        this.sentMs.splice(i--, 1)
        await sleep(REFUSED_PAUSE_MS)
        this.#ask()
        continue
      }
      const element = this.#elementIn(reply)
      if (element === undefined) {
        this.faults.push(`${this.kind} was answered with ${JSON.stringify(reply)}`)
        return
      }
      this.taken.push({ element, sentMs: this.sentMs[i] as number, doneMs: nowMs() })
      this.#ask()
    }
  }

  close(): void {
    this.#connection.close()
  }

  #ask(): void {
    const queue = queueOf(this.client)
    this.sentMs.push(nowMs())
    if (this.kind !== 'BLMOVE') this.#connection.write(this.kind, queue, '0')
    else this.#connection.write('BLMOVE', queue, doneOf(this.client, this.generation), 'LEFT', 'RIGHT', '0')
  }

  #elementIn(reply: RespValue): number | undefined {
    if (this.kind === 'BLMOVE') return typeof reply === 'string' ? Number(reply) : undefined
    return Array.isArray(reply) ? Number(reply[1]) : undefined
  }
}
