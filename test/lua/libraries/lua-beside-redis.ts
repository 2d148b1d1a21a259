/**
 * Pieces of Lua run in an interpreter of ours, with our libraries, and by EVAL in a real Redis 7.0: what they return,
 * or the error that they raise, must be the same to the byte, with the order in which `pairs` goes through tables.
 *
 * Only used by tests.
 */
import { expect } from 'vitest'
import { bitLibrary } from '../../../src/lua/libraries/bit.js'
import { cjsonLibrary } from '../../../src/lua/libraries/cjson.js'
import { cmsgpackLibrary } from '../../../src/lua/libraries/cmsgpack.js'
import { stringPatternsLibrary } from '../../../src/lua/libraries/string-patterns.js'
import { structLibrary } from '../../../src/lua/libraries/struct.js'
import { GLOBALS_INDEX, LuaState } from '../../../src/lua/lua-state.js'
import { type RedisOracle, startRedisOracle } from '../../base/redis-oracle.js'

/** Makes a text of any values, in one line, so that errors name the line that they do in a script of its own. */
const PRELUDE = `
local function show(v)
  local t = type(v)
  if t == 'string' then return 's' .. #v .. ':' .. v end
  if t == 'number' then return v ~= v and 'nan' or string.format('%.17g', v) end
  if t ~= 'table' then return t == 'boolean' and tostring(v) or t end
  local parts = {}
  for k, x in pairs(v) do parts[#parts + 1] = show(k) .. '=' .. show(x) end
  return '{' .. table.concat(parts, ' ') .. '}'
end
local function showAll(...)
  local parts = {}
  for i = 1, select('#', ...) do parts[i] = show((select(i, ...))) end
  return table.concat(parts, ', ')
end`.replaceAll(/\s*\n\s*/g, ' ')

export type LuaArgument = string | Buffer

function wrapped(body: string): string {
  return `${PRELUDE} return showAll(pcall(function() ${body} end))`
}

const MEMORY_BYTES_MAX = 256 * 1024 * 1024

/** An interpreter with Lua's own libraries and ours. */
export function luaWithLibraries(): LuaState {
  const state = new LuaState(MEMORY_BYTES_MAX)
  const { lua, main } = state
  for (const open of [lua.luaopen_base, lua.luaopen_table, lua.luaopen_string, lua.luaopen_math]) {
    open(main)
    lua.lua_settop(main, 0)
  }
  for (const library of [cjsonLibrary, cmsgpackLibrary, structLibrary, bitLibrary, stringPatternsLibrary])
    library(state)
  return state
}

/** Runs a chunk with ARGV and returns the string that it returns. */
export function runLua(state: LuaState, body: string, args: readonly LuaArgument[] = []): Buffer {
  const { lua, main: L } = state
  lua.lua_settop(L, 0)
  lua.lua_createtable(L, 0, 0)
  for (const [i, argument] of args.entries()) {
    const bytes = typeof argument === 'string' ? Buffer.from(argument) : argument
    state.pushBytes(L, bytes, 0, bytes.length)
    lua.lua_rawseti(L, -2, i + 1)
  }
  lua.lua_setfield(L, GLOBALS_INDEX, state.name('ARGV'))
  state.pushText(L, body)
  const from = state.toBytes(L, -1)
  if (lua.luaL_loadbuffer(L, from, state.length, state.name('@user_script')) !== 0) throw new Error(state.toText(L, -1))
  if (lua.lua_pcall(L, 0, 1, 0) !== 0) throw new Error(state.toText(L, -1))
  return Buffer.from(state.copyString(L, -1))
}

export class LuaBesideRedis {
  readonly state = luaWithLibraries()

  private constructor(private readonly oracle: RedisOracle) {}

  static async start(): Promise<LuaBesideRedis> {
    return new LuaBesideRedis(await startRedisOracle())
  }

  stop(): Promise<void> {
    return this.oracle.stop()
  }

  /** @returns what the piece returned, as `show` writes it, behind `true`, or its error behind `false` */
  async same(body: string, ...args: LuaArgument[]): Promise<string> {
    const [redis] = await this.oracle.replies([['EVAL', wrapped(body), 0, ...(args as Buffer[])]])
    const ours = runLua(this.state, wrapped(body), args).toString('latin1')
    const shown =
      `${body} ${JSON.stringify(args.map((argument) => Buffer.from(argument as string).toString('latin1')))}`.slice(
        0,
        400,
      )
    if (redis instanceof Error) throw new Error(`Redis refuses ${shown}: ${redis.message}`)
    expect(ours, shown).toBe((redis as Buffer).toString('latin1'))
    return ours
  }

  async allSame(...bodies: readonly string[]): Promise<void> {
    for (const body of bodies) await this.same(body)
  }
}
