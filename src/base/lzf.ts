/**
 * LZF, the compression of strings in RDB files: fast, and good enough for text and repeated bytes.
 *
 * Runs on every thread. The format is that of liblzf (http://oldhome.schmorp.de/marc/liblzf.html); a stream is a row of
 *
 *   000LLLLL                      L + 1 bytes (1 to 32) follow as they are
 *   LLLooooo oooooooo             a copy of L + 2 bytes (3 to 8) from o + 1 bytes back in the output
 *   111ooooo LLLLLLLL oooooooo    a copy of L + 9 bytes (9 to 264)
 *
 * Invariant: `lzfDecompress` reads and writes nothing outside of the ranges that it is given, whatever the input says.
 */

const LITERALS_MAX = 32
const COPY_BYTES_MIN = 3
const COPY_BYTES_MAX = 264
const SHORT_COPY_BYTES_MAX = 8
const DISTANCE_MAX = 8192

const HASH_BITS = 14

/** The position after which places of earlier inputs are forgotten, long before an int32 ends. */
const EPOCH_MAX = 1 << 30

/**
 * For the hash of three bytes, where in the input they stood last, plus `epoch`. Inputs take consecutive epochs, so that
 * the table need not be emptied between them: a place below the present epoch belongs to an earlier input.
 */
const places = new Int32Array(1 << HASH_BITS)
let epoch = 1

/**
 * Compresses a range into `to`, from `toOffset` on.
 * @param toEnd where the output must end at the latest
 * @returns how many bytes were written, 0 when they would not fit: the input is not worth compressing then
 */
export function lzfCompress(
  from: Uint8Array,
  fromOffset: number,
  length: number,
  to: Uint8Array,
  toOffset: number,
  toEnd: number,
): number {
  if (epoch > EPOCH_MAX - length) {
    places.fill(0)
    epoch = 1
  }
  const toPlace = epoch - fromOffset
  // At once, because there is more than one way out.
  epoch += length
  const end = fromOffset + length
  const lastStart = end - COPY_BYTES_MIN
  let at = fromOffset
  let literalsFrom = fromOffset
  let out = toOffset
  while (at <= lastStart) {
    const hash = hashAt(from, at)
    const earlier = places[hash]! - toPlace
    places[hash] = at + toPlace
    if (
      earlier < fromOffset ||
      at - earlier > DISTANCE_MAX ||
      from[earlier] !== from[at] ||
      from[earlier + 1] !== from[at + 1] ||
      from[earlier + 2] !== from[at + 2]
    ) {
      at++
      continue
    }
    let copied = COPY_BYTES_MIN
    const copiedMax = Math.min(COPY_BYTES_MAX, end - at)
    while (copied < copiedMax && from[earlier + copied] === from[at + copied]) copied++

    out = writeLiterals(from, literalsFrom, at - literalsFrom, to, out, toEnd)
    if (out < 0 || out + 3 > toEnd) return 0
    const distance = at - earlier - 1
    if (copied <= SHORT_COPY_BYTES_MAX) {
      to[out++] = ((copied - 2) << 5) | (distance >>> 8)
    } else {
      to[out++] = (7 << 5) | (distance >>> 8)
      to[out++] = copied - 9
    }
    to[out++] = distance & 0xff
    at += copied
    literalsFrom = at
    // Of the places inside a copy only the last two are worth finding again.
    if (at <= lastStart) {
      places[hashAt(from, at - 2)] = at - 2 + toPlace
      places[hashAt(from, at - 1)] = at - 1 + toPlace
    }
  }
  out = writeLiterals(from, literalsFrom, end - literalsFrom, to, out, toEnd)
  return out < 0 ? 0 : out - toOffset
}

/** The hash of three bytes. */
function hashAt(bytes: Uint8Array, at: number): number {
  const triple = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  return Math.imul(triple, 0x9e3779b1) >>> (32 - HASH_BITS)
}

/** Writes bytes that are no copy of earlier ones, in runs. @returns where the output goes on, -1 if it does not fit */
function writeLiterals(
  from: Uint8Array,
  fromOffset: number,
  length: number,
  to: Uint8Array,
  toOffset: number,
  toEnd: number,
): number {
  const runs = Math.ceil(length / LITERALS_MAX)
  if (toOffset + runs + length > toEnd) return -1
  let at = fromOffset
  let out = toOffset
  const end = fromOffset + length
  while (at < end) {
    const run = Math.min(LITERALS_MAX, end - at)
    to[out++] = run - 1
    for (let i = 0; i < run; i++) to[out++] = from[at++]!
  }
  return out
}

/**
 * Decompresses a range into `to`, from `toOffset` on.
 * @param length how many bytes the output must have
 * @returns false when the input is malformed or gives another number of bytes; the output is undefined then
 */
export function lzfDecompress(
  from: Uint8Array,
  fromOffset: number,
  fromLength: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): boolean {
  const fromEnd = fromOffset + fromLength
  const toEnd = toOffset + length
  let at = fromOffset
  let out = toOffset
  while (at < fromEnd) {
    const control = from[at++]!
    if (control < LITERALS_MAX) {
      const run = control + 1
      if (at + run > fromEnd || out + run > toEnd) return false
      for (let i = 0; i < run; i++) to[out++] = from[at++]!
      continue
    }
    let copied = (control >>> 5) + 2
    if (copied === 9) {
      if (at >= fromEnd) return false
      copied += from[at++]!
    }
    if (at >= fromEnd) return false
    let source = out - (((control & 0x1f) << 8) | from[at++]!) - 1
    if (source < toOffset || out + copied > toEnd) return false
    // Byte by byte: a copy may reach into what it writes, which is how runs are kept.
    for (let i = 0; i < copied; i++) to[out++] = to[source++]!
  }
  return out === toEnd
}
