/**
 * Errors of scripts: the tables that `redis.pcall` returns and `redis.call` raises, and what a client reads of them.
 *
 * Runs wherever scripts run. An error is a table { err, source, line, ignore_error_stats_update }; `err` begins with the
 * error's code, and the handler of the sandbox adds where it happened.
 */

import { encodeError, shownPart } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { type LuaState, TYPE_BOOLEAN, TYPE_TABLE } from './lua-state.js'

/** How much of an error that is no table is shown. */
const STRAY_ERROR_CHARACTERS_MAX = 100

/**
 * Pushes the table of an error.
 * @param text `-CODE what happened`, or a text alone, which then gets the code ERR
 */
export function pushErrorReply(state: LuaState, L: number, text: string): void {
  const { lua } = state
  lua.lua_createtable(L, 0, 4)
  state.pushText(L, errorWithCode(text))
  lua.lua_setfield(L, -2, state.name('err'))
}

/** Raises the table of an error. */
export function raiseError(state: LuaState, L: number, text: string): never {
  pushErrorReply(state, L, text)
  return state.raiseValue(L)
}

function errorWithCode(text: string): string {
  if (!text.startsWith('-')) return `ERR ${trimLineEnds(text)}`
  const space = text.indexOf(' ')
  if (space < 0) return `ERR ${trimLineEnds(text.slice(1))}`
  return `${text.slice(1, space)} ${trimLineEnds(text.slice(space + 1))}`
}

function trimLineEnds(text: string): string {
  return text.replace(/^[\r\n]+|[\r\n]+$/g, '')
}

/** What an error value says. */
export interface ScriptError {
  /** With the code in front. */
  readonly message: string
  readonly source: string | undefined
  readonly line: string | undefined
  /** The command that failed has counted it. */
  readonly isCounted: boolean
}

/** Reads the error on top of the stack, a table or a text, and leaves it there. */
export function readError(state: LuaState, L: number): ScriptError {
  const { lua } = state
  if (lua.lua_type(L, -1) !== TYPE_TABLE) {
    return { message: `ERR ${cText(state, L, -1)}`, source: undefined, line: undefined, isCounted: false }
  }
  // A table without a text kills Redis 7.0; its successors say this.
  const message = field(state, L, 'err') ?? 'ERR unknown error'
  const source = field(state, L, 'source')
  const line = field(state, L, 'line')
  rawField(state, L, 'ignore_error_stats_update')
  const isCounted = lua.lua_type(L, -1) === TYPE_BOOLEAN && lua.lua_toboolean(L, -1) !== 0
  lua.lua_settop(L, -2)
  return { message, source, line, isCounted }
}

/** Pushes a field of the table on top, without metamethods: they are the script's, and nothing protects us from them here. */
function rawField(state: LuaState, L: number, name: string): void {
  state.lua.lua_pushstring(L, state.name(name))
  state.lua.lua_rawget(L, -2)
}

function field(state: LuaState, L: number, name: string): string | undefined {
  const { lua } = state
  rawField(state, L, name)
  const text = lua.lua_isstring(L, -1) === 0 ? undefined : cText(state, L, -1)
  lua.lua_settop(L, -2)
  return text
}

/** As C would print it: up to the first zero byte. */
function cText(state: LuaState, L: number, index: number): string {
  return shownPart(state.toText(L, index))
}

/** Replies with the error, on top of the stack, that a script has ended with. `name` is the script's or function's. */
export function replyFailure(state: LuaState, L: number, name: string, reply: ReplyWriter): void {
  const { lua } = state
  if (lua.lua_type(L, -1) !== TYPE_TABLE) {
    const text = lua.lua_isstring(L, -1) === 0 ? 'execution failure' : cText(state, L, -1)
    reply.errorText(`ERR Error running script ${name}, ${text.slice(0, STRAY_ERROR_CHARACTERS_MAX)}`)
    return
  }
  const error = readError(state, L)
  const place =
    error.line === undefined || error.source === undefined ? '' : ` script: ${name}, on ${error.source}:${error.line}.`
  replyError(reply, error.message + place, error.isCounted)
}

/** Replies with an error that a script returns or ends with. One that a command has counted is not counted again. */
export function replyError(reply: ReplyWriter, text: string, isCounted: boolean): void {
  if (isCounted) reply.encoded(encodeError(trimLineEnds(text)))
  else reply.errorText(text)
}
