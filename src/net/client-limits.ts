/**
 * Who may connect, and when a client is cut: maxclients, protected mode, idle time, input and output buffer limits, a reader
 * that has stopped reading.
 *
 * Runs on the main thread: `admit` at each connection, `checkOutput` when output piles up, `check` from the cron.
 */
import type { LogLines } from '../base/log-lines.js'
import type { Configuration } from '../config/configuration.js'
import type { ClientTable } from './client-table.js'
import type { Connection } from './connection.js'
import type { DispatchPolicy } from './dispatcher.js'

/** Byte ranges of a command are 32-bit numbers: this much input is too much, whatever the limit says. */
const QUERY_BYTES_MAX = 2 ** 31 - 1

/** Redis's bound on what a client that has not given its password may leave unread. */
const UNAUTHENTICATED_OUTPUT_BYTES_MAX = 1024

const PROTECTED_MODE_REFUSAL =
  'DENIED Shardkeep is running in protected mode because protected mode is enabled and no password is set for the ' +
  'default user. In this mode connections are only accepted from the loopback interface. To connect from elsewhere, ' +
  'set a password with CONFIG SET requirepass, or turn protected mode off with CONFIG SET protected-mode no from the ' +
  'loopback interface, or start the server with --protected-mode no.'

export class ClientLimits {
  rejected = 0
  outputLimitCuts = 0
  queryLimitCuts = 0
  /** Largest buffers of connected clients at the last check. */
  inputBytesMax = 0
  outputBytesMax = 0
  readonly #clients: ClientTable
  readonly #config: Configuration
  readonly #log: LogLines
  readonly #policy: DispatchPolicy

  constructor(clients: ClientTable, config: Configuration, log: LogLines, policy: DispatchPolicy) {
    this.#clients = clients
    this.#config = config
    this.#log = log
    this.#policy = policy
    clients.checkOutput = (connection) => this.checkOutput(connection)
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
    const limit = this.#config.outputBufferLimits().normal
    if (limit.hardBytes > 0 && pending > limit.hardBytes) {
      this.#cut(connection, 'overcoming of output buffer limits')
      return
    }
    if (limit.softBytes > 0 && pending > limit.softBytes) {
      const nowMs = this.#clients.nowMs
      if (connection.softLimitSinceMs === 0) connection.softLimitSinceMs = nowMs
      else if (nowMs - connection.softLimitSinceMs > limit.softSeconds * 1000) {
        this.#cut(connection, 'overcoming of output buffer limits')
      }
    } else {
      connection.softLimitSinceMs = 0
    }
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
      } else if (connection.isStreaming) {
        this.checkOutput(connection)
        if (!connection.isClosed && stallMs > 0 && stalledMs > stallMs) {
          this.#cut(connection, `taking none of its output for ${stallMs / 1000} s`)
        }
      }
      if (!connection.isClosed) connection.shrinkBuffers(idleMs)
    }
  }

  resetStatistics(): void {
    this.rejected = 0
    this.outputLimitCuts = 0
    this.queryLimitCuts = 0
  }
}

/** A client that is blocked, held back, or owed replies is not idle, however long it takes. */
function isWaitingForUs(connection: Connection): boolean {
  return connection.session.isBlocked || connection.isStalled || connection.owed > 0
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}
