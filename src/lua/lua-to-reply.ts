/**
 * Turns the value that a script returns into the reply to the client.
 *
 * Runs wherever scripts run. Values may be nested as deep as Lua's stack goes (some 8000 levels, or a table that contains
 * itself), which is deeper than ours: the levels are kept in arrays. Invariant: each of them says what the values that it
 * has on Lua's stack are:
 *
 *   array    table                       the next element is `table[index + 1]`
 *   map      table, pairs, key           the next is the pair behind `key`; its key is written first, then its value
 *   set      table, members, key         the next is the member behind `key`
 *
 * The conversions: https://redis.io/docs/latest/develop/programmability/lua-api/#lua-to-resp2-type-conversion
 */
import { INT64_MIN } from '../base/integer.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { type LuaState, TYPE_BOOLEAN, TYPE_NIL, TYPE_NUMBER, TYPE_STRING, TYPE_TABLE } from './lua-state.js'
import { readError, replyError } from './script-error.js'

const ARRAY = 0
const MAP_KEY = 1
const MAP_VALUE = 2
const SET = 3

/** Lua has so many values on one stack at most. */
const LEVELS_MAX = 8192

/**
 * A table that stands in another one many times, which does so in a third, makes a reply that no memory holds (30 levels of
 * two are 4 GiB). So a reply may be so many times as large as what Lua may hold; without such tables it never is.
 */
const REPLY_PER_MEMORY_MAX = 2

/** What a level pushes at most: a map its pairs, a key, a value and the key again. */
const STACK_PER_LEVEL = 4

const TWO_TO_63 = 2 ** 63

const CR = 13
const LF = 10
const SPACE = 32
const OPEN_PARENTHESIS = 40

export class LuaToReply {
  readonly #kinds = new Uint8Array(LEVELS_MAX)
  readonly #marks = new Float64Array(LEVELS_MAX)
  readonly #counts = new Float64Array(LEVELS_MAX)
  #depth = 0
  readonly #err: number
  readonly #ok: number
  readonly #double: number
  readonly #bigNumber: number
  readonly #verbatimString: number
  readonly #format: number
  readonly #string: number
  readonly #map: number
  readonly #set: number

  constructor(private readonly state: LuaState) {
    this.#err = state.name('err')
    this.#ok = state.name('ok')
    this.#double = state.name('double')
    this.#bigNumber = state.name('big_number')
    this.#verbatimString = state.name('verbatim_string')
    this.#format = state.name('format')
    this.#string = state.name('string')
    this.#map = state.name('map')
    this.#set = state.name('set')
  }

  /**
   * Writes the value on top of the stack and pops it.
   * @param speaksResp3 whether the script has asked for RESP3 (`redis.setresp`): then false is false, and not null
   */
  write(L: number, reply: ReplyWriter, speaksResp3: boolean): void {
    this.#depth = 0
    const begun = reply.position - reply.start
    const bytesMax = this.state.memoryBytesMax * REPLY_PER_MEMORY_MAX
    this.#value(L, reply, speaksResp3)
    while (this.#depth > 0) {
      if (this.#next(L, reply)) this.#value(L, reply, speaksResp3)
      if (reply.position - reply.start - begun > bytesMax) {
        reply.rewind(begun)
        reply.errorText('ERR the reply of the script is too large')
        return
      }
    }
  }

  /** Writes the value on top of the stack and pops it; of a table that is an aggregate it only opens a level. */
  #value(L: number, reply: ReplyWriter, speaksResp3: boolean): void {
    const { lua } = this.state
    switch (lua.lua_type(L, -1)) {
      case TYPE_STRING: {
        const address = this.state.toBytes(L, -1)
        reply.bulk(this.state.bytes, address, this.state.length)
        break
      }
      case TYPE_NUMBER:
        writeInteger(reply, lua.lua_tonumber(L, -1))
        break
      case TYPE_BOOLEAN: {
        const value = lua.lua_toboolean(L, -1) !== 0
        if (speaksResp3) reply.boolean(value)
        else if (value) reply.integer(1)
        else reply.nil()
        break
      }
      case TYPE_TABLE:
        if (lua.lua_checkstack(L, STACK_PER_LEVEL) === 0 || this.#depth === LEVELS_MAX) {
          reply.errorText('ERR reached lua stack limit')
        } else if (!this.#special(L, reply)) {
          if (!this.#open(L, reply)) this.#push(ARRAY, reply)
          return
        }
        break
      default:
        reply.nil()
    }
    lua.lua_settop(L, -2)
  }

  /** Writes a table whose one field says what it is, and leaves it on the stack. False for any other. */
  #special(L: number, reply: ReplyWriter): boolean {
    const { lua } = this.state
    if (this.#field(L, this.#err) === TYPE_STRING) {
      lua.lua_settop(L, -2)
      const error = readError(this.state, L)
      replyError(reply, error.message, error.isCounted)
      return true
    }
    lua.lua_settop(L, -2)
    let isWritten = true
    if (this.#field(L, this.#ok) === TYPE_STRING) this.#status(L, reply)
    else if (this.#instead(L, this.#double) === TYPE_NUMBER) reply.double(lua.lua_tonumber(L, -1))
    else if (this.#instead(L, this.#bigNumber) === TYPE_STRING) this.#writeBigNumber(L, reply)
    else if (this.#instead(L, this.#verbatimString) === TYPE_TABLE) isWritten = this.#verbatim(L, reply)
    else isWritten = false
    lua.lua_settop(L, -2)
    return isWritten
  }

  /** Opens a level for a map or a set, whose table goes on the stack. */
  #open(L: number, reply: ReplyWriter): boolean {
    const { lua } = this.state
    if (this.#field(L, this.#map) === TYPE_TABLE) this.#push(MAP_KEY, reply)
    else if (this.#instead(L, this.#set) === TYPE_TABLE) this.#push(SET, reply)
    else {
      lua.lua_settop(L, -2)
      return false
    }
    lua.lua_pushnil(L)
    return true
  }

  /** Pushes a field of the table on top, without metamethods. @returns its type */
  #field(L: number, name: number): number {
    const { lua } = this.state
    lua.lua_pushstring(L, name)
    lua.lua_rawget(L, -2)
    return lua.lua_type(L, -1)
  }

  /** The same in the place of the field that is on top. */
  #instead(L: number, name: number): number {
    this.state.lua.lua_settop(L, -2)
    return this.#field(L, name)
  }

  #push(kind: number, reply: ReplyWriter): void {
    this.#kinds[this.#depth] = kind
    this.#marks[this.#depth] = reply.openArray()
    this.#counts[this.#depth] = 0
    this.#depth++
  }

  /** Pushes the next value of the innermost level; if there is none, closes the level and answers false. */
  #next(L: number, reply: ReplyWriter): boolean {
    const { lua } = this.state
    const level = this.#depth - 1
    switch (this.#kinds[level]) {
      case ARRAY:
        lua.lua_rawgeti(L, -1, this.#counts[level]! + 1)
        if (lua.lua_type(L, -1) !== TYPE_NIL) {
          this.#counts[level]!++
          return true
        }
        reply.closeArray(this.#marks[level]!, this.#counts[level]!)
        break
      case MAP_KEY:
        if (lua.lua_next(L, -2) !== 0) {
          this.#counts[level]!++
          this.#kinds[level] = MAP_VALUE
          lua.lua_pushvalue(L, -2)
          return true
        }
        reply.closeMap(this.#marks[level]!, this.#counts[level]!)
        break
      case MAP_VALUE:
        this.#kinds[level] = MAP_KEY
        return true
      default:
        if (lua.lua_next(L, -2) !== 0) {
          this.#counts[level]!++
          lua.lua_settop(L, -2)
          lua.lua_pushvalue(L, -1)
          return true
        }
        reply.closeSet(this.#marks[level]!, this.#counts[level]!)
    }
    // An array's table and the nil behind its last element; a map's or a set's two tables.
    lua.lua_settop(L, -3)
    this.#depth = level
    return false
  }

  #status(L: number, reply: ReplyWriter): void {
    const text = this.state.toText(L, -1)
    const zero = text.indexOf('\0')
    reply.simple((zero < 0 ? text : text.slice(0, zero)).replace(/[\r\n]/g, ' '))
  }

  #writeBigNumber(L: number, reply: ReplyWriter): void {
    const digits = this.state.copyString(L, -1)
    for (let i = 0; i < digits.length; i++) if (digits[i] === CR || digits[i] === LF) digits[i] = SPACE
    if (!reply.resp3) {
      reply.bulkBytes(digits)
      return
    }
    writeByte(reply, OPEN_PARENTHESIS)
    reply.raw(digits, 0, digits.length)
    writeLineEnd(reply)
  }

  /** Writes the verbatim string whose table is on top, if it is one, and leaves the table there. */
  #verbatim(L: number, reply: ReplyWriter): boolean {
    const { lua } = this.state
    const top = lua.lua_gettop(L)
    this.#field(L, this.#format)
    lua.lua_pushstring(L, this.#string)
    lua.lua_rawget(L, top)
    const isComplete = lua.lua_type(L, -2) === TYPE_STRING && lua.lua_type(L, -1) === TYPE_STRING
    if (isComplete) {
      const text = this.state.copyString(L, -1)
      if (reply.resp3) {
        const format = this.state.toText(L, -2).split('\0')[0]!.slice(0, 3).padEnd(3)
        const header = Buffer.from(`=${text.length + 4}\r\n${format}:`, 'latin1')
        reply.raw(header, 0, header.length)
        reply.raw(text, 0, text.length)
        writeLineEnd(reply)
      } else {
        reply.bulkBytes(text)
      }
    }
    lua.lua_settop(L, top)
    return isComplete
  }
}

function writeByte(reply: ReplyWriter, byte: number): void {
  reply.ensure(1)
  reply.bytes[reply.position++] = byte
}

function writeLineEnd(reply: ReplyWriter): void {
  writeByte(reply, CR)
  writeByte(reply, LF)
}

/** A number as C casts it to a 64-bit integer: cut, and the least one for what no such integer can be. */
function writeInteger(reply: ReplyWriter, value: number): void {
  const cut = Math.trunc(value)
  if (Number.isSafeInteger(cut)) reply.integer(cut + 0)
  else if (cut >= -TWO_TO_63 && cut < TWO_TO_63) reply.bigInteger(BigInt(cut))
  else reply.bigInteger(INT64_MIN)
}
