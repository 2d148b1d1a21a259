/**
 * `cjson.decode`: JSON as values of Lua's, with the choices, and the errors, of lua-cjson 2.1.
 *
 * Runs wherever scripts run. Strings without escapes go from the text straight to Lua. What is open is kept on Lua's
 * stack and in an array of our own, not by recursion, so that no nesting can overflow the thread's stack.
 *
 * The text is read up to the zero byte that ends every string of Lua's; one inside it ends it as well.
 * Invariant: the stack holds the table of each open array and object, and above that of an object the key whose value
 * comes next.
 */
import type { LuaState } from '../lua-state.js'
import { hasWord, JsonNumber } from './json-number.js'
import { DECODE_DEPTH_MAX, DECODE_INVALID_NUMBERS, type JsonSettings } from './json-settings.js'
import { MemoryBuffer } from './memory-buffer.js'

const OBJECT_BEGIN = 0
const OBJECT_END = 1
const ARRAY_BEGIN = 2
const ARRAY_END = 3
const STRING = 4
const NUMBER = 5
const BOOLEAN = 6
const NULL = 7
const COLON = 8
const COMMA = 9
const END = 10
const SPACE = 11
const INVALID = 12
const TO_BE_READ = 13

/** Kinds of tokens as they are called in errors. */
const TOKEN_NAMES = [
  'T_OBJ_BEGIN',
  'T_OBJ_END',
  'T_ARR_BEGIN',
  'T_ARR_END',
  'T_STRING',
  'T_NUMBER',
  'T_BOOLEAN',
  'T_NULL',
  'T_COLON',
  'T_COMMA',
  'T_END',
]

/** What a byte begins. */
const TOKENS = new Uint8Array(256).fill(INVALID)
TOKENS[0] = END
for (const [character, token] of [
  ['{', OBJECT_BEGIN],
  ['}', OBJECT_END],
  ['[', ARRAY_BEGIN],
  [']', ARRAY_END],
  [',', COMMA],
  [':', COLON],
] as const)
  TOKENS[character.charCodeAt(0)] = token
for (const character of ' \t\n\r') TOKENS[character.charCodeAt(0)] = SPACE
for (const character of 'fiInNt"+-0123456789') TOKENS[character.charCodeAt(0)] = TO_BE_READ

/** The byte that an escape stands for, by its letter; 0 for one that is none. */
const ESCAPED = new Uint8Array(256)
for (const [letter, character] of ['""', '\\\\', '//', 'b\b', 't\t', 'n\n', 'f\f', 'r\r', 'uu'])
  ESCAPED[(letter as string).charCodeAt(0)] = (character as string).charCodeAt(0)

const QUOTE = 0x22
const PLUS = 0x2b
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c
const LOWER_F = 0x66
const LOWER_N = 0x6e
const LOWER_T = 0x74
const LOWER_U = 0x75
const LOWER_X = 0x78

const OBJECT = -1
const LEVELS_AT_FIRST = 64

export class JsonDecoder {
  readonly #number = new JsonNumber()
  /** Where strings with escapes are put together. */
  readonly #buffer: MemoryBuffer
  /** For each open array the number of its elements, for an object `OBJECT`. */
  #counts = new Int32Array(LEVELS_AT_FIRST)
  #L = 0
  #data = 0
  #at = 0
  #depthMax = 0
  #allowsInvalidNumbers = false

  // The token in hand: where it began, what is wrong with it, and its value.
  #tokenAt = 0
  #fault = ''
  #value = 0
  #stringStart = 0
  #stringLength = 0

  constructor(
    private readonly state: LuaState,
    private readonly settings: JsonSettings,
  ) {
    this.#buffer = new MemoryBuffer(state)
  }

  decode(L: number): number {
    const { state } = this
    if (state.lua.lua_gettop(L) !== 1) state.argumentError(L, 1, 'expected 1 argument')
    const words = this.settings.wordsOf(L)
    this.#depthMax = state.words[words + DECODE_DEPTH_MAX] as number
    this.#allowsInvalidNumbers = state.words[words + DECODE_INVALID_NUMBERS] !== 0
    this.#L = L
    this.#data = this.#at = state.checkString(L, 1)
    if (state.length >= 2 && (state.bytes[this.#data] === 0 || state.bytes[this.#data + 1] === 0))
      state.raise(L, 'JSON parser does not support UTF-16 or UTF-32')
    this.#decodeAll()
    const token = this.#nextToken()
    if (token !== END) this.#unexpected('the end', token)
    return 1
  }

  /** Pushes the next value, with all that is in it. */
  #decodeAll(): void {
    let depth = 0
    let token = this.#nextToken()
    for (;;) {
      if (token === OBJECT_BEGIN || token === ARRAY_BEGIN) {
        const isObject = token === OBJECT_BEGIN
        this.#open(depth++, isObject)
        token = this.#nextToken()
        if (token !== (isObject ? OBJECT_END : ARRAY_END)) {
          if (isObject) token = this.#takeKey(token)
          continue
        }
        depth--
      } else {
        this.#pushPlain(token)
      }
      // A value is done and on top of the stack: it goes into its table, which may be done with it, and so on.
      for (;;) {
        if (depth === 0) return
        const isObject = this.#store(depth - 1)
        token = this.#nextToken()
        if (token === (isObject ? OBJECT_END : ARRAY_END)) {
          depth--
          continue
        }
        if (token !== COMMA) this.#unexpected(isObject ? 'comma or object end' : 'comma or array end', token)
        token = this.#nextToken()
        if (isObject) token = this.#takeKey(token)
        break
      }
    }
  }

  #open(level: number, isObject: boolean): void {
    const { state } = this
    const L = this.#L
    if (level + 1 > this.#depthMax || state.lua.lua_checkstack(L, isObject ? 3 : 2) === 0)
      state.raise(L, `Found too many nested data structures (${level + 1}) at character ${this.#at - this.#data}`)
    state.lua.lua_createtable(L, 0, 0)
    if (level === this.#counts.length) {
      const larger = new Int32Array(level * 2)
      larger.set(this.#counts)
      this.#counts = larger
    }
    this.#counts[level] = isObject ? OBJECT : 0
  }

  /** Puts the value on top of the stack into the table below it. @returns whether that is an object's */
  #store(level: number): boolean {
    const count = this.#counts[level] as number
    if (count === OBJECT) {
      this.state.lua.lua_rawset(this.#L, -3)
      return true
    }
    this.#counts[level] = count + 1
    this.state.lua.lua_rawseti(this.#L, -2, count + 1)
    return false
  }

  /** Pushes the key that is the token. @returns the token that begins its value */
  #takeKey(token: number): number {
    if (token !== STRING) this.#unexpected('object key string', token)
    this.#pushString()
    const colon = this.#nextToken()
    if (colon !== COLON) this.#unexpected('colon', colon)
    return this.#nextToken()
  }

  /** Pushes a value that is neither array nor object. */
  #pushPlain(token: number): void {
    const { lua } = this.state
    const L = this.#L
    if (token === STRING) this.#pushString()
    else if (token === NUMBER) lua.lua_pushnumber(L, this.#value)
    else if (token === BOOLEAN) lua.lua_pushboolean(L, this.#value)
    else if (token === NULL) lua.lua_pushlightuserdata(L, 0)
    else this.#unexpected('value', token)
  }

  #pushString(): void {
    this.state.lua.lua_pushlstring(this.#L, this.#stringStart, this.#stringLength)
  }

  #unexpected(expected: string, token: number): never {
    const found = token === INVALID ? this.#fault : (TOKEN_NAMES[token] as string)
    const character = this.#tokenAt - this.#data + 1
    return this.state.raise(this.#L, `Expected ${expected} but found ${found} at character ${character}`)
  }

  /** Reads the next token; its value, or what is wrong with it, is in the fields for that. */
  #nextToken(): number {
    const { bytes } = this.state
    let at = this.#at
    while (TOKENS[bytes[at] as number] === SPACE) at++
    this.#at = at
    this.#tokenAt = at
    const token = TOKENS[bytes[at] as number] as number
    if (token === END) return END
    if (token === INVALID) return this.#invalid(at, 'invalid token')
    if (token !== TO_BE_READ) {
      this.#at++
      return token
    }
    const byte = bytes[at] as number
    if (byte === QUOTE) return this.#readString(bytes, at + 1)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      if (!this.#allowsInvalidNumbers && isInvalidNumber(bytes, at)) return this.#invalid(at, 'invalid number')
      return this.#readNumber(bytes, at)
    }
    if (byte === LOWER_T && isWord(bytes, at, 'true')) return this.#word(BOOLEAN, 1, 4)
    if (byte === LOWER_F && isWord(bytes, at, 'false')) return this.#word(BOOLEAN, 0, 5)
    if (byte === LOWER_N && isWord(bytes, at, 'null')) return this.#word(NULL, 0, 4)
    if (this.#allowsInvalidNumbers && isInvalidNumber(bytes, at)) return this.#readNumber(bytes, at)
    return this.#invalid(at, 'invalid token')
  }

  #word(token: number, value: number, length: number): number {
    this.#value = value
    this.#at += length
    return token
  }

  #invalid(at: number, fault: string): number {
    this.#tokenAt = at
    this.#fault = fault
    return INVALID
  }

  #readNumber(bytes: Uint8Array, at: number): number {
    this.#value = this.#number.read(bytes, at)
    if (this.#number.end === at) return this.#invalid(at, 'invalid number')
    this.#at = this.#number.end
    return NUMBER
  }

  /** Reads the string whose first byte stands at `start`. */
  #readString(bytes: Uint8Array, start: number): number {
    let at = start
    for (;;) {
      const byte = bytes[at] as number
      if (byte === QUOTE) break
      if (byte === BACKSLASH) return this.#readEscapedString(start, at)
      if (byte === 0) return this.#invalid(at, 'unexpected end of string')
      at++
    }
    this.#stringStart = start
    this.#stringLength = at - start
    this.#at = at + 1
    return STRING
  }

  /** The same where the first escape is at `firstEscape`. */
  #readEscapedString(start: number, firstEscape: number): number {
    const L = this.#L
    const buffer = this.#buffer
    let end = firstEscape
    buffer.cutTo(0)
    buffer.append(L, start, firstEscape - start)
    for (;;) {
      const { bytes } = this.state
      const byte = bytes[end] as number
      if (byte === QUOTE) break
      if (byte === 0) return this.#invalid(end, 'unexpected end of string')
      if (byte !== BACKSLASH) {
        const from = end
        while (bytes[end] !== QUOTE && bytes[end] !== BACKSLASH && bytes[end] !== 0) end++
        buffer.append(L, from, end - from)
        continue
      }
      const escaped = ESCAPED[bytes[end + 1] as number] as number
      if (escaped === 0) return this.#invalid(end, 'invalid escape code')
      if (escaped === LOWER_U) {
        const length = this.#appendCodePoint(end)
        if (length === 0) return this.#invalid(end, 'invalid unicode escape code')
        end += length
      } else {
        buffer.appendByte(L, escaped)
        end += 2
      }
    }
    this.#stringStart = buffer.address
    this.#stringLength = buffer.length
    this.#at = end + 1
    return STRING
  }

  /** Appends the code point of the escape at `at` as UTF-8. @returns the length of the escape, 0 for a wrong one */
  #appendCodePoint(at: number): number {
    const { bytes } = this.state
    const buffer = this.#buffer
    const L = this.#L
    let code = fourHexDigits(bytes, at + 2)
    if (code < 0) return 0
    let length = 6
    if ((code & 0xf800) === 0xd800) {
      if ((code & 0x400) !== 0 || bytes[at + 6] !== BACKSLASH || bytes[at + 7] !== LOWER_U) return 0
      const low = fourHexDigits(bytes, at + 8)
      if ((low & 0xfc00) !== 0xdc00) return 0
      code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x10000
      length = 12
    }
    if (code < 0x80) buffer.appendByte(L, code)
    else {
      if (code < 0x800) buffer.appendByte(L, 0xc0 | (code >> 6))
      else {
        if (code < 0x10000) buffer.appendByte(L, 0xe0 | (code >> 12))
        else {
          buffer.appendByte(L, 0xf0 | (code >> 18))
          buffer.appendByte(L, 0x80 | ((code >> 12) & 0x3f))
        }
        buffer.appendByte(L, 0x80 | ((code >> 6) & 0x3f))
      }
      buffer.appendByte(L, 0x80 | (code & 0x3f))
    }
    return length
  }
}

function isWord(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false
  return true
}

/** Whether a number that C's strtod may take is none by JSON's rules. Others may still be wrong. */
function isInvalidNumber(bytes: Uint8Array, start: number): boolean {
  if (bytes[start] === PLUS) return true
  const at = bytes[start] === MINUS ? start + 1 : start
  const byte = bytes[at] as number
  if (byte === ZERO) {
    const next = bytes[at + 1] as number
    return (next | 0x20) === LOWER_X || (next >= ZERO && next <= NINE)
  }
  if (byte <= NINE) return false
  return hasWord(bytes, at, 'inf') || hasWord(bytes, at, 'nan')
}

/** The number of four hexadecimal digits; -1 where they are none. */
function fourHexDigits(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i] as number
    const lower = byte | 0x20
    let digit = -1
    if (byte >= ZERO && byte <= NINE) digit = byte - ZERO
    else if (lower >= 0x61 && lower <= 0x66) digit = lower - 0x57
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}
