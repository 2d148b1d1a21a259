/**
 * What the server knows of a client besides its bytes: who it is, its database and protocol, its transaction.
 *
 * Runs on the main thread. This is the `SessionView` of the command handlers.
 */
import type { SessionView, SubscriptionKind, TrackingOptions } from '../commands/server-services.js'
import { fullNameOf, specs } from '../commands/table.js'
import type { CommandRequest } from '../hops/request.js'
import type { ClientTracking } from './client-tracking.js'
import type { Connection } from './connection.js'
import type { Monitors } from './monitors.js'
import type { ConnectionSubscriptions, Subscriptions } from './subscriptions.js'

/** What is shared by all sessions. */
export interface SessionHost {
  readonly subscriptions: Subscriptions
  readonly monitors: Monitors
  /** Client-side caching: sets `tracking` of the session, or takes it away. */
  readonly tracking: {
    start(session: Session, options: TrackingOptions, prefixes: readonly string[]): void
    stop(session: Session): void
  }
  requiresPassword(): boolean
  /** Tells the shards that the session's watches are void. */
  unwatch(session: Session): void
}

/** What Redis counts for a watched key of a client, the name not included. */
const WATCH_BYTES = 80
/** About the same for a prefix that it tracks. */
const PREFIX_BYTES = 64

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
  /** CLIENT PAUSE holds its command back. */
  isPaused = false

  /** Null until it subscribes to something. */
  subscriptions: ConnectionSubscriptions | null = null
  isSubscribed = false
  isMonitor = false
  /** What it may send depends on one of these two. */
  isRestricted = false
  /** Null while it does not track. */
  tracking: ClientTracking | null = null
  /** What it held when it was counted last, by client-limits.ts. */
  countedBytes = 0

  readonly #host: SessionHost

  constructor(
    readonly id: number,
    readonly address: string,
    readonly localAddress: string,
    readonly isUnixSocket: boolean,
    readonly createdAtMs: number,
    host: SessionHost,
  ) {
    this.#host = host
    this.authenticated = !host.requiresPassword()
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
    // What has been parsed of a command that is still coming is no longer input, in Redis, but arguments.
    const { parse, queryBytes, bytesInHand } = this.connection
    return queryBytes + bytesInHand - (bytesInHand === 0 ? parse.bytesParsed : 0)
  }

  get queryBufferFreeBytes(): number {
    const capacity = this.connection.query?.length ?? 0
    return capacity - this.connection.queryBytes
  }

  get outputBytes(): number {
    return this.connection.outputBytes
  }

  get totalMemoryBytes(): number {
    const subscribed = this.subscriptions?.bytes ?? 0
    const tracked = (this.tracking?.prefixSet.size ?? 0) * PREFIX_BYTES
    return this.connection.memoryBytes + this.queuedBytes + this.watched.length * WATCH_BYTES + subscribed + tracked
  }

  /** What was counted last for `maxmemory`. At its end a client has let go of its buffers, which were counted all the same. */
  memoryCounted = 0

  countMemory(): number {
    this.memoryCounted = this.totalMemoryBytes
    return this.memoryCounted
  }

  get fileDescriptor(): number {
    return this.connection.fd
  }

  get flagLetters(): string {
    let flags = ''
    if (this.isMonitor) flags += 'O'
    if (this.isSubscribed) flags += 'P'
    if (this.transaction !== null) flags += 'x'
    if (this.isBlocked || this.isPaused) flags += 'b'
    if (this.tracking !== null) flags += 't'
    if (this.tracking?.isRedirectBroken === true) flags += 'R'
    if (this.tracking?.isBroadcast === true) flags += 'B'
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
    if (this.watched.length > 0) this.#host.unwatch(this)
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
    this.authenticated = !this.#host.requiresPassword()
    this.endListening()
    this.stopTracking()
  }

  subscriptionCount(kind: SubscriptionKind): number {
    return this.subscriptions?.[kind].size ?? 0
  }

  subscriptionNames(kind: SubscriptionKind): readonly Uint8Array[] {
    return this.subscriptions?.names(kind) ?? []
  }

  /** Nothing where the client has gone: a transaction goes on without it, and nobody would end the subscription. */
  subscribe(kind: SubscriptionKind, name: Uint8Array): void {
    if (this.connection.isClosed) return
    this.#host.subscriptions.subscribe(this.connection, kind, name)
    this.isSubscribed = true
    this.isRestricted = true
  }

  unsubscribe(kind: SubscriptionKind, name: Uint8Array): void {
    this.#host.subscriptions.unsubscribe(this.connection, kind, name)
  }

  endSubscribing(): void {
    if ((this.subscriptions?.size ?? 0) > 0) return
    this.isSubscribed = false
    this.isRestricted = this.isMonitor
  }

  beginMonitoring(): void {
    this.#host.monitors.add(this.connection)
    this.isMonitor = true
    this.isRestricted = true
  }

  /** Nothing where the client has gone, as with `subscribe`. */
  startTracking(options: TrackingOptions, prefixes: readonly string[]): void {
    if (this.connection.isClosed) return
    this.#host.tracking.start(this, options, prefixes)
  }

  stopTracking(): void {
    this.#host.tracking.stop(this)
  }

  /** Ends all subscriptions, and MONITOR, without telling the client. */
  endListening(): void {
    this.#host.subscriptions.forget(this.connection)
    this.#host.monitors.remove(this.connection)
    this.isMonitor = false
    this.endSubscribing()
  }

  closeAfterReply(): void {
    this.connection.closeAfterReplies()
  }

  kill(): void {
    this.connection.destroy()
  }
}
