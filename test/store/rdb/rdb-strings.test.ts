/** Lengths, numbers and strings of RDB: what is written comes back, and what is malformed is refused where it is. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes, latin1Of } from '../../../src/base/bytes.js'
import { RdbFormatError, RdbReader } from '../../../src/store/rdb/rdb-reader.js'
import { RdbWriter } from '../../../src/store/rdb/rdb-writer.js'

function written(write: (writer: RdbWriter) => void, compresses = true): Uint8Array {
  const writer = new RdbWriter(compresses)
  write(writer)
  return writer.take()
}

function readerOf(bytes: Uint8Array): RdbReader {
  const reader = new RdbReader()
  const shifted = new Uint8Array(bytes.length + 8).fill(0xff)
  shifted.set(bytes, 3)
  reader.open(shifted, 3, bytes.length)
  return reader
}

function textOf(reader: RdbReader): string {
  reader.string()
  return latin1Of(reader.text, reader.textOffset, reader.textLength)
}

describe('RDB', () => {
  it('keeps lengths in 1, 2, 5 or 9 bytes', () => {
    const sizes: readonly (readonly [number, number])[] = [
      [0, 1],
      [63, 1],
      [64, 2],
      [16383, 2],
      [16384, 5],
      [4294967295, 5],
      [4294967296, 9],
      [Number.MAX_SAFE_INTEGER, 9],
    ]
    for (const [length, size] of sizes) {
      const bytes = written((writer) => writer.length(length))
      expect(bytes.length).toBe(size)
      expect(readerOf(bytes).length()).toBe(length)
    }
  })

  it('keeps numbers of 64 bits', () => {
    const half = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(half, half, fc.maxSafeInteger(), fc.double({ noNaN: true }), (high, low, time, double) => {
        const reader = readerOf(
          written((writer) => {
            writer.length64(high, low)
            writer.bigEndian64(high, low)
            writer.int64(time)
            writer.double(double)
          }),
        )
        reader.length64()
        expect([reader.high, reader.low]).toEqual([high, low])
        reader.bigEndian64()
        expect([reader.high, reader.low]).toEqual([high, low])
        expect(reader.int64()).toBe(time)
        expect(reader.double()).toBe(double)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('keeps any string, and integers of up to 32 bits as numbers', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 100 }),
      fc.integer().map(String),
      fc.maxSafeInteger().map(String),
      fc.tuple(fc.string({ unit: 'binary-ascii', maxLength: 5 }), fc.nat(50)).map(([unit, n]) => unit.repeat(n)),
      fc.constantFrom('', '-0', '007', '+1', '2147483647', '2147483648', '-2147483648', '-2147483649'),
    )
    fc.assert(
      fc.property(text, fc.boolean(), (value, compresses) => {
        const bytes = asciiBytes(value)
        const data = written((writer) => writer.string(bytes, 0, bytes.length), compresses)
        expect(textOf(readerOf(data))).toBe(value)
        if (/^(0|-?[1-9]\d*)$/.test(value) && Number(value) === (Number(value) | 0)) {
          expect(data.length).toBeLessThanOrEqual(5)
          expect(written((writer) => writer.integerString(Number(value)))).toEqual(data)
        }
        if (!compresses) expect(data.length).toBeLessThanOrEqual(bytes.length + 5)
      }),
      { numRuns: 500 },
    )
  })

  it('compresses only what becomes shorter', () => {
    const repeated = asciiBytes('a'.repeat(1000))
    expect(written((writer) => writer.string(repeated, 0, 1000)).length).toBeLessThan(50)
    expect(written((writer) => writer.string(repeated, 0, 1000), false).length).toBe(1002)
    expect(written((writer) => writer.string(repeated, 0, 20)).length).toBe(21)
  })

  it('reads scores in text, as old files have them', () => {
    for (const [data, value] of [
      [[253], Number.NaN],
      [[254], Infinity],
      [[255], -Infinity],
      [[3, 49, 46, 53], 1.5],
      [[2, 45, 55], -7],
    ] as const) {
      expect(readerOf(Uint8Array.from(data)).textDouble()).toBe(value)
    }
  })

  it('says what it expected and where', () => {
    const cases: readonly (readonly [number[], (reader: RdbReader) => unknown, string, number])[] = [
      [[], (reader) => reader.byte(), 'a byte', 0],
      [[0x82], (reader) => reader.length(), 'a length', 0],
      [[0xc0], (reader) => reader.length(), 'a length', 0],
      [[0x80, 1], (reader) => reader.length(), '4 bytes', 1],
      [[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0], (reader) => reader.length(), 'a length', 9],
      [[5, 1, 2], (reader) => reader.count(1), 'a count that the data can hold', 1],
      [[5, 97], (reader) => reader.string(), '5 bytes', 1],
      [[0xc4], (reader) => reader.string(), 'a length', 0],
      [[0xc2, 1], (reader) => reader.string(), '4 bytes', 1],
      [[0xc3, 1, 0x80, 0x7f, 0, 0, 0, 0], (reader) => reader.string(), 'a compressed string of a possible length', 7],
      [[0xc3, 2, 9, 0, 97], (reader) => reader.string(), 'compressed data', 5],
      [[2, 97, 98], (reader) => reader.textDouble(), 'a number in text', 3],
      [[0, 0, 0, 0, 0, 0, 0, 0x80], (reader) => reader.int64(), 'a time', 8],
    ]
    for (const [data, read, expected, offset] of cases) {
      const reader = new RdbReader()
      reader.open(Uint8Array.from(data), 0, data.length)
      try {
        read(reader)
        expect.fail(`${data} was read`)
      } catch (error) {
        expect(error).toBeInstanceOf(RdbFormatError)
        expect(error).toMatchObject({ code: 'RDB_FORMAT', expected, offset })
      }
    }
  })

  it('never reads past its range', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
        const reader = readerOf(data)
        try {
          while (reader.remaining > 0) reader.string()
        } catch (error) {
          expect(error).toBeInstanceOf(RdbFormatError)
        }
        expect(reader.position).toBeLessThanOrEqual(3 + data.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses compressed strings that claim to be longer than any value can be', () => {
    const compressed = 60_000_000
    const bytes = new Uint8Array(19 + compressed)
    const writer = new RdbWriter()
    writer.byte(0xc3)
    for (const length of [compressed, 5_000_000_000]) writer.length(length)
    bytes.set(writer.take())
    const reader = new RdbReader()
    reader.open(bytes, 0, bytes.length)
    expect(() => reader.string()).toThrow(RdbFormatError)
  })
})
