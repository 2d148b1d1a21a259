/**
 * The patterns of SORT's BY and GET: `weight_*` names a key for each element, `object_*->field` a field of a hash, `#` the
 * element itself.
 *
 * Used on both threads; the patterns lie in a command's arguments. As in Redis, where patterns are C strings, what
 * stands behind a zero byte cannot be found in them, but belongs to the key.
 */
import { copyBytes } from '../../base/bytes.js'

const HASH_SIGN = 0x23
const STAR = 0x2a
const MINUS = 0x2d
const GREATER = 0x3e

export class SortPattern {
  /** Where the element goes, counted from the pattern's beginning; -1 for a pattern without a `*`. */
  readonly star: number
  /** Where `->` stands that is followed by a field's name, or -1. */
  readonly arrow: number

  constructor(
    readonly bytes: Uint8Array,
    readonly offset: number,
    readonly length: number,
  ) {
    const zero = this.#find(0, 0, length)
    const searched = zero < 0 ? length : zero
    this.star = this.#find(STAR, 0, searched)
    this.arrow = this.star < 0 ? -1 : this.#findArrow(searched)
  }

  /** The pattern `#`. */
  get isElement(): boolean {
    return this.length === 1 && this.bytes[this.offset] === HASH_SIGN
  }

  /** Whether elements name keys by it at all. */
  get namesKeys(): boolean {
    return this.star >= 0
  }

  get fieldOffset(): number {
    return this.offset + this.arrow + 2
  }

  get fieldLength(): number {
    return this.length - this.arrow - 2
  }

  /** How long the key of an element of that length is. */
  keyLength(elementLength: number): number {
    return (this.arrow < 0 ? this.length : this.arrow) - 1 + elementLength
  }

  /** Writes the key of an element to the beginning of `into`, which has room for it. */
  writeKey(element: Uint8Array, elementOffset: number, elementLength: number, into: Uint8Array): void {
    const { bytes, offset, star } = this
    const end = this.arrow < 0 ? this.length : this.arrow
    copyBytes(bytes, offset, into, 0, star)
    copyBytes(element, elementOffset, into, star, elementLength)
    copyBytes(bytes, offset + star + 1, into, star + elementLength, end - star - 1)
  }

  #find(byte: number, from: number, to: number): number {
    for (let i = from; i < to; i++) if (this.bytes[this.offset + i] === byte) return i
    return -1
  }

  #findArrow(searched: number): number {
    const { bytes, offset } = this
    for (let i = this.star + 1; i + 1 < searched; i++) {
      if (bytes[offset + i] === MINUS && bytes[offset + i + 1] === GREATER) return i + 2 < searched ? i : -1
    }
    return -1
  }
}
