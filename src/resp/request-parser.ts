/**
 * Parses requests: RESP arrays of bulk strings, and inline commands.
 *
 * Runs on the main thread. A resumable cursor over whatever bytes are there: it makes no strings and no objects for
 * arguments, only byte ranges in `offsets` and `lengths`. When the bytes end inside a command, the state of the cursor goes
 * into the connection's `ParseState`, and parsing goes on from there: in whatever pieces a command comes, no argument is
 * looked at twice, and a line that has not ended is looked at again only up to PROTO_INLINE_BYTES_MAX.
 *
 * Invariant: after `incomplete`, the caller keeps the bytes from `start` on and gives them again, followed by more, with
 * the same state. They may stand at another offset then.
 *
 * Format and limits: https://redis.io/docs/latest/develop/reference/protocol-spec/, and what redis-server 7 answers.
 */
import { joinBytes } from '../base/bytes.js'
import { parseSafeInteger } from '../base/integer.js'
import {
  PROTO_ARGUMENTS_MAX,
  PROTO_INLINE_BYTES_MAX,
  PROTO_UNAUTHENTICATED_ARGUMENT_BYTES_MAX,
  PROTO_UNAUTHENTICATED_ARGUMENTS_MAX,
} from '../base/limits.js'
import { splitInline } from './inline.js'

export const ParseResult = { incomplete: 0, command: 1, empty: 2, error: 3 } as const

const CR = 13
const LF = 10
const STAR = 42
const DOLLAR = 36
const ZERO = 48
const NINE = 57

const ARGUMENTS_INITIAL = 64
/** Room for more arguments than this is given back after the command that needed it. */
const ARGUMENTS_KEPT_MAX = 16 * 1024

/** Where the parser stands inside a command whose end has not come yet. `position` counts from the command's start. */
export class ParseState {
  /** Arguments still to come, 0 between commands. */
  remaining = 0
  argc = 0
  position = 0
  /** Length of the bulk string that is being read, -1 before its header is complete. */
  bulkLength = -1
  /** Where the command stood in its buffer: `offsets` count from that buffer's beginning. */
  start = 0
  offsets: Int32Array | null = null
  lengths: Int32Array | null = null

  /** Bytes of the argument in hand that must be there before parsing can go on; for sizing the buffer. */
  get bytesNeeded(): number {
    return this.remaining > 0 && this.bulkLength >= 0 ? this.position + this.bulkLength + 2 : 0
  }

  /** Bytes at the beginning of a command in hand that need not be looked at again. */
  get bytesParsed(): number {
    return this.remaining > 0 ? this.position : 0
  }
}

export class RequestParser {
  /** The buffer that the argument ranges refer to. */
  bytes: Uint8Array = new Uint8Array(0)
  argc = 0
  offsets: Int32Array = new Int32Array(ARGUMENTS_INITIAL)
  lengths: Int32Array = new Int32Array(ARGUMENTS_INITIAL)
  /** Where the next command begins. */
  end = 0
  /** After `error`: Redis's text, without the ERR. */
  error = ''
  // What `offsets` and `lengths` were before those of a suspended command took their place.
  #spareOffsets: Int32Array | null = null
  #spareLengths: Int32Array | null = null

  /** Parses one command of the bytes [start, limit). */
  parse(
    bytes: Uint8Array,
    start: number,
    limit: number,
    state: ParseState,
    authenticated: boolean,
    bulkBytesMax: number,
  ): number {
    let position = start
    let remaining: number
    let argc: number
    let bulkLength = -1
    if (state.remaining > 0) {
      remaining = state.remaining
      argc = state.argc
      position = start + state.position
      bulkLength = state.bulkLength
      this.#spareOffsets = this.offsets
      this.#spareLengths = this.lengths
      this.offsets = state.offsets as Int32Array
      this.lengths = state.lengths as Int32Array
      state.remaining = 0
      state.offsets = null
      state.lengths = null
      // The command moves when its buffer grows, which is seldom: a shift at every resumption would be quadratic.
      const moved = start - state.start
      if (moved !== 0) for (let i = 0; i < argc; i++) (this.offsets[i] as number) += moved
    } else {
      if (this.offsets.length > ARGUMENTS_KEPT_MAX) this.#freshArguments()
      if (bytes[start] !== STAR) return this.#parseInline(bytes, start, limit)
      const headerEnd = this.#findLineEnd(bytes, start + 1, limit)
      if (headerEnd < 0) {
        if (limit - start > PROTO_INLINE_BYTES_MAX) return this.#fail('too big mbulk count string')
        return ParseResult.incomplete
      }
      remaining = this.#number(bytes, start + 1, headerEnd)
      if (Number.isNaN(remaining) || remaining > PROTO_ARGUMENTS_MAX) return this.#fail('invalid multibulk length')
      if (remaining > PROTO_UNAUTHENTICATED_ARGUMENTS_MAX && !authenticated) {
        return this.#fail('unauthenticated multibulk length')
      }
      position = headerEnd + 2
      if (remaining <= 0) {
        this.end = position
        return ParseResult.empty
      }
      argc = 0
    }

    while (remaining > 0) {
      if (bulkLength < 0) {
        if (position >= limit) return this.#suspend(state, start, position, remaining, argc, -1)
        if (bytes[position] !== DOLLAR) {
          // As in Redis, the header line must be complete before its first byte is judged.
          if (this.#findLineEnd(bytes, position, limit) < 0) {
            if (limit - position > PROTO_INLINE_BYTES_MAX) return this.#fail('too big bulk count string')
            return this.#suspend(state, start, position, remaining, argc, -1)
          }
          return this.#fail(`expected '$', got '${String.fromCharCode(bytes[position] as number)}'`)
        }
        // One or two digits and CRLF is what nearly every header is; anything else takes the careful way.
        let at = position + 1
        let length = (bytes[at] as number) - ZERO
        if (at + 4 < limit && length > 0 && length <= 9) {
          let c = bytes[++at] as number
          if (c >= ZERO && c <= NINE) {
            length = length * 10 + c - ZERO
            c = bytes[++at] as number
          }
          if (c === CR) at += 2
          else at = -1
        } else {
          at = -1
        }
        if (at < 0) {
          const headerEnd = this.#findLineEnd(bytes, position + 1, limit)
          if (headerEnd < 0) {
            if (limit - position > PROTO_INLINE_BYTES_MAX) return this.#fail('too big bulk count string')
            return this.#suspend(state, start, position, remaining, argc, -1)
          }
          length = this.#number(bytes, position + 1, headerEnd)
          if (Number.isNaN(length) || length < 0 || length > bulkBytesMax) return this.#fail('invalid bulk length')
          if (length > PROTO_UNAUTHENTICATED_ARGUMENT_BYTES_MAX && !authenticated)
            return this.#fail('unauthenticated bulk length')
          at = headerEnd + 2
        }
        position = at
        bulkLength = length
      }
      if (position + bulkLength + 2 > limit) {
        return this.#suspend(state, start, position, remaining, argc, bulkLength)
      }
      if (argc === this.offsets.length) this.#growArguments()
      this.offsets[argc] = position
      this.lengths[argc] = bulkLength
      argc++
      remaining--
      position += bulkLength + 2
      bulkLength = -1
    }
    this.bytes = bytes
    this.argc = argc
    this.end = position
    return ParseResult.command
  }

  #suspend(
    state: ParseState,
    start: number,
    position: number,
    remaining: number,
    argc: number,
    bulkLength: number,
  ): number {
    state.remaining = remaining
    state.argc = argc
    state.position = position - start
    state.bulkLength = bulkLength
    state.start = start
    state.offsets = this.offsets
    state.lengths = this.lengths
    this.#freshArguments()
    return ParseResult.incomplete
  }

  #freshArguments(): void {
    this.offsets = this.#spareOffsets ?? new Int32Array(ARGUMENTS_INITIAL)
    this.lengths = this.#spareLengths ?? new Int32Array(ARGUMENTS_INITIAL)
    this.#spareOffsets = null
    this.#spareLengths = null
  }

  #fail(reason: string): number {
    this.error = `Protocol error: ${reason}`
    return ParseResult.error
  }

  /**
   * The offset of the CR of a line whose next byte has come too, or -1. As in Redis, that byte may be anything, and a zero
   * byte hides the end of its line: the client hears of its mistake when the line has become too long.
   */
  #findLineEnd(bytes: Uint8Array, from: number, limit: number): number {
    for (let at = from; at < limit - 1; at++) {
      const c = bytes[at]
      if (c === CR) return at
      if (c === 0) return -1
    }
    return -1
  }

  #number(bytes: Uint8Array, from: number, to: number): number {
    return parseSafeInteger(bytes, from, to - from)
  }

  #growArguments(): void {
    const offsets = new Int32Array(this.offsets.length * 2)
    const lengths = new Int32Array(this.offsets.length * 2)
    offsets.set(this.offsets)
    lengths.set(this.lengths)
    this.offsets = offsets
    this.lengths = lengths
  }

  #parseInline(bytes: Uint8Array, start: number, limit: number): number {
    const found = bytes.subarray(start, limit).indexOf(LF)
    // As in Redis, a zero byte hides the end of its line.
    if (found < 0 || bytes.subarray(start, start + found).indexOf(0) >= 0) {
      if (limit - start > PROTO_INLINE_BYTES_MAX) return this.#fail('too big inline request')
      return ParseResult.incomplete
    }
    const lineEnd = start + found
    const textEnd = lineEnd > start && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
    const words = splitInline(bytes, start, textEnd)
    if (words === undefined) return this.#fail('unbalanced quotes in request')
    this.end = lineEnd + 1
    if (words.length === 0) return ParseResult.empty
    while (this.offsets.length < words.length) this.#growArguments()
    this.argc = words.length
    let at = 0
    words.forEach((word, i) => {
      this.offsets[i] = at
      this.lengths[i] = word.length
      at += word.length
    })
    this.bytes = joinBytes(words)
    return ParseResult.command
  }
}
