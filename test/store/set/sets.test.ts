import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DIGEST_BYTES, xorDigest } from '../../../src/base/data-digest.js'
import { ArenaFullError } from '../../../src/store/arena.js'
import { type ArenaRef, NO_REF } from '../../../src/store/arena-ref.js'
import type { Database } from '../../../src/store/database.js'
import type { Keyspace } from '../../../src/store/keyspace.js'
import { exportRecord, importRecord } from '../../../src/store/record-image.js'
import { type MemberVisitor, VISITED } from '../../../src/store/set/open-set.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../../src/store/value-type.js'
import { makeKeyspace } from '../keyspaces.js'

const KEY = Buffer.from('a set')
const OTHER_KEY = Buffer.from('another set')

function textOf(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1')
}

/** Keeps what it is shown, and has enough after so many. */
class Collected implements MemberVisitor {
  readonly texts: string[] = []

  constructor(private readonly enough = Number.POSITIVE_INFINITY) {}

  member(bytes: Uint8Array, offset: number, length: number): boolean {
    this.texts.push(textOf(bytes, offset, length))
    return this.texts.length < this.enough
  }
}

function stand(db: Database, key: Buffer): boolean {
  return db.peek(key, 0, key.length)
}

function add(keyspace: Keyspace, db: Database, key: Buffer, text: string): boolean {
  const bytes = Buffer.from(text, 'latin1')
  const { sets } = keyspace
  if (stand(db, key)) return sets.open(db).add(bytes, 0, bytes.length)
  sets.create(db, key, 0, key.length, NO_EXPIRY, bytes, 0, bytes.length, 1)
  return true
}

function remove(keyspace: Keyspace, db: Database, key: Buffer, text: string): boolean {
  const bytes = Buffer.from(text, 'latin1')
  if (!stand(db, key)) return false
  const set = keyspace.sets.open(db)
  const removed = set.remove(bytes, 0, bytes.length)
  if (set.size === 0) db.remove()
  return removed
}

function membersOf(keyspace: Keyspace, db: Database, key: Buffer): string[] {
  if (!stand(db, key)) return []
  const collected = new Collected()
  keyspace.sets.open(db).visit(collected)
  return collected.texts.sort()
}

/** A keyspace whose database has its tables, so that what is used besides can be compared. */
function emptyKeyspace(chunksMax?: number): { keyspace: Keyspace; db: Database; before: number } {
  const keyspace = makeKeyspace(7, chunksMax)
  const db = keyspace.database(0)
  for (const made of [db, keyspace.nursery]) {
    made.create(KEY, 0, KEY.length, ValueType.set, Encoding.raw, 0, NO_EXPIRY)
    made.remove()
  }
  return { keyspace, db, before: keyspace.arena.usedBytes }
}

const memberText = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -30, max: 30 }).map(String) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => `m:${n}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '-0', '007', 'x'.repeat(21), 'y'.repeat(70), 'z'.repeat(2000)) },
)

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), text: memberText }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), text: memberText }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pop' as const), text: fc.constant('') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('copy' as const), text: fc.constant('') }) },
)

test('a set of any encoding is a set, and gives its memory back', () => {
  const { keyspace, db, before } = emptyKeyspace()
  const { limits, sets } = keyspace
  const encodings = new Set<number>()
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.record({ ints: fc.integer({ min: 0, max: 12 }), entries: fc.integer({ min: 0, max: 12 }) }),
      (steps, { ints, entries }) => {
        limits.setMaxIntsetEntries = ints
        limits.setMaxListpackEntries = entries
        const model = new Set<string>()
        for (const { kind, text } of steps) {
          if (kind === 'add') {
            expect(add(keyspace, db, KEY, text)).toBe(!model.has(text))
            model.add(text)
          } else if (kind === 'remove') {
            expect(remove(keyspace, db, KEY, text)).toBe(model.delete(text))
          } else if (kind === 'pop' && stand(db, KEY)) {
            const set = sets.open(db)
            set.pick()
            const picked = textOf(set.pickedBytes, set.pickedOffset, set.pickedLength)
            expect(model.delete(picked)).toBe(true)
            set.removePicked()
            if (set.size === 0) db.remove()
          } else if (kind === 'copy' && stand(db, KEY)) {
            const { encoding } = db
            importRecord(db, OTHER_KEY, exportRecord(db))
            expect(membersOf(keyspace, db, OTHER_KEY)).toEqual([...model].sort())
            expect(db.encoding).toBe(encoding)
            db.remove()
          }
          expect(membersOf(keyspace, db, KEY)).toEqual([...model].sort())
          if (model.size === 0) continue
          encodings.add(db.encoding)
          expect(sets.elementCount(db)).toBe(model.size)
          const digest = new Uint8Array(DIGEST_BYTES)
          const expected = new Uint8Array(DIGEST_BYTES)
          sets.addToDigest(db, digest)
          for (const member of model) xorDigest(expected, Buffer.from(member, 'latin1'))
          expect(digest).toEqual(expected)
          for (const probe of ['m:1', '1', '-30', 'x', ...[...model].slice(0, 3)]) {
            const bytes = Buffer.from(probe, 'latin1')
            expect(sets.open(db).has(bytes, 0, bytes.length)).toBe(model.has(probe))
          }
        }
        if (stand(db, KEY)) db.remove()
        expect(keyspace.arena.usedBytes).toBe(before)
      },
    ),
    { numRuns: 150 },
  )
  expect([...encodings].sort()).toEqual([Encoding.listpack, Encoding.intset, Encoding.hashtable].sort())
})

test('encodings follow the limits', () => {
  const { keyspace, db } = emptyKeyspace()
  const encodingAfter = (texts: string[]): number => {
    if (stand(db, KEY)) db.remove()
    for (const text of texts) add(keyspace, db, KEY, text)
    stand(db, KEY)
    return db.encoding
  }
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))
  expect(encodingAfter(numbers(512))).toBe(Encoding.intset)
  expect(encodingAfter(numbers(513))).toBe(Encoding.hashtable)
  expect(encodingAfter([...numbers(127), 'x'])).toBe(Encoding.listpack)
  expect(encodingAfter([...numbers(128), 'x'])).toBe(Encoding.hashtable)
  expect(encodingAfter(['x', ...numbers(127)])).toBe(Encoding.listpack)
  expect(encodingAfter(['x', ...numbers(128)])).toBe(Encoding.hashtable)
  expect(encodingAfter(['x'.repeat(64)])).toBe(Encoding.listpack)
  expect(encodingAfter(['x'.repeat(65)])).toBe(Encoding.hashtable)
  expect(encodingAfter(['1', 'x'.repeat(65)])).toBe(Encoding.hashtable)
})

test('a large set is visited, moved and freed in portions', () => {
  const { keyspace, db, before } = emptyKeyspace()
  const { sets } = keyspace
  const texts = Array.from({ length: 5000 }, (_, i) => `member ${i}`).sort()
  for (const text of texts) add(keyspace, db, KEY, text)
  stand(db, KEY)
  const collected = new Collected()
  let portions = 0
  for (let at = 0; at !== VISITED; portions++) at = sets.open(db).visitSome(collected, at, 100)
  expect(portions).toBeGreaterThan(40)
  expect(collected.texts.sort()).toEqual(texts)

  const some = new Collected(7)
  expect(sets.open(db).visitSome(some, 0, 100)).toBe(VISITED)
  expect(some.texts.length).toBe(7)

  importRecord(db, OTHER_KEY, exportRecord(db))
  expect(membersOf(keyspace, db, OTHER_KEY)).toEqual(texts)
  const all = sets.memoryUsage(db, 0)
  expect(Math.abs(sets.memoryUsage(db, 5) - all) / all).toBeLessThan(0.1)
  db.remove()
  stand(db, KEY)
  const held = keyspace.arena.usedBytes
  db.remove()
  // More than a few thousand elements are given back later.
  expect(keyspace.arena.usedBytes).toBe(held)
  let now = 0
  while (keyspace.condemned.step(1, () => now++));
  expect(keyspace.arena.usedBytes).toBe(before)
})

test('a scan finds every member that stays, while others come and go', () => {
  const { keyspace, db } = emptyKeyspace()
  const { sets, prng } = keyspace
  for (let i = 0; i < 2000; i++) add(keyspace, db, KEY, `stays ${i}`)
  const found = new Set<string>()
  let cursor = 0
  do {
    stand(db, KEY)
    const set = sets.open(db)
    cursor = set.scan(cursor, 20, 200)
    const collected = new Collected()
    set.visitScanned(collected)
    for (const text of collected.texts) found.add(text)
    for (let i = 0; i < 50; i++) {
      const text = `passes ${prng.below(3000)}`
      if (!add(keyspace, db, KEY, text)) remove(keyspace, db, KEY, text)
    }
  } while (cursor !== 0)
  expect([...found].filter((text) => text.startsWith('stays')).length).toBe(2000)
})

test('without memory a set stays as it is', () => {
  for (const limits of [
    { ints: 512, entries: 128 },
    { ints: 0, entries: 0 },
    { ints: 4000, entries: 0 },
  ]) {
    const { keyspace, db, before } = emptyKeyspace(2)
    keyspace.limits.setMaxIntsetEntries = limits.ints
    keyspace.limits.setMaxListpackEntries = limits.entries
    const model = new Set<string>()
    let refusals = 0
    for (let i = 0; refusals < 200; i++) {
      const text = i < 3000 ? String(i * 7) : `${'long '.repeat(i % 40)}${i}`
      try {
        add(keyspace, db, KEY, text)
        model.add(text)
      } catch (error) {
        expect(error).toBeInstanceOf(ArenaFullError)
        refusals++
      }
    }
    expect(membersOf(keyspace, db, KEY)).toEqual([...model].sort())
    for (const text of model) expect(remove(keyspace, db, KEY, text), text).toBe(true)
    expect(stand(db, KEY)).toBe(false)
    expect(keyspace.arena.usedBytes).toBe(before)
  }
})

/** Takes all memory that there is in blocks of these sizes. @returns a function that gives so many of them back */
function exhaust(keyspace: Keyspace, ...sizes: number[]): (count: number) => void {
  const { arena } = keyspace
  const blocks: ArenaRef[] = []
  for (const size of sizes) {
    for (let ref = arena.tryAllocate(size); ref !== NO_REF; ref = arena.tryAllocate(size)) blocks.push(ref)
  }
  return (count) => {
    for (const ref of blocks.splice(Math.max(0, blocks.length - count))) arena.free(ref)
  }
}

test('without memory for a part of a conversion the set stays as it is, and the part is given back', () => {
  const { keyspace, db } = emptyKeyspace(2)
  keyspace.limits.setMaxListpackValue = 200
  // Different sizes, so that memory runs out at different places.
  const texts = Array.from({ length: 128 }, (_, i) => `${'v'.repeat(i)}${i}`)
  for (const text of texts) add(keyspace, db, KEY, text)
  const giveBack = exhaust(keyspace, 4096, 64, 8)
  const expected = [...texts].sort()
  let refusals = 0
  for (;;) {
    const used = keyspace.arena.usedBytes
    try {
      add(keyspace, db, KEY, 'one more')
      break
    } catch (error) {
      expect(error).toBeInstanceOf(ArenaFullError)
      expect(keyspace.arena.usedBytes).toBe(used)
      expect(membersOf(keyspace, db, KEY)).toEqual(expected)
      expect(db.encoding).toBe(Encoding.listpack)
      refusals++
    }
    giveBack(50)
  }
  expect(refusals).toBeGreaterThan(5)
  expect(membersOf(keyspace, db, KEY)).toEqual([...texts, 'one more'].sort())
})

test('without memory for longer chains a table that has grown is still whole', () => {
  for (let size = 200; size < 3000; size += 149) {
    const { keyspace, db } = emptyKeyspace(2)
    const model = new Set<string>()
    const addNumbered = (i: number): void => {
      add(keyspace, db, KEY, `m${i}`)
      model.add(`m${i}`)
    }
    for (let i = 0; i < size; i++) addNumbered(i)
    exhaust(keyspace, 4096, 64)
    let refusals = 0
    for (let i = size; refusals < 20; i++) {
      try {
        addNumbered(i)
      } catch (error) {
        expect(error).toBeInstanceOf(ArenaFullError)
        refusals++
      }
    }
    expect(membersOf(keyspace, db, KEY)).toEqual([...model].sort())
    for (const text of model) expect(remove(keyspace, db, KEY, text), text).toBe(true)
  }
})

test('a set in the making is nobody else’s until it is moved, and leaves nothing when it is dropped', () => {
  const { keyspace, db, before } = emptyKeyspace()
  const { stats } = keyspace
  const dirty = stats.dirty
  const first = keyspace.sets.beginPending(NO_EXPIRY, 1)
  const second = keyspace.sets.beginPending(NO_EXPIRY, 1)
  expect(first.size).toBe(0)
  for (let i = 0; i < 300; i++) {
    for (const [pending, text] of [
      [first, `one ${i % 200}`],
      [second, `two ${i}`],
    ] as const) {
      const bytes = Buffer.from(text)
      pending.reopen()
      pending.member(bytes, 0, bytes.length)
    }
  }
  first.reopen()
  expect(first.size).toBe(200)
  second.reopen()
  expect(second.size).toBe(300)
  expect(stats.dirty).toBe(dirty)
  first.reopen()
  first.moveTo(db, KEY, 0, KEY.length)
  expect(stats.dirty).toBe(dirty + 1)
  expect(membersOf(keyspace, db, KEY).length).toBe(200)
  keyspace.sets.endPending(first)
  keyspace.sets.endPending(second)
  expect(keyspace.nursery.size).toBe(0)
  stand(db, KEY)
  db.remove()
  expect(keyspace.arena.usedBytes).toBe(before)
})
