/**
 * The table `redis` that scripts see: `redis.call` and its kin.
 *
 * Runs wherever scripts run. Invariant: the functions that reach the server may only be called while a script runs, not
 * while a library is loaded; `RunState` says which it is.
 *
 * A command's arguments are handed on where they lie in Lua's memory: they stay on Lua's stack, and so in their place,
 * until the command is done. Numbers get their digits in a buffer beside them.
 */
import { createHash } from 'node:crypto'
import { DOUBLE_TEXT_BYTES_MAX, writeDouble } from '../base/float.js'
import { GLOBALS_INDEX, type LuaState, TYPE_NUMBER, TYPE_STRING } from './lua-state.js'
import { ReplyToLua } from './reply-to-lua.js'
import { pushErrorReply, raiseError } from './script-error.js'
import {
  COMMAND_ALLOWED,
  COMMAND_UNKNOWN,
  LOG_DEBUG,
  LOG_NOTICE,
  LOG_VERBOSE,
  LOG_WARNING,
  PROPAGATE_ALL,
  PROPAGATE_AOF,
  PROPAGATE_NONE,
  PROPAGATE_REPLICAS,
  type ScriptHost,
} from './script-host.js'

/** The version of Redis whose scripts run here. */
const REDIS_VERSION = '7.0.15'
const REDIS_VERSION_NUMBER = 0x07000f

const ARGUMENTS_AT_FIRST = 64
const MINUS = 45

/** What an engine knows about the script in hand. */
export interface RunState {
  isRunning: boolean
  /** Whether the replies of commands are RESP3's. */
  speaksResp3: boolean
}

export class RedisApi {
  readonly #toLua: ReplyToLua
  #offsets = new Int32Array(ARGUMENTS_AT_FIRST)
  #lengths = new Int32Array(ARGUMENTS_AT_FIRST)
  /** Digits of arguments that are numbers: so many bytes for each argument. */
  #digits = 0
  #digitsRoom = 0

  constructor(
    private readonly state: LuaState,
    private readonly host: ScriptHost,
    private readonly run: RunState,
  ) {
    this.#toLua = new ReplyToLua(state)
  }

  /** Makes the global `redis` that scripts have; `isEval` adds what only EVAL has. */
  register(isEval: boolean): void {
    this.state.setFunctions('redis', {
      call: (L) => this.#call(L, true),
      pcall: (L) => this.#call(L, false),
      setresp: (L) => this.#setResp(L),
      sha1hex: (L) => this.#sha1Hex(L),
      error_reply: (L) => this.#errorReply(L),
      status_reply: (L) => this.#statusReply(L),
      set_repl: (L) => this.#setPropagation(L),
      acl_check_cmd: (L) => this.#checkPermission(L),
    })
    if (isEval) {
      this.state.setFunctions('redis', {
        // There is no debugger: as in Redis when none is attached.
        breakpoint: (L) => this.#pushBoolean(L, false),
        debug: () => 0,
        replicate_commands: (L) => this.#pushBoolean(L, true),
      })
    }
    const { lua, main: L } = this.state
    lua.lua_getfield(L, GLOBALS_INDEX, this.state.name('redis'))
    this.#setNumbers({
      REPL_NONE: PROPAGATE_NONE,
      REPL_AOF: PROPAGATE_AOF,
      REPL_SLAVE: PROPAGATE_REPLICAS,
      REPL_REPLICA: PROPAGATE_REPLICAS,
      REPL_ALL: PROPAGATE_ALL,
    })
    this.setLogAndVersion()
    lua.lua_settop(L, -2)
  }

  /** Puts `log`, its levels and the version into the table on top of the main stack; libraries have them while they load. */
  setLogAndVersion(): void {
    const { lua, main: L } = this.state
    this.state.setField(L, 'log', (from) => this.#log(from))
    this.#setNumbers({ LOG_DEBUG, LOG_VERBOSE, LOG_NOTICE, LOG_WARNING, REDIS_VERSION_NUM: REDIS_VERSION_NUMBER })
    this.state.pushText(L, REDIS_VERSION)
    lua.lua_setfield(L, -2, this.state.name('REDIS_VERSION'))
  }

  #setNumbers(numbers: Readonly<Record<string, number>>): void {
    const { lua, main: L } = this.state
    for (const [name, value] of Object.entries(numbers)) {
      lua.lua_pushnumber(L, value)
      lua.lua_setfield(L, -2, this.state.name(name))
    }
  }

  #pushBoolean(L: number, value: boolean): number {
    this.state.lua.lua_pushboolean(L, value ? 1 : 0)
    return 1
  }

  #mustRun(L: number, names: string): void {
    if (!this.run.isRunning) raiseError(this.state, L, `${names} can only be called inside a script invocation`)
  }

  /** `redis.call` raises a command's error, `redis.pcall` returns it. */
  #call(L: number, raises: boolean): number {
    if (!this.run.isRunning) this.#mustRun(L, 'redis.call/pcall')
    const { host, state } = this
    const count = this.#gather(L)
    if (count === 0) return raises ? state.raiseValue(L) : 1
    host.call(state.module.bytes, this.#offsets, this.#lengths, count, this.run.speaksResp3)
    state.lua.lua_settop(L, 0)
    const isError = host.replyBytes[host.replyStart] === MINUS
    this.#toLua.push(L, host.replyBytes, host.replyStart)
    return raises && isError ? state.raiseValue(L) : 1
  }

  /** Finds the arguments on the stack. @returns how many; 0 when they are none to call with, and an error is on top */
  #gather(L: number): number {
    const { lua } = this.state
    const count = lua.lua_gettop(L)
    if (count === 0) {
      pushErrorReply(this.state, L, 'Please specify at least one argument for this redis lib call')
      return 0
    }
    if (count > this.#offsets.length) {
      this.#offsets = new Int32Array(count * 2)
      this.#lengths = new Int32Array(count * 2)
    }
    const offsets = this.#offsets
    const lengths = this.#lengths
    for (let i = 1; i <= count; i++) {
      const type = lua.lua_type(L, i)
      if (type === TYPE_STRING) {
        offsets[i - 1] = this.state.toBytes(L, i)
        lengths[i - 1] = this.state.length
      } else if (type === TYPE_NUMBER) {
        const to = this.#roomForDigits(L, i, count)
        offsets[i - 1] = to
        // Not as Lua writes numbers, which is with 14 digits: as many as a double has.
        lengths[i - 1] = writeDouble(this.state.bytes, to, lua.lua_tonumber(L, i))
      } else {
        lua.lua_settop(L, 0)
        pushErrorReply(this.state, L, 'Lua redis lib command arguments must be strings or integers')
        return 0
      }
    }
    return count
  }

  /** Where the digits of the i-th of so many arguments go. */
  #roomForDigits(L: number, i: number, count: number): number {
    if (count > this.#digitsRoom) {
      const room = Math.max(ARGUMENTS_AT_FIRST, count)
      const digits = this.state.lua.malloc(room * DOUBLE_TEXT_BYTES_MAX)
      if (digits === 0) this.state.raise(L, 'not enough memory')
      this.#moveDigits(digits, i - 1)
      this.#digits = digits
      this.#digitsRoom = room
    }
    return this.#digits + (i - 1) * DOUBLE_TEXT_BYTES_MAX
  }

  /** Arguments before the i-th may have digits in the room that was too small. */
  #moveDigits(to: number, done: number): void {
    const from = this.#digits
    if (from === 0) return
    const end = from + this.#digitsRoom * DOUBLE_TEXT_BYTES_MAX
    this.state.bytes.copyWithin(to, from, end)
    for (let i = 0; i < done; i++) {
      const at = this.#offsets[i]!
      if (at >= from && at < end) this.#offsets[i] = at - from + to
    }
    this.state.lua.free(from)
  }

  #checkPermission(L: number): number {
    this.#mustRun(L, 'redis.acl_check_cmd')
    const count = this.#gather(L)
    if (count === 0) return this.state.raiseValue(L)
    const answer = this.host.checkPermission(this.state.bytes, this.#offsets, this.#lengths, count)
    if (answer === COMMAND_UNKNOWN) raiseError(this.state, L, 'Invalid command passed to redis.acl_check_cmd()')
    return this.#pushBoolean(L, answer === COMMAND_ALLOWED)
  }

  #sha1Hex(L: number): number {
    if (this.state.lua.lua_gettop(L) !== 1) raiseError(this.state, L, 'wrong number of arguments')
    const address = this.state.toBytes(L, 1)
    const bytes = this.state.bytes.subarray(address, address + this.state.length)
    this.state.pushText(L, createHash('sha1').update(bytes).digest('hex'))
    return 1
  }

  #hasOneString(L: number): boolean {
    const { lua } = this.state
    const hasOne = lua.lua_gettop(L) === 1 && lua.lua_type(L, -1) === TYPE_STRING
    if (!hasOne) pushErrorReply(this.state, L, 'wrong number or type of arguments')
    return hasOne
  }

  #errorReply(L: number): number {
    if (!this.#hasOneString(L)) return 1
    const text = this.state.toText(L, -1).split('\0')[0]!
    pushErrorReply(this.state, L, text.startsWith('-') ? text : `-${text}`)
    return 1
  }

  #statusReply(L: number): number {
    if (!this.#hasOneString(L)) return 1
    const { lua } = this.state
    lua.lua_createtable(L, 0, 1)
    lua.lua_pushvalue(L, 1)
    lua.lua_setfield(L, -2, this.state.name('ok'))
    return 1
  }

  #setPropagation(L: number): number {
    this.#mustRun(L, 'redis.set_repl')
    const { lua } = this.state
    if (lua.lua_gettop(L) !== 1) raiseError(this.state, L, 'redis.set_repl() requires two arguments.')
    const to = Math.trunc(lua.lua_tonumber(L, -1))
    if ((to & ~PROPAGATE_ALL) !== 0) {
      raiseError(this.state, L, 'Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.')
    }
    this.host.setPropagation(to)
    return 0
  }

  #setResp(L: number): number {
    this.#mustRun(L, 'redis.setresp')
    const { lua } = this.state
    if (lua.lua_gettop(L) !== 1) raiseError(this.state, L, 'redis.setresp() requires one argument.')
    const version = Math.trunc(lua.lua_tonumber(L, -1))
    if (version !== 2 && version !== 3) raiseError(this.state, L, 'RESP version must be 2 or 3.')
    this.run.speaksResp3 = version === 3
    return 0
  }

  #log(L: number): number {
    const { host, state } = this
    const { lua } = state
    const count = lua.lua_gettop(L)
    if (count < 2) raiseError(state, L, 'redis.log() requires two arguments or more.')
    if (lua.lua_isnumber(L, 1) === 0) raiseError(state, L, 'First argument must be a number (log level).')
    const level = Math.trunc(lua.lua_tonumber(L, 1))
    if (!(level >= LOG_DEBUG && level <= LOG_WARNING)) raiseError(state, L, 'Invalid debug level.')
    if (level < host.logLevelMin) return 0
    const parts: Uint8Array[] = []
    for (let i = 2; i <= count; i++) {
      if (lua.lua_isstring(L, i) === 0) continue
      if (i > 2) parts.push(SPACE)
      parts.push(state.copyString(L, i))
    }
    host.log(level, Buffer.concat(parts))
    return 0
  }
}

const SPACE = Uint8Array.of(32)
