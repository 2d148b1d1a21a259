import { describe, expect, test } from 'vitest'
import { copyBytes } from '../../src/base/bytes.js'
import { Keyspace } from '../../src/store/keyspace.js'
import { NO_EXPIRY, ValueType } from '../../src/store/value-type.js'
import { findText, memoryUsageOfAll, setText, valueTextOf } from './keyspaces.js'

const MIB = 1024 * 1024

function keyspaceOfRealSize(): Keyspace {
  const keyspace = new Keyspace({ databases: 2, hashSeed: [1, 2], randomSeed: 1 })
  keyspace.nowMs = 1_700_000_000_000
  return keyspace
}

function residentBytes(): number {
  return process.memoryUsage.rss()
}

describe('memory', () => {
  test('two million keys of 16 bytes with 32-byte values need at most 72 bytes each', () => {
    const count = 2_000_000
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    const request = new Uint8Array(48).fill(0x30)
    const before = residentBytes()
    for (let i = 0; i < count; i++) {
      let rest = i
      for (let at = 15; at > 8; at--) {
        request[at] = 0x30 + (rest % 10)
        rest = Math.floor(rest / 10)
      }
      db.setString(request, 0, 16, request, 16, 32, 0, NO_EXPIRY)
    }
    const grown = residentBytes() - before
    const memory = keyspace.memory()
    expect(db.size).toBe(count)
    expect(memory.usedBytes / count).toBeLessThanOrEqual(72)
    expect(memory.arenaBytes / count).toBeLessThanOrEqual(72)
    expect(memory.tableBytes / count).toBeLessThanOrEqual(9)
    expect(grown / count).toBeLessThanOrEqual(72)
    // What MEMORY USAGE says of all keys together is what the arena holds.
    const sum = memoryUsageOfAll(db)
    expect(sum / memory.usedBytes).toBeGreaterThan(0.9)
    expect(sum / memory.usedBytes).toBeLessThan(1.1)
    db.clear()
    while (keyspace.rehash(1000, () => 0));
    expect(keyspace.memory()).toMatchObject({ arenaBytes: 0, usedBytes: 0, tableBytes: 0, chunks: 0 })
    expect(residentBytes() - before).toBeLessThan(grown / 4)
  }, 60_000)

  test('memoryUsage of mixed keys with expiries is what the arena holds', () => {
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    for (let i = 0; i < 20_000; i++) {
      setText(db, `some:key:${i}`, 'v'.repeat(i % 700), i % 3 === 0 ? 2e12 : NO_EXPIRY)
    }
    const sum = memoryUsageOfAll(db)
    const { usedBytes, arenaBytes } = keyspace.memory()
    expect(sum / usedBytes).toBeGreaterThan(0.9)
    expect(sum / usedBytes).toBeLessThan(1.1)
    expect(sum / arenaBytes).toBeGreaterThan(0.9)
    expect(sum / arenaBytes).toBeLessThan(1.1)
  })

  test('an empty chunk that nobody needs is given back after a second', () => {
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    const value = 'v'.repeat(1_000_000)
    const keys = Array.from({ length: 70 }, (_, i) => `key:${i}`)
    for (const key of keys) setText(db, key, value, NO_EXPIRY)
    expect(keyspace.memory().chunks).toBe(3)
    for (const key of keys) if (findText(db, key)) db.remove()
    const kept = keyspace.memory().chunks
    const idle = (ms: number): number => {
      keyspace.nowMs += ms
      keyspace.rehash(1000, () => 0)
      return keyspace.memory().chunks
    }
    expect(kept).toBe(2)
    expect(idle(0)).toBe(kept)
    expect(idle(900)).toBe(kept)
    expect(idle(200)).toBe(kept - 1)
    expect(idle(5000)).toBe(kept - 1)
    setText(db, 'again', value, NO_EXPIRY)
    expect(findText(db, 'again')).toBe(true)
  })

  test('clearing one of two databases leaves the other', () => {
    const keyspace = keyspaceOfRealSize()
    for (const index of [0, 1]) {
      for (let i = 0; i < 5000; i++) setText(keyspace.database(index), `key:${i}`, `${index}`, i % 2 ? 2e12 : NO_EXPIRY)
    }
    const cleared: number[] = []
    keyspace.onCleared = (db) => cleared.push(db.index)
    const { dirty } = keyspace.stats
    keyspace.database(0).clear()
    expect(cleared).toEqual([0])
    expect(keyspace.stats.dirty - dirty).toBe(5000)
    expect(keyspace.database(0).size).toBe(0)
    expect(keyspace.database(0).expiresSize).toBe(0)
    expect(keyspace.database(1).size).toBe(5000)
    expect(keyspace.database(1).randomKey()).toBe(true)
    expect(valueTextOf(keyspace.database(1))).toBe('1')
    const { usedBytes } = keyspace.memory()
    keyspace.database(1).clear()
    expect(usedBytes).toBeGreaterThan(0)
    expect(keyspace.memory().usedBytes).toBe(0)
    setText(keyspace.database(0), 'again', 'v', NO_EXPIRY)
    expect(keyspace.database(0).size).toBe(1)
  })

  test('a value of 64 MiB is stored, grown, copied and given back', () => {
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    const value = new Uint8Array(new SharedArrayBuffer(64 * MIB + 3))
    for (let i = 0; i < value.length; i += 4093) value[i] = i % 251
    const key = Buffer.from('huge')
    const before = residentBytes()
    db.setString(key, 0, 4, value, 0, value.length, 0, NO_EXPIRY)
    expect(db.valueLength).toBe(value.length)
    expect(Buffer.compare(value, db.bytes.subarray(db.valueOffset, db.valueOffset + db.valueLength))).toBe(0)
    expect(db.memoryUsage()).toBeLessThan(64 * MIB * 1.01)
    db.setExpire(2e12)
    db.resizeValue(value.length + 1000)
    expect(db.expireAtMs()).toBe(2e12)
    expect(db.bytes[db.valueOffset + value.length - 1]).toBe(value[value.length - 1])
    expect(db.bytes[db.valueOffset + value.length]).toBe(0)
    expect(db.bytes[db.valueOffset + value.length + 999]).toBe(0)
    const copy = Buffer.from('copy')
    db.setString(copy, 0, 4, db.bytes, db.valueOffset + 1, db.valueLength - 1, 0, NO_EXPIRY)
    expect(db.bytes[db.valueOffset + 4092]).toBe(4093 % 251)
    for (const name of [key, copy]) {
      expect(db.find(name, 0, 4)).toBe(true)
      db.remove()
    }
    expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
    expect(residentBytes() - before).toBeLessThan(20 * MIB)
  })

  test('a large value that is mostly zeros only takes the memory that was written to', () => {
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    const key = Buffer.from('bitmap')
    const before = residentBytes()
    db.create(key, 0, 6, ValueType.string, 0, 512 * MIB, NO_EXPIRY)
    db.bytes[db.valueOffset + 512 * MIB - 1] = 1
    expect(residentBytes() - before).toBeLessThan(8 * MIB)
    db.remove()
  })

  test('appending is linear in the total and keeps the slack within bounds', () => {
    const keyspace = keyspaceOfRealSize()
    const db = keyspace.database(0)
    const piece = new Uint8Array(100).fill(0x61)
    const key = Buffer.from('log')
    db.setString(key, 0, 3, piece, 0, 100, 0, NO_EXPIRY)
    let moves = 0
    let at = db.keyOffset
    for (let i = 0; i < 40_000; i++) {
      const length = db.valueLength
      db.resizeValue(length + 100)
      copyBytes(piece, 0, db.bytes, db.valueOffset + length, 100)
      if (db.keyOffset !== at) moves++
      at = db.keyOffset
    }
    expect(moves).toBeLessThan(30)
    const total = db.valueLength
    expect(db.memoryUsage()).toBeLessThan(total * 1.6)
    db.resizeValue(1000)
    expect(db.memoryUsage()).toBeLessThan(1500)
    expect(valueTextOf(db)).toBe('a'.repeat(1000))
  })
})
