/**
 * The engine of FUNCTION and FCALL: loads libraries, keeps their functions, and runs them.
 *
 * Runs wherever functions run, and on the main thread to see what a library registers. Invariant: numbers of libraries
 * and of functions stay the same as long as they are kept, also when the interpreter had to be replaced by a new one.
 *
 * What code sees as globals is an empty table that takes everything from another one behind it, which is exchanged:
 *
 *   while a library is loaded    { redis = { register_function, log, ... } } and nothing else
 *   when a function runs         all that EVAL's scripts have, but for KEYS and ARGV, which are its parameters
 */
import { assert } from '../base/assert.js'
import { encodeError } from '../resp/errors.js'
import type { ReplyWriter } from '../resp/reply-writer.js'
import { type FunctionRegistration, registerFunction } from './function-registration.js'
import { GLOBALS_INDEX, REGISTRY_INDEX } from './lua-state.js'
import { lockTables, refuseUnknownFields } from './sandbox.js'
import { raiseError, readError } from './script-error.js'
import { DEFAULT_SCRIPT_OPTIONS, type ScriptArguments, type ScriptHost, type ScriptOptions } from './script-host.js'
import { ERROR_HANDLER_INDEX, ScriptRuntime } from './script-runtime.js'
import { isTrap } from './wasm-host.js'

/** A function that a library has registered. */
export interface LibraryFunction {
  /** For `run`. */
  readonly number: number
  readonly name: string
  /** One character a byte. */
  readonly description: string | undefined
  /** As in `script flags`, in Redis's order. */
  readonly flags: readonly string[]
}

export interface LoadedLibrary {
  /** For `forget`. */
  readonly number: number
  /** In the order of their registration. */
  readonly functions: readonly LibraryFunction[]
}

interface Library {
  readonly source: Uint8Array
  readonly functions: readonly LibraryFunction[]
}

interface KeptFunction {
  readonly name: string
  reference: number
}

/** Whether a library may take no longer to load. */
export type IsLate = () => boolean

const NEVER_LATE: IsLate = () => false

export class LibraryEngine {
  readonly #host: ScriptHost
  readonly #options: ScriptOptions
  #runtime: ScriptRuntime
  /** The metatable of what code sees as globals, by its address and by references to what it may point to. */
  #globalsMetatable = 0
  #globalsMetatableReference = 0
  #loadingGlobals = 0
  #runningGlobals = 0
  readonly #libraries: (Library | undefined)[] = []
  readonly #functions: (KeptFunction | undefined)[] = []
  /** What the library that is being loaded has registered; null while none is. */
  #registered: FunctionRegistration[] | null = null

  constructor(host: ScriptHost, options: ScriptOptions = DEFAULT_SCRIPT_OPTIONS) {
    this.#host = host
    this.#options = options
    this.#runtime = this.#makeRuntime()
  }

  /** What the libraries and their values take. */
  get memoryBytes(): number {
    return this.#runtime.memoryBytes
  }

  /**
   * Loads a library: runs its code, which registers functions.
   * @param source the code, with the line of its header emptied but for the line feed
   * @param isLate asked now and then; when it says yes, loading ends with an error
   * @returns the encoded error when it cannot be loaded; then nothing of it is kept
   */
  load(source: Uint8Array, isLate: IsLate): LoadedLibrary | Uint8Array {
    const registrations = this.#runLibrary(source, isLate)
    if (typeof registrations === 'string') return encodeError(`ERR ${registrations}`)
    if (registrations.length === 0) return encodeError('ERR No functions registered')
    const functions = registrations.map(({ name, description, flags, reference }) => {
      const number = this.#freeNumber(this.#functions)
      this.#functions[number] = { name, reference }
      return { number, name, description, flags }
    })
    const number = this.#freeNumber(this.#libraries)
    this.#libraries[number] = { source, functions }
    return { number, functions }
  }

  /** Forgets a library and its functions; their numbers may be given to others. */
  forget(number: number): void {
    const library = this.#libraries[number]
    if (library === undefined) return
    const { lua, main } = this.#runtime.state
    for (const { number: functionNumber } of library.functions) {
      lua.luaL_unref(main, REGISTRY_INDEX, this.#functions[functionNumber]!.reference)
      this.#functions[functionNumber] = undefined
    }
    this.#libraries[number] = undefined
  }

  /** Runs a function and writes its reply. Never throws for what a function does. */
  run(functionNumber: number, call: ScriptArguments, reply: ReplyWriter): void {
    const kept = this.#functions[functionNumber]!
    const runtime = this.#runtime
    const mark = reply.position - reply.start
    try {
      runtime.state.lua.lua_rawgeti(runtime.state.main, REGISTRY_INDEX, kept.reference)
      runtime.pushRanges(call, call.firstKey, call.keyCount)
      runtime.pushRanges(call, call.firstArgument, call.argumentCount)
      runtime.run(2, kept.name, reply)
    } catch (error) {
      this.#replaceRuntime()
      runtime.breakDown(error, mark, kept.name, reply)
    }
  }

  #freeNumber(entries: readonly unknown[]): number {
    const free = entries.indexOf(undefined)
    return free < 0 ? entries.length : free
  }

  #makeRuntime(): ScriptRuntime {
    const runtime = new ScriptRuntime(this.#host, this.#options, false)
    const { state } = runtime
    const { lua, main: L } = state

    lua.lua_createtable(L, 0, 1)
    lua.lua_createtable(L, 0, 8)
    state.setField(L, 'register_function', (from) => {
      if (this.#registered === null) {
        raiseError(state, from, 'redis.register_function can only be called on FUNCTION LOAD command')
      }
      registerFunction(state, from, this.#registered)
      return 0
    })
    runtime.api.setLogAndVersion()
    refuseUnknownFields(state)
    lua.lua_setfield(L, -2, state.name('redis'))
    refuseUnknownFields(state)
    lockTables(state)
    this.#loadingGlobals = lua.luaL_ref(L, REGISTRY_INDEX)

    lua.lua_pushvalue(L, GLOBALS_INDEX)
    refuseUnknownFields(state)
    lockTables(state)
    this.#runningGlobals = lua.luaL_ref(L, REGISTRY_INDEX)

    lua.lua_createtable(L, 0, 0)
    lua.lua_createtable(L, 0, 1)
    this.#globalsMetatable = lua.lua_topointer(L, -1)
    lua.lua_pushvalue(L, -1)
    this.#globalsMetatableReference = lua.luaL_ref(L, REGISTRY_INDEX)
    lua.lua_setmetatable(L, -2)
    state.setReadOnly(lua.lua_topointer(L, -1), true)
    lua.lua_replace(L, GLOBALS_INDEX)
    this.#showGlobals(runtime, this.#runningGlobals)
    return runtime
  }

  /** Puts the table of that reference behind what code sees as globals. */
  #showGlobals(runtime: ScriptRuntime, reference: number): void {
    const { state } = runtime
    const { lua, main: L } = state
    state.setReadOnly(this.#globalsMetatable, false)
    lua.lua_rawgeti(L, REGISTRY_INDEX, this.#globalsMetatableReference)
    lua.lua_rawgeti(L, REGISTRY_INDEX, reference)
    lua.lua_setfield(L, -2, state.name('__index'))
    lua.lua_settop(L, -2)
    state.setReadOnly(this.#globalsMetatable, true)
  }

  /** Runs a library's code. @returns what it has registered, or the error's text */
  #runLibrary(source: Uint8Array, isLate: IsLate): FunctionRegistration[] | string {
    const registered: FunctionRegistration[] = []
    const runtime = this.#runtime
    this.#registered = registered
    try {
      this.#showGlobals(runtime, this.#loadingGlobals)
      const error = this.#compileAndRun(source, isLate)
      this.#showGlobals(runtime, this.#runningGlobals)
      if (error === undefined) return registered
      const { lua, main } = runtime.state
      for (const { reference } of registered) lua.luaL_unref(main, REGISTRY_INDEX, reference)
      return error
    } catch (error) {
      runtime.isBroken = true
      if (!isTrap(error)) throw error
      this.#replaceRuntime()
      return `Error registering functions: the library has exhausted the interpreter: ${(error as Error).message}`
    } finally {
      this.#registered = null
    }
  }

  #compileAndRun(source: Uint8Array, isLate: IsLate): string | undefined {
    const runtime = this.#runtime
    const { state } = runtime
    const { lua, main: L } = state
    let error: string | undefined
    if (!runtime.compile(source, '@user_function')) {
      error = `Error compiling function: ${state.toText(L, -1).split('\0')[0]!}`
    } else if (runtime.runLoading(isLate) !== 0) {
      error = `Error registering functions: ${readError(state, L).message}`
    }
    lua.lua_settop(L, ERROR_HANDLER_INDEX)
    return error
  }

  /** After a trap: a new interpreter that knows the same functions. */
  #replaceRuntime(): void {
    this.#runtime = this.#makeRuntime()
    for (const library of this.#libraries) {
      if (library === undefined) continue
      const registrations = this.#runLibrary(library.source, NEVER_LATE)
      assert(typeof registrations !== 'string', 'a library that was loaded before cannot be loaded any more')
      for (const { number, name } of library.functions) {
        const registration = registrations.find((other) => other.name === name)
        assert(registration !== undefined, 'a library has not registered the function that it had')
        this.#functions[number]!.reference = registration.reference
      }
    }
  }
}
