import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkIntset, INTSET_HEADER_BYTES, Intset } from '../../src/store/intset.js'

/** An intset in memory of its own, at an odd offset. */
class LooseIntset extends Intset {
  constructor(first: string) {
    super()
    this.seekText(first)
    this.stand(new Uint8Array(this.bytesOfSought + 3), 3)
    this.writeOnlySought()
  }

  seekText(text: string): boolean {
    const bytes = Buffer.from(`-${text}-`, 'latin1')
    return this.seek(bytes, 1, text.length)
  }

  members(): string[] {
    const texts: string[] = []
    for (let i = 0; i < this.count; i++) {
      this.read(i)
      texts.push(Buffer.from(this.text).toString('latin1', 0, this.textLength))
    }
    return texts
  }

  protected splice(position: number, removed: number, inserted: number): void {
    const at = this.base + position
    const joined = Buffer.concat([
      this.bytes.subarray(0, at),
      Buffer.alloc(inserted, 0xee),
      this.bytes.subarray(at + removed),
    ])
    this.stand(joined, this.base)
  }
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

const edges = [15, 16, 31, 32, 52, 53, 62, 63].flatMap((bits) => {
  const power = 2n ** BigInt(bits)
  return [power - 1n, power, power + 1n, -power, -power - 1n, -power + 1n]
})

const member = fc.oneof(
  fc.integer({ min: -40, max: 40 }).map(BigInt),
  fc.integer({ min: -40_000, max: 40_000 }).map(BigInt),
  fc.constantFrom(...edges.filter((edge) => edge >= INT64_MIN && edge <= INT64_MAX)),
  fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
)

function ascending(members: Iterable<bigint>): string[] {
  return [...members].sort((a, b) => (a < b ? -1 : 1)).map(String)
}

test('members inserted and removed in any order are those of a set, in order', () => {
  fc.assert(
    fc.property(member, fc.array(fc.tuple(fc.boolean(), member), { maxLength: 60 }), (first, steps) => {
      const intset = new LooseIntset(String(first))
      const model = new Set([first])
      for (const [removes, value] of steps) {
        expect(intset.seekText(String(value))).toBe(true)
        expect(intset.find()).toBe(model.has(value))
        if (!model.has(value)) {
          intset.insert()
          model.add(value)
        } else if (removes) {
          intset.removeAt(intset.place)
          model.delete(value)
        }
        const expected = ascending(model)
        expect(intset.members()).toEqual(expected)
        expect(intset.totalBytes).toBe(intset.bytes.length - intset.base)
        expect(checkIntset(intset.bytes, intset.base, intset.totalBytes)).toBe(expected.length)
      }
      for (const value of model) {
        intset.seekText(String(value))
        expect(intset.find()).toBe(true)
      }
    }),
    { numRuns: 400 },
  )
})

test('only the canonical text of an int64 is an integer', () => {
  const intset = new LooseIntset('0')
  for (const text of ['', '-', '-0', '00', '01', '+1', ' 1', '1 ', '1.0', '1e3', '0x1', 'a', '9223372036854775808']) {
    expect(intset.seekText(text), text).toBe(false)
  }
  expect(intset.seekText('-9223372036854775809')).toBe(false)
  expect(intset.seekText('213244124402402314402033402')).toBe(false)
  for (const text of ['0', '-1', '9223372036854775807', '-9223372036854775808']) {
    expect(intset.seekText(text), text).toBe(true)
  }
})

test("the bytes are Redis's own", () => {
  const intset = new LooseIntset('5')
  for (const text of ['-3', '70000']) {
    intset.seekText(text)
    intset.find()
    intset.insert()
  }
  const expected = Buffer.alloc(INTSET_HEADER_BYTES + 12)
  expected.writeUInt32LE(4, 0)
  expected.writeUInt32LE(3, 4)
  expected.writeInt32LE(-3, 8)
  expected.writeInt32LE(5, 12)
  expected.writeInt32LE(70000, 16)
  expect(Buffer.from(intset.bytes.subarray(intset.base))).toEqual(expected)
})

test('no malformed intset passes the check', () => {
  const bytes = (width: number, count: number, ...members: number[]): Uint8Array => {
    const buffer = Buffer.alloc(8 + members.length * 2)
    buffer.writeUInt32LE(width, 0)
    buffer.writeUInt32LE(count, 4)
    for (const [i, value] of members.entries()) buffer.writeInt16LE(value, 8 + i * 2)
    return buffer
  }
  const check = (image: Uint8Array): number => checkIntset(image, 0, image.length)
  expect(check(bytes(2, 3, -1, 0, 7))).toBe(3)
  expect(check(bytes(2, 0))).toBe(0)
  expect(check(bytes(2, 3, -1, 7, 0))).toBe(-1)
  expect(check(bytes(2, 3, 1, 1, 2))).toBe(-1)
  expect(check(bytes(2, 2, -1, 0, 7))).toBe(-1)
  expect(check(bytes(2, 4, -1, 0, 7))).toBe(-1)
  expect(check(bytes(3, 2, -1, 0, 7))).toBe(-1)
  expect(check(bytes(4, 0x80000001, 1, 2))).toBe(-1)
  expect(checkIntset(bytes(2, 0), 0, 7)).toBe(-1)
})
