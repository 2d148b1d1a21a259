/**
 * The order of SORT: by numbers, by bytes or by texts.
 *
 * Used in a shard worker. Invariant: equal elements stay in the order that they came in.
 */
import { compareBytes, isSpace } from '../../base/bytes.js'
import { parseDouble } from '../../base/float.js'
import type { ByteStrings } from './byte-strings.js'

/** Compares the elements of two places. */
export type Order = (left: number, right: number) => number

/** By numbers; elements of the same number in the order of their bytes. */
export function byNumber(scores: Float64Array, elements: ByteStrings): Order {
  const equal = byBytes(elements)
  return (left, right) => {
    const a = scores[left]!
    const b = scores[right]!
    if (a < b) return -1
    return a > b ? 1 : equal(left, right)
  }
}

/** What is equal in the first order is in the second. */
export function inTurn(first: Order, second: Order): Order {
  return (left, right) => first(left, right) || second(left, right)
}

/** By all bytes, of two strings of which one begins with the other the shorter one first. Missing ones come before all. */
export function byBytes(strings: ByteStrings): Order {
  return byRanges(strings, strings.lengths)
}

/** As C compares texts (the collation of the C locale): what stands behind a zero byte does not count. */
export function byText(strings: ByteStrings): Order {
  return byRanges(strings, textLengths(strings))
}

function byRanges({ bytes, offsets }: ByteStrings, lengths: Int32Array): Order {
  return (left, right) => {
    const leftLength = lengths[left]!
    const rightLength = lengths[right]!
    if (leftLength < 0 || rightLength < 0) return Math.sign(leftLength) - Math.sign(rightLength) || 0
    return compareBytes(bytes, offsets[left]!, leftLength, bytes, offsets[right]!, rightLength)
  }
}

function textLengths({ bytes, offsets, lengths, count }: ByteStrings): Int32Array {
  const cut = lengths.slice(0, count)
  const firstZero = bytes.indexOf(0)
  const end = count === 0 ? 0 : offsets[count - 1]! + Math.max(0, lengths[count - 1]!)
  if (firstZero < 0 || firstZero >= end) return cut
  for (let i = 0; i < count; i++) {
    const zero = bytes.subarray(offsets[i]!, offsets[i]! + Math.max(0, cut[i]!)).indexOf(0)
    if (zero >= 0) cut[i] = zero
  }
  return cut
}

/** The places from 0 to `count` - 1 in their order. */
export function sortedPlaces(count: number, order: Order, descending: boolean): Int32Array {
  const places = new Int32Array(count)
  for (let i = 0; i < count; i++) places[i] = i
  return places.sort(descending ? (left, right) => order(right, left) : order)
}

/**
 * A text as the number to sort by, read as C's strtod reads it: space before it is passed over, a zero byte ends it, and
 * nothing at all is 0. @returns NaN for what is no number
 */
export function sortNumber(bytes: Uint8Array, offset: number, length: number): number {
  const direct = parseDouble(bytes, offset, length)
  if (!Number.isNaN(direct)) return direct
  let end = offset
  while (end < offset + length && bytes[end] !== 0) end++
  if (end === offset) return 0
  let begin = offset
  while (begin < end && isSpace(bytes[begin]!)) begin++
  return parseDouble(bytes, begin, end - begin)
}
