/**
 * WebAssembly instructions as the binary format writes them, and expressions made of them: the code of an expression leaves
 * one i32 on the operand stack, that of a statement nothing.
 *
 * Pure functions. Format: https://webassembly.github.io/spec/core/binary/instructions.html
 */

/** Bytes of code. */
export type WasmCode = readonly number[]

const I32 = 0x7f

const RETURN = 0x0f
const CALL = 0x10
const IF = 0x04
const ELSE = 0x05
const END = 0x0b
const NO_RESULT = 0x40
const SELECT = 0x1b
const LOCAL_GET = 0x20
const LOCAL_SET = 0x21
const I32_LOAD = 0x28
const I32_LOAD8_S = 0x2c
const I32_STORE = 0x36
const I32_CONST = 0x41
const I32_EQZ = 0x45
const I32_EQ = 0x46
const I32_LT_S = 0x48
const I32_LT_U = 0x49
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const I32_AND = 0x71
const I32_SHR_U = 0x76
const MEMORY_COPY: WasmCode = [0xfc, 10, 0, 0]
/** Words stand at multiples of 4 bytes, which is written as a power of two. */
const WORD_ALIGNMENT = 2

/** An unsigned number in the variable length that the binary format uses. */
export function leb128(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)]
}

/** A signed one: the second highest bit of its last byte is the sign. */
function signedLeb128(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signedLeb128(value >> 7)]
}

export const local = (index: number): WasmCode => [LOCAL_GET, index]
export const constant = (value: number): WasmCode => [I32_CONST, ...signedLeb128(value)]
export const call = (fn: number, ...operands: WasmCode[]): WasmCode => [...operands.flat(), CALL, ...leb128(fn)]
export const load = (address: WasmCode): WasmCode => [...address, I32_LOAD, WORD_ALIGNMENT, 0]
export const loadSignedByte = (address: WasmCode, offset: number): WasmCode => [...address, I32_LOAD8_S, 0, offset]
export const isZero = (a: WasmCode): WasmCode => [...a, I32_EQZ]
export const equal = (a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, I32_EQ]
export const isBelow = (a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, I32_LT_U]
export const isNegative = (a: WasmCode): WasmCode => [...a, ...constant(0), I32_LT_S]
export const sum = (a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, I32_ADD]
export const difference = (a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, I32_SUB]
export const and = (a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, I32_AND]
export const shiftedRight = (a: WasmCode, bits: number): WasmCode => [...a, ...constant(bits), I32_SHR_U]
/** The first if the condition holds. Both are computed. */
export const oneOf = (condition: WasmCode, a: WasmCode, b: WasmCode): WasmCode => [...a, ...b, ...condition, SELECT]

export const setLocal = (index: number, value: WasmCode): WasmCode => [...value, LOCAL_SET, index]
export const store = (address: WasmCode, value: WasmCode): WasmCode => [
  ...address,
  ...value,
  I32_STORE,
  WORD_ALIGNMENT,
  0,
]
export const copy = (to: WasmCode, from: WasmCode, bytes: WasmCode): WasmCode => [
  ...to,
  ...from,
  ...bytes,
  ...MEMORY_COPY,
]
export const returned = (value: WasmCode): WasmCode => [...value, RETURN]

export function when(condition: WasmCode, then: readonly WasmCode[], otherwise: readonly WasmCode[] = []): WasmCode {
  const rest = otherwise.length === 0 ? [] : [ELSE, ...otherwise.flat()]
  return [...condition, IF, NO_RESULT, ...then.flat(), ...rest, END]
}

/**
 * The code of a function, as the code section has it.
 * @param locals how many of type i32 it has beside its parameters
 */
export function functionBody(locals: number, ...statements: WasmCode[]): Uint8Array {
  const body = [1, locals, I32, ...statements.flat(), END]
  return Uint8Array.from([...leb128(body.length), ...body])
}
