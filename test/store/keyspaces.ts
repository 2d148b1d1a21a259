/** What the tests of the store share: keyspaces with small chunks, and byte ranges that lie anywhere. */
import type { Database } from '../../src/store/database.js'
import { Keyspace } from '../../src/store/keyspace.js'

export const START_MS = 1_700_000_000_000

export function makeKeyspace(randomSeed = 1, arenaChunksMax = 1024): Keyspace {
  const keyspace = new Keyspace({
    databases: 3,
    hashSeed: [0x0f0e0d0c, 0x7b6a5948],
    randomSeed,
    arenaChunkBytes: 256 * 1024,
    arenaChunksMax,
  })
  keyspace.nowMs = START_MS
  return keyspace
}

/** A byte range inside a larger buffer, at any alignment, on ordinary or shared memory. */
export interface Range {
  readonly buffer: Uint8Array
  readonly offset: number
  readonly length: number
}

export function rangeOf(bytes: Uint8Array, offset: number, shared: boolean): Range {
  const length = offset + bytes.length + 9
  const buffer = new Uint8Array(shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length)).fill(0xa5)
  buffer.set(bytes, offset)
  return { buffer, offset, length: bytes.length }
}

const encoder = new TextEncoder()

export function textRange(text: string): Range {
  const buffer = encoder.encode(text)
  return { buffer, offset: 0, length: buffer.length }
}

export function keyTextOf(db: Database): string {
  return Buffer.from(db.bytes.subarray(db.keyOffset, db.keyOffset + db.keyLength)).toString('latin1')
}

export function valueTextOf(db: Database): string {
  return Buffer.from(db.bytes.subarray(db.valueOffset, db.valueOffset + db.valueLength)).toString('latin1')
}

export function setText(db: Database, key: string, value: string, expireAtMs: number): void {
  const k = textRange(key)
  const v = textRange(value)
  db.setString(k.buffer, k.offset, k.length, v.buffer, v.offset, v.length, 0, expireAtMs)
}

export function findText(db: Database, key: string): boolean {
  const { buffer, offset, length } = textRange(key)
  return db.find(buffer, offset, length)
}

export function peekText(db: Database, key: string): boolean {
  const { buffer, offset, length } = textRange(key)
  return db.peek(buffer, offset, length)
}

/** What MEMORY USAGE says of all keys together. */
export function memoryUsageOfAll(db: Database): number {
  let sum = 0
  const add = (at: Database): boolean => {
    sum += at.memoryUsage()
    return true
  }
  db.forEach(add)
  return sum
}
