import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LISTPACK_FIRST, Listpack, type ListpackRoom } from '../../src/store/listpack.js'
import { checkListpack, LISTPACK_EMPTY_BYTES } from '../../src/store/listpack-entry.js'

/** An empty listpack in memory of its own. */
function looseListpack(): Listpack {
  const room: ListpackRoom = {
    splice(position, removed, inserted) {
      const { bytes, base } = listpack
      const at = base + position
      listpack.stand(
        Buffer.concat([bytes.subarray(0, at), Buffer.alloc(inserted, 0xee), bytes.subarray(at + removed)]),
        base,
      )
    },
  }
  const listpack = new Listpack(true, room)
  listpack.stand(new Uint8Array(LISTPACK_EMPTY_BYTES + 3), 3)
  listpack.writeEmpty()
  return listpack
}

/** How much memory waits for the next values to be put. */
function pendingBytes(listpack: Listpack): number {
  return (listpack as unknown as { pending: Uint8Array }).pending.length
}

function textsOf(listpack: Listpack): string[] {
  const texts: string[] = []
  for (let at = LISTPACK_FIRST; !listpack.isEnd(at); at = listpack.next(at)) texts.push(textAt(listpack, at))
  return texts
}

function textAt(listpack: Listpack, at: number): string {
  listpack.read(at)
  return Buffer.from(listpack.valueBytes).toString(
    'latin1',
    listpack.valueOffset,
    listpack.valueOffset + listpack.valueLength,
  )
}

function headerCount({ bytes, base }: Listpack): number {
  return bytes[base + 4]! | (bytes[base + 5]! << 8)
}

function put(listpack: Listpack, text: string): void {
  const bytes = Buffer.from(text, 'latin1')
  listpack.put(bytes, 0, bytes.length)
}

const edges = [
  '0',
  '127',
  '128',
  '-1',
  '-4096',
  '-4097',
  '4095',
  '4096',
  '32767',
  '-32768',
  '8388607',
  '-8388608',
  '8388608',
]
const farEdges = [
  '2147483647',
  '-2147483648',
  '2147483648',
  '9007199254740991',
  '9007199254740993',
  '-9007199254740993',
]
const notIntegers = [
  '',
  '-0',
  '007',
  '9223372036854775808',
  ' 1',
  '1 ',
  '-',
  'x'.repeat(63),
  'x'.repeat(64),
  'y'.repeat(4095),
]
const value = fc.oneof(
  fc.constantFrom(
    ...edges,
    ...farEdges,
    ...notIntegers,
    '9223372036854775807',
    '-9223372036854775808',
    'z'.repeat(20000),
  ),
  fc.maxSafeInteger().map(String),
  fc.string({ unit: 'binary', maxLength: 130 }).map((text) => Buffer.from(text).toString('latin1')),
)

const edit = fc.oneof(
  fc.record({
    kind: fc.constant('insert' as const),
    place: fc.nat(),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('replace' as const),
    place: fc.nat(),
    values: fc.array(value, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), place: fc.nat(), entries: fc.integer({ min: 1, max: 3 }) }),
)

test('edits in any order leave what an array would', () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 40 }), (edits) => {
      const listpack = looseListpack()
      const model: string[] = []
      for (const step of edits) {
        const index = step.place % (model.length + 1)
        const at = index === model.length ? listpack.end : listpack.seek(index)
        if (step.kind === 'remove') {
          const entries = Math.min(step.entries, model.length - index)
          listpack.remove(at, entries)
          model.splice(index, entries)
        } else {
          const replaced = step.kind === 'replace' && index < model.length ? 1 : 0
          listpack.clearPut()
          for (const text of step.values) put(listpack, text)
          listpack.replaceWithPut(at, replaced === 1 ? listpack.next(at) : at, replaced)
          model.splice(index, replaced, ...step.values)
        }
        expect(textsOf(listpack)).toEqual(model)
        expect(listpack.count).toBe(model.length)
        expect(checkListpack(listpack.bytes, listpack.base, listpack.totalBytes)).toBe(model.length)
      }
      let at = listpack.end
      for (let i = model.length - 1; i >= 0; i--) {
        at = listpack.previous(at)
        expect(textAt(listpack, at)).toBe(model[i])
        expect(textAt(listpack, listpack.seek(i - model.length))).toBe(model[i])
      }
      for (const text of model) {
        listpack.clearPut()
        put(listpack, text)
        const found = listpack.find(LISTPACK_FIRST, 1)
        expect(found).toBe(listpack.seek(model.indexOf(text)))
        expect(listpack.isPut(found)).toBe(true)
      }
    }),
    { numRuns: 200 },
  )
})

test('a listpack of more entries than its header can count still knows their number', () => {
  const listpack = looseListpack()
  listpack.clearPut()
  for (let i = 0; i < 70_000; i++) listpack.putInteger(i)
  listpack.insertPut(listpack.end)
  expect(listpack.count).toBe(70_000)
  listpack.clearPut()
  listpack.putInteger(70_000)
  listpack.replaceWithPut(listpack.seek(-1), listpack.end, 1)
  listpack.insertPut(LISTPACK_FIRST)
  expect(listpack.count).toBe(70_001)
  listpack.remove(LISTPACK_FIRST, 10_001)
  // Not even what fits the header again is counted for an edit, but for who asks.
  expect(headerCount(listpack)).toBe(65_535)
  expect(listpack.count).toBe(60_000)
  expect(headerCount(listpack)).toBe(60_000)
  expect(checkListpack(listpack.bytes, listpack.base, listpack.totalBytes)).toBe(60_000)
})

test('no malformed listpack passes the check, and none makes it read outside', () => {
  const listpack = looseListpack()
  listpack.clearPut()
  for (const text of [...edges, ...farEdges, ...notIntegers]) put(listpack, text)
  listpack.insertPut(listpack.end)
  const whole = listpack.bytes.slice(listpack.base, listpack.base + listpack.totalBytes)
  expect(checkListpack(whole, 0, whole.length)).toBe(edges.length + farEdges.length + notIntegers.length)
  for (let length = 0; length < whole.length; length++)
    expect(checkListpack(whole.slice(0, length), 0, length)).toBe(-1)
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const damaged = Uint8Array.from(whole)
      damaged[at]! ^= mask
      const count = checkListpack(damaged, 0, damaged.length)
      // A changed byte of a string is no damage that anybody could see.
      if (count >= 0) expect(count).toBe(edges.length + farEdges.length + notIntegers.length)
    }),
    { numRuns: 2000 },
  )
})

test('a value that is longer than the listpack is not looked for, and a long one keeps no memory', () => {
  const listpack = looseListpack()
  put(listpack, 'short')
  put(listpack, '12345678901234567890')
  listpack.insertPut(listpack.end)
  const long = Buffer.alloc(4 * 1024 * 1024, 0x78)
  const before = pendingBytes(listpack)
  expect(listpack.putSought(long, 0, long.length)).toBe(false)
  expect(listpack.putEntries).toBe(0)
  expect(pendingBytes(listpack)).toBe(before)
  for (const text of ['12345678901234567890', 'short']) {
    const bytes = Buffer.from(text)
    expect(listpack.putSought(bytes, 0, bytes.length)).toBe(true)
    expect(listpack.find(LISTPACK_FIRST, 1)).toBeGreaterThan(0)
  }
  listpack.clearPut()
  listpack.put(long, 0, long.length)
  listpack.insertPut(listpack.end)
  expect(listpack.putSought(long, 0, long.length)).toBe(true)
  expect(listpack.find(LISTPACK_FIRST, 1)).toBeGreaterThan(0)
  listpack.clearPut()
  expect(pendingBytes(listpack)).toBeLessThan(1024)
})

test('only who has room for it can edit a listpack', () => {
  const listpack = new Listpack()
  put(listpack, 'text')
  listpack.putAsBytes()
  expect(() => listpack.remove(LISTPACK_FIRST, 1)).toThrow('a listpack without room was edited')
  expect(textsOf(listpack)).toEqual(['text'])
})
