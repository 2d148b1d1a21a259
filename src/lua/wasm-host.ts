/**
 * One instance of the Lua interpreter and what WebAssembly needs around it: memory with a cap, functions of ours that
 * Lua can call, and C's longjmp.
 *
 * Runs wherever scripts run. Invariant: `bytes` and `words` are views of the memory as it is now. Whatever may allocate
 * in the instance may let it grow, which makes new views, so that nobody keeps one across such a call. Addresses stay.
 *
 * An error in Lua is a longjmp in C, which the compiler has turned into: call an imported function that throws
 * (`_emscripten_throw_longjmp`), and call whatever may be jumped out of by another one that catches (`invoke_vii`). Functions
 * of ours that stand between the two are left by the same exception: they must not catch it, and need no `finally`.
 * Any other exception that comes through here is a trap or a fault of ours. It leaves the instance in a state that
 * nobody knows, so that it must not be used again.
 *
 * The instance has no file, no clock but the one of the day, no network and no environment variables.
 */
import { asciiBytes } from '../base/bytes.js'
import type { LuaApi, LuaFunction } from './lua-api.js'
import { luaModule, READ_ONLY_MESSAGE, READ_ONLY_MESSAGE_ADDRESS } from './lua-binary.js'
import { type WasmImports, type WasmInstance, type WasmTable, webAssembly } from './webassembly.js'

/** A hook: `ar` is the address of a lua_Debug that says why it was called. */
export type LuaHook = (L: number, ar: number) => void

/** What the module starts with and cannot have less than: 4 MiB of C stack, the rest heap. Untouched pages cost nothing. */
export const MEMORY_BYTES_MIN = 16 * 1024 * 1024

const PAGE_BYTES = 65536

/** Errors numbers of C, negated as system calls answer them. */
const NOT_IMPLEMENTED = -38
const BAD_FILE = 8

/** Thrown by longjmp. It has no stack trace, which would cost more than the jump. */
const LONGJMP = Object.freeze({ reason: 'an error in Lua is on its way to where it is caught' })

/** The interpreter has met an error that nobody was there to catch: mostly, no memory for the reply of a script. */
class LuaPanic extends Error {
  constructor(code: number) {
    super(`the Lua interpreter has given up with code ${code}`)
    this.name = 'LuaPanic'
  }
}

/**
 * Whether an exception that came out of the interpreter says that the script was too much for it, and not that something
 * of ours is wrong: a trap, a panic, or no room left on the thread's stack.
 */
export function isTrap(error: unknown): boolean {
  return (
    error instanceof webAssembly.RuntimeError ||
    error instanceof LuaPanic ||
    (error instanceof RangeError && error.message === 'Maximum call stack size exceeded')
  )
}

/**
 * A module with one import and one export, `(i32) -> i32`: a JavaScript function that has gone through it has a type, and
 * so a place in the table of functions. The second is for `(i32, i32) -> ()`.
 */
const FUNCTION_WRAPPER = new webAssembly.Module(wrapperBinary([0x7f], [0x7f]))
const HOOK_WRAPPER = new webAssembly.Module(wrapperBinary([0x7f, 0x7f], []))

export class LuaModule {
  /** The functions of Lua's C API. */
  readonly lua: LuaApi
  bytes: Uint8Array
  words: Int32Array
  readonly #table: WasmTable
  /** What `invoke_vii` has called: a handful of functions of Lua's. Asking the table each time costs more. */
  readonly #callees = new Map<number, (a: number, b: number) => void>()
  readonly #memoryBytesMax: number

  /** @param memoryBytesMax over which an allocation fails; Lua then raises "not enough memory" */
  constructor(memoryBytesMax: number) {
    this.#memoryBytesMax = memoryBytesMax
    const instance = new webAssembly.Instance(luaModule(), this.#imports())
    this.lua = instance.exports as unknown as LuaApi
    this.#table = this.lua.__indirect_function_table
    this.bytes = new Uint8Array(this.lua.memory.buffer)
    this.words = new Int32Array(this.lua.memory.buffer)
    this.lua.__wasm_call_ctors()
    this.bytes.set(asciiBytes(`${READ_ONLY_MESSAGE}\0`), READ_ONLY_MESSAGE_ADDRESS)
  }

  /** The memory that the instance has taken; it never gives any back. */
  get memoryBytes(): number {
    return this.bytes.length
  }

  /** Makes a function of ours callable from Lua. @returns its address, for `lua_pushcclosure` */
  register(fn: LuaFunction): number {
    return this.#intoTable(new webAssembly.Instance(FUNCTION_WRAPPER, { e: { f: fn } }))
  }

  /** The same for a hook. @returns its address, for `lua_sethook` */
  registerHook(hook: LuaHook): number {
    return this.#intoTable(new webAssembly.Instance(HOOK_WRAPPER, { e: { f: hook } }))
  }

  #intoTable(wrapper: WasmInstance): number {
    return this.#table.grow(1, wrapper.exports.f)
  }

  #calleeAt(index: number): (a: number, b: number) => void {
    const callee = this.#table.get(index) as (a: number, b: number) => void
    this.#callees.set(index, callee)
    return callee
  }

  /** Puts bytes with a zero behind them into memory that is never given back: for names. @returns their address */
  cString(text: Uint8Array): number {
    const address = this.lua.malloc(text.length + 1)
    if (address === 0) throw new Error('the Lua interpreter has no memory for a name')
    this.bytes.set(text, address)
    this.bytes[address + text.length] = 0
    return address
  }

  #grow(bytesWanted: number): number {
    const memory = this.lua.memory
    const have = memory.buffer.byteLength
    if (bytesWanted > this.#memoryBytesMax) return 0
    // By a quarter at least: each time costs new views here and a system call below.
    const target = Math.min(this.#memoryBytesMax, Math.max(bytesWanted, have + have / 4))
    try {
      memory.grow(Math.ceil((target - have) / PAGE_BYTES))
    } catch (error) {
      // The machine has no memory for it: to the script the same as the cap.
      if (error instanceof RangeError) return 0
      throw error
    }
    this.bytes = new Uint8Array(memory.buffer)
    this.words = new Int32Array(memory.buffer)
    return 1
  }

  #imports(): WasmImports {
    const notImplemented = (): number => NOT_IMPLEMENTED
    const badFile = (): number => BAD_FILE
    const nothing = (): number => 0
    return {
      env: {
        invoke_vii: (fn: number, a: number, b: number): void => {
          const stack = this.lua.stackSave()
          try {
            const callee = this.#callees.get(fn) ?? this.#calleeAt(fn)
            callee(a, b)
          } catch (error) {
            if (error !== LONGJMP) throw error
            this.lua.stackRestore(stack)
            this.lua.setThrew(1, 0)
          }
        },
        _emscripten_throw_longjmp: (): never => {
          throw LONGJMP
        },
        emscripten_resize_heap: (bytesWanted: number): number => this.#grow(bytesWanted >>> 0),
        emscripten_memcpy_js: (to: number, from: number, length: number): void => {
          this.bytes.copyWithin(to, from, from + length)
        },
        exit: (code: number): never => {
          throw new LuaPanic(code)
        },
        emscripten_date_now: Date.now,
        _emscripten_get_now_is_monotonic: (): number => 1,
        strftime: nothing,
        _tzset_js: nothing,
        _mktime_js: nothing,
        _localtime_js: nothing,
        _gmtime_js: nothing,
        __syscall_openat: notImplemented,
        __syscall_fcntl64: notImplemented,
        __syscall_ioctl: notImplemented,
        __syscall_dup3: notImplemented,
        __syscall_unlinkat: notImplemented,
        __syscall_rmdir: notImplemented,
        __syscall_renameat: notImplemented,
        __syscall_readlinkat: notImplemented,
        _emscripten_system: notImplemented,
      },
      wasi_snapshot_preview1: {
        fd_write: badFile,
        fd_read: badFile,
        fd_close: badFile,
        fd_seek: badFile,
        environ_sizes_get: (countAddress: number, bytesAddress: number): number => {
          this.words[countAddress >> 2] = 0
          this.words[bytesAddress >> 2] = 0
          return 0
        },
        environ_get: nothing,
      },
    }
  }
}

/**
 * The binary of a module that exports, as `f`, the function that it imports as `e.f`.
 * Format: https://webassembly.github.io/spec/core/binary/modules.html
 */
function wrapperBinary(parameters: readonly number[], results: readonly number[]): Uint8Array<ArrayBuffer> {
  const type = [1, 0x60, parameters.length, ...parameters, results.length, ...results]
  const name = (letter: string): number[] => [1, letter.charCodeAt(0)]
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, type.length, ...type],
    ...[2, 7, 1, ...name('e'), ...name('f'), 0, 0],
    ...[7, 5, 1, ...name('f'), 0, 0],
  ])
}
