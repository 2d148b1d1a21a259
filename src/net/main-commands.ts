/**
 * Runs the commands of the main thread, for clients and inside EXEC. Main thread.
 *
 * Invariant: one command is in hand at a time; what it promises for later (`defer`) carries all that it needs.
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import { loggedArguments } from '../base/slowlog.js'
import type { CommandStatistics } from '../commands/command-statistics.js'
import { type DeferredReply, MainCall } from '../commands/main-call.js'
import type { ServerServices } from '../commands/server-services.js'
import type { CommandSpec } from '../commands/spec.js'
import { idOf } from '../commands/table.js'
import type { Answer, CommandRequest } from '../hops/request.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import type { Connection } from './connection.js'
import type { Session } from './session.js'

const OK = asciiBytes('+OK\r\n')

type SlowHandler = (connection: Connection, spec: CommandSpec, durationUs: number, argv: readonly string[]) => void

export class MainCommands {
  nowMs = 0
  readonly #call: MainCall
  readonly #writer = new ReplyWriter()
  readonly #statistics: CommandStatistics
  readonly #onSlow: SlowHandler
  readonly #monotonicUs: () => number
  /** Null for a script. */
  #connection: Connection | null = null
  #sequence = 0
  #deferred = false
  #answer: Answer | null = null

  constructor(server: ServerServices, statistics: CommandStatistics, onSlow: SlowHandler, monotonicUs: () => number) {
    this.#call = new MainCall(server, this.#writer, () => this.#defer())
    this.#statistics = statistics
    this.#onSlow = onSlow
    this.#monotonicUs = monotonicUs
  }

  /** Runs a client's command, whose reply takes its place in the connection's order. */
  run(
    connection: Connection,
    spec: CommandSpec,
    id: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const sequence = connection.issued
    connection.issued = (sequence + 1) | 0
    this.#execute(connection, connection.session, spec, id, bytes, offsets, lengths, argc, sequence, null)
    if (this.#deferred) return
    if (this.#call.answersAlways) {
      connection.deliver(
        sequence,
        1,
        this.#writer.bytes,
        this.#writer.start,
        this.#writer.position - this.#writer.start,
      )
    } else {
      deliver(connection, sequence, this.#writer)
    }
  }

  #execute(
    connection: Connection | null,
    session: Session,
    spec: CommandSpec,
    id: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
    sequence: number,
    answer: Answer | null,
  ): void {
    const call = this.#call
    const writer = this.#writer
    this.#connection = connection
    this.#sequence = sequence
    this.#answer = answer
    this.#deferred = false
    call.bytes = bytes
    call.offsets = offsets
    call.lengths = lengths
    call.argc = argc
    call.spec = spec
    call.session = session
    call.nowMs = this.nowMs
    call.isQueued = answer !== null
    call.answersAlways = false
    writer.attachScratch()
    writer.resp3 = session.resp === 3
    const startedUs = this.#monotonicUs()
    ;(spec.main as (call: MainCall) => void)(call)
    const durationUs = this.#monotonicUs() - startedUs
    this.#statistics.record(id, durationUs)
    if (writer.lastError !== null) {
      this.#statistics.recordFailure(id, writer.lastError)
      writer.lastError = null
    }
    if (durationUs >= this.slowThresholdUs && connection !== null) {
      this.#onSlow(connection, spec, durationUs, loggedArguments(undefined, bytes, argc, offsets, lengths))
    }
  }

  /** Commands of the main thread that take at least this long are reported, in µs. */
  slowThresholdUs = Number.POSITIVE_INFINITY

  /** Calls back when all writes so far are on the disk, where replies wait for that. */
  whenDurable: (done: () => void) => void = (done) => done()

  #defer(): DeferredReply {
    this.#deferred = true
    const connection = this.#connection
    const sequence = this.#sequence
    const answer = this.#answer
    const reply = new ReplyWriter()
    reply.attachScratch()
    const { replyMode, resp } = this.#call.session
    const { flags } = this.#call.spec
    reply.resp3 = resp === 3
    const silent = replyMode === 'off' || replyMode === 'skip'
    return {
      reply,
      send: () => {
        const deliver = (): void => {
          connection?.deliver(sequence, 1, reply.bytes, reply.start, silent ? 0 : reply.position - reply.start)
        }
        if (answer !== null) answer(reply.take())
        else if (flags.includes('write')) this.whenDurable(deliver)
        else deliver()
      },
    }
  }

  /** Runs a queued command of the main thread inside EXEC. */
  runQueued(connection: Connection, request: CommandRequest, answer: Answer): void {
    const id = idOf(request.spec)
    if (request.spec.main === undefined) {
      // UNWATCH, the only one that is queued. EXEC has forgotten the watches of its client already, and those that came
      // after EXEC are none of its business.
      this.#statistics.record(id, 0)
      answer(OK)
      return
    }
    this.#runRequest(connection, connection.session, request, answer)
  }

  /** Runs a command of a script, whose session is its own. @returns whether it has been answered */
  runForScript(session: Session, request: CommandRequest, answer: Answer): boolean {
    this.#runRequest(null, session, request, answer)
    return !this.#deferred
  }

  #runRequest(connection: Connection | null, session: Session, request: CommandRequest, answer: Answer): void {
    const { spec, argv } = request
    const offsets = new Int32Array(argv.length)
    const lengths = new Int32Array(argv.length)
    let at = 0
    argv.forEach((argument, i) => {
      offsets[i] = at
      lengths[i] = argument.length
      at += argument.length
    })
    const argc = argv.length
    this.#execute(connection, session, spec, idOf(spec), joinBytes(argv), offsets, lengths, argc, 0, answer)
    if (!this.#deferred) answer(this.#writer.take())
  }
}

/** Gives the connection the reply that has been written, or nothing where it wants none. */
export function deliver(connection: Connection, sequence: number, writer: ReplyWriter): void {
  const { replyMode } = connection.session
  const silent = replyMode === 'off' || replyMode === 'skip'
  connection.deliver(sequence, 1, writer.bytes, writer.start, silent ? 0 : writer.position - writer.start)
}
