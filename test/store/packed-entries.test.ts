/**
 * What is said of the entries of a listpack from outside, beside what reading them one by one tells.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LISTPACK_FIRST, Listpack } from '../../src/store/listpack.js'
import { checkListpack, integerAt } from '../../src/store/listpack-entry.js'
import { PackedEntries } from '../../src/store/packed-entries.js'

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

const integers = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ...[6, 7, 8, 12, 13, 15, 16, 23, 24, 31, 32, 53, 63].flatMap((bits) => [
    fc.bigInt({ min: 2n ** BigInt(bits) - 3n, max: 2n ** BigInt(bits) + (bits === 63 ? -1n : 2n) }),
    fc.bigInt({ min: -(2n ** BigInt(bits)) - (bits === 63 ? 0n : 2n), max: -(2n ** BigInt(bits)) + 2n }),
  ]),
)
const texts = fc.oneof(
  integers.map(String),
  fc.string({ maxLength: 70 }),
  fc.constantFrom('', '0', '-0', '00', '-', '12345678901234567890', 'x'.repeat(63), 'x'.repeat(64), 'y'.repeat(5000)),
)

function packed(values: readonly string[]): Uint8Array {
  const pack = new Listpack()
  for (const value of values) {
    const bytes = Buffer.from(value, 'utf8')
    pack.put(bytes, 0, bytes.length)
  }
  return pack.putAsBytes()
}

/** Encodes a text as a text, also where it is that of an integer. */
function asText(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes, Buffer.of(bytes.length + 1)])
}

function listpackOf(entries: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(entries)
  const head = Buffer.alloc(6)
  head.writeUInt32LE(body.length + 7)
  head.writeUInt16LE(entries.length, 4)
  return Buffer.concat([head, body, Buffer.of(0xff)])
}

function opened(bytes: Uint8Array): PackedEntries {
  const entries = new PackedEntries()
  expect(entries.open(bytes, 0, bytes.length)).toBe(true)
  return entries
}

describe(`entries of a listpack (seed ${seed})`, () => {
  it('are what was put', () => {
    const entries = new PackedEntries()
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 40 }), (values) => {
        const bytes = packed(values)
        expect(entries.open(bytes, 0, bytes.length)).toBe(true)
        expect(entries.count).toBe(values.length)
        expect(entries.isCanonical).toBe(true)
        expect(entries.hasDistinct(1)).toBe(new Set(values).size === values.length)
        const names = values.filter((_, i) => i % 2 === 0)
        expect(entries.hasDistinct(2)).toBe(new Set(names).size === names.length)
        const longest = Math.max(0, ...values.map((value) => Buffer.byteLength(value)))
        expect(entries.textBytesMax).toBeGreaterThanOrEqual(longest)
        expect(entries.textBytesMax).toBeLessThanOrEqual(Math.max(longest, 20))
        const reader = new Listpack()
        reader.stand(bytes, 0)
        let at = LISTPACK_FIRST
        let areIntegers = true
        for (const [i] of values.entries()) {
          expect(entries.starts[i]).toBe(at)
          reader.read(at)
          expect(integerAt(bytes, at)).toEqual(reader.number)
          areIntegers &&= reader.isInteger
          at = reader.next(at)
        }
        expect(entries.areIntegers).toBe(areIntegers)
      }),
      { seed, numRuns: 300 },
    )
  })

  it('are written once more as they were, with or without the lengths behind them', () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 20 }), (values) => {
        const entries = opened(packed(values))
        for (const isTwoWay of [true, false]) {
          const copy = new Listpack(isTwoWay)
          const expected = new Listpack(isTwoWay)
          for (const value of values) expected.put(Buffer.from(value), 0, Buffer.byteLength(value))
          const bytes = new Uint8Array(copy.bytesFor(entries))
          copy.stand(bytes, 0)
          copy.writeEntries(entries)
          expect(Buffer.from(bytes)).toEqual(Buffer.from(expected.putAsBytes()))
        }
      }),
      { seed, numRuns: 200 },
    )
  })

  it('are malformed where the check of a listpack says so', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(
        fc.array(texts, { maxLength: 12 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (values, changes) => {
          const bytes = Buffer.from(packed(values))
          for (const { at, to } of changes) bytes[at % bytes.length] = to
          const count = checkListpack(bytes, 0, bytes.length)
          const entries = new PackedEntries()
          expect(entries.open(bytes, 0, bytes.length)).toBe(count >= 0)
          if (count >= 0) expect(entries.count).toBe(count)
        },
      ),
      { seed, numRuns: 2000 },
    )
  })

  it('are not canonical where an integer stands as a text, or longer than it need', () => {
    expect(opened(listpackOf([asText('12a'), asText('x')])).isCanonical).toBe(true)
    expect(opened(listpackOf([asText('x'), asText('12')])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xc0, 5, 2)])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xf1, 5, 0, 3)])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xf2, 0, 1, 0, 4)])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xf3, 0, 0, 1, 0, 5)])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xf4, 0, 0, 0, 1, 0, 0, 0, 0, 9)])).isCanonical).toBe(false)
    expect(opened(listpackOf([Buffer.of(0xe0, 1, 0x78, 3)])).isCanonical).toBe(false)
    // The last numbers that would be shorter, and the first that would not.
    for (const [first, bytes, bits] of [
      [0xf1, 2, 13],
      [0xf2, 3, 16],
      [0xf3, 4, 24],
      [0xf4, 8, 32],
    ] as const) {
      const longOne = (value: number): Uint8Array => {
        const entry = Buffer.alloc(bytes + 2)
        entry[0] = first
        if (bytes === 8) entry.writeBigInt64LE(BigInt(value), 1)
        else entry.writeIntLE(value, 1, bytes)
        entry[bytes + 1] = bytes + 1
        return listpackOf([entry])
      }
      const bound = 2 ** (bits - 1)
      for (const value of [bound - 1, -bound]) expect(opened(longOne(value)).isCanonical).toBe(false)
      for (const value of [bound, -bound - 1]) expect(opened(longOne(value)).isCanonical).toBe(true)
    }
  })

  it('are told apart however many there are', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `field${i}`)
    expect(opened(packed(names)).hasDistinct(1)).toBe(true)
    expect(opened(packed([...names, 'field500'])).hasDistinct(1)).toBe(false)
    const entries = opened(packed(names))
    entries.open(packed(['a', 'b']), 0, packed(['a', 'b']).length)
    expect(entries.hasDistinct(1)).toBe(true)
  })
})
