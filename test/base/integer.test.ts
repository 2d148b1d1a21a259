import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asciiBytes, latin1Of } from '../../src/base/bytes.js'
import {
  INT64_MAX,
  INT64_MIN,
  integerDigits,
  isCanonicalInt64,
  parseInt64,
  parseSafeInteger,
  parseUnsigned,
  writeBigInt,
  writeInteger,
} from '../../src/base/integer.js'

/** What a text means, told with the slow and obvious means of the language. */
function expectedInteger(text: string): bigint | undefined {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = BigInt(text)
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined
}

function check(text: string): void {
  const buffer = asciiBytes(`9${text}9`)
  const expected = expectedInteger(text)
  expect(parseInt64(buffer, 1, text.length), text).toBe(expected)
  expect(isCanonicalInt64(buffer, 1, text.length), text).toBe(expected !== undefined)
  const safe = expected !== undefined && Number.isSafeInteger(Number(expected))
  expect(parseSafeInteger(buffer, 1, text.length), text).toBe(safe ? Number(expected) : Number.NaN)
  expect(parseUnsigned(buffer, 1, text.length), text).toBe(safe && expected >= 0n ? Number(expected) : -1)
}

const anyInt64 = fc.oneof(
  fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
  fc.bigInt({ min: -100000n, max: 100000n }),
  fc.bigInt({ min: INT64_MAX - 20n, max: INT64_MAX }),
  fc.bigInt({ min: INT64_MIN, max: INT64_MIN + 20n }),
  // Every number of digits is equally likely.
  fc
    .tuple(fc.nat(18), fc.bigInt({ min: INT64_MIN, max: INT64_MAX }))
    .map(([digits, value]) => value % 10n ** BigInt(digits + 1)),
)

describe('reading', () => {
  test('the borders and the refused forms', () => {
    for (const text of [
      '',
      '-',
      '+',
      '0',
      '-0',
      '00',
      '01',
      '-01',
      '+1',
      ' 1',
      '1 ',
      '1.',
      '1e3',
      '0x10',
      '1-',
      '--1',
      '9',
      '10',
      '-1',
      '-9',
      '9007199254740990',
      '9007199254740991',
      '9007199254740992',
      '9007199254740993',
      '-9007199254740991',
      '-9007199254740992',
      '9999999999999999',
      '99999999999999999',
      '999999999999999999',
      '9223372036854775806',
      '9223372036854775807',
      '9223372036854775808',
      '9223372036854775810',
      '9300000000000000000',
      '-9223372036854775807',
      '-9223372036854775808',
      '-9223372036854775809',
      '10000000000000000000',
      '18446744073709551616',
      '-18446744073709551616',
      '123456789012345678901234567890',
      '/',
      ':',
      '1/',
      '1:',
      '\u00b11',
    ]) {
      check(text)
    }
  })

  test('integers of the whole range, and around it', () => {
    fc.assert(fc.property(anyInt64, (value) => check(value.toString())))
    fc.assert(
      fc.property(fc.bigInt({ min: INT64_MIN * 30n, max: INT64_MAX * 30n }), (value) => check(value.toString())),
    )
  })

  test('texts made of the characters that numbers are made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-+ .e'), maxLength: 22, size: 'max' }), check),
    )
  })
})

describe('writing', () => {
  test('writeBigInt gives the decimal text, and reading it gives the number back', () => {
    const buffer = new Uint8Array(40).fill(0x78)
    fc.assert(
      fc.property(anyInt64, (value) => {
        const length = writeBigInt(buffer, 3, value)
        expect(latin1Of(buffer, 3, length)).toBe(value.toString())
        expect(parseInt64(buffer, 3, length)).toBe(value)
      }),
    )
  })

  test('writeInteger and integerDigits, at every power of ten and everywhere between', () => {
    const buffer = new Uint8Array(24)
    const checkWrite = (n: number): void => {
      buffer.fill(0x78)
      const text = String(n === 0 ? 0 : n)
      expect(writeInteger(buffer, 2, n)).toBe(text.length)
      expect(integerDigits(n)).toBe(text.length)
      expect(latin1Of(buffer, 0, text.length + 3)).toBe(`xx${text}x`)
    }
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const n of [power - 1, power, power + 1, 9 * power]) {
        checkWrite(n)
        checkWrite(-n)
      }
    }
    for (const n of [
      0,
      -0,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2147483647,
      2147483648,
      4294967295,
      4294967296,
    ]) {
      checkWrite(n)
    }
    fc.assert(fc.property(fc.maxSafeInteger(), checkWrite))
    fc.assert(fc.property(fc.integer(), checkWrite))
  })
})
