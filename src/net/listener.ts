/**
 * Listening sockets: TCP addresses and the Unix socket. Accepts, refuses with Redis's words, and hands on sockets that read
 * into one shared buffer.
 *
 * Runs on the main thread.
 */
import fs from 'node:fs'
import net from 'node:net'
import { encodeError } from '../resp/errors.js'

/** Redis reads 16 KiB at a time; with 64 KiB a deep pipeline costs a quarter of the system calls. */
const READ_BYTES = 64 * 1024

/** A refused client may keep its connection for this long, and no more of them than this at once: descriptors are few. */
const REFUSED_MS_MAX = 1000
const REFUSED_OPEN_MAX = 16

/** The system does not know addresses of this kind: nothing that a setting could mend, so that only a warning is logged. */
const UNSUPPORTED_CODES = new Set(['ENOPROTOOPT', 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT', 'ENOTSUP', 'EAFNOSUPPORT'])

/** All sockets read into this: the bytes are worked off, or copied, before the next read. */
const readBuffer = new Uint8Array(READ_BYTES)

/** The message is the last word, as Redis says it before it exits; what led to it has been logged. */
export class ListenError extends Error {
  readonly code = 'SHARDKEEP_LISTEN'
}

/** A socket's handle, as far as it is needed here. */
interface StreamHandle {
  readonly fd: number
  /** Bytes of the write in hand that the kernel has not taken. */
  readonly writeQueueSize: number
}

/**
 * A client's socket that was made from an accepted handle.
 *
 * Replies are written to its descriptor past the stream, and the next connection to be accepted gets the number of a
 * descriptor that was closed. So `onClosing` runs whenever anything closes the socket (an error on a read or write,
 * `destroy`), and before the descriptor is given back: whoever writes has been told by then.
 */
export class ClientSocket extends net.Socket {
  onClosing: () => void = () => {}
  readonly #clientHandle: StreamHandle

  constructor(handle: StreamHandle, onread: { buffer: Uint8Array; callback: (length: number) => boolean }) {
    super({ handle, onread, allowHalfOpen: true } as net.SocketConstructorOpts)
    this.#clientHandle = handle
  }

  /** Bytes of the write in hand that the kernel has not taken; falls while a slow reader takes a large chunk. */
  get unsentBytes(): number {
    return this.destroyed ? 0 : this.#clientHandle.writeQueueSize
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.onClosing()
    super._destroy(error, callback)
  }
}

export interface AcceptedSocket {
  readonly socket: ClientSocket
  readonly fd: number
  readonly address: string
  readonly localAddress: string
  readonly isUnixSocket: boolean
}

export interface ListenerOptions {
  readonly unixSocket: string
  readonly unixSocketMode: number
  readonly backlog: number
}

/** What the listener asks about each new socket: a refusal to send, or undefined. */
export type Admission = (address: string, isUnixSocket: boolean) => string | undefined

export interface SocketHandlers {
  data(bytes: Uint8Array, length: number): void
  /** The client sends no more, but may still read. */
  ended(): void
  /** The socket is about to close, by whatever cause. */
  closing(): void
}

export class Listener {
  /** By address and port, as they were given. */
  #tcpServers = new Map<string, net.Server>()
  #unixServer: net.Server | null = null
  #isClosed = false
  readonly #options: ListenerOptions
  readonly #admit: Admission
  readonly #accept: (accepted: AcceptedSocket) => SocketHandlers
  readonly #warn: (message: string) => void
  #refusedOpen = 0

  constructor(
    options: ListenerOptions,
    admit: Admission,
    accept: (accepted: AcceptedSocket) => SocketHandlers,
    warn: (message: string) => void,
  ) {
    this.#options = options
    this.#admit = admit
    this.#accept = accept
    this.#warn = warn
  }

  /** Listens where the server does from its start on. Throws a ListenError, also when there is nothing to listen on. */
  async listen(addresses: readonly string[], port: number): Promise<void> {
    const { unixSocket, unixSocketMode, backlog } = this.#options
    if (!(await this.follow(addresses, port))) {
      this.close()
      throw new ListenError(`Failed listening on port ${port} (TCP), aborting.`)
    }
    if (unixSocket !== '') {
      try {
        fs.rmSync(unixSocket, { force: true })
        this.#unixServer = await this.#listenOn({ path: unixSocket, backlog })
        if (unixSocketMode !== 0) fs.chmodSync(unixSocket, unixSocketMode)
      } catch (error) {
        this.close()
        throw new ListenError(`Failed opening Unix socket: ${unixSocket}: ${describe(error)}`)
      }
    }
    if (this.#tcpServers.size === 0 && this.#unixServer === null) {
      throw new ListenError('Configured to not listen anywhere, exiting.')
    }
  }

  /**
   * Listens on these addresses and no others; port 0 is none at all. One call at a time. What stays is not touched, what is
   * left goes first: `127.0.0.1` and `*` exclude each other.
   *
   * @returns false when an address cannot be had. One with a leading `-` may be missing, and so may a whole family.
   */
  async follow(addresses: readonly string[], port: number): Promise<boolean> {
    const before = this.#tcpServers
    this.#tcpServers = new Map()
    const missing: string[] = []
    for (const address of port === 0 ? [] : addresses) {
      const name = `${address} ${port}`
      const server = before.get(name)
      if (server === undefined) missing.push(address)
      else this.#tcpServers.set(name, server)
      before.delete(name)
    }
    for (const server of before.values()) server.close()
    for (const address of missing) {
      const isOptional = address.startsWith('-')
      const host = (isOptional ? address.slice(1) : address).replace(/^\*$/, '0.0.0.0').replace(/^::\*$/, '::')
      try {
        const ipv6Only = host.includes(':')
        const server = await this.#listenOn({ host, port, backlog: this.#options.backlog, ipv6Only })
        if (this.#isClosed) server.close()
        else this.#tcpServers.set(`${address} ${port}`, server)
      } catch (error) {
        this.#warn(`Warning: Could not create server TCP listening socket ${host}:${port}: ${describe(error)}`)
        const { code = '' } = error as NodeJS.ErrnoException
        if ((isOptional && code === 'EADDRNOTAVAIL') || UNSUPPORTED_CODES.has(code)) continue
        return false
      }
    }
    return true
  }

  #listenOn(options: net.ListenOptions): Promise<net.Server> {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      this.#connected(socket, options.path !== undefined)
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(options, () => {
        server.off('error', reject)
        // Too many open files, for one: that client is not served, the others go on.
        server.on('error', (error) => this.#warn(`Accepting client connection: ${error.message}`))
        resolve(server)
      })
    })
  }

  #connected(first: net.Socket, isUnixSocket: boolean): void {
    const address = isUnixSocket ? `${this.#options.unixSocket}:0` : endpoint(first.remoteAddress, first.remotePort)
    const localAddress = isUnixSocket ? `${this.#options.unixSocket}:0` : endpoint(first.localAddress, first.localPort)
    const refusal = this.#admit(first.remoteAddress ?? '', isUnixSocket)
    if (refusal !== undefined) {
      this.#refuse(first, refusal)
      return
    }
    // A server's sockets cannot be given a read buffer of ours, a socket made from a handle can (its documented
    // `onread`): so the handle moves to a new socket, and the first one is left empty.
    const owner = first as unknown as { _handle: StreamHandle | null }
    const handle = owner._handle
    if (handle === null) return
    owner._handle = null
    let handlers: SocketHandlers | null = null
    const socket = new ClientSocket(handle, {
      buffer: readBuffer,
      callback: (length) => {
        handlers?.data(readBuffer, length)
        return true
      },
    })
    handlers = this.#accept({ socket, fd: handle.fd, address, localAddress, isUnixSocket })
    const { ended, closing } = handlers
    socket.onClosing = closing
    socket.on('error', () => socket.destroy())
    socket.on('end', ended)
    socket.resume()
  }

  /** Says why, and reads on for a while: what the other side has sent already would turn the refusal into a reset. */
  #refuse(socket: net.Socket, refusal: string): void {
    socket.on('error', () => socket.destroy())
    socket.end(encodeError(refusal))
    if (this.#refusedOpen >= REFUSED_OPEN_MAX) {
      socket.destroy()
      return
    }
    this.#refusedOpen++
    socket.on('close', () => {
      this.#refusedOpen--
    })
    socket.resume()
    setTimeout(() => socket.destroy(), REFUSED_MS_MAX).unref()
  }

  /** Stops accepting, and removes the Unix socket that was made here. Connections stay. */
  close(): void {
    this.#isClosed = true
    for (const server of this.#tcpServers.values()) server.close()
    this.#tcpServers.clear()
    this.#unixServer?.close()
    this.#unixServer = null
  }
}

function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '?:0'
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'bind: Address already in use'
  if (code === 'EACCES') return 'bind: Permission denied'
  if (code === 'EADDRNOTAVAIL') return 'bind: Cannot assign requested address'
  return message
}
