/** Libraries of functions, loaded and run by our engine and by FUNCTION LOAD and FCALL of a real Redis 7.0. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LibraryEngine, type LoadedLibrary } from '../../src/lua/library-engine.js'
import { parseLibraryHeader } from '../../src/lua/library-header.js'
import { encodeError } from '../../src/resp/errors.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'
import { hasRedis7, type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { replyValue } from './scripts-beside-redis.js'
import { StoreHost, scriptArguments } from './store-host.js'

/** What FUNCTION LOAD and FCALL do around the engine, for one library at a time. */
class OurLibraries {
  readonly host = new StoreHost()
  readonly engine = new LibraryEngine(this.host)
  readonly #writer = new ReplyWriter()
  loaded: LoadedLibrary | undefined

  load(body: string, isLate: () => boolean = () => false): RespValue {
    if (this.loaded !== undefined) this.engine.forget(this.loaded.number)
    this.loaded = undefined
    const bytes = Buffer.from(body, 'latin1')
    const header = parseLibraryHeader(bytes)
    if (typeof header === 'string') return replyValue(encodeError(`ERR ${header}`))
    const loaded = this.engine.load(bytes.subarray(header.length), isLate)
    if (loaded instanceof Uint8Array) return replyValue(loaded)
    this.loaded = loaded
    return header.name
  }

  call(name: string, keys: readonly string[] = [], args: readonly string[] = []): RespValue {
    const { number } = this.loaded!.functions.find((fn) => fn.name === name)!
    this.#writer.attachScratch()
    this.engine.run(number, scriptArguments(keys, args), this.#writer)
    return replyValue(this.#writer.take())
  }
}

const HEADER = '#!lua name=mylib\n'

describe.skipIf(!hasRedis7)('libraries, beside Redis', () => {
  let oracle: RedisOracle
  let redis: RespConnection
  const ours = new OurLibraries()

  beforeAll(async () => {
    oracle = await startRedisOracle()
    redis = await RespConnection.open(oracle.client.options.path as string)
  })

  afterAll(async () => {
    redis.close()
    await oracle.stop()
  })

  async function sameLoad(body: string): Promise<RespValue> {
    await redis.call('FUNCTION', 'FLUSH')
    const value = ours.load(body)
    expect(value, body).toEqual(await redis.call('FUNCTION', 'LOAD', Buffer.from(body, 'latin1')))
    return value
  }

  async function sameCall(code: string, keys: readonly string[] = [], args: readonly string[] = []): Promise<void> {
    expect(await sameLoad(HEADER + code)).toBe('mylib')
    expect(ours.call('f', keys, args), code).toEqual(await redis.call('FCALL', 'f', keys.length, ...keys, ...args))
  }

  it('reads headers', async () => {
    const code = "\nredis.register_function('f', function() return 1 end)"
    for (const header of [
      '#!lua name=mylib',
      '#!LUA name=mylib',
      '#!lua NAME=my_Lib1',
      '#!lua name="mylib"',
      "#!lua 'name=mylib'",
      '#!lua  name=mylib  ',
      '',
      'lua',
      '#!',
      '#! name=mylib',
      '#!lua',
      '#!lua name=',
      '#!lua name=a-b',
      '#!lua name=a name=b',
      '#!lua flags=no-writes',
      '#!lua name=mylib other',
      '#!js name=mylib',
      '#!lua name="mylib',
    ]) {
      await sameLoad(header + code)
    }
    await sameLoad('#!lua name=mylib')
  })

  it('registers functions in both forms', async () => {
    const body = `${HEADER}
      redis.register_function('one', function(keys, args) return 1 end)
      redis.register_function{function_name = 'two', callback = function() return 2 end, description = 'says two',
        flags = {'allow-oom', 'NO-WRITES', 'no-writes'}}
      redis.register_function{FUNCTION_NAME = 'three', callback = function() return 3 end, flags = {}}`
    await sameLoad(body)
    const functions = (ours.loaded?.functions ?? []).map(({ name, description, flags }) => ({
      name,
      description,
      flags,
    }))
    expect(functions).toEqual([
      { name: 'one', description: undefined, flags: [] },
      { name: 'two', description: 'says two', flags: ['no-writes', 'allow-oom'] },
      { name: 'three', description: undefined, flags: [] },
    ])
    expect([ours.call('one'), ours.call('two'), ours.call('three')]).toEqual([1, 2, 3])
  })

  it('refuses what is wrong when it is loaded', async () => {
    for (const code of [
      '',
      'return 1',
      'syntax error here',
      '\n\n)',
      "error('boom')",
      "error({err = 'MY boom'})",
      'x = 1',
      'return x',
      'local t = string.rep',
      'math.random()',
      "redis.call('GET', 'x')",
      'redis.setresp(3)',
      'redis.x = 1',
      'redis.register_function = 1',
      'local function f() return f() + 1 end f()',
      'redis.register_function()',
      'redis.register_function(1, 2, 3)',
      "redis.register_function('f')",
      'redis.register_function({}, function() end)',
      "redis.register_function('f', 'g')",
      "redis.register_function('a-b', function() end)",
      "redis.register_function('', function() end)",
      "redis.register_function('f', function() end) redis.register_function('f', function() end)",
      'redis.register_function{}',
      "redis.register_function{function_name = 'f'}",
      'redis.register_function{callback = function() end}',
      'redis.register_function{function_name = {}, callback = function() end}',
      "redis.register_function{function_name = 'f', callback = 'g'}",
      "redis.register_function{function_name = 'f', callback = function() end, description = {}}",
      "redis.register_function{function_name = 'f', callback = function() end, flags = 'no-writes'}",
      "redis.register_function{function_name = 'f', callback = function() end, flags = {'nothing'}}",
      "redis.register_function{function_name = 'f', callback = function() end, flags = {{}}}",
      "redis.register_function{function_name = 'f', callback = function() end, other = 1}",
      "redis.register_function{function_name = 'f', callback = function() end, 5}",
      "redis.register_function{[{}] = 'f'}",
    ]) {
      await sameLoad(HEADER + code)
    }
  })

  it('logs while it is loaded and has constants', async () => {
    await sameLoad(`${HEADER}redis.log(redis.LOG_WARNING, redis.REDIS_VERSION)
      redis.register_function('f', function() return 1 end)`)
    expect(ours.host.logged).toEqual(['3 7.0.15'])
  })

  it('calls functions', async () => {
    const register = (body: string): string => `redis.register_function('f', function(keys, args) ${body} end)`
    await sameCall(register('return {keys, args}'), ['a', 'b'], ['1'])
    await sameCall(register("return redis.call('SET', keys[1], args[1])"), ['a'], ['1'])
    await sameCall(register("return redis.call('nothing')"))
    await sameCall(register("return redis.pcall('nothing')"))
    await sameCall(register("error('boom')"))
    await sameCall(register("error({err = 'MY boom'})"))
    await sameCall(register('\n\nreturn x'))
    await sameCall(register('x = 1'))
    await sameCall(register('redis.call = 1'))
    await sameCall(register('return KEYS'))
    await sameCall(register('return string.rep("ab", 3) .. cjson.encode({1})'))
    await sameCall(register("redis.register_function('g', function() end)"))
    await sameCall(register('setmetatable(_G, {})'))
    await sameCall(register('local g = getmetatable(_G) g.__index = nil'))
    await sameCall(register('return redis.breakpoint()'))
    await sameCall(register('return redis.replicate_commands()'))
    await sameCall(register('local n = 0 for k in pairs(_G) do n = n + 1 end return n'))
    await sameCall(`local calls = 0 ${register('calls = calls + 1 return calls')}`)
    await sameCall(`local redis_call = redis.call ${register('return 1')}`.replace('redis.call', 'redis.log'))
    await sameCall(`local function helper(x) return x * 2 end ${register('return helper(#args)')}`, [], ['a', 'b'])
  })
})

describe('an engine of libraries', () => {
  const counter = `${HEADER}local n = 0
    redis.register_function('count', function() n = n + 1 return n end)
    redis.register_function('any', function() return redis.call('ANY') end)`

  it('keeps what a library keeps between its calls', () => {
    const ours = new OurLibraries()
    ours.load(counter)
    expect([ours.call('count'), ours.call('count')]).toEqual([1, 2])
  })

  it('gives up a library that takes too long to load', () => {
    const ours = new OurLibraries()
    let asked = 0
    const isLate = (): boolean => ++asked > 3
    expect(ours.load(`${HEADER}while true do end`, isLate)).toEqual({
      error: 'ERR Error registering functions: ERR FUNCTION LOAD timeout',
    })
    expect(ours.load(counter)).toBe('mylib')
    expect(ours.call('count')).toBe(1)
  })

  it('keeps nothing of a library that could not be loaded', () => {
    const ours = new OurLibraries()
    ours.load(counter)
    const before = ours.engine.memoryBytes
    for (let i = 0; i < 500; i++)
      ours.engine.load(Buffer.from(`${counter.slice(HEADER.length)} error('no')`), () => false)
    expect(ours.engine.memoryBytes).toBeLessThan(before + 200_000)
  })

  it('knows its functions still after a trap', () => {
    const ours = new OurLibraries()
    ours.load(counter)
    ours.host.call = () => {
      const overflow = (): number => overflow() + 1
      overflow()
    }
    expect(ours.call('count')).toBe(1)
    expect(ours.call('any')).toEqual({ error: expect.stringContaining('exhausted the interpreter') })
    // What a library has kept in variables is lost with the interpreter.
    expect(ours.call('count')).toBe(1)
  })

  it('has several libraries side by side and forgets one', () => {
    const engine = new LibraryEngine(new StoreHost())
    const writer = new ReplyWriter()
    const load = (code: string): LoadedLibrary => engine.load(Buffer.from(code), () => false) as LoadedLibrary
    const call = (number: number): RespValue => {
      writer.attachScratch()
      engine.run(number, scriptArguments([], []), writer)
      return replyValue(writer.take())
    }
    const first = load("redis.register_function('f', function() return 1 end)")
    const second = load("redis.register_function('g', function() return 2 end)")
    engine.forget(first.number)
    const third = load("redis.register_function('h', function() return 3 end)")
    expect(call(second.functions[0]!.number)).toBe(2)
    expect(call(third.functions[0]!.number)).toBe(3)
    expect(third.number).toBe(first.number)
  })

  it('ends a function that is told to', () => {
    const ours = new OurLibraries()
    ours.load(
      `${HEADER}redis.register_function('f', function() while true do pcall(function() while true do end end) end end)`,
    )
    ours.host.mustEnd = () => true
    expect(ours.call('f')).toEqual({ error: expect.stringContaining('Script killed by user') })
  })
})
