/**
 * Memory for Lua's objects, as code inside of the interpreter: it takes the place of the function that Lua calls for all its
 * memory, `lua_Alloc` (https://www.lua.org/manual/5.1/manual.html#lua_Alloc).
 *
 * Lua says how large the block is that it gives back, so that blocks need no headers, and scripts ask for few sizes again and
 * again. Blocks of up to 512 bytes are rounded up to 8 and come from a list of free ones of that size, linked through their
 * first words; where the list is empty, from the run in hand. Larger ones, and runs, are the C library's, which takes some
 * three times as long for each. A block stays one of its size: runs of which nothing is in use go back to the C library
 * when memory has run out (`giveBackRuns`).
 *
 *   address 628   the run that was begun last, which begins with the address of the one before
 *           632   where the rest of that run begins
 *           636   where it ends
 *           640   the first free block of 0 bytes (none), 8, 16 ... 512
 *
 * Invariant: no address below 1024 is used by the binary, and memory begins as zeroes.
 */
import {
  and,
  call,
  constant,
  copy,
  difference,
  equal,
  functionBody,
  isBelow,
  isZero,
  load,
  local,
  oneOf,
  returned,
  setLocal,
  shiftedRight,
  store,
  sum,
  type WasmCode,
  when,
} from './wasm-code.js'

const LAST_RUN_ADDRESS = 628
const REST_ADDRESS = 632
const REST_END_ADDRESS = 636
const LISTS_ADDRESS = 640
const BLOCK_BYTES_MAX = 512
const RUN_SHIFT = 14
const RUN_TOTAL_BYTES = 1 << RUN_SHIFT
/** The address of the run before, and nothing: blocks stand at multiples of 8. */
const RUN_HEADER_BYTES = 8

const LAST_RUN = constant(LAST_RUN_ADDRESS)
const REST = constant(REST_ADDRESS)
const REST_END = constant(REST_END_ADDRESS)
const LISTS = constant(LISTS_ADDRESS)
const SMALL_BYTES_MAX = constant(BLOCK_BYTES_MAX)
const RUN_BYTES = constant(RUN_TOTAL_BYTES)
const RUN_HEADER = constant(RUN_HEADER_BYTES)
const ROUNDING = constant(7)
const ROUNDED = constant(-8)
const ONE = constant(1)
const ZERO = constant(0)

// What Lua gives, behind a pointer that nobody uses. No block has no bytes.
const BLOCK = local(1)
const BYTES = local(2)
const BYTES_WANTED = local(3)
const NEW = 4
const NEW_BLOCK = local(NEW)
const WANTED = 5
const ROUNDED_WANTED = local(WANTED)

/** From 1 to 512. */
const isSmall = (bytes: WasmCode): WasmCode => isBelow(difference(bytes, ONE), SMALL_BYTES_MAX)
const roundedUp = (bytes: WasmCode): WasmCode => and(sum(bytes, ROUNDING), ROUNDED)
/** Four bytes for each eight. */
const listOf = (rounded: WasmCode): WasmCode => sum(LISTS, shiftedRight(rounded, 1))

const push = (block: WasmCode, list: WasmCode): WasmCode => [...store(block, load(list)), ...store(list, block)]

/** The numbers of the C library's functions in the binary. */
export interface CLibrary {
  readonly malloc: number
  readonly realloc: number
  readonly free: number
}

/** The function's code: (void *, void *block, size_t bytes, size_t bytesWanted) -> void *. */
export function allocatorBody({ malloc, realloc, free }: CLibrary): Uint8Array {
  const restBytes = difference(load(REST_END), load(REST))
  const beginRun = [
    // What is left of the last one is a block of another size.
    when(restBytes, [push(load(REST), listOf(restBytes))]),
    store(REST, ZERO),
    store(REST_END, ZERO),
    setLocal(NEW, call(malloc, RUN_BYTES)),
    when(NEW_BLOCK, [
      ...[store(NEW_BLOCK, load(LAST_RUN)), store(LAST_RUN, NEW_BLOCK)],
      ...[store(REST, sum(NEW_BLOCK, RUN_HEADER)), store(REST_END, sum(NEW_BLOCK, RUN_BYTES))],
    ]),
  ]
  const takeOfRun = [
    when(isBelow(restBytes, ROUNDED_WANTED), beginRun),
    setLocal(NEW, load(REST)),
    when(NEW_BLOCK, [store(REST, sum(NEW_BLOCK, ROUNDED_WANTED))]),
  ]
  const takeSmall = [
    setLocal(WANTED, roundedUp(BYTES_WANTED)),
    setLocal(NEW, load(listOf(ROUNDED_WANTED))),
    when(NEW_BLOCK, [store(listOf(ROUNDED_WANTED), load(NEW_BLOCK))], takeOfRun),
  ]
  const takeLarge = [
    when(isBelow(SMALL_BYTES_MAX, BYTES), [returned(call(realloc, BLOCK, BYTES_WANTED))]),
    setLocal(NEW, call(malloc, BYTES_WANTED)),
  ]
  // Lua counts on it that a block can be made smaller.
  const withoutMemory = returned(oneOf(isBelow(BYTES, BYTES_WANTED), ZERO, BLOCK))
  const bytesKept = oneOf(isBelow(BYTES, BYTES_WANTED), BYTES, BYTES_WANTED)
  return functionBody(
    2,
    when(and(isSmall(BYTES), isSmall(BYTES_WANTED)), [
      when(equal(roundedUp(BYTES), roundedUp(BYTES_WANTED)), [returned(BLOCK)]),
    ]),
    when(BYTES_WANTED, [
      when(isSmall(BYTES_WANTED), takeSmall, takeLarge),
      when(isZero(NEW_BLOCK), [withoutMemory]),
      when(BLOCK, [copy(NEW_BLOCK, BLOCK, bytesKept)]),
    ]),
    when(BLOCK, [when(isSmall(BYTES), [push(BLOCK, listOf(roundedUp(BYTES)))], [call(free, BLOCK)])]),
    NEW_BLOCK,
  )
}

/**
 * Gives the runs of which nothing is in use back to the C library, which can make blocks of any size of them. Takes a while
 * for each free block: for an interpreter whose memory was full.
 * @param words the interpreter's memory
 */
export function giveBackRuns(words: Int32Array, free: (address: number) => void): void {
  const runs = new FreeRuns(words)
  for (let bytes = 8; bytes <= BLOCK_BYTES_MAX; bytes += 8) {
    for (let block = words[listWord(bytes)]!; block !== 0; block = words[block >> 2]!) runs.add(block, bytes)
  }
  const rest = words[REST_ADDRESS >> 2]!
  runs.add(rest, words[REST_END_ADDRESS >> 2]! - rest)
  if (runs.isFree(rest)) {
    words[REST_ADDRESS >> 2] = 0
    words[REST_END_ADDRESS >> 2] = 0
  }
  for (let bytes = 8; bytes <= BLOCK_BYTES_MAX; bytes += 8) {
    let last = listWord(bytes)
    for (let block = words[last]!; block !== 0; block = words[block >> 2]!) {
      if (runs.isFree(block)) continue
      words[last] = block
      last = block >> 2
    }
    words[last] = 0
  }
  let last = LAST_RUN_ADDRESS >> 2
  for (let run = words[last]!; run !== 0; ) {
    const before = words[run >> 2]!
    if (runs.isFree(run)) {
      free(run)
    } else {
      words[last] = run
      last = run >> 2
    }
    run = before
  }
  words[last] = 0
}

const listWord = (bytes: number): number => (LISTS_ADDRESS + (bytes >> 1)) >> 2

/** How much of each run is free. No two begin within the length of one, so that where one begins tells which it is. */
class FreeRuns {
  readonly #starts: Int32Array
  readonly #freeBytes: Int32Array

  constructor(words: Int32Array) {
    this.#starts = new Int32Array((words.byteLength >> RUN_SHIFT) + 1)
    this.#freeBytes = new Int32Array(this.#starts.length)
    for (let run = words[LAST_RUN_ADDRESS >> 2]!; run !== 0; run = words[run >> 2]!)
      this.#starts[run >> RUN_SHIFT] = run
  }

  /** What lies in no run, a block that was large once, counts for index 0. */
  add(address: number, bytes: number): void {
    this.#freeBytes[this.#indexOf(address)] += bytes
  }

  isFree(address: number): boolean {
    const index = this.#indexOf(address)
    return index !== 0 && this.#freeBytes[index] === RUN_TOTAL_BYTES - RUN_HEADER_BYTES
  }

  /** 0 where it lies in none: no run begins so low. */
  #indexOf(address: number): number {
    let index = address >> RUN_SHIFT
    if (this.#starts[index] === 0 || address < this.#starts[index]!) index--
    const start = this.#starts[index] ?? 0
    return start !== 0 && address < start + RUN_TOTAL_BYTES ? index : 0
  }
}
