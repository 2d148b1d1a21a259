/**
 * The options of SORT and SORT_RO.
 *
 * Used on both threads: the shard that sorts needs all of them, and the main thread must know which keys a call reads or
 * writes, and whether its patterns make it read keys that no argument names.
 */

import { parseInt64 } from '../../base/integer.js'
import { errors } from '../../resp/errors.js'
import type { Reach } from '../spec.js'
import { SortPattern } from './sort-pattern.js'

/** The arguments of a command, as both threads have them. */
export interface Arguments {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
}

export interface SortOptions {
  readonly alpha: boolean
  readonly descending: boolean
  /** LIMIT's numbers, brought into the range of doubles; -1 elements stand for all. */
  readonly limitStart: number
  readonly limitCount: number
  /** Nothing is sorted: one of the BY patterns names no key. As in Redis it may be any of them. */
  readonly isUnsorted: boolean
  /** What to sort by in place of the element; of several the last. */
  readonly by: SortPattern | undefined
  readonly gets: readonly SortPattern[]
  /** The argument that names where the result is stored, or -1. */
  readonly storeArgument: number
}

/** The position of the options, behind the name and the key. */
const OPTIONS_FROM = 2

const LIMIT_MAX = BigInt(Number.MAX_SAFE_INTEGER)

function isWord({ bytes, offsets, lengths }: Arguments, i: number, word: string): boolean {
  if (lengths[i] !== word.length) return false
  const offset = offsets[i] as number
  for (let k = 0; k < word.length; k++) if (((bytes[offset + k] as number) | 0x20) !== word.charCodeAt(k)) return false
  return true
}

function patternAt({ bytes, offsets, lengths }: Arguments, i: number): SortPattern {
  return new SortPattern(bytes, offsets[i] as number, lengths[i] as number)
}

function limitAt({ bytes, offsets, lengths }: Arguments, i: number): number | undefined {
  const value = parseInt64(bytes, offsets[i] as number, lengths[i] as number)
  if (value === undefined) return undefined
  return Number(value > LIMIT_MAX ? LIMIT_MAX : value < -LIMIT_MAX ? -LIMIT_MAX : value)
}

/** @returns the options, or the error that the client gets */
export function parseSortOptions(call: Arguments, argc: number, mayStore: boolean): SortOptions | Uint8Array {
  let alpha = false
  let descending = false
  let limitStart = 0
  let limitCount = -1
  let isUnsorted = false
  let by: SortPattern | undefined
  const gets: SortPattern[] = []
  let storeArgument = -1
  for (let i = OPTIONS_FROM; i < argc; i++) {
    const left = argc - i - 1
    if (isWord(call, i, 'asc')) {
      descending = false
    } else if (isWord(call, i, 'desc')) {
      descending = true
    } else if (isWord(call, i, 'alpha')) {
      alpha = true
    } else if (isWord(call, i, 'limit') && left >= 2) {
      const start = limitAt(call, ++i)
      const count = limitAt(call, ++i)
      if (start === undefined || count === undefined) return errors.notAnInteger
      limitStart = start
      limitCount = count
    } else if (mayStore && isWord(call, i, 'store') && left >= 1) {
      storeArgument = ++i
    } else if (isWord(call, i, 'by') && left >= 1) {
      by = patternAt(call, ++i)
      if (!by.namesKeys) isUnsorted = true
    } else if (isWord(call, i, 'get') && left >= 1) {
      gets.push(patternAt(call, ++i))
    } else {
      return errors.syntax
    }
  }
  return { alpha, descending, limitStart, limitCount, isUnsorted, by, gets, storeArgument }
}

/** A call with BY or GET reads keys that its elements name: whichever those are, they may be on any shard. */
export function reachOfSort(bytes: Uint8Array, offsets: Int32Array, lengths: Int32Array, argc: number): Reach {
  const options = parseSortOptions({ bytes, offsets, lengths }, argc, true)
  if (options instanceof Uint8Array) return 'keys'
  const patterns = options.isUnsorted || options.by === undefined ? options.gets : [options.by, ...options.gets]
  return patterns.some((pattern) => pattern.namesKeys) ? 'keyspace' : 'keys'
}

/** Appends the positions of the key and of STORE's destination, of several the last, also where other options are wrong. */
export function findSortKeys(
  bytes: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  argc: number,
  into: number[],
): void {
  const call = { bytes, offsets, lengths }
  let destination = -1
  for (let i = OPTIONS_FROM; i < argc; i++) {
    if (isWord(call, i, 'limit')) i += 2
    else if (isWord(call, i, 'get') || isWord(call, i, 'by')) i++
    else if (isWord(call, i, 'store') && i + 1 < argc) destination = i + 1
  }
  into.push(1)
  if (destination >= 0) into.push(destination)
}

/** The range of a sorted collection that LIMIT leaves: from `start` up to and with `end`, empty when `end < start`. */
export function limitedRange({ limitStart, limitCount }: SortOptions, size: number): { start: number; end: number } {
  const start = Math.min(Math.max(limitStart, 0), size)
  if (start >= size) return { start: 0, end: -1 }
  const count = Math.min(Math.max(limitCount, -1), size)
  const end = count < 0 ? size - 1 : Math.min(start + count, size) - 1
  return { start, end }
}
