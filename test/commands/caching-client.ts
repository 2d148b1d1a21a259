/**
 * A client that caches what it reads, as one over CLIENT TRACKING would: a real connection whose pushes and replies are
 * worked off in the order in which they come.
 *
 * Only used by tests. Texts have one character a byte.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type RespValue, readRespValue } from '../support/resp-value.js'

/** What an invalidation names: keys, or all of them. */
export type Invalidation = readonly string[] | 'all'

export class CachingClient {
  /** What has been read and not been invalidated; null stands for a key that does not exist. */
  readonly cache = new Map<string, RespValue>()
  /** Every push, in the order in which they came. */
  readonly pushes: RespValue[] = []
  /** Replies and pushes in one. */
  readonly stream: RespValue[] = []
  id = 0
  onInvalidation: (invalidation: Invalidation) => void = (invalidation) => this.invalidate(invalidation)
  #received = Buffer.alloc(0)
  readonly #handlers: ((reply: RespValue) => void)[] = []
  readonly #socket: Socket

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#receive(chunk))
  }

  static async open(port: number, resp: 2 | 3 = 3): Promise<CachingClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new CachingClient(socket)
    if (resp === 3) await client.call('HELLO', 3)
    client.id = (await client.call('CLIENT', 'ID')) as number
    client.stream.length = 0
    return client
  }

  /** Sends a command; `then` is called with its reply at its place among the pushes. */
  send(argv: readonly (string | number)[], then: (reply: RespValue) => void = () => {}): void {
    this.#handlers.push(then)
    const words = argv.map((word) => `$${String(word).length}\r\n${word}\r\n`)
    this.#socket.write(Buffer.from(`*${argv.length}\r\n${words.join('')}`, 'latin1'))
  }

  call(...argv: (string | number)[]): Promise<RespValue> {
    return new Promise((resolve) => this.send(argv, resolve))
  }

  /** Reads a key into the cache. */
  read(key: string): void {
    this.send(['GET', key], (value) => this.cache.set(key, value))
  }

  invalidate(invalidation: Invalidation): void {
    if (invalidation === 'all') this.cache.clear()
    else for (const key of invalidation) this.cache.delete(key)
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    let at = 0
    for (let read = readRespValue(this.#received, at); read !== undefined; read = readRespValue(this.#received, at)) {
      at = read.end
      this.#take(read.value)
    }
    this.#received = this.#received.subarray(at)
  }

  #take(value: RespValue): void {
    this.stream.push(value)
    const invalidation = invalidationOf(value)
    if (invalidation !== undefined) {
      this.pushes.push(value)
      this.onInvalidation(invalidation)
    } else if (isPush(value)) {
      this.pushes.push(value)
    } else {
      this.#handlers.shift()?.(value)
    }
  }
}

function isPush(value: RespValue): value is { readonly push: RespValue[] } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'push' in value
}

/** What a push of RESP3, or a message of RESP2, invalidates. */
function invalidationOf(value: RespValue): Invalidation | undefined {
  let keys: RespValue | undefined
  if (isPush(value) && value.push[0] === 'invalidate') keys = value.push[1]
  else if (Array.isArray(value) && value[0] === 'message' && value[1] === '__redis__:invalidate') keys = value[2]
  if (keys === undefined) return undefined
  return keys === null ? 'all' : (keys as string[])
}
