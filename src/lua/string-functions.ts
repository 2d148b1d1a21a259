/**
 * `string.format`, `rep`, `sub` and `byte`, in the place of those of the C library.
 *
 * Runs wherever scripts run. They are ours because integers of C have 32 bits on WebAssembly's machine and 64 on Redis's
 * (`string.format('%d', milliseconds)` must work), and because `rep` of an empty string would not end for minutes.
 * (Pattern matching is in libraries/string-patterns.ts.) Invariant: what is being built lies in `buffer` behind what an
 * outer call builds.
 */
import { castToInt32, checkInt64, cutToInt32, optInt64 } from './libraries/arguments.js'
import { isDigit } from './libraries/character-class.js'
import { MemoryBuffer } from './libraries/memory-buffer.js'
import { GLOBALS_INDEX, type LuaState, upvalue } from './lua-state.js'

const PERCENT = 0x25
const DOT = 0x2e
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

const FLAGS = new Uint8Array(256)
for (const flag of '-+ #0') FLAGS[flag.charCodeAt(0)] = 1

/** A longer run of flags has one of them twice. */
const FLAGS_MAX = 5

/** From this length on, `%s` without a precision takes the string as it is, with zero bytes and without a width. */
const WHOLE_STRING_BYTES_MIN = 100

const TWO_TO_63 = 2 ** 63
const TWO_TO_64 = 2n ** 64n

/** One conversion of a format: `%-5.2d`. */
interface Conversion {
  readonly isLeft: boolean
  readonly hasPlus: boolean
  readonly hasSpace: boolean
  readonly isAlternate: boolean
  readonly hasZeros: boolean
  readonly width: number
  /** -1 when there is none. */
  readonly precision: number
}

export class StringFunctions {
  readonly #buffer: MemoryBuffer

  constructor(private readonly state: LuaState) {
    this.#buffer = new MemoryBuffer(state)
  }

  /** Puts our functions into the table `string`, which is there. */
  register(): void {
    const { lua, main: L } = this.state
    this.state.setFunctions('string', {
      byte: (from) => this.#byte(from),
      rep: (from) => this.#repeat(from),
      sub: (from) => this.#sub(from),
    })
    // The C library's own function still writes what is no integer: ours has it as an upvalue.
    lua.lua_getfield(L, GLOBALS_INDEX, this.state.name('string'))
    lua.lua_getfield(L, -1, this.state.name('format'))
    lua.lua_pushcclosure(
      L,
      this.state.register((from) => this.#format(from)),
      1,
    )
    lua.lua_setfield(L, -2, this.state.name('format'))
    lua.lua_settop(L, -2)
  }

  #repeat(L: number): number {
    const { state } = this
    const { lua } = state
    const source = state.checkString(L, 1)
    const sourceLength = state.length
    const times = castToInt32(checkInt64(state, L, 2))
    if (times <= 0 || sourceLength === 0) {
      lua.lua_pushlstring(L, 0, 0)
      return 1
    }
    const length = sourceLength * times
    if (length > state.memoryBytesMax) state.raise(L, 'not enough memory')
    const to = lua.lua_newuserdata(L, length)
    const { bytes } = state
    bytes.copyWithin(to, source, source + sourceLength)
    // What is done is copied behind itself, which doubles it.
    for (let done = sourceLength; done < length; done *= 2) {
      bytes.copyWithin(to + done, to, to + Math.min(done, length - done))
    }
    lua.lua_pushlstring(L, to, length)
    return 1
  }

  #sub(L: number): number {
    const { state } = this
    const source = state.checkString(L, 1)
    const { length } = state
    const start = Math.max(1, positionIn(length, checkInt64(state, L, 2)))
    const end = Math.min(length, positionIn(length, optInt64(state, L, 3, -1)))
    if (start > end) state.lua.lua_pushlstring(L, 0, 0)
    else state.lua.lua_pushlstring(L, source + start - 1, end - start + 1)
    return 1
  }

  #byte(L: number): number {
    const { state } = this
    const source = state.checkString(L, 1)
    const { length } = state
    const first = positionIn(length, optInt64(state, L, 2, 1))
    const end = Math.min(length, positionIn(length, optInt64(state, L, 3, first)))
    const start = Math.max(1, first)
    if (start > end) return 0
    const count = end - start + 1
    state.checkStack(L, count, 'string slice too long')
    for (let at = source + start - 1; at < source + end; at++) state.lua.lua_pushnumber(L, state.bytes[at]!)
    return count
  }

  #format(L: number): number {
    const buffer = this.#buffer
    const start = buffer.length
    try {
      this.#build(L)
      this.state.lua.lua_pushlstring(L, buffer.address + start, buffer.length - start)
      return 1
    } finally {
      buffer.cutTo(start)
    }
  }

  #build(L: number): void {
    const { state } = this
    const buffer = this.#buffer
    let at = state.checkString(L, 1)
    const end = at + state.length
    const argumentsMax = state.lua.lua_gettop(L)
    let argument = 1
    while (at < end) {
      let next = at
      while (next < end && state.bytes[next] !== PERCENT) next++
      if (next > at) buffer.append(L, at, next - at)
      if (next === end) return
      at = next + 1
      if (state.bytes[at] === PERCENT) {
        buffer.appendByte(L, PERCENT)
        at++
        continue
      }
      if (++argument > argumentsMax) state.argumentError(L, argument, 'no value')
      const conversionEnd = this.#conversionEnd(L, at)
      this.#convert(L, argument, at, conversionEnd)
      at = conversionEnd + 1
    }
  }

  /** Where the letter of the conversion is whose flags begin at `at`. (Every string has a zero byte behind it.) */
  #conversionEnd(L: number, at: number): number {
    const { bytes } = this.state
    const start = at
    while (FLAGS[bytes[at]!] === 1) at++
    if (at - start > FLAGS_MAX) this.state.raise(L, 'invalid format (repeated flags)')
    if (isDigit(bytes[at]!)) at++
    if (isDigit(bytes[at]!)) at++
    if (bytes[at] === DOT) {
      at++
      if (isDigit(bytes[at]!)) at++
      if (isDigit(bytes[at]!)) at++
    }
    if (isDigit(bytes[at]!)) this.state.raise(L, 'invalid format (width or precision too long)')
    return at
  }

  /** Appends the argument as the conversion between `start` and its letter at `end` says. */
  #convert(L: number, argument: number, start: number, end: number): void {
    const { state } = this
    const { lua } = state
    const letter = String.fromCharCode(state.bytes[end]!)
    switch (letter) {
      case 'd':
      case 'i':
        this.#appendInteger(L, checkInt64(state, L, argument), letter, start, end)
        return
      case 'o':
      case 'u':
      case 'x':
      case 'X': {
        const number = lua.luaL_checknumber(L, argument)
        // As compiled C does on x86: what is too large for 64 bits without a sign is 0.
        const isLarge = number >= TWO_TO_63
        const large = isLarge && number < 2 * TWO_TO_63 ? BigInt(number) : 0n
        this.#appendInteger(L, isLarge ? BigInt.asIntN(64, large) : checkInt64(state, L, argument), letter, start, end)
        return
      }
      case 'e':
      case 'E':
      case 'f':
      case 'g':
      case 'G':
        lua.luaL_checknumber(L, argument)
        this.#appendAsLibrary(L, argument, start, end)
        return
      case 'c':
        this.#appendCharacter(L, cutToInt32(lua.luaL_checknumber(L, argument)), start, end)
        return
      case 's':
        this.#appendString(L, argument, start, end)
        return
      case 'q':
        this.#appendQuoted(L, argument)
        return
      default:
        state.raise(L, `invalid option '%${letter === '\0' ? '' : letter}' to 'format'`)
    }
  }

  #appendAsLibrary(L: number, argument: number, start: number, end: number): void {
    const { lua } = this.state
    lua.lua_pushvalue(L, upvalue(1))
    lua.lua_pushlstring(L, start - 1, end - start + 2)
    lua.lua_pushvalue(L, argument)
    lua.lua_call(L, 2, 1)
    this.#buffer.append(L, this.state.toBytes(L, -1), this.state.length)
    lua.lua_settop(L, -2)
  }

  #appendInteger(L: number, value: number | bigint, letter: string, start: number, end: number): void {
    if (
      start === end &&
      (letter === 'd' || letter === 'i') &&
      typeof value === 'number' &&
      Number.isSafeInteger(value)
    ) {
      this.#buffer.appendInteger(L, value)
      return
    }
    const conversion = this.#conversion(start, end)
    this.#appendText(L, integerText(BigInt(value), letter, conversion))
  }

  #appendCharacter(L: number, value: number, start: number, end: number): void {
    const { isLeft, width } = this.#conversion(start, end)
    const character = String.fromCharCode(value & 0xff)
    const text = isLeft ? character.padEnd(width) : character.padStart(width)
    // What C's sprintf has written is taken up to the first zero byte.
    this.#appendText(L, text.split('\0')[0]!)
  }

  #appendText(L: number, text: string): void {
    this.#buffer.appendBytes(L, Buffer.from(text, 'latin1'))
  }

  #appendString(L: number, argument: number, start: number, end: number): void {
    const { state } = this
    const buffer = this.#buffer
    const from = state.checkString(L, argument)
    let { length } = state
    const { isLeft, width, precision } = this.#conversion(start, end)
    if (precision >= 0 || length < WHOLE_STRING_BYTES_MIN) {
      const zero = state.bytes.indexOf(0, from)
      length = Math.min(length, zero - from)
      if (precision >= 0) length = Math.min(length, precision)
    }
    const padding = length < width ? ' '.repeat(width - length) : ''
    if (!isLeft && padding !== '') this.#appendText(L, padding)
    buffer.append(L, from, length)
    if (isLeft && padding !== '') this.#appendText(L, padding)
  }

  /** As Lua reads it back. */
  #appendQuoted(L: number, argument: number): void {
    const { state } = this
    const buffer = this.#buffer
    const from = state.checkString(L, argument)
    const end = from + state.length
    buffer.appendByte(L, QUOTE)
    for (let at = from; at < end; at++) {
      const byte = state.bytes[at]!
      if (byte === QUOTE || byte === BACKSLASH || byte === LINE_FEED) {
        buffer.appendByte(L, BACKSLASH)
        buffer.appendByte(L, byte)
      } else if (byte === CARRIAGE_RETURN) {
        this.#appendText(L, '\\r')
      } else if (byte === 0) {
        this.#appendText(L, '\\000')
      } else {
        buffer.appendByte(L, byte)
      }
    }
    buffer.appendByte(L, QUOTE)
  }

  #conversion(start: number, end: number): Conversion {
    const { bytes } = this.state
    let at = start
    while (FLAGS[bytes[at]!] === 1) at++
    const flags = Buffer.from(bytes.subarray(start, at)).toString('latin1')
    const [width = '', precision] = Buffer.from(bytes.subarray(at, end)).toString('latin1').split('.')
    return {
      isLeft: flags.includes('-'),
      hasPlus: flags.includes('+'),
      hasSpace: flags.includes(' '),
      isAlternate: flags.includes('#'),
      hasZeros: flags.includes('0'),
      width: Number(width),
      precision: precision === undefined ? -1 : Number(precision),
    }
  }
}

/** A position counted from 1, or from the end if it is negative, as one counted from 1; 0 if it lies before the string. */
function positionIn(length: number, position: number): number {
  const fromStart = position < 0 ? position + length + 1 : position
  return fromStart >= 0 ? fromStart : 0
}

/** A 64-bit integer as C's printf writes it. */
function integerText(value: bigint, letter: string, conversion: Conversion): string {
  const isSigned = letter === 'd' || letter === 'i'
  const magnitude = isSigned ? (value < 0n ? -value : value) : value < 0n ? value + TWO_TO_64 : value
  let digits = magnitude.toString(letter === 'o' ? 8 : letter === 'x' || letter === 'X' ? 16 : 10)
  if (magnitude === 0n && conversion.precision === 0) digits = ''
  digits = digits.padStart(conversion.precision, '0')
  let prefix = ''
  if (isSigned) prefix = value < 0n ? '-' : conversion.hasPlus ? '+' : conversion.hasSpace ? ' ' : ''
  if (conversion.isAlternate && letter === 'o' && !digits.startsWith('0')) digits = `0${digits}`
  if (conversion.isAlternate && (letter === 'x' || letter === 'X') && magnitude !== 0n) prefix = '0x'
  if (conversion.hasZeros && !conversion.isLeft && conversion.precision < 0) {
    digits = digits.padStart(conversion.width - prefix.length, '0')
  }
  const text = letter === 'X' ? (prefix + digits).toUpperCase() : prefix + digits
  return conversion.isLeft ? text.padEnd(conversion.width) : text.padStart(conversion.width)
}
