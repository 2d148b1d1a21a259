/**
 * The sparse form of a HyperLogLog: a row of opcodes, each for one or more registers of the same value (see layout.ts).
 *
 * Used by the thread that owns the arena; works on the string in hand. Invariant: a change leaves exactly the opcodes that
 * Redis would leave, since values are compared and copied as bytes. What was not made here may be corrupt: nothing is read
 * behind the string's end, and opcodes for more or fewer than 16384 registers are told to the caller.
 *
 * Algorithm: hllSparseSet in Redis's hyperloglog.c.
 */
import type { Database } from '../database.js'
import { raiseDenseRegister, setDenseRegister } from './dense.js'
import { DENSE_BYTES, HEADER_BYTES, HllEncoding, markStale, REGISTERS, setEncoding } from './layout.js'

/** What became of a register; `corrupt` when the string is no valid HyperLogLog. */
export const RegisterChange = { corrupt: -1, none: 0, raised: 1 } as const

const VALUE_BIT = 0x80
const LONG_ZEROS_BIT = 0x40

const VALUE_MAX = 32
const VALUE_RUN_MAX = 4
const SHORT_ZEROS_MAX = 64

/** After a change so many opcodes are looked at for neighbours that can be one. */
const MERGE_OPCODES_MAX = 5

/** Opcodes that take the place of one. */
const sequence = new Uint8Array(5)
let sequenceLength = 0

/** All registers, while the form changes. */
const registers = new Uint8Array(REGISTERS)

function isValue(opcode: number): boolean {
  return (opcode & VALUE_BIT) !== 0
}

function isLongZeros(opcode: number): boolean {
  return (opcode & (VALUE_BIT | LONG_ZEROS_BIT)) === LONG_ZEROS_BIT
}

function opcodeValue(opcode: number): number {
  return ((opcode >>> 2) & 31) + 1
}

function valueRun(opcode: number): number {
  return (opcode & 3) + 1
}

/**
 * How many registers each opcode of one byte stands for; 0 for those of two bytes. Opcodes come in no order that a processor
 * could foresee, so that a table is twice as fast as to tell them apart.
 */
const SHORT_RUNS = Uint8Array.from({ length: 256 }, (_, opcode) => {
  if (isLongZeros(opcode)) return 0
  return isValue(opcode) ? valueRun(opcode) : opcode + 1
})

/** How many registers the opcode at `at` stands for. A second byte that is cut off counts as zero. */
function runAt(bytes: Uint8Array, at: number, end: number): number {
  const opcode = bytes[at]!
  const run = SHORT_RUNS[opcode]!
  return run !== 0 ? run : (((opcode & 63) << 8) | (at + 1 < end ? bytes[at + 1]! : 0)) + 1
}

function valueOpcode(value: number, run: number): number {
  return VALUE_BIT | ((value - 1) << 2) | (run - 1)
}

/**
 * Writes all registers to `into`, one a byte, where they are higher than what is there.
 * @returns false when the opcodes are not those of 16384 registers
 */
export function mergeSparse(db: Database, into: Uint8Array): boolean {
  const { bytes } = db
  const end = db.valueOffset + db.valueLength
  let index = 0
  for (let at = db.valueOffset + HEADER_BYTES; at < end; ) {
    const opcode = bytes[at]!
    const run = runAt(bytes, at, end)
    if (index + run > REGISTERS) return false
    if (isValue(opcode)) {
      const value = opcodeValue(opcode)
      for (let i = index; i < index + run; i++) if (value > into[i]!) into[i] = value
    }
    index += run
    at += isLongZeros(opcode) ? 2 : 1
  }
  return index === REGISTERS
}

/**
 * Turns the string in hand into a dense HyperLogLog. The record may move.
 * @returns false, with nothing changed, when it is corrupt
 * @throws ArenaFullError
 */
export function toDense(db: Database): boolean {
  registers.fill(0)
  if (!mergeSparse(db, registers)) return false
  db.spliceValue(HEADER_BYTES, db.valueLength - HEADER_BYTES, DENSE_BYTES - HEADER_BYTES)
  const start = db.valueOffset + HEADER_BYTES
  db.bytes.fill(0, start, db.valueOffset + DENSE_BYTES)
  for (let i = 0; i < REGISTERS; i++) if (registers[i] !== 0) setDenseRegister(db.bytes, start, i, registers[i]!)
  setEncoding(db, HllEncoding.dense)
  return true
}

/**
 * Raises a register to `value`, and turns the string into a dense one when it cannot hold that or would be longer than
 * `bytesMax`. The record may move.
 * @returns one of `RegisterChange`
 * @throws ArenaFullError
 */
export function raiseSparseRegister(db: Database, index: number, value: number, bytesMax: number): number {
  if (value > VALUE_MAX) return raiseDensely(db, index, value)
  const { bytes } = db
  const end = db.valueOffset + db.valueLength
  let at = db.valueOffset + HEADER_BYTES
  let previous = at
  let first = 0
  let run = 0
  while (at < end) {
    let opcodeBytes = 1
    run = SHORT_RUNS[bytes[at]!]!
    if (run === 0) {
      run = runAt(bytes, at, end)
      opcodeBytes = 2
    }
    if (index < first + run) break
    previous = at
    at += opcodeBytes
    first += run
  }
  if (run === 0 || at >= end) return RegisterChange.corrupt

  const opcode = bytes[at]!
  if (isValue(opcode) && opcodeValue(opcode) >= value) return RegisterChange.none
  if (run === 1 && !isLongZeros(opcode)) {
    bytes[at] = valueOpcode(value, 1)
  } else {
    splitRun(opcode, index - first, value, first + run - 1 - index)
    const removed = Math.min(isLongZeros(opcode) ? 2 : 1, end - at)
    const growth = sequenceLength - removed
    if (growth > 0 && db.valueLength + growth > bytesMax) return raiseDensely(db, index, value)
    const position = at - db.valueOffset
    previous -= db.valueOffset
    if (growth !== 0) db.spliceValue(position, removed, sequenceLength)
    for (let i = 0; i < sequenceLength; i++) db.bytes[db.valueOffset + position + i] = sequence[i]!
    previous += db.valueOffset
  }
  mergeNeighbours(db, previous)
  // Here and not only when all elements are added: one of the others may lead to where the string is corrupt.
  markStale(db)
  return RegisterChange.raised
}

function raiseDensely(db: Database, index: number, value: number): number {
  if (!toDense(db)) return RegisterChange.corrupt
  raiseDenseRegister(db.bytes, db.valueOffset + HEADER_BYTES, index, value)
  return RegisterChange.raised
}

/** Fills `sequence` with `before` registers as in `opcode`, one of `value`, and `after` registers as in `opcode`. */
function splitRun(opcode: number, before: number, value: number, after: number): void {
  sequenceLength = 0
  if (before > 0) appendRun(opcode, before)
  sequence[sequenceLength++] = valueOpcode(value, 1)
  if (after > 0) appendRun(opcode, after)
}

function appendRun(opcode: number, run: number): void {
  if (isValue(opcode)) {
    sequence[sequenceLength++] = valueOpcode(opcodeValue(opcode), run)
  } else if (run <= SHORT_ZEROS_MAX) {
    sequence[sequenceLength++] = run - 1
  } else {
    sequence[sequenceLength++] = LONG_ZEROS_BIT | ((run - 1) >>> 8)
    sequence[sequenceLength++] = (run - 1) & 0xff
  }
}

/** Makes one of neighbours of the same value, where one opcode can hold them, from the opcode at byte `from` on. */
function mergeNeighbours(db: Database, from: number): void {
  let at = from - db.valueOffset
  for (let looked = 0; looked < MERGE_OPCODES_MAX && at < db.valueLength; looked++) {
    const opcode = db.bytes[db.valueOffset + at]!
    if (isLongZeros(opcode)) {
      at += 2
      continue
    }
    if (isValue(opcode) && at + 1 < db.valueLength) {
      const next = db.bytes[db.valueOffset + at + 1]!
      const run = valueRun(opcode) + valueRun(next)
      if (isValue(next) && opcodeValue(next) === opcodeValue(opcode) && run <= VALUE_RUN_MAX) {
        db.bytes[db.valueOffset + at + 1] = valueOpcode(opcodeValue(opcode), run)
        db.spliceValue(at, 1, 0)
        // The merged one may go together with the next as well.
        continue
      }
    }
    at++
  }
}

/** The opcodes in words, as PFDEBUG DECODE tells them: `Z:` and `z:` for zeros, `v:value,run` for others. */
export function describeSparse(db: Database): string {
  const { bytes } = db
  const end = db.valueOffset + db.valueLength
  const words: string[] = []
  for (let at = db.valueOffset + HEADER_BYTES; at < end; ) {
    const opcode = bytes[at]!
    const run = runAt(bytes, at, end)
    if (isValue(opcode)) words.push(`v:${opcodeValue(opcode)},${run}`)
    else words.push(`${isLongZeros(opcode) ? 'Z' : 'z'}:${run}`)
    at += isLongZeros(opcode) ? 2 : 1
  }
  return words.join(' ')
}
