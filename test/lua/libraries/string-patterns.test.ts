/** Patterns of Lua beside Redis's, and what only ours must stand: being interrupted, and nesting without end. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis7 } from '../../base/redis-oracle.js'
import { LuaBesideRedis, luaWithLibraries, runLua } from './lua-beside-redis.js'

const EACH = 'local s, p = ARGV[1], ARGV[2] '
const ALL_FUNCTIONS = [
  `${EACH} return s:find(p)`,
  `${EACH} return s:match(p)`,
  `${EACH} return s:gsub(p, '<%0>')`,
  `${EACH} return s:gsub(p, '<%1>')`,
  `${EACH} local r, n = {}, 0 for a, b in s:gmatch(p) do n = n + 1 r[n] = a r[-n] = b if n > 99 then break end end return r`,
]

const SUBJECTS = [
  '',
  'a',
  'hello world',
  'aaa',
  'f(a(b)c)d)',
  'key = value; k2=v2',
  'THE (quick) fox',
  '2026-11-22',
  ' x ',
  'a\0b',
  'a.b%c',
]

const PATTERNS = [
  '',
  'a',
  'o w',
  '.',
  '.-',
  '.*',
  '.+',
  'a*',
  'a-',
  'a?',
  'l+',
  '^a',
  '^',
  '^.',
  '$',
  'a$',
  'a$b',
  '^$',
  '^.*$',
  '(a)',
  '()',
  '()a()',
  '(.)(.)',
  '((.)(.))',
  '(a*(.)%w(%s*))',
  '%a+',
  '%A+',
  '%d%d%d%d%-(%d+)%-(%d+)',
  '(%w+)%s*=%s*(%w+)',
  '%s*$',
  '^%s*(.-)%s*$',
  '%b()',
  '%b',
  '%b(',
  '%baa',
  '%f[%a]%a+',
  '%f[%w]',
  '%f[^%w]',
  '%f[%z]',
  '%f',
  '%fa',
  '%f[',
  '[a-c]+',
  '[^a-c]+',
  '[%a_]+',
  '[]]',
  '[^]]',
  '[]',
  '[^]',
  '[a',
  '[a-',
  '[a-]',
  '[-a]',
  '[%]',
  '[%]]',
  '[%a-z]',
  '[a%-z]',
  '[%',
  '%',
  'a%',
  '%1',
  '(a)%1',
  '(a)%2',
  '(.)%1',
  '()%1',
  '(a%1)',
  '%0',
  '(a',
  'a)',
  '(()',
  '((a)',
  ')',
  '%.',
  '%%',
  '%z',
  '%g',
  '%Z',
  '[%z]',
  'a\0b',
  '.\0.',
  '*',
  '**',
  '+',
  '-',
  'a**',
  '^*',
  '(.-)%s',
  '(.)'.repeat(32),
  '()'.repeat(33),
  '%w%w%w%w%w+',
  '[\x80-\xff]',
  '[z-a]',
]

describe.skipIf(!hasRedis7)('patterns beside Redis', () => {
  let beside: LuaBesideRedis
  beforeAll(async () => {
    beside = await LuaBesideRedis.start()
  })
  afterAll(() => beside?.stop())

  test('every pattern on every subject', async () => {
    for (const pattern of PATTERNS)
      for (const subject of SUBJECTS)
        for (const body of ALL_FUNCTIONS) await beside.same(body, subject, Buffer.from(pattern, 'latin1'))
  })

  test('every class on every byte', async () => {
    const all = 'local t = {} for i = 0, 255 do t[i + 1] = string.char(i) end t = table.concat(t) '
    for (const letter of 'acdlpsuwxzgbACDLPSUWXZG.') await beside.same(`${all} return (t:gsub('[^%${letter}]', ''))`)
  })

  test('where find begins', async () => {
    for (const start of [
      '1',
      '3',
      '5',
      '6',
      '7',
      '100',
      '0',
      '-1',
      '-3',
      '-5',
      '-6',
      '1.9',
      "'2'",
      'nil',
      '2^40',
      '-2^40',
      '2^63',
      '{}',
    ])
      for (const pattern of ['l', 'l+', '', '^l', '()', '$'])
        for (const plain of ['', ', true', ', false', ', nil', ', 0'])
          await beside.allSame(
            `return ('hello'):find('${pattern}', ${start}${plain})`,
            `return ('hello'):match('${pattern}', ${start})`,
          )
  })

  test('plain search', async () => {
    await beside.allSame(
      "return ('a+b'):find('+', 1, true)",
      "return ('a+b'):find('+b', 1, true)",
      "return ('a.b'):find('.', 2, true)",
      "return ('aaab'):find('aab', 1, true)",
      "return ('ab'):find('abc', 1, true)",
      "return ('a\\0b'):find('\\0b', 1, true)",
      "return ('a\\0b'):find('\\0b')",
      "return ('a\\0+b'):find('\\0+b')",
      "return ('a\\0+b'):find('b\\0+')",
    )
  })

  test('replacements', async () => {
    for (const replacement of [
      ...[
        "'x'",
        "''",
        "'%%'",
        "'%0%0'",
        "'%1'",
        "'%2'",
        "'%9'",
        "'%a'",
        "'%'",
        "'a%'",
        "'\\0'",
        '5',
        '1.5',
        'nil',
        'true',
        'pcall',
      ],
      ...["{hello = 1, l = 'L', [1] = 2, o = false, e = true}", '{}', '{l = {}}', '{l = 1.5}'],
      ...[
        'function(x) return x:upper() end',
        'function() end',
        'function() return false end',
        'function() return {} end',
      ],
      ...[
        "function() error('no') end",
        'function(a, b) return tostring(a) .. tostring(b) end',
        'function() return 12 end',
      ],
      ...["setmetatable({}, {__index = function(_, k) return '[' .. k .. ']' end})"],
      ...[
        "function(x) return (x:gsub('.', '%0%0')) end",
        "function(x) pcall(string.gsub, x, '.', error) return 'y' end",
      ],
    ])
      for (const pattern of ['l', 'l+', '', '(l)(l)', '()l', '(h)(e)', '.', '^h', '(h', '%w+'])
        for (const count of ['', ', 1', ', 0', ', -1', ', 2^32 + 1', ", '2'", ', nil', ', {}'])
          await beside.same(`return ('hello'):gsub('${pattern}', ${replacement}${count})`)
  })

  test('gmatch', async () => {
    await beside.allSame(
      "local r = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do r[k] = v end return r",
      "local r = {} for w in ('one two'):gfind('%a+') do r[#r + 1] = w end return r",
      "local r = {} for w in ('aXbX'):gmatch('^a') do r[#r + 1] = w end return r",
      "local r = {} for p in ('abc'):gmatch('()') do r[#r + 1] = p end return r",
      "local f, r = ('abc'):gmatch('.'), {} for i = 1, 5 do r[i] = f() or 'end' end return r",
      "local f = ('abc'):gmatch('(') return f()",
      'return string.gmatch()',
      "return string.gmatch('a')",
      "return string.gmatch('a', {})",
    )
  })

  test('wrong arguments', async () => {
    for (const name of ['find', 'match', 'gsub'])
      await beside.allSame(
        `return string.${name}()`,
        `return string.${name}('a')`,
        `return string.${name}({}, 'a')`,
        `return string.${name}('a', {})`,
        `return string.${name}(12, 1)`,
        `return string.${name}(12, 1, {})`,
      )
    await beside.allSame("return string.gsub('a', 'b', nil, {})", "return ('x'):bad()")
  })

  test('long subjects', async () => {
    await beside.allSame(
      "return (('x'):rep(100000) .. 'y'):find('x-y')",
      "return (('x'):rep(100000) .. 'y'):match('^x*(.)$')",
      "return #(('ab'):rep(100000)):gsub('a', 'aaaa')",
      "return #(('ab'):rep(100000)):gsub('%w', function(c) return c == 'a' and 'xyz' end)",
    )
  })

  test('any patterns on any subjects', async () => {
    const subject = fc.string({ unit: fc.constantFrom('a', 'b', '(', ')', ' ', '.', '1'), maxLength: 12 })
    const pattern = fc
      .array(
        fc.constantFrom(
          'a',
          'b',
          '.',
          '%a',
          '%d',
          '[ab]',
          '[^a]',
          '(',
          ')',
          '*',
          '+',
          '-',
          '?',
          '^',
          '$',
          '%1',
          '%b()',
          '%f[a]',
          '()',
        ),
        { maxLength: 8 },
      )
      .map((parts) => parts.join(''))
    const run = async (s: string, p: string): Promise<void> => {
      for (const body of ALL_FUNCTIONS) await beside.same(body, s, p)
    }
    await fc.assert(fc.asyncProperty(subject, pattern, run), { numRuns: 300 })
  })
})

describe('patterns', () => {
  test.each([
    "return ('a'):rep(40):find(('a*'):rep(20) .. 'b')",
    "return ('a'):rep(40):gsub(('a-'):rep(20) .. 'b', '')",
    "for x in ('a'):rep(40):gmatch(('a?'):rep(40) .. ('a'):rep(40) .. 'b') do end",
    "return ('a'):rep(2e6):find(('a'):rep(1e6) .. 'b', 1, true)",
    "return ('x'):rep(1e6):find('[' .. ('a'):rep(1e6) .. ']+')",
    "return ('x'):rep(1e6):find('.-.-b')",
    "return ('('):rep(1e6):find('%b()')",
  ])('%s can be ended', (body) => {
    const state = luaWithLibraries()
    let asked = 0
    state.onInterruptCheck = (L) => {
      if (++asked === 50) state.raise(L, 'ended')
    }
    const start = performance.now()
    expect(() => runLua(state, body)).toThrow('ended')
    expect(performance.now() - start).toBeLessThan(5000)
  })

  test('nesting without end is an error', () => {
    const state = luaWithLibraries()
    expect(() => runLua(state, "return ('a'):rep(5000):find(('a?'):rep(5000))")).toThrow('pattern too complex')
    expect(() => runLua(state, "return ('a'):find(('('):rep(5000))")).toThrow('too many captures')
    expect(runLua(state, "return ('a'):rep(300):match('^' .. ('a?'):rep(300) .. '$')").length).toBe(300)
  })

  test('replacement functions that fail leave nothing behind', () => {
    const state = luaWithLibraries()
    const body =
      "local s = ('ab'):gsub('.', function(c) pcall(string.gsub, 'xyz', '.', function(d) if d == 'z' then error('z') end end) " +
      "return c .. ('q'):gsub('q', 'r') end) return s"
    for (let i = 0; i < 100; i++) expect(runLua(state, body).toString()).toBe('arbr')
  })
})
