/**
 * The machine code of the Lua interpreter: the WebAssembly binary of `wasmoon-lua5.1`, with read-only tables
 * added and with an allocator of ours (lua-allocator.ts).
 *
 * Runs on every thread that runs scripts, once when the first interpreter is made. Invariant: the binary is the one
 * whose functions are numbered as below; any other is refused, because a check put into a wrong function would leave
 * the sandbox open without anybody noticing.
 *
 * Redis marks tables that scripts must not change (`redis`, `string`, the globals) with a flag of its own that its copy
 * of Lua checks at every write. Stock Lua has no such flag, and metatables cannot take its place: they are not asked
 * when a field that exists is overwritten, by `rawset`, or by `table.insert`. So we put the same check in front of the
 * three functions through which every write goes:
 *
 *   luaH_set(L, table, key), luaH_setnum(L, table, key)   if (table->marked & 0x80) luaG_runerror(L, message)
 *   lua_setmetatable(L, index)                            the same, if the value at the index is a table
 *
 * The flag is the highest bit of `marked`, the collector's byte of every object, which Lua 5.1 neither uses nor changes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { allocatorBody } from './lua-allocator.js'
import { call, constant, equal, isNegative, leb128, loadSignedByte, local, type WasmCode, when } from './wasm-code.js'
import { type WasmModule, webAssembly } from './webassembly.js'

const BINARY = 'wasmoon-lua5.1/dist/liblua5.1.wasm'
const BINARY_SHA256 = 'cba969b97e8a319eba8996b5df488aed5cdd22a56f2de53b42598e474014e610'

/** Numbers of functions in that binary. */
const LUA_TYPE = 38
const LUA_TOPOINTER = 55
const LUA_SETMETATABLE = 78
const L_ALLOC = 132
const LUAG_RUNERROR = 228
const LUAH_SET = 418
const LUAH_SETNUM = 419
const C_LIBRARY = { malloc: 537, free: 538, realloc: 540 }

/** Functions that the module imports are numbered before its own. */
const IMPORTED_FUNCTIONS = 27

/** Where the host must put the error's text, with a zero byte behind it: no address below 1024 is used by the binary. */
export const READ_ONLY_MESSAGE_ADDRESS = 512
export const READ_ONLY_MESSAGE = 'Attempt to modify a readonly table'

/** Where the flag of a table stands, seen from its address. */
export const TABLE_FLAG_OFFSET = 5
export const TABLE_FLAG_READ_ONLY = 0x80

const CODE_SECTION = 10

/** The sections of a module begin behind its magic number and version. */
const SECTIONS_START = 8

const TYPE_TABLE = 5

let compiled: WasmModule | undefined

/** The interpreter, compiled: once a thread. */
export function luaModule(): WasmModule {
  compiled ??= new webAssembly.Module(changed(readBinary()))
  return compiled
}

function readBinary(): Uint8Array {
  const path = createRequire(import.meta.url).resolve(BINARY)
  const binary = readFileSync(path)
  const hash = createHash('sha256').update(binary).digest('hex')
  if (hash !== BINARY_SHA256) throw new Error(`${path} is not the Lua interpreter that this server was made for`)
  return binary
}

/** Raises the error if the table at the address is read-only. `L` is the first parameter. */
const raiseIfReadOnly = (table: WasmCode): WasmCode =>
  when(isNegative(loadSignedByte(table, TABLE_FLAG_OFFSET)), [
    call(LUAG_RUNERROR, local(0), constant(READ_ONLY_MESSAGE_ADDRESS), constant(0)),
  ])

const CHECK_SECOND_PARAMETER = raiseIfReadOnly(local(1))

const CHECK_VALUE_AT_INDEX = when(equal(call(LUA_TYPE, local(0), local(1)), constant(TYPE_TABLE)), [
  raiseIfReadOnly(call(LUA_TOPOINTER, local(0), local(1))),
])

/** What is put in front of which function. */
const PROLOGUES = new Map<number, WasmCode>([
  [LUAH_SET, CHECK_SECOND_PARAMETER],
  [LUAH_SETNUM, CHECK_SECOND_PARAMETER],
  [LUA_SETMETATABLE, CHECK_VALUE_AT_INDEX],
])

/** And what takes a function's place. */
const REPLACEMENTS = new Map([[L_ALLOC, allocatorBody(C_LIBRARY)]])

/**
 * A copy of the binary with these changes. Format: https://webassembly.github.io/spec/core/binary/modules.html
 *
 *   code section:  10, bytes, functions, { bytes, locals, instructions } of each function
 */
function changed(binary: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new BinaryReader(binary, SECTIONS_START)
  let sectionStart = reader.position
  while (reader.byte() !== CODE_SECTION) {
    const bytes = reader.leb128()
    reader.position += bytes
    sectionStart = reader.position
  }
  const sectionEnd = reader.leb128() + reader.position
  const functionCount = reader.leb128()
  const section: Uint8Array[] = [Uint8Array.from(leb128(functionCount))]
  for (let i = 0; i < functionCount; i++) {
    const bodyStart = reader.position
    const bodyEnd = reader.leb128() + reader.position
    const prologue = PROLOGUES.get(IMPORTED_FUNCTIONS + i)
    if (prologue === undefined) {
      section.push(REPLACEMENTS.get(IMPORTED_FUNCTIONS + i) ?? binary.subarray(bodyStart, bodyEnd))
    } else {
      const localsStart = reader.position
      for (let groups = reader.leb128(); groups > 0; groups--) {
        reader.leb128()
        reader.byte()
      }
      section.push(Uint8Array.from(leb128(bodyEnd - localsStart + prologue.length)))
      section.push(binary.subarray(localsStart, reader.position), Uint8Array.from(prologue))
      section.push(binary.subarray(reader.position, bodyEnd))
    }
    reader.position = bodyEnd
  }
  const sectionBytes = section.reduce((bytes, part) => bytes + part.length, 0)
  const parts = [
    binary.subarray(0, sectionStart),
    Uint8Array.from([CODE_SECTION, ...leb128(sectionBytes)]),
    ...section,
    binary.subarray(sectionEnd),
  ]
  return new Uint8Array(Buffer.concat(parts))
}

class BinaryReader {
  readonly #bytes: Uint8Array
  position: number

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes
    this.position = position
  }

  byte(): number {
    return this.#bytes[this.position++]!
  }

  leb128(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
}
