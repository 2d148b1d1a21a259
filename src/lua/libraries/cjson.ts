/**
 * The library `cjson`, as lua-cjson 2.1.0 with the choices that Redis has built it with.
 *
 * Runs wherever scripts run. Invariant: every function of one module has that module's settings as its only upvalue; what
 * else they share (buffers, the encoder, the decoder) is in use by one call at a time, as none of them calls Lua code.
 */
import { GLOBALS_INDEX, type LuaState, REGISTRY_INDEX } from '../lua-state.js'
import { JsonDecoder } from './json-decoder.js'
import { JsonEncoder } from './json-encoder.js'
import { JsonSettings } from './json-settings.js'

export function cjsonLibrary(state: LuaState): void {
  const { lua, main } = state
  const settings = new JsonSettings(state)
  const encoder = new JsonEncoder(state, settings, referenceToFormat(state))
  const decoder = new JsonDecoder(state, settings)
  const functions: Record<string, (L: number) => number> = {
    encode: (L) => encoder.encode(L),
    decode: (L) => decoder.decode(L),
    encode_sparse_array: (L) => settings.sparseArray(L),
    encode_max_depth: (L) => settings.encodeDepth(L),
    decode_max_depth: (L) => settings.decodeDepth(L),
    encode_number_precision: (L) => settings.precision(L),
    encode_keep_buffer: (L) => settings.keepBuffer(L),
    encode_invalid_numbers: (L) => settings.encodeInvalidNumbers(L),
    decode_invalid_numbers: (L) => settings.decodeInvalidNumbers(L),
    new: (L) => pushModule(L),
  }
  const addresses = Object.entries(functions).map(([name, fn]) => [state.name(name), state.register(fn)] as const)

  /** Pushes a module, in the order in which lua-cjson makes it: `pairs` shows that. */
  function pushModule(L: number): number {
    lua.lua_createtable(L, 0, 0)
    settings.push(L)
    for (const [name, address] of addresses) {
      lua.lua_pushvalue(L, -1)
      lua.lua_pushcclosure(L, address, 1)
      lua.lua_setfield(L, -3, name)
    }
    lua.lua_settop(L, -2)
    lua.lua_pushlightuserdata(L, 0)
    lua.lua_setfield(L, -2, state.name('null'))
    state.pushText(L, 'cjson')
    lua.lua_setfield(L, -2, state.name('_NAME'))
    state.pushText(L, '2.1.0')
    lua.lua_setfield(L, -2, state.name('_VERSION'))
    return 1
  }

  pushModule(main)
  lua.lua_setfield(main, GLOBALS_INDEX, state.name('cjson'))
}

/** A reference in the registry to C's string.format, which is there whatever becomes of the table `string`. */
function referenceToFormat(state: LuaState): number {
  const { lua, main } = state
  lua.lua_getfield(main, GLOBALS_INDEX, state.name('string'))
  lua.lua_getfield(main, -1, state.name('format'))
  const reference = lua.luaL_ref(main, REGISTRY_INDEX)
  lua.lua_settop(main, -2)
  return reference
}
