/**
 * LZF: whatever is compressed comes back, and whatever comes in is decompressed within its bounds. That Redis reads what
 * is written here, and the other way round, is shown with DUMP and RESTORE.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { lzfCompress, lzfDecompress } from '../../src/base/lzf.js'

const GUARD = 0xa5

/** Compresses a text that lies somewhere in a buffer; undefined when it does not fit into `room` bytes. */
function compressed(text: Uint8Array, room: number): Uint8Array | undefined {
  const from = new Uint8Array(text.length + 20).fill(GUARD)
  from.set(text, 7)
  const to = new Uint8Array(room + 10).fill(GUARD)
  const length = lzfCompress(from, 7, text.length, to, 3, 3 + room)
  expect([...to.subarray(3 + room)]).toEqual(new Array(7).fill(GUARD))
  return length === 0 ? undefined : to.slice(3, 3 + length)
}

function decompressed(data: Uint8Array, length: number): Uint8Array | undefined {
  const to = new Uint8Array(length + 20).fill(GUARD)
  const fits = lzfDecompress(data, 0, data.length, to, 9, length)
  expect([...to.subarray(0, 9), ...to.subarray(9 + length)]).toEqual(new Array(20).fill(GUARD))
  return fits ? to.slice(9, 9 + length) : undefined
}

/** Texts that have something to compress: pieces of a small alphabet, some of them again and again. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 12, max: 3 }), fc.integer({ min: 1, max: 60 })), { maxLength: 30 })
  .map((pieces) => Buffer.concat(pieces.flatMap(([piece, times]) => new Array<Uint8Array>(times).fill(piece))))

describe('LZF', () => {
  it('brings back what was compressed', () => {
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 300, size: 'max' })), (text) => {
        const data = compressed(text, text.length * 2 + 10)
        if (text.length === 0) {
          expect(data).toBeUndefined()
          return
        }
        expect(Buffer.from(decompressed(data as Uint8Array, text.length) as Uint8Array).equals(text)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('never writes past the room that it is given', () => {
    fc.assert(
      fc.property(repetitive, fc.nat(200), (text, room) => {
        const data = compressed(text, room)
        if (data !== undefined) expect(decompressed(data, text.length)).toEqual(Uint8Array.from(text))
      }),
      { numRuns: 500 },
    )
  })

  it('makes long runs small, and distances up to 8 KiB count', () => {
    expect(compressed(new Uint8Array(100_000), 100_000)?.length).toBeLessThan(1200)
    const far = Buffer.concat([asciiBytes('abcdefghij'), Buffer.from(Array.from({ length: 8182 }, (_, i) => i % 251))])
    const twice = Buffer.concat([far, asciiBytes('abcdefghij')])
    const data = compressed(twice, twice.length) as Uint8Array
    expect(Buffer.from(decompressed(data, twice.length) as Uint8Array).equals(twice)).toBe(true)
  })

  it('reads the three forms of the format', () => {
    expect(decompressed(Uint8Array.of(2, 97, 98, 99), 3)).toEqual(asciiBytes('abc'))
    expect(decompressed(Uint8Array.of(0, 97, 0x20, 0), 4)).toEqual(asciiBytes('aaaa'))
    expect(decompressed(Uint8Array.of(1, 97, 98, 0xe0, 1, 1), 12)).toEqual(asciiBytes('abababababab'))
  })

  it('refuses what is cut off, points before its beginning or has another length', () => {
    const malformed: readonly (readonly number[])[] = [
      [2, 97, 98],
      [0, 97, 0x20],
      [0, 97, 0xe0],
      [0, 97, 0xe0, 1],
      [0, 97, 0x20, 1],
      [0, 97, 0x3f, 255],
      [0, 97, 0x40, 0],
      [0, 97],
    ]
    for (const data of malformed) expect(decompressed(Uint8Array.from(data), 4), String(data)).toBeUndefined()
  })

  it('keeps within its bounds whatever comes in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(400), (data, length) => {
        decompressed(data, length)
      }),
      { numRuns: 2000 },
    )
  })
})
