/**
 * What the server knows of a client besides its bytes: who it is, its database and protocol, its transaction.
 *
 * Runs on the main thread. This is the `SessionView` of the command handlers.
 */
import type { SessionView } from '../commands/server-services.js'
import { fullNameOf, specs } from '../commands/table.js'
import type { CommandRequest } from '../router/request.js'
import type { Connection } from './connection.js'

export class Session implements SessionView {
  connection!: Connection
  name = ''
  libraryName = ''
  libraryVersion = ''
  user = 'default'
  authenticated: boolean
  database = 0
  resp: 2 | 3 = 2
  noEvict = false
  noTouch = false
  replyMode: SessionView['replyMode'] = 'on'

  /** Commands queued since MULTI, null outside of a transaction. */
  transaction: CommandRequest[] | null = null
  queuedBytes = 0
  /** A command could not be queued: EXEC must refuse. */
  transactionFailed = false
  watched: Uint8Array[] = []
  /** How many EXECs have begun and not answered yet: several when they come in one pipeline. */
  executing = 0
  /**
   * EXEC still has commands of the main thread to run, which may change this session, or a blocking command has not been
   * answered yet: nothing is dispatched before.
   */
  isHeld = false
  /** It is held by a blocking command. */
  isAwaiting = false

  /** The id of the command dispatched last, -1 before any. */
  lastCommandId = -1
  lastInteractionMs: number
  commandsTotal = 0
  /** Its blocking command waits for its keys. */
  isBlocked = false

  readonly #unwatch: (session: Session) => void
  readonly #requiresPassword: () => boolean

  constructor(
    readonly id: number,
    readonly address: string,
    readonly localAddress: string,
    readonly isUnixSocket: boolean,
    readonly createdAtMs: number,
    requiresPassword: () => boolean,
    unwatch: (session: Session) => void,
  ) {
    this.#requiresPassword = requiresPassword
    this.#unwatch = unwatch
    this.authenticated = !requiresPassword()
    this.lastInteractionMs = createdAtMs
  }

  get lastCommand(): string {
    const spec = specs[this.lastCommandId]
    return spec === undefined ? 'NULL' : fullNameOf(spec)
  }

  get queuedCommands(): number {
    return this.transaction?.length ?? (this.executing > 0 ? 0 : -1)
  }

  get watchedKeys(): number {
    return this.watched.length
  }

  get queryBufferBytes(): number {
    return this.connection.queryBytes + this.connection.bytesInHand
  }

  get queryBufferFreeBytes(): number {
    const capacity = this.connection.query?.length ?? 0
    return capacity - this.connection.queryBytes
  }

  get outputBytes(): number {
    return this.connection.outputBytes
  }

  get totalMemoryBytes(): number {
    return this.connection.memoryBytes + this.queuedBytes
  }

  get fileDescriptor(): number {
    return this.connection.fd
  }

  get flagLetters(): string {
    let flags = ''
    if (this.transaction !== null) flags += 'x'
    if (this.isBlocked) flags += 'b'
    if (this.connection.isClosing) flags += 'c'
    if (this.isUnixSocket) flags += 'U'
    if (this.noEvict) flags += 'e'
    if (this.noTouch) flags += 'T'
    return flags === '' ? 'N' : flags
  }

  beginTransaction(): void {
    this.transaction = []
    this.queuedBytes = 0
    this.transactionFailed = false
  }

  endTransaction(): void {
    this.transaction = null
    this.queuedBytes = 0
    this.transactionFailed = false
  }

  /** Forgets all watches, here and on the shards. */
  unwatchAll(): void {
    if (this.watched.length > 0) this.#unwatch(this)
    this.watched = []
  }

  reset(): void {
    this.endTransaction()
    this.unwatchAll()
    this.name = ''
    this.database = 0
    this.resp = 2
    this.noEvict = false
    this.noTouch = false
    this.replyMode = 'on'
    this.user = 'default'
    this.authenticated = !this.#requiresPassword()
  }

  closeAfterReply(): void {
    this.connection.closeAfterReplies()
  }

  kill(): void {
    this.connection.destroy()
  }
}
