/**
 * Replies as they stand on the wire, RESP2 and RESP3, with their types kept: what a client library would smooth over
 * is just what a comparison of two servers must see.
 *
 * Only used by tests. Texts have one character a byte.
 */
import { connect, type Socket } from 'node:net'

export type RespValue =
  | number
  | string
  | null
  | boolean
  | RespValue[]
  | { readonly simple: string }
  | { readonly error: string }
  | { readonly double: string }
  | { readonly big: string }
  | { readonly verbatim: string }
  | { readonly set: RespValue[] }
  | { readonly push: RespValue[] }
  | { readonly map: (readonly [RespValue, RespValue])[] }

/** Reads one value from `bytes` at `at`; undefined when it is not complete yet. */
export function readRespValue(bytes: Buffer, at: number): { value: RespValue; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(bytes[at] as number)
  const line = bytes.toString('latin1', at + 1, lineEnd)
  const end = lineEnd + 2
  switch (type) {
    case '+':
      return { value: { simple: line }, end }
    case '-':
      return { value: { error: line }, end }
    case ':':
      return { value: Number(line), end }
    case ',':
      return { value: { double: line }, end }
    case '(':
      return { value: { big: line }, end }
    case '#':
      return { value: line === 't', end }
    case '_':
      return { value: null, end }
    case '$':
    case '=': {
      const length = Number(line)
      if (length < 0) return { value: null, end }
      if (bytes.length < end + length + 2) return undefined
      const text = bytes.toString('latin1', end, end + length)
      return { value: type === '$' ? text : { verbatim: text }, end: end + length + 2 }
    }
    case '*':
    case '~':
    case '>':
    case '%': {
      const length = Number(line)
      if (length < 0) return { value: null, end }
      const elements: RespValue[] = []
      let next = end
      for (let i = 0; i < (type === '%' ? 2 * length : length); i++) {
        const element = readRespValue(bytes, next)
        if (element === undefined) return undefined
        elements.push(element.value)
        next = element.end
      }
      if (type === '*') return { value: elements, end: next }
      if (type === '~') return { value: { set: elements }, end: next }
      if (type === '>') return { value: { push: elements }, end: next }
      const map: [RespValue, RespValue][] = []
      for (let i = 0; i < elements.length; i += 2) map.push([elements[i] as RespValue, elements[i + 1] as RespValue])
      return { value: { map }, end: next }
    }
    default:
      throw new Error(`unknown type ${JSON.stringify(type)} at ${at} of ${JSON.stringify(bytes.toString('latin1'))}`)
  }
}

/** What a RESP3 value becomes in RESP2, as far as COMMAND's replies need it: sets and maps are arrays there. */
export function asResp2(value: RespValue): RespValue {
  if (Array.isArray(value)) return value.map(asResp2)
  if (value !== null && typeof value === 'object') {
    if ('set' in value) return value.set.map(asResp2)
    if ('map' in value) return value.map.flatMap(([name, field]) => [asResp2(name), asResp2(field)])
  }
  return value
}

/** A connection that speaks bytes and gives replies as values, in order. */
export class RespConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #closed = false
  readonly #waiting: ((value: RespValue | 'closed') => void)[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#deliver()
    })
    // A reset is an end like any other to whoever waits for a reply.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#closed = true
      for (const resolve of this.#waiting.splice(0)) resolve('closed')
    })
  }

  /** Connects to a port of this machine, or to a socket file. */
  static open(target: number | string): Promise<RespConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        typeof target === 'number' ? { port: target, host: '127.0.0.1' } : { path: target },
        () => {
          socket.off('error', reject)
          resolve(new RespConnection(socket))
        },
      )
      socket.once('error', reject)
    })
  }

  #deliver(): void {
    while (this.#waiting.length > 0) {
      const read = this.#received.length > 0 ? readRespValue(this.#received, 0) : undefined
      if (read === undefined) return
      this.#received = this.#received.subarray(read.end)
      this.#waiting.shift()?.(read.value)
    }
  }

  /** Sends one command as a multibulk request, without waiting. */
  write(...argv: (string | number | Buffer)[]): void {
    const parts: (string | Buffer)[] = [`*${argv.length}\r\n`]
    for (const argument of argv) {
      const body = Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument), 'latin1')
      parts.push(`$${body.length}\r\n`, body, '\r\n')
    }
    this.writeRaw(Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(part, 'latin1')))))
  }

  writeRaw(bytes: Buffer | string): void {
    this.#socket.write(bytes)
  }

  /** The next reply, or `closed` when the connection ends before it. */
  read(): Promise<RespValue | 'closed'> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#deliver()
      if (this.#closed) for (const waiting of this.#waiting.splice(0)) waiting('closed')
    })
  }

  /** Sends one command and waits for its reply. */
  async call(...argv: (string | number | Buffer)[]): Promise<RespValue> {
    this.write(...argv)
    return this.read()
  }

  close(): void {
    this.#socket.destroy()
  }
}
