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

/** A value without elements, or the beginning of one with `count` elements. */
type Item =
  | { readonly value: RespValue; readonly end: number; readonly count?: undefined }
  | { readonly type: string; readonly count: number; readonly end: number }

/** Reads what begins in `bytes` at `at`; undefined when it is not complete yet. */
function readItem(bytes: Buffer, at: number): Item | undefined {
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
      return { type, count: type === '%' ? 2 * length : length, end }
    }
    default:
      throw new Error(`unknown type ${JSON.stringify(type)} at ${at} of ${JSON.stringify(bytes.toString('latin1'))}`)
  }
}

function withElements(type: string, elements: RespValue[]): RespValue {
  if (type === '*') return elements
  if (type === '~') return { set: elements }
  if (type === '>') return { push: elements }
  const map: [RespValue, RespValue][] = []
  for (let i = 0; i < elements.length; i += 2) map.push([elements[i] as RespValue, elements[i + 1] as RespValue])
  return { map }
}

/** Reads one value from `bytes` at `at`; undefined when it is not complete yet. */
export function readRespValue(bytes: Buffer, at: number): { value: RespValue; end: number } | undefined {
  const item = readItem(bytes, at)
  if (item === undefined || item.count === undefined) return item
  const elements: RespValue[] = []
  let next = item.end
  for (let i = 0; i < item.count; i++) {
    const element = readRespValue(bytes, next)
    if (element === undefined) return undefined
    elements.push(element.value)
    next = element.end
  }
  return { value: withElements(item.type, elements), end: next }
}

/** Values out of bytes that come in pieces. What has been read is not read again: replies here may have 100 000 elements. */
class RespReader {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #start = 0
  #end = 0
  /** Values of which elements are missing, the outermost first. */
  readonly #open: { readonly type: string; readonly count: number; readonly elements: RespValue[] }[] = []

  add(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#bytes.length) {
      const needed = this.#end - this.#start + chunk.length
      const target = needed * 2 > this.#bytes.length ? Buffer.allocUnsafe(needed * 2) : this.#bytes
      this.#end = this.#bytes.copy(target, 0, this.#start, this.#end)
      this.#start = 0
      this.#bytes = target
    }
    this.#end += chunk.copy(this.#bytes, this.#end)
  }

  /** The next value, or undefined when it is not complete yet. */
  next(): RespValue | undefined {
    const bytes = this.#bytes.subarray(0, this.#end)
    while (this.#start < this.#end) {
      const item = readItem(bytes, this.#start)
      if (item === undefined) return undefined
      this.#start = item.end
      if (item.count !== undefined && item.count > 0) {
        this.#open.push({ type: item.type, count: item.count, elements: [] })
        continue
      }
      let value = item.count === undefined ? item.value : withElements(item.type, [])
      let parent = this.#open.at(-1)
      while (parent !== undefined) {
        parent.elements.push(value)
        if (parent.elements.length < parent.count) break
        value = withElements(parent.type, parent.elements)
        this.#open.pop()
        parent = this.#open.at(-1)
      }
      if (parent === undefined) return value
    }
    return undefined
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
  readonly #reader = new RespReader()
  #closed = false
  readonly #waiting: ((value: RespValue | 'closed') => void)[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#reader.add(chunk)
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
      const value = this.#reader.next()
      if (value === undefined) return
      this.#waiting.shift()?.(value)
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
