/**
 * Numbers among the arguments of a library's functions, as C sees them on a machine with 64-bit integers.
 *
 * Runs wherever scripts run. The engine's own `luaL_checkinteger` has the 32 bits of its machine, Redis's has 64.
 */
import type { LuaState } from '../lua-state.js'

const TWO_TO_31 = 2 ** 31
const TWO_TO_63 = 2 ** 63

/** What the processor makes of a number that no 64-bit integer can be, NaN included. */
const NO_INTEGER = -TWO_TO_63

/** The number cut to a 64-bit integer. Beyond 2^53 a double may be all that is left of it, as everywhere in Lua. */
export function cutToInt64(value: number): number {
  return value >= -TWO_TO_63 && value < TWO_TO_63 ? Math.trunc(value) + 0 : NO_INTEGER
}

export function checkInt64(state: LuaState, L: number, i: number): number {
  return cutToInt64(state.lua.luaL_checknumber(L, i))
}

export function optInt64(state: LuaState, L: number, i: number, otherwise: number): number {
  // lua_type: LUA_TNONE is -1, LUA_TNIL is 0.
  return state.lua.lua_type(L, i) <= 0 ? otherwise : checkInt64(state, L, i)
}

/** The low 32 bits of a 64-bit integer, as a cast to int takes them. */
export function castToInt32(value: number): number {
  return value | 0
}

/** What C makes of a number that it cuts to an int at once: nothing beyond 32 bits is left. */
export function cutToInt32(value: number): number {
  return value > -TWO_TO_31 - 1 && value < TWO_TO_31 ? Math.trunc(value) + 0 : -TWO_TO_31
}
