/** The library `struct` beside Redis's. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasRedis7 } from '../../base/redis-oracle.js'
import { LuaBesideRedis } from './lua-beside-redis.js'

const INTEGERS = [
  'b',
  'B',
  'h',
  'H',
  'l',
  'L',
  'T',
  'i',
  'I',
  'i1',
  'i2',
  'i3',
  'I3',
  'i5',
  'I7',
  'i8',
  'I8',
  'i9',
  'I16',
  'i32',
]
const NUMBERS = '0 1 -1 127 128 255 256 -128 -129 65535 -32769 2147483648 4294967296 -4294967297 9007199254740993'
  .split(' ')
  .concat(['2^63', '-2^63', '2^64', '1.9', '-1.9', '1e30', '-1e30', '1/0', '-1/0', "'17'"])

describe.skipIf(!hasRedis7)('struct', () => {
  let beside: LuaBesideRedis
  beforeAll(async () => {
    beside = await LuaBesideRedis.start()
  })
  afterAll(() => beside?.stop())

  test('integers of all sizes, packed and unpacked', async () => {
    for (const order of ['<', '>'])
      for (const option of INTEGERS)
        await beside.same(
          `local r = {} for _, n in ipairs({${NUMBERS}}) do local p = struct.pack('${order}${option}', n) ` +
            `r[#r + 1] = p r[#r + 1] = struct.unpack('${order}${option}', p) end return r`,
        )
  })

  test('floats', async () => {
    for (const option of ['f', '<f', '>f', 'd', '<d', '>d'])
      for (const number of ['0', '-0.5', '1/3', '1e300', '-1e-300', '1/0', '-1/0', '16777217'])
        await beside.same(`local p = struct.pack('${option}', ${number}) return p, struct.unpack('${option}', p)`)
  })

  test('strings', async () => {
    await beside.allSame(
      "return struct.pack('s', 'abc')",
      "return struct.pack('c0', 'abc')",
      "return struct.pack('c2', 'abc')",
      "return struct.pack('c', 'abc')",
      "return struct.pack('c5', 'abc')",
      "return struct.pack('Bc0', 3, 'abc')",
      "return struct.pack('ss', 'a\\0b', '')",
      "return struct.unpack('s', 'abc\\0def')",
      "return struct.unpack('ss', 'abc\\0def\\0')",
      "return struct.unpack('ss', 'abc\\0def')",
      "return struct.unpack('dc0', struct.pack('d', 2^64) .. 'abc')",
      "return struct.unpack('dc0', struct.pack('d', 2^63) .. 'abc')",
      "return struct.unpack('dc0', struct.pack('d', -1) .. 'abc')",
      "return struct.unpack('dc0', struct.pack('d', 0/0) .. 'abc')",
      "return struct.unpack('dc0', struct.pack('d', 1/0) .. 'abc')",
      "return struct.unpack('Bc0', '\\3abcdef')",
      "return struct.unpack('c0', 'abc')",
      "return struct.unpack('sc0', '2\\0abc')",
      "return struct.unpack('sc0', 'x\\0abc')",
      "return struct.unpack('bc0', '\\255abc')",
      "return struct.unpack('fc0', struct.pack('f', -0.5) .. 'abc')",
      "return struct.unpack('c3xc2', 'abcdefgh')",
    )
  })

  test('alignment', async () => {
    for (const format of ['!bi', '!4bi', '!2bi', '!8bd', '!bhild', '!16bd', '!bi3', '!4bi3i5', '! b > i', '!1bi', 'bi'])
      await beside.same(
        `local n = 0 for _ in ('${format}'):gmatch('[a-z]') do n = n + 1 end local a = {} for i = 1, n do a[i] = i end ` +
          `local p = struct.pack('${format}', unpack(a)) return p, struct.size('${format}'), struct.unpack('${format}', p)`,
      )
    await beside.allSame("return struct.pack('!3i', 1)", "return struct.pack('!0i', 1)", "return struct.pack('!6i', 1)")
  })

  test('positions', async () => {
    for (const position of ['1', '2', '3', '4', '5', '0', '-1', '-100', '1.5', '1e10', "'2'", 'nil', '{}', '2^63'])
      await beside.allSame(
        `return struct.unpack('B', 'abc', ${position})`,
        `return struct.unpack('', 'abc', ${position})`,
        `return struct.unpack('c0', 'abc', ${position})`,
      )
  })

  test('sizes', async () => {
    for (const format of [
      'b',
      'i',
      'l',
      'd',
      'c10',
      's',
      'c0',
      'c',
      'x',
      'q',
      '5',
      '?',
      'i33',
      'i99999999999',
      '!',
      '',
      '<>',
    ])
      await beside.same(`return struct.size('${format}')`)
  })

  test('wrong arguments', async () => {
    await beside.allSame(
      'return struct.pack()',
      'return struct.pack({})',
      "return struct.pack('i')",
      "return struct.pack('i', 'x')",
      "return struct.pack('i', {})",
      "return struct.pack('q', 1)",
      "return struct.pack('?', 1)",
      "return struct.pack('i33', 1)",
      "return struct.pack('i99999999999', 1)",
      "return struct.pack('s', {})",
      "return struct.pack('d', nil)",
      "return struct.unpack('i')",
      "return struct.unpack('i', 'abc')",
      "return struct.unpack('z', 'abc')",
      "return struct.unpack(('b'):rep(9000), ('x'):rep(9000))",
      'return struct.size()',
      "return struct.pack('i\\0i', 1)",
    )
  })

  test('any bytes as any integers', async () => {
    const run = async (bytes: Uint8Array, format: string, order: string): Promise<void> => {
      await beside.same('return struct.unpack(ARGV[2], ARGV[1])', Buffer.from(bytes), order + format)
    }
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
    await fc.assert(fc.asyncProperty(bytes, fc.constantFrom(...INTEGERS), fc.constantFrom('<', '>'), run), {
      numRuns: 200,
    })
  })
})
