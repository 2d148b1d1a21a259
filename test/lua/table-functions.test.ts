/** `table.insert`, `remove`, `sort` and `foreachi` beside a real Redis 7.0, and how they are ended. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { OurScripts, ScriptsBesideRedis } from './scripts-beside-redis.js'

describe.skipIf(!hasRedis7)('table functions beside Redis 7.0', () => {
  let beside: ScriptsBesideRedis

  beforeAll(async () => {
    beside = await ScriptsBesideRedis.start()
  })

  afterAll(() => beside?.stop())

  const SHOW = `local function show(t)
      local shown = {}
      for key, value in pairs(t) do shown[#shown + 1] = tostring(key) .. '=' .. tostring(value) end
      table.sort(shown)
      return table.concat(shown, ' ')
    end `

  it('insert at any position', () =>
    beside.allSame(
      ...[
        '1',
        '2',
        '3',
        '4',
        '5',
        '100',
        '0',
        '-1',
        '-1000',
        '1.9',
        "'2'",
        '2^53',
        '2^53 + 2',
        '1e100',
        '0/0',
        '2^32 + 2',
      ].map((position) => `${SHOW} local t = {'a', 'b', 'c'} table.insert(t, ${position}, 'x') return show(t)`),
      `${SHOW} local t = {} table.insert(t, 'x') table.insert(t, 'y') table.insert(t, nil) return show(t)`,
      'table.insert()',
      'table.insert({})',
      'table.insert({}, 1, 2, 3)',
      "table.insert('x', 1)",
      "table.insert({}, 'x', 1)",
      'table.insert({}, nil, 1)',
      'local insert = table.insert insert(1)',
      'return {pcall(table.insert, 1)}',
      'return {pcall(table.insert, {}, {}, 1)}',
    ))

  it('remove at any position', () =>
    beside.allSame(
      ...[
        '',
        ', nil',
        ', 1',
        ', 2',
        ', 3',
        ', 4',
        ', 0',
        ', -1',
        ", '2'",
        ', 2.7',
        ', 2^53',
        ', 2^32 + 1',
        ', 0/0',
      ].map(
        (position) =>
          `${SHOW} local t = {'a', 'b', 'c'} return {tostring(table.remove(t${position})), select('#', table.remove(t${position})), show(t)}`,
      ),
      "return {table.remove({}), select('#', table.remove({}))}",
      'table.remove()',
      'table.remove({}, {})',
      "table.remove('x')",
    ))

  it('sort, asking its order about the same pairs', () =>
    beside.allSame(
      ...[0, 1, 2, 3, 4, 5, 10, 100, 1000].flatMap((count) => [
        `local t = {} for i = 1, ${count} do t[i] = (i * 7919) % 101 end table.sort(t) return table.concat(t, ',')`,
        `local t, asked = {}, {} for i = 1, ${count} do t[i] = (i * 7919) % 1009 end
        table.sort(t, function(a, b) asked[#asked + 1] = a .. '<' .. b return a > b end) return redis.sha1hex(table.concat(asked, ','))`,
      ]),
      "local t = {'b', 'a', 'C', ''} table.sort(t) return t",
      "table.sort({1, 'x'})",
      'table.sort({1, 2, {}, 4})',
      'table.sort({3, 1, 2}, 1)',
      'table.sort()',
      'table.sort({3, 1, 2}, nil)',
      "table.sort({3, 1, 2}, function(a, b) error('no order') end)",
      'local t = {} for i = 1, 20 do t[i] = i end table.sort(t, function() return true end)',
      'local ok, e = pcall(table.sort, {3, 1, 2, 5, 4}, function() return true end) return tostring(e)',
      'table.sort({3, 1, 2}, function(a, b) coroutine.yield() end)',
    ))

  it('foreachi', () =>
    beside.allSame(
      "local s = '' table.foreachi({'a', 'b'}, function(i, v) s = s .. i .. v end) return s",
      'return table.foreachi({5, 6, 7}, function(i, v) if v == 6 then return i end end)',
      "return select('#', table.foreachi({}, print or type))",
      'table.foreachi({})',
      'table.foreachi(1, 2)',
      "table.foreachi({1}, function() error('here') end)",
    ))
})

/** A table whose length is 5 * 2^27, although it has few elements. */
const LONG = `local t = {0, 0, 0, 0${Array.from({ length: 28 }, (_, i) => `, [${5 * 2 ** i}] = 0`).join('')}}`

describe('long work of table functions', () => {
  it.each([
    ['insert', 'table.insert({}, -2 ^ 31, 1)'],
    ['insert, whose error is caught', 'while true do pcall(table.insert, {}, -2 ^ 31, 1) end'],
    ['remove', `${LONG} table.remove(t, 1)`],
    ['foreachi', `${LONG} t[1] = nil table.foreachi(t, select)`],
  ])('%s is ended', (_name, body) => {
    const scripts = new OurScripts()
    scripts.host.mustEnd = () => scripts.host.interruptions > 3
    expect(scripts.eval(body)).toEqual({ error: expect.stringContaining('Script killed by user with SCRIPT KILL') })
    scripts.host.mustEnd = () => false
    expect(scripts.eval('local t = {2, 1} table.sort(t) table.insert(t, 1, 0) return t')).toEqual([0, 1, 2])
  })

  it.each([
    ['many short calls', 'for i = 1, 2000 do table.insert(t, 1, 0) end', 1000],
    ['a sort', 'for i = 1, 18000 do t[2000 + i] = (i * 7919) % 20011 end table.sort(t)', 50],
  ])('%s: it is asked whether the script must end', (_name, body, questionsMin) => {
    const scripts = new OurScripts()
    expect(scripts.eval(`local t = {} for i = 1, 2000 do t[i] = i end ${body} return #t`)).toBeTypeOf('number')
    expect(scripts.host.interruptions).toBeGreaterThan(questionsMin)
  })
})
