/**
 * A growing buffer in the engine's memory, in which a library builds a string before Lua gets it.
 *
 * Runs wherever scripts run. It lies there, and not in memory of its own, so that pieces of other strings are copied
 * within one array and `lua_pushlstring` can take it as it is. One buffer serves calls inside calls (a replacement
 * function of gsub that calls gsub): each builds behind the other's bytes and gives them back with `cutTo`.
 *
 * Invariant: what is written lies in [address, address + length); `address` changes when it grows.
 */
import { writeInteger } from '../../base/integer.js'
import type { LuaState } from '../lua-state.js'

const CAPACITY_AT_FIRST = 4096

/** The most that `writeInteger` writes. */
const INTEGER_BYTES_MAX = 17

/** A larger buffer is given back to the engine's heap as soon as nobody uses it. */
const KEPT_CAPACITY_MAX = 1 << 20

export class MemoryBuffer {
  address = 0
  length = 0
  #capacity = 0

  constructor(private readonly state: LuaState) {}

  /** Makes room for `more` bytes; the engine's memory may have moved then. @returns where to write them */
  reserve(L: number, more: number): number {
    const wanted = this.length + more
    if (wanted > this.#capacity) this.#grow(L, wanted)
    return this.address + this.length
  }

  #grow(L: number, wanted: number): void {
    const capacity = Math.max(CAPACITY_AT_FIRST, wanted, Math.min(this.#capacity * 2, wanted + (16 << 20)))
    const address = this.state.lua.realloc(this.address, capacity)
    if (address === 0) this.state.raise(L, 'not enough memory')
    this.address = address
    this.#capacity = capacity
  }

  appendByte(L: number, byte: number): void {
    const at = this.reserve(L, 1)
    this.state.bytes[at] = byte
    this.length++
  }

  /** Appends bytes of the engine's memory. */
  append(L: number, from: number, length: number): void {
    const at = this.reserve(L, length)
    const bytes = this.state.bytes
    // Most pieces are short, where a call of copyWithin costs more than the copying.
    if (length <= 32) for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i] as number
    else bytes.copyWithin(at, from, from + length)
    this.length += length
  }

  /** Appends bytes from outside the engine's memory. */
  appendBytes(L: number, source: Uint8Array): void {
    const at = this.reserve(L, source.length)
    this.state.bytes.set(source, at)
    this.length += source.length
  }

  /** Appends a number that is an integer of up to 2^53, in decimal. */
  appendInteger(L: number, value: number): void {
    const at = this.reserve(L, INTEGER_BYTES_MAX)
    this.length += writeInteger(this.state.bytes, at, value)
  }

  /** Gives back what is behind `length`. */
  cutTo(length: number): void {
    this.length = length
    if (length > 0 || this.#capacity <= KEPT_CAPACITY_MAX) return
    this.state.lua.free(this.address)
    this.address = 0
    this.#capacity = 0
  }
}
