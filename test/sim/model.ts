/**
 * The sequential model: what the server must look like from outside, as one map for each database and commands that run
 * one after the other.
 *
 * Only used by the simulation. It knows nothing of shards but that there are several. Texts have one character a byte.
 *
 * Invariant: between two commands no map holds a key whose time is over at `nowMs`.
 */
import { modelCommands } from './model-commands.js'
import { isList, listCommands } from './model-lists.js'
import { setCommands } from './model-sets.js'

export interface Entry {
  readonly value: string
  /** Infinity for none. */
  readonly expireAtMs: number
}

/**
 * The reply that the model expects: the encoded text, or for a command with more than one right answer a function that
 * returns what is wrong with a reply.
 */
export type Expectation = string | ((reply: string) => string | undefined)

export interface ModelSession {
  database: number
}

/** A SCAN from its first call to the one that ends it. */
export interface ModelScan {
  readonly database: number
  /** Keys that were there all the time and have not been returned yet. */
  readonly missing: Set<string>
}

interface Watch {
  readonly database: number
  readonly key: string
  readonly wasAbsent: boolean
}

interface Watcher {
  readonly watches: Watch[]
  broken: boolean
  /** A write that a server of several shards may or may not see as one, see `place`. */
  mayBeBroken: boolean
}

export class Model {
  nowMs = 0
  readonly databases: Map<string, Entry>[]
  /** Keys past their time that the server may not have removed yet, and counts. */
  readonly stale: Set<string>[]
  readonly scans = new Set<ModelScan>()
  /** Keys that have become lists since somebody took them from here, in order, if anybody has ever waited for them. */
  readonly ready: { readonly database: number; readonly key: string }[] = []
  readonly #awaited = new Set<string>()
  readonly #watchers = new Map<number, Watcher>()
  readonly #isSharded: boolean

  constructor(databases: number, shardCount: number) {
    this.databases = Array.from({ length: databases }, () => new Map())
    this.stale = Array.from({ length: databases }, () => new Set())
    this.#isSharded = shardCount > 1
  }

  /** Runs one command and says what its reply must be. */
  run(argv: readonly string[], session: ModelSession): Expectation {
    const [name = ''] = argv
    const command = modelCommands[name] ?? listCommands[name] ?? setCommands[name]
    if (command === undefined) throw new Error(`the model has no command ${name}`)
    const expectation = command(this, argv, session)
    this.#lookAtScans()
    return expectation
  }

  advance(nowMs: number): void {
    this.nowMs = nowMs
    this.databases.forEach((database, index) => {
      for (const [key, { expireAtMs }] of database) {
        if (nowMs <= expireAtMs) continue
        database.delete(key)
        this.stale[index]?.add(key)
      }
    })
    this.#lookAtScans()
  }

  #lookAtScans(): void {
    for (const { database, missing } of this.scans) {
      for (const key of missing) if (!this.databases[database]?.has(key)) missing.delete(key)
    }
  }

  get(database: number, key: string): Entry | undefined {
    return this.databases[database]?.get(key)
  }

  put(database: number, key: string, value: string, expireAtMs: number): void {
    const wasList = this.isListAt(database, key)
    this.databases[database]?.set(key, { value, expireAtMs })
    if (!wasList && isList(value)) this.#becameReady(database, key)
    this.stale[database]?.delete(key)
    this.#modified(database, key)
  }

  /**
   * As `put`, for a command that may take a record to another shard. Such a record is not written when the same one stands
   * there already, so that nobody's watch breaks; on one shard it is.
   */
  place(database: number, key: string, { value, expireAtMs }: Entry): void {
    const old = this.get(database, key)
    if (!this.#isSharded || old?.value !== value || old.expireAtMs !== expireAtMs) {
      this.put(database, key, value, expireAtMs)
      return
    }
    for (const watcher of this.#watchers.values()) {
      if (watcher.watches.some((watch) => watch.database === database && watch.key === key)) watcher.mayBeBroken = true
    }
  }

  isListAt(database: number, key: string): boolean {
    return isList(this.get(database, key)?.value ?? '')
  }

  watchReadiness(database: number, key: string): void {
    this.#awaited.add(`${database}:${key}`)
  }

  #becameReady(database: number, key: string): void {
    if (!this.#awaited.has(`${database}:${key}`)) return
    if (!this.ready.some((other) => other.database === database && other.key === key))
      this.ready.push({ database, key })
  }

  remove(database: number, key: string): boolean {
    if (!this.databases[database]?.delete(key)) return false
    this.#modified(database, key)
    return true
  }

  clear(database: number): void {
    for (const key of [...(this.databases[database]?.keys() ?? [])]) this.remove(database, key)
    this.stale[database]?.clear()
  }

  swap(a: number, b: number): void {
    if (a === b) return
    for (const watcher of this.#watchers.values()) {
      for (const { database, key } of watcher.watches) {
        if (database !== a && database !== b) continue
        if (this.get(a, key) !== undefined || this.get(b, key) !== undefined) watcher.broken = true
      }
    }
    for (const all of [this.databases, this.stale] as unknown[][]) [all[a], all[b]] = [all[b], all[a]]
    for (const [index, database] of [this.databases[a], this.databases[b]].entries()) {
      for (const [key, { value }] of database ?? []) if (isList(value)) this.#becameReady(index === 0 ? a : b, key)
    }
    // The tables have changed places, and a cursor of the one says nothing about the other.
    for (const scan of this.scans) if (scan.database === a || scan.database === b) scan.missing.clear()
  }

  watch(client: number, database: number, keys: readonly string[]): void {
    let watcher = this.#watchers.get(client)
    if (watcher === undefined) {
      watcher = { watches: [], broken: false, mayBeBroken: false }
      this.#watchers.set(client, watcher)
    }
    for (const key of keys) {
      if (watcher.watches.some((watch) => watch.database === database && watch.key === key)) continue
      watcher.watches.push({ database, key, wasAbsent: this.get(database, key) === undefined })
    }
  }

  unwatch(client: number): void {
    this.#watchers.delete(client)
  }

  /** Whether an EXEC of the client must fail; undefined when it may. Ends the client's watches. */
  takeVerdict(client: number): boolean | undefined {
    const watcher = this.#watchers.get(client)
    this.#watchers.delete(client)
    if (watcher === undefined) return false
    if (watcher.broken) return true
    const isGone = ({ database, key, wasAbsent }: Watch): boolean => !wasAbsent && this.get(database, key) === undefined
    if (watcher.watches.some(isGone)) return true
    return watcher.mayBeBroken ? undefined : false
  }

  #modified(database: number, key: string): void {
    for (const watcher of this.#watchers.values()) {
      if (watcher.watches.some((watch) => watch.database === database && watch.key === key)) watcher.broken = true
    }
  }
}
