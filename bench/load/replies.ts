/**
 * Reads RESP2 replies from the chunks of a socket.
 *
 * Runs in the load generator and in the checking scenarios. Invariant: `take` returns a reply only when all of it is
 * there, and every byte belongs to exactly one reply.
 */

/** An error reply; returned, never thrown, because a check may expect it. */
export class ReplyError {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return `-${this.text}`
  }
}

/** A simple string is a string, a bulk string is a Buffer, nil is null. */
export type Reply = string | number | Buffer | ReplyError | null | Reply[]

const CR = 13
const EMPTY = Buffer.alloc(0)

export class ReplyReader {
  #buffer: Buffer = EMPTY
  #position = 0
  /** A bulk string of many chunks is only joined once its last byte is there; until then this many bytes are missing. */
  #bytesWanted = 0
  #waiting: Buffer[] = []
  #waitingBytes = 0

  /** Adds what the socket delivered. The chunk is kept, so it must not be reused. */
  feed(chunk: Buffer): void {
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
  }

  /** The next complete reply, or undefined when there is none yet. Throws on bytes that are not RESP. */
  take(): Reply | undefined {
    if (this.#waitingBytes > 0 && this.#buffer.length - this.#position + this.#waitingBytes >= this.#bytesWanted)
      this.#join()
    if (this.#position === this.#buffer.length) return undefined
    const start = this.#position
    const reply = this.#read()
    if (reply === undefined) this.#position = start
    else this.#bytesWanted = 0
    return reply
  }

  #join(): void {
    const rest = this.#buffer.subarray(this.#position)
    this.#buffer =
      rest.length === 0 && this.#waiting.length === 1
        ? (this.#waiting[0] as Buffer)
        : Buffer.concat([rest, ...this.#waiting])
    this.#position = 0
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #read(): Reply | undefined {
    const end = this.#buffer.indexOf(CR, this.#position)
    if (end === -1 || end + 1 >= this.#buffer.length) return undefined
    const line = this.#buffer.toString('latin1', this.#position + 1, end)
    const type = String.fromCharCode(this.#buffer[this.#position] as number)
    this.#position = end + 2
    switch (type) {
      case '+':
        return line
      case '-':
        return new ReplyError(line)
      case ':':
        return Number(line)
      case '$':
        return this.#readBulk(Number(line))
      case '*':
        return this.#readArray(Number(line))
      default:
        throw new Error(`not a RESP2 reply: ${JSON.stringify(type + line.slice(0, 80))}`)
    }
  }

  #readBulk(length: number): Reply | undefined {
    if (length < 0) return null
    const start = this.#position
    if (this.#buffer.length < start + length + 2) {
      this.#bytesWanted = length
      return undefined
    }
    this.#position = start + length + 2
    return this.#buffer.subarray(start, start + length)
  }

  #readArray(count: number): Reply | undefined {
    if (count < 0) return null
    const items: Reply[] = []
    while (items.length < count) {
      if (this.#position >= this.#buffer.length) return undefined
      const item = this.#read()
      if (item === undefined) return undefined
      items.push(item)
    }
    return items
  }
}

/**
 * Counts complete replies without keeping them, for loads whose replies are simple strings, errors, integers and bulk
 * strings. It allocates nothing and looks at each byte of a line once, so that it keeps up with any server.
 */
export class ReplyCounter {
  errors = 0
  #state: 'type' | 'line' | 'length' | 'body' = 'type'
  #length = 0
  #negative = false
  #skip = 0

  /** Returns how many replies came to their end in `chunk`. */
  count(chunk: Buffer): number {
    let complete = 0
    let at = 0
    while (at < chunk.length) {
      if (this.#state === 'body') {
        const step = Math.min(this.#skip, chunk.length - at)
        at += step
        this.#skip -= step
        if (this.#skip > 0) break
        complete += 1
        this.#state = 'type'
        continue
      }
      const byte = chunk[at] as number
      at += 1
      if (this.#state === 'type') {
        if (byte === 45) this.errors += 1
        else if (byte === 42) throw new Error('ReplyCounter cannot count arrays')
        this.#state = byte === 36 ? 'length' : 'line'
        this.#length = 0
        this.#negative = false
      } else if (byte === 10) {
        if (this.#state === 'line' || this.#negative) {
          complete += 1
          this.#state = 'type'
        } else {
          this.#skip = this.#length + 2
          this.#state = 'body'
        }
      } else if (this.#state === 'length') {
        if (byte === 45) this.#negative = true
        else if (byte !== CR) this.#length = this.#length * 10 + byte - 48
      }
    }
    return complete
  }
}
