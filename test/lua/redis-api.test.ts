/** The table `redis` and the conversions between replies and Lua's values, beside a real Redis. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasRedis7 } from '../base/redis-oracle.js'
import { OurScripts, ScriptsBesideRedis } from './scripts-beside-redis.js'

describe.skipIf(!hasRedis7)('the table redis, beside Redis', () => {
  let beside: ScriptsBesideRedis

  beforeAll(async () => {
    beside = await ScriptsBesideRedis.start()
  })

  afterAll(() => beside.stop())

  it('calls commands with strings and numbers', async () => {
    await beside.same("return redis.call('SET', KEYS[1], ARGV[1])", ['a'], ['one'])
    await beside.same("return redis.call('GET', KEYS[1])", ['a'])
    await beside.same('return {KEYS, ARGV, #KEYS, #ARGV}', ['a', 'b\0c', ''], ['\xff', '5'])
    for (const number of [
      '1',
      '-1',
      '0',
      '-0.0',
      '0.1',
      '1e15',
      '2^53',
      '2^53 + 2',
      '1e16',
      '1e17',
      '1e20',
      '1e-5',
      '1e-4',
      '123456.789',
      '1/3',
      '1/0',
      '-1/0',
      '1e300',
      '5e-324',
      '1700000000000',
    ]) {
      await beside.same(`redis.call('SET', 'n', ${number}) return redis.call('GET', 'n')`)
    }
  })

  it('gets every kind of reply', async () => {
    await beside.allSame(
      "redis.call('DEL', 'l', 'h', 's', 'z', 'n') return redis.call('RPUSH', 'l', 'a', 'b', 'c')",
      "return redis.call('LRANGE', 'l', 0, -1)",
      "return redis.call('HSET', 'h', 'f', 'v')",
      "return redis.call('HGETALL', 'h')",
      "return redis.call('SADD', 's', 'm')",
      "return redis.call('SMEMBERS', 's')",
      "return redis.call('ZADD', 'z', 1.5, 'm')",
      "return redis.call('ZSCORE', 'z', 'm')",
      "return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')",
      "return redis.call('GET', 'missing')",
      "return type(redis.call('GET', 'missing'))",
      "return redis.call('LPOP', 'missing', 5)",
      "return type(redis.call('LPOP', 'missing', 5))",
      "return redis.call('SET', 'x', 1).ok",
      "return redis.call('INCRBY', 'i', '9007199254740993')",
      "return tostring(redis.call('INCRBY', 'i', '9223372036854')) ",
      "return redis.call('SORT', 'l', 'ALPHA', 'GET', 'nothing*')",
      "local t = redis.call('SORT', 'l', 'ALPHA', 'GET', 'nothing*') return {#t, type(t[1])}",
      "redis.call('SET', 'big', string.rep('x', 200000)) return #redis.call('GET', 'big')",
    )
  })

  it('raises and returns the errors of commands', () =>
    beside.allSame(
      'return redis.call()',
      'return redis.pcall()',
      'return redis.pcall({})',
      'return redis.call({})',
      "return redis.call('GET', nil)",
      "return redis.pcall('GET', true).err",
      "return redis.call('nothing')",
      "return redis.pcall('nothing')",
      "return redis.pcall('nothing').err",
      "return redis.call('GET')",
      "return redis.pcall('GET')",
      "redis.call('SET', 'x', 'text') return redis.call('INCR', 'x')",
      "return redis.pcall('INCR', 'x')",
      "return redis.pcall('LPUSH', 'x', 1)",
      "return redis.call('LPUSH', 'x', 1)",
      "local e = redis.pcall('LPUSH', 'x', 1) error(e)",
      "local e = redis.pcall('LPUSH', 'x', 1) local names = {} for k, v in pairs(e) do names[#names + 1] = k .. '=' .. tostring(v) end table.sort(names) return names",
      "local ok, e = pcall(redis.call, 'LPUSH', 'x', 1) return {tostring(ok), type(e), e}",
      "local ok, e = pcall(function() return redis.call('LPUSH', 'x', 1) end) return e",
      "\n\nlocal function f()\n return redis.call('LPUSH', 'x', 1)\nend\nf()",
      "local e = redis.pcall('LPUSH', 'x', 1) return {1, e, 2}",
    ))

  it('makes errors and statuses', () =>
    beside.allSame(
      "return redis.error_reply('MY error')",
      "return redis.error_reply('-MY error')",
      "return redis.error_reply('word')",
      "return redis.error_reply('-word')",
      "return redis.error_reply('')",
      "return redis.error_reply('MY error\\r\\nmore\\r\\n')",
      'return redis.error_reply(5)',
      'return redis.error_reply()',
      "return redis.error_reply('a', 'b')",
      "return redis.status_reply('FINE')",
      "return redis.status_reply('two\\r\\nlines')",
      'return redis.status_reply()',
      'return redis.status_reply({})',
      "return {err = 'MY error'}",
      "return {err = 'ERR a\\nb'}",
      "return {err = 'word'}",
      'return {err = 5}',
      "return {ok = 'FINE'}",
      'return {ok = 5}',
      "return {ok = 'a\\0b'}",
      "return {err = 'MY a\\0b'}",
      "error(redis.error_reply('MY error'))",
      "return {redis.error_reply('MY error'), redis.status_reply('FINE'), 'x'}",
    ))

  it('has its other functions', () =>
    beside.allSame(
      "return {redis.sha1hex(''), redis.sha1hex('abc'), redis.sha1hex(5), redis.sha1hex('\\0')}",
      'return redis.sha1hex()',
      'return redis.sha1hex(1, 2)',
      'return {redis.breakpoint(), redis.replicate_commands()}',
      "return redis.debug('x') == nil",
      "return redis.log(redis.LOG_DEBUG, 'x')",
      'return redis.log()',
      "return redis.log('x')",
      "return redis.log('x', 'y')",
      "return redis.log(10, 'y')",
      "return redis.log(-1, 'y')",
      'return redis.setresp()',
      'return redis.setresp(1)',
      'return redis.setresp(1, 2)',
      'return redis.setresp({})',
      'redis.setresp(3) redis.setresp(2) return 1',
      'return redis.set_repl()',
      'return redis.set_repl(10)',
      'return redis.set_repl(redis.REPL_ALL)',
      'return redis.set_repl(redis.REPL_NONE)',
      "return redis.acl_check_cmd('SET', 'x', '1')",
      "return redis.acl_check_cmd('nothing')",
      'return redis.acl_check_cmd()',
      'return redis.acl_check_cmd({})',
    ))

  const values = [
    'return nil',
    'return',
    'return true',
    'return false',
    'return 3.99',
    'return -3.99',
    'return 1e15',
    'return 2^53',
    'return 2^62',
    'return 2^63',
    'return -2^63',
    'return 1e300',
    'return 0/0',
    'return 1/0',
    "return ''",
    "return 'a\\0b'",
    'return {}',
    "return {1, 'x', {2, {3}}, true, false}",
    'return {1, nil, 3}',
    'return {1, 2, x = 5}',
    'return {{}, {{}}, {{}, {}}}',
    'return print == nil and 1 or 2',
    'return function() end',
    'return coroutine.create(function() end)',
    'return {redis.call, 1}',
    'return cjson.null',
    'return {map = {a = 1}}',
    'return {map = {a = {map = {b = {1, 2}}}}}',
    'return {map = {}}',
    'return {map = 1}',
    'return {set = {a = true}}',
    'return {set = {[{1, 2}] = true}}',
    'return {set = {}}',
    'return {set = 5, 6}',
    'return {double = 1.5}',
    'return {double = 1/0}',
    "return {double = 'x'}",
    "return {big_number = '12345678901234567890'}",
    "return {big_number = '1\\r\\n2'}",
    'return {big_number = 5}',
    "return {verbatim_string = {string = 'text', format = 'mkd'}}",
    "return {verbatim_string = {string = 'text', format = 'x'}}",
    "return {verbatim_string = {string = 'text'}}",
    "return {verbatim_string = {format = 'txt'}, 1}",
    "return {{double = 2.5}, {set = {x = true}}, {map = {k = {ok = 'FINE'}}}, {err = 'MY error'}}",
    'redis.setresp(3) return {true, false, nil}',
    'redis.setresp(3) return true',
    'redis.setresp(3) return false',
    "return setmetatable({}, {__index = {err = 'MY error'}})",
    'return setmetatable({1}, {__index = function() return 5 end})',
    'local t = {} for i = 1, 20000 do t[i] = i end return t',
    'local a = {1} for i = 1, 500 do a = {a} end return a',
  ]

  it('turns values into replies of RESP2', () => beside.allSame(...values))

  it('turns values into replies of RESP3', async () => {
    await beside.speak(true)
    await beside.allSame(...values)
    await beside.speak(false)
  })
})

describe('replies of RESP3', () => {
  const show = `local function show(v) if type(v) ~= 'table' then return type(v) .. ' ' .. tostring(v) end
    local parts = {} for k, x in pairs(v) do parts[#parts + 1] = show(k) .. '=' .. show(x) end
    table.sort(parts) return '{' .. table.concat(parts, ', ') .. '}' end return show(redis.call('ANY'))`

  it.each([
    ['_\r\n', 'nil nil'],
    ['#t\r\n', 'boolean true'],
    ['#f\r\n', 'boolean false'],
    [',1.5\r\n', '{string double=number 1.5}'],
    [',-inf\r\n', '{string double=number -inf}'],
    ['(123456789012345678901\r\n', '{string big_number=string 123456789012345678901}'],
    ['=8\r\ntxt:text\r\n', '{string verbatim_string={string format=string txt, string string=string text}}'],
    ['%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n', '{string map={string a=number 1, string b={}}}'],
    ['~2\r\n$1\r\na\r\n:1\r\n', '{string set={number 1=boolean true, string a=boolean true}}'],
    ['*3\r\n#f\r\n_\r\n:-5\r\n', '{number 1=boolean false, number 3=number -5}'],
    ['$-1\r\n', 'boolean false'],
    ['*-1\r\n', 'boolean false'],
    [':9223372036854775807\r\n', 'number 9.2233720368548e+18'],
    ['-no-space\r\n', '{string err=string ERR no-space, string ignore_error_stats_update=boolean true}'],
  ])('%j is %s', (reply, shown) => {
    const scripts = new OurScripts()
    scripts.host.recorded.set('ANY', reply)
    expect(scripts.eval(show.replace('redis.call', 'redis.pcall'))).toBe(shown)
  })

  it('says to the host what the script speaks', () => {
    const scripts = new OurScripts()
    const said: boolean[] = []
    scripts.host.recorded.set('ANY', '+OK\r\n')
    const { call } = scripts.host
    scripts.host.call = (bytes, offsets, lengths, count, resp3?: boolean) => {
      said.push(resp3 === true)
      call.call(scripts.host, bytes, offsets, lengths, count)
    }
    const body =
      "redis.call('ANY') redis.setresp(3) redis.call('ANY') redis.setresp(2) redis.call('ANY') redis.setresp(3)"
    scripts.eval(body)
    scripts.eval(body)
    expect(said).toEqual([false, true, false, false, true, false])
  })
})

describe('what the host hears', () => {
  it('gets log lines above its level', () => {
    const scripts = new OurScripts()
    scripts.host.logLevelMin = 2
    scripts.eval(
      "redis.log(redis.LOG_VERBOSE, 'no') redis.log(redis.LOG_WARNING, 'a', 5, {}, 'b\\0') redis.log('2', 'x')",
    )
    expect(scripts.host.logged).toEqual(['3 a 5 b\0', '2 x'])
  })

  it('gets what set_repl says', () => {
    const scripts = new OurScripts()
    scripts.eval('redis.set_repl(redis.REPL_AOF) redis.set_repl(redis.REPL_ALL)')
    expect(scripts.host.propagations).toEqual([1, 3])
  })

  it('gets more arguments than there was room for, numbers and strings mixed', () => {
    const scripts = new OurScripts()
    const heard: string[] = []
    scripts.host.call = (bytes, offsets, lengths, count) => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let i = 0; i < count; i++) heard.push(text.toString('latin1', offsets[i], offsets[i]! + lengths[i]!))
      scripts.host.replyBytes = Buffer.from('+OK\r\n')
    }
    const body =
      "local t = {'ANY'} for i = 1, 500 do t[i + 1] = i % 2 == 0 and i / 4 or 's' .. i end redis.call(unpack(t))"
    scripts.eval("redis.call('ANY', 1, 'x', 2.5)")
    scripts.eval(body)
    const expected = Array.from({ length: 500 }, (_, i) => ((i + 1) % 2 === 0 ? String((i + 1) / 4) : `s${i + 1}`))
    expect(heard).toEqual(['ANY', '1', 'x', '2.5', 'ANY', ...expected])
  })
})
