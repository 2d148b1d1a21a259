/**
 * The arguments of a request as they stand in a frame (see frames.ts): each a length word, its bytes, padding to a word.
 * Argument 0, the command's name, does not travel. Both threads.
 */
import { copyBytes } from '../base/bytes.js'

/** Bytes that arguments 1 to `argc - 1` take. */
export function argumentBytes(lengths: Int32Array, argc: number): number {
  let length = 0
  for (let i = 1; i < argc; i++) length += 4 + (((lengths[i] as number) + 3) & ~3)
  return length
}

/** Writes arguments 1 to `argc - 1` to `at`, a multiple of 4, of a buffer that `words` and `target` are views of. */
export function writeArguments(
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  words: Int32Array,
  target: Uint8Array,
  at: number,
): void {
  let to = at
  for (let i = 1; i < argc; i++) {
    const length = lengths[i] as number
    words[to >> 2] = length
    copyBytes(bytes, offsets[i] as number, target, to + 4, length)
    to += 4 + ((length + 3) & ~3)
  }
}

/** Finds arguments 1 to `argc - 1`, which stand from byte `at` of `words` on; returns where they end. */
export function readArguments(
  words: Int32Array,
  at: number,
  argc: number,
  offsets: Int32Array,
  lengths: Int32Array,
): number {
  let from = at
  for (let i = 1; i < argc; i++) {
    const length = words[from >> 2] as number
    offsets[i] = from + 4
    lengths[i] = length
    from += 4 + ((length + 3) & ~3)
  }
  return from
}
