/** Counting and finding bits by words, beside doing it bit by bit. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countBits, findBit } from '../../src/base/bits.js'

const WORDS_BEFORE = 3

/** Bytes behind a few words of something else, with whole words at the end. */
function placed(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(WORDS_BEFORE + Math.ceil(bytes.length / 4) + 1).fill(-1431655766)
  new Uint8Array(words.buffer).set(bytes, WORDS_BEFORE * 4)
  return words
}

function bitAt(bytes: Uint8Array, position: number): number {
  return (bytes[position >> 3]! >> (7 - (position & 7))) & 1
}

const sparse = fc.oneof(fc.constant(0), fc.constant(255), fc.nat(255))
const bytesOf = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(sparse, { maxLength: 200 }).map((list) => Uint8Array.from(list)),
  fc.tuple(fc.constantFrom(0, 255), fc.nat(300)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
)
const ranges = bytesOf.chain((bytes) =>
  fc.tuple(fc.constant(bytes), fc.nat(bytes.length * 8), fc.nat(bytes.length * 8), fc.constantFrom(0, 1)),
)

describe('bits', () => {
  it('are counted as one by one', () => {
    fc.assert(
      fc.property(ranges, ([bytes, start, end]) => {
        let count = 0
        for (let i = start; i < end; i++) count += bitAt(bytes, i)
        expect(countBits(placed(bytes), WORDS_BEFORE, start, end)).toBe(count)
      }),
      { numRuns: 500 },
    )
  })

  it('are found as one by one', () => {
    fc.assert(
      fc.property(ranges, ([bytes, start, end, wanted]) => {
        let found = -1
        for (let i = start; i < end && found < 0; i++) if (bitAt(bytes, i) === wanted) found = i
        expect(findBit(placed(bytes), WORDS_BEFORE, start, end, wanted)).toBe(found)
      }),
      { numRuns: 500 },
    )
  })
})
