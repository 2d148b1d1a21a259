/**
 * Takes a client's bytes to commands and commands on their way: parsing, the checks that come before any command (arity,
 * authentication, memory, transaction queue), then the router or a handler of the main thread.
 *
 * Runs on the main thread, in the callback that a socket's bytes arrive in. The order of the checks is Redis's
 * (`processCommand`), because clients see which error comes first.
 */
import { asciiBytes, copyOf } from '../base/bytes.js'
import { CommandStatistics } from '../commands/command-statistics.js'
import type { ServerServices } from '../commands/server-services.js'
import type { CommandSpec } from '../commands/spec.js'
import { arityFits, findCommandId, findSubcommandId, fullNameOf, idOf, isContainer, specs } from '../commands/table.js'
import { encodeError, errors, execDiscarded, unknownCommand, unknownSubcommand, wrongArity } from '../resp/errors.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import { ParseResult, RequestParser } from '../resp/request-parser.js'
import { RequestFlag } from '../ring/frames.js'
import { mayWait, routeBlocking } from '../router/blocking-route.js'
import type { Router } from '../router/router.js'
import { isScript } from '../router/scripts.js'
import type { Connection } from './connection.js'
import type { DispatchPolicy } from './dispatch-policy.js'
import { deliver, MainCommands } from './main-commands.js'
import type { Monitors } from './monitors.js'
import type { Scripting } from './scripting.js'
import type { Session } from './session.js'
import { beginTracked, endTracked } from './tracking.js'
import { sessionCommands } from './transaction-commands.js'
import { refusalOfWrites } from './write-refusals.js'

/** So much of what a client sends is kept while CLIENT PAUSE holds it back; the rest waits in the kernel. */
const PAUSED_QUERY_BYTES_MAX = 64 * 1024

/** From here on a request counts by its bytes in what one client may have on the way. */
const LARGE_REQUEST_BYTES = 64 * 1024

const CommandKind = { shard: 0, main: 1, session: 2, container: 3, blocking: 4, script: 5 } as const

/** What a client can have done at once after MULTI; everything else is queued, UNWATCH too. */
const NEVER_QUEUED: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What a subscriber may send in RESP2, where whatever else it got could be taken for a message. */
const SUBSCRIBER_COMMANDS: ReadonlySet<string> = new Set([
  ...['subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe', 'ssubscribe', 'sunsubscribe'],
  ...['ping', 'quit', 'reset'],
])

/** A client that monitors is a replica of a kind, in Redis, and replicas must leave the keyspace alone. */
const KEYSPACE_FLAGS: ReadonlySet<string> = new Set(['readonly', 'write', 'may_replicate'])
const MONITOR_REFUSAL = encodeError("ERR Replica can't interact with the keyspace")

export interface DispatchEvents {
  protocolError(connection: Connection, reason: string): void
  /** The client is held back until `resume` is called for it: it is owed too many replies. */
  stalled(connection: Connection): void
  /** The same because of CLIENT PAUSE. */
  paused(connection: Connection): void
  slow(connection: Connection, spec: CommandSpec, durationUs: number, argv: readonly string[]): void
}

export class Dispatcher {
  readonly statistics = new CommandStatistics()
  commandsProcessed = 0
  readonly router: Router
  /** Set once by the wiring. */
  scripting!: Scripting
  /** Runs the commands of the main thread. */
  readonly main: MainCommands
  readonly policy: DispatchPolicy
  readonly #parser = new RequestParser()
  readonly #events: DispatchEvents
  readonly #writer = new ReplyWriter()
  readonly #kinds: Uint8Array
  readonly #denyOom: Uint8Array
  readonly #noAuth: Uint8Array
  readonly #allowBusy: Uint8Array
  readonly #writes: Uint8Array
  readonly #barredByLoading: Uint8Array
  readonly #pausable: Uint8Array
  readonly #queueable: Uint8Array
  readonly #forSubscribers: Uint8Array
  readonly #ofKeyspace: Uint8Array
  readonly monitors: Monitors
  readonly #monotonicUs: () => number
  nowMs = 0

  constructor(
    router: Router,
    server: ServerServices,
    policy: DispatchPolicy,
    events: DispatchEvents,
    monitors: Monitors,
    monotonicUs: () => number,
  ) {
    this.router = router
    this.monitors = monitors
    this.policy = policy
    this.#events = events
    this.#monotonicUs = monotonicUs
    this.main = new MainCommands(server, this.statistics, events.slow, monotonicUs)
    this.#kinds = Uint8Array.from(specs, (spec) => {
      if (spec.subcommands !== undefined && spec.main === undefined && spec.shard === undefined)
        return CommandKind.container
      if (sessionCommands[spec.name] !== undefined && spec.group === 'transactions') return CommandKind.session
      if (isScript(spec)) return CommandKind.script
      if (spec.blocking !== undefined) return CommandKind.blocking
      return spec.main === undefined ? CommandKind.shard : CommandKind.main
    })
    // By the full name: SLOWLOG RESET is queued.
    this.#queueable = Uint8Array.from(specs, (spec) => (NEVER_QUEUED.has(fullNameOf(spec)) ? 0 : 1))
    this.#forSubscribers = Uint8Array.from(specs, (spec) => (SUBSCRIBER_COMMANDS.has(fullNameOf(spec)) ? 1 : 0))
    this.#ofKeyspace = Uint8Array.from(specs, ({ flags }) => (flags.some((flag) => KEYSPACE_FLAGS.has(flag)) ? 1 : 0))
    this.#denyOom = flagTable('denyoom')
    this.#noAuth = flagTable('no_auth')
    this.#allowBusy = flagTable('allow_busy')
    this.#writes = flagTable('write')
    this.#barredByLoading = flagTable('loading').map((flag) => 1 - flag)
    const mayReplicate = flagTable('may_replicate')
    this.#pausable = this.#writes.map((flag, id) => flag | (mayReplicate[id] as number))
  }

  /** Works off bytes that just came, in a buffer that will be reused: what is left of them is kept by the connection. */
  receive(connection: Connection, bytes: Uint8Array, length: number): void {
    if (connection.queryEnd !== connection.queryStart || connection.isStalled) {
      connection.keepInput(bytes, 0, length)
      if (!connection.isStalled) this.resume(connection)
      else if (connection.queryBytes > PAUSED_QUERY_BYTES_MAX) connection.pauseReading()
      return
    }
    connection.prepareInput()
    connection.queryBytesPeak = Math.max(connection.queryBytesPeak, length)
    connection.bytesInHand = length
    const end = this.#process(connection, bytes, 0, length)
    connection.bytesInHand = 0
    if (end < length && !connection.isClosing && !connection.isClosed) connection.keepInput(bytes, end, length)
  }

  /** Works off the bytes that the connection has kept. */
  resume(connection: Connection): void {
    if (connection.query === null || connection.queryStart === connection.queryEnd) return
    const end = this.#process(connection, connection.query, connection.queryStart, connection.queryEnd)
    if (connection.query !== null) connection.consumeInput(end)
  }

  #process(connection: Connection, bytes: Uint8Array, from: number, limit: number): number {
    connection.leaveRun()
    connection.isDispatching = true
    const end = this.#dispatchAll(connection, bytes, from, limit)
    connection.isDispatching = false
    return end
  }

  #dispatchAll(connection: Connection, bytes: Uint8Array, from: number, limit: number): number {
    const parser = this.#parser
    const { session, parse } = connection
    const bulkBytesMax = this.policy.protoMaxBulkLen
    let start = from
    while (start < limit) {
      if (connection.isClosing || connection.isClosed) return limit
      if (session.isHeld || connection.owed >= connection.owedMax) {
        connection.isStalled = true
        // Whoever answers the blocking command looks again. Until then it is read on, so that a disconnect is seen.
        if (session.isAwaiting) return start
        connection.pauseReading()
        this.#events.stalled(connection)
        return start
      }
      const result = parser.parse(
        bytes,
        start,
        limit,
        parse,
        session.authenticated || !this.policy.requiresPassword,
        bulkBytesMax,
      )
      if (result === ParseResult.command) {
        if (!this.#dispatch(connection, parser.bytes, parser.offsets, parser.lengths, parser.argc)) {
          // It is read on for a while, because otherwise nobody would see it disconnect.
          connection.isStalled = true
          this.#events.paused(connection)
          return start
        }
        if (parser.end - start > LARGE_REQUEST_BYTES) connection.noteLargeRequest(parser.end - start)
        start = parser.end
      } else if (result === ParseResult.empty) {
        start = parser.end
      } else if (result === ParseResult.incomplete) {
        return start
      } else {
        this.#protocolError(connection, parser.error)
        return limit
      }
    }
    return start
  }

  #protocolError(connection: Connection, reason: string): void {
    this.#events.protocolError(connection, reason)
    this.#refuse(connection, encodeError(`ERR ${reason}`))
    connection.closeAfterReplies()
  }

  /** An immediate reply in the connection's order. */
  #refuse(connection: Connection, reply: Uint8Array): void {
    const sequence = connection.issued
    connection.issued = (sequence + 1) | 0
    const { session } = connection
    const silent = session.replyMode !== 'on'
    // CLIENT REPLY SKIP is used up by the next command, whatever becomes of it.
    if (session.replyMode === 'skip-next') session.replyMode = 'on'
    connection.deliver(sequence, 1, reply, 0, silent ? 0 : reply.length)
  }

  /** An error that also spoils a transaction that is being queued. */
  #reject(connection: Connection, reply: Uint8Array, id: number): void {
    const { session } = connection
    if (session.transaction !== null) session.transactionFailed = true
    if (id >= 0) this.statistics.recordRejection(id)
    let answer = reply
    if (specs[id]?.name === 'exec') {
      session.endTransaction()
      session.unwatchAll()
      answer = execDiscarded(reply)
      if (this.monitors.isActive) this.monitors.showTransaction(connection, [], session.database, [asciiBytes('EXEC')])
    }
    if (session.tracking !== null) endTracked(this.router, session, id)
    this.statistics.recordError(answer)
    this.#refuse(connection, answer)
  }

  /** Returns false when the command must wait (CLIENT PAUSE); nothing has happened then. */
  #dispatch(
    connection: Connection,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): boolean {
    const { session } = connection
    let id = findCommandId(bytes, offsets[0] as number, lengths[0] as number)
    if (id < 0) {
      this.#reject(
        connection,
        unknownCommand(textOf(bytes, offsets, lengths, 0), textsOf(bytes, offsets, lengths, argc)),
        -1,
      )
      return true
    }
    if (isContainer(id) && argc > 1) {
      const subcommand = findSubcommandId(id, bytes, offsets[1] as number, lengths[1] as number)
      if (subcommand >= 0) {
        id = subcommand
      } else {
        const container = textOf(bytes, offsets, lengths, 0)
        this.#reject(connection, unknownSubcommand(container, textOf(bytes, offsets, lengths, 1)), id)
        return true
      }
    }
    const spec = specs[id] as CommandSpec
    const kind = this.#kinds[id] as number
    if (!arityFits(id, argc) || kind === CommandKind.container) {
      this.#reject(connection, wrongArity(fullNameOf(spec)), id)
      return true
    }
    if (!session.authenticated && this.policy.requiresPassword && this.#noAuth[id] === 0) {
      this.#reject(connection, errors.noAuth, id)
      return true
    }
    if (this.#denyOom[id] !== 0 && this.policy.isOutOfMemory()) {
      this.#reject(connection, errors.outOfMemory, id)
      return true
    }
    // As in Redis, PING tells whoever watches over the server.
    const writeRefusal = refusalOfWrites(this.policy)
    if (writeRefusal !== null && (isOrHas(this.#writes, session, spec, id) || spec.name === 'ping')) {
      this.#reject(connection, writeRefusal, id)
      return true
    }
    if (session.isRestricted) {
      const refusal = this.#refusalInMode(session, spec, id)
      if (refusal !== null) {
        this.#reject(connection, refusal, id)
        return true
      }
    }
    if (this.policy.isLoading && isOrHas(this.#barredByLoading, session, spec, id)) {
      this.#reject(connection, errors.loading, id)
      return true
    }
    const { refusal: busy } = this.scripting
    if (busy !== null && this.#allowBusy[id] === 0) {
      this.#reject(connection, busy, id)
      return true
    }
    if (this.policy.pausedUntilMs > this.nowMs && this.#isPaused(session, spec, id)) {
      const mayPass = kind === CommandKind.script && this.policy.pauseMode === 'write'
      if (!mayPass || !this.scripting.declaresNoWrites(id, bytes, offsets, lengths)) return false
    }
    if (session.replyMode === 'skip-next') session.replyMode = 'skip'
    session.commandsTotal++
    session.lastCommandId = id
    const isQueued = session.transaction !== null && this.#queueable[id] !== 0
    const { tracking } = session
    if (tracking !== null && !isQueued) beginTracked(this.router, tracking, id, bytes, offsets, lengths, argc)
    if (isQueued) {
      this.#queue(connection, spec, bytes, offsets, lengths, argc)
    } else if (
      kind === CommandKind.shard ||
      (kind === CommandKind.blocking && !mayWait(spec, bytes, offsets, lengths, argc))
    ) {
      this.commandsProcessed++
      const sequence = connection.issued
      connection.issued = (sequence + 1) | 0
      const flags = requestFlags(session)
      this.router.route(id, connection.slot, sequence, session.database, flags, bytes, offsets, lengths, argc)
    } else if (kind === CommandKind.blocking) {
      this.commandsProcessed++
      const sequence = connection.issued
      connection.issued = (sequence + 1) | 0
      session.isHeld = true
      session.isAwaiting = true
      const flags = requestFlags(session)
      const { slot } = connection
      routeBlocking(this.router, id, slot, sequence, session.database, flags, bytes, offsets, lengths, argc)
    } else if (kind === CommandKind.script) {
      this.#runScript(connection, id, bytes, offsets, lengths, argc)
    } else if (kind === CommandKind.main) {
      this.commandsProcessed++
      this.main.run(connection, spec, id, bytes, offsets, lengths, argc)
    } else {
      this.#runSession(connection, spec, bytes, offsets, lengths, argc)
    }
    // EXEC shows itself, behind its commands.
    if (this.monitors.isActive && !isQueued && spec.name !== 'exec') {
      this.monitors.show(connection, spec, bytes, offsets, lengths, argc)
    }
    if (tracking !== null) endTracked(this.router, session, id)
    if (session.replyMode === 'skip') session.replyMode = 'on'
    return true
  }

  /** Why a client that has subscribed, or monitors, may not send this command; null when it may. */
  #refusalInMode(session: Session, spec: CommandSpec, id: number): Uint8Array | null {
    if (session.isSubscribed && session.resp === 2 && this.#forSubscribers[id] === 0) {
      return encodeError(
        `ERR Can't execute '${fullNameOf(spec)}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
          'allowed in this context',
      )
    }
    if (!session.isMonitor) return null
    const touches =
      this.#ofKeyspace[id] !== 0 ||
      (spec.name === 'exec' && session.transaction?.some((queued) => this.#ofKeyspace[idOf(queued.spec)] !== 0))
    return touches ? MONITOR_REFUSAL : null
  }

  /** As in Redis, a pause of writes holds them back even where they would only be queued, and EXEC only when it writes. */
  #isPaused(session: Session, spec: CommandSpec, id: number): boolean {
    if (this.policy.pauseMode === 'all' || this.#pausable[id] !== 0) return true
    if (spec.name !== 'exec' || session.transaction === null) return false
    return session.transaction.some(
      (queued) => this.#pausable[idOf(queued.spec)] !== 0 && queued.writesNothing !== true,
    )
  }

  #queue(
    connection: Connection,
    spec: CommandSpec,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const { session } = connection
    if (spec.flags.includes('no_multi')) {
      this.#reject(connection, errors.notAllowedInTransaction, idOf(spec))
      return
    }
    const argv: Uint8Array[] = []
    for (let i = 0; i < argc; i++) {
      const offset = offsets[i] as number
      argv.push(copyOf(bytes, offset, lengths[i] as number))
      session.queuedBytes += lengths[i] as number
    }
    const writesNothing = isScript(spec) && this.scripting.declaresNoWrites(idOf(spec), bytes, offsets, lengths)
    session.transaction?.push({ spec, argv, database: session.database, flags: 0, writesNothing })
    const sequence = connection.issued
    connection.issued = (sequence + 1) | 0
    this.#writer.attachScratch()
    this.#writer.queued()
    deliver(connection, sequence, this.#writer)
  }

  #runScript(
    connection: Connection,
    id: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    const { registry } = this.scripting
    const { session, slot } = connection
    const refusal = registry.find(id, bytes, offsets, lengths, argc)
    if (refusal !== null && registry.isOfState(refusal)) {
      this.#reject(connection, refusal, id)
      return
    }
    this.commandsProcessed++
    if (refusal !== null) {
      this.statistics.record(id, 0)
      this.statistics.recordFailure(id, refusal)
      this.#refuse(connection, refusal)
      return
    }
    const sequence = connection.issued
    connection.issued = (sequence + 1) | 0
    registry.route(id, slot, sequence, session.database, requestFlags(session), bytes, offsets, lengths, argc)
  }

  #runSession(
    connection: Connection,
    spec: CommandSpec,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void {
    this.commandsProcessed++
    const sequence = connection.issued
    connection.issued = (sequence + 1) | 0
    const argv: Uint8Array[] = []
    for (let i = 0; i < argc; i++) {
      const offset = offsets[i] as number
      argv.push(copyOf(bytes, offset, lengths[i] as number))
    }
    const silent = connection.session.replyMode !== 'on'
    const id = idOf(spec)
    const startedUs = this.#monotonicUs()
    sessionCommands[spec.name]?.(this, connection, argv, (reply) => {
      this.statistics.record(id, this.#monotonicUs() - startedUs)
      if (reply[0] === 45) this.statistics.recordFailure(id, reply)
      // As every reply: what EXEC has done may have to wait for the disk.
      this.router.answer(connection.slot, sequence, silent ? RequestFlag.silent : 0, reply)
    })
  }
}

/** What a client's session says about how its commands are to be done and answered. */
function requestFlags(session: Session): number {
  let flags = session.resp === 3 ? RequestFlag.resp3 : 0
  if (session.replyMode !== 'on') flags |= RequestFlag.silent
  if (session.noTouch) flags |= RequestFlag.noTouch
  return flags
}

/** Whether the command is one of those in `flags`, or is the EXEC of a transaction that has one. */
function isOrHas(flags: Uint8Array, { transaction }: Session, spec: CommandSpec, id: number): boolean {
  if (flags[id] !== 0) return true
  return spec.name === 'exec' && transaction?.some((queued) => flags[idOf(queued.spec)] !== 0) === true
}

function flagTable(flag: string): Uint8Array {
  return Uint8Array.from(specs, (spec) => (spec.flags.some((own) => own === flag) ? 1 : 0))
}

function textOf(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, i: number): string {
  const offset = offsets[i] as number
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, lengths[i] as number).toString('latin1')
}

/** The first arguments after the name: enough for an error message. */
function textsOf(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): string[] {
  const texts: string[] = []
  for (let i = 1; i < Math.min(argc, 64); i++) texts.push(textOf(bytes, offsets, lengths, i).slice(0, 128))
  return texts
}
