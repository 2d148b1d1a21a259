/**
 * A client of the workload: it sends its operations in pipelines of random length, and remembers of each when it was sent
 * and when it was answered.
 *
 * Only used by tests. Times are in ms since 1970, by the monotonic clock of the process.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Choice } from '../differential/choice.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { nextOperation, type Operation, type OperationSource, requestsOf } from './operations.js'

/** Operations under way at a client at most, if nothing else is said. */
const WINDOW = 48
const PIPELINE_MAX = 16

/** What a command may be answered with that finds things otherwise than it needs them; it has done nothing then. */
const REFUSALS = /^ERR (?:no such key|source and destination objects are the same)/

/** What a write is refused with while the disk takes nothing. */
const DISK_REFUSALS = /^(?:MISCONF Errors writing to the AOF file: |EXECABORT )/

export interface SentOperation extends Operation {
  readonly sentMs: number
  /** Undefined while it was not answered. */
  doneMs: number | undefined
  reply: RespValue | undefined
  /** The server has said that it did not do it. */
  isRefused: boolean
}

export function isDiskRefusal(reply: RespValue | 'closed'): boolean {
  return reply !== null && typeof reply === 'object' && 'error' in reply && DISK_REFUSALS.test(reply.error)
}

export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

export class WorkClient {
  readonly operations: SentOperation[] = []
  /** Answers that no operation may have. */
  readonly faults: string[] = []
  readonly #connection: RespConnection
  #isEnded = false
  #answered = 0
  /** Writes may be refused from now on. */
  #isDiskFaulty = false
  refused = 0

  private constructor(
    connection: RespConnection,
    readonly source: OperationSource,
    private readonly choice: Choice,
    private readonly window: number,
  ) {
    this.#connection = connection
  }

  static async open(
    target: string | number,
    source: OperationSource,
    choice: Choice,
    window = WINDOW,
  ): Promise<WorkClient> {
    const connection = await RespConnection.open(target)
    if (source.database !== 0) await connection.call('SELECT', source.database)
    return new WorkClient(connection, source, choice, window)
  }

  get answered(): number {
    return this.#answered
  }

  /**
   * Sends until it is told to end, or until the connection is closed.
   * @param pauseMs waits about so long between two pipelines
   */
  async run(pauseMs: number): Promise<void> {
    const { choice } = this
    while (!this.#isEnded) {
      if (this.operations.length - this.#answered >= this.window) {
        // An answer wakes it as soon as the event loop gets there.
        await sleep(1)
        continue
      }
      this.#send(choice.between(1, PIPELINE_MAX))
      if (pauseMs > 0) await sleep(choice.below(2 * pauseMs))
      else await new Promise(setImmediate)
    }
  }

  end(): void {
    this.#isEnded = true
  }

  /** Writes may be refused from now on: they must have done nothing then. */
  expectRefusals(): void {
    this.#isDiskFaulty = true
  }

  close(): void {
    this.end()
    this.#connection.close()
  }

  /** Sends nothing more, and ends when all that was sent has been answered. */
  async settle(): Promise<void> {
    this.end()
    while (this.#answered < this.operations.length && this.faults.length === 0) await sleep(1)
  }

  #send(count: number): void {
    const sentMs = nowMs()
    const sent: SentOperation[] = []
    let request = ''
    for (let i = 0; i < count; i++) {
      const operation = nextOperation(this.choice, this.source, this.operations.length)
      sent.push({ ...operation, sentMs, doneMs: undefined, reply: undefined, isRefused: false })
      this.operations.push(sent[i] as SentOperation)
      for (const argv of requestsOf(operation)) request += encoded(argv)
    }
    this.#connection.writeRaw(Buffer.from(request, 'latin1'))
    for (const operation of sent) void this.#take(operation)
  }

  async #take(operation: SentOperation): Promise<void> {
    const count = operation.how === 'transaction' ? operation.commands.length + 2 : 1
    const replies = await Promise.all(Array.from({ length: count }, () => this.#connection.read()))
    const reply = replies.at(-1) as RespValue | 'closed'
    if (reply === 'closed') {
      this.end()
      return
    }
    operation.reply = reply
    operation.doneMs = nowMs()
    this.#answered++
    if (this.#isDiskFaulty) {
      operation.isRefused = replies.some((part) => isDiskRefusal(part))
      if (operation.isRefused) {
        this.refused++
        return
      }
    }
    const fault = faultOf(operation, reply)
    if (fault === undefined) return
    this.faults.push(`${JSON.stringify(operation.commands)} was answered with ${fault}`)
    this.end()
  }
}

function faultOf({ how }: Operation, reply: RespValue): string | undefined {
  if (how === 'transaction' && !Array.isArray(reply)) return JSON.stringify(reply)
  const errors = (Array.isArray(reply) ? reply : [reply])
    .map((part) => (part !== null && typeof part === 'object' && 'error' in part ? part.error : undefined))
    .filter((error) => error !== undefined && (how === 'script' || !REFUSALS.test(error)))
  return errors[0]
}

function encoded(argv: readonly string[]): string {
  return `*${argv.length}\r\n${argv.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join('')}`
}
