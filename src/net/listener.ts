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

/** All sockets read into this: the bytes are worked off, or copied, before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

export class ListenError extends Error {
  readonly code = 'SHARDKEEP_LISTEN'
}

export interface AcceptedSocket {
  readonly socket: net.Socket
  readonly fd: number
  readonly address: string
  readonly localAddress: string
  readonly isUnixSocket: boolean
}

export interface ListenerOptions {
  readonly addresses: readonly string[]
  readonly port: number
  readonly unixSocket: string
  readonly unixSocketMode: number
  readonly backlog: number
}

/** What the listener asks about each new socket: a refusal to send, or undefined. */
export type Admission = (address: string, isUnixSocket: boolean) => string | undefined

export interface SocketHandlers {
  data(bytes: Uint8Array, length: number): void
  closed(): void
}

/** A socket's handle, as far as it is needed here. */
interface StreamHandle {
  readonly fd: number
}

export class Listener {
  readonly #servers: net.Server[] = []
  readonly #options: ListenerOptions
  readonly #admit: Admission
  readonly #accept: (accepted: AcceptedSocket) => SocketHandlers

  constructor(options: ListenerOptions, admit: Admission, accept: (accepted: AcceptedSocket) => SocketHandlers) {
    this.#options = options
    this.#admit = admit
    this.#accept = accept
  }

  /** Binds every address. An address with a leading `-` may be unavailable; any other failure is a ListenError. */
  async listen(): Promise<void> {
    const { addresses, port, unixSocket, backlog } = this.#options
    if (port !== 0) {
      for (const address of addresses) {
        const isOptional = address.startsWith('-')
        const host = (isOptional ? address.slice(1) : address).replace(/^\*$/, '0.0.0.0').replace(/^::\*$/, '::')
        try {
          await this.#listenOn({ host, port, backlog, ipv6Only: host.includes(':') })
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException
          if (isOptional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'ENOTSUP')) continue
          await this.close()
          throw new ListenError(`Could not create server TCP listening socket ${host}:${port}: ${describe(error)}`)
        }
      }
    }
    if (unixSocket !== '') {
      fs.rmSync(unixSocket, { force: true })
      try {
        await this.#listenOn({ path: unixSocket, backlog })
      } catch (error) {
        await this.close()
        throw new ListenError(`Could not open Unix socket ${unixSocket}: ${describe(error)}`)
      }
      if (this.#options.unixSocketMode !== 0) fs.chmodSync(unixSocket, this.#options.unixSocketMode)
    }
  }

  get isListening(): boolean {
    return this.#servers.length > 0
  }

  #listenOn(options: net.ListenOptions): Promise<void> {
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      this.#connected(socket, options.path !== undefined)
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(options, () => {
        server.off('error', reject)
        this.#servers.push(server)
        resolve()
      })
    })
  }

  #connected(first: net.Socket, isUnixSocket: boolean): void {
    const address = isUnixSocket ? `${this.#options.unixSocket}:0` : endpoint(first.remoteAddress, first.remotePort)
    const localAddress = isUnixSocket ? `${this.#options.unixSocket}:0` : endpoint(first.localAddress, first.localPort)
    const refusal = this.#admit(first.remoteAddress ?? '', isUnixSocket)
    if (refusal !== undefined) {
      // Read on until the other side closes, so that what it has sent already does not turn the refusal into a reset.
      first.end(encodeError(refusal))
      first.resume()
      first.on('error', () => first.destroy())
      first.setTimeout(1000, () => first.destroy())
      return
    }
    // A server's sockets cannot be given a read buffer of ours, a socket made from a handle can (its documented
    // `onread`): so the handle moves to a new socket, and the first one is left empty.
    const owner = first as unknown as { _handle: StreamHandle | null }
    const handle = owner._handle
    if (handle === null) return
    owner._handle = null
    let handlers: SocketHandlers | null = null
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: readBuffer,
        callback: (length: number): boolean => {
          handlers?.data(readBuffer, length)
          return true
        },
      },
    }
    const socket = new net.Socket(options as net.SocketConstructorOpts)
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => handlers?.closed())
    handlers = this.#accept({ socket, fd: handle.fd, address, localAddress, isUnixSocket })
    socket.resume()
  }

  /** Stops accepting. Connections stay. */
  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close()
    if (this.#options.unixSocket !== '') fs.rmSync(this.#options.unixSocket, { force: true })
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
