/**
 * Functions of Lua's base library that are ours, because Redis's differ or because C's would not end.
 *
 * Runs wherever scripts run.
 *
 * - `pcall` gives the text of an error that is a table with `err`, as before Redis 7. A script that is being ended is not
 *   saved by it, nor by `xpcall`.
 * - `loadstring` and `load` read source only. Lua 5.1 believes compiled code, and compiled code can say anything.
 * - `unpack` refuses ranges of which C's, compiled for 32 bits, does not see that they are too long.
 * - `tonumber` has the 64-bit integers of Redis's machine for bases other than 10, and not the 32 of WebAssembly's.
 */
import { isSpace } from '../base/bytes.js'
import { castToInt32, checkInt64 } from './libraries/arguments.js'
import {
  GLOBALS_INDEX,
  type LuaState,
  MULTIPLE_RESULTS,
  TYPE_FUNCTION,
  TYPE_NIL,
  TYPE_NUMBER,
  TYPE_STRING,
  TYPE_TABLE,
  upvalue,
} from './lua-state.js'

/** The byte that compiled code begins with. */
export const COMPILED_SIGNATURE = 27

/** Each may run some thousand instructions unseen. */
const COROUTINES_BETWEEN_QUESTIONS = 32

/** What a piece of a source takes besides its bytes: it is an array of its own. */
const PIECE_OVERHEAD_BYTES = 128

const DECIMAL = 10
const INT32_MAX = 2 ** 31 - 1
const UINT64_MAX = 2n ** 64n - 1n

export class BaseFunctions {
  readonly #handler: number
  #coroutinesUnwatched = 0

  /**
   * @param isEnding whether the script in hand must end, so that no error may be caught any more
   */
  constructor(
    private readonly state: LuaState,
    private readonly isEnding: () => boolean,
  ) {
    this.#handler = state.register((L) => this.#handleError(L))
  }

  register(): void {
    this.state.setFunctions('_G', {
      pcall: (L) => this.#pcall(L),
      xpcall: (L) => this.#xpcall(L),
      loadstring: (L) => this.#loadString(L),
      load: (L) => this.#load(L),
      tonumber: (L) => this.#toNumber(L),
      unpack: (L) => this.#unpack(L),
    })
    this.#watch('create')
    this.#watch('wrap')
  }

  /**
   * Puts a function of ours before the library's in `coroutine`. Each coroutine counts its instructions from the beginning,
   * so that one that ends soon never asks whether the script must end: whoever makes many of them has to.
   */
  #watch(name: string): void {
    const { state } = this
    const { lua, main: L } = state
    lua.lua_getfield(L, GLOBALS_INDEX, state.name('coroutine'))
    lua.lua_getfield(L, -1, state.name(name))
    const make = (from: number): number => {
      if (++this.#coroutinesUnwatched >= COROUTINES_BETWEEN_QUESTIONS) {
        this.#coroutinesUnwatched = 0
        state.checkInterrupt(from)
      }
      lua.luaL_checktype(from, 1, TYPE_FUNCTION)
      lua.lua_settop(from, 1)
      lua.lua_pushvalue(from, upvalue(1))
      lua.lua_insert(from, 1)
      lua.lua_call(from, 1, 1)
      return 1
    }
    lua.lua_pushcclosure(L, state.register(make), 1)
    lua.lua_setfield(L, -2, state.name(name))
    lua.lua_settop(L, -2)
  }

  #pcall(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checkany(L, 1)
    const argumentCount = lua.lua_gettop(L) - 1
    lua.lua_pushboolean(L, 1)
    lua.lua_insert(L, 1)
    if (lua.lua_pcall(L, argumentCount, MULTIPLE_RESULTS, 0) === 0) return lua.lua_gettop(L)
    if (this.isEnding()) return state.raiseValue(L)
    lua.lua_remove(L, 1)
    if (lua.lua_type(L, -1) === TYPE_TABLE) {
      lua.lua_getfield(L, -1, state.name('err'))
      if (lua.lua_isstring(L, -1) !== 0) lua.lua_replace(L, -2)
    }
    lua.lua_pushboolean(L, 0)
    lua.lua_insert(L, 1)
    return lua.lua_gettop(L)
  }

  #xpcall(L: number): number {
    const { lua } = this.state
    lua.luaL_checkany(L, 2)
    lua.lua_settop(L, 2)
    if (lua.lua_type(L, 2) === TYPE_FUNCTION) lua.lua_pushcclosure(L, this.#handler, 1)
    lua.lua_insert(L, 1)
    const status = lua.lua_pcall(L, 0, MULTIPLE_RESULTS, 1)
    if (status !== 0 && this.isEnding()) return this.state.raiseValue(L)
    lua.lua_pushboolean(L, status === 0 ? 1 : 0)
    lua.lua_replace(L, 1)
    return lua.lua_gettop(L)
  }

  /** Stands in front of the error handler that a script has given to `xpcall`, its upvalue. */
  #handleError(L: number): number {
    const { lua } = this.state
    // The error that ends a script is raised by a hook, and until it is caught no other hook is called: the handler could
    // run for ever.
    if (this.isEnding()) return 1
    lua.lua_pushvalue(L, upvalue(1))
    lua.lua_insert(L, 1)
    lua.lua_call(L, 1, 1)
    return 1
  }

  #unpack(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checktype(L, 1, TYPE_TABLE)
    const first = lua.lua_type(L, 2) <= TYPE_NIL ? 1 : castToInt32(checkInt64(state, L, 2))
    const last = lua.lua_type(L, 3) <= TYPE_NIL ? lua.lua_objlen(L, 1) : castToInt32(checkInt64(state, L, 3))
    if (first > last) return 0
    const count = last - first + 1
    if (count >= INT32_MAX || lua.lua_checkstack(L, count) === 0) state.raise(L, 'too many results to unpack')
    for (let i = first; i <= last; i++) lua.lua_rawgeti(L, 1, i)
    return count
  }

  #loadString(L: number): number {
    const { lua } = this.state
    this.state.checkString(L, 1)
    const nameIndex = lua.lua_type(L, 2) <= TYPE_NIL ? 1 : 2
    this.state.checkString(L, nameIndex)
    return this.#compile(L, 1, nameIndex)
  }

  /** Like `loadstring`, of a text that a function gives in pieces; an empty piece or nil is the end. */
  #load(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checktype(L, 1, TYPE_FUNCTION)
    if (lua.lua_type(L, 2) <= TYPE_NIL) {
      lua.lua_settop(L, 1)
      state.pushText(L, '=(load)')
    } else {
      state.checkString(L, 2)
      lua.lua_settop(L, 2)
    }
    const pieces: Uint8Array[] = []
    let length = 0
    for (;;) {
      // The pieces are kept outside of Lua, where its own limit does not see them, and Lua's hook seldom sees a short reader.
      state.checkInterrupt(L)
      lua.lua_pushvalue(L, 1)
      if (lua.lua_pcall(L, 0, 1, 0) !== 0) return this.#failed(L)
      const type = lua.lua_type(L, -1)
      if (type !== TYPE_NIL && type !== TYPE_STRING && type !== TYPE_NUMBER) {
        state.pushText(L, 'reader function must return a string')
        return this.#failed(L)
      }
      const piece = state.copyString(L, -1)
      if (piece.length === 0) break
      pieces.push(piece)
      length += piece.length + PIECE_OVERHEAD_BYTES
      lua.lua_settop(L, -2)
      if (length > state.memoryBytesMax) state.raise(L, 'not enough memory')
    }
    const source = Buffer.concat(pieces)
    state.pushBytes(L, source, 0, source.length)
    return this.#compile(L, -1, 2)
  }

  /** Compiles the string at `index`. The function, or nil and the error. */
  #compile(L: number, index: number, nameIndex: number): number {
    const { state } = this
    const name = state.toBytes(L, nameIndex)
    if (state.bytes[state.toBytes(L, index)] === COMPILED_SIGNATURE) {
      // A space in front makes it a source that is none, with the error that any such source gets.
      const source = Buffer.concat([Buffer.from(' '), state.copyString(L, index)])
      state.pushBytes(L, source, 0, source.length)
      index = -1
    }
    const address = state.toBytes(L, index)
    if (state.lua.luaL_loadbuffer(L, address, state.length, name) === 0) return 1
    return this.#failed(L)
  }

  #failed(L: number): number {
    if (this.isEnding()) return this.state.raiseValue(L)
    this.state.lua.lua_pushnil(L)
    this.state.lua.lua_insert(L, -2)
    return 2
  }

  #toNumber(L: number): number {
    const { state } = this
    const { lua } = state
    const baseIsGiven = lua.lua_type(L, 2) > TYPE_NIL
    const base = baseIsGiven ? castToInt32(checkInt64(state, L, 2)) : DECIMAL
    if (base === DECIMAL) {
      lua.luaL_checkany(L, 1)
      if (lua.lua_isnumber(L, 1) === 0) lua.lua_pushnil(L)
      else lua.lua_pushnumber(L, lua.lua_tonumber(L, 1))
      return 1
    }
    state.checkString(L, 1)
    if (base < 2 || base > 36) state.argumentError(L, 2, 'base out of range')
    const value = parseUnsigned(state.toText(L, 1), base)
    if (value === undefined) lua.lua_pushnil(L)
    else lua.lua_pushnumber(L, value)
    return 1
  }
}

/** What `strtoul` with 64 bits makes of a text that has nothing but a number in it; undefined for any other. */
function parseUnsigned(text: string, base: number): number | undefined {
  const zero = text.indexOf('\0')
  let end = zero < 0 ? text.length : zero
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  let at = 0
  while (at < end && isSpace(text.charCodeAt(at))) at++
  const isNegative = text[at] === '-'
  if (isNegative || text[at] === '+') at++
  if (base === 16 && end - at > 2 && text[at] === '0' && (text[at + 1] === 'x' || text[at + 1] === 'X')) at += 2
  if (at === end) return undefined
  let value = 0n
  for (; at < end; at++) {
    const worth = Number.parseInt(text.charAt(at), base)
    if (Number.isNaN(worth)) return undefined
    if (value <= UINT64_MAX) value = value * BigInt(base) + BigInt(worth)
  }
  if (value > UINT64_MAX) return Number(UINT64_MAX)
  return Number(isNegative ? BigInt.asUintN(64, -value) : value)
}
