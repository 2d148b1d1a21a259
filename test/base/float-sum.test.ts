import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asciiBytes, latin1Of } from '../../src/base/bytes.js'
import { FloatSumError, writeFloatSum } from '../../src/base/float-sum.js'
import {
  addLongDoubles,
  LONG_DOUBLE_TEXT_BYTES_MAX,
  type LongDouble,
  longDoubleOf,
  longDoubleText,
  parseLongDouble,
} from '../../src/base/long-double.js'
import { doubleValue, floatText } from './float-texts.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from './redis-oracle.js'

const NOT_FLOAT = 'ERR value is not a valid float'
const NOT_FINITE = 'ERR increment would produce NaN or Infinity'

/** The reply of INCRBYFLOAT, by the way that a command handler takes. */
function sum(left: string, right: string): string {
  const target = new Uint8Array(LONG_DOUBLE_TEXT_BYTES_MAX + 2).fill(0x78)
  const result = writeFloatSum(
    asciiBytes(`9${left}9`),
    1,
    left.length,
    asciiBytes(`9${right}9`),
    1,
    right.length,
    target,
    1,
  )
  if (result === FloatSumError.notFinite) return NOT_FINITE
  if (result < 0) return NOT_FLOAT
  expect([target[0], target[result + 1]]).toEqual([0x78, 0x78])
  return latin1Of(target, 1, result)
}

/** The same, always by long doubles. */
function longSum(left: string, right: string): string {
  const a = parseLongDouble(asciiBytes(left), 0, left.length)
  const b = parseLongDouble(asciiBytes(right), 0, right.length)
  if (a === undefined || b === undefined) return NOT_FLOAT
  const result: LongDouble | undefined = addLongDoubles(a, b)
  return result === undefined || typeof result === 'string' ? NOT_FINITE : longDoubleText(result)
}

describe('sums recorded from Redis 7.0.15 on x86-64', () => {
  test.each([
    ['10.5', '0.1', '10.6'],
    ['5.0e3', '2.0e2', '5200'],
    ['0.1', '0.2', '0.3'],
    ['3', '1.5', '4.5'],
    ['1234.56', '1.10', '1235.66000000000000003'],
    ['100000.1', '0.3', '100000.39999999999999858'],
    ['-1.1', '1.1', '0'],
    ['0', '-0', '0'],
    ['1e-17', '0', '0.00000000000000001'],
    ['5e-18', '0', '0'],
    ['5.1e-18', '0', '0.00000000000000001'],
    ['-4e-18', '0', '0'],
    ['1e17', '1.00000000000000001', '100000000000000001'],
    ['9223372036854775807', '1', '9223372036854775808'],
    ['18446744073709551615', '1', '18446744073709551616'],
    ['18446744073709551616', '1', '18446744073709551616'],
    ['1e20', '-1', '100000000000000000000'],
    ['0.3', '-0.1', '0.2'],
    ['1.000000000000000000542', '0', '1'],
    ['0x1.8p1', '1', '4'],
    ['0x1.00000000000000018p0', '0', '1'],
    ['0x1.0000000000000001p0', '0', '1'],
    ['0x1.00000000000000010000000000000000000000000001p0', '0', '1'],
    ['123456789.987654321', '0.000000001', '123456789.98765432199434144'],
    ['17.3', '28.69', '45.99'],
    ['45.99', '0.02', '46.01'],
    ['1e4933', '0', NOT_FLOAT],
    ['1e-4960', '0', NOT_FLOAT],
    ['3.6e-4951', '0', '0'],
    ['1e-4951', '0', NOT_FLOAT],
    ['inf', '1', NOT_FINITE],
    ['-inf', 'inf', NOT_FINITE],
    ['nan', '1', NOT_FLOAT],
    [' 1', '1', NOT_FLOAT],
    ['1', '1 ', NOT_FLOAT],
    ['', '1', NOT_FLOAT],
    ['1.', '+.5', '1.5'],
    ['0x1p16384', '0', NOT_FLOAT],
    ['0x1p16383', '0x1p16383', NOT_FINITE],
    ['0x1p-16446', '0', NOT_FLOAT],
    ['0x1.8p-16446', '0', '0'],
    ['1e99999999999', '0', NOT_FLOAT],
    ['0e99999999999', '1', '1'],
    ['1e4900', '-1e4900', '0'],
    ['0.5', '9223372036854775807', '9223372036854775807.5'],
    ['0.25', '9223372036854775807', '9223372036854775807'],
    [`${'0'.repeat(5118)}1`, '1', '2'],
    [`${'0'.repeat(5119)}1`, '1', NOT_FLOAT],
  ])('%s + %s = %s', (left, right, expected) => {
    expect(sum(left, right)).toBe(expected)
    expect(longSum(left, right)).toBe(expected)
  })
})

describe('writeFloatSum', () => {
  test('tells which side is not a number', () => {
    const target = new Uint8Array(LONG_DOUBLE_TEXT_BYTES_MAX)
    const add = (left: string, right: string): number =>
      writeFloatSum(asciiBytes(left), 0, left.length, asciiBytes(right), 0, right.length, target, 0)
    expect(add('x', '1')).toBe(FloatSumError.leftInvalid)
    expect(add('1', 'x')).toBe(FloatSumError.rightInvalid)
    expect(add('x', 'x')).toBe(FloatSumError.leftInvalid)
    expect(add('inf', '1')).toBe(FloatSumError.notFinite)
    expect(add('inf', '-inf')).toBe(FloatSumError.notFinite)
  })

  test('the longest result has the greatest length that is promised', () => {
    const greatest = '-1.1897314953572317650e4932'
    expect(sum(greatest, '0')).toHaveLength(LONG_DOUBLE_TEXT_BYTES_MAX)
    expect(sum(greatest, greatest)).toBe(NOT_FINITE)
  })

  test('the short way gives what long doubles give', () => {
    const shortText = fc
      .tuple(fc.integer({ min: -99999999, max: 99999999 }), fc.nat(14))
      .map(([units, decimals]) => (units / 10 ** decimals).toFixed(decimals))
    const integerText = fc.maxSafeInteger().map(String)
    const text = fc.oneof(
      shortText,
      shortText,
      integerText,
      fc.constantFrom('-0', '0', '1.', '.5', '-.5', '45.99999999999999', '0.00000000000001'),
    )
    fc.assert(
      fc.property(text, text, (left, right) => {
        expect(sum(left, right), `${left} + ${right}`).toBe(longSum(left, right))
      }),
      { numRuns: 3000 },
    )
  })

  test('the sum of any two texts is the same both ways', () => {
    fc.assert(
      fc.property(floatText, floatText, (left, right) => {
        expect(sum(left, right)).toBe(longSum(left, right))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('long doubles', () => {
  test('longDoubleOf and longDoubleText give all decimals of a double that has at most 17', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(17), (n, halvings) => {
        const value = n / 2 ** halvings
        const plain = value.toFixed(17).replace(/\.?0+$/, '')
        expect(longDoubleText(longDoubleOf(value))).toBe(plain === '-0' ? '0' : plain)
      }),
    )
    expect(longDoubleText(longDoubleOf(-0))).toBe('0')
    expect(longDoubleText(longDoubleOf(2 ** 100))).toBe((2n ** 100n).toString())
    expect(longDoubleText(longDoubleOf(5e-324))).toBe('0')
    expect(longDoubleText(longDoubleOf(-Infinity))).toBe('-inf')
  })

  test('adding zero and adding twice in either order change nothing', () => {
    fc.assert(
      fc.property(doubleValue, doubleValue, (a, b) => {
        const left = longDoubleOf(a)
        const right = longDoubleOf(b)
        expect(addLongDoubles(left, right)).toEqual(addLongDoubles(right, left))
        expect(addLongDoubles(left, longDoubleOf(0))).toEqual(left)
      }),
    )
  })
})

describe.runIf(hasRedis7 && process.arch === 'x64')('the same as Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)

  const wideText = fc
    .tuple(floatText, fc.integer({ min: -5200, max: 5200 }))
    .map(([text, power]) =>
      /^[-+]?[0-9.]+$/.test(text) ? `${text}e${power}` : text.replace(/^([-+]?0x[0-9a-fA-F.]+).*/, `$1p${power * 3}`),
    )
  const moneyText = fc
    .tuple(fc.integer({ min: -100000, max: 100000 }), fc.nat(4))
    .map(([n, d]) => (n / 10 ** d).toFixed(d))
  const anyText = fc.oneof(floatText, moneyText, moneyText, wideText)

  test('INCRBYFLOAT of two texts', async () => {
    const pairs = fc.sample(fc.tuple(anyText, anyText), { seed, numRuns: 5000 })
    const replies = await oracle.replies(
      pairs.flatMap(([left, right]) => [
        ['SET', 'k', Buffer.from(left, 'latin1')],
        ['INCRBYFLOAT', 'k', Buffer.from(right, 'latin1')],
      ]),
    )
    pairs.forEach(([left, right], index) => {
      const reply = replies[index * 2 + 1]
      const expected = reply instanceof Error ? reply.message : String(reply)
      expect(sum(left, right), `seed ${seed}: ${JSON.stringify(left)} + ${JSON.stringify(right)}`).toBe(expected)
    })
  })

  test('long sequences of INCRBYFLOAT on one key', async () => {
    for (const step of [moneyText, doubleValue.map(String)]) {
      const steps = fc.sample(step, { seed, numRuns: 1500 })
      await oracle.client.set('k', '0')
      const replies = await oracle.replies(steps.map((text) => ['INCRBYFLOAT', 'k', text]))
      let value = '0'
      steps.forEach((text, index) => {
        const before = value
        value = sum(before, text)
        expect(value, `seed ${seed}: ${before} + ${text}`).toBe(String(replies[index]))
      })
    }
  })
})
