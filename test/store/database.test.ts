import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { ELEMENTS_ROOT_BYTES, Elements, rootWordOf } from '../../src/store/elements.js'
import type { Keyspace } from '../../src/store/keyspace.js'
import { Encoding, KEEP_TTL, NO_EXPIRY, ValueType } from '../../src/store/value-type.js'
import { keyTextOf, makeKeyspace, rangeOf, START_MS, valueTextOf } from './keyspaces.js'

/** What a database should hold, kept in the plainest way. */
interface Entry {
  value: string
  type: number
  encoding: number
  expireAtMs: number
}

class Model {
  readonly entries = [new Map<string, Entry>(), new Map<string, Entry>(), new Map<string, Entry>()]
  nowMs = START_MS
  expired = 0

  live(db: number, key: string): Entry | undefined {
    const entry = this.entries[db]!.get(key)
    if (entry === undefined || !this.isOver(entry)) return entry
    this.entries[db]!.delete(key)
    this.expired++
    return undefined
  }

  isOver(entry: Entry): boolean {
    return entry.expireAtMs !== NO_EXPIRY && this.nowMs > entry.expireAtMs
  }
}

const keyPool = [
  ...Array.from({ length: 60 }, (_, i) => `key:${i}`),
  '',
  '1234567',
  '12345678',
  '123456789',
  'k'.repeat(255),
  'k'.repeat(256),
  'k'.repeat(257),
  `${'k'.repeat(256)}l`,
  'x'.repeat(1023),
  'x'.repeat(1024),
  'y'.repeat(5000),
]

const anyKey = fc.constantFrom(...keyPool)
const anyDb = fc.nat(1)
const anyLength = fc.oneof(
  { weight: 6, arbitrary: fc.nat(70) },
  { weight: 2, arbitrary: fc.nat(700) },
  { weight: 1, arbitrary: fc.nat(20_000) },
  { weight: 1, arbitrary: fc.constantFrom(0, 4096, 4097, 65_536, 70_000, 262_143, 262_144, 300_000) },
)
const anyTtlMs = fc.oneof(fc.constant(NO_EXPIRY), fc.constant(KEEP_TTL), fc.integer({ min: 1, max: 3000 }))
const placement = { offset: fc.nat(8), shared: fc.boolean() }

const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      name: fc.constant('set' as const),
      db: anyDb,
      key: anyKey,
      length: anyLength,
      fill: fc.integer({ min: 1, max: 250 }),
      ttlMs: anyTtlMs,
      encoding: fc.nat(2),
      ...placement,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      name: fc.constant('create' as const),
      db: anyDb,
      key: anyKey,
      length: anyLength,
      type: fc.nat(6),
      ttlMs: fc.oneof(fc.constant(NO_EXPIRY), fc.integer({ min: 1, max: 3000 })),
    }),
  },
  { weight: 4, arbitrary: fc.record({ name: fc.constant('find' as const), db: anyDb, key: anyKey, ...placement }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('peek' as const), db: anyDb, key: anyKey }) },
  { weight: 4, arbitrary: fc.record({ name: fc.constant('remove' as const), db: anyDb, key: anyKey }) },
  {
    weight: 3,
    arbitrary: fc.record({ name: fc.constant('resize' as const), db: anyDb, key: anyKey, length: anyLength }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      name: fc.constant('append' as const),
      db: anyDb,
      key: anyKey,
      length: fc.nat(50),
      times: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      name: fc.constant('expire' as const),
      db: anyDb,
      key: anyKey,
      ttlMs: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('persist' as const), db: anyDb, key: anyKey }) },
  {
    weight: 2,
    arbitrary: fc.record({
      name: fc.constant('copy' as const),
      db: anyDb,
      key: anyKey,
      toDb: anyDb,
      toKey: anyKey,
      from: fc.nat(),
      ttlMs: anyTtlMs,
    }),
  },
  { weight: 2, arbitrary: fc.record({ name: fc.constant('wait' as const), ms: fc.nat(1500) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('scan' as const), db: anyDb, removes: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('random' as const), db: anyDb }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('activeExpire' as const) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('swap' as const) }) },
)
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

function checkCursor(db: Database, key: string, entry: Entry): void {
  expect(keyTextOf(db)).toBe(key)
  // Strings of this size are compared, not printed.
  expect(valueTextOf(db) === entry.value, `value of ${key.slice(0, 20)}`).toBe(true)
  expect(db.type).toBe(entry.type)
  expect(db.encoding).toBe(entry.encoding)
  expect(db.expireAtMs()).toBe(entry.expireAtMs)
  expect(db.keyOffset % 8).toBe(0)
  expect(db.valueOffset % 8).toBe(0)
  expect(db.words.buffer).toBe(db.bytes.buffer)
  expect(db.memoryUsage()).toBeGreaterThanOrEqual(key.length + entry.value.length + 8)
}

function runStep(keyspace: Keyspace, model: Model, step: Step): void {
  if (step.name === 'wait') {
    model.nowMs += step.ms
    keyspace.nowMs = model.nowMs
    return
  }
  if (step.name === 'swap') {
    keyspace.swapDatabases(0, 1)
    ;[model.entries[0], model.entries[1]] = [model.entries[1]!, model.entries[0]!]
    return
  }
  if (step.name === 'activeExpire') {
    let us = 0
    const removed = keyspace.activeExpire(1000, () => us++)
    let over = 0
    for (const entries of model.entries) {
      for (const [key, entry] of entries) {
        if (!model.isOver(entry)) continue
        over++
        // A pass need not find all of them: what it took is taken here as well.
        const index = model.entries.indexOf(entries)
        if (!isStored(keyspace.database(index), key)) {
          entries.delete(key)
          model.expired++
        }
      }
    }
    expect(removed).toBeLessThanOrEqual(over)
    return
  }
  const db = keyspace.database(step.db)
  const entries = model.entries[step.db]!
  if (step.name === 'scan') {
    const seen = new Set<string>()
    const expected = new Set([...entries.keys()].filter((key) => model.live(step.db, key) !== undefined))
    let cursor = 0
    do {
      cursor = db.scan(cursor, (at) => {
        const key = keyTextOf(at)
        seen.add(key)
        checkCursor(at, key, entries.get(key)!)
        if (step.removes && key.length % 2 === 1) {
          at.remove()
          entries.delete(key)
        }
      })
    } while (cursor !== 0)
    expect(seen).toEqual(expected)
    return
  }
  if (step.name === 'random') {
    const found = db.randomKey()
    for (const key of [...entries.keys()]) {
      // Those met on the way have been removed; the rest goes now.
      if (model.isOver(entries.get(key)!) && !isStored(db, key)) model.live(step.db, key)
    }
    if (!found) {
      expect(entries.size).toBe(0)
      return
    }
    db.randomKey()
    for (const key of [...entries.keys()]) {
      if (model.isOver(entries.get(key)!) && !isStored(db, key)) model.live(step.db, key)
    }
    db.randomKey()
    for (const key of [...entries.keys()]) {
      if (model.isOver(entries.get(key)!) && !isStored(db, key)) model.live(step.db, key)
    }
    return
  }
  const key = Buffer.from(step.key, 'latin1')
  const existing = model.live(step.db, step.key)
  switch (step.name) {
    case 'set': {
      const value = Buffer.alloc(step.length, step.fill)
      if (step.length > 2) value[1] = 0
      const k = rangeOf(key, step.offset, step.shared)
      const v = rangeOf(value, 8 - step.offset, step.shared)
      const expireAtMs = step.ttlMs > 0 ? model.nowMs + step.ttlMs : step.ttlMs
      db.setString(k.buffer, k.offset, k.length, v.buffer, v.offset, v.length, step.encoding, expireAtMs)
      const kept = expireAtMs === KEEP_TTL ? (existing?.expireAtMs ?? NO_EXPIRY) : expireAtMs
      const entry = { value: value.toString('latin1'), type: 0, encoding: step.encoding, expireAtMs: kept }
      entries.set(step.key, entry)
      checkCursor(db, step.key, entry)
      return
    }
    case 'create': {
      if (existing !== undefined) return
      const expireAtMs = step.ttlMs > 0 ? model.nowMs + step.ttlMs : step.ttlMs
      db.create(key, 0, key.length, step.type, 3, step.length, expireAtMs)
      const entry = { value: '\0'.repeat(step.length), type: step.type, encoding: 3, expireAtMs }
      entries.set(step.key, entry)
      checkCursor(db, step.key, entry)
      return
    }
    case 'find': {
      const { hits, misses } = keyspace.stats
      const k = rangeOf(key, step.offset, step.shared)
      expect(db.find(k.buffer, k.offset, k.length)).toBe(existing !== undefined)
      expect(keyspace.stats.hits - hits).toBe(existing === undefined ? 0 : 1)
      expect(keyspace.stats.misses - misses).toBe(existing === undefined ? 1 : 0)
      if (existing !== undefined) checkCursor(db, step.key, existing)
      return
    }
    case 'peek': {
      const { hits, misses } = keyspace.stats
      expect(db.peek(key, 0, key.length)).toBe(existing !== undefined)
      expect([keyspace.stats.hits, keyspace.stats.misses]).toEqual([hits, misses])
      return
    }
    default:
  }
  expect(db.findForWrite(key, 0, key.length)).toBe(existing !== undefined)
  if (existing === undefined) return
  switch (step.name) {
    case 'remove':
      db.remove()
      entries.delete(step.key)
      return
    case 'resize':
      db.resizeValue(step.length)
      existing.value = existing.value.slice(0, step.length).padEnd(step.length, '\0')
      break
    case 'append':
      for (let i = 0; i < step.times; i++) {
        const length = db.valueLength
        db.resizeValue(length + step.length)
        db.bytes.fill(0x61 + i, db.valueOffset + length, db.valueOffset + db.valueLength)
        existing.value += String.fromCharCode(0x61 + i).repeat(step.length)
      }
      break
    case 'expire':
      existing.expireAtMs = model.nowMs + step.ttlMs
      db.setExpire(existing.expireAtMs)
      break
    case 'persist':
      expect(db.persist()).toBe(existing.expireAtMs !== NO_EXPIRY)
      existing.expireAtMs = NO_EXPIRY
      break
    case 'copy': {
      // The value, or its end, goes from the arena into the arena; the target may be the very same key.
      const from = existing.value.length === 0 ? 0 : step.from % existing.value.length
      const target = model.live(step.toDb, step.toKey)
      const targetKey = Buffer.from(step.toKey, 'latin1')
      const toDb = keyspace.database(step.toDb)
      const expireAtMs = step.ttlMs > 0 ? model.nowMs + step.ttlMs : step.ttlMs
      toDb.setString(
        targetKey,
        0,
        targetKey.length,
        db.bytes,
        db.valueOffset + from,
        db.valueLength - from,
        existing.encoding,
        expireAtMs,
      )
      const kept = expireAtMs === KEEP_TTL ? (target?.expireAtMs ?? NO_EXPIRY) : expireAtMs
      const entry = { value: existing.value.slice(from), type: 0, encoding: existing.encoding, expireAtMs: kept }
      model.entries[step.toDb]!.set(step.toKey, entry)
      checkCursor(toDb, step.toKey, entry)
      return
    }
    default:
      throw new Error('unknown step')
  }
  checkCursor(db, step.key, existing)
}

/** Whether the key is there, also when its time is over. */
function isStored(db: Database, key: string): boolean {
  let stored = false
  const compare = (at: Database): boolean => {
    stored = keyTextOf(at) === key
    return !stored
  }
  db.forEach(compare)
  return stored
}

function checkAll(keyspace: Keyspace, model: Model): void {
  model.entries.forEach((entries, index) => {
    const db = keyspace.database(index)
    const seen = new Set<string>()
    const check = (at: Database): boolean => {
      const key = keyTextOf(at)
      seen.add(key)
      checkCursor(at, key, entries.get(key)!)
      return true
    }
    db.forEach(check)
    expect(seen).toEqual(new Set(entries.keys()))
    expect(db.size).toBe(entries.size)
    expect(db.expiresSize).toBe([...entries.values()].filter((entry) => entry.expireAtMs !== NO_EXPIRY).length)
  })
  expect(keyspace.stats.expiredKeys).toBe(model.expired)
}

describe('databases', () => {
  test('behave like a map with expiries', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1, maxLength: 250, size: 'max' }), (steps) => {
        const keyspace = makeKeyspace()
        const model = new Model()
        for (const step of steps) runStep(keyspace, model, step)
        checkAll(keyspace, model)
        // Removed one by one, everything comes back but the smallest tables.
        for (const index of [0, 1]) {
          const db = keyspace.database(index)
          for (const key of model.entries[index]!.keys()) {
            const bytes = Buffer.from(key, 'latin1')
            if (db.findForWrite(bytes, 0, bytes.length)) db.remove()
          }
          expect(db.size).toBe(0)
          expect(db.expiresSize).toBe(0)
        }
        expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
        keyspace.clear()
        expect(keyspace.memory()).toMatchObject({ usedBytes: 0, tableBytes: 0, arenaBytes: 0, chunks: 0 })
      }),
      { numRuns: 100 },
    )
  })

  test('every modification is announced with the cursor on the key, a removal before it happens', () => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const seen: string[] = []
    keyspace.onModified = (at) => seen.push(`${keyTextOf(at)}=${valueTextOf(at)}`)
    keyspace.onExpired = (at) => seen.push(`expired ${keyTextOf(at)}=${valueTextOf(at)}`)
    const key = Buffer.from('k')
    db.setString(key, 0, 1, Buffer.from('one'), 0, 3, 0, NO_EXPIRY)
    db.setString(key, 0, 1, Buffer.from('three'), 0, 5, 0, NO_EXPIRY)
    db.setExpire(START_MS + 10)
    db.persist()
    db.persist()
    db.resizeValue(2)
    db.modified()
    db.remove()
    db.create(key, 0, 1, ValueType.hash, 1, 1, START_MS + 10)
    keyspace.nowMs = START_MS + 10
    expect(db.peek(key, 0, 1)).toBe(true)
    keyspace.nowMs = START_MS + 11
    expect(db.peek(key, 0, 1)).toBe(false)
    const expected = ['k=one', 'k=three', 'k=three', 'k=three', 'k=th', 'k=th', 'k=\0', 'expired k=\0']
    expect(seen).toEqual(expected)
    expect(keyspace.stats.dirty).toBe(expected.length - 1)
    expect(keyspace.stats.expiredKeys).toBe(1)
  })

  test('an expired key that is overwritten expires first', () => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const key = Buffer.from('k')
    let announced = ''
    keyspace.onExpired = (at) => (announced += valueTextOf(at))
    db.setString(key, 0, 1, Buffer.from('old'), 0, 3, 0, START_MS + 5)
    keyspace.nowMs = START_MS + 6
    db.setString(key, 0, 1, Buffer.from('new'), 0, 3, 0, KEEP_TTL)
    expect(announced).toBe('old')
    expect(db.expireAtMs()).toBe(NO_EXPIRY)
    expect(db.expiresSize).toBe(0)
    expect(keyspace.stats.expiredKeys).toBe(1)
  })

  test('where lookups may not delete, expired keys are absent but stay', () => {
    const keyspace = makeKeyspace()
    keyspace.lazyExpireDeletes = false
    const db = keyspace.database(0)
    const key = Buffer.from('k')
    db.setString(key, 0, 1, Buffer.from('old'), 0, 3, 0, START_MS + 5)
    keyspace.nowMs = START_MS + 6
    expect(db.find(key, 0, 1)).toBe(false)
    let visited = 0
    expect(db.scan(0, () => visited++)).toBeGreaterThanOrEqual(0)
    expect(visited).toBe(0)
    expect(db.size).toBe(1)
    expect(db.randomKey()).toBe(true)
    db.create(key, 0, 1, ValueType.list, 0, 0, NO_EXPIRY)
    expect(db.size).toBe(1)
    expect(db.find(key, 0, 1)).toBe(true)
    expect(keyspace.stats.expiredKeys).toBe(0)
  })

  test('creating a key that exists is a broken invariant', () => {
    const db = makeKeyspace().database(0)
    const key = Buffer.from('k')
    db.create(key, 0, 1, ValueType.set, 0, 0, NO_EXPIRY)
    expect(() => db.create(key, 0, 1, ValueType.set, 0, 0, NO_EXPIRY)).toThrow('a key was created that exists')
  })

  test.each([100, 10_000])(
    'what a collection of %i elements holds is given back when its value goes, however it goes',
    (size) => {
      const keyspace = makeKeyspace()
      const db = keyspace.database(0)
      const elements = new Elements(keyspace)
      const make = (at: Database, name: string, expireAtMs: number): void => {
        const key = Buffer.from(name)
        at.create(key, 0, key.length, ValueType.set, Encoding.hashtable, ELEMENTS_ROOT_BYTES, expireAtMs)
        elements.open(at.words, rootWordOf(at.valueOffset))
        for (let i = 0; i < size; i++) {
          const member = Buffer.from(`member:${i}`)
          elements.find(member, 0, member.length)
          elements.addSought(member, 0, member.length, 0)
        }
        elements.close()
      }
      for (const at of [db, keyspace.database(1)]) make(at, 'first', NO_EXPIRY)
      if (db.findForWrite(Buffer.from('first'), 0, 5)) db.remove()
      while (keyspace.rehash(1000, () => 0));
      const before = keyspace.arena.usedBytes
      make(db, 'removed', NO_EXPIRY)
      make(db, 'unlinked', NO_EXPIRY)
      make(db, 'expired', START_MS + 1)
      make(db, 'overwritten', NO_EXPIRY)
      make(db, 'cleared', NO_EXPIRY)
      expect(keyspace.arena.usedBytes).toBeGreaterThan(before + 5 * size * 24)
      if (db.findForWrite(Buffer.from('removed'), 0, 7)) db.remove()
      if (db.findForWrite(Buffer.from('unlinked'), 0, 8)) db.removeLazily()
      keyspace.nowMs = START_MS + 2
      expect(db.peek(Buffer.from('expired'), 0, 7)).toBe(false)
      const overwritten = Buffer.from('overwritten')
      db.setString(overwritten, 0, overwritten.length, overwritten, 0, 3, 0, NO_EXPIRY)
      db.clear()
      expect(keyspace.condemned.count).toBe((size > 4096 ? 4 : 1) + 2)
      let us = 0
      const clock = (): number => us++
      while (keyspace.condemned.step(2, clock));
      while (keyspace.rehash(1000, clock));
      const emptied = keyspace.arena.usedBytes
      make(db, 'again', NO_EXPIRY)
      if (db.findForWrite(Buffer.from('again'), 0, 5)) db.remove()
      while (keyspace.condemned.step(2, clock));
      expect(emptied).toBeLessThanOrEqual(before)
      expect(keyspace.arena.usedBytes).toBeLessThanOrEqual(before)
    },
  )

  test('without memory a change fails and no key has changed', () => {
    // Fill with records of different sizes until nothing goes, then try every kind of growth on each key.
    const keyspace = makeKeyspace(1, 2)
    const db = keyspace.database(0)
    const model = new Map<string, string>()
    for (let i = 0; ; i++) {
      const key = Buffer.from(`key:${i}`)
      const value = Buffer.alloc(8 + (i % 90), 0x61 + (i % 26))
      try {
        db.setString(key, 0, key.length, value, 0, value.length, 0, i % 3 === 0 ? START_MS + 1000 : NO_EXPIRY)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ARENA_FULL' })
        break
      }
      model.set(key.toString(), value.toString())
    }
    expect(db.size).toBe(model.size)
    const large = Buffer.alloc(3000, 0x7a)
    let failures = 0
    for (const [name, value] of model) {
      const key = Buffer.from(name)
      const attempts = [
        (): void => db.setString(key, 0, key.length, large, 0, large.length, 0, START_MS + 5),
        (): void => db.resizeValue(5000),
        (): void => db.setExpire(START_MS + 77),
      ]
      for (const attempt of attempts.slice(0, 2)) {
        expect(db.findForWrite(key, 0, key.length)).toBe(true)
        expect(valueTextOf(db)).toBe(value)
        const ttl = db.expireAtMs()
        expect(attempt).toThrow(expect.objectContaining({ code: 'ARENA_FULL' }))
        failures++
        expect(db.peek(key, 0, key.length)).toBe(true)
        expect(valueTextOf(db)).toBe(value)
        expect(db.expireAtMs()).toBe(ttl)
      }
    }
    expect(failures).toBe(model.size * 2)
    for (const name of model.keys()) {
      const key = Buffer.from(name)
      if (db.findForWrite(key, 0, key.length)) db.remove()
    }
    expect(db.size).toBe(0)
    expect(db.expiresSize).toBe(0)
    expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
  })
})
