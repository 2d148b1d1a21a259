/**
 * Which encoding a string value shows in OBJECT ENCODING.
 *
 * Runs in a shard worker, on every SET. A value is stored as its bytes whatever its encoding: the encoding only tells
 * how Redis would hold it, which clients can see, and which command made it.
 */
import { isCanonicalInt64 } from '../base/integer.js'
import { Encoding } from './value-type.js'

/** Redis keeps values of up to this length in one allocation with their header, and calls that "embstr". */
const EMBSTR_BYTES_MAX = 44

const MINUS = 45
const ZERO = 48
const NINE = 57

/** The encoding of a value that a command stores as the client gave it: an integer where it is the text of one. */
export function encodingOfValue(bytes: Uint8Array, offset: number, length: number): number {
  const first = length === 0 ? 0 : (bytes[offset] as number)
  // Most values do not begin like a number; those that do have at most 20 bytes to look at.
  if (((first >= ZERO && first <= NINE) || first === MINUS) && isCanonicalInt64(bytes, offset, length)) {
    return Encoding.int
  }
  return length <= EMBSTR_BYTES_MAX ? Encoding.embstr : Encoding.raw
}

/** The encoding of a text that is never kept as an integer (INCRBYFLOAT's result). */
export function encodingOfText(length: number): number {
  return length <= EMBSTR_BYTES_MAX ? Encoding.embstr : Encoding.raw
}
