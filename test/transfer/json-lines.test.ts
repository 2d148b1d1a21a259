/** Keys as lines of JSON: whatever bytes they hold, they are read as they were written. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonKey, JsonLineError, jsonLineOf, parseJsonLine } from '../../src/transfer/json-lines.js'

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
  fc.string({ unit: 'binary', maxLength: 10 }).map((text) => Buffer.from(text)),
)
const score = fc.double({ noNaN: true })
const time = fc.integer({ min: 0, max: 2 ** 45 })

const values: fc.Arbitrary<JsonKey['value']> = fc.oneof(
  bytes.map((value) => ({ type: 'string' as const, value })),
  fc.array(bytes).map((elements) => ({ type: 'list' as const, elements })),
  fc.array(fc.record({ member: bytes, score })).map((elements) => ({ type: 'zset' as const, elements })),
  fc
    .array(fc.record({ field: bytes, value: bytes, expireAtMs: fc.option(time) }))
    .map((elements) => ({ type: 'hash' as const, elements })),
)

describe('a line', () => {
  it('gives back what it was made of, and has one line end', () => {
    fc.assert(
      fc.property(bytes, fc.nat(15), fc.option(time), values, (key, database, expireAtMs, value) => {
        const line = [...jsonLineOf({ key, database, expireAtMs, value })].join('')
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(parseJsonLine(line)).toEqual({ key, database, expireAtMs, value })
      }),
    )
  })

  it.each([
    '',
    '{}',
    '[1]',
    '{"key":1,"type":"string","value":"x"}',
    '{"key":"k","type":"zset","value":[["m","1e3x"]]}',
  ])('that is none is refused: %s', (line) => {
    expect(() => parseJsonLine(line)).toThrow(JsonLineError)
  })
})
