/**
 * The engine of EVAL and EVALSHA: compiles scripts, keeps them, and runs them.
 *
 * Runs wherever scripts run. Invariant: a script's number stays the same as long as it is kept, also when the interpreter
 * had to be replaced by a new one. The engine is never entered while it runs.
 */
import { createHash } from 'node:crypto'
import { encodeError } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { GLOBALS_INDEX, REGISTRY_INDEX } from './lua-state.js'
import { lockTables, refuseUnknownFields } from './sandbox.js'
import { DEFAULT_SCRIPT_OPTIONS, type ScriptArguments, type ScriptHost, type ScriptOptions } from './script-host.js'
import { ERROR_HANDLER_INDEX, ScriptRuntime } from './script-runtime.js'
import { isTrap } from './wasm-host.js'

interface Script {
  /** The source, with the line of a shebang emptied. */
  readonly source: Uint8Array
  /** Of the whole text: what the script is called. */
  readonly sha1: string
  /** Where the compiled function is in Lua's registry. */
  functionReference: number
}

const NUMBER_SIGN = 35
const EXCLAMATION_MARK = 33
const LINE_FEED = 10

export class ScriptEngine {
  readonly #host: ScriptHost
  readonly #options: ScriptOptions
  #runtime: ScriptRuntime
  /** Addresses in the interpreter in hand: the table of globals, and names. */
  #globals = 0
  #keysName = 0
  #argvName = 0
  readonly #scripts: (Script | undefined)[] = []
  readonly #freeNumbers: number[] = []

  constructor(host: ScriptHost, options: ScriptOptions = DEFAULT_SCRIPT_OPTIONS) {
    this.#host = host
    this.#options = options
    this.#runtime = this.#makeRuntime()
  }

  /** What the scripts and their values take. */
  get memoryBytes(): number {
    return this.#runtime.memoryBytes
  }

  /** The memory that the interpreter has from the system, of which untouched pages cost nothing. */
  get reservedBytes(): number {
    return this.#runtime.state.module.memoryBytes
  }

  /**
   * Compiles a script. A shebang line must have been judged before (see shebang.ts); it is only skipped here.
   * @returns the script's number, or the encoded error
   */
  compile(body: Uint8Array): number | Uint8Array {
    const source = withoutShebang(body)
    let functionReference: number | Uint8Array
    try {
      functionReference = this.#compile(source)
    } catch (error) {
      if (!isTrap(error)) throw error
      this.#replaceRuntime()
      return encodeError('ERR Error compiling script (new function): the script has exhausted the interpreter')
    }
    if (typeof functionReference !== 'number') return functionReference
    const number = this.#freeNumbers.pop() ?? this.#scripts.length
    this.#scripts[number] = { source, sha1: createHash('sha1').update(body).digest('hex'), functionReference }
    return number
  }

  /** Forgets a script; its number may be given to another one. */
  forget(number: number): void {
    const script = this.#scripts[number]
    if (script === undefined) return
    this.#runtime.state.lua.luaL_unref(this.#runtime.state.main, REGISTRY_INDEX, script.functionReference)
    this.#scripts[number] = undefined
    this.#freeNumbers.push(number)
  }

  /** Runs a script and writes its reply. Never throws for what a script does. */
  run(number: number, call: ScriptArguments, reply: ReplyWriter): void {
    const script = this.#scripts[number]!
    const runtime = this.#runtime
    const mark = reply.position - reply.start
    try {
      const { state } = runtime
      const { lua, main: L } = state
      // The globals are read-only but for this moment.
      state.setReadOnly(this.#globals, false)
      runtime.pushRanges(call, call.firstKey, call.keyCount)
      lua.lua_setfield(L, GLOBALS_INDEX, this.#keysName)
      runtime.pushRanges(call, call.firstArgument, call.argumentCount)
      lua.lua_setfield(L, GLOBALS_INDEX, this.#argvName)
      state.setReadOnly(this.#globals, true)
      lua.lua_rawgeti(L, REGISTRY_INDEX, script.functionReference)
      runtime.run(0, script.sha1, reply)
      if (runtime.isOversized) this.#replaceRuntime()
    } catch (error) {
      this.#replaceRuntime()
      runtime.breakDown(error, mark, script.sha1, reply)
    }
  }

  #makeRuntime(): ScriptRuntime {
    const runtime = new ScriptRuntime(this.#host, this.#options, true)
    const { state } = runtime
    const { lua, main: L } = state
    lua.lua_pushvalue(L, ERROR_HANDLER_INDEX)
    lua.lua_setfield(L, GLOBALS_INDEX, state.name('__redis__err__handler'))
    lua.lua_pushvalue(L, GLOBALS_INDEX)
    refuseUnknownFields(state)
    lockTables(state)
    this.#globals = lua.lua_topointer(L, -1)
    this.#keysName = state.name('KEYS')
    this.#argvName = state.name('ARGV')
    lua.lua_settop(L, ERROR_HANDLER_INDEX)
    return runtime
  }

  /** After a trap, or when much memory has been used once: a new interpreter that knows the same scripts. */
  #replaceRuntime(): void {
    this.#runtime = this.#makeRuntime()
    for (const script of this.#scripts) {
      if (script === undefined) continue
      const reference = this.#compile(script.source)
      if (typeof reference !== 'number') throw new Error('a script that was compiled before does not compile any more')
      script.functionReference = reference
    }
  }

  #compile(source: Uint8Array): number | Uint8Array {
    const runtime = this.#runtime
    const { state } = runtime
    const { lua, main: L } = state
    if (runtime.compile(source, '@user_script')) return lua.luaL_ref(L, REGISTRY_INDEX)
    const text = state.toText(L, -1).split('\0')[0]!
    lua.lua_settop(L, -2)
    return encodeError(`ERR Error compiling script (new function): ${text}`)
  }
}

/** The lines keep their numbers: of a shebang only the line feed is left. */
function withoutShebang(body: Uint8Array): Uint8Array {
  if (body[0] !== NUMBER_SIGN || body[1] !== EXCLAMATION_MARK) return body
  const end = body.indexOf(LINE_FEED)
  return end < 0 ? body : body.subarray(end)
}
