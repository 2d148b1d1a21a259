/**
 * What scripts find in an interpreter: which libraries and functions there are, and that none of it can be changed.
 *
 * Runs wherever scripts run, once for each interpreter. Invariant: after `lock`, every table that a script can reach from
 * its globals is read-only, so that no script can leave anything for the next one.
 */
import { utf8Bytes } from '../base/bytes.js'
import { bitLibrary } from './libraries/bit.js'
import { cjsonLibrary } from './libraries/cjson.js'
import { cmsgpackLibrary } from './libraries/cmsgpack.js'
import { stringPatternsLibrary } from './libraries/string-patterns.js'
import { structLibrary } from './libraries/struct.js'
import { GLOBALS_INDEX, type LuaState, TYPE_TABLE } from './lua-state.js'

/** Functions of Lua's base library that reach out of the sandbox. */
const REMOVED = ['dofile', 'loadfile', 'print']

/** Functions that Redis has taken away since, and has back when it is told to. */
const DEPRECATED = ['newproxy', 'setfenv', 'getfenv']

/**
 * Called with an error before the stack is unwound: makes it a table and adds where it happened, in the script and not
 * in a function of ours that the script called.
 */
const ERROR_HANDLER = `
local getinfo, kind, text = debug.getinfo, type, tostring
debug = nil
return function(failure)
  local place = getinfo(2, 'nSl')
  if place and place.what == 'C' then place = getinfo(3, 'nSl') end
  if kind(failure) ~= 'table' then failure = { err = 'ERR ' .. text(failure) } end
  if place then
    failure.source = place.source
    failure.line = place.currentline
  end
  return failure
end
`

/** Makes the libraries of Lua and those of Redis. */
export function openLibraries(state: LuaState, hasDeprecatedFunctions: boolean): void {
  const { lua, main: L } = state
  lua.luaopen_base(L)
  lua.luaopen_table(L)
  lua.luaopen_string(L)
  lua.luaopen_math(L)
  lua.luaopen_debug(L)
  lua.lua_settop(L, 0)
  for (const name of hasDeprecatedFunctions ? REMOVED : [...REMOVED, ...DEPRECATED]) {
    lua.lua_pushnil(L)
    lua.lua_setfield(L, GLOBALS_INDEX, state.name(name))
  }
  bitLibrary(state)
  cjsonLibrary(state)
  cmsgpackLibrary(state)
  stringPatternsLibrary(state)
  structLibrary(state)
}

/** Compiles the error handler, which takes `debug` away, and pushes it. */
export function pushErrorHandler(state: LuaState): void {
  const { lua, main: L } = state
  const source = utf8Bytes(ERROR_HANDLER)
  const address = state.module.cString(source)
  const status =
    lua.luaL_loadbuffer(L, address, source.length, state.name('@err_handler_def')) || lua.lua_pcall(L, 0, 1, 0)
  lua.free(address)
  if (status !== 0) throw new Error(`the error handler of scripts does not compile: ${state.toText(L, -1)}`)
}

/** Gives the table on top of the stack a metatable that raises an error when a field is read that is not there. */
export function refuseUnknownFields(state: LuaState): void {
  const { lua, main: L } = state
  lua.lua_createtable(L, 0, 1)
  state.setField(L, '__index', (from) => {
    if (lua.lua_gettop(from) !== 2) state.raise(from, 'Wrong number of arguments to luaProtectedTableError')
    if (lua.lua_isstring(from, -1) === 0) {
      state.raise(from, 'Second argument to luaProtectedTableError must be a string or number')
    }
    const name = state.toText(from, -1).split('\0')[0]!
    return state.raise(from, `Script attempted to access nonexistent global variable '${name}'`)
  })
  lua.lua_setmetatable(L, -2)
}

/** Makes the table on top of the stack read-only, and every table that can be reached from it. */
export function lockTables(state: LuaState): void {
  const { lua, main: L } = state
  const address = lua.lua_topointer(L, -1)
  // A table that is locked has been visited: `_G` is a field of the globals and the same table.
  if (state.isReadOnly(address)) return
  state.setReadOnly(address, true)
  state.checkStack(L, 3, 'sandbox')
  lua.lua_pushnil(L)
  while (lua.lua_next(L, -2) !== 0) {
    if (lua.lua_type(L, -1) === TYPE_TABLE) lockTables(state)
    lua.lua_settop(L, -2)
  }
  if (lua.lua_getmetatable(L, -1) !== 0) {
    lockTables(state)
    lua.lua_settop(L, -2)
  }
}

/** Makes the metatable of strings read-only, the only one that values other than tables have. */
export function lockStringMetatable(state: LuaState): void {
  const { lua, main: L } = state
  lua.lua_pushlstring(L, 0, 0)
  if (lua.lua_getmetatable(L, -1) !== 0) {
    lockTables(state)
    lua.lua_settop(L, -2)
  }
  lua.lua_settop(L, -2)
}
