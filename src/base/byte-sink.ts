/**
 * Bytes written one after the other into memory that grows, and read back: images of values on their way between shards.
 *
 * Runs on every thread. Numbers are little endian. Invariant of the sink: `bytes` up to `length` is what was written.
 * The source is for bytes of our own making: it checks that they do not end early, and nothing else.
 */
import { assert } from './assert.js'
import { copyBytes } from './bytes.js'

const CAPACITY_MIN = 256

export class ByteSink {
  bytes: Uint8Array
  length = 0
  #view: DataView

  constructor(capacity: number = CAPACITY_MIN) {
    this.bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  clear(): void {
    this.length = 0
  }

  u8(value: number): void {
    this.#ensure(1)
    this.bytes[this.length++] = value
  }

  u32(value: number): void {
    this.#ensure(4)
    this.#view.setUint32(this.length, value, true)
    this.length += 4
  }

  f64(value: number): void {
    this.#ensure(8)
    this.#view.setFloat64(this.length, value, true)
    this.length += 8
  }

  /** The bytes as they are, without their number. */
  raw(buffer: Uint8Array, offset: number, length: number): void {
    this.#ensure(length)
    copyBytes(buffer, offset, this.bytes, this.length, length)
    this.length += length
  }

  /** Their number, then the bytes. */
  sized(buffer: Uint8Array, offset: number, length: number): void {
    this.u32(length)
    this.raw(buffer, offset, length)
  }

  /** What was written, in the sink's own memory. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  #ensure(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

export class ByteSource {
  at: number
  readonly #view: DataView

  constructor(
    readonly bytes: Uint8Array,
    at = 0,
  ) {
    this.at = at
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  u8(): number {
    return this.bytes[this.#take(1)]!
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  /** Passes over so many bytes. @returns where they begin in `bytes` */
  raw(length: number): number {
    return this.#take(length)
  }

  #take(length: number): number {
    const at = this.at
    assert(at + length <= this.bytes.length, 'an image ends early')
    this.at = at + length
    return at
  }
}
