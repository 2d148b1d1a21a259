import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asciiBytes, latin1Of } from '../../src/base/bytes.js'
import { DOUBLE_TEXT_BYTES_MAX, formatDouble, parseDouble, writeDouble } from '../../src/base/float.js'
import { doubleValue, floatText } from './float-texts.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from './redis-oracle.js'

function parse(text: string): number {
  return parseDouble(asciiBytes(`1${text}1`), 1, text.length)
}

function write(value: number): string {
  const buffer = new Uint8Array(DOUBLE_TEXT_BYTES_MAX + 2).fill(0x78)
  const length = writeDouble(buffer, 1, value)
  expect(length).toBeLessThanOrEqual(DOUBLE_TEXT_BYTES_MAX)
  expect([buffer[0], buffer[length + 1]]).toEqual([0x78, 0x78])
  return latin1Of(buffer, 1, length)
}

describe('parseDouble', () => {
  test.each([
    ['0', 0],
    ['-0', -0],
    ['1', 1],
    ['+1', 1],
    ['007', 7],
    ['1.', 1],
    ['.5', 0.5],
    ['-.5e1', -5],
    ['1e3', 1000],
    ['1E+3', 1000],
    ['1e-3', 0.001],
    ['0.1', 0.1],
    ['123456789012345', 123456789012345],
    ['1234567890.12345', 1234567890.12345],
    ['inf', Infinity],
    ['-INF', -Infinity],
    ['+Infinity', Infinity],
    ['infinity', Infinity],
    ['0x10', 16],
    ['-0X1.8p3', -12],
    ['0x.8', 0.5],
    ['0x1p-1074', 5e-324],
    ['0x1p1023', 2 ** 1023],
    ['0x0p99999', 0],
    ['0x1.00000000000008p0', 1],
    ['0x1.000000000000080000000000000000000000001p0', 1 + 2 ** -52],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5e-324', 5e-324],
    ['2.5e-324', 5e-324],
    ['0e999999', 0],
    ['7207199254740991', 7207199254740991],
    ['-9007199254740991', -9007199254740991],
    ['0000000000000012', 12],
    ['720719925474099.1', 720719925474099.1],
    ['9007199254740993', 9007199254740992],
    ['9007199254740993.0000000000000000001', 9007199254740994],
    ['1e-99999999999999999999', Number.NaN],
    ['1e309', Number.NaN],
    ['2e-324', Number.NaN],
    ['0x1p1024', Number.NaN],
    ['0x1p-1075', Number.NaN],
    ['1e99999999999999999999', Number.NaN],
    ['nan', Number.NaN],
    ['-nan', Number.NaN],
    ['', Number.NaN],
    [' 1', Number.NaN],
    ['1 ', Number.NaN],
    ['\t1', Number.NaN],
    ['1\u0000', Number.NaN],
    ['--1', Number.NaN],
    ['+-1', Number.NaN],
    ['.', Number.NaN],
    ['-', Number.NaN],
    ['e5', Number.NaN],
    ['1e', Number.NaN],
    ['1e+', Number.NaN],
    ['1.2.3', Number.NaN],
    ['0x', Number.NaN],
    ['0x.', Number.NaN],
    ['0xg', Number.NaN],
    ['0x1p', Number.NaN],
    ['1p3', Number.NaN],
    ['infinit', Number.NaN],
    ['infx', Number.NaN],
    ['1_0', Number.NaN],
    ['1,5', Number.NaN],
    ['0b1', Number.NaN],
    ['1f', Number.NaN],
  ])('%j is %d', (text, expected) => {
    expect(parse(text)).toBe(expected)
  })

  test('reads every double from its text', () => {
    fc.assert(
      fc.property(doubleValue, (value) => {
        // JavaScript prints negative zero without its sign.
        expect(parse(String(value))).toBe(value + 0)
        expect(parse(value.toExponential(30))).toBe(value + 0)
      }),
    )
  })
})

describe('writeDouble', () => {
  test.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-1, '-1'],
    [0.1, '0.10000000000000001'],
    [3.14, '3.1400000000000001'],
    [0.5, '0.5'],
    [1e16, '10000000000000000'],
    [99999999999999984, '99999999999999984'],
    [1e17, '1e+17'],
    [-1e17, '-1e+17'],
    [1e21, '1e+21'],
    [123456789012345680000, '1.2345678901234568e+20'],
    [0.0001, '0.0001'],
    [0.00001, '1.0000000000000001e-05'],
    [1.5e-9, '1.5e-09'],
    [5e-324, '4.9406564584124654e-324'],
    [-2.2250738585072014e-308, '-2.2250738585072014e-308'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [Number.NaN, 'nan'],
    // biome-ignore-start lint/correctness/noPrecisionLoss: the digits show which ties these are
    // Ties at the 17th digit go to the even one.
    [999999999999999.125, '999999999999999.12'],
    [999999999999999.375, '999999999999999.38'],
    [0.500003814697265625, '0.50000381469726562'],
    [0.500011444091796875, '0.50001144409179688'],
    [2251799813685249.5, '2251799813685249.5'],
    // biome-ignore-end lint/correctness/noPrecisionLoss: the digits show which ties these are
  ])('%d is %s', (value, expected) => {
    expect(write(value)).toBe(expected)
    expect(formatDouble(value)).toBe(expected)
  })

  test('what is written reads back as the same double', () => {
    fc.assert(
      fc.property(doubleValue, (value) => {
        expect(parse(write(value))).toBe(value)
        expect(write(value)).toBe(formatDouble(value))
      }),
      { numRuns: 1000 },
    )
  })
})

describe.runIf(hasRedis7)('the same as Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  test('ZADD takes what parseDouble takes, and ZSCORE replies what writeDouble writes', async () => {
    const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)
    const texts = fc.sample(floatText, { seed, numRuns: 5000 })
    const replies = await oracle.replies(
      texts.flatMap((text) => [
        ['DEL', 'z'],
        // Not as the first score, where a text such as "nx" would be an option.
        ['ZADD', 'z', '0', 'other', Buffer.from(text, 'latin1'), 'm'],
        ['ZSCORE', 'z', 'm'],
      ]),
    )
    texts.forEach((text, index) => {
      const added = replies[index * 3 + 1]
      const score = replies[index * 3 + 2]
      const value = parse(text)
      // A small sorted set stores an integer score as an integer, which has no negative zero.
      const mine = Number.isNaN(value) ? 'ERR value is not a valid float' : write(value === 0 ? 0 : value)
      const redis = added instanceof Error ? added.message : String(score)
      expect(mine, `seed ${seed}, text ${JSON.stringify(text)}`).toBe(redis)
    })
  })
})
