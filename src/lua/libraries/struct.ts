/**
 * The library `struct` (Roberto Ierusalimschy's, version 0.2 as Redis has it): binary records by a format string.
 *
 * Runs wherever scripts run. Sizes are those of the machines that Redis runs on (8 bytes for `l` and `T`), where integers
 * are computed in 64 bits: whatever is longer or overflows does here what it does there.
 * Invariant: the format's cursor stands behind the option that is worked off.
 */
import type { LuaState } from '../lua-state.js'
import { cutToInt64, optInt64 } from './arguments.js'
import { readFloat, readUnsigned, writeFloat } from './byte-order.js'
import { isDigit } from './character-class.js'
import { MemoryBuffer } from './memory-buffer.js'

const INT32_MAX = 2147483647
/** The largest `i` and `I`. */
const INTEGER_BYTES_MAX = 32
/** What `!` without a number stands for: the alignment of a double. */
const ALIGNMENT_MAX = 8

const TWO_TO_64 = 2 ** 64

class StructLibrary {
  readonly #buffer: MemoryBuffer
  #L = 0
  #cursor = 0
  #isLittle = true
  #alignment = 1

  constructor(private readonly state: LuaState) {
    this.#buffer = new MemoryBuffer(state)
  }

  /** Starts on the format that is argument 1. */
  #begin(L: number): void {
    this.#L = L
    this.#cursor = this.state.checkString(L, 1)
    this.#isLittle = true
    this.#alignment = 1
  }

  /** The next option's character, 0 at the end. */
  #next(): number {
    const option = this.state.bytes[this.#cursor] as number
    if (option !== 0) this.#cursor++
    return option
  }

  #number(otherwise: number): number {
    const { bytes } = this.state
    if (!isDigit(bytes[this.#cursor] as number)) return otherwise
    let value = 0
    while (isDigit(bytes[this.#cursor] as number)) {
      value = value * 10 + (bytes[this.#cursor++] as number) - 48
      if (value > INT32_MAX) this.state.raise(this.#L, 'integral size overflow')
    }
    return value
  }

  /** The size of the option's item; of `s` and of what is no item 0. */
  #size(option: string): number {
    switch (option) {
      case 'B':
      case 'b':
      case 'x':
        return 1
      case 'H':
      case 'h':
        return 2
      case 'f':
        return 4
      case 'L':
      case 'l':
      case 'T':
      case 'd':
        return 8
      case 'c':
        return this.#number(1)
      case 'i':
      case 'I': {
        const size = this.#number(4)
        if (size > INTEGER_BYTES_MAX)
          this.state.raise(this.#L, `integral size ${size} is larger than limit of ${INTEGER_BYTES_MAX}`)
        return size
      }
      default:
        return 0
    }
  }

  /** How many bytes are left out before an item. A size that is no power of two gives what the formula gives, as in C. */
  #padding(position: number, option: string, itemSize: number): number {
    if (itemSize === 0 || option === 'c') return 0
    const size = Math.min(itemSize, this.#alignment)
    return (size - (position & (size - 1))) & (size - 1)
  }

  /** An option that is no item. */
  #control(option: string): void {
    switch (option) {
      case ' ':
        return
      case '>':
        this.#isLittle = false
        return
      case '<':
        this.#isLittle = true
        return
      case '!': {
        const alignment = this.#number(ALIGNMENT_MAX)
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0)
          this.state.raise(this.#L, `alignment ${alignment} is not a power of 2`)
        this.#alignment = alignment
        return
      }
      default:
        this.state.argumentError(this.#L, 1, `invalid format option '${option}'`)
    }
  }

  pack(L: number): number {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    buffer.cutTo(0)
    this.#begin(L)
    // An argument that is missing is called nil in the error.
    lua.lua_pushnil(L)
    let argument = 2
    let total = 0
    for (let byte = this.#next(); byte !== 0; byte = this.#next()) {
      const option = String.fromCharCode(byte)
      let size = this.#size(option)
      const padding = this.#padding(total, option, size)
      for (let i = 0; i < padding; i++) buffer.appendByte(L, 0)
      switch (option) {
        case 'b':
        case 'B':
        case 'h':
        case 'H':
        case 'l':
        case 'L':
        case 'T':
        case 'i':
        case 'I':
          this.#packInteger(argument++, size)
          break
        case 'x':
          buffer.appendByte(L, 0)
          break
        case 'f':
        case 'd': {
          const value = lua.luaL_checknumber(L, argument++)
          const at = buffer.reserve(L, size)
          writeFloat(state.bytes, at, size === 4 ? 4 : 8, value, this.#isLittle)
          buffer.length += size
          break
        }
        case 'c':
        case 's': {
          const from = state.checkString(L, argument++)
          const length = state.length
          if (size === 0) size = length
          // The argument's number in the error is the next one's, as in C.
          if (length < size) state.argumentError(L, argument, 'string too short')
          buffer.append(L, from, size)
          if (option === 's') {
            buffer.appendByte(L, 0)
            size++
          }
          break
        }
        default:
          this.#control(option)
      }
      total += padding + size
    }
    lua.lua_pushlstring(L, buffer.address, buffer.length)
    buffer.cutTo(0)
    return 1
  }

  #packInteger(argument: number, size: number): void {
    const L = this.#L
    const value = this.state.lua.luaL_checknumber(L, argument)
    const at = this.#buffer.reserve(L, size)
    const bytes = this.state.bytes
    this.#buffer.length += size
    if (value >= -2147483648 && value <= 4294967295 && size <= 4) {
      const word = value | 0
      for (let i = 0; i < size; i++) bytes[this.#isLittle ? at + i : at + size - 1 - i] = word >> (8 * i)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value < TWO_TO_64 && value >= 0 ? Math.trunc(value) : wrapped(value)))
    for (let i = 0; i < size; i++) {
      bytes[this.#isLittle ? at + i : at + size - 1 - i] = Number(rest & 255n)
      rest >>= 8n
    }
  }

  unpack(L: number): number {
    const { state } = this
    const { lua } = state
    this.#begin(L)
    const data = state.checkString(L, 2)
    const dataLength = state.length
    let position = optInt64(state, L, 3, 1)
    if (position === 0) state.argumentError(L, 3, 'offset must be 1 or greater')
    position--
    let count = 0
    for (let byte = this.#next(); byte !== 0; byte = this.#next()) {
      const option = String.fromCharCode(byte)
      let size = this.#size(option)
      position += this.#padding(position, option, size)
      // A negative position is an unsigned one in C, far behind the end.
      if (position < 0 || position + size > dataLength) state.argumentError(L, 2, 'data string too short')
      state.checkStack(L, 2, 'too many results')
      switch (option) {
        case 'b':
        case 'B':
        case 'h':
        case 'H':
        case 'l':
        case 'L':
        case 'T':
        case 'i':
        case 'I':
          lua.lua_pushnumber(L, this.#integerAt(data + position, size, option >= 'a'))
          count++
          break
        case 'x':
          break
        case 'f':
        case 'd':
          lua.lua_pushnumber(L, readFloat(state.bytes, data + position, size === 4 ? 4 : 8, this.#isLittle))
          count++
          break
        case 'c':
          if (size === 0) {
            if (count === 0 || lua.lua_isnumber(L, -1) === 0) state.raise(L, "format 'c0' needs a previous size")
            const given = lua.lua_tonumber(L, -1)
            size = given >= 0 && given < TWO_TO_64 ? Math.trunc(given) : wrapped(given)
            lua.lua_settop(L, -2)
            count--
            if (size < 0 || position + size > dataLength) state.argumentError(L, 2, 'data string too short')
          }
          lua.lua_pushlstring(L, data + position, size)
          count++
          break
        case 's': {
          const bytes = state.bytes
          let end = data + position
          while (end < data + dataLength && bytes[end] !== 0) end++
          if (end === data + dataLength) state.raise(L, 'unfinished string in data')
          size = end - data - position + 1
          lua.lua_pushlstring(L, data + position, size - 1)
          count++
          break
        }
        default:
          this.#control(option)
      }
      position += size
    }
    lua.lua_pushnumber(L, position + 1)
    return count + 1
  }

  #integerAt(at: number, size: number, isSigned: boolean): number {
    const bytes = this.state.bytes
    if (size <= 4 && size > 0) {
      const value = readUnsigned(bytes, at, size, this.#isLittle)
      return isSigned && value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value
    }
    let value = 0n
    for (let i = 0; i < size; i++)
      value = BigInt.asUintN(64, (value << 8n) | BigInt(bytes[this.#isLittle ? at + size - 1 - i : at + i] as number))
    if (!isSigned) return Number(value)
    // C shifts by a number of bits that may exceed 64, which the processor takes modulo 64.
    const mask = BigInt.asUintN(64, -1n << BigInt((size * 8 - 1) & 63))
    return Number(BigInt.asIntN(64, (value & mask) === 0n ? value : value | mask))
  }

  size(L: number): number {
    const { state } = this
    this.#begin(L)
    let position = 0
    for (let byte = this.#next(); byte !== 0; byte = this.#next()) {
      const option = String.fromCharCode(byte)
      const size = this.#size(option)
      position += this.#padding(position, option, size)
      if (option === 's') state.argumentError(L, 1, "option 's' has no fixed size")
      if (option === 'c' && size === 0) state.argumentError(L, 1, "option 'c0' has no fixed size")
      // Letters and digits that are no options are passed over here, as in C.
      if (!/[a-zA-Z0-9]/.test(option)) this.#control(option)
      position += size
    }
    state.lua.lua_pushnumber(L, position)
    return 1
  }
}

/** What the processor makes of a double that is no unsigned 64-bit integer. */
function wrapped(value: number): number {
  if (value < 0) return cutToInt64(value)
  return Number.isNaN(value) ? -(2 ** 63) : 0
}

export function structLibrary(state: LuaState): void {
  const struct = new StructLibrary(state)
  state.setFunctions('struct', {
    pack: (L) => struct.pack(L),
    unpack: (L) => struct.unpack(L),
    size: (L) => struct.size(L),
  })
}
