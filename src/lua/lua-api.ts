/**
 * The C API of Lua 5.1 as the WebAssembly module exports it, and its constants.
 *
 * Types only, but for the constants. `L` is the address of a Lua state (the main thread's or a coroutine's), an index is
 * a place on its stack, `text` is the address of a C string. What each function does: https://www.lua.org/manual/5.1/manual.html#3.7
 */

import type { WasmMemory, WasmTable } from './webassembly.js'

/** A C function that Lua calls: it finds its arguments on the stack and says how many results it has pushed. */
export type LuaFunction = (L: number) => number

export const TYPE_NONE = -1
export const TYPE_NIL = 0
export const TYPE_BOOLEAN = 1
export const TYPE_LIGHT_USERDATA = 2
export const TYPE_NUMBER = 3
export const TYPE_STRING = 4
export const TYPE_TABLE = 5
export const TYPE_FUNCTION = 6
export const TYPE_USERDATA = 7
export const TYPE_THREAD = 8

export const REGISTRY_INDEX = -10000
export const GLOBALS_INDEX = -10002

/** The pseudo-index of the i-th value that was given to `lua_pushcclosure`, from 1. */
export function upvalue(i: number): number {
  return GLOBALS_INDEX - i
}

/** For `lua_call` and `lua_pcall`: as many results as there are. */
export const MULTIPLE_RESULTS = -1

/** What `lua_pcall`, `lua_resume` and `luaL_loadbuffer` answer; zero is success. */
export const STATUS_YIELD = 1
export const STATUS_ERROR_MEMORY = 4

/** For `lua_sethook`. */
export const HOOK_LINE = 4
export const HOOK_COUNT = 8

/** For `lua_gc`. */
export const COLLECT_ALL = 2
export const COLLECT_COUNT_KIB = 3
export const COLLECT_COUNT_REST_BYTES = 4
export const COLLECT_STEP = 5
export const COLLECT_PAUSE = 6

export interface LuaApi {
  readonly memory: WasmMemory
  readonly __indirect_function_table: WasmTable
  __wasm_call_ctors(): void
  malloc(bytes: number): number
  realloc(address: number, bytes: number): number
  free(address: number): void
  stackSave(): number
  stackRestore(address: number): void
  setThrew(threw: number, value: number): void

  luaL_newstate(): number
  lua_close(L: number): void
  lua_newthread(L: number): number
  lua_atpanic(L: number, callback: number): number
  luaopen_base(L: number): number
  luaopen_table(L: number): number
  luaopen_string(L: number): number
  luaopen_math(L: number): number
  luaopen_debug(L: number): number

  lua_gettop(L: number): number
  lua_settop(L: number, index: number): void
  lua_pushvalue(L: number, index: number): void
  lua_remove(L: number, index: number): void
  lua_insert(L: number, index: number): void
  lua_replace(L: number, index: number): void
  lua_checkstack(L: number, extra: number): number
  lua_xmove(from: number, to: number, count: number): void

  lua_type(L: number, index: number): number
  lua_typename(L: number, type: number): number
  lua_isnumber(L: number, index: number): number
  lua_isstring(L: number, index: number): number
  lua_iscfunction(L: number, index: number): number
  lua_rawequal(L: number, left: number, right: number): number
  lua_equal(L: number, left: number, right: number): number
  lua_lessthan(L: number, left: number, right: number): number

  lua_tonumber(L: number, index: number): number
  lua_tointeger(L: number, index: number): number
  lua_toboolean(L: number, index: number): number
  lua_tolstring(L: number, index: number, lengthAddress: number): number
  lua_objlen(L: number, index: number): number
  lua_topointer(L: number, index: number): number
  lua_tothread(L: number, index: number): number
  lua_touserdata(L: number, index: number): number

  lua_pushnil(L: number): void
  lua_pushnumber(L: number, value: number): void
  lua_pushinteger(L: number, value: number): void
  lua_pushlstring(L: number, address: number, length: number): void
  lua_pushstring(L: number, text: number): void
  lua_pushcclosure(L: number, fn: number, upvalues: number): void
  lua_pushboolean(L: number, value: number): void
  lua_pushlightuserdata(L: number, address: number): void
  lua_pushthread(L: number): number

  lua_gettable(L: number, index: number): void
  lua_getfield(L: number, index: number, name: number): void
  lua_rawget(L: number, index: number): void
  lua_rawgeti(L: number, index: number, n: number): void
  lua_createtable(L: number, arrayElements: number, hashElements: number): void
  lua_newuserdata(L: number, bytes: number): number
  lua_getmetatable(L: number, index: number): number
  lua_settable(L: number, index: number): void
  lua_setfield(L: number, index: number, name: number): void
  lua_rawset(L: number, index: number): void
  lua_rawseti(L: number, index: number, n: number): void
  lua_setmetatable(L: number, index: number): number

  lua_call(L: number, argumentCount: number, resultCount: number): void
  lua_pcall(L: number, argumentCount: number, resultCount: number, errorHandlerIndex: number): number
  lua_resume(L: number, argumentCount: number): number
  lua_status(L: number): number
  lua_gc(L: number, what: number, data: number): number
  lua_error(L: number): number
  lua_next(L: number, index: number): number
  lua_concat(L: number, count: number): void
  lua_sethook(L: number, hook: number, mask: number, count: number): number

  luaL_argerror(L: number, argument: number, text: number): number
  luaL_typerror(L: number, argument: number, typeName: number): number
  luaL_where(L: number, level: number): void
  luaL_checklstring(L: number, argument: number, lengthAddress: number): number
  luaL_optlstring(L: number, argument: number, otherwise: number, lengthAddress: number): number
  luaL_checknumber(L: number, argument: number): number
  luaL_optnumber(L: number, argument: number, otherwise: number): number
  luaL_checkinteger(L: number, argument: number): number
  luaL_optinteger(L: number, argument: number, otherwise: number): number
  luaL_checkstack(L: number, extra: number, text: number): void
  luaL_checktype(L: number, argument: number, type: number): void
  luaL_checkany(L: number, argument: number): void
  luaL_getmetafield(L: number, index: number, name: number): number
  luaL_callmeta(L: number, index: number, name: number): number
  luaL_ref(L: number, table: number): number
  luaL_unref(L: number, table: number, reference: number): void
  luaL_loadbuffer(L: number, address: number, length: number, chunkName: number): number
}
