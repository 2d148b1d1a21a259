/** Integers at any bit, beside the text of all bits; numbers beside bigints. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fitted,
  fittedWide,
  NUMBER_BITS_MAX,
  Overflow,
  readField,
  readWideField,
  writeField,
  writeWideField,
} from '../../src/base/bit-field.js'

const START = 5

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
}

const field = fc.record({
  bytes: fc.uint8Array({ minLength: START + 18, maxLength: START + 18 }),
  offset: fc.nat(60),
  bits: fc.integer({ min: 1, max: 64 }),
  signed: fc.boolean(),
  value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
})

describe('a field', () => {
  it('reads what stands at its bits, with zeros behind the end', () => {
    fc.assert(
      fc.property(field, fc.nat(18), ({ bytes, offset, bits, signed }, length) => {
        const end = START + length
        const text = bitsOf(bytes.subarray(START, end))
          .padEnd(200, '0')
          .slice(offset, offset + bits)
        const unsigned = BigInt(`0b${text}`)
        const expected = signed ? BigInt.asIntN(bits, unsigned) : unsigned
        expect(readWideField(bytes, START, end, offset, bits, signed)).toBe(expected)
        if (bits <= NUMBER_BITS_MAX) {
          expect(BigInt(readField(bytes, START, end, offset, bits, signed))).toBe(expected)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('writes its bits and no others', () => {
    fc.assert(
      fc.property(field, ({ bytes, offset, bits, signed, value }) => {
        const stored = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
        const before = bitsOf(bytes)
        const from = START * 8 + offset
        const wanted = BigInt.asUintN(bits, value).toString(2).padStart(bits, '0')
        const after = before.slice(0, from) + wanted + before.slice(from + bits)
        const wide = bytes.slice()
        writeWideField(wide, START, offset, bits, stored)
        expect(bitsOf(wide)).toBe(after)
        if (bits > NUMBER_BITS_MAX) return
        writeField(bytes, START, offset, bits, Number(stored))
        expect(bitsOf(bytes)).toBe(after)
      }),
      { numRuns: 1000 },
    )
  })

  it('holds numbers as it holds bigints', () => {
    const bits = fc.integer({ min: 1, max: NUMBER_BITS_MAX })
    const overflow = fc.constantFrom(Overflow.wrap, Overflow.saturate, Overflow.fail)
    fc.assert(
      fc.property(fc.maxSafeInteger(), bits, fc.boolean(), overflow, (value, width, signed, what) => {
        const wide = fittedWide(BigInt(value), width, signed, what)
        const narrow = fitted(value, width, signed, what)
        expect(Number.isNaN(narrow) ? undefined : BigInt(narrow)).toBe(wide)
      }),
      { numRuns: 2000 },
    )
  })
})
