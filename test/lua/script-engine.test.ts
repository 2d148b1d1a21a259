/** What an engine survives: scripts that do not end, take all memory, nest without end or trap; and that scripts stay apart. */
import { describe, expect, it } from 'vitest'
import { ScriptEngine } from '../../src/lua/script-engine.js'
import { DEFAULT_SCRIPT_OPTIONS } from '../../src/lua/script-host.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'
import { OurScripts, replyValue } from './scripts-beside-redis.js'
import { StoreHost, scriptArguments } from './store-host.js'

const MEBIBYTE = 1024 * 1024
const KILLED = { error: expect.stringMatching(/^ERR Script killed by user with SCRIPT KILL\.\.\./) }

/** Scripts whose memory ends early, so that the tests do. */
function smallScripts(): OurScripts {
  return new OurScripts({ ...DEFAULT_SCRIPT_OPTIONS, memoryBytesMax: 32 * MEBIBYTE })
}

/** Whether the engine still does what it should. */
function expectAlive(scripts: OurScripts): void {
  expect(scripts.eval("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])", ['k'], ['v'])).toBe('v')
  expect(scripts.eval('return x')).toEqual({ error: expect.stringContaining('nonexistent global') })
}

describe('scripts that are told to end', () => {
  it.each([
    'while true do end',
    'while true do pcall(function() while true do end end) end',
    "while true do redis.pcall('GET', 'x') end",
    'local function f() pcall(f) while true do end end f()',
    'while true do xpcall(function() while true do end end, function() while true do end end) end',
    'while true do coroutine.wrap(function() while true do end end)() end',
    'while true do coroutine.resume(coroutine.create(function() while true do end end)) end',
    'local function f() while true do pcall(coroutine.wrap(f)) end end f()',
    "while true do pcall(loadstring('while true do end')) end",
    'while true do load(function() while true do end end) end',
    'while true do pcall(table.sort, {1, 2, 3, 4, 5}, function(a, b) while true do end end) end',
    "while true do pcall(string.gsub, 'x', 'x', function() while true do end end) end",
    "string.find(string.rep('a', 40), string.rep('a-', 40) .. 'b')",
    'local t = setmetatable({}, {__index = function(t, k) while true do end end}) return pcall(function() return t.x end)',
    'while true do pcall(error, setmetatable({}, {__tostring = function() while true do end end})) end',
  ])('%s', (body) => {
    const scripts = new OurScripts()
    const startedAt = Date.now()
    scripts.host.mustEnd = () => scripts.host.interruptions > 20
    expect(scripts.eval(body)).toEqual(KILLED)
    expect(Date.now() - startedAt).toBeLessThan(5000)
    scripts.host.mustEnd = () => false
    expectAlive(scripts)
  })

  it('is asked often enough, and the next script is not told', () => {
    const scripts = new OurScripts()
    expect(scripts.eval('for i = 1, 1000000 do end')).toBeNull()
    expect(scripts.host.interruptions).toBeGreaterThan(50)
    scripts.host.mustEnd = () => true
    expect(scripts.eval('for i = 1, 1000000 do end')).toEqual(KILLED)
    scripts.host.mustEnd = () => false
    expect(scripts.eval('for i = 1, 1000000 do end return 1')).toBe(1)
  })

  it('does not wait for what ends by itself', () => {
    const scripts = new OurScripts()
    expect(scripts.eval("return #string.rep('', 2147483647)")).toBe(0)
  })
})

describe('scripts that take too much', () => {
  it.each([
    "return #string.rep('x', 2147483647)",
    "local s = 'x' while true do s = s .. s end",
    'local t = {} for i = 1, 1e9 do t[i] = i end',
    'local t = {} while true do t = {t} end',
    "local t = {} for i = 1, 1e9 do t['key' .. i] = i end",
    "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 100000) .. i end",
    'local t = {} for i = 1, 1e9 do t[i] = coroutine.create(function() end) end',
    "local t = {} for i = 1, 1e6 do t[i] = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' end return #table.concat(t)",
    "return ('x'):rep(8e6):gsub('x', '%0%0%0%0%0%0')",
    "return cjson.encode(string.rep('\\1', 8e6))",
    "local t = {} for i = 1, 3e5 do t[i] = 1 end return string.format('%s', table.concat(t, string.rep(' ', 300)))",
  ])('%s', (body) => {
    const scripts = smallScripts()
    expect(scripts.eval(body)).toEqual({ error: expect.stringContaining('not enough memory') })
    expectAlive(scripts)
  })

  it('can go on when they catch the error', () => {
    const scripts = smallScripts()
    expect(scripts.eval("local ok, e = pcall(string.rep, 'x', 1e9) return {tostring(ok), e}")).toEqual([
      'false',
      expect.stringContaining('not enough memory'),
    ])
    expectAlive(scripts)
  })

  it('gives back what a script took', () => {
    const scripts = new OurScripts()
    const before = scripts.engine.memoryBytes
    scripts.eval("local t = {} for i = 1, 1e5 do t[i] = string.rep('x', 100) .. i end")
    for (let i = 0; i < 2000; i++) scripts.eval('return 1')
    expect(scripts.engine.memoryBytes).toBeLessThan(before + MEBIBYTE)
  })

  it('gives memory back to the system', () => {
    const scripts = new OurScripts()
    scripts.eval("local s = string.rep('x', 5e7) return #s")
    expect(scripts.engine.reservedBytes).toBeGreaterThan(64 * MEBIBYTE)
    for (let i = 0; i < 5000; i++) scripts.eval('return {1}')
    expect(scripts.engine.reservedBytes).toBeLessThan(64 * MEBIBYTE)
    expectAlive(scripts)
  })

  it('is not kept from it by a script that stops the collector', () => {
    const scripts = new OurScripts()
    scripts.eval("collectgarbage('stop')")
    for (let i = 0; i < 2000; i++) scripts.eval('local t = {} for i = 1, 1000 do t[i] = {i} end')
    expect(scripts.engine.memoryBytes).toBeLessThan(16 * MEBIBYTE)
  })
})

describe('scripts that nest without end', () => {
  it.each([
    ['local function f() return f() + 1 end return f()', 'stack overflow'],
    ['local function f() return pcall(f) end return f()', null],
    ['local function f() return (pcall(f)) end return f() and 1 or 2', null],
    ['local function f() return coroutine.wrap(f)() end return f()', 'C stack overflow'],
    ["local s = 'x' for i = 1, 1e4 do s = '(' .. s .. ')' end return loadstring('return ' .. s) == nil and 1", null],
    ["local s = string.rep('{', 1e5) return loadstring('return ' .. s) == nil and 1", null],
    ["return loadstring('local a = ' .. string.rep('function() ', 190) .. string.rep('end ', 190)) and 1", null],
    ['local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x', 'loop in gettable'],
    [
      'local t = {} getmetatable(setmetatable(t, {})).__index = function(t, k) return t[k] end return t.x',
      'stack overflow',
    ],
    ['local t = {} t[1] = t return #cjson.encode(t)', 'excessive nesting'],
    ["return cjson.decode(string.rep('[', 1e6))", 'nested'],
    ["return string.rep('a', 1e3):match(string.rep('(a)', 32) .. '.-b')", null],
    ["return (string.rep('(', 300000)):find(string.rep('(', 300000))", 'too many captures'],
    ['return unpack({}, 1, 1e6)', 'too many results'],
    ["return string.rep('x', 1e5):byte(1, -1)", 'string slice too long'],
    ['return select(2, pcall(unpack, {}, 1, 7990))', null],
    ['return {redis.call(unpack({}, 1, 7900))}', 'must be strings'],
  ])('%s', (body, error) => {
    const scripts = new OurScripts()
    const value = scripts.eval(body)
    if (error !== null) expect(value).toEqual({ error: expect.stringContaining(error) })
    expectAlive(scripts)
  })

  it('writes a table that contains itself as deep as the stack is', () => {
    const scripts = new OurScripts()
    for (const body of [
      'local t = {} t[1] = t return t',
      'local t = {map = {}} t.map.x = t return t',
      'local t = {set = {}} t.set[t] = true return t',
    ]) {
      // So deep that a reader which calls itself for each level would not come back.
      const reply = Buffer.from(scripts.reply(body)).toString('latin1')
      expect(reply).toMatch(/^(\*[12]\r\n(\$1\r\nx\r\n)?)+-ERR reached lua stack limit\r\n$/)
      expect(reply.split('*').length).toBeGreaterThan(2000)
      expectAlive(scripts)
    }
  })
})

describe('an engine', () => {
  const writer = new ReplyWriter()

  function run(engine: ScriptEngine, number: number): unknown {
    writer.attachScratch()
    engine.run(number, scriptArguments([], []), writer)
    return replyValue(writer.take())
  }

  it('makes a new interpreter when one has trapped, and knows all scripts still', () => {
    const host = new StoreHost()
    const engine = new ScriptEngine(host)
    const numbers = [1, 2, 3].map((value) => engine.compile(Buffer.from(`return ${value}`)) as number)
    engine.forget(numbers[1]!)
    const trapping = engine.compile(Buffer.from("return redis.call('ANY')")) as number
    host.call = () => {
      const overflow = (): number => overflow() + 1
      overflow()
    }
    expect(run(engine, trapping)).toEqual({ error: expect.stringContaining('exhausted the interpreter') })
    expect(run(engine, numbers[0]!)).toBe(1)
    expect(run(engine, numbers[2]!)).toBe(3)
    expect(run(engine, trapping)).toEqual({ error: expect.stringContaining('exhausted the interpreter') })
  })

  it('does not hide what is wrong with the server', () => {
    const host = new StoreHost()
    const engine = new ScriptEngine(host)
    const number = engine.compile(Buffer.from("return pcall(redis.call, 'ANY')")) as number
    host.call = () => {
      throw new TypeError('a fault of ours')
    }
    expect(() => run(engine, number)).toThrow('a fault of ours')
  })

  it('gives the numbers of forgotten scripts to new ones', () => {
    const engine = new ScriptEngine(new StoreHost())
    const first = engine.compile(Buffer.from('return 1')) as number
    engine.forget(first)
    expect(engine.compile(Buffer.from('return 2'))).toBe(first)
    expect(run(engine, first)).toBe(2)
  })

  it('skips the line of a shebang and counts it', () => {
    const scripts = new OurScripts()
    expect(scripts.eval('#!lua\nreturn 1')).toBe(1)
    expect(scripts.eval("#!lua flags=no-writes\nerror('x')")).toEqual({
      error: expect.stringContaining('user_script:2: x'),
    })
  })

  it('passes bytes as they are, in strings of every length', () => {
    const scripts = new OurScripts()
    for (const length of [0, 1, 39, 40, 41, 1000, 65535, 65536, 65537, 5_000_000]) {
      const argument = Buffer.alloc(length, 'a\0\xff\r\nz', 'latin1').toString('latin1')
      expect(scripts.eval('return ARGV[1]', [], [argument])).toBe(argument)
      expect(scripts.eval("redis.call('SET', 'k', ARGV[1]) return redis.call('GET', 'k')", [], [argument])).toBe(
        argument,
      )
    }
  })

  it('leaves nothing of one script to the next', () => {
    const scripts = new OurScripts()
    scripts.eval("redis.setresp(3) KEYS.x = 5 table.insert(ARGV, 'left')", ['a'], ['b'])
    expect(scripts.eval('return {KEYS.x == nil, #KEYS, #ARGV, false}')).toEqual([1, 0, 0, null])
  })

  it('takes compiled code for source that is none', () => {
    const scripts = new OurScripts()
    const dumped = scripts.eval('return string.dump(function() return 1 end)') as string
    expect(scripts.eval(dumped)).toEqual({ error: expect.stringContaining('Error compiling script') })
  })
})
