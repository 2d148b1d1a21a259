import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asciiBytes } from '../../src/base/bytes.js'
import { crc16, keySlot } from '../../src/base/crc16.js'

const slotOf = (key: string): number => keySlot(asciiBytes(`{${key}}`), 1, key.length)

test('the check value of CRC-16/XMODEM', () => {
  expect(crc16(asciiBytes('123456789'), 0, 9)).toBe(0x31c3)
  expect(crc16(asciiBytes(''), 0, 0)).toBe(0)
})

test('crc16 is the remainder of the polynomial division, computed bit by bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40, size: 'max' }), (bytes) => {
      let remainder = 0
      for (const byte of bytes) {
        for (let bit = 7; bit >= 0; bit--) {
          const top = ((remainder >> 15) & 1) ^ ((byte >> bit) & 1)
          remainder = ((remainder << 1) & 0xffff) ^ (top ? 0x1021 : 0)
        }
      }
      expect(crc16(bytes, 0, bytes.length)).toBe(remainder)
    }),
  )
})

test('slots that CLUSTER KEYSLOT of Redis 7.0.15 gives', () => {
  const recorded: Record<string, number> = {
    '': 0,
    a: 15495,
    foo: 12182,
    bar: 5061,
    'hello world': 15332,
    '{user1000}.following': 3443,
    '{user1000}.followers': 3443,
    'foo{}{bar}': 8363,
    'foo{{bar}}zap': 4015,
    'foo{bar}{zap}': 5061,
    '{}': 15257,
    '{': 4092,
    '}': 12090,
    '}{': 12793,
    'a{b': 13340,
    'a}b{c}': 7365,
    '{a': 10276,
    'key:000000000001': 8924,
    'x{y}z{w}': 12222,
    '{}{a}': 13650,
    '{{}': 4092,
    '{}}': 14790,
  }
  for (const [key, slot] of Object.entries(recorded)) expect(slotOf(key), key).toBe(slot)
})

test('a tag decides alone, whatever stands around it', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab}:'), maxLength: 6 })
  const tag = fc.string({ unit: fc.constantFrom(...'ab{:'), minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(text, tag, fc.string({ unit: fc.constantFrom(...'ab{}:'), maxLength: 6 }), (before, middle, after) => {
      const expected = crc16(asciiBytes(middle), 0, middle.length) % 16384
      expect(slotOf(`${before}{${middle}}${after}`)).toBe(expected)
    }),
  )
})
