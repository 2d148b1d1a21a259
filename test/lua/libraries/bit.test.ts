/** The library `bit` beside Redis's. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasRedis7 } from '../../base/redis-oracle.js'
import { LuaBesideRedis } from './lua-beside-redis.js'

const NUMBERS =
  '0 1 -1 0.5 1.5 -0.5 2147483647 2147483648 -2147483648 4294967295 4294967296 1e15 1e16 -1e16 1e300'.split(' ')

describe.skipIf(!hasRedis7)('bit', () => {
  let beside: LuaBesideRedis
  beforeAll(async () => {
    beside = await LuaBesideRedis.start()
  })
  afterAll(() => beside?.stop())

  test('functions of one number', async () => {
    for (const name of ['tobit', 'bnot', 'bswap', 'tohex'])
      for (const number of [...NUMBERS, '0/0', '1/0', "'12'", "'0x10'"])
        await beside.same(`return bit.${name}(${number})`)
  })

  test('functions of several numbers', async () => {
    for (const name of ['band', 'bor', 'bxor', 'lshift', 'rshift', 'arshift', 'rol', 'ror', 'tohex'])
      for (const number of NUMBERS)
        for (const other of ['0', '1', '-1', '7', '31', '32', '33', '-2147483648'])
          await beside.same(`return bit.${name}(${number}, ${other})`)
    await beside.same('return bit.band(255, 15, 6), bit.bor(1, 2, 4, 8), bit.bxor(7, 1, 2)')
  })

  test('wrong arguments', async () => {
    await beside.allSame(
      'return bit.tobit()',
      'return bit.tobit({})',
      "return bit.bnot('x')",
      'return bit.band()',
      "return bit.band('a', 'b')",
      "return bit.bor(1, 'b', {})",
      'return bit.lshift(1)',
      'return bit.tohex(1, {})',
      'return bit.tohex(1, nil)',
    )
  })

  test('any numbers', async () => {
    const run = async (a: number, b: number): Promise<void> => {
      await beside.same(
        'local a, b = struct.unpack("<d", ARGV[1]), struct.unpack("<d", ARGV[2]) ' +
          'return bit.tobit(a), bit.bxor(a, b), bit.rol(a, b), bit.arshift(a, b), bit.tohex(a, b)',
        doubleBytes(a),
        doubleBytes(b),
      )
    }
    await fc.assert(fc.asyncProperty(fc.double(), fc.oneof(fc.integer(), fc.double()), run), { numRuns: 100 })
  })
})

function doubleBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}
