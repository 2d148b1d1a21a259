import { expect, test } from 'vitest'
import { ELEMENTS_ROOT_BYTES, Elements, rootWordOf } from '../../src/store/elements.js'
import { Encoding, NO_EXPIRY, ValueType } from '../../src/store/value-type.js'
import { makeKeyspace } from './keyspaces.js'

test('one object serves two collections that grow and shrink in turn, and gives all memory back', () => {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  const elements = new Elements(keyspace)
  const models = [new Map<string, string>(), new Map<string, string>()]
  const keys = [Buffer.from('a'), Buffer.from('b')]
  // The database's own table stays when its last key goes.
  db.create(keys[0]!, 0, 1, ValueType.set, Encoding.raw, 0, NO_EXPIRY)
  db.remove()
  const before = keyspace.arena.usedBytes
  for (const key of keys) db.create(key, 0, 1, ValueType.set, Encoding.hashtable, ELEMENTS_ROOT_BYTES, NO_EXPIRY)
  const open = (i: number): void => {
    db.peek(keys[i]!, 0, 1)
    elements.open(db.words, rootWordOf(db.valueOffset))
  }
  for (let step = 0; step < 60_000; step++) {
    const which = step & 1
    const model = models[which]!
    const name = Buffer.from(`member:${keyspace.prng.below(20_000)}`)
    const value = Buffer.from('v'.repeat(keyspace.prng.below(40)))
    open(which)
    const found = elements.find(name, 0, name.length)
    expect(found).toBe(model.has(name.toString()))
    if (!found) {
      elements.addSought(name, 0, name.length, value.length)
      elements.bytes.set(value, elements.valueOffset)
      model.set(name.toString(), value.toString())
    } else if (step % 3 === 0) {
      elements.setValue(value, 0, value.length)
      model.set(name.toString(), value.toString())
    } else {
      elements.remove()
      model.delete(name.toString())
    }
    elements.close()
  }
  for (const which of [0, 1]) {
    open(which)
    const seen = new Map<string, string>()
    elements.visitAll((at) => {
      const name = Buffer.from(at.bytes.subarray(at.keyOffset, at.keyOffset + at.keyLength)).toString()
      seen.set(name, Buffer.from(at.bytes.subarray(at.valueOffset, at.valueOffset + at.valueLength)).toString())
      return true
    })
    expect(seen).toEqual(models[which])
    expect(elements.size).toBe(seen.size)
  }
  for (const which of [0, 1]) {
    open(which)
    let portions = 0
    while (!elements.freeSome(500)) {
      elements.close()
      open(which)
      portions++
    }
    elements.close()
    expect(portions).toBeGreaterThan(models[which]!.size / 1000)
  }
  for (const key of keys) {
    db.peek(key, 0, 1)
    db.removeWithoutValue()
  }
  expect(keyspace.arena.usedBytes).toBe(before)
})

/** A collection of so many elements, each with a time to live, in a key of its own. */
function expiringElements(count: number) {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  const key = Buffer.from('k')
  db.create(key, 0, 1, ValueType.set, Encoding.raw, 0, NO_EXPIRY)
  db.remove()
  const before = keyspace.arena.usedBytes
  const elements = new Elements(keyspace)
  db.create(key, 0, 1, ValueType.set, Encoding.hashtable, ELEMENTS_ROOT_BYTES, NO_EXPIRY)
  const open = (): void => {
    db.peek(key, 0, 1)
    elements.open(db.words, rootWordOf(db.valueOffset))
  }
  open()
  for (let i = 0; i < count; i++) add(elements, `member:${i}`)
  elements.close()
  return { keyspace, db, elements, open, before }
}

function add(elements: Elements, text: string): void {
  const name = Buffer.from(text)
  expect(elements.find(name, 0, name.length)).toBe(false)
  elements.addSought(name, 0, name.length, 0)
  elements.setExpiry(1_800_000_000_000)
}

test('elements with times to live go in portions of any size, and so do their tables', () => {
  for (const portion of [1, 2, 7, 40, 41, 42, 43, 100, 5000]) {
    const { keyspace, db, elements, open, before } = expiringElements(500)
    let portions = 0
    let used = keyspace.arena.usedBytes
    for (let done = false; !done; portions++) {
      open()
      done = elements.freeSome(portion)
      elements.close()
      expect(keyspace.arena.usedBytes).toBeLessThanOrEqual(used)
      used = keyspace.arena.usedBytes
    }
    // Five hundred elements and about fifty buckets of each table, some of them in a portion too large.
    expect(portions).toBeGreaterThan(500 / (portion + 40))
    db.removeWithoutValue()
    expect(keyspace.arena.usedBytes).toBe(before)
  }
})

test('a scan finds what is there all the time, whatever comes and goes between its calls', () => {
  for (const [present, coming, going] of [
    [30, 3000, 0],
    [500, 0, 480],
    [400, 2500, 300],
  ] as const) {
    const { keyspace, elements, open } = expiringElements(present)
    const staying = new Set(Array.from({ length: present - going }, (_, i) => `member:${going + i}`))
    let added = 0
    let removed = 0
    let cursor = 0
    do {
      open()
      cursor = elements.scanSome(cursor, 10, 100)
      for (let i = 0; i < elements.scannedCount; i++) {
        elements.standOnScanned(i)
        staying.delete(
          Buffer.from(elements.bytes).toString('latin1', elements.keyOffset, elements.keyOffset + elements.keyLength),
        )
      }
      for (let i = 0; i < 40 && added < coming; i++) add(elements, `other:${added++}`)
      for (let i = 0; i < 20 && removed < going; i++) {
        const name = Buffer.from(`member:${removed++}`)
        expect(elements.find(name, 0, name.length)).toBe(true)
        elements.remove()
      }
      elements.close()
    } while (cursor !== 0)
    expect([...staying]).toEqual([])
    expect(keyspace.arena.usedBytes).toBeGreaterThan(0)
  }
})
