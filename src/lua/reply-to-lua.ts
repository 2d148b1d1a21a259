/**
 * Turns a command's reply into the Lua value that `redis.call` returns.
 *
 * Runs wherever scripts run. The reply comes from a command of ours, so it is complete and well formed. Invariant: `push`
 * leaves exactly one value more on the stack.
 *
 * The conversions: https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion
 */
import { assert } from '../base/assert.js'
import { latin1Of } from '../base/bytes.js'
import type { LuaState } from './lua-state.js'
import { pushErrorReply } from './script-error.js'

const CR = 13
const MINUS = 45
const ZERO = 48

/** Up to so many digits a number is put together exactly from its digits. */
const EXACT_DIGITS_MAX = 15

/** Elements for which a table gets room at once; a longer reply lets it grow. */
const TABLE_ROOM_MAX = 1 << 20

/** Values on Lua's stack that one level of a reply needs. */
const STACK_PER_LEVEL = 5

export class ReplyToLua {
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  readonly #ok: number
  readonly #map: number
  readonly #set: number
  readonly #double: number
  readonly #bigNumber: number
  readonly #verbatimString: number
  readonly #string: number
  readonly #format: number

  constructor(private readonly state: LuaState) {
    this.#ok = state.name('ok')
    this.#map = state.name('map')
    this.#set = state.name('set')
    this.#double = state.name('double')
    this.#bigNumber = state.name('big_number')
    this.#verbatimString = state.name('verbatim_string')
    this.#string = state.name('string')
    this.#format = state.name('format')
  }

  /** Pushes the reply that begins at `start`. */
  push(L: number, bytes: Uint8Array, start: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#value(L)
  }

  #value(L: number): void {
    const { lua } = this.state
    const type = this.#bytes[this.#at++]
    switch (type) {
      case 36: // $
        this.#bulk(L)
        break
      case 58: // :
        lua.lua_pushnumber(L, this.#integer())
        break
      case 43: // +
        lua.lua_createtable(L, 0, 1)
        this.#line(L)
        lua.lua_setfield(L, -2, this.#ok)
        break
      case 45: // -
        this.#error(L)
        break
      case 42: // *
        this.#array(L)
        break
      case 37: // %
        this.#pairs(L)
        break
      case 126: // ~
        this.#members(L)
        break
      case 95: // _
        this.#at += 2
        lua.lua_pushnil(L)
        break
      case 35: // #
        lua.lua_pushboolean(L, this.#bytes[this.#at] === 116 ? 1 : 0)
        this.#at += 3
        break
      case 44: // ,
        lua.lua_createtable(L, 0, 1)
        lua.lua_pushnumber(L, doubleOf(this.#lineText()))
        lua.lua_setfield(L, -2, this.#double)
        break
      case 40: // (
        lua.lua_createtable(L, 0, 1)
        this.#line(L)
        lua.lua_setfield(L, -2, this.#bigNumber)
        break
      case 61: // =
        this.#verbatim(L)
        break
      case 124: // |
        this.#passOverAttributes(L)
        this.#value(L)
        break
      default:
        assert(false, 'a command has answered something that is no reply')
    }
  }

  /** Attributes stand in front of a reply; scripts do not see them. */
  #passOverAttributes(L: number): void {
    const { lua } = this.state
    this.state.checkStack(L, STACK_PER_LEVEL, 'a nested reply')
    for (let i = this.#integer() * 2; i > 0; i--) {
      this.#value(L)
      lua.lua_settop(L, -2)
    }
  }

  /** The number that a line holds; the position moves behind the line. */
  #integer(): number {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    const isNegative = bytes[at] === MINUS
    if (isNegative) at++
    const digitsStart = at
    let value = 0
    for (let byte = bytes[at]!; byte !== CR; byte = bytes[++at]!) value = value * 10 + (byte - ZERO)
    this.#at = at + 2
    if (at - digitsStart > EXACT_DIGITS_MAX) return Number(latin1Of(bytes, start, at - start))
    return isNegative ? -value : value
  }

  #lineEnd(): number {
    const bytes = this.#bytes
    let at = this.#at
    while (bytes[at] !== CR) at++
    return at
  }

  #lineText(): string {
    const end = this.#lineEnd()
    const text = latin1Of(this.#bytes, this.#at, end - this.#at)
    this.#at = end + 2
    return text
  }

  #line(L: number): void {
    const end = this.#lineEnd()
    this.state.pushBytes(L, this.#bytes, this.#at, end - this.#at)
    this.#at = end + 2
  }

  #bulk(L: number): void {
    const length = this.#integer()
    if (length < 0) {
      this.state.lua.lua_pushboolean(L, 0)
      return
    }
    this.state.pushBytes(L, this.#bytes, this.#at, length)
    this.#at += length + 2
  }

  #error(L: number): void {
    pushErrorReply(this.state, L, `-${this.#lineText()}`)
    // The command has counted its error itself; when the script ends with it, it is not counted again.
    this.state.lua.lua_pushboolean(L, 1)
    this.state.lua.lua_setfield(L, -2, this.state.name('ignore_error_stats_update'))
  }

  #array(L: number): void {
    const { lua } = this.state
    const length = this.#integer()
    if (length < 0) {
      lua.lua_pushboolean(L, 0)
      return
    }
    this.state.checkStack(L, STACK_PER_LEVEL, 'a nested reply')
    lua.lua_createtable(L, Math.min(length, TABLE_ROOM_MAX), 0)
    for (let i = 1; i <= length; i++) {
      this.#value(L)
      lua.lua_rawseti(L, -2, i)
    }
  }

  #pairs(L: number): void {
    const { lua } = this.state
    const pairs = this.#integer()
    this.state.checkStack(L, STACK_PER_LEVEL, 'a nested reply')
    lua.lua_createtable(L, 0, 1)
    lua.lua_createtable(L, 0, Math.min(pairs, TABLE_ROOM_MAX))
    for (let i = 0; i < pairs; i++) {
      this.#value(L)
      this.#value(L)
      lua.lua_rawset(L, -3)
    }
    lua.lua_setfield(L, -2, this.#map)
  }

  #members(L: number): void {
    const { lua } = this.state
    const length = this.#integer()
    this.state.checkStack(L, STACK_PER_LEVEL, 'a nested reply')
    lua.lua_createtable(L, 0, 1)
    lua.lua_createtable(L, 0, Math.min(length, TABLE_ROOM_MAX))
    for (let i = 0; i < length; i++) {
      this.#value(L)
      lua.lua_pushboolean(L, 1)
      lua.lua_rawset(L, -3)
    }
    lua.lua_setfield(L, -2, this.#set)
  }

  /** `=length CRLF format:text CRLF`, the format of three letters. */
  #verbatim(L: number): void {
    const { lua } = this.state
    const length = this.#integer()
    lua.lua_createtable(L, 0, 1)
    lua.lua_createtable(L, 0, 2)
    this.state.pushBytes(L, this.#bytes, this.#at + 4, length - 4)
    lua.lua_setfield(L, -2, this.#string)
    this.state.pushBytes(L, this.#bytes, this.#at, 3)
    lua.lua_setfield(L, -2, this.#format)
    lua.lua_setfield(L, -2, this.#verbatimString)
    this.#at += length + 2
  }
}

function doubleOf(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}
