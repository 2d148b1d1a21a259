/**
 * Who may connect, and when a client is cut: maxclients, protected mode, idle time, input and output buffer limits, a reader
 * that has stopped reading, memory of all clients together (`maxmemory-clients`).
 *
 * Runs on the main thread: `admit` at each connection, `checkOutput` when output piles up, `check` from the cron,
 * `noteMemory` after each read and write, but only while that memory is limited.
 *
 * Invariant: while it is limited, `#memoryBytes` is the sum of all sessions' `countedBytes`.
 */
import type { LogLines } from '../base/log-lines.js'
import type { Configuration, OutputBufferLimit } from '../config/configuration.js'
import type { ClientTable, OutputLimits } from './client-table.js'
import type { Connection } from './connection.js'
import type { DispatchPolicy } from './dispatch-policy.js'

/** Byte ranges of a command are 32-bit numbers: this much input is too much, whatever the limit says. */
const QUERY_BYTES_MAX = 2 ** 31 - 1

/** Redis's bound on what a client that has not given its password may leave unread. */
const UNAUTHENTICATED_OUTPUT_BYTES_MAX = 1024

/** A lower limit on the memory of all clients would leave nobody to raise it again. Redis's value. */
const CLIENTS_MEMORY_BYTES_MIN = 128 * 1024

const PROTECTED_MODE_REFUSAL =
  'DENIED Shardkeep is running in protected mode because protected mode is enabled and no password is set for the ' +
  'default user. In this mode connections are only accepted from the loopback interface. To connect from elsewhere, ' +
  'set a password with CONFIG SET requirepass, or turn protected mode off with CONFIG SET protected-mode no from the ' +
  'loopback interface, or start the server with --protected-mode no.'

export class ClientLimits implements OutputLimits {
  rejected = 0
  outputLimitCuts = 0
  queryLimitCuts = 0
  evictedClients = 0
  limitsReplies = false
  /** Largest buffers of connected clients at the last check. */
  inputBytesMax = 0
  outputBytesMax = 0
  readonly #clients: ClientTable
  readonly #config: Configuration
  readonly #log: LogLines
  readonly #policy: DispatchPolicy
  #normalLimit!: OutputBufferLimit
  #pubsubLimit!: OutputBufferLimit
  /** `maxmemory-clients` in bytes, 0 for no limit. */
  #memoryLimitBytes = 0
  /** What all clients hold, by the latest count of each. */
  #memoryBytes = 0
  /** Nobody is left who may be evicted; looked at again by the next check. */
  #isExhausted = false

  constructor(clients: ClientTable, config: Configuration, log: LogLines, policy: DispatchPolicy) {
    this.#clients = clients
    this.#config = config
    this.#log = log
    this.#policy = policy
    clients.limits = this
    this.#followSettings()
  }

  #followSettings(): void {
    const followOutput = (): undefined => {
      const { normal, pubsub } = this.#config.outputBufferLimits()
      this.#normalLimit = normal
      this.#pubsubLimit = pubsub
      this.limitsReplies = normal.hardBytes > 0
      return undefined
    }
    const followMemory = (): undefined => {
      this.#memoryLimitBytes = this.#limitOnMemory()
      // The client that has set the limit gets its answer first, even where it is the one to go.
      if (this.limitsMemory) setImmediate(() => this.#countMemory())
      return undefined
    }
    followOutput()
    followMemory()
    this.#config.onChange('client-output-buffer-limit', followOutput)
    this.#config.onChange(['maxmemory', 'maxmemory-clients'], followMemory)
  }

  #limitOnMemory(): number {
    const setting = this.#config.number('maxmemory-clients')
    // A percentage is held as a negative number.
    const bytes = setting < 0 ? Math.floor((this.#config.number('maxmemory') * -setting) / 100) : setting
    return bytes === 0 ? 0 : Math.max(bytes, CLIENTS_MEMORY_BYTES_MIN)
  }

  get limitsMemory(): boolean {
    return this.#memoryLimitBytes > 0
  }

  noteMemory(connection: Connection): void {
    if (connection.isClosed) return
    this.#recount(connection)
    if (this.#memoryBytes >= this.#memoryLimitBytes && !this.#isExhausted) this.#evict()
  }

  #recount({ session }: Connection): void {
    const bytes = session.totalMemoryBytes
    this.#memoryBytes += bytes - session.countedBytes
    session.countedBytes = bytes
  }

  gone({ session }: Connection): void {
    this.#memoryBytes -= session.countedBytes
    session.countedBytes = 0
  }

  #countMemory(): void {
    this.#isExhausted = false
    for (const connection of this.#clients.connections()) this.#recount(connection)
    if (this.limitsMemory && this.#memoryBytes >= this.#memoryLimitBytes) this.#evict()
  }

  /** Closes clients, the largest first, until those that are left keep to the limit. */
  #evict(): void {
    const candidates = [...this.#clients.connections()].filter(({ session }) => !session.noEvict)
    for (const connection of candidates) this.#recount(connection)
    candidates.sort((a, b) => b.session.countedBytes - a.session.countedBytes)
    for (const connection of candidates) {
      if (this.#memoryBytes < this.#memoryLimitBytes) return
      const { session } = connection
      this.#log.notice(
        `Evicting client: id=${session.id} addr=${session.address} name=${session.name} tot-mem=${session.countedBytes}`,
      )
      this.evictedClients++
      connection.destroy()
    }
    if (this.#memoryBytes < this.#memoryLimitBytes) return
    this.#isExhausted = true
    this.#log.warning('Over client maxmemory after evicting all evictable clients')
  }

  /** The refusal that a new connection gets, or undefined when it is welcome. */
  admit(remoteAddress: string, isUnixSocket: boolean): string | undefined {
    if (this.#clients.size >= this.#config.number('maxclients')) {
      this.rejected++
      return 'ERR max number of clients reached'
    }
    const isProtected = this.#config.flag('protected-mode') && !this.#policy.requiresPassword
    if (isProtected && !isUnixSocket && !isLoopback(remoteAddress)) {
      this.rejected++
      return PROTECTED_MODE_REFUSAL
    }
    return undefined
  }

  /** Cuts a client whose pending output has passed its class's limit. */
  checkOutput(connection: Connection): void {
    const pending = connection.outputBytes
    const { session } = connection
    if (!session.authenticated && this.#policy.requiresPassword && pending > UNAUTHENTICATED_OUTPUT_BYTES_MAX) {
      this.#cut(connection, 'it is not authenticated and does not read its replies')
      return
    }
    // As in Redis, a client that monitors is an ordinary one here.
    const limit = session.isSubscribed ? this.#pubsubLimit : this.#normalLimit
    if (limit.hardBytes > 0 && pending >= limit.hardBytes) {
      this.#cut(connection, 'overcoming of output buffer limits')
      return
    }
    if (limit.softBytes > 0 && pending >= limit.softBytes) {
      const nowMs = this.#clients.nowMs
      if (connection.softLimitSinceMs === 0) connection.softLimitSinceMs = nowMs
      else if (nowMs - connection.softLimitSinceMs > limit.softSeconds * 1000) {
        this.#cut(connection, 'overcoming of output buffer limits')
      }
    } else {
      connection.softLimitSinceMs = 0
    }
  }

  admitsReply(connection: Connection, bytes: number): boolean {
    if (connection.session.isSubscribed || bytes < this.#normalLimit.hardBytes) return true
    this.#cut(connection, 'overcoming of output buffer limits')
    return false
  }

  #cut(connection: Connection, reason: string): void {
    this.outputLimitCuts++
    const { session } = connection
    this.#log.warning(
      `Client id=${session.id} addr=${session.address} omem=${connection.outputBytes} scheduled to be closed ASAP for ${reason}.`,
    )
    connection.destroy()
  }

  check(): void {
    const nowMs = this.#clients.nowMs
    const timeoutMs = this.#config.number('timeout') * 1000
    const stallMs = this.#config.number('client-stall-timeout') * 1000
    const queryLimit = Math.min(this.#config.number('client-query-buffer-limit'), QUERY_BYTES_MAX)
    this.inputBytesMax = 0
    this.outputBytesMax = 0
    for (const connection of [...this.#clients.connections()]) {
      const stalledMs = connection.stalledOutputMs(nowMs)
      // Taking replies is doing something, as in Redis.
      if (connection.isStreaming && stalledMs === 0) connection.session.lastInteractionMs = nowMs
      const idleMs = nowMs - connection.session.lastInteractionMs
      const pending = connection.outputBytes
      const queryBytes = connection.queryBytes
      if (queryBytes > this.inputBytesMax) this.inputBytesMax = queryBytes
      if (pending > this.outputBytesMax) this.outputBytesMax = pending
      if (queryBytes > queryLimit) {
        this.queryLimitCuts++
        this.#log.warning(
          `Closing client that reached max query buffer length: id=${connection.session.id} qbuf=${queryBytes}`,
        )
        connection.destroy()
      } else if (timeoutMs > 0 && idleMs > timeoutMs && !isWaitingForUs(connection)) {
        this.#log.verbose('Closing idle client')
        connection.destroy()
      } else if (connection.isStreaming || connection.heldPushBytes > 0) {
        this.checkOutput(connection)
        if (!connection.isClosed && connection.isStreaming && stallMs > 0 && stalledMs > stallMs) {
          this.#cut(connection, `taking none of its output for ${stallMs / 1000} s`)
        }
      }
      if (!connection.isClosed) connection.shrinkBuffers(idleMs)
    }
    if (this.limitsMemory) this.#countMemory()
  }

  resetStatistics(): void {
    this.rejected = 0
    this.outputLimitCuts = 0
    this.queryLimitCuts = 0
    this.evictedClients = 0
  }
}

/** A client that is blocked, held back, owed replies, or only listens is not idle, however long it takes. */
function isWaitingForUs(connection: Connection): boolean {
  const { isBlocked, isSubscribed, isMonitor } = connection.session
  return isBlocked || isSubscribed || isMonitor || connection.isStalled || connection.owed > 0
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}
