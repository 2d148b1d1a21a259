/**
 * Byte ranges: copying, comparing and turning them into text and back.
 *
 * Runs on every thread. A range is `(buffer, offset, length)`; the caller guarantees that it lies inside the buffer.
 * Nothing here keeps a reference to a buffer after it returns.
 */

/**
 * Below this length a loop over the bytes is cheaper than making a `subarray` view for `TypedArray.set`.
 * Measured on Node.js 20: a view costs about 35 ns whatever its length, the loop about 0.8 ns a byte.
 */
const COPY_BY_LOOP_BYTES_MAX = 40

/** The same for comparisons, which need two views: about 80 ns against 1 ns a byte. */
const COMPARE_BY_LOOP_BYTES_MAX = 96

/**
 * Copies `length` bytes. The ranges may overlap only when `from` and `to` are the same view object; two different
 * views of the same memory must not overlap.
 */
export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): void {
  if (length > COPY_BY_LOOP_BYTES_MAX) {
    if (from === to) to.copyWithin(toOffset, fromOffset, fromOffset + length)
    else to.set(from.subarray(fromOffset, fromOffset + length), toOffset)
    return
  }
  if (from === to && fromOffset < toOffset) {
    // Moving towards the end: start at the end, so that no byte is overwritten before it was read.
    for (let i = length - 1; i >= 0; i--) to[toOffset + i] = from[fromOffset + i]!
    return
  }
  const end = fromOffset + length
  const lastGroup = end - 3
  let source = fromOffset
  let target = toOffset
  while (source < lastGroup) {
    to[target] = from[source]!
    to[target + 1] = from[source + 1]!
    to[target + 2] = from[source + 2]!
    to[target + 3] = from[source + 3]!
    source += 4
    target += 4
  }
  while (source < end) to[target++] = from[source++]!
}

/** True when the two ranges of `length` bytes hold the same bytes. */
export function equalBytes(
  left: Uint8Array,
  leftOffset: number,
  right: Uint8Array,
  rightOffset: number,
  length: number,
): boolean {
  if (length > COMPARE_BY_LOOP_BYTES_MAX) {
    // Most different values differ early, and then the two views need not be made.
    if (left[leftOffset] !== right[rightOffset]) return false
    return (
      Buffer.compare(
        left.subarray(leftOffset, leftOffset + length),
        right.subarray(rightOffset, rightOffset + length),
      ) === 0
    )
  }
  for (let i = 0; i < length; i++) {
    if (left[leftOffset + i] !== right[rightOffset + i]) return false
  }
  return true
}

/** What C's `isspace` takes for one in the "C" locale: a space, and tab to carriage return. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

/**
 * The order of `memcmp`: bytes as unsigned numbers, and of two ranges of which one begins with the other, the
 * shorter one first. Negative, zero or positive.
 */
export function compareBytes(
  left: Uint8Array,
  leftOffset: number,
  leftLength: number,
  right: Uint8Array,
  rightOffset: number,
  rightLength: number,
): number {
  const common = leftLength < rightLength ? leftLength : rightLength
  if (common > COMPARE_BY_LOOP_BYTES_MAX) {
    const order = left[leftOffset]! - right[rightOffset]!
    if (order !== 0) return order
    return Buffer.compare(
      left.subarray(leftOffset, leftOffset + leftLength),
      right.subarray(rightOffset, rightOffset + rightLength),
    )
  }
  for (let i = 0; i < common; i++) {
    const order = left[leftOffset + i]! - right[rightOffset + i]!
    if (order !== 0) return order
  }
  return leftLength - rightLength
}

/** An ASCII letter in lower case, every other byte as it is. Bytes from 0x80 up are never changed, as in the C locale. */
export function lowerByte(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}

/** True when the range is `lowercaseLiteral`, ASCII letters in either case. Option words are compared with it. */
export function equalsAsciiIgnoreCase(
  buffer: Uint8Array,
  offset: number,
  length: number,
  lowercaseLiteral: Uint8Array,
): boolean {
  if (length !== lowercaseLiteral.length) return false
  for (let i = 0; i < length; i++) {
    if (lowerByte(buffer[offset + i]!) !== lowercaseLiteral[i]) return false
  }
  return true
}

/**
 * The bytes of a text whose characters are all below U+0100, one byte a character.
 * It allocates: for constants and cold paths.
 */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** The UTF-8 bytes of a text, in memory of their own. It allocates. */
export function utf8Bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The range as a text with one character a byte, which loses nothing. It allocates: for cold paths. */
export function latin1Of(buffer: Uint8Array, offset: number, length: number): string {
  return Buffer.from(buffer.buffer, buffer.byteOffset + offset, length).toString('latin1')
}

/** The range decoded as UTF-8; malformed sequences become U+FFFD. It allocates: for logs and configuration. */
export function utf8Of(buffer: Uint8Array, offset: number, length: number): string {
  return Buffer.from(buffer.buffer, buffer.byteOffset + offset, length).toString('utf8')
}

/**
 * Writes a text whose characters are all below U+0100, one byte a character, and returns the number of bytes written.
 * The caller guarantees the room.
 */
export function writeAscii(buffer: Uint8Array, offset: number, text: string): number {
  for (let i = 0; i < text.length; i++) buffer[offset + i] = text.charCodeAt(i)
  return text.length
}

/**
 * Copies bytes to the beginning of word `at` of `words`, by whole words. What stands behind the last byte in its word is
 * undefined afterwards. For machines that store the low byte first, which is all that Node.js runs on but one.
 */
export function copyToWords(from: Uint8Array, fromOffset: number, words: Int32Array, at: number, length: number): void {
  const end = fromOffset + length
  const lastGroup = end - 3
  let source = fromOffset
  let target = at
  while (source < lastGroup) {
    words[target++] = from[source]! | (from[source + 1]! << 8) | (from[source + 2]! << 16) | (from[source + 3]! << 24)
    source += 4
  }
  let word = 0
  for (let shift = 0; source < end; shift += 8) word |= from[source++]! << shift
  if ((length & 3) !== 0) words[target] = word
}

/** A copy of a range. (`slice` would do for a Uint8Array, but on a Buffer it makes a view of the same memory.) */
export function copyOf(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  copy.set(buffer.subarray(offset, offset + length))
  return copy
}

/** The parts one behind the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
