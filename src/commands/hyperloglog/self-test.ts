/**
 * The test that PFSELFTEST runs: do registers keep what is written to them, do both forms agree, and are estimates as good as
 * theory says.
 *
 * Runs on the main thread, on a keyspace of its own that is dropped afterwards. Redis adds ten million elements and fills the
 * registers a thousand times; here it is less, so that clients wait for some 100 ms at most.
 */
import type { Prng } from '../../base/prng.js'
import type { Database } from '../../store/database.js'
import { estimateCardinality } from '../../store/hyperloglog/cardinality.js'
import { denseRegister, setDenseRegister } from '../../store/hyperloglog/dense.js'
import { addElement, mergeRegisters } from '../../store/hyperloglog/hyperloglog.js'
import {
  EMPTY_BYTES,
  encodingOf,
  HEADER_BYTES,
  HllEncoding,
  REGISTERS,
  writeEmpty,
} from '../../store/hyperloglog/layout.js'
import { toDense } from '../../store/hyperloglog/sparse.js'
import { Keyspace } from '../../store/keyspace.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../store/value-type.js'

const REGISTER_ROUNDS = 20
const ELEMENTS = 100_000
const ELEMENT_BYTES = 8
const ARENA_CHUNK_BYTES = 1024 * 1024

/** The standard error of an estimate, relative to it. */
const STANDARD_ERROR = 1.04 / Math.sqrt(REGISTERS)
/** So many standard errors off is as good as impossible. */
const ERRORS_MAX = 6

/** @returns what is wrong, or undefined when all is well */
export function failureOfSelfTest(prng: Prng, sparseBytesMax: number): string | undefined {
  const keyspace = new Keyspace({
    databases: 2,
    hashSeed: [prng.nextUint32(), prng.nextUint32()],
    randomSeed: prng.nextUint32(),
    arenaChunkBytes: ARENA_CHUNK_BYTES,
  })
  const sparse = keyspace.database(0)
  const dense = keyspace.database(1)
  makeEmpty(sparse)
  makeEmpty(dense)
  toDense(dense)
  return failureOfRegisters(dense, prng) ?? failureOfEstimates(sparse, dense, prng, sparseBytesMax)
}

function makeEmpty(db: Database): void {
  db.create(new Uint8Array(0), 0, 0, ValueType.string, Encoding.raw, EMPTY_BYTES, NO_EXPIRY)
  writeEmpty(db)
}

function failureOfRegisters(dense: Database, prng: Prng): string | undefined {
  const expected = new Uint8Array(REGISTERS)
  const start = dense.valueOffset + HEADER_BYTES
  for (let round = 0; round < REGISTER_ROUNDS; round++) {
    for (let i = 0; i < REGISTERS; i++) {
      expected[i] = prng.below(64)
      setDenseRegister(dense.bytes, start, i, expected[i] as number)
    }
    for (let i = 0; i < REGISTERS; i++) {
      const value = denseRegister(dense.bytes, start, i)
      if (value !== expected[i]) return `Register ${i} should be ${expected[i]} but is ${value}`
    }
  }
  for (let i = 0; i < REGISTERS; i++) setDenseRegister(dense.bytes, start, i, 0)
  return undefined
}

function failureOfEstimates(sparse: Database, dense: Database, prng: Prng, sparseBytesMax: number): string | undefined {
  const element = new Uint8Array(ELEMENT_BYTES)
  const elementWords = new Uint32Array(element.buffer)
  const seed = prng.nextUint32()
  elementWords[1] = prng.nextUint32()
  let checkpoint = 1
  for (let count = 1; count <= ELEMENTS; count++) {
    elementWords[0] = count ^ seed
    addElement(dense, element, 0, ELEMENT_BYTES, sparseBytesMax)
    addElement(sparse, element, 0, ELEMENT_BYTES, sparseBytesMax)
    if (count !== checkpoint) continue
    if (count < sparseBytesMax / 2 && encodingOf(sparse) !== HllEncoding.sparse) return 'sparse encoding not used'
    const estimate = estimateOf(dense)
    if (estimateOf(sparse) !== estimate) return 'dense/sparse disagree'
    const error = Math.abs(count - estimate)
    // Two of ten elements that share a register are not that rare.
    const errorMax = count === 10 ? 1 : Math.ceil(STANDARD_ERROR * ERRORS_MAX * count)
    if (error > errorMax) return `Too big error. card:${count} abserr:${error}`
    checkpoint *= 10
  }
  return undefined
}

function estimateOf(db: Database): number {
  const registers = new Uint8Array(REGISTERS)
  mergeRegisters(db, registers)
  return estimateCardinality(registers)
}
