import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ArenaFullError } from '../../../src/store/arena.js'
import { copyRecord, moveRecord } from '../../../src/store/move-record.js'
import { Encoding, NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace, peekText, setText } from '../keyspaces.js'
import { elementsOf, ModelledList, nodeEntries, nodeForms } from './list-model.js'

const SETTINGS = [-5, -2, -1, 0, 1, 2, 5, 128] as const

const element = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', '7', '-1', '12345', '', '9223372036854775807', 'ccc') },
  { weight: 3, arbitrary: fc.nat(2_000_000_000).map(String) },
  { weight: 3, arbitrary: fc.nat(3000).map((length) => 'x'.repeat(length)) },
  { weight: 1, arbitrary: fc.nat(12000).map((length) => `${length}${'yz'.repeat(length)}`) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes).toString('latin1')) },
)

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('push' as const), end: fc.boolean(), text: element }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fill' as const),
      end: fc.boolean(),
      texts: fc.array(element, { maxLength: 60 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('pop' as const),
      end: fc.boolean(),
      count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 30 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), from: fc.nat(), count: fc.nat() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      place: fc.nat(),
      end: fc.boolean(),
      text: element,
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), place: fc.nat(), text: element }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      place: fc.nat(),
      count: fc.constantFrom(1, 2, 100000),
      end: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), setting: fc.constantFrom(...SETTINGS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('depth' as const), depth: fc.constantFrom(0, 1, 2, 5) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function apply(list: ModelledList, action: Step): void {
  const { model, keyspace } = list
  switch (action.kind) {
    case 'push':
      list.push(action.end, action.text)
      break
    case 'fill':
      for (const text of action.texts) list.push(action.end, text)
      break
    case 'pop':
      list.pop(action.end, action.count)
      break
    case 'trim': {
      const from = action.from % (model.length + 1)
      list.trim(from, action.count % (model.length - from + 1))
      break
    }
    case 'insert':
      if (model.length > 0) list.insert(action.place % model.length, action.end, action.text)
      break
    case 'set':
      if (model.length > 0) list.set(action.place % model.length, action.text)
      break
    case 'remove':
      if (model.length > 0) list.removeEqual(model[action.place % model.length]!, action.count, action.end)
      break
    case 'limit':
      keyspace.limits.listMaxListpackSize = action.setting
      break
    case 'depth':
      keyspace.limits.listCompressDepth = action.depth
      break
  }
}

describe('lists beside an array', () => {
  test.each(SETTINGS)('edits in any order, beginning with list-max-listpack-size %i', (setting) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.constantFrom(0, 1, 2), (steps, depth) => {
        const keyspace = makeKeyspace()
        keyspace.limits.listMaxListpackSize = setting
        keyspace.limits.listCompressDepth = depth
        const list = new ModelledList(keyspace)
        for (const action of steps) {
          apply(list, action)
          // The depth and the limit say nothing about nodes that nobody has touched since.
          if (action.kind === 'depth') keyspace.limits.listCompressDepth = action.depth
          if (action.kind !== 'depth') list.check()
          if (keyspace.limits.listCompressDepth !== depth) keyspace.limits.listCompressDepth = depth
        }
        list.pop(true, Number.POSITIVE_INFINITY)
        expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
      }),
      { numRuns: 80 },
    )
  })

  test('copies and moves are equal, and the memory of all comes back', () => {
    fc.assert(
      fc.property(
        fc.array(element, { minLength: 1, maxLength: 150 }),
        fc.constantFrom(...SETTINGS),
        fc.constantFrom(0, 1, 2),
        (texts, setting, depth) => {
          const keyspace = makeKeyspace()
          keyspace.limits.listMaxListpackSize = setting
          keyspace.limits.listCompressDepth = depth
          const list = new ModelledList(keyspace)
          for (const text of texts) list.push(false, text)
          const db = keyspace.database(0)
          peekText(db, 'list')
          const forms = nodeForms(db)
          copyRecord(db, Buffer.from('list'), keyspace.database(1), Buffer.from('copy'))
          moveRecord(db, Buffer.from('list'), db, Buffer.from('moved'))
          expect(peekText(db, 'list')).toBe(false)
          const moved = new ModelledList(keyspace, 'moved')
          moved.model = texts
          moved.check()
          const copy = keyspace.database(1)
          expect(peekText(copy, 'copy')).toBe(true)
          expect(elementsOf(copy)).toEqual(texts)
          expect(nodeForms(copy)).toEqual(forms)
          copy.remove()
          moved.pop(false, texts.length)
          expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
        },
      ),
      { numRuns: 80 },
    )
  })
})

test('a list without memory stays as it was', () => {
  let refused = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), fc.integer(), (steps, seed) => {
      const keyspace = makeKeyspace(seed, 1)
      keyspace.limits.listMaxListpackSize = -1
      const list = new ModelledList(keyspace)
      list.push(true, 'first')
      const ballast = new ModelledList(keyspace, 'ballast')
      for (const action of steps) {
        try {
          if (action.kind === 'depth') keyspace.limits.listCompressDepth = action.depth
          else if (action.kind === 'fill') ballast.push(false, action.texts.join('').padEnd(15000, 'q'))
          else apply(list, action)
        } catch (error) {
          if (!(error instanceof ArenaFullError)) throw error
          refused++
          keyspace.limits.listCompressDepth = 0
        }
        const depth = keyspace.limits.listCompressDepth
        // Nodes near the ends may have to stay compressed.
        keyspace.limits.listCompressDepth = 0
        list.check()
        keyspace.limits.listCompressDepth = depth
      }
    }),
    { numRuns: 60 },
  )
  expect(refused).toBeGreaterThan(0)
})

describe('edits at the edge of memory', () => {
  const long = 'y'.repeat(9000)
  const short = 'z'.repeat(900)
  const edits: Record<string, (list: ModelledList) => void> = {
    'a first element': (list) => {
      list.pop(true, list.model.length)
      list.push(true, long)
    },
    'a long element at the tail': (list) => list.push(false, long),
    'a long element in the middle': (list) => list.insert(list.model.length >> 1, true, long),
    'a short element in the middle': (list) => list.insert(list.model.length >> 1, true, short),
    'a long value': (list) => list.set(list.model.length >> 1, long),
    'a short value': (list) => list.set(list.model.length >> 1, short),
  }

  const edges = Object.keys(edits).flatMap((name) => [1, 2, 9, 2000].map((length) => ({ name, length })))
  test.each(edges)('$name, into a list of $length, works or changes nothing', ({ name, length }) => {
    const keyspace = makeKeyspace(1, 1)
    keyspace.limits.listMaxListpackSize = length < 100 ? 8 : -2
    const list = new ModelledList(keyspace)
    for (let i = 0; i < length; i++) list.push(false, String(i % 100))
    const db = keyspace.database(1)
    const ballast: string[] = []
    for (const bytes of [8000, 900, 100, 40, 24, 16, 8]) {
      try {
        for (;;) {
          const key = `b${ballast.length}`
          setText(db, key, 'b'.repeat(bytes), NO_EXPIRY)
          ballast.push(key)
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ArenaFullError)
      }
    }
    let refused = 0
    for (;;) {
      const before = [...list.model]
      try {
        edits[name]!(list)
        break
      } catch (error) {
        expect(error).toBeInstanceOf(ArenaFullError)
        if (name !== 'a first element') expect(list.model).toEqual(before)
        list.check()
        refused++
        peekText(db, ballast.pop()!)
        db.remove()
      }
    }
    list.check()
    if (name.includes('long')) expect(refused).toBeGreaterThan(0)
    list.pop(true, list.model.length)
    for (const key of ballast) {
      peekText(db, key)
      db.remove()
    }
    expect(keyspace.memory().usedBytes).toBe(keyspace.memory().tableBytes)
  })
})

describe('the shape of lists', () => {
  test('a small list is one record, and becomes one again when most of it is gone', () => {
    const keyspace = makeKeyspace()
    const list = new ModelledList(keyspace)
    for (let i = 0; i < 100; i++) list.push(false, `element ${i}`)
    expect(nodeForms(list.db)).toEqual([])
    for (let i = 100; i < 2000; i++) list.push(false, `element ${i}`)
    list.check()
    expect(list.db.encoding).toBe(Encoding.quicklist)
    list.pop(true, 1000)
    list.check()
    expect(list.db.encoding).toBe(Encoding.quicklist)
    list.pop(false, 800)
    list.check()
    expect(list.db.encoding).toBe(Encoding.listpack)
  })

  test.each([true, false])('nodes are full when all elements come at one end (head: %s)', (atHead) => {
    const keyspace = makeKeyspace()
    const list = new ModelledList(keyspace)
    for (let i = 0; i < 20000; i++) list.push(atHead, 'xyz')
    list.check()
    const entries = nodeEntries(list.db)
    const full = Math.floor((8192 - 24 - 7) / 5)
    for (const count of atHead ? entries.slice(1) : entries.slice(0, -1)) expect(count).toBe(full)
    // 20,000 elements of 5 bytes each; a node's header and the end of its block are less than a twentieth of it.
    expect(keyspace.lists.memoryUsage(list.db, 0)).toBeLessThan(20000 * 5 * 1.05 + 8192)
  })

  test('inserting at random places leaves nodes at least a quarter full', () => {
    const keyspace = makeKeyspace()
    const list = new ModelledList(keyspace)
    list.push(true, 'first')
    for (let i = 0; i < 5000; i++) list.insert((i * 7919) % list.model.length, i % 2 === 0, `element ${i}`)
    list.check()
    const entries = nodeEntries(list.db)
    expect(entries.length).toBeLessThan((4 * 5000 * 15) / 8192)
    list.removeEqual('element 7', 1, true)
    for (let i = 0; i < 5000; i++) if (i % 10 !== 0) list.removeEqual(`element ${i}`, 1, i % 3 === 0)
    list.check()
    expect(nodeEntries(list.db).length).toBeLessThanOrEqual(3)
  })

  test('middle nodes are compressed as deep as the setting says', () => {
    const keyspace = makeKeyspace()
    keyspace.limits.listMaxListpackSize = 4
    keyspace.limits.listCompressDepth = 2
    const list = new ModelledList(keyspace)
    for (let i = 0; i < 40; i++) list.push(i % 2 === 0, `${'abc'.repeat(40)}${i}`)
    list.check()
    const forms = nodeForms(list.db)
    expect(forms).toEqual([0, 0, ...new Array<number>(forms.length - 4).fill(2), 0, 0])
    list.set(20, 'd'.repeat(9000))
    list.check()
    expect(nodeForms(list.db)).toContain(3)
  })
})

test('what was kept of a long element is let go with the next short one', () => {
  const list = new ModelledList(makeKeyspace())
  const { cursor } = list.keyspace.lists
  list.push(false, 'x'.repeat(3_000_000))
  list.push(false, 'short')
  peekText(list.db, 'list')
  cursor.open(list.db)
  cursor.goTo(0)
  cursor.hold()
  expect(cursor.heldLength).toBe(3_000_000)
  expect(cursor.held.length).toBe(3_000_000)
  cursor.goTo(1)
  cursor.hold()
  expect(Buffer.from(cursor.held).toString('latin1', 0, cursor.heldLength)).toBe('short')
  expect(cursor.held.length).toBeLessThan(1000)
})

test('a walk of nodes sees what a digest and a loader need', () => {
  const keyspace = makeKeyspace()
  keyspace.limits.listMaxListpackSize = -1
  keyspace.limits.listCompressDepth = 1
  const list = new ModelledList(keyspace)
  for (let i = 0; i < 3000; i++) list.push(false, i % 500 === 3 ? 'long'.repeat(2000) : `element ${i}`)
  const other = new ModelledList(keyspace, 'other')
  const pieces: { isPlain: boolean; bytes: Uint8Array }[] = []
  peekText(list.db, 'list')
  keyspace.lists.visitPieces(list.db, (isPlain, bytes, offset, length) => {
    pieces.push({ isPlain, bytes: bytes.slice(offset, offset + length) })
  })
  expect(pieces.length).toBe(keyspace.lists.pieceCount(list.db))
  const key = Buffer.from('other')
  keyspace.lists.create(list.db, key, 0, key.length)
  for (const { isPlain, bytes } of pieces.flatMap((piece) => [piece, piece])) {
    if (isPlain) keyspace.lists.push(list.db, false, bytes, 0, bytes.length)
    else keyspace.lists.appendListpack(list.db, bytes, 0, bytes.length)
  }
  const count = (bytes: Uint8Array): number => bytes[4]! | (bytes[5]! << 8)
  let at = 0
  other.model = pieces.flatMap(({ isPlain, bytes }) => {
    const texts = list.model.slice(at, at + (isPlain ? 1 : count(bytes)))
    at += texts.length
    return [...texts, ...texts]
  })
  other.check()
})
