/**
 * Writes lengths, strings and numbers as RDB keeps them, into a buffer that grows.
 *
 * Owned by the thread that uses it; one writer serves any number of values. Invariant: what stands before `position` is
 * complete, so that it may be taken out, and the writer begun anew, between any two calls.
 */
import { copyBytes } from '../../base/bytes.js'
import { integerDigits, isCanonicalInt64, parseSafeInteger, writeInteger } from '../../base/integer.js'
import { lzfCompress } from '../../base/lzf.js'
import { LENGTH_14_BITS, LENGTH_32_BITS, LENGTH_64_BITS, STRING_INT8, STRING_LZF } from './rdb-format.js'

const BYTES_INITIAL = 1024
/** A buffer that one big value has grown past this is let go after it. */
const BYTES_KEPT_MAX = 1024 * 1024

const LENGTH_BYTES_MAX = 9

/** The longest text of an integer that stands in a string as a number: "-2147483648". */
const INTEGER_TEXT_BYTES_MAX = 11

/** Shorter strings gain nothing from compression; Redis draws the line here as well. */
const COMPRESSED_BYTES_MIN = 21
/** A compressed string must be smaller by as much, as in Redis. */
const COMPRESSION_GAIN_BYTES_MIN = 4

export class RdbWriter {
  bytes = new Uint8Array(BYTES_INITIAL)
  position = 0
  #view = new DataView(this.bytes.buffer)

  /** @param compresses whether strings are compressed with LZF where that makes them shorter (`rdbcompression`) */
  constructor(public compresses = true) {}

  /** Forgets what was written. */
  reset(): void {
    this.position = 0
    if (this.bytes.length > BYTES_KEPT_MAX) this.#allocate(BYTES_INITIAL)
  }

  /** What was written since `reset`, as a copy. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.position)
  }

  /** Makes room for `length` more bytes. */
  ensure(length: number): void {
    const needed = this.position + length
    if (needed <= this.bytes.length) return
    const old = this.bytes
    this.#allocate(Math.max(needed, old.length * 2))
    copyBytes(old, 0, this.bytes, 0, this.position)
  }

  byte(value: number): void {
    this.ensure(1)
    this.bytes[this.position++] = value
  }

  /** Bytes as they are, without their length. */
  raw(from: Uint8Array, offset: number, length: number): void {
    this.ensure(length)
    copyBytes(from, offset, this.bytes, this.position, length)
    this.position += length
  }

  /** A length or a count: a safe integer that is not negative. */
  length(value: number): void {
    this.ensure(LENGTH_BYTES_MAX)
    const { bytes } = this
    if (value < 64) {
      bytes[this.position++] = value
    } else if (value < 16384) {
      bytes[this.position++] = (LENGTH_14_BITS << 6) | (value >>> 8)
      bytes[this.position++] = value
    } else if (value <= 0xffffffff) {
      bytes[this.position++] = LENGTH_32_BITS
      this.#view.setUint32(this.position, value)
      this.position += 4
    } else {
      this.#length64(Math.floor(value / 4294967296), value >>> 0)
    }
  }

  /** An unsigned number of 64 bits as two halves, in the form of a length. */
  length64(high: number, low: number): void {
    if (high === 0) {
      this.length(low >>> 0)
      return
    }
    this.ensure(LENGTH_BYTES_MAX)
    this.#length64(high, low)
  }

  #length64(high: number, low: number): void {
    this.bytes[this.position++] = LENGTH_64_BITS
    this.#view.setUint32(this.position, high)
    this.#view.setUint32(this.position + 4, low)
    this.position += 8
  }

  /** A string in the shortest of its forms: as a number, compressed, or as it is. The range must not be in `bytes`. */
  string(from: Uint8Array, offset: number, length: number): void {
    if (length <= INTEGER_TEXT_BYTES_MAX && isCanonicalInt64(from, offset, length)) {
      const n = parseSafeInteger(from, offset, length)
      if (n === (n | 0)) {
        this.#int32(n)
        return
      }
    }
    if (this.compresses && length >= COMPRESSED_BYTES_MIN && this.#compressed(from, offset, length)) return
    this.length(length)
    this.raw(from, offset, length)
  }

  /** The text of a safe integer as a string. */
  integerString(n: number): void {
    if (n === (n | 0)) {
      this.#int32(n)
      return
    }
    const digits = integerDigits(n)
    this.length(digits)
    this.ensure(digits)
    this.position += writeInteger(this.bytes, this.position, n)
  }

  #int32(n: number): void {
    this.ensure(5)
    const size = n >= -128 && n <= 127 ? 1 : n >= -32768 && n <= 32767 ? 2 : 4
    this.bytes[this.position++] = STRING_INT8 | (size >>> 1)
    for (let i = 0; i < size; i++) this.bytes[this.position++] = n >>> (8 * i)
  }

  /** Writes the string compressed, unless that gains too little. */
  #compressed(from: Uint8Array, offset: number, length: number): boolean {
    // The lengths come first but are known last: the data are written behind the most that both can take.
    const headerBytesMax = 1 + LENGTH_BYTES_MAX * 2
    this.ensure(headerBytesMax + length)
    const at = this.position + headerBytesMax
    const compressed = lzfCompress(from, offset, length, this.bytes, at, at + length - COMPRESSION_GAIN_BYTES_MIN)
    if (compressed === 0) return false
    this.bytes[this.position++] = STRING_LZF
    this.length(compressed)
    this.length(length)
    this.bytes.copyWithin(this.position, at, at + compressed)
    this.position += compressed
    return true
  }

  /** A double in its eight bytes, lowest first. */
  double(value: number): void {
    this.ensure(8)
    this.#view.setFloat64(this.position, value, true)
    this.position += 8
  }

  /** A signed number of 64 bits in eight bytes, lowest first: times. `value` is a safe integer. */
  int64(value: number): void {
    this.ensure(8)
    this.#view.setUint32(this.position, value >>> 0, true)
    this.#view.setInt32(this.position + 4, Math.floor(value / 4294967296), true)
    this.position += 8
  }

  /** Two halves of a number of 64 bits, highest byte first: the ids of streams. */
  bigEndian64(high: number, low: number): void {
    this.ensure(8)
    this.#view.setUint32(this.position, high)
    this.#view.setUint32(this.position + 4, low)
    this.position += 8
  }

  #allocate(length: number): void {
    this.bytes = new Uint8Array(length)
    this.#view = new DataView(this.bytes.buffer)
  }
}
