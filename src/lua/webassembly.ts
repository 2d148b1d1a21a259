/**
 * The part of the WebAssembly interface that we use, with its types, which the compiler's libraries only have together
 * with those of browsers.
 *
 * Runs on every thread. Specification: https://webassembly.github.io/spec/js-api/
 */

declare const moduleBrand: unique symbol

/** Compiled code. */
export interface WasmModule {
  readonly [moduleBrand]: true
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>
}

export interface WasmMemory {
  /** Another one after each growth. */
  readonly buffer: ArrayBuffer
  /** @throws RangeError when there cannot be so much */
  grow(pages: number): number
}

export interface WasmTable {
  get(index: number): unknown
  grow(by: number, value: unknown): number
}

export type WasmImports = Readonly<Record<string, Readonly<Record<string, (...values: number[]) => unknown>>>>

interface WebAssemblyInterface {
  readonly Module: new (binary: Uint8Array<ArrayBuffer>) => WasmModule
  readonly Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance
  /** A trap: unreachable code, an access outside the memory, an integer divided by zero. */
  readonly RuntimeError: new () => Error
}

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface }).WebAssembly
