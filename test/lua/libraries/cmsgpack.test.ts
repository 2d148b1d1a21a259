/** The library `cmsgpack` beside Redis's. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasRedis7 } from '../../base/redis-oracle.js'
import { LuaBesideRedis } from './lua-beside-redis.js'
import { anyLua } from './lua-values.js'

const PACK_AND_UNPACK = 'local p = cmsgpack.pack(v) return p, cmsgpack.unpack(p)'

describe.skipIf(!hasRedis7)('cmsgpack', () => {
  let beside: LuaBesideRedis
  beforeAll(async () => {
    beside = await LuaBesideRedis.start()
  })
  afterAll(() => beside?.stop())

  test('numbers at the edges of their forms', async () => {
    for (const power of [5, 7, 8, 15, 16, 31, 32, 53, 63, 64])
      for (const sign of ['', '-'])
        for (const by of ['-1', '+0', '+1', '+0.5'])
          await beside.same(`local v = ${sign}(2^${power}${by}) ${PACK_AND_UNPACK}`)
    for (const number of ['0.1', '-0', '1e300', '1/0', '-1/0', '16777217', '0.5', '1e-45'])
      await beside.same(`local v = ${number} ${PACK_AND_UNPACK}`)
  })

  test('strings at the edges of their forms', async () => {
    for (const length of [0, 1, 31, 32, 255, 256, 65535, 65536])
      await beside.same(`local v = ('x'):rep(${length}) ${PACK_AND_UNPACK}`)
  })

  test('tables at the edges of their forms', async () => {
    for (const length of [0, 1, 15, 16, 65535, 65536]) {
      await beside.same(`local v = {} for i = 1, ${length} do v[i] = i % 7 end ${PACK_AND_UNPACK}`)
      await beside.same(`local v = {} for i = 1, ${length} do v['k' .. i] = i end ${PACK_AND_UNPACK}`)
    }
  })

  test('odd tables', async () => {
    for (const table of [
      '{1, 2, nil, 4}',
      '{[0] = 1}',
      '{[1] = 1, [3] = 3}',
      '{[1.5] = 1}',
      '{[2^31] = 1}',
      '{[-1] = 1}',
      '{1, 2, x = 3}',
      '{[true] = false}',
      '{{}, {{}}, {a = {}}}',
      '{pcall, cjson.null, tostring, type}',
      "{['1'] = 1}",
    ])
      await beside.same(`local v = ${table} ${PACK_AND_UNPACK}`)
  })

  test('nesting', async () => {
    for (const depth of [15, 16, 17, 40])
      await beside.same(`local v = {} for i = 1, ${depth} do v = {v} end ${PACK_AND_UNPACK}`)
    await beside.same('local v = {} v[1] = v return cmsgpack.pack(v)')
    await beside.same('local v = {} v.x = v v.y = 1 return cmsgpack.pack(v)')
    for (const depth of [1000, 7000, 7990, 8000, 9000]) {
      await beside.same(`return #{cmsgpack.unpack(('\\145'):rep(${depth}) .. '\\1')}`)
      await beside.same(`return #{cmsgpack.unpack(('\\129\\1'):rep(${depth}) .. '\\1')}`)
    }
  })

  test('several values', async () => {
    await beside.allSame(
      'return cmsgpack.pack(1, 2, 3)',
      'return cmsgpack.pack()',
      'return cmsgpack.pack(nil)',
      'return cmsgpack.unpack(cmsgpack.pack(1, nil, {}))',
      "return cmsgpack.unpack('')",
      'return cmsgpack.unpack()',
      'return cmsgpack.unpack({})',
      'return cmsgpack.unpack(12)',
      "return cmsgpack.unpack('abc', 2)",
      "return #{cmsgpack.unpack(('a'):rep(7000))}",
      "return #{cmsgpack.unpack(('a'):rep(9000))}",
      'return #cmsgpack.pack(unpack({}, 1, 7000))',
    )
    for (const rest of [
      '',
      ', 0',
      ', 1',
      ', 2',
      ', 3',
      ', 4',
      ', -1',
      ', 1.7',
      ', nil',
      ", '1'",
      ', {}',
      ', 2^40',
      ', -2^33',
    ])
      await beside.allSame(
        `return cmsgpack.unpack_one('\\1\\2\\3'${rest})`,
        `return cmsgpack.unpack_limit('\\1\\2\\3', 2${rest})`,
        `return cmsgpack.unpack_limit('\\1\\2\\3', 0${rest})`,
        `return cmsgpack.unpack_limit('\\1\\2\\3'${rest})`,
        `return cmsgpack.unpack_limit('\\1\\2\\3', -1${rest})`,
      )
    await beside.allSame('return cmsgpack.unpack_one()', 'return cmsgpack.unpack_limit()')
  })

  test('the module', async () => {
    await beside.same('return cmsgpack._NAME, cmsgpack._VERSION, cmsgpack._COPYRIGHT, cmsgpack._DESCRIPTION')
  })

  test('every code, with too few and enough bytes behind it', async () => {
    for (let code = 0; code < 256; code++)
      for (const rest of [
        '',
        '\\0',
        '\\0\\0',
        '\\0\\1\\2\\3',
        '\\255\\2\\3\\4\\5\\6\\7\\8',
        '\\0\\0\\0\\2abc',
        '\\2\\1\\192\\192\\1',
      ])
        await beside.same(`return cmsgpack.unpack('\\${String(code).padStart(3, '0')}${rest}')`)
  })

  test('any bytes', async () => {
    const run = async (bytes: Uint8Array): Promise<void> => {
      await beside.same('return cmsgpack.unpack(ARGV[1])', Buffer.from(bytes))
    }
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), run), { numRuns: 300 })
  })

  test('any values', async () => {
    const run = async (value: string): Promise<void> => {
      await beside.same(`local v = ${value} ${PACK_AND_UNPACK}`)
    }
    await fc.assert(fc.asyncProperty(anyLua, run), { numRuns: 200 })
  })
})
