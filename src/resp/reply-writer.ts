/**
 * Writes RESP replies in place.
 *
 * Runs on both threads: a shard's writer stands in its reply ring, the main thread's in a buffer of its own.
 * A reply that outgrows the room it was given moves to this writer's scratch buffer ("spills") and goes on there;
 * whoever attached the writer looks at `bytes`, `start` and `position` when the reply is complete.
 *
 * Invariant: `start <= position <= limit`, and every byte in between belongs to the replies written since `attach`.
 *
 * Formats: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import { asciiBytes, copyBytes } from '../base/bytes.js'
import { formatDouble } from '../base/float.js'
import { integerDigits, writeBigInt, writeInteger } from '../base/integer.js'
import { encodeError } from './errors.js'

const SCRATCH_BYTES_INITIAL = 64 * 1024
/** Above this length copying by a loop costs more than by the engine, see base/bytes.ts. */
const SHORT_BULK_BYTES_MAX = 40
/** `$`, two digits and two line ends. */
const SHORT_BULK_OVERHEAD_BYTES = 7

/** Above this a spilled reply is handed on in parts, so that a reply of any size needs only this much room. */
const SCRATCH_BYTES_STREAM = 256 * 1024
/** A scratch buffer that one big reply has grown past this is let go after it. */
const SCRATCH_BYTES_KEEP = 1024 * 1024

const OK = asciiBytes('+OK\r\n')
const QUEUED = asciiBytes('+QUEUED\r\n')
const PONG = asciiBytes('+PONG\r\n')
const NIL_RESP2 = asciiBytes('$-1\r\n')
const NIL_ARRAY_RESP2 = asciiBytes('*-1\r\n')
const NULL_RESP3 = asciiBytes('_\r\n')
const EMPTY_BULK = asciiBytes('$0\r\n\r\n')

const CR = 13
const LF = 10
const DOLLAR = 36
const STAR = 42
const COLON = 58
const ZERO = 48

/** Room for a type byte, 20 digits and CRLF. */
const HEADER_BYTES_MAX = 24

export class ReplyWriter {
  bytes: Uint8Array
  start = 0
  position = 0
  limit: number
  /** Whether the client in hand speaks RESP3; maps, sets, doubles, booleans and nulls depend on it. */
  resp3 = false
  spilled = false
  /** Where in the attached buffer the reply began that spilled; what stands before it there is whole. */
  spilledFrom = 0
  /** Set by a shard: sends on what the scratch holds; false when this reply must stay whole. Null where all must. */
  stream: (() => boolean) | null = null

  #scratch = new Uint8Array(SCRATCH_BYTES_INITIAL)
  #openLengths = 0

  constructor() {
    this.bytes = this.#scratch
    this.limit = this.#scratch.length
    this.spilled = true
  }

  /** Writes from `position` on, in place, up to `limit`; beyond it the reply spills. */
  attach(bytes: Uint8Array, position: number, limit: number): void {
    this.bytes = bytes
    this.start = position
    this.position = position
    this.limit = limit
    this.spilled = false
    this.#openLengths = 0
  }

  /** Writes into the scratch buffer from its beginning. */
  attachScratch(): void {
    if (this.#scratch.length > SCRATCH_BYTES_KEEP) this.#scratch = new Uint8Array(SCRATCH_BYTES_INITIAL)
    this.attach(this.#scratch, 0, this.#scratch.length)
    this.spilled = true
  }

  /** The bytes written since `attach`, as a copy. For tests and for replies kept for later. */
  take(): Uint8Array {
    return this.bytes.slice(this.start, this.position)
  }

  ensure(bytesNeeded: number): void {
    if (this.position + bytesNeeded > this.limit) this.#spill(bytesNeeded)
  }

  #spill(bytesNeeded: number): void {
    if (
      this.spilled &&
      this.stream !== null &&
      this.#openLengths === 0 &&
      this.position - this.start >= SCRATCH_BYTES_STREAM
    ) {
      if (this.stream()) {
        this.start = 0
        this.position = 0
      }
      if (this.position + bytesNeeded <= this.limit) return
    }
    const used = this.position - this.start
    if (!this.spilled) this.spilledFrom = this.start
    if (!this.spilled || this.#scratch.length < used + bytesNeeded) {
      let capacity = this.#scratch.length
      while (capacity < used + bytesNeeded) capacity *= 2
      const target = capacity > this.#scratch.length ? new Uint8Array(capacity) : this.#scratch
      target.set(this.bytes.subarray(this.start, this.position))
      this.#scratch = target
    }
    this.bytes = this.#scratch
    this.start = 0
    this.position = used
    this.limit = this.#scratch.length
    this.spilled = true
  }

  raw(source: Uint8Array, offset: number, length: number): void {
    // A long range goes over in parts, so that a streamed reply needs no scratch of its own size.
    while (length > SCRATCH_BYTES_STREAM && this.stream !== null && this.#openLengths === 0) {
      this.ensure(SCRATCH_BYTES_STREAM)
      copyBytes(source, offset, this.bytes, this.position, SCRATCH_BYTES_STREAM)
      this.position += SCRATCH_BYTES_STREAM
      offset += SCRATCH_BYTES_STREAM
      length -= SCRATCH_BYTES_STREAM
    }
    this.ensure(length)
    copyBytes(source, offset, this.bytes, this.position, length)
    this.position += length
  }

  /** A reply that stands encoded already, CRLF included. */
  encoded(reply: Uint8Array): void {
    this.raw(reply, 0, reply.length)
  }

  ok(): void {
    this.encoded(OK)
  }

  queued(): void {
    this.encoded(QUEUED)
  }

  pong(): void {
    this.encoded(PONG)
  }

  /** An error made by `encodeError` or taken from `errors`. Kept apart from `encoded` so that errors can be counted. */
  error(encoded: Uint8Array): void {
    this.lastError = encoded
    this.encoded(encoded)
  }

  /** The error written last, until its reader (the statistics) sets it back to null. */
  lastError: Uint8Array | null = null

  errorText(text: string): void {
    // As in Redis: line breaks at the end, which a client's own words may bring, do not become spaces.
    this.error(encodeError(text.replace(/[\r\n]+$/, '')))
  }

  /** A simple string (`+text`). */
  simple(text: string): void {
    const body = Buffer.from(text, 'latin1')
    this.ensure(body.length + 3)
    this.bytes[this.position++] = 43
    this.raw(body, 0, body.length)
    this.#crlf()
  }

  #crlf(): void {
    this.ensure(2)
    this.bytes[this.position++] = CR
    this.bytes[this.position++] = LF
  }

  #header(type: number, n: number): void {
    this.ensure(HEADER_BYTES_MAX)
    const bytes = this.bytes
    let position = this.position
    bytes[position++] = type
    if (n >= 0 && n < 10) bytes[position++] = ZERO + n
    else position += writeInteger(bytes, position, n)
    bytes[position++] = CR
    bytes[position++] = LF
    this.position = position
  }

  /** An integer reply; `n` is a safe integer. */
  integer(n: number): void {
    this.#header(COLON, n)
  }

  bigInteger(n: bigint): void {
    this.ensure(HEADER_BYTES_MAX)
    this.bytes[this.position++] = COLON
    this.position += writeBigInt(this.bytes, this.position, n)
    this.#crlf()
  }

  bulk(source: Uint8Array, offset: number, length: number): void {
    if (length <= SHORT_BULK_BYTES_MAX) {
      this.#shortBulk(source, offset, length)
      return
    }
    this.#header(DOLLAR, length)
    this.raw(source, offset, length)
    this.#crlf()
  }

  /** A bulk string of up to two digits of length, in one go: most replies are many of these. */
  #shortBulk(source: Uint8Array, offset: number, length: number): void {
    this.ensure(length + SHORT_BULK_OVERHEAD_BYTES)
    const bytes = this.bytes
    let to = this.position
    bytes[to++] = DOLLAR
    if (length >= 10) {
      // A tenth, exactly, of what is below 100.
      const tens = (length * 205) >>> 11
      bytes[to++] = ZERO + tens
      bytes[to++] = ZERO + length - tens * 10
    } else {
      bytes[to++] = ZERO + length
    }
    bytes[to] = CR
    bytes[to + 1] = LF
    to += 2
    const end = offset + length
    let from = offset
    for (; from + 3 < end; from += 4) {
      bytes[to] = source[from]!
      bytes[to + 1] = source[from + 1]!
      bytes[to + 2] = source[from + 2]!
      bytes[to + 3] = source[from + 3]!
      to += 4
    }
    while (from < end) bytes[to++] = source[from++]!
    bytes[to] = CR
    bytes[to + 1] = LF
    this.position = to + 2
  }

  bulkBytes(source: Uint8Array): void {
    this.bulk(source, 0, source.length)
  }

  /** A bulk string of `text` in UTF-8. */
  bulkText(text: string): void {
    const body = Buffer.from(text, 'utf8')
    this.bulk(body, 0, body.length)
  }

  /** A bulk string that holds a safe integer in decimal. */
  bulkInteger(n: number): void {
    const digits = integerDigits(n)
    this.#header(DOLLAR, digits)
    this.ensure(digits)
    this.position += writeInteger(this.bytes, this.position, n)
    this.#crlf()
  }

  emptyBulk(): void {
    this.encoded(EMPTY_BULK)
  }

  nil(): void {
    this.encoded(this.resp3 ? NULL_RESP3 : NIL_RESP2)
  }

  nilArray(): void {
    this.encoded(this.resp3 ? NULL_RESP3 : NIL_ARRAY_RESP2)
  }

  array(length: number): void {
    this.#header(STAR, length)
  }

  /** A map of `pairs` pairs; in RESP2 an array of twice that length. */
  map(pairs: number): void {
    if (this.resp3) this.#header(37, pairs)
    else this.#header(STAR, pairs * 2)
  }

  set(length: number): void {
    this.#header(this.resp3 ? 126 : STAR, length)
  }

  push(length: number): void {
    this.#header(this.resp3 ? 62 : STAR, length)
  }

  boolean(value: boolean): void {
    if (this.resp3) this.encoded(value ? TRUE_RESP3 : FALSE_RESP3)
    else this.integer(value ? 1 : 0)
  }

  /** A double; in RESP2 a bulk string of the same digits. */
  double(value: number): void {
    const digits = formatDouble(value)
    if (this.resp3) {
      this.ensure(digits.length + 3)
      this.bytes[this.position++] = 44
      for (let i = 0; i < digits.length; i++) this.bytes[this.position++] = digits.charCodeAt(i)
      this.#crlf()
    } else {
      this.bulkText(digits)
    }
  }

  /** A verbatim string of a three-letter format; in RESP2 a bulk string. */
  verbatim(text: string, format: 'txt' | 'mkd' = 'txt'): void {
    const body = Buffer.from(text, 'utf8')
    if (!this.resp3) {
      this.bulk(body, 0, body.length)
      return
    }
    this.#header(61, body.length + 4)
    const prefix = asciiBytes(`${format}:`)
    this.raw(prefix, 0, prefix.length)
    this.raw(body, 0, body.length)
    this.#crlf()
  }

  /**
   * Opens an aggregate whose length is not known yet; write the elements, then call `closeArray` with the
   * returned mark. Such a reply cannot be streamed before it is closed.
   */
  openArray(): number {
    this.#openLengths++
    return this.position - this.start
  }

  closeArray(mark: number, length: number): void {
    this.#closeAggregate(STAR, mark, length)
  }

  closeSet(mark: number, length: number): void {
    this.#closeAggregate(this.resp3 ? 126 : STAR, mark, length)
  }

  closeMap(mark: number, pairs: number): void {
    this.#closeAggregate(this.resp3 ? 37 : STAR, mark, this.resp3 ? pairs : pairs * 2)
  }

  #closeAggregate(type: number, mark: number, length: number): void {
    const headerBytes = 3 + integerDigits(length)
    this.ensure(headerBytes)
    const at = this.start + mark
    this.bytes.copyWithin(at + headerBytes, at, this.position)
    const end = this.position + headerBytes
    this.position = at
    this.bytes[this.position++] = type
    this.position += writeInteger(this.bytes, this.position, length)
    this.bytes[this.position++] = CR
    this.bytes[this.position] = LF
    this.position = end
    this.#openLengths--
  }

  /** Gives back what was written after `mark` (a value of `position - start`), for a command that fails late. */
  rewind(mark: number): void {
    this.position = this.start + mark
  }
}

const TRUE_RESP3 = asciiBytes('#t\r\n')
const FALSE_RESP3 = asciiBytes('#f\r\n')
