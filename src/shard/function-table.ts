/**
 * The libraries that a shard knows, their functions by name, and the engine that runs them, which is made for the first.
 *
 * Runs in a shard worker. The main thread says which libraries there are, and has loaded each of them before.
 * Invariant: names of functions that differ in their case only are the same name, of the function that came first.
 */
import { assert } from '../base/assert.js'
import { latin1Of, lowerByte } from '../base/bytes.js'
import { needsMemory, ScriptFlag, scriptFlag } from '../commands/scripting/script-flags.js'
import type { ShardCall } from '../commands/shard-call.js'
import { LibraryEngine, type LoadedLibrary } from '../lua/library-engine.js'
import type { ScriptHost, ScriptOptions } from '../lua/script-host.js'
import { encodeError } from '../resp/errors.js'

const BAD_KEY_COUNT = encodeError('ERR Bad number of keys provided')
const TOO_MANY_KEYS = encodeError("ERR Number of keys can't be greater than number of args")
const NEGATIVE_KEYS = encodeError("ERR Number of keys can't be negative")
const MAY_WRITE = encodeError('ERR Can not execute a script with write flag using *_ro command.')
const NO_MEMORY = encodeError(
  "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
)

export interface KnownFunction {
  /** In lower case. */
  readonly name: Uint8Array
  /** The engine's. */
  readonly number: number
  /** Those of scripting/script-flags.ts. */
  readonly flags: number
}

export class FunctionTable {
  readonly #host: ScriptHost
  readonly #options: ScriptOptions
  #engine: LibraryEngine | null = null
  readonly #libraries = new Map<string, LoadedLibrary>()
  /** By a hash of the name, so that a call makes no string of it. */
  readonly #functions = new Map<number, KnownFunction[]>()

  constructor(host: ScriptHost, options: ScriptOptions) {
    this.#host = host
    this.#options = options
  }

  get engine(): LibraryEngine {
    this.#engine ??= new LibraryEngine(this.#host, this.#options)
    return this.#engine
  }

  get memoryBytes(): number {
    return this.#engine?.memoryBytes ?? 0
  }

  find(bytes: Uint8Array, offset: number, length: number): KnownFunction | undefined {
    const sameHash = this.#functions.get(hashOfName(bytes, offset, length))
    if (sameHash === undefined) return undefined
    for (const known of sameHash) if (hasName(known, bytes, offset, length)) return known
    return undefined
  }

  /** Loads a library, in the place of one of the same name. The interpreter stays, as making one costs more than all else. */
  load(name: Uint8Array, code: Uint8Array): void {
    const library = this.engine.load(code, () => false)
    assert(!(library instanceof Uint8Array), 'a shard cannot load a library that the main thread could load')
    this.#remove(name)
    this.#libraries.set(latin1Of(name, 0, name.length), library)
    for (const { name: functionName, number, flags } of library.functions) {
      const lower = Buffer.from(functionName.toLowerCase(), 'latin1')
      if (this.find(lower, 0, lower.length) !== undefined) continue
      const known = { name: lower, number, flags: flags.reduce((bits, flag) => bits | scriptFlag(flag), 0) }
      const hash = hashOfName(lower, 0, lower.length)
      this.#functions.set(hash, [...(this.#functions.get(hash) ?? []), known])
    }
  }

  delete(name: Uint8Array): void {
    this.#remove(name)
    // The interpreter goes with its last library, whatever they have left in it.
    if (this.#libraries.size === 0) this.#engine = null
  }

  #remove(name: Uint8Array): void {
    const key = latin1Of(name, 0, name.length)
    const library = this.#libraries.get(key)
    if (library === undefined) return
    this.#libraries.delete(key)
    this.engine.forget(library.number)
    const numbers = new Set(library.functions.map(({ number }) => number))
    for (const [hash, sameHash] of this.#functions) {
      const kept = sameHash.filter(({ number }) => !numbers.has(number))
      if (kept.length === 0) this.#functions.delete(hash)
      else this.#functions.set(hash, kept)
    }
  }
}

/** Why FCALL may not call the function, or null. The order of the checks is Redis's. */
export function refusalOfCall(
  { flags }: KnownFunction,
  call: ShardCall,
  isReadOnly: boolean,
  writeRefusal: Uint8Array | null,
  isOutOfMemory: boolean,
): Uint8Array | null {
  const keyCount = call.int64(2)
  if (keyCount === undefined) return BAD_KEY_COUNT
  if (keyCount > call.argc - 3) return TOO_MANY_KEYS
  if (keyCount < 0) return NEGATIVE_KEYS
  if ((flags & ScriptFlag.noWrites) === 0) {
    if (writeRefusal !== null) return writeRefusal
    if (isReadOnly) return MAY_WRITE
  }
  return isOutOfMemory && needsMemory(flags) ? NO_MEMORY : null
}

/** FNV-1a of the name in lower case. */
function hashOfName(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ lowerByte(bytes[offset + i] as number), 0x01000193)
  return hash
}

function hasName({ name }: KnownFunction, bytes: Uint8Array, offset: number, length: number): boolean {
  if (name.length !== length) return false
  for (let i = 0; i < length; i++) if (name[i] !== lowerByte(bytes[offset + i] as number)) return false
  return true
}
