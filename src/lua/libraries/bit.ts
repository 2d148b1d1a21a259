/**
 * The library `bit`: operations on 32-bit integers, as Lua BitOp 1.0.2 has them.
 *
 * Runs wherever scripts run. Invariant: every result is a signed 32-bit integer.
 */
import type { LuaState } from '../lua-state.js'
import { swapBytes } from './byte-order.js'

/**
 * Added to a number, it makes the processor round it to an integer (ties to even) and leaves that, modulo 2^32, in the
 * low word: 2^52 + 2^51.
 */
const ROUNDING = 6755399441055744

const HEX_LOWER = '0123456789abcdef'
const HEX_UPPER = '0123456789ABCDEF'

class BitLibrary {
  readonly #double = new Float64Array(1)
  /** The words of the double, the low one first: WebAssembly's memory, which is like it, only runs on such machines. */
  readonly #words = new Int32Array(this.#double.buffer)

  constructor(private readonly state: LuaState) {}

  argument(L: number, i: number): number {
    const { lua } = this.state
    this.#double[0] = lua.lua_tonumber(L, i) + ROUNDING
    const bits = this.#words[0] as number
    if (bits === 0 && lua.lua_isnumber(L, i) === 0) this.state.typeError(L, i, 'number')
    return bits
  }

  push(L: number, bits: number): number {
    this.state.lua.lua_pushnumber(L, bits | 0)
    return 1
  }

  /** The digits behind the last eight of 2^32; a negative count asks for upper case. */
  toHex(L: number): number {
    const { state } = this
    let bits = this.argument(L, 1)
    let count = state.lua.lua_type(L, 2) === -1 ? 8 : this.argument(L, 2)
    const digits = count < 0 ? HEX_UPPER : HEX_LOWER
    count = Math.min(Math.abs(count), 8)
    let text = ''
    for (let i = 0; i < count; i++) {
      text = (digits[bits & 15] as string) + text
      bits >>>= 4
    }
    state.pushText(L, text)
    return 1
  }
}

export function bitLibrary(state: LuaState): void {
  const bit = new BitLibrary(state)
  /** The arguments are read from the last to the second, which decides whose error is raised. */
  const folding = (combine: (a: number, b: number) => number) => (L: number) => {
    let bits = bit.argument(L, 1)
    for (let i = state.lua.lua_gettop(L); i > 1; i--) bits = combine(bits, bit.argument(L, i))
    return bit.push(L, bits)
  }
  const shifting = (shift: (bits: number, by: number) => number) => (L: number) => {
    const bits = bit.argument(L, 1)
    return bit.push(L, shift(bits, bit.argument(L, 2) & 31))
  }
  state.setFunctions('bit', {
    tobit: (L) => bit.push(L, bit.argument(L, 1)),
    bnot: (L) => bit.push(L, ~bit.argument(L, 1)),
    band: folding((a, b) => a & b),
    bor: folding((a, b) => a | b),
    bxor: folding((a, b) => a ^ b),
    lshift: shifting((bits, by) => bits << by),
    rshift: shifting((bits, by) => bits >>> by),
    arshift: shifting((bits, by) => bits >> by),
    // JavaScript takes shifts modulo 32, so that a rotation by none is one as well.
    rol: shifting((bits, by) => (bits << by) | (bits >>> (32 - by))),
    ror: shifting((bits, by) => (bits >>> by) | (bits << (32 - by))),
    bswap: (L) => bit.push(L, swapBytes(bit.argument(L, 1))),
    tohex: (L) => bit.toHex(L),
  })
}
