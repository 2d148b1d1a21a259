/**
 * A Lua interpreter with what functions of ours need to serve scripts: strings as bytes, errors with Lua's own texts,
 * tables of functions.
 *
 * Runs wherever scripts run. Functions get `L`, the state that called them, which is a coroutine's as often as the main
 * one; every method takes it. Invariant: `length` belongs to the call of `toBytes` or `checkString` before.
 *
 * `raise` and everything that checks arguments leave by an exception that goes through WebAssembly (see wasm-host.ts);
 * nothing that must be given back may be held then.
 */
import { asciiBytes } from '../base/bytes.js'
import { GLOBALS_INDEX, type LuaApi, type LuaFunction, TYPE_TABLE } from './lua-api.js'
import { TABLE_FLAG_OFFSET, TABLE_FLAG_READ_ONLY } from './lua-binary.js'
import { LuaModule } from './wasm-host.js'

export {
  GLOBALS_INDEX,
  MULTIPLE_RESULTS,
  REGISTRY_INDEX,
  TYPE_BOOLEAN,
  TYPE_FUNCTION,
  TYPE_LIGHT_USERDATA,
  TYPE_NIL,
  TYPE_NONE,
  TYPE_NUMBER,
  TYPE_STRING,
  TYPE_TABLE,
  TYPE_THREAD,
  TYPE_USERDATA,
  upvalue,
} from './lua-api.js'

/** Texts up to this length go through a place that is there; longer ones get memory for the moment. */
const TRANSFER_BYTES = 64 * 1024

export class LuaState {
  readonly module: LuaModule
  readonly lua: LuaApi
  /** The main state. */
  readonly main: number
  /** The length of the string that was read last. */
  length = 0
  /** Says that the script in hand must end, by raising an error; asked between the steps of long work. */
  onInterruptCheck: (L: number) => void = () => {}

  readonly #lengthAddress: number
  readonly #transfer: number
  readonly #names = new Map<string, number>()

  /** @param memoryBytesMax over which an allocation fails */
  constructor(readonly memoryBytesMax: number) {
    this.module = new LuaModule(memoryBytesMax)
    this.lua = this.module.lua
    this.main = this.lua.luaL_newstate()
    this.#lengthAddress = this.lua.malloc(8)
    this.#transfer = this.lua.malloc(TRANSFER_BYTES)
    if (this.main === 0 || this.#transfer === 0) throw new Error('no memory for a Lua interpreter')
  }

  /** The memory as it is now. Not to be kept across a call that may allocate. */
  get bytes(): Uint8Array {
    return this.module.bytes
  }

  get words(): Int32Array {
    return this.module.words
  }

  /** Makes a function of ours callable. @returns its address, for `lua_pushcclosure` */
  register(fn: LuaFunction): number {
    return this.module.register(fn)
  }

  /** The address of a name as a C string, the same at every call. For names that are constants here. */
  name(text: string): number {
    let address = this.#names.get(text)
    if (address === undefined) {
      address = this.module.cString(asciiBytes(text))
      this.#names.set(text, address)
    }
    return address
  }

  /**
   * The address of the string at an index, its length in `length`; 0 if there is none. As in C, a number there becomes
   * a string.
   */
  toBytes(L: number, index: number): number {
    const address = this.lua.lua_tolstring(L, index, this.#lengthAddress)
    this.length = address === 0 ? 0 : this.module.words[this.#lengthAddress >> 2]! >>> 0
    return address
  }

  /** The same for an argument that must be a string or a number; raises Lua's error if it is neither. */
  checkString(L: number, argument: number): number {
    const address = this.lua.luaL_checklstring(L, argument, this.#lengthAddress)
    this.length = this.module.words[this.#lengthAddress >> 2]! >>> 0
    return address
  }

  /** A copy of the string at an index, outside of Lua; empty if there is none. */
  copyString(L: number, index: number): Uint8Array {
    const address = this.toBytes(L, index)
    return this.module.bytes.slice(address, address + this.length)
  }

  /** The string at an index with one character a byte. For texts of ours and for errors. */
  toText(L: number, index: number): string {
    const address = this.toBytes(L, index)
    return Buffer.from(this.module.bytes.buffer, address, this.length).toString('latin1')
  }

  /** Pushes bytes from outside of Lua as a string. */
  pushBytes(L: number, source: Uint8Array, offset: number, length: number): void {
    if (length > TRANSFER_BYTES) {
      this.#pushLongBytes(L, source, offset, length)
      return
    }
    const bytes = this.module.bytes
    const to = this.#transfer
    if (length > COPY_BY_LOOP_BYTES_MAX) bytes.set(source.subarray(offset, offset + length), to)
    else for (let i = 0; i < length; i++) bytes[to + i] = source[offset + i]!
    this.lua.lua_pushlstring(L, to, length)
  }

  /** In a userdata of Lua's, which its collector frees even when there is no memory for the string itself. */
  #pushLongBytes(L: number, source: Uint8Array, offset: number, length: number): void {
    const { lua } = this
    const address = lua.lua_newuserdata(L, length)
    this.module.bytes.set(source.subarray(offset, offset + length), address)
    lua.lua_pushlstring(L, address, length)
    lua.lua_remove(L, -2)
  }

  /** Pushes a text of characters below U+0100, one byte each. It makes garbage: for texts of ours and for errors. */
  pushText(L: number, text: string): void {
    const bytes = asciiBytes(text)
    this.pushBytes(L, bytes, 0, bytes.length)
  }

  /** Raises an error: the text, with the place in the script before it that called the function in hand. */
  raise(L: number, text: string): never {
    this.lua.luaL_where(L, 1)
    this.pushText(L, text)
    this.lua.lua_concat(L, 2)
    return this.raiseValue(L)
  }

  /** Raises the value on top of the stack. */
  raiseValue(L: number): never {
    this.lua.lua_error(L)
    throw new Error('lua_error has returned')
  }

  /** Raises `bad argument #n to 'function' (text)`. */
  argumentError(L: number, argument: number, text: string): never {
    this.lua.luaL_argerror(L, argument, this.#passing(text))
    throw new Error('luaL_argerror has returned')
  }

  /** Raises `bad argument #n to 'function' (wanted expected, got what it is)`. */
  typeError(L: number, argument: number, wanted: string): never {
    this.lua.luaL_typerror(L, argument, this.name(wanted))
    throw new Error('luaL_typerror has returned')
  }

  /** Makes room for so many values on the stack; raises `stack overflow (text)` if there cannot be so many. */
  checkStack(L: number, extra: number, text: string): void {
    if (this.lua.lua_checkstack(L, extra) === 0) this.raise(L, `stack overflow (${text})`)
  }

  /** Raises an error if the script must end. Long work of ours asks every some thousand steps. */
  checkInterrupt(L: number): void {
    this.onInterruptCheck(L)
  }

  /** The name of the type of the value at an index: `nil`, `table`, `no value`. */
  typeName(L: number, index: number): string {
    const start = this.lua.lua_typename(L, this.lua.lua_type(L, index))
    const end = this.module.bytes.indexOf(0, start)
    return Buffer.from(this.module.bytes.subarray(start, end)).toString('latin1')
  }

  /** Puts functions into the global table of that name, which is made if it is not there. */
  setFunctions(tableName: string, functions: Readonly<Record<string, LuaFunction>>): void {
    this.#pushGlobalTable(tableName)
    for (const [name, fn] of Object.entries(functions)) this.setField(this.main, name, fn)
    this.lua.lua_settop(this.main, -2)
  }

  /** The same for texts. */
  setTexts(tableName: string, texts: Readonly<Record<string, string>>): void {
    this.#pushGlobalTable(tableName)
    for (const [name, text] of Object.entries(texts)) {
      this.pushText(this.main, text)
      this.lua.lua_setfield(this.main, -2, this.name(name))
    }
    this.lua.lua_settop(this.main, -2)
  }

  #pushGlobalTable(name: string): void {
    const { lua, main: L } = this
    lua.lua_getfield(L, GLOBALS_INDEX, this.name(name))
    if (lua.lua_type(L, -1) === TYPE_TABLE) return
    lua.lua_settop(L, -2)
    lua.lua_createtable(L, 0, 0)
    lua.lua_pushvalue(L, -1)
    lua.lua_setfield(L, GLOBALS_INDEX, this.name(name))
  }

  /** Puts a function into the table on top of the stack. */
  setField(L: number, name: string, fn: LuaFunction): void {
    this.lua.lua_pushcclosure(L, this.register(fn), 0)
    this.lua.lua_setfield(L, -2, this.name(name))
  }

  /** Makes the table at an address read-only, or writable again. An address is what `lua_topointer` gives. */
  setReadOnly(tableAddress: number, isReadOnly: boolean): void {
    const at = tableAddress + TABLE_FLAG_OFFSET
    const flags = this.module.bytes[at]!
    this.module.bytes[at] = isReadOnly ? flags | TABLE_FLAG_READ_ONLY : flags & ~TABLE_FLAG_READ_ONLY
  }

  isReadOnly(tableAddress: number): boolean {
    return (this.module.bytes[tableAddress + TABLE_FLAG_OFFSET]! & TABLE_FLAG_READ_ONLY) !== 0
  }

  /** A text as a C string, valid until the next string goes through here. */
  #passing(text: string): number {
    const bytes = asciiBytes(text.slice(0, TRANSFER_BYTES - 1))
    this.module.bytes.set(bytes, this.#transfer)
    this.module.bytes[this.#transfer + bytes.length] = 0
    return this.#transfer
  }
}

/** Up to this length a loop is cheaper than making a view. */
const COPY_BY_LOOP_BYTES_MAX = 40
