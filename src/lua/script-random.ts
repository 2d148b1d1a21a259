/**
 * `math.random` and `math.randomseed` as scripts know them: the 48-bit generator of POSIX's `lrand48`.
 *
 * Runs wherever scripts run. Scripts that seed it count on the same numbers on every server. Like Redis 7, nothing seeds
 * it between scripts.
 *
 *   x = (x * 0x5DEECE66D + 0xB) mod 2^48, of which the upper 31 bits are the number
 *
 * Specification: https://pubs.opengroup.org/onlinepubs/9699919799/functions/drand48.html
 */
import { castToInt32, checkInt64 } from './libraries/arguments.js'
import type { LuaState } from './lua-state.js'
import type { RunState } from './redis-api.js'

/** The multiplier in two parts, so that products stay exact in doubles. */
const MULTIPLIER_HIGH = 0x5de
const MULTIPLIER_LOW = 0xece66d
const INCREMENT = 0xb
const TWO_TO_24 = 2 ** 24

/** 2^31 - 1: numbers are taken modulo it, so that none becomes 1. */
const RANDOM_MAX = 0x7fffffff

/** How far apart engines begin: odd, so that no two of them begin at the same place. */
const ENGINES_APART = 0x9e3779

/** The seed's low 16 bits. */
const SEED_LOW = 0x330e

export class ScriptRandom {
  /** x in two parts of 24 bits. */
  #high = 0x1234ab
  #low = 0xcd330e

  constructor(
    private readonly state: LuaState,
    private readonly run: RunState,
    engine: number,
  ) {
    this.#high = (this.#high + engine * ENGINES_APART) % TWO_TO_24
  }

  register(): void {
    this.state.setFunctions('math', {
      random: (L) => this.#random(L),
      randomseed: (L) => this.#seed(L),
    })
  }

  #next(): number {
    const low = this.#low * MULTIPLIER_LOW + INCREMENT
    const carry = Math.floor(low / TWO_TO_24)
    const high = this.#high * MULTIPLIER_LOW + this.#low * MULTIPLIER_HIGH + carry
    this.#low = low % TWO_TO_24
    this.#high = high % TWO_TO_24
    return this.#high * 128 + (this.#low >>> 17)
  }

  #random(L: number): number {
    const { state } = this
    const { lua } = state
    if (!this.run.isRunning) state.raise(L, 'math.random can only be called inside a script invocation')
    const fraction = (this.#next() % RANDOM_MAX) / RANDOM_MAX
    const count = lua.lua_gettop(L)
    if (count === 0) {
      lua.lua_pushnumber(L, fraction)
      return 1
    }
    if (count > 2) state.raise(L, 'wrong number of arguments')
    const least = count === 1 ? 1 : castToInt32(checkInt64(state, L, 1))
    const most = castToInt32(checkInt64(state, L, count))
    if (least > most) state.argumentError(L, count, 'interval is empty')
    lua.lua_pushnumber(L, Math.floor(fraction * ((most - least + 1) | 0)) + least)
    return 1
  }

  #seed(L: number): number {
    const { state } = this
    if (!this.run.isRunning) state.raise(L, 'math.randomseed can only be called inside a script invocation')
    const seed = castToInt32(checkInt64(state, L, 1))
    this.#high = seed >>> 8
    this.#low = (seed & 0xff) * 65536 + SEED_LOW
    return 0
  }
}
