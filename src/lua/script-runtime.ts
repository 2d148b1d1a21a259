/**
 * An interpreter with everything a script needs, and the running of one function in it: what EVAL's scripts and the
 * functions of libraries have in common.
 *
 * Runs wherever scripts run. Invariant: between runs Lua's stack holds the error handler alone, at index 1. Once `isBroken`
 * is true, nothing is called in it any more.
 */
import type { ReplyWriter } from '../resp/reply-writer.js'
import { BaseFunctions, COMPILED_SIGNATURE } from './base-functions.js'
import { giveBackRuns } from './lua-allocator.js'
import {
  COLLECT_ALL,
  COLLECT_COUNT_KIB,
  COLLECT_COUNT_REST_BYTES,
  COLLECT_PAUSE,
  COLLECT_STEP,
  HOOK_COUNT,
  HOOK_LINE,
  STATUS_ERROR_MEMORY,
} from './lua-api.js'
import { LuaState } from './lua-state.js'
import { LuaToReply } from './lua-to-reply.js'
import { RedisApi, type RunState } from './redis-api.js'
import { lockStringMetatable, openLibraries, pushErrorHandler } from './sandbox.js'
import { raiseError, replyFailure } from './script-error.js'
import type { ScriptArguments, ScriptHost, ScriptOptions } from './script-host.js'
import { ScriptRandom } from './script-random.js'
import { StringFunctions } from './string-functions.js'
import { TableFunctions } from './table-functions.js'
import { isTrap } from './wasm-host.js'

/** How many instructions a script may run before the host is asked whether it must end: some 0.1 ms. */
const INSTRUCTIONS_BETWEEN_CHECKS = 10_000

/** As in Redis: after so many runs, the collector does a piece of work of so many KiB. */
const RUNS_BETWEEN_COLLECTIONS = 50

/**
 * An interpreter up to this size is small: its collector is given no pieces of work, and begins anew only when there is six
 * times as much as it has found alive. What is alive are mostly compiled scripts, and to look through them for the garbage
 * of a few short runs would cost these runs a tenth of their time.
 */
const SMALL_MEMORY_BYTES = 1024 * 1024
const PAUSE_WHILE_SMALL_PERCENT = 600
/** Lua's own. */
const PAUSE_PERCENT = 200

const SPACE = 32

/**
 * An instance never gives memory back. One that has taken more than this, of which Lua uses less than an eighth, is worth
 * a new one.
 */
const MEMORY_BYTES_KEPT = 64 * 1024 * 1024
const WORTH_KEEPING = 8

/** Where the error handler stands on the stack. */
export const ERROR_HANDLER_INDEX = 1

export class ScriptRuntime implements RunState {
  readonly state: LuaState
  readonly api: RedisApi
  isRunning = false
  speaksResp3 = false
  isBroken = false
  /** Whether a new interpreter would take much less memory. */
  isOversized = false
  /** Whether the host has said that the script in hand must end. */
  isEnding = false

  readonly #toReply: LuaToReply
  readonly #hook: number
  #runs = 0
  /** Whether the collector waits longer than usual. */
  #isPatient = false
  /** How often the run in hand has asked the host. */
  #checks = 0
  /** While a library is loaded, says that it has taken too long. */
  #isLate: (() => boolean) | null = null

  constructor(
    private readonly host: ScriptHost,
    options: ScriptOptions,
    isEval: boolean,
  ) {
    const state = new LuaState(options.memoryBytesMax)
    this.state = state
    this.#toReply = new LuaToReply(state)
    openLibraries(state, options.hasDeprecatedFunctions)
    new BaseFunctions(state, () => this.isEnding).register()
    new StringFunctions(state).register()
    new TableFunctions(state).register()
    new ScriptRandom(state, this, options.number).register()
    this.api = new RedisApi(state, host, this)
    this.api.register(isEval)
    pushErrorHandler(state)
    lockStringMetatable(state)
    state.onInterruptCheck = (L) => this.endIfAsked(L)
    this.#hook = state.module.registerHook((L) => this.endIfAsked(L))
    this.watchInstructions()
  }

  /** Lua's own count of what it uses. */
  get memoryBytes(): number {
    const { lua, main } = this.state
    return lua.lua_gc(main, COLLECT_COUNT_KIB, 0) * 1024 + lua.lua_gc(main, COLLECT_COUNT_REST_BYTES, 0)
  }

  /** Has the host asked now and then from now on; coroutines take it over from the state that makes them. */
  watchInstructions(): void {
    this.isEnding = false
    this.state.lua.lua_sethook(this.state.main, this.#hook, HOOK_COUNT, INSTRUCTIONS_BETWEEN_CHECKS)
  }

  #setPatient(isPatient: boolean): void {
    if (isPatient === this.#isPatient) return
    this.#isPatient = isPatient
    const pause = isPatient ? PAUSE_WHILE_SMALL_PERCENT : PAUSE_PERCENT
    this.state.lua.lua_gc(this.state.main, COLLECT_PAUSE, pause)
  }

  /** Raises an error if the host says that the script must end, or if a library takes too long to load. */
  endIfAsked(L: number): void {
    // The first time says nothing: the instructions are counted over all runs. Who runs for so long may fill the memory.
    if (++this.#checks > 1) this.#setPatient(false)
    if (!this.isEnding && !(this.#isLate === null ? this.host.interrupt() : this.#isLate())) return
    this.isEnding = true
    // From now on at every line, here and in the main state: an error that the script catches is raised again at once.
    this.state.lua.lua_sethook(L, this.#hook, HOOK_LINE, 0)
    this.state.lua.lua_sethook(this.state.main, this.#hook, HOOK_LINE, 0)
    raiseError(this.state, L, this.#isLate === null ? this.host.interruptText : 'FUNCTION LOAD timeout')
  }

  /** Compiles a source and pushes the function; false if that fails, and the error's text is on top. */
  compile(source: Uint8Array, chunkName: string): boolean {
    const { state } = this
    const { lua, main: L } = state
    // Source that begins like compiled code is none: with a space in front the compiler says so, and does not believe it.
    const start = source[0] === COMPILED_SIGNATURE ? 1 : 0
    const length = start + source.length
    const address = lua.malloc(length)
    if (address === 0) {
      state.pushText(L, 'not enough memory')
      return false
    }
    state.bytes[address] = SPACE
    state.bytes.set(source, address + start)
    const status = lua.luaL_loadbuffer(L, address, length, state.name(chunkName))
    lua.free(address)
    return status === 0
  }

  /** Calls the function on top of the stack, a library's code, and pops it. @returns Lua's status; an error is on top */
  runLoading(isLate: () => boolean): number {
    this.#isLate = isLate
    const status = this.state.lua.lua_pcall(this.state.main, 0, 0, 0)
    this.#isLate = null
    if (this.isEnding) this.watchInstructions()
    return status
  }

  /** Pushes a table of the ranges from `first` on. */
  pushRanges(call: ScriptArguments, first: number, count: number): void {
    const { state } = this
    const { lua, main: L } = state
    lua.lua_createtable(L, count, 0)
    for (let i = 0; i < count; i++) {
      state.pushBytes(L, call.bytes, call.offsets[first + i]!, call.lengths[first + i]!)
      lua.lua_rawseti(L, -2, i + 1)
    }
  }

  /**
   * Calls the function that stands on the stack below so many arguments, and writes what it returns or the error that it
   * ends with. `name` says whose error it is.
   */
  run(argumentCount: number, name: string, reply: ReplyWriter): void {
    const { state } = this
    const { lua, main: L } = state
    this.isRunning = true
    this.speaksResp3 = false
    this.#checks = 0
    const status = lua.lua_pcall(L, argumentCount, 1, ERROR_HANDLER_INDEX)
    this.isRunning = false
    if (this.isEnding) this.watchInstructions()
    if (status === 0) this.#toReply.write(L, reply, this.speaksResp3)
    else replyFailure(state, L, name, reply)
    lua.lua_settop(L, ERROR_HANDLER_INDEX)
    // What the script had filled the memory with is garbage by now, and Lua 5.1 does not look for any when it has no memory.
    if (status === STATUS_ERROR_MEMORY) {
      lua.lua_gc(L, COLLECT_ALL, 0)
      giveBackRuns(state.words, lua.free)
    }
    if (++this.#runs >= RUNS_BETWEEN_COLLECTIONS) {
      this.#runs = 0
      this.#setPatient(this.memoryBytes <= SMALL_MEMORY_BYTES)
      if (!this.#isPatient) lua.lua_gc(L, COLLECT_STEP, RUNS_BETWEEN_COLLECTIONS)
      const taken = state.module.memoryBytes
      this.isOversized = taken > MEMORY_BYTES_KEPT && this.memoryBytes * WORTH_KEEPING < taken
    }
  }

  /**
   * To be called with what `run` and what leads to it have thrown: marks the interpreter as broken and writes an error
   * in the place of the reply, or throws on what is no fault of a script.
   * @param mark where the reply begins, as `position - start` of its writer
   */
  breakDown(error: unknown, mark: number, name: string, reply: ReplyWriter): void {
    this.isRunning = false
    this.isBroken = true
    if (!isTrap(error)) throw error
    reply.rewind(mark)
    reply.errorText(
      `ERR Error running script ${name}, the script has exhausted the interpreter: ${(error as Error).message}`,
    )
  }
}
