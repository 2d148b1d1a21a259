/**
 * `cjson.encode`: a value of Lua's as JSON, with the choices of lua-cjson 2.1.
 *
 * Runs wherever scripts run. The text is built in a buffer of the engine's memory. Tables inside tables are kept on Lua's
 * stack and in arrays of our own, not by recursion, so that no nesting can overflow the thread's stack.
 *
 * Invariant: for each open table the stack holds the table, above it in an object the key of the pair in hand, and on top
 * the value that comes next.
 */

import { asciiBytes } from '../../base/bytes.js'
import {
  type LuaState,
  REGISTRY_INDEX,
  TYPE_BOOLEAN,
  TYPE_LIGHT_USERDATA,
  TYPE_NIL,
  TYPE_NUMBER,
  TYPE_STRING,
  TYPE_TABLE,
} from '../lua-state.js'
import {
  ENCODE_DEPTH_MAX,
  ENCODE_INVALID_NUMBERS,
  ENCODE_PRECISION,
  INVALID_NUMBERS_OFF,
  INVALID_NUMBERS_ON,
  type JsonSettings,
  SPARSE_CONVERT,
  SPARSE_RATIO,
  SPARSE_SAFE,
} from './json-settings.js'
import { MemoryBuffer } from './memory-buffer.js'

const TRUE = asciiBytes('true')
const FALSE = asciiBytes('false')
const NULL = asciiBytes('null')
const NAN = asciiBytes('nan')

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const LOWER_U = 0x75
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const ZERO = 0x30

/** The longest escape of a byte: \u0000. */
const ESCAPE_BYTES_MAX = 6
/** Room for the worst case is made without a look at the string up to this length. */
const UNCOUNTED_LENGTH_MAX = 4096

/** What follows the backslash where a byte needs one: `u` stands for the long form, 0 for a byte that stands for itself. */
const ESCAPES = new Uint8Array(256)
for (let byte = 0; byte < 32; byte++) ESCAPES[byte] = LOWER_U
ESCAPES[127] = LOWER_U
for (const [byte, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '//', '\\\\'])
  ESCAPES[(byte as string).charCodeAt(0)] = (letter as string).charCodeAt(0)

const HEX = asciiBytes('0123456789abcdef')

/** `%.14g` writes integers below it without an exponent. */
const PLAIN_INTEGER_MAX = 1e14
const PRECISION_MAX = 14

const INT32_MIN = -2147483648
const INT32_MAX = 2147483647

/** What the array of an open table says of an object, which has no length. */
const OBJECT = -1

const LEVELS_AT_FIRST = 64

export class JsonEncoder {
  readonly #buffer: MemoryBuffer
  /** For each open table: the length of an array or `OBJECT`, and how many elements have begun. */
  #lengths = new Int32Array(LEVELS_AT_FIRST)
  #begun = new Int32Array(LEVELS_AT_FIRST)
  /** Where the settings are. */
  #words = 0

  /** @param formatReference the registry's reference to C's string.format */
  constructor(
    private readonly state: LuaState,
    private readonly settings: JsonSettings,
    private readonly formatReference: number,
  ) {
    this.#buffer = new MemoryBuffer(state)
  }

  encode(L: number): number {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    if (lua.lua_gettop(L) !== 1) state.argumentError(L, 1, 'expected 1 argument')
    this.#words = this.settings.wordsOf(L)
    buffer.cutTo(0)
    this.#appendAll(L)
    lua.lua_pushlstring(L, buffer.address, buffer.length)
    buffer.cutTo(0)
    return 1
  }

  #setting(word: number): number {
    return this.state.words[this.#words + word] as number
  }

  /** Appends the value on top of the stack. */
  #appendAll(L: number): void {
    const { lua } = this.state
    const buffer = this.#buffer
    let depth = this.#append(L, 0)
    while (depth > 0) {
      const level = depth - 1
      const length = this.#lengths[level] as number
      const begun = this.#begun[level] as number
      if (length === OBJECT) {
        if (lua.lua_next(L, -2) === 0) {
          buffer.appendByte(L, CLOSE_BRACE)
          depth = this.#leave(L, level)
          continue
        }
        if (begun > 0) buffer.appendByte(L, COMMA)
        this.#appendKey(L)
      } else {
        if (begun === length) {
          buffer.appendByte(L, CLOSE_BRACKET)
          depth = this.#leave(L, level)
          continue
        }
        if (begun > 0) buffer.appendByte(L, COMMA)
        lua.lua_rawgeti(L, -1, begun + 1)
      }
      // Only whether an object has begun matters, and its pairs may be more than an int32 counts.
      this.#begun[level] = length === OBJECT ? 1 : begun + 1
      const next = this.#append(L, depth)
      if (next === depth) lua.lua_settop(L, -2)
      depth = next
    }
  }

  /** Takes a table that is done from the stack, unless it is the argument. @returns the depth then */
  #leave(L: number, depth: number): number {
    if (depth > 0) this.state.lua.lua_settop(L, -2)
    return depth
  }

  /** Appends the value on top of the stack; of a table only its beginning. @returns the depth after it */
  #append(L: number, depth: number): number {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    const type = lua.lua_type(L, -1)
    switch (type) {
      case TYPE_STRING:
        this.#appendString(L, -1)
        return depth
      case TYPE_NUMBER:
        this.#appendNumber(L, -1)
        return depth
      case TYPE_BOOLEAN:
        buffer.appendBytes(L, lua.lua_toboolean(L, -1) === 0 ? FALSE : TRUE)
        return depth
      case TYPE_NIL:
        buffer.appendBytes(L, NULL)
        return depth
      case TYPE_TABLE:
        return this.#enter(L, depth)
      case TYPE_LIGHT_USERDATA:
        if (lua.lua_touserdata(L, -1) !== 0) break
        buffer.appendBytes(L, NULL)
        return depth
    }
    return this.#refuse(L, -1, 'type not supported')
  }

  #refuse(L: number, index: number, reason: string): never {
    return this.state.raise(L, `Cannot serialise ${this.state.typeName(L, index)}: ${reason}`)
  }

  #enter(L: number, level: number): number {
    const { state } = this
    const depth = level + 1
    if (depth > this.#setting(ENCODE_DEPTH_MAX) || state.lua.lua_checkstack(L, 3) === 0)
      state.raise(L, `Cannot serialise, excessive nesting (${depth})`)
    if (level === this.#lengths.length) {
      this.#lengths = doubled(this.#lengths)
      this.#begun = doubled(this.#begun)
    }
    const length = this.#arrayLength(L)
    this.#begun[level] = 0
    if (length > 0) {
      this.#lengths[level] = length
      this.#buffer.appendByte(L, OPEN_BRACKET)
    } else {
      this.#lengths[level] = OBJECT
      this.#buffer.appendByte(L, OPEN_BRACE)
      state.lua.lua_pushnil(L)
    }
    return depth
  }

  /** How long the table on top of the stack is as an array; not above 0 for one that is to be an object. */
  #arrayLength(L: number): number {
    const { lua } = this.state
    let greatest = 0
    let count = 0
    lua.lua_pushnil(L)
    while (lua.lua_next(L, -2) !== 0) {
      const key = lua.lua_type(L, -2) === TYPE_NUMBER ? lua.lua_tonumber(L, -2) : 0
      if (!(key >= 1 && Math.floor(key) === key)) {
        lua.lua_settop(L, -3)
        return OBJECT
      }
      // What the processor makes of an integer that is too great for C's int.
      if (key > greatest) greatest = key > INT32_MAX ? INT32_MIN : key
      count++
      lua.lua_settop(L, -2)
    }
    const ratio = this.#setting(SPARSE_RATIO)
    if (ratio > 0 && greatest > Math.imul(count, ratio) && greatest > this.#setting(SPARSE_SAFE)) {
      if (this.#setting(SPARSE_CONVERT) === 0) this.#refuse(L, -1, 'excessively sparse array')
      return OBJECT
    }
    return greatest
  }

  /** Appends the key below the value on top of the stack. */
  #appendKey(L: number): void {
    const buffer = this.#buffer
    const type = this.state.lua.lua_type(L, -2)
    if (type === TYPE_STRING) {
      this.#appendString(L, -2)
    } else if (type === TYPE_NUMBER) {
      buffer.appendByte(L, QUOTE)
      this.#appendNumber(L, -2)
      buffer.appendByte(L, QUOTE)
    } else {
      this.#refuse(L, -2, 'table key must be a number or string')
    }
    buffer.appendByte(L, COLON)
  }

  #appendString(L: number, index: number): void {
    const { state } = this
    const buffer = this.#buffer
    const from = state.toBytes(L, index)
    const end = from + state.length
    let to = buffer.reserve(L, this.#escapedLengthMax(from, state.length) + 2)
    const start = to
    const { bytes } = state
    bytes[to++] = QUOTE
    for (let at = from; at < end; at++) {
      const byte = bytes[at] as number
      const letter = ESCAPES[byte] as number
      if (letter === 0) {
        bytes[to++] = byte
        continue
      }
      bytes[to++] = BACKSLASH
      bytes[to++] = letter
      if (letter !== LOWER_U) continue
      bytes[to++] = ZERO
      bytes[to++] = ZERO
      bytes[to++] = HEX[byte >> 4] as number
      bytes[to++] = HEX[byte & 15] as number
    }
    bytes[to++] = QUOTE
    buffer.length += to - start
  }

  /** The worst case is cheap for short strings; of long ones the escapes are counted, lest the memory run out. */
  #escapedLengthMax(from: number, length: number): number {
    if (length <= UNCOUNTED_LENGTH_MAX) return length * ESCAPE_BYTES_MAX
    const { bytes } = this.state
    let escapes = 0
    for (let at = from; at < from + length; at++) if (ESCAPES[bytes[at] as number] !== 0) escapes++
    return length + escapes * (ESCAPE_BYTES_MAX - 1)
  }

  #appendNumber(L: number, index: number): void {
    const { state } = this
    const buffer = this.#buffer
    const value = state.lua.lua_tonumber(L, index)
    if (!Number.isFinite(value)) {
      const invalid = this.#setting(ENCODE_INVALID_NUMBERS)
      if (invalid === INVALID_NUMBERS_OFF) this.#refuse(L, index, 'must not be NaN or Inf')
      if (invalid !== INVALID_NUMBERS_ON || Number.isNaN(value)) {
        buffer.appendBytes(L, invalid === INVALID_NUMBERS_ON ? NAN : NULL)
        return
      }
    }
    const precision = this.#setting(ENCODE_PRECISION)
    if (precision < PRECISION_MAX) {
      this.#appendRounded(L, value, precision)
    } else if (Math.abs(value) < PLAIN_INTEGER_MAX && Number.isInteger(value) && !Object.is(value, -0)) {
      buffer.appendInteger(L, value)
    } else {
      // Lua writes numbers with "%.14g" too.
      state.lua.lua_pushnumber(L, value)
      const from = state.toBytes(L, -1)
      buffer.append(L, from, state.length)
      state.lua.lua_settop(L, -2)
    }
  }

  /** With fewer digits than 14, C's printf has to do the rounding: JavaScript's rounds ties another way. */
  #appendRounded(L: number, value: number, precision: number): void {
    const { state } = this
    const { lua } = state
    state.checkStack(L, 3, 'too many nested values')
    lua.lua_rawgeti(L, REGISTRY_INDEX, this.formatReference)
    state.pushText(L, `%.${precision}g`)
    lua.lua_pushnumber(L, value)
    lua.lua_call(L, 2, 1)
    const from = state.toBytes(L, -1)
    this.#buffer.append(L, from, state.length)
    lua.lua_settop(L, -2)
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
