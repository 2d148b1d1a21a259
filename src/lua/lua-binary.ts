/**
 * The machine code of the Lua interpreter: the WebAssembly binary of `wasmoon-lua5.1`, with read-only tables added.
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
import { type WasmModule, webAssembly } from './webassembly.js'

const BINARY = 'wasmoon-lua5.1/dist/liblua5.1.wasm'
const BINARY_SHA256 = 'cba969b97e8a319eba8996b5df488aed5cdd22a56f2de53b42598e474014e610'

/** Numbers of functions in that binary. */
const LUA_TYPE = 38
const LUA_TOPOINTER = 55
const LUA_SETMETATABLE = 78
const LUAG_RUNERROR = 228
const LUAH_SET = 418
const LUAH_SETNUM = 419

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

// Operations of WebAssembly, as the binary format writes them.
const LOCAL_GET = 0x20
const I32_LOAD8_S = 0x2c
const I32_CONST = 0x41
const I32_EQ = 0x46
const I32_LT_S = 0x48
const CALL = 0x10
const IF = 0x04
const NO_RESULT = 0x40
const END = 0x0b

const TYPE_TABLE = 5

let compiled: WasmModule | undefined

/** The interpreter, compiled: once a thread. */
export function luaModule(): WasmModule {
  compiled ??= new webAssembly.Module(withReadOnlyTables(readBinary()))
  return compiled
}

function readBinary(): Uint8Array {
  const path = createRequire(import.meta.url).resolve(BINARY)
  const binary = readFileSync(path)
  const hash = createHash('sha256').update(binary).digest('hex')
  if (hash !== BINARY_SHA256) throw new Error(`${path} is not the Lua interpreter that this server was made for`)
  return binary
}

/** Raises the error if the table whose address is on the operand stack is read-only. `L` is the first parameter. */
const RAISE_IF_READ_ONLY = [
  ...[I32_LOAD8_S, 0, TABLE_FLAG_OFFSET],
  ...[I32_CONST, 0, I32_LT_S, IF, NO_RESULT],
  ...[LOCAL_GET, 0, I32_CONST, ...signedLeb128(READ_ONLY_MESSAGE_ADDRESS), I32_CONST, 0],
  ...[CALL, ...leb128(LUAG_RUNERROR)],
  END,
]

const CHECK_SECOND_PARAMETER = [LOCAL_GET, 1, ...RAISE_IF_READ_ONLY]

const CHECK_VALUE_AT_INDEX = [
  ...[LOCAL_GET, 0, LOCAL_GET, 1, CALL, ...leb128(LUA_TYPE), I32_CONST, TYPE_TABLE, I32_EQ, IF, NO_RESULT],
  ...[LOCAL_GET, 0, LOCAL_GET, 1, CALL, ...leb128(LUA_TOPOINTER), ...RAISE_IF_READ_ONLY],
  END,
]

/** What is put in front of which function. */
const PROLOGUES = new Map<number, readonly number[]>([
  [LUAH_SET, CHECK_SECOND_PARAMETER],
  [LUAH_SETNUM, CHECK_SECOND_PARAMETER],
  [LUA_SETMETATABLE, CHECK_VALUE_AT_INDEX],
])

/**
 * A copy of the binary with the checks in it. Format: https://webassembly.github.io/spec/core/binary/modules.html
 *
 *   code section:  10, bytes, functions, { bytes, locals, instructions } of each function
 */
function withReadOnlyTables(binary: Uint8Array): Uint8Array<ArrayBuffer> {
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
      section.push(binary.subarray(bodyStart, bodyEnd))
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

/** An unsigned number in the variable length that the binary format uses. */
function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)]
}

/** A number that is not negative in the signed form, where the highest bit of the last byte is the sign. */
function signedLeb128(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signedLeb128(value >>> 7)]
}
