/** Scores as texts, beside the slower way that float.ts has for all doubles, and bounds of ranges. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { formatDouble } from '../../src/base/float.js'
import { parseScoreBound, readScore, SCORE_TEXT_BYTES_MAX, writeScore } from '../../src/base/score-text.js'

const RUNS = 20_000

const buffer = new Uint8Array(SCORE_TEXT_BYTES_MAX + 8)

function written(score: number): string {
  return Buffer.from(buffer.subarray(3, 3 + writeScore(buffer, 3, score))).toString()
}

const score = fc.oneof(
  fc.double({ noNaN: true }),
  fc.double({ noNaN: true, min: -10, max: 10 }),
  fc.double({ noNaN: true, min: 0.00001, max: 0.01 }),
  fc.double({ noNaN: true, min: 1e13, max: 1e16 }),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 12 })).map(([n, power]) => n / 10 ** power),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 40 })).map(([n, power]) => n / 2 ** power),
  // Next to powers of ten, where a rounded text would get another digit.
  fc
    .tuple(fc.integer({ min: -5, max: 16 }), fc.integer({ min: -3, max: 3 }))
    .map(([power, steps]) => 10 ** power * (1 + steps * Number.EPSILON)),
)

describe('scores', () => {
  it('are written as %.17g and read as the same double', () => {
    fc.assert(
      fc.property(score, (value) => {
        const text = written(value)
        expect(text).toBe(formatDouble(value))
        const bytes = asciiBytes(`,${text},`)
        expect(readScore(bytes, 1, text.length)).toBe(value)
      }),
      { numRuns: RUNS },
    )
  })

  it.each([
    [0.1, '0.10000000000000001'],
    [2.5, '2.5'],
    [-3.14, '-3.1400000000000001'],
    [0.0001, '0.0001'],
    [0.00001, '1.0000000000000001e-05'],
    [2 ** 49 + 0.125, '562949953421312.12'],
    [2 ** 49 + 0.375, '562949953421312.38'],
    [999999999999999.9, '999999999999999.88'],
    [0.99999999999999989, '0.99999999999999989'],
    [1e15, '1000000000000000'],
    [1e17, '1e+17'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [5e-324, '4.9406564584124654e-324'],
  ])('such as %d have the text that C writes', (value, text) => {
    expect(written(value)).toBe(text)
    expect(readScore(asciiBytes(text), 0, text.length)).toBe(value)
  })
})

describe('bounds', () => {
  it.each([
    ['1.5', 1.5],
    ['', 0],
    [' 7', 7],
    ['\t\n-2', -2],
    ['5\0ignored', 5],
    ['\0', 0],
    ['1e400', Number.POSITIVE_INFINITY],
    ['-1e400', Number.NEGATIVE_INFINITY],
    ['1e-400', 0],
    ['0x1p2000', Number.POSITIVE_INFINITY],
    ['0x1p-2000', 0],
    ['+inf', Number.POSITIVE_INFINITY],
    [' ', Number.NaN],
    ['1 ', Number.NaN],
    ['nan', Number.NaN],
    ['x', Number.NaN],
  ])('%j is read as strtod reads it', (text, value) => {
    const bytes = asciiBytes(`9${text}9`)
    expect(parseScoreBound(bytes, 1, text.length)).toBe(value)
  })
})
