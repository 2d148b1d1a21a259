/** What scripts find and what they may change, beside a real Redis: globals, read-only tables, errors and their places. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_SCRIPT_OPTIONS } from '../../src/lua/script-host.js'
import { hasRedis7 } from '../base/redis-oracle.js'
import { ScriptsBesideRedis } from './scripts-beside-redis.js'

describe.skipIf(!hasRedis7)('the sandbox of scripts, beside Redis', () => {
  let beside: ScriptsBesideRedis

  beforeAll(async () => {
    beside = await ScriptsBesideRedis.start()
  })

  afterAll(() => beside.stop())

  const namesOf = (table: string): string =>
    `local names = {} for k, v in pairs(${table}) do names[#names + 1] = k .. ' ' .. type(v) end table.sort(names) return names`

  it('has the same globals', () => beside.allSame(namesOf('_G')))

  it.each(['redis', 'string', 'table', 'math', 'coroutine', 'cjson', 'cmsgpack', 'struct', 'bit'])(
    'has the same fields in %s',
    (table) => beside.allSame(namesOf(table)),
  )

  it('has the same constants', () =>
    beside.allSame(
      'return {redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING}',
      'return {redis.REPL_ALL, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_NONE}',
      'return {redis.REDIS_VERSION, redis.REDIS_VERSION_NUM, _VERSION, tostring(math.pi)}',
    ))

  it('lets nobody change its tables', () =>
    beside.allSame(
      'x = 1',
      '_G.x = 1',
      'function f() end',
      'redis = 1',
      'redis = function() return 1 end',
      '_G = {}',
      'redis.call = function() return 1 end',
      'redis.x = 1',
      'redis[1] = 1',
      'KEYS = nil',
      'ARGV = {}',
      'KEYS[1] = 5 return KEYS',
      'setmetatable(_G, {})',
      'setmetatable(redis, nil)',
      'local g = getmetatable(_G) g.__index = {}',
      'local g = getmetatable(_G) g.__newindex = nil',
      "getmetatable('').__index = 'test'",
      'string.rep = nil',
      'math.random = nil',
      'cjson.encode = function() return 1 end',
      'cmsgpack.pack = 1',
      'bit.band = 1',
      'struct.x = 1',
      "rawset(_G, 'x', 1)",
      "rawset(redis, 'call', 1)",
      'table.insert(redis, 1)',
      'table.insert(_G, 1)',
      'table.remove(redis)',
      'table.sort(redis)',
      'setmetatable({}, {__newindex = redis}).x = 1',
      'setmetatable({}, {__newindex = _G}).x = 1',
      "local t = setmetatable({}, {__index = redis}) t.call = 5 return {t.call, redis.call('GET', 'x')}",
      'for k, v in pairs(redis) do redis[k] = nil end',
      'next = nil',
    ))

  it('says which global is not there', () =>
    beside.allSame(
      'return x',
      'return _G.x',
      'print(1)',
      'dofile()',
      "loadfile('x')",
      'return os.time()',
      "return io.open('x')",
      "require('x')",
      'return debug.traceback()',
      'return newproxy()',
      'return setfenv(1, {})',
      'return getfenv()',
      'return _G[1]',
      'return _G[true]',
      'return _G[{}]',
      "return redis.nothing == nil and 'nil' or 'something'",
      "return rawget(_G, 'x') == nil",
      'local ok, e = pcall(function() return x end) return e',
    ))

  it('compiles source alone', () =>
    beside.allSame(
      "return loadstring('return 5')()",
      "return {loadstring('return', 'name')}",
      "return select(2, loadstring('return x x', '=name'))",
      "return select(2, loadstring('return x x', '@name'))",
      "return select(2, loadstring('return x x'))",
      "return select(2, loadstring(string.dump(function() return 1 end), 'dumped'))",
      'return select(2, load(function() return nil end))',
      "local parts = {'return ', '5'} local i = 0 return load(function() i = i + 1 return parts[i] end)()",
      "local i = 0 return select(2, load(function() i = i + 1 return ({'x ', 'x'})[i] end))",
      "return load('return 1')",
      'return loadstring({})',
      "local f = loadstring('x = 1') f()",
      'return setfenv == nil',
    ))

  it('reports errors at the same place with the same words', () =>
    beside.allSame(
      "error('boom')",
      "error('boom', 0)",
      "error('boom', 2)",
      'error()',
      'error(nil)',
      'error(5)',
      'error(true)',
      "error({err = 'MY own'})",
      "error({err = 'MY own', line = 7, source = 'here'})",
      '\n\nerror("third line")',
      'local function f() error("in f") end f()',
      'local t = nil return t.x',
      'return 1 + nil',
      'return 1 .. {}',
      'return #5',
      'return {} < {}',
      'return nil()',
      'local x = 5 x()',
      'return string.rep()',
      "return ('x'):rep({})",
      "return ('x'):nothing()",
      'return math.floor("a")',
      'return setmetatable(1, {})',
      'return unpack()',
      'return unpack({}, 1, 1e7)',
      'return tostring()',
      "return select(0, 'a')",
      'return next({}, "nothing")',
      'return table.concat({1, {}, 3})',
      'return string.char(256)',
      'for i = 1, "x" do end',
      'return coroutine.resume(1)',
      'return coroutine.wrap(function() error("inside") end)()',
      'return coroutine.wrap(function() error({err = "IN side"}) end)()',
      'coroutine.yield(1)',
      'local function f() return f() + 1 end return f()',
      "local s = 'x' for i = 1, 250 do s = '(' .. s .. ')' end return loadstring('return ' .. s)",
    ))

  it('has an error for a table that says nothing, which ends the process of Redis 7.0', () => {
    for (const body of [
      'error({})',
      'error({1, 2})',
      'error(setmetatable({}, {__tostring = function() return "x" end}))',
    ]) {
      expect(beside.ours.eval(body)).toEqual({
        error: expect.stringMatching(/^ERR unknown error script: [0-9a-f]{40}, on @user_script:1\.$/),
      })
    }
  })

  it('compiles with the same errors', () =>
    beside.allSame(
      'syntax error here',
      'return',
      'return return',
      "return '",
      'x = ',
      '\n\n)',
      'goto a',
      'break',
      'return 1 return 2',
      'local function f() ... end',
      "return '\\400'",
      '--[[ never closed',
      'return 1..2',
    ))

  it('has the same pcall and xpcall', () =>
    beside.allSame(
      "return {pcall(error, 'x')}",
      'return {pcall(function() return 1, 2, nil, 4 end)}',
      "return {pcall(error, {err = 'E 1'})}",
      "return {pcall(error, {err = 'E 1', other = 2})}",
      'return select(2, pcall(error, {1, 2, 3}))',
      "return select('#', pcall(error))",
      'return {pcall(redis.call)}',
      "return {pcall(redis.call, 'nothing')}",
      "return {pcall(redis.call, 'get')}",
      "return {xpcall(function() error('x') end, function(e) return 'handled ' .. e end)}",
      "return {xpcall(function() redis.call('nothing') end, function(e) return e.err end)}",
      "return {xpcall(function() error('x') end, function(e) error('again') end)}",
      'return {pcall(5)}',
      "return {pcall(pcall, error, 'deep')}",
      'return {pcall(string.rep)}',
      'return {pcall(function() local x = nil; x.y = 1 end)}',
    ))

  it('has the same functions where ours stand in for those of C', () =>
    beside.allSame(
      "return {tonumber('10'), tonumber('0x1F'), tonumber(' 5 '), tonumber('5x') == nil, tonumber({}) == nil}",
      "return {tonumber('ff', 16), tonumber('zz', 36), tonumber('777', 8), tonumber('1010', 2), tonumber('8', 8) == nil}",
      "return {tonumber('ffffffffff', 16), tostring(tonumber('ffffffffffffffffff', 16)), tostring(tonumber('-1', 16))}",
      "return {tonumber(' 11 ', 2), tonumber('0xff', 16), tonumber('0x', 16) == nil, tonumber('', 16) == nil, tonumber(10, 16)}",
      "return tonumber('1', 37)",
      "return tonumber('1', 1)",
      'return tonumber()',
      'return tonumber({}, 16)',
      "return {string.format('%d', 1700000000000), string.format('%5d|%-5d|%05d|%+d|% d', 42, 42, 42, 42, 42)}",
      "return {string.format('%d', -9.99), string.format('%i', 2^53), string.format('%d', 2^63), string.format('%d', -2^63)}",
      "return {string.format('%x %X %#x %o %#o %u', 255, 255, 255, 8, 8, 7), string.format('%x', -1), string.format('%u', 2^40)}",
      "return {string.format('%.3d|%8.3d|%-8.3d|%.0d', 5, 5, 5, 0), string.format('%d', '12')}",
      "return {string.format('%s %s %s', 1, 'x', 1.5), string.format('%5s|%-5s|%.2s', 'ab', 'ab', 'abcd')}",
      "return {string.format('%s', 'a\\0b'), string.format('%s', ('x'):rep(99) .. '\\0y'), string.format('%q', 'a\\n\"\\\\\\0\\r')}",
      "return {string.format('%c|%c', 2^32 - 1, 2^31), string.format('%c|%c', 2^31 - 1, -2^31 - 0.5), string.format('%c', -1.5)}",
      "return {string.format('%c%c', 72, 105), string.format('%5c|%-5c|', 65, 66), string.format('a%cb', 0)}",
      "return {string.format('%g %e %f %.3f %10.2f %G', 1.5, 1.5, 1.5, 1.23456, 3.14159, 1e20), string.format('%%')}",
      "return {string.format('%5.1f|%-8.3g|%+g', 2.25, 2.5, 2), string.format('%f', 1/0), string.format('%.14g', 2^53)}",
      "return string.format('%d')",
      "return string.format('%d', 'x')",
      "return string.format('%d', {})",
      "return string.format('%s')",
      "return string.format('%y', 1)",
      "return string.format('%', 1)",
      "return string.format('%')",
      "return string.format('%------d', 1)",
      "return string.format('%123d', 1)",
      "return string.format('%.123d', 1)",
      'return string.format()',
      'return string.format({})',
      "return {string.rep('ab', 3), string.rep('x', 0), string.rep('x', -1), string.rep('', 5), #string.rep('abc', 100000)}",
      "return {('hello'):sub(2), ('hello'):sub(-3), ('hello'):sub(2, 3), ('hello'):sub(2, -2), ('hello'):sub(0), ('hello'):sub(10)}",
      "return {('hello'):sub(1, 1e10), ('hello'):sub(-1e10, 2), ('hello'):sub(3, 2), ('hello'):sub(1, math.huge), ('hello'):sub('2', '3')}",
      "return {('hello'):byte(), ('hello'):byte(2), ('hello'):byte(-1), ('hello'):byte(1, -1)}",
      "return {('hello'):byte(10), ('hello'):byte(1, 1e10), ('hello'):byte(0)}",
      "return ('x'):sub()",
      "return ('x'):sub({})",
    ))

  it('has the same random numbers for a seed', () =>
    beside.allSame(
      'math.randomseed(42) local t = {} for i = 1, 20 do t[i] = tostring(math.random()) end return t',
      'math.randomseed(0) local t = {} for i = 1, 20 do t[i] = math.random(100) end return t',
      'math.randomseed(-5) local t = {} for i = 1, 20 do t[i] = math.random(-10, 10) end return t',
      'math.randomseed(1700000000000) return {math.random(1000000), math.random(1, 2147483647)}',
      // Nothing seeds it between scripts.
      'return {math.random(1000000), math.random(1000000)}',
      'return math.random(0)',
      'return math.random(5, 4)',
      'return math.random(1, 2, 3)',
      "return math.random('x')",
      'return math.randomseed()',
    ))

  it('gives back what was taken away when it is told to', async () => {
    const deprecated = await ScriptsBesideRedis.start(
      { ...DEFAULT_SCRIPT_OPTIONS, hasDeprecatedFunctions: true },
      ...['--lua-enable-deprecated-api', 'yes'],
    )
    await deprecated.allSame(
      namesOf('_G'),
      'return type(newproxy(true))',
      'local f = setfenv(function() return x end, {x = 5}) return f()',
      'return getfenv(0) == _G',
    )
    await deprecated.stop()
    expect(deprecated.ours.host.logged).toEqual([])
  })
})
