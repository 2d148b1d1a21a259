/**
 * What the commands that load a file ask of the shard that executes them: interfaces only. `src/shard/snapshot-loading.ts`
 * provides them.
 */

/** What `shard.load-open` is given, as JSON. */
export interface LoadOptions {
  readonly path: string
  /** Keys whose time is over by then are left out; 0 for none. */
  readonly dueMs: number
  /** Whether keys that are there are replaced; else they are a fault. */
  readonly replaces: boolean
}

/** What has come of a portion; `shard.load-open` and `shard.load-some` reply with it as JSON. */
export interface LoadReport {
  /** How far the file is worked off, in bytes. */
  at: number
  isAtEnd: boolean
  /** The version that the file names; 0 before that has been read. */
  version: number
  /** Of the shard's own keys in this portion: those made, those whose time is over, and those left out as they have no elements. */
  keys: number
  expired: number
  empty: number
  /** The first keys of those without elements, a character a byte. */
  emptyNames: string[]
  /** Fields about the file, code of libraries in base64, types of modules: only from the first shard. */
  aux: (readonly [name: string, value: string])[]
  libraries: string[]
  modules: string[]
  /** What is wrong with the file, or the system's code for why it cannot be read. */
  fault?: string
  code?: string
}

/** Loads an RDB file, portion by portion. */
export interface ShardLoading {
  open(options: LoadOptions): LoadReport
  /** Works off about so many bytes more. */
  step(bytes: number): LoadReport
  close(): void
}
