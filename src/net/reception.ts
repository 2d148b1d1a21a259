/**
 * Where clients come in: listens where the configuration says, at the start and after CONFIG SET, and makes a connection with
 * its session of each socket.
 *
 * Main thread.
 */
import type { Clock } from '../base/clock.js'
import type { LogLines } from '../base/log-lines.js'
import type { Configuration } from '../config/configuration.js'
import type { ClientLimits } from './client-limits.js'
import type { ClientTable } from './client-table.js'
import { Connection } from './connection.js'
import { type AcceptedSocket, Listener, type SocketHandlers } from './listener.js'
import type { Rates } from './rates.js'
import { Session, type SessionHost } from './session.js'

export interface ReceptionSurroundings {
  readonly config: Configuration
  readonly clock: Clock
  readonly log: LogLines
  readonly clients: ClientTable
  readonly limits: ClientLimits
  readonly rates: Rates
  readonly sessionHost: SessionHost
}

export class Reception {
  #listener: Listener | null = null
  #nextClientId = 1

  constructor(private readonly surroundings: ReceptionSurroundings) {}

  /** Listens, from now on wherever `bind` and `port` say. Throws a ListenError. */
  async listen(): Promise<void> {
    const { config, limits, log } = this.surroundings
    const listener = new Listener(
      {
        unixSocket: config.path('unixsocket'),
        unixSocketMode: config.number('unixsocketperm'),
        backlog: config.number('tcp-backlog'),
      },
      (address, isUnixSocket) => limits.admit(address, isUnixSocket),
      (accepted) => this.#accept(accepted),
      (message) => log.warning(message),
    )
    await listener.listen(config.words('bind'), config.number('port'))
    this.#listener = listener
    const follow = (refusal: string) => async (): Promise<string | undefined> =>
      (await listener.follow(config.words('bind'), config.number('port'))) ? undefined : refusal
    config.onChangeLater('port', follow('Unable to listen on this port. Check server logs.'))
    config.onChangeLater('bind', follow('Failed to bind to specified addresses.'))
  }

  close(): void {
    this.#listener?.close()
  }

  #accept({ socket, fd, address, localAddress, isUnixSocket }: AcceptedSocket): SocketHandlers {
    const { config, clock, clients, rates, sessionHost } = this.surroundings
    const keepAliveS = config.number('tcp-keepalive')
    if (!isUnixSocket && keepAliveS > 0) socket.setKeepAlive(true, keepAliveS * 1000)
    const session = new Session(this.#nextClientId++, address, localAddress, isUnixSocket, clock.nowMs(), sessionHost)
    const connection = new Connection(clients.takeSlot(), socket, fd, clients, session)
    clients.add(connection)
    rates.connectionsReceived++
    return {
      data: (bytes, length) => clients.receive(connection, bytes, length),
      ended: () => connection.endInput(),
      closing: () => connection.destroy(),
    }
  }
}
