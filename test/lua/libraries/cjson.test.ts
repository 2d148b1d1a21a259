/** The library `cjson` beside Redis's. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasRedis7 } from '../../base/redis-oracle.js'
import { LuaBesideRedis } from './lua-beside-redis.js'
import { anyLua, luaString } from './lua-values.js'

/** A module of the test's own, because settings of the common one would stay for the tests that follow. */
const OWN = 'local cjson = cjson.new() '

const TEXTS = [
  '',
  ' ',
  '1',
  '-1',
  '+1',
  '01',
  '-01',
  '1.',
  '-.5',
  '.5',
  '1e',
  '1e5',
  '1E+5',
  '1e-5x',
  '1e400',
  '-1e400',
  '1e-400',
  '123456789012345678901234567890',
  '0.1234567890123456789',
  '9007199254740993',
  '0x10',
  '-0X1F',
  '0x',
  '0x1p4',
  '0x.8p1',
  '0x1p5000',
  '0x1p-5000',
  '0xg',
  'inf',
  'Infinity',
  '-infinity',
  'INFINITE',
  'nan',
  '-NaN',
  'nan(12)',
  'nan(12',
  'nil',
  'nul',
  'null',
  'nullx',
  'true',
  'True',
  'tru',
  'false',
  'fals',
  'truefalse',
  'abc',
  "'a'",
  '-',
  '--1',
  '+',
  '+-1',
  '+inf',
  '+x',
  '[',
  ']',
  '[]',
  '[ ]',
  '[,]',
  '[1,]',
  '[1 2]',
  '[1,2',
  '[1,,2]',
  '[1}',
  '{}',
  '{ }',
  '{',
  '{,}',
  '{1:2}',
  '{"a"}',
  '{"a":}',
  '{"a":1',
  '{"a":1,}',
  '{"a":1 "b":2}',
  '{"a":1]',
  '{"a" 1}',
  '{"a":1,"a":2}',
  '{"a":null}',
  '{"1":1,"2":2}',
  '{"":1}',
  '[1] x',
  '[1],',
  '1 2',
  '[null,null]',
  '[[],{},[[]],{"a":{}}]',
  '"',
  '"a',
  '"a\\',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"',
  '"\\ud83d"',
  '"\\ud83dx"',
  '"\\ud83d\\n"',
  '"\\ud83d\\u0041"',
  '"\\ud83d\\u12"',
  '"\\udc00"',
  '"\\u0000"',
  '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
  '"a\tb\nc"',
  '"a\0b"',
  '1\0garbage',
  '\u00001',
  '[\u00001]',
  '"a"\0',
  '\t\n\r [1 ,\n2 ]',
  '\v1',
  '[1,\v2]',
  '\u00e9',
]

describe.skipIf(!hasRedis7)('cjson', () => {
  let beside: LuaBesideRedis
  beforeAll(async () => {
    beside = await LuaBesideRedis.start()
  })
  afterAll(() => beside?.stop())

  test('texts, right and wrong', async () => {
    for (const text of TEXTS) {
      await beside.same('return cjson.decode(ARGV[1])', text)
      await beside.same('return cjson.decode("[" .. ARGV[1] .. "]")', text)
      await beside.same(`${OWN} cjson.decode_invalid_numbers(false) return cjson.decode(ARGV[1])`, text)
    }
  })

  test('texts cut at every place', async () => {
    const text = ' {"a" : [1, -2.5e3, "x\\u00e9\\n", true, false, null, {"b":{}}], "c":""} '
    for (let length = 0; length <= text.length; length++)
      await beside.same('return cjson.decode(ARGV[1])', text.slice(0, length))
  })

  test('numbers', async () => {
    for (const number of [
      ...['0', '-0.0', '1', '-1', '0.1', '1/3', '-1/3', '1e13', '1e14', '99999999999999', '123456789012345', '1e15'],
      ...[
        '12345678901232.5',
        '12345678901233.5',
        '1e100',
        '1e-5',
        '1e-4',
        '0.0001234',
        '2^53',
        '2^63',
        '5e-324',
        '1.5',
      ],
    ])
      await beside.allSame(
        `return cjson.encode(${number})`,
        `return cjson.encode({[${number}] = ${number}})`,
        `${OWN} cjson.encode_number_precision(3) return cjson.encode({${number}})`,
        `${OWN} cjson.encode_number_precision(1) return cjson.encode({${number}, 2.5, 3.5, 0.25})`,
      )
    for (const setting of ['false', 'true', "'null'", "'on'", "'off'"])
      for (const number of ['1/0', '-1/0', '0/0'])
        await beside.allSame(
          `${OWN} cjson.encode_invalid_numbers(${setting}) return cjson.encode({${number}})`,
          `${OWN} cjson.encode_invalid_numbers(${setting}) return cjson.encode({[${number} == ${number} and ${number} or 1] = 1})`,
        )
  })

  test('every byte in a string', async () => {
    await beside.same(
      'local t = {} for i = 0, 255 do t[i + 1] = string.char(i) end return cjson.encode(table.concat(t))',
    )
    await beside.same(
      'local t = {} for i = 0, 255 do t[i + 1] = string.char(i) end return cjson.encode({[table.concat(t)] = 1})',
    )
    await beside.same("return #cjson.encode(('\\1a'):rep(100000))")
  })

  test('values that cannot be written', async () => {
    for (const value of [
      'pcall',
      '{pcall}',
      '{[true] = 1}',
      '{[{}] = 1}',
      '{[pcall] = 1}',
      '{a = {b = pcall}}',
      'coroutine.create(pcall)',
    ])
      await beside.same(`return cjson.encode(${value})`)
    await beside.allSame('return cjson.encode()', 'return cjson.encode(1, 2)', 'return cjson.encode(nil)')
    await beside.allSame(
      'return cjson.decode()',
      'return cjson.decode(1, 2)',
      'return cjson.decode({})',
      'return cjson.decode(12)',
    )
    await beside.allSame(
      'return cjson.encode(cjson.null)',
      'return cjson.encode({nil, 1})',
      'return cjson.encode(true)',
    )
  })

  test('sparse arrays', async () => {
    for (const table of [
      '{[1] = 1, [3] = 3}',
      '{[10] = 1}',
      '{[11] = 1}',
      '{[1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [11] = 1}',
      '{[1000] = 1}',
      '{[2^31 - 1] = 1}',
      '{[2^31] = 1}',
      '{[2^40] = 1}',
      '{[1] = 1, [2^31] = 1}',
      '{[0] = 1}',
      '{[-1] = 1}',
      '{[1.5] = 1}',
      '{1, 2, a = 3}',
      '{[1/0] = 1}',
    ]) {
      await beside.same(`return cjson.encode(${table})`)
      for (const setting of ['true', 'false, 0, 0', 'false, 1, 0', 'false, 1', 'true, 3, 20', 'nil, nil, 5'])
        if (!table.includes('2^31 - 1') || !setting.includes(' 0'))
          await beside.same(`${OWN} cjson.encode_sparse_array(${setting}) return cjson.encode(${table})`)
    }
  })

  test('nesting', async () => {
    for (const depth of [999, 1000, 1001]) {
      await beside.same(`local v = {} for i = 2, ${depth} do v = {v} end return cjson.encode(v)`)
      await beside.same(`local v = {} for i = 2, ${depth} do v = {a = v} end return cjson.encode(v)`)
      await beside.same(`return #cjson.encode(cjson.decode(('['):rep(${depth}) .. (']'):rep(${depth})))`)
      await beside.same(`cjson.decode(('{"a":'):rep(${depth}) .. '1' .. ('}'):rep(${depth}))`)
    }
    await beside.allSame(
      'local v = {} v[1] = v return cjson.encode(v)',
      'local v = {} v.x = v return cjson.encode(v)',
      `${OWN} cjson.encode_max_depth(3) return cjson.encode({{{1}}})`,
      `${OWN} cjson.encode_max_depth(3) return cjson.encode({{{{1}}}})`,
      `${OWN} cjson.encode_max_depth(2147483647) local v = {} v[1] = v return cjson.encode(v)`,
      `${OWN} cjson.encode_max_depth(2147483647) local v = {} v.x = v return cjson.encode(v)`,
      `${OWN} cjson.decode_max_depth(2) return cjson.decode('[[1]]')`,
      `${OWN} cjson.decode_max_depth(2) return cjson.decode('[[1], {"a" :[1]}]')`,
    )
    for (const depth of [2600, 4100, 8100])
      await beside.allSame(
        `${OWN} cjson.decode_max_depth(100000) cjson.decode(('['):rep(${depth}) .. (']'):rep(${depth}))`,
        `${OWN} cjson.decode_max_depth(100000) cjson.decode(('{"a":'):rep(${depth}) .. '1' .. ('}'):rep(${depth}))`,
      )
  })

  test('settings', async () => {
    for (const name of ['encode_max_depth', 'decode_max_depth', 'encode_number_precision'])
      for (const value of [
        '',
        '0',
        '1',
        '14',
        '15',
        '-1',
        '2.9',
        "'5'",
        "'x'",
        '{}',
        '1, 2',
        'nil',
        '2^31',
        '2^32 + 5',
        '2^63',
      ])
        await beside.same(`${OWN} return cjson.${name}(${value}), cjson.${name}()`)
    for (const name of [
      'encode_keep_buffer',
      'encode_invalid_numbers',
      'decode_invalid_numbers',
      'encode_sparse_array',
    ])
      for (const value of [
        '',
        'true',
        'false',
        "'on'",
        "'off'",
        "'null'",
        "'x'",
        "'\\233'",
        '1',
        '{}',
        'nil',
        '1, 2',
        '1, 2, 3, 4',
        'true, -1',
      ])
        await beside.same(`${OWN} return cjson.${name}(${value}), cjson.${name}()`)
    await beside.same('return cjson._NAME, cjson._VERSION, cjson.new()._VERSION, cjson.encode_max_depth()')
    await beside.same('local names = {} for name in pairs(cjson) do names[#names + 1] = name end return names')
  })

  test('any values', async () => {
    const run = async (value: string): Promise<void> => {
      await beside.same(
        `cjson.encode_sparse_array(true) local p = cjson.encode(${value}) return p, cjson.decode(p)`.replace(
          'cjson.enc',
          `${OWN} cjson.enc`,
        ),
      )
    }
    await fc.assert(fc.asyncProperty(anyLua, run), { numRuns: 200 })
  })

  test('any JSON, whole and broken', async () => {
    const run = async (text: string, at: number, byte: number): Promise<void> => {
      await beside.same('local v = cjson.decode(ARGV[1]) return v, cjson.encode(v)', text)
      const broken = Buffer.from(text)
      if (at < broken.length) broken[at] = byte
      await beside.same('return cjson.decode(ARGV[1])', broken)
    }
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[],:0-+eE.ntf u')), fc.nat(255))
    await fc.assert(fc.asyncProperty(fc.json(), fc.nat(60), byte, run), { numRuns: 300 })
  })

  test('any bytes in strings', async () => {
    const run = async (bytes: Uint8Array): Promise<void> => {
      await beside.same(`local p = cjson.encode(${luaString(bytes)}) return p, cjson.decode(p)`)
      await beside.same('return cjson.decode(ARGV[1])', Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')]))
    }
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), run), { numRuns: 200 })
  })
})
