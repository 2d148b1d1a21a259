/**
 * `string.find`, `match`, `gmatch` (also as `gfind`) and `gsub`, in the place of those of the C library.
 *
 * Runs wherever scripts run. They do what Lua 5.1's do, on our own matcher, which can be interrupted: see
 * pattern-matcher.ts. Invariant: strings that are searched stay on Lua's stack, so that their addresses hold.
 */
import { type LuaState, TYPE_FUNCTION, TYPE_NUMBER, TYPE_STRING, TYPE_TABLE, upvalue } from '../lua-state.js'
import { castToInt32, checkInt64, optInt64 } from './arguments.js'
import { isDigit } from './character-class.js'
import { MemoryBuffer } from './memory-buffer.js'
import { PatternMatcher, POSITION, UNFINISHED } from './pattern-matcher.js'

const SPECIAL = new Uint8Array(256)
for (const character of '^$*+?.([%-') SPECIAL[character.charCodeAt(0)] = 1

const PERCENT = 0x25
const ZERO = 0x30
const ONE = 0x31
const CARET = 0x5e

class StringPatterns {
  readonly #matcher: PatternMatcher
  readonly #buffer: MemoryBuffer

  constructor(private readonly state: LuaState) {
    this.#matcher = new PatternMatcher(state)
    this.#buffer = new MemoryBuffer(state)
  }

  find(L: number): number {
    return this.#search(L, true)
  }

  match(L: number): number {
    return this.#search(L, false)
  }

  #search(L: number, isFind: boolean): number {
    const { state } = this
    const { lua } = state
    const matcher = this.#matcher
    const source = state.checkString(L, 1)
    const sourceLength = state.length
    const pattern = state.checkString(L, 2)
    const patternLength = state.length
    let start = optInt64(state, L, 3, 1)
    if (start < 0) start += sourceLength + 1
    start = Math.min(Math.max(start - 1, 0), sourceLength)
    const end = source + sourceLength
    matcher.begin(L, source, end)
    if (isFind && (lua.lua_toboolean(L, 4) !== 0 || !this.#hasSpecials(pattern))) {
      const found = matcher.findPlain(source + start, end, pattern, patternLength)
      if (found >= 0) {
        lua.lua_pushnumber(L, found - source + 1)
        lua.lua_pushnumber(L, found - source + patternLength)
        return 2
      }
    } else {
      const isAnchored = state.bytes[pattern] === CARET
      const items = isAnchored ? pattern + 1 : pattern
      for (let at = source + start; at <= end; at++) {
        const matchEnd = matcher.matchAt(at, items)
        if (matchEnd >= 0) {
          if (!isFind) return this.#pushCaptures(L, source, at, matchEnd, true)
          lua.lua_pushnumber(L, at - source + 1)
          lua.lua_pushnumber(L, matchEnd - source)
          return 2 + this.#pushCaptures(L, source, at, matchEnd, false)
        }
        if (isAnchored) break
      }
    }
    lua.lua_pushnil(L)
    return 1
  }

  #hasSpecials(pattern: number): boolean {
    const bytes = this.state.bytes
    for (let at = pattern; bytes[at] !== 0; at++) if (SPECIAL[bytes[at] as number] === 1) return true
    return false
  }

  /** @param orWhole whether the whole match stands for the captures of a pattern that has none */
  #pushCaptures(L: number, source: number, start: number, end: number, orWhole: boolean): number {
    const count = this.#matcher.level === 0 && orWhole ? 1 : this.#matcher.level
    this.state.checkStack(L, count, 'too many captures')
    for (let i = 0; i < count; i++) this.#pushCapture(L, i, source, start, end)
    return count
  }

  #pushCapture(L: number, i: number, source: number, start: number, end: number): void {
    const { state } = this
    const { lua } = state
    const matcher = this.#matcher
    if (i >= matcher.level) {
      if (i > 0) state.raise(L, 'invalid capture index')
      lua.lua_pushlstring(L, start, end - start)
      return
    }
    const length = matcher.captureLength[i] as number
    if (length === UNFINISHED) state.raise(L, 'unfinished capture')
    const from = matcher.captureStart[i] as number
    if (length === POSITION) lua.lua_pushnumber(L, from - source + 1)
    else lua.lua_pushlstring(L, from, length)
  }

  /** One step of the iterator of gmatch: its upvalues are the source, the pattern, and how far it is. */
  gmatchStep(L: number): number {
    const { state } = this
    const { lua } = state
    const matcher = this.#matcher
    const pattern = state.toBytes(L, upvalue(2))
    const source = state.toBytes(L, upvalue(1))
    const end = source + state.length
    matcher.begin(L, source, end)
    for (let at = source + lua.lua_tonumber(L, upvalue(3)); at <= end; at++) {
      const matchEnd = matcher.matchAt(at, pattern)
      if (matchEnd < 0) continue
      // An empty match must not be found again.
      lua.lua_pushnumber(L, matchEnd - source + (matchEnd === at ? 1 : 0))
      lua.lua_replace(L, upvalue(3))
      return this.#pushCaptures(L, source, at, matchEnd, true)
    }
    return 0
  }

  gsub(L: number): number {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    const source = state.checkString(L, 1)
    const sourceLength = state.length
    const pattern = state.checkString(L, 2)
    const replacement = lua.lua_type(L, 3)
    const replacementsMax = castToInt32(lua.lua_type(L, 4) <= 0 ? sourceLength + 1 : checkInt64(state, L, 4))
    if (
      replacement !== TYPE_STRING &&
      replacement !== TYPE_NUMBER &&
      replacement !== TYPE_FUNCTION &&
      replacement !== TYPE_TABLE
    )
      state.argumentError(L, 3, 'string/function/table expected')
    const start = buffer.length
    try {
      const count = this.#replace(L, source, source + sourceLength, pattern, replacement, replacementsMax)
      lua.lua_pushlstring(L, buffer.address + start, buffer.length - start)
      lua.lua_pushnumber(L, count)
      return 2
    } finally {
      buffer.cutTo(start)
    }
  }

  /** Builds the result of gsub behind what is in the buffer. @returns the number of replacements */
  #replace(L: number, source: number, end: number, pattern: number, replacement: number, countMax: number): number {
    const matcher = this.#matcher
    const buffer = this.#buffer
    const isAnchored = this.state.bytes[pattern] === CARET
    const items = isAnchored ? pattern + 1 : pattern
    let count = 0
    let at = source
    // What has been passed over since is appended in one piece.
    let unchangedFrom = source
    matcher.begin(L, source, end)
    while (count < countMax) {
      const matchEnd = matcher.matchAt(at, items)
      if (matchEnd >= 0) {
        count++
        buffer.append(L, unchangedFrom, at - unchangedFrom)
        if (replacement === TYPE_STRING || replacement === TYPE_NUMBER) this.#appendTemplate(L, source, at, matchEnd)
        else this.#appendComputed(L, source, at, matchEnd, replacement)
        // The memory may have moved, and a replacement function may have used the matcher.
        matcher.begin(L, source, end)
        unchangedFrom = matchEnd
      }
      if (matchEnd > at) at = matchEnd
      else if (at < end) at++
      else break
      if (isAnchored) break
    }
    buffer.append(L, unchangedFrom, end - unchangedFrom)
    return count
  }

  /** Appends the replacement string, in which %0 to %9 stand for captures. */
  #appendTemplate(L: number, source: number, start: number, end: number): void {
    const { state } = this
    const matcher = this.#matcher
    const buffer = this.#buffer
    const template = state.toBytes(L, 3)
    const templateEnd = template + state.length
    for (let at = template; at < templateEnd; at++) {
      let byte = state.bytes[at] as number
      if (byte !== PERCENT) {
        buffer.appendByte(L, byte)
        continue
      }
      // Behind a % at the end stands the zero byte that ends every string, and it is taken, as in C.
      byte = state.bytes[++at] as number
      if (!isDigit(byte)) {
        buffer.appendByte(L, byte)
        continue
      }
      const capture = byte - ONE
      if (byte === ZERO || (capture === 0 && matcher.level === 0)) {
        buffer.append(L, start, end - start)
        continue
      }
      if (capture >= matcher.level) state.raise(L, 'invalid capture index')
      const length = matcher.captureLength[capture] as number
      if (length === UNFINISHED) state.raise(L, 'unfinished capture')
      const from = matcher.captureStart[capture] as number
      if (length === POSITION) buffer.appendInteger(L, from - source + 1)
      else buffer.append(L, from, length)
    }
  }

  /** Appends what the replacement function or table says of the match; the match itself where that is nil or false. */
  #appendComputed(L: number, source: number, start: number, end: number, replacement: number): void {
    const { state } = this
    const { lua } = state
    const buffer = this.#buffer
    const length = buffer.length
    if (replacement === TYPE_FUNCTION) {
      lua.lua_pushvalue(L, 3)
      lua.lua_call(L, this.#pushCaptures(L, source, start, end, true), 1)
    } else {
      this.#pushCapture(L, 0, source, start, end)
      lua.lua_gettable(L, 3)
    }
    // A gsub inside whose error the function has caught has left its bytes there.
    buffer.cutTo(length)
    if (lua.lua_toboolean(L, -1) === 0) {
      buffer.append(L, start, end - start)
    } else {
      if (lua.lua_isstring(L, -1) === 0) state.raise(L, `invalid replacement value (a ${state.typeName(L, -1)})`)
      const from = state.toBytes(L, -1)
      buffer.append(L, from, state.length)
    }
    lua.lua_settop(L, -2)
  }
}

/** Puts our functions into the table `string`, which is there. */
export function stringPatternsLibrary(state: LuaState): void {
  const patterns = new StringPatterns(state)
  const step = state.register((L) => patterns.gmatchStep(L))
  const gmatch = (L: number): number => {
    state.checkString(L, 1)
    state.checkString(L, 2)
    state.lua.lua_settop(L, 2)
    state.lua.lua_pushnumber(L, 0)
    state.lua.lua_pushcclosure(L, step, 3)
    return 1
  }
  state.setFunctions('string', {
    find: (L) => patterns.find(L),
    match: (L) => patterns.match(L),
    gmatch,
    gfind: gmatch,
    gsub: (L) => patterns.gsub(L),
  })
}
