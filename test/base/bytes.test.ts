import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  asciiBytes,
  compareBytes,
  copyBytes,
  equalBytes,
  equalsAsciiIgnoreCase,
  latin1Of,
  lowerByte,
  utf8Bytes,
  utf8Of,
  writeAscii,
} from '../../src/base/bytes.js'

/** Two ranges of up to 300 bytes, so that both the loops and the views are taken. */
const chunk = fc.uint8Array({ minLength: 0, maxLength: 300, size: 'max' })

/** The range in the middle of a larger buffer, on ordinary or on shared memory. */
function embed(bytes: Uint8Array, offset: number, shared: boolean): Uint8Array {
  const length = offset + bytes.length + 7
  const buffer = new Uint8Array(shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length))
  buffer.set(bytes, offset)
  return buffer
}

describe('copyBytes', () => {
  test('copies between buffers and touches nothing else', () => {
    fc.assert(
      fc.property(
        chunk,
        fc.nat(20),
        fc.nat(20),
        fc.boolean(),
        fc.boolean(),
        (bytes, from, to, sharedFrom, sharedTo) => {
          const source = embed(bytes, from, sharedFrom)
          const target = embed(new Uint8Array(bytes.length), to, sharedTo)
          target.fill(0xee)
          copyBytes(source, from, target, to, bytes.length)
          expect([...target.subarray(to, to + bytes.length)]).toEqual([...bytes])
          expect(target.subarray(0, to).every((byte) => byte === 0xee)).toBe(true)
          expect(target.subarray(to + bytes.length).every((byte) => byte === 0xee)).toBe(true)
        },
      ),
    )
  })

  test('moves overlapping ranges of one view in both directions', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200, size: 'max' }),
        fc.nat(199),
        fc.nat(199),
        fc.nat(200),
        (bytes, a, b, n) => {
          const from = a % bytes.length
          const to = b % bytes.length
          const length = Math.min(n, bytes.length - Math.max(from, to))
          const expected = Uint8Array.from(bytes)
          expected.copyWithin(to, from, from + length)
          copyBytes(bytes, from, bytes, to, length)
          expect(bytes).toEqual(expected)
        },
      ),
    )
  })
})

describe('comparisons', () => {
  test('compareBytes and equalBytes agree with Buffer.compare', () => {
    const pair = fc.oneof(
      fc.tuple(chunk, chunk),
      // Long common beginnings, which two arbitrary ranges never have.
      fc
        .tuple(chunk, fc.uint8Array({ maxLength: 2 }), fc.uint8Array({ maxLength: 2 }))
        .map(([head, a, b]) => [Uint8Array.from([...head, ...a]), Uint8Array.from([...head, ...b])]),
    )
    fc.assert(
      fc.property(pair, fc.nat(5), fc.nat(5), ([left, right], leftOffset, rightOffset) => {
        const a = embed(left!, leftOffset, false)
        const b = embed(right!, rightOffset, true)
        const expected = Buffer.compare(left!, right!)
        const order = compareBytes(a, leftOffset, left!.length, b, rightOffset, right!.length)
        expect(Math.sign(order)).toBe(expected)
        if (left!.length === right!.length) {
          expect(equalBytes(a, leftOffset, b, rightOffset, left!.length)).toBe(expected === 0)
        }
      }),
    )
  })

  test('a difference in any single byte is seen', () => {
    for (const length of [1, 95, 96, 97, 200]) {
      for (let i = 0; i < length; i++) {
        const left = new Uint8Array(length)
        const right = new Uint8Array(length)
        right[i] = 0x80
        expect(equalBytes(left, 0, right, 0, length)).toBe(false)
        expect(compareBytes(left, 0, length, right, 0, length)).toBeLessThan(0)
        expect(compareBytes(right, 0, length, left, 0, length)).toBeGreaterThan(0)
      }
    }
  })

  test('equalsAsciiIgnoreCase folds only ASCII letters', () => {
    const literal = asciiBytes('match[')
    for (const [text, expected] of [
      ['match[', true],
      ['MaTcH[', true],
      ['MATCH{', false],
      ['match', false],
      ['match[]', false],
    ] as const) {
      expect(equalsAsciiIgnoreCase(asciiBytes(text), 0, text.length, literal)).toBe(expected)
    }
    for (let byte = 0; byte < 256; byte++) {
      const upperLetter = byte >= 65 && byte <= 90
      expect(lowerByte(byte)).toBe(upperLetter ? byte + 32 : byte)
    }
  })
})

describe('text', () => {
  test('latin1Of undoes asciiBytes for every byte', () => {
    fc.assert(
      fc.property(chunk, fc.nat(9), (bytes, offset) => {
        const buffer = embed(bytes, offset, true)
        const text = latin1Of(buffer, offset, bytes.length)
        expect([...asciiBytes(text)]).toEqual([...bytes])
        const written = new Uint8Array(bytes.length + 2)
        expect(writeAscii(written, 1, text)).toBe(bytes.length)
        expect([...written.subarray(1, 1 + bytes.length)]).toEqual([...bytes])
      }),
    )
  })

  test('utf8Of undoes utf8Bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const bytes = utf8Bytes(text)
        expect(utf8Of(bytes, 0, bytes.length)).toBe(text)
      }),
    )
  })

  test("ranges of a view that does not begin at its buffer's start", () => {
    const view = asciiBytes('xxhello').subarray(2)
    expect(latin1Of(view, 1, 3)).toBe('ell')
    expect(utf8Of(view, 1, 3)).toBe('ell')
  })
})
