/**
 * `table.insert`, `remove`, `sort` and `foreachi`, in the place of those of the C library.
 *
 * Runs wherever scripts run. They are ours because what C's do goes by numbers that the script gives (an element inserted at
 * -2^31 moves two thousand million others) or by what is in a table (an order on which quicksort is at its worst), and no
 * hook interrupts a loop of C's: these ask between portions whether the script must end. And positions are cut to C's int from
 * 64 bits, as on Redis's machine.
 *
 * Invariant: what they do to tables, and the errors that they raise, are those of Lua 5.1.5, step by step.
 */
import { castToInt32, checkInt64 } from './libraries/arguments.js'
import { type LuaState, TYPE_FUNCTION, TYPE_NIL, TYPE_TABLE } from './lua-state.js'

/** Elements moved or compared between two questions; less than a millisecond. */
const STEPS_BETWEEN_QUESTIONS = 4096

/** Room for the values that a sort has in hand, as deep as it may go. */
const SORT_STACK = 40

export class TableFunctions {
  /** Over all calls: a script may make many that are short each. */
  #stepsUnasked = 0

  constructor(private readonly state: LuaState) {}

  /** Puts our functions into the table `table`, which is there. */
  register(): void {
    this.state.setFunctions('table', {
      foreachi: (L) => this.#forEachIndex(L),
      insert: (L) => this.#insert(L),
      remove: (L) => this.#remove(L),
      sort: (L) => this.#sort(L),
    })
  }

  #step(L: number): void {
    if (++this.#stepsUnasked < STEPS_BETWEEN_QUESTIONS) return
    this.#stepsUnasked = 0
    this.state.checkInterrupt(L)
  }

  #forEachIndex(L: number): number {
    const { lua } = this.state
    lua.luaL_checktype(L, 1, TYPE_TABLE)
    const length = lua.lua_objlen(L, 1)
    lua.luaL_checktype(L, 2, TYPE_FUNCTION)
    for (let i = 1; i <= length; i++) {
      this.#step(L)
      lua.lua_pushvalue(L, 2)
      lua.lua_pushnumber(L, i)
      lua.lua_rawgeti(L, 1, i)
      lua.lua_call(L, 2, 1)
      if (lua.lua_type(L, -1) !== TYPE_NIL) return 1
      lua.lua_settop(L, -2)
    }
    return 0
  }

  #insert(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checktype(L, 1, TYPE_TABLE)
    const end = lua.lua_objlen(L, 1) + 1
    const argumentCount = lua.lua_gettop(L)
    let position = end
    if (argumentCount === 3) {
      position = castToInt32(checkInt64(state, L, 2))
      for (let i = end; i > position; i--) {
        this.#step(L)
        lua.lua_rawgeti(L, 1, i - 1)
        lua.lua_rawseti(L, 1, i)
      }
    } else if (argumentCount !== 2) {
      state.raise(L, "wrong number of arguments to 'insert'")
    }
    lua.lua_rawseti(L, 1, position)
    return 0
  }

  #remove(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checktype(L, 1, TYPE_TABLE)
    const end = lua.lua_objlen(L, 1)
    const position = lua.lua_type(L, 2) <= TYPE_NIL ? end : castToInt32(checkInt64(state, L, 2))
    if (position < 1 || position > end) return 0
    lua.lua_rawgeti(L, 1, position)
    for (let i = position; i < end; i++) {
      this.#step(L)
      lua.lua_rawgeti(L, 1, i + 1)
      lua.lua_rawseti(L, 1, i)
    }
    lua.lua_pushnil(L)
    lua.lua_rawseti(L, 1, end)
    return 1
  }

  #sort(L: number): number {
    const { state } = this
    const { lua } = state
    lua.luaL_checktype(L, 1, TYPE_TABLE)
    const length = lua.lua_objlen(L, 1)
    state.checkStack(L, SORT_STACK, '')
    const hasOrder = lua.lua_type(L, 2) > TYPE_NIL
    if (hasOrder) lua.luaL_checktype(L, 2, TYPE_FUNCTION)
    lua.lua_settop(L, 2)
    this.#sortRange(L, 1, length, hasOrder)
    return 0
  }

  /** Whether the value at stack index `a` comes before that at `b`; both are negative. */
  #isBefore(L: number, a: number, b: number, hasOrder: boolean): boolean {
    const { lua } = this.state
    this.#step(L)
    if (!hasOrder) return lua.lua_lessthan(L, a, b) !== 0
    lua.lua_pushvalue(L, 2)
    // What has been pushed before each.
    lua.lua_pushvalue(L, a - 1)
    lua.lua_pushvalue(L, b - 2)
    lua.lua_call(L, 2, 1)
    const isBefore = lua.lua_toboolean(L, -1) !== 0
    lua.lua_settop(L, -2)
    return isBefore
  }

  /** Pops two values into the table: the upper one to place `i`, the one below it to place `j`. */
  #setTwo(L: number, i: number, j: number): void {
    this.state.lua.lua_rawseti(L, 1, i)
    this.state.lua.lua_rawseti(L, 1, j)
  }

  /** Sorts the places `low` to `high`: quicksort with the median of three, whose steps show in what a script's order is asked. */
  #sortRange(L: number, low: number, high: number, hasOrder: boolean): void {
    const { lua } = this.state
    while (low < high) {
      lua.lua_rawgeti(L, 1, low)
      lua.lua_rawgeti(L, 1, high)
      if (this.#isBefore(L, -1, -2, hasOrder)) this.#setTwo(L, low, high)
      else lua.lua_settop(L, -3)
      if (high - low === 1) return
      const middle = (low + high) >>> 1
      lua.lua_rawgeti(L, 1, middle)
      lua.lua_rawgeti(L, 1, low)
      if (this.#isBefore(L, -2, -1, hasOrder)) {
        this.#setTwo(L, middle, low)
      } else {
        lua.lua_settop(L, -2)
        lua.lua_rawgeti(L, 1, high)
        if (this.#isBefore(L, -1, -2, hasOrder)) this.#setTwo(L, middle, high)
        else lua.lua_settop(L, -3)
      }
      if (high - low === 2) return
      const between = this.#partition(L, low, high, middle, hasOrder)
      // The smaller part by a call, so that calls are never deep, and the larger one in this loop.
      if (between - low < high - between) {
        this.#sortRange(L, low, between - 1, hasOrder)
        low = between + 1
      } else {
        this.#sortRange(L, between + 1, high, hasOrder)
        high = between - 1
      }
    }
  }

  /** Puts what is no greater than the value at `middle` in front of the rest. @returns where that value stands then */
  #partition(L: number, low: number, high: number, middle: number, hasOrder: boolean): number {
    const { state } = this
    const { lua } = state
    lua.lua_rawgeti(L, 1, middle)
    lua.lua_pushvalue(L, -1)
    lua.lua_rawgeti(L, 1, high - 1)
    this.#setTwo(L, middle, high - 1)
    let i = low
    let j = high - 1
    for (;;) {
      for (lua.lua_rawgeti(L, 1, ++i); this.#isBefore(L, -1, -2, hasOrder); lua.lua_rawgeti(L, 1, ++i)) {
        if (i > high) state.raise(L, 'invalid order function for sorting')
        lua.lua_settop(L, -2)
      }
      for (lua.lua_rawgeti(L, 1, --j); this.#isBefore(L, -3, -1, hasOrder); lua.lua_rawgeti(L, 1, --j)) {
        if (j < low) state.raise(L, 'invalid order function for sorting')
        lua.lua_settop(L, -2)
      }
      if (j < i) break
      this.#setTwo(L, i, j)
    }
    lua.lua_settop(L, -4)
    lua.lua_rawgeti(L, 1, high - 1)
    lua.lua_rawgeti(L, 1, i)
    this.#setTwo(L, high - 1, i)
    return i
  }
}
