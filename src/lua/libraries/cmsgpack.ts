/**
 * The library `cmsgpack`: MessagePack, with the choices of lua-cmsgpack 0.4.0.
 *
 * Runs wherever scripts run. Values are packed straight from Lua's stack into a buffer of the engine's memory, and unpacked
 * from the string itself. Unpacking keeps its own stack of what is open, so that no depth of nesting can overflow the
 * thread's.
 *
 * Invariant: while a value is unpacked, each open array or map has its table on Lua's stack, in a map with a key above it
 * when the value comes next.
 */
import { GLOBALS_INDEX, type LuaState, TYPE_BOOLEAN, TYPE_NUMBER, TYPE_STRING, TYPE_TABLE } from '../lua-state.js'
import { castToInt32, checkInt64, optInt64 } from './arguments.js'
import { readFloat, readUnsigned, writeFloat } from './byte-order.js'
import { MemoryBuffer } from './memory-buffer.js'

/** Tables that lie deeper are packed as nil. */
const NESTING_MAX = 16

const TWO_TO_32 = 2 ** 32
const TWO_TO_63 = 2 ** 63

/** The longest head of a value, and the longest number. */
const HEAD_BYTES_MAX = 9

/** What is open while unpacking, see `#open`. */
const LEVELS_AT_FIRST = 64

class MessagePack {
  readonly #buffer: MemoryBuffer

  /** For each open array or map: how many values are still to come (a pair is two), and how many have. */
  #remaining = new Float64Array(LEVELS_AT_FIRST)
  #done = new Float64Array(LEVELS_AT_FIRST)
  #isMap = new Uint8Array(LEVELS_AT_FIRST)
  #depth = 0
  #openArrays = 0
  /** Where unpacking stands, and where the string ends. */
  #at = 0
  #end = 0

  constructor(private readonly state: LuaState) {
    this.#buffer = new MemoryBuffer(state)
  }

  pack(L: number): number {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    const count = lua.lua_gettop(L)
    if (count === 0) state.argumentError(L, 0, 'MessagePack pack needs input.')
    if (lua.lua_checkstack(L, count) === 0) state.argumentError(L, 0, 'Too many arguments for MessagePack pack.')
    buffer.cutTo(0)
    for (let i = 1; i <= count; i++) {
      lua.lua_pushvalue(L, i)
      this.#packValue(L, 0)
    }
    lua.lua_pushlstring(L, buffer.address, buffer.length)
    buffer.cutTo(0)
    return 1
  }

  /** Packs the value on top of the stack and takes it away. */
  #packValue(L: number, level: number): void {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    switch (lua.lua_type(L, -1)) {
      case TYPE_STRING: {
        const from = state.toBytes(L, -1)
        const length = state.length
        this.#packStringHead(L, length)
        buffer.append(L, from, length)
        break
      }
      case TYPE_NUMBER:
        this.#packNumber(L, lua.lua_tonumber(L, -1))
        break
      case TYPE_BOOLEAN:
        buffer.appendByte(L, lua.lua_toboolean(L, -1) === 0 ? 0xc2 : 0xc3)
        break
      case TYPE_TABLE:
        if (level === NESTING_MAX) buffer.appendByte(L, 0xc0)
        else this.#packTable(L, level)
        break
      default:
        buffer.appendByte(L, 0xc0)
    }
    lua.lua_settop(L, -2)
  }

  #packTable(L: number, level: number): void {
    const { state } = this
    const { lua } = state
    // The table's next key and value, and a copy of the key: more than C asks for, which packs no deeper than 16 either.
    state.checkStack(L, 4, 'in function mp_encode_lua_table_as_map')
    let count = 0
    let isArray = true
    let greatest = 0
    lua.lua_pushnil(L)
    while (lua.lua_next(L, -2) !== 0) {
      lua.lua_settop(L, -2)
      count++
      if (!isArray) continue
      const key = lua.lua_type(L, -1) === TYPE_NUMBER ? lua.lua_tonumber(L, -1) : 0
      if (key > 0 && key === (key | 0)) greatest = Math.max(greatest, key)
      else isArray = false
    }
    // The keys are different positive integers: when the greatest is their number, they are all from 1 on.
    if (isArray && greatest === count) {
      this.#packHead(L, count, 0x90, 0xdc)
      for (let i = 1; i <= count; i++) {
        lua.lua_rawgeti(L, -1, i)
        this.#packValue(L, level + 1)
      }
      return
    }
    this.#packHead(L, count, 0x80, 0xde)
    lua.lua_pushnil(L)
    while (lua.lua_next(L, -2) !== 0) {
      lua.lua_pushvalue(L, -2)
      this.#packValue(L, level + 1)
      this.#packValue(L, level + 1)
    }
  }

  /** The head of an array or a map: its one-byte form below 16 elements, else the codes for 16 and 32 bits. */
  #packHead(L: number, count: number, short: number, code16: number): void {
    if (count < 16) this.#buffer.appendByte(L, short | count)
    else if (count <= 0xffff) this.#packBigEndian(L, code16, 2, count)
    else this.#packBigEndian(L, code16 + 1, 4, count)
  }

  #packStringHead(L: number, length: number): void {
    if (length < 32) this.#buffer.appendByte(L, 0xa0 | length)
    else if (length <= 0xff) this.#packBigEndian(L, 0xd9, 1, length)
    else if (length <= 0xffff) this.#packBigEndian(L, 0xda, 2, length)
    else this.#packBigEndian(L, 0xdb, 4, length)
  }

  /** A code and an integer of `size` bytes; of a negative one the last bytes of its two's complement. */
  #packBigEndian(L: number, code: number, size: number, value: number): void {
    const buffer = this.#buffer
    const at = buffer.reserve(L, HEAD_BYTES_MAX)
    const bytes = this.state.bytes
    bytes[at] = code
    let high = size === 8 ? Math.floor(value / TWO_TO_32) | 0 : 0
    let low = value | 0
    for (let i = size; i > 0; i--) {
      bytes[at + i] = low
      low = (low >>> 8) | (high << 24)
      high >>= 8
    }
    buffer.length += size + 1
  }

  #packNumber(L: number, value: number): void {
    if (!(value === Math.trunc(value) && value >= -TWO_TO_63 && value < TWO_TO_63)) this.#packFloat(L, value)
    else if (value >= 0) {
      if (value <= 127) this.#buffer.appendByte(L, value)
      else if (value <= 0xff) this.#packBigEndian(L, 0xcc, 1, value)
      else if (value <= 0xffff) this.#packBigEndian(L, 0xcd, 2, value)
      else if (value < TWO_TO_32) this.#packBigEndian(L, 0xce, 4, value)
      else this.#packBigEndian(L, 0xcf, 8, value)
    } else if (value >= -32) this.#buffer.appendByte(L, value)
    else if (value >= -128) this.#packBigEndian(L, 0xd0, 1, value)
    else if (value >= -32768) this.#packBigEndian(L, 0xd1, 2, value)
    else if (value >= -2147483648) this.#packBigEndian(L, 0xd2, 4, value)
    else this.#packBigEndian(L, 0xd3, 8, value)
  }

  #packFloat(L: number, value: number): void {
    const buffer = this.#buffer
    const at = buffer.reserve(L, HEAD_BYTES_MAX)
    const bytes = this.state.bytes
    const size = Math.fround(value) === value ? 4 : 8
    bytes[at] = size === 4 ? 0xca : 0xcb
    writeFloat(bytes, at + 1, size, value, false)
    buffer.length += size + 1
  }

  unpack(L: number): number {
    return this.#unpackFrom(L, 0, 0)
  }

  unpackOne(L: number): number {
    const offset = optInt64(this.state, L, 2, 0)
    this.#keepFirstArgument(L)
    return this.#unpackFrom(L, 1, offset)
  }

  unpackLimit(L: number): number {
    const limit = checkInt64(this.state, L, 2)
    const offset = optInt64(this.state, L, 3, 0)
    this.#keepFirstArgument(L)
    return this.#unpackFrom(L, limit, offset)
  }

  #keepFirstArgument(L: number): void {
    const { lua } = this.state
    lua.lua_settop(L, Math.min(lua.lua_gettop(L), 1))
  }

  /** Unpacks up to `limit` values from `offset` on; all, and no offset before them, when both are 0. */
  #unpackFrom(L: number, limit: number, offset: number): number {
    const { state } = this
    const { lua } = state
    const data = state.checkString(L, 1)
    const length = state.length
    // The text names the length as the limit, as C does.
    if (offset < 0 || limit < 0)
      state.raise(L, `Invalid request to unpack with offset of ${castToInt32(offset)} and limit of ${length}.`)
    if (offset > length) state.raise(L, `Start offset ${castToInt32(offset)} greater than input length ${length}.`)
    const isAll = limit === 0 && offset === 0
    this.#at = data + offset
    this.#end = data + length
    let count = 0
    while (this.#at < this.#end && (isAll || count < limit)) {
      this.#unpackValue(L)
      count++
    }
    if (isAll) return count
    state.checkStack(L, 1, 'in function mp_unpack_full')
    lua.lua_pushnumber(L, this.#at === this.#end ? -1 : this.#at - data)
    lua.lua_insert(L, 2)
    return count + 1
  }

  /** Pushes the next value. */
  #unpackValue(L: number): void {
    const { lua } = this.state
    this.#depth = 0
    this.#openArrays = 0
    for (;;) {
      this.#unpackItem(L)
      for (;;) {
        if (this.#depth === 0) return
        const level = this.#depth - 1
        if ((this.#done[level] as number) > 0) {
          // What is on top belongs to the table below it: an element, a key that waits for its value, or a value.
          if (this.#isMap[level] === 0) lua.lua_rawseti(L, -2, this.#done[level] as number)
          else if ((this.#done[level] as number) % 2 === 0) lua.lua_rawset(L, -3)
        }
        if (this.#remaining[level] === 0) {
          this.#depth--
          if (this.#isMap[level] === 0) this.#openArrays--
          continue
        }
        this.#remaining[level] = (this.#remaining[level] as number) - 1
        this.#done[level] = (this.#done[level] as number) + 1
        break
      }
    }
  }

  /** Pushes one value; of an array or a map its empty table, and opens it. */
  #unpackItem(L: number): void {
    const { state } = this
    const { lua } = state
    this.#need(L, 1)
    this.#checkStack(L, 'too many return values at once; use unpack_one or unpack_limit instead.')
    const { bytes } = state
    const at = this.#at
    const code = bytes[at] as number
    if (code < 0x80) {
      this.#at++
      lua.lua_pushnumber(L, code)
    } else if (code >= 0xe0) {
      this.#at++
      lua.lua_pushnumber(L, code - 256)
    } else if (code < 0x90) {
      this.#at++
      this.#open(L, code & 0xf, true)
    } else if (code < 0xa0) {
      this.#at++
      this.#open(L, code & 0xf, false)
    } else if (code < 0xc0) {
      this.#unpackString(L, 1, code & 0x1f)
    } else {
      this.#unpackCoded(L, code)
    }
  }

  /** C keeps the index of each open array on the stack as well, so that nesting ends where it does there. */
  #checkStack(L: number, text: string): void {
    this.state.checkStack(L, 1 + this.#openArrays, text)
  }

  /** Raises an error unless so many bytes are left. */
  #need(L: number, length: number): void {
    if (this.#end - this.#at < length) this.state.raise(L, 'Missing bytes in input.')
  }

  #unpackCoded(L: number, code: number): void {
    const { state } = this
    const { lua } = state
    switch (code) {
      case 0xc0:
        this.#at++
        lua.lua_pushnil(L)
        break
      case 0xc2:
      case 0xc3:
        this.#at++
        lua.lua_pushboolean(L, code - 0xc2)
        break
      case 0xca:
      case 0xcb: {
        const size = code === 0xca ? 4 : 8
        this.#need(L, size + 1)
        lua.lua_pushnumber(L, readFloat(state.bytes, this.#at + 1, size, false))
        this.#at += size + 1
        break
      }
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        this.#unpackInteger(L, 1 << (code - 0xcc), code === 0xcf)
        break
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        this.#unpackInteger(L, 1 << (code - 0xd0), true)
        break
      case 0xd9:
      case 0xda:
      case 0xdb: {
        const size = 1 << (code - 0xd9)
        this.#unpackString(L, size + 1, this.#lengthOf(L, size))
        break
      }
      case 0xdc:
      case 0xdd:
      case 0xde:
      case 0xdf: {
        const size = code % 2 === 0 ? 2 : 4
        const length = this.#lengthOf(L, size)
        this.#at += size + 1
        this.#open(L, length, code >= 0xde)
        break
      }
      default:
        state.raise(L, 'Bad data format in input.')
    }
  }

  /** The unsigned integer behind the code. */
  #lengthOf(L: number, size: number): number {
    this.#need(L, size + 1)
    return readUnsigned(this.state.bytes, this.#at + 1, size, false)
  }

  /** Redis has 64-bit integers, so that an unsigned one of 64 bits comes out as a signed one too. */
  #unpackInteger(L: number, size: number, isSigned: boolean): void {
    this.#need(L, size + 1)
    const { bytes } = this.state
    const first = Math.min(size, 4)
    let value = readUnsigned(bytes, this.#at + 1, first, false)
    if (isSigned && value >= 2 ** (first * 8 - 1)) value -= 2 ** (first * 8)
    if (size === 8) value = value * TWO_TO_32 + readUnsigned(bytes, this.#at + 5, 4, false)
    this.#at += size + 1
    this.state.lua.lua_pushnumber(L, value)
  }

  #unpackString(L: number, headLength: number, length: number): void {
    this.#need(L, headLength + length)
    this.state.lua.lua_pushlstring(L, this.#at + headLength, length)
    this.#at += headLength + length
  }

  #open(L: number, length: number, isMap: boolean): void {
    // Empty, although the length is known: the order in which `pairs` goes through a table, and what `#` says of one with
    // holes, depend on how it grew, and scripts get to see both.
    this.state.lua.lua_createtable(L, 0, 0)
    if (!isMap) {
      this.#checkStack(L, 'in function mp_decode_to_lua_array')
      this.#openArrays++
    }
    const level = this.#depth++
    if (level === this.#isMap.length) this.#addLevels()
    this.#remaining[level] = isMap ? length * 2 : length
    this.#done[level] = 0
    this.#isMap[level] = isMap ? 1 : 0
  }

  #addLevels(): void {
    const count = this.#isMap.length * 2
    const { remaining, done, isMap } = { remaining: this.#remaining, done: this.#done, isMap: this.#isMap }
    this.#remaining = new Float64Array(count)
    this.#remaining.set(remaining)
    this.#done = new Float64Array(count)
    this.#done.set(done)
    this.#isMap = new Uint8Array(count)
    this.#isMap.set(isMap)
  }
}

/** What scripts may read about the library. */
const ABOUT = {
  _NAME: 'cmsgpack',
  _VERSION: 'lua-cmsgpack 0.4.0',
  _COPYRIGHT: 'Copyright (C) 2012, Salvatore Sanfilippo',
  _DESCRIPTION: 'MessagePack C implementation for Lua',
}

export function cmsgpackLibrary(state: LuaState): void {
  const messagePack = new MessagePack(state)
  state.setFunctions('cmsgpack', {
    pack: (L) => messagePack.pack(L),
    unpack: (L) => messagePack.unpack(L),
    unpack_one: (L) => messagePack.unpackOne(L),
    unpack_limit: (L) => messagePack.unpackLimit(L),
  })
  const { lua, main } = state
  lua.lua_getfield(main, GLOBALS_INDEX, state.name('cmsgpack'))
  for (const [name, text] of Object.entries(ABOUT)) {
    state.pushText(main, text)
    lua.lua_setfield(main, -2, state.name(name))
  }
  lua.lua_settop(main, -2)
}
