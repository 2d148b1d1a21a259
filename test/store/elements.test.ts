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
