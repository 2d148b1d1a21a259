/**
 * Elements of a collection, one after the other, whatever form they stand in: what collections are loaded from.
 *
 * Owned by the thread that loads. Invariant: nothing outside of the range that a source was opened on is read; what is
 * malformed there ends in an `RdbFormatError`.
 */
import { INT64_TEXT_BYTES_MAX, writeBigInt, writeInteger } from '../../base/integer.js'
import { LISTPACK_FIRST, Listpack } from '../listpack.js'
import { checkListpack } from '../listpack-entry.js'
import { RdbFormatError, type RdbReader } from './rdb-reader.js'

export interface ElementSource {
  /** The element in hand; its bytes are only good until the next one. */
  text: Uint8Array
  textOffset: number
  textLength: number
  /** Moves to the next element. @returns false when there is none */
  next(): boolean
}

/** So many strings of RDB. */
export class StringSource implements ElementSource {
  text: Uint8Array = new Uint8Array(0)
  textOffset = 0
  textLength = 0
  #left: number

  constructor(
    private readonly reader: RdbReader,
    count: number,
  ) {
    this.#left = count
  }

  next(): boolean {
    if (this.#left === 0) return false
    this.#left--
    const { reader } = this
    reader.string()
    this.text = reader.text
    this.textOffset = reader.textOffset
    this.textLength = reader.textLength
    return true
  }
}

/** The entries of a listpack. */
export class ListpackSource implements ElementSource {
  text: Uint8Array = new Uint8Array(0)
  textOffset = 0
  textLength = 0
  /** How many entries there are. */
  readonly count: number
  readonly #pack = new Listpack()
  #at = LISTPACK_FIRST

  constructor(bytes: Uint8Array, offset: number, length: number) {
    this.count = checkListpack(bytes, offset, length)
    if (this.count < 0) throw new RdbFormatError('a listpack', offset)
    this.#pack.stand(bytes, offset)
  }

  next(): boolean {
    const pack = this.#pack
    if (pack.isEnd(this.#at)) return false
    pack.read(this.#at)
    this.#at = pack.next(this.#at)
    this.text = pack.valueBytes
    this.textOffset = pack.valueOffset
    this.textLength = pack.valueLength
    return true
  }
}

const ZIPLIST_HEADER_BYTES = 10
const ZIPLIST_END = 0xff
const ZIPLIST_COUNT_UNKNOWN = 0xffff
const ZIPLIST_LONG_PREVIOUS = 0xfe
/** Numbers from 0 to 12 stand in the encoding itself, as 1 to 13. */
const ZIPLIST_SMALL_FIRST = 0xf1
const ZIPLIST_SMALL_LAST = 0xfd

/**
 * The entries of a ziplist, the packed form before Redis 7.0:
 *
 *   | bytes, u32 | offset of the last entry, u32 | entries, u16 (65535: count them) | entry... | 0xff |
 *   entry = | length of the entry before, 1 byte or 0xfe and 4 | encoding | value |
 *
 * Format: https://redis.com/glossary/redis-ziplist/ and ziplist.c of Redis 6.2.
 */
export class ZiplistSource implements ElementSource {
  text: Uint8Array
  textOffset = 0
  textLength = 0
  readonly #view: DataView
  readonly #bytes: Uint8Array
  /** Where the end mark must stand. */
  readonly #end: number
  readonly #lastAt: number
  readonly #count: number
  readonly #digits = new Uint8Array(INT64_TEXT_BYTES_MAX)
  #at: number
  #previousLength = 0
  #seen = 0

  constructor(bytes: Uint8Array, offset: number, length: number) {
    this.text = bytes
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#end = offset + length - 1
    this.#at = offset + ZIPLIST_HEADER_BYTES
    if (length <= ZIPLIST_HEADER_BYTES || this.#view.getUint32(offset, true) !== length) this.#fail()
    if (bytes[this.#end] !== ZIPLIST_END) this.#fail()
    this.#lastAt = offset + this.#view.getUint32(offset + 4, true)
    this.#count = this.#view.getUint16(offset + 8, true)
  }

  next(): boolean {
    if (this.#at === this.#end) {
      if (this.#count !== ZIPLIST_COUNT_UNKNOWN && this.#count !== this.#seen) this.#fail()
      if (this.#seen > 0 && this.#at - this.#previousLength !== this.#lastAt) this.#fail()
      return false
    }
    const start = this.#at
    let previousLength = this.#byte()
    if (previousLength === ZIPLIST_LONG_PREVIOUS) previousLength = this.#view.getUint32(this.#take(4), true)
    else if (previousLength === ZIPLIST_END) this.#fail()
    if (previousLength !== this.#previousLength) this.#fail()
    this.#value(this.#byte())
    this.#previousLength = this.#at - start
    this.#seen++
    return true
  }

  #value(encoding: number): void {
    switch (encoding >>> 6) {
      case 0:
        this.#string(encoding & 0x3f)
        return
      case 1:
        this.#string(((encoding & 0x3f) << 8) | this.#byte())
        return
      case 2:
        // The other six bits are not used; Redis's decoder does not look at them, its checker wants zeros.
        if (encoding !== 0x80) this.#fail()
        this.#string(this.#view.getUint32(this.#take(4)))
        return
      default:
        this.#integer(encoding)
    }
  }

  #integer(encoding: number): void {
    switch (encoding) {
      case 0xc0:
        this.#number(this.#view.getInt16(this.#take(2), true))
        return
      case 0xd0:
        this.#number(this.#view.getInt32(this.#take(4), true))
        return
      case 0xe0:
        this.text = this.#digits
        this.textOffset = 0
        this.textLength = writeBigInt(this.#digits, 0, this.#view.getBigInt64(this.#take(8), true))
        return
      case 0xf0: {
        const at = this.#take(3)
        this.#number((this.#view.getInt8(at + 2) << 16) | this.#view.getUint16(at, true))
        return
      }
      case 0xfe:
        this.#number(this.#view.getInt8(this.#take(1)))
        return
      default:
        if (encoding < ZIPLIST_SMALL_FIRST || encoding > ZIPLIST_SMALL_LAST) this.#fail()
        this.#number(encoding - ZIPLIST_SMALL_FIRST)
    }
  }

  #number(n: number): void {
    this.text = this.#digits
    this.textOffset = 0
    this.textLength = writeInteger(this.#digits, 0, n)
  }

  #string(length: number): void {
    this.text = this.#bytes
    this.textOffset = this.#take(length)
    this.textLength = length
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  /** Passes over bytes before the end mark and returns where they begin. */
  #take(length: number): number {
    if (length > this.#end - this.#at) this.#fail()
    const at = this.#at
    this.#at += length
    return at
  }

  #fail(): never {
    throw new RdbFormatError('a ziplist', this.#at)
  }
}

const ZIPMAP_END = 0xff
const ZIPMAP_LONG_LENGTH = 0xfe
/** A count in one byte; from here on the pairs have to be counted. */
const ZIPMAP_COUNT_UNKNOWN = 0xfe

/**
 * Fields and values of a zipmap in turn, the packed hash before Redis 2.6:
 *
 *   | pairs (254: count them) | (field, value)... | 0xff |
 *   field = | length | bytes |      value = | length | unused bytes | bytes | as many unused |
 *   length = one byte up to 253, or 254 and four bytes, lowest first
 */
export class ZipmapSource implements ElementSource {
  text: Uint8Array
  textOffset = 0
  textLength = 0
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #count: number
  #at: number
  #seen = 0

  constructor(bytes: Uint8Array, offset: number, length: number) {
    this.text = bytes
    this.#bytes = bytes
    this.#at = offset + 1
    this.#end = offset + length - 1
    if (length < 2 || bytes[this.#end] !== ZIPMAP_END) this.#fail()
    this.#count = bytes[offset]!
  }

  next(): boolean {
    const isField = this.#seen % 2 === 0
    if (this.#at === this.#end) {
      if (!isField) this.#fail()
      if (this.#count < ZIPMAP_COUNT_UNKNOWN && this.#count * 2 !== this.#seen) this.#fail()
      return false
    }
    let length = this.#bytes[this.#take(1)]!
    if (length === ZIPMAP_END) this.#fail()
    if (length === ZIPMAP_LONG_LENGTH) {
      const at = this.#take(4)
      const bytes = this.#bytes
      length = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
      if (length < ZIPMAP_LONG_LENGTH) this.#fail()
    }
    const unused = isField ? 0 : this.#bytes[this.#take(1)]!
    this.textOffset = this.#take(length)
    this.textLength = length
    this.#take(unused)
    this.#seen++
    return true
  }

  #take(length: number): number {
    if (length > this.#end - this.#at) this.#fail()
    const at = this.#at
    this.#at += length
    return at
  }

  #fail(): never {
    throw new RdbFormatError('a zipmap', this.#at)
  }
}
