import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatMemorySize, parseMemorySize } from '../../src/base/memory-size.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from './redis-oracle.js'

describe('parseMemorySize', () => {
  test.each([
    ['0', 0n],
    ['1', 1n],
    ['1b', 1n],
    ['1B', 1n],
    ['1k', 1000n],
    ['1kb', 1024n],
    ['1Kb', 1024n],
    ['3M', 3000000n],
    ['100mb', 104857600n],
    ['2g', 2000000000n],
    ['2GB', 2147483648n],
    ['007k', 7000n],
    ['', 0n],
    ['kb', 0n],
    ['18446744073709551615', 2n ** 64n - 1n],
    ['18446744073709551616', 2n ** 64n - 1n],
    ['99999999999999999999999k', BigInt.asUintN(64, (2n ** 64n - 1n) * 1000n)],
    ['-1', undefined],
    ['+1', undefined],
    [' 1', undefined],
    ['1 ', undefined],
    ['1 mb', undefined],
    ['1.5gb', undefined],
    ['1t', undefined],
    ['1tb', undefined],
    ['mb1', undefined],
    ['1mbb', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    ['0'.repeat(127), 0n],
    ['0'.repeat(128), undefined],
  ])('%j is %s', (text, expected) => {
    expect(parseMemorySize(text)).toBe(expected)
  })
})

describe('formatMemorySize', () => {
  test.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1.00K'],
    [1048575, '1024.00K'],
    [1048576, '1.00M'],
    [1289748, '1.23M'],
    [1073741824, '1.00G'],
    [1024 ** 4, '1.00T'],
    [1024 ** 5, '1.00P'],
    [1024 ** 6, '1152921504606846976B'],
    // Ties at the third decimal go to the even digit.
    [1152, '1.12K'],
    [1408, '1.38K'],
    [1664, '1.62K'],
    [1920, '1.88K'],
    [1024 ** 2 * 9.125, '9.12M'],
  ])('%d is %s', (bytes, expected) => {
    expect(formatMemorySize(bytes)).toBe(expected)
  })
})

describe.runIf(hasRedis7)('the same as Redis', () => {
  let oracle: RedisOracle
  beforeAll(async () => {
    oracle = await startRedisOracle()
  })
  afterAll(() => oracle.stop())

  test('CONFIG SET maxmemory reads, and INFO prints, what these functions do', async () => {
    const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff)
    const number = fc.oneof(
      fc.nat(5000).map(String),
      fc.bigInt({ min: 0n, max: 2n ** 60n }).map(String),
      fc.constant(''),
    )
    const unit = fc.constantFrom('', '', 'b', 'k', 'kb', 'm', 'MB', 'g', 'Gb', 't', ' ', 'kbb')
    const texts = fc.sample(
      fc.tuple(number, unit).map((parts) => parts.join('')),
      { seed, numRuns: 300 },
    )
    const replies = await oracle.replies(
      texts.flatMap((text) => [
        ['CONFIG', 'SET', 'maxmemory', text],
        ['CONFIG', 'GET', 'maxmemory'],
        ['INFO', 'memory'],
      ]),
    )
    let limit = '0'
    texts.forEach((text, index) => {
      const message = `seed ${seed}, text ${JSON.stringify(text)}`
      const accepted = !(replies[index * 3] instanceof Error)
      const bytes = parseMemorySize(text)
      expect(bytes !== undefined, message).toBe(accepted)
      if (bytes !== undefined) limit = bytes.toString()
      expect(String((replies[index * 3 + 1] as Buffer[])[1]), message).toBe(limit)
      const human = /maxmemory_human:(.*)\r/.exec(String(replies[index * 3 + 2]))![1]
      if (Number.isSafeInteger(Number(limit))) expect(formatMemorySize(Number(limit)), message).toBe(human)
    })
  })
})
