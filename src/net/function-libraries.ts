/**
 * The libraries of functions: what FUNCTION LOAD has brought, and which function is in which library.
 *
 * Main thread. A library is loaded here first, in an interpreter of its own, which finds its functions and its faults; then
 * every shard gets it, at one place in the order, so that a call always finds the same libraries wherever it runs.
 * Invariant: what a shard knows after the commands that were sent to it is what `libraries` says.
 */
import { asciiBytes, latin1Of } from '../base/bytes.js'
import { shardFunctionDelete, shardFunctionLoad } from '../commands/scripting/function-internal.js'
import type {
  FunctionLibrary,
  FunctionServices,
  LibraryFunction,
  RunningFunction,
} from '../commands/server-services.js'
import type { CommandSpec } from '../commands/spec.js'
import { parseLibraryHeader } from '../lua/library-header.js'
import { encodeError } from '../resp/errors.js'
import type { ScriptBoard } from '../ring/script-board.js'

/** Loads the code of a library as a shard will. @returns its functions, or the encoded error */
export type TryLibrary = (code: Uint8Array) => readonly LibraryFunction[] | Uint8Array

/** Sends an internal command to every shard. */
export type TellShards = (command: CommandSpec, argv: readonly Uint8Array[]) => void

const NO_BYTES = new Uint8Array(0)

/** A library, with the code that the interpreter gets: all but the first line, whose end stays so that lines keep their numbers. */
interface LoadedLibrary extends FunctionLibrary {
  readonly body: Uint8Array
}

export interface FoundFunction {
  readonly library: FunctionLibrary
  readonly function: LibraryFunction
}

const FUNCTION = asciiBytes('FUNCTION')
const DELETE = asciiBytes('DELETE')
const LOAD = asciiBytes('LOAD')
const REPLACE = asciiBytes('REPLACE')

/** Libraries that can stand beside each other. */
class LibrarySet {
  readonly libraries: Map<string, LoadedLibrary>
  /** By name in lower case, as calls find them whatever their case. */
  readonly functions: Map<string, FoundFunction>

  constructor(like?: LibrarySet) {
    this.libraries = new Map(like?.libraries)
    this.functions = new Map(like?.functions)
  }

  remove(name: string): void {
    const library = this.libraries.get(name)
    if (library === undefined) return
    this.libraries.delete(name)
    for (const { name: functionName } of library.functions) this.functions.delete(functionName.toLowerCase())
  }

  /** @returns the encoded error when one of its functions has the name of another one */
  add(library: LoadedLibrary): Uint8Array | undefined {
    const taken = library.functions.find(({ name }) => this.functions.has(name.toLowerCase()))
    if (taken !== undefined) return encodeError(`ERR Function ${taken.name} already exists`)
    this.libraries.set(library.name, library)
    for (const one of library.functions) {
      const name = one.name.toLowerCase()
      if (!this.functions.has(name)) this.functions.set(name, { library, function: one })
    }
    return undefined
  }
}

export class FunctionLibraries implements FunctionServices {
  /** The command that has called the function which runs on each shard, as far as one has run for a while. */
  readonly #commands: (readonly Uint8Array[])[] = []
  #set = new LibrarySet()
  /** Called with the commands that would make a change again: the log of writes gets them. */
  onChange: (commands: readonly (readonly Uint8Array[])[]) => void = () => {}

  constructor(
    private readonly tryLibrary: TryLibrary,
    private readonly tellShards: TellShards,
    private readonly board: ScriptBoard,
  ) {}

  /** A shard says which command has called the function that runs there. */
  noteRunning(shard: number, command: readonly Uint8Array[]): void {
    this.#commands[shard] = command
  }

  running(): RunningFunction | 'script' | null {
    const running = this.board.longest(Date.now())
    if (running === null) return null
    if (!running.isFunction) return 'script'
    const command = this.#commands[running.shard]
    if (command === undefined) return null
    const [, called = NO_BYTES] = command
    // As it is called in its library, whatever the case that the command gave it in.
    const name = latin1Of(called, 0, called.length)
    return { name: this.find(name)?.function.name ?? name, command, durationMs: running.durationMs }
  }

  get libraries(): readonly FunctionLibrary[] {
    return [...this.#set.libraries.values()]
  }

  /** The function of that name, whatever its case. */
  find(name: string): FoundFunction | undefined {
    return this.#set.functions.get(name.toLowerCase())
  }

  load(code: Uint8Array, replaces: boolean): string | Uint8Array {
    const set = new LibrarySet(this.#set)
    const loaded = this.#loadInto(set, code, replaces)
    if (loaded instanceof Uint8Array) return loaded
    this.#change(set)
    return loaded.name
  }

  delete(name: string): boolean {
    if (!this.#set.libraries.has(name)) return false
    const set = new LibrarySet(this.#set)
    set.remove(name)
    this.#change(set)
    return true
  }

  flush(): void {
    this.#change(new LibrarySet())
  }

  restore(codes: readonly Uint8Array[], policy: 'append' | 'replace' | 'flush'): Uint8Array | undefined {
    const restored = new LibrarySet()
    for (const code of codes) {
      const loaded = this.#loadInto(restored, code, false)
      if (loaded instanceof Uint8Array) return loaded
    }
    const set = new LibrarySet(policy === 'flush' ? undefined : this.#set)
    for (const name of restored.libraries.keys()) {
      if (!set.libraries.has(name)) continue
      if (policy !== 'replace') return encodeError(`ERR Library ${name} already exists`)
      set.remove(name)
    }
    for (const library of restored.libraries.values()) {
      const error = set.add(library)
      if (error !== undefined) return error
    }
    this.#change(set)
    return undefined
  }

  #loadInto(set: LibrarySet, code: Uint8Array, replaces: boolean): LoadedLibrary | Uint8Array {
    const header = parseLibraryHeader(code)
    if (typeof header === 'string') return encodeError(`ERR ${header}`)
    const { name, length } = header
    if (set.libraries.has(name)) {
      if (!replaces) return encodeError(`ERR Library '${name}' already exists`)
      set.remove(name)
    }
    const body = code.subarray(length)
    const functions = this.tryLibrary(body)
    if (functions instanceof Uint8Array) return functions
    const library = { name, functions, code, body }
    return set.add(library) ?? library
  }

  /** Takes the new set, and tells the shards what is different. */
  #change(set: LibrarySet): void {
    const before = this.#set.libraries
    this.#set = set
    const commands: Uint8Array[][] = []
    for (const name of before.keys()) {
      if (set.libraries.has(name)) continue
      const nameBytes = Buffer.from(name, 'latin1')
      this.tellShards(shardFunctionDelete, [NO_BYTES, nameBytes])
      commands.push([FUNCTION, DELETE, nameBytes])
    }
    for (const [name, library] of set.libraries) {
      if (before.get(name) === library) continue
      this.tellShards(shardFunctionLoad, [NO_BYTES, Buffer.from(name, 'latin1'), library.body])
      commands.push([FUNCTION, LOAD, REPLACE, library.code])
    }
    if (commands.length > 0) this.onChange(commands)
  }
}
