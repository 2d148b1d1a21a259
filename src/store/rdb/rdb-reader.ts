/**
 * Reads lengths, strings and numbers as RDB keeps them, from a range of bytes that nobody vouches for.
 *
 * Owned by the thread that uses it. Invariant: nothing outside of the range is read, and no buffer is made larger than
 * the input can fill, whatever lengths it claims; what cannot be read throws `RdbFormatError`.
 */
import { copyBytes } from '../../base/bytes.js'
import { parseDouble } from '../../base/float.js'
import { SAFE_INTEGER_TEXT_BYTES_MAX, writeInteger } from '../../base/integer.js'
import { lzfDecompress } from '../../base/lzf.js'
import {
  LENGTH_6_BITS,
  LENGTH_14_BITS,
  LENGTH_32_BITS,
  LENGTH_64_BITS,
  STRING_INT8,
  STRING_INT16,
  STRING_INT32,
  STRING_LZF,
} from './rdb-format.js'

/** LZF makes at most 264 bytes of 3. What claims to be longer need not be tried. */
const LZF_RATIO_MAX = 88

/** No value is longer than what a signed integer of 32 bits counts. */
const DECOMPRESSED_BYTES_MAX = 0x7fffffff

/** Memory for a longer compressed string is not kept for the next one. */
const DECOMPRESSED_BYTES_KEPT_MAX = 16 * 1024

/** The length bytes of a score in the old text form that stand for a value. */
const TEXT_DOUBLE_NAN = 253
const TEXT_DOUBLE_INFINITY = 254
const TEXT_DOUBLE_MINUS_INFINITY = 255

/** The input is not what it has to be. `offset` is where reading stopped, `message` what was expected there. */
export class RdbFormatError extends Error {
  readonly code = 'RDB_FORMAT'

  constructor(
    readonly expected: string,
    readonly offset: number,
  ) {
    super(`malformed RDB data at byte ${offset}: ${expected}`)
  }
}

/** The range ends too soon: with more bytes behind it, it could be read. */
export class RdbEndError extends RdbFormatError {
  constructor(
    expected: string,
    offset: number,
    /** How many bytes more there must be at least. */
    readonly missing: number,
  ) {
    super(expected, offset)
  }
}

/** A collection without elements, which no server makes; the reader stands behind it. */
export class RdbEmptyValueError extends RdbFormatError {}

export class RdbReader {
  /** The string read last: a range of the input, or of memory that is used again for the next one. */
  text: Uint8Array = new Uint8Array(0)
  textOffset = 0
  textLength = 0
  /** The two halves of the number that `length64` or `bigEndian64` read last, unsigned. */
  high = 0
  low = 0

  bytes: Uint8Array = new Uint8Array(0)
  position = 0
  end = 0
  #view = new DataView(this.bytes.buffer)
  #decompressed = new Uint8Array(0)
  readonly #digits = new Uint8Array(SAFE_INTEGER_TEXT_BYTES_MAX)

  /** Begins to read a range. */
  open(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes = bytes
    this.position = offset
    this.end = offset + length
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Throws an `RdbFormatError` that names the present place. */
  fail(expected: string): never {
    throw new RdbFormatError(expected, this.position)
  }

  /** The same for a collection that has been read to its end and has no elements. */
  failEmpty(expected: string): never {
    throw new RdbEmptyValueError(expected, this.position)
  }

  #need(length: number, what: string): void {
    const left = this.end - this.position
    if (length > left) throw new RdbEndError(what, this.position, length - left)
  }

  byte(): number {
    this.#need(1, 'a byte')
    return this.bytes[this.position++]!
  }

  /** Passes over `length` bytes and returns where they begin. */
  raw(length: number): number {
    // No text is made where none is needed.
    if (length > this.end - this.position) this.#need(length, `${length} bytes`)
    const at = this.position
    this.position += length
    return at
  }

  /** A length or a count. Above 2^53 - 1 it is malformed: nothing can be as long. */
  length(): number {
    this.length64()
    const value = this.high * 4294967296 + this.low
    if (value > Number.MAX_SAFE_INTEGER) this.fail('a length')
    return value
  }

  /** A count of things that take at least `bytesEach` bytes of what follows, so that it cannot promise too many. */
  count(bytesEach: number): number {
    const count = this.length()
    if (count * bytesEach > this.remaining) this.fail('a count that the data can hold')
    return count
  }

  /** An unsigned number of 64 bits in the form of a length, into `high` and `low`. */
  length64(): void {
    const first = this.byte()
    this.high = 0
    if (first >>> 6 === LENGTH_6_BITS) {
      this.low = first
    } else if (first >>> 6 === LENGTH_14_BITS) {
      this.low = ((first & 0x3f) << 8) | this.byte()
    } else if (first === LENGTH_32_BITS) {
      this.low = this.#view.getUint32(this.raw(4))
    } else if (first === LENGTH_64_BITS) {
      this.bigEndian64()
    } else {
      this.position--
      this.fail('a length')
    }
  }

  /** A string of any form, into `text`, `textOffset` and `textLength`. */
  string(): void {
    const first = this.byte()
    switch (first) {
      case STRING_INT8:
        this.#integer(this.#view.getInt8(this.raw(1)))
        return
      case STRING_INT16:
        this.#integer(this.#view.getInt16(this.raw(2), true))
        return
      case STRING_INT32:
        this.#integer(this.#view.getInt32(this.raw(4), true))
        return
      case STRING_LZF:
        this.#compressed()
        return
      default:
        this.position--
        this.textLength = this.length()
        this.text = this.bytes
        this.textOffset = this.raw(this.textLength)
    }
  }

  /** Passes over a string of any form. */
  skipString(): void {
    const first = this.byte()
    switch (first) {
      case STRING_INT8:
        this.raw(1)
        return
      case STRING_INT16:
        this.raw(2)
        return
      case STRING_INT32:
        this.raw(4)
        return
      case STRING_LZF: {
        const compressed = this.length()
        this.length()
        this.raw(compressed)
        return
      }
      default:
        this.position--
        this.raw(this.length())
    }
  }

  /** A string as a copy of its own. */
  stringCopy(): Uint8Array {
    this.string()
    const copy = new Uint8Array(this.textLength)
    copyBytes(this.text, this.textOffset, copy, 0, this.textLength)
    return copy
  }

  #integer(n: number): void {
    this.text = this.#digits
    this.textOffset = 0
    this.textLength = writeInteger(this.#digits, 0, n)
  }

  #compressed(): void {
    const compressed = this.length()
    const length = this.length()
    if (length > compressed * LZF_RATIO_MAX || length > DECOMPRESSED_BYTES_MAX)
      this.fail('a compressed string of a possible length')
    const at = this.raw(compressed)
    const text = this.#roomFor(length)
    if (!lzfDecompress(this.bytes, at, compressed, text, 0, length)) this.fail('compressed data')
    this.text = text
    this.textOffset = 0
    this.textLength = length
  }

  #roomFor(length: number): Uint8Array {
    if (length > DECOMPRESSED_BYTES_KEPT_MAX) return this.#allocate(length)
    if (length > this.#decompressed.length) this.#decompressed = new Uint8Array(DECOMPRESSED_BYTES_KEPT_MAX)
    return this.#decompressed
  }

  /** A length that the data only claims must not end the thread when there is not as much memory. */
  #allocate(length: number): Uint8Array {
    try {
      return new Uint8Array(length)
    } catch (error) {
      if (error instanceof RangeError) this.fail('a compressed string that fits into the memory')
      throw error
    }
  }

  /** A double in its eight bytes. */
  double(): number {
    return this.#view.getFloat64(this.raw(8), true)
  }

  /** A double in the text form of old files. */
  textDouble(): number {
    const length = this.byte()
    switch (length) {
      case TEXT_DOUBLE_NAN:
        return Number.NaN
      case TEXT_DOUBLE_INFINITY:
        return Number.POSITIVE_INFINITY
      case TEXT_DOUBLE_MINUS_INFINITY:
        return Number.NEGATIVE_INFINITY
      default: {
        const value = parseDouble(this.bytes, this.raw(length), length)
        if (Number.isNaN(value)) this.fail('a number in text')
        return value
      }
    }
  }

  /** A signed number of 64 bits, lowest byte first. Beyond 2^53 - 1 in absolute value it is malformed. */
  int64(): number {
    const at = this.raw(8)
    const value = this.#view.getInt32(at + 4, true) * 4294967296 + this.#view.getUint32(at, true)
    if (!Number.isSafeInteger(value)) this.fail('a time')
    return value
  }

  /** A signed number of 32 bits, lowest byte first. */
  int32(): number {
    return this.#view.getInt32(this.raw(4), true)
  }

  /** A number of 64 bits, highest byte first, into `high` and `low`. */
  bigEndian64(): void {
    const at = this.raw(8)
    this.high = this.#view.getUint32(at)
    this.low = this.#view.getUint32(at + 4)
  }
}
