/**
 * The settings of one `cjson` module, in a userdata that all its functions have as their first upvalue: `cjson.new()`
 * makes a module with settings of its own, and they go when Lua collects it.
 *
 * Runs wherever scripts run.
 */
import { latin1Of } from '../../base/bytes.js'
import { type LuaState, TYPE_BOOLEAN, TYPE_NIL, upvalue } from '../lua-state.js'
import { checkInt64 } from './arguments.js'

/** Words of the userdata. */
export const SPARSE_CONVERT = 0
export const SPARSE_RATIO = 1
export const SPARSE_SAFE = 2
export const ENCODE_DEPTH_MAX = 3
export const DECODE_DEPTH_MAX = 4
export const ENCODE_INVALID_NUMBERS = 5
export const DECODE_INVALID_NUMBERS = 6
export const ENCODE_KEEP_BUFFER = 7
export const ENCODE_PRECISION = 8

const DEFAULTS = [0, 2, 10, 1000, 1000, 0, 1, 1, 14]

export const INVALID_NUMBERS_OFF = 0
export const INVALID_NUMBERS_ON = 1

const INT32_MAX = 2147483647
const PRECISION_MAX = 14

const OFF_ON = ['off', 'on']
const OFF_ON_NULL = ['off', 'on', 'null']

export class JsonSettings {
  constructor(private readonly state: LuaState) {}

  /** Pushes a userdata with the settings that a module begins with. */
  push(L: number): void {
    const at = this.state.lua.lua_newuserdata(L, DEFAULTS.length * 4)
    this.state.words.set(DEFAULTS, at >> 2)
  }

  /** Where the settings of the running function's module stand in `state.words`. */
  wordsOf(L: number): number {
    return this.state.lua.lua_touserdata(L, upvalue(1)) >> 2
  }

  sparseArray(L: number): number {
    const words = this.#begin(L, 3)
    this.#choice(L, 1, words + SPARSE_CONVERT, OFF_ON)
    this.#integer(L, 2, words + SPARSE_RATIO, 0, INT32_MAX)
    this.#integer(L, 3, words + SPARSE_SAFE, 0, INT32_MAX)
    return 3
  }

  encodeDepth(L: number): number {
    return this.#integer(L, 1, this.#begin(L, 1) + ENCODE_DEPTH_MAX, 1, INT32_MAX)
  }

  decodeDepth(L: number): number {
    return this.#integer(L, 1, this.#begin(L, 1) + DECODE_DEPTH_MAX, 1, INT32_MAX)
  }

  precision(L: number): number {
    return this.#integer(L, 1, this.#begin(L, 1) + ENCODE_PRECISION, 1, PRECISION_MAX)
  }

  /** Has no effect but on what it answers the next time: the buffer is always kept. */
  keepBuffer(L: number): number {
    return this.#choice(L, 1, this.#begin(L, 1) + ENCODE_KEEP_BUFFER, OFF_ON)
  }

  encodeInvalidNumbers(L: number): number {
    return this.#choice(L, 1, this.#begin(L, 1) + ENCODE_INVALID_NUMBERS, OFF_ON_NULL)
  }

  decodeInvalidNumbers(L: number): number {
    return this.#choice(L, 1, this.#begin(L, 1) + DECODE_INVALID_NUMBERS, OFF_ON)
  }

  /** Checks how many arguments there are and adds nil for those that are not. @returns where the settings stand */
  #begin(L: number, count: number): number {
    const { state } = this
    if (state.lua.lua_gettop(L) > count) state.argumentError(L, count + 1, 'found too many arguments')
    state.lua.lua_settop(L, count)
    return this.wordsOf(L)
  }

  /** Sets the word to argument `i`, unless that is nil, and pushes what it is then. */
  #integer(L: number, i: number, word: number, least: number, greatest: number): number {
    const { state } = this
    if (state.lua.lua_type(L, i) !== TYPE_NIL) {
      const value = checkInt64(state, L, i) | 0
      // Whatever argument it is, the error names the first, as in C.
      if (value < least || value > greatest)
        state.argumentError(L, 1, `expected integer between ${least} and ${greatest}`)
      state.words[word] = value
    }
    state.lua.lua_pushnumber(L, state.words[word] as number)
    return 1
  }

  /** The same with one of `options`, of which the first two are also false and true. */
  #choice(L: number, i: number, word: number, options: readonly string[]): number {
    const { state } = this
    const { lua } = state
    const type = lua.lua_type(L, i)
    if (type === TYPE_BOOLEAN) state.words[word] = lua.lua_toboolean(L, i)
    else if (type !== TYPE_NIL) {
      const from = state.checkString(L, i)
      const text = latin1Of(state.bytes, from, state.length)
      const option = options.indexOf(text)
      if (option < 0) state.argumentError(L, i, `invalid option '${text}'`)
      state.words[word] = option
    }
    const value = state.words[word] as number
    if (value <= 1) lua.lua_pushboolean(L, value)
    else state.pushText(L, options[value] as string)
    return 1
  }
}
