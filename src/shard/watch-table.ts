/**
 * WATCH on one shard: which connections watch which keys, and whose watch was broken.
 *
 * Runs in a shard worker. Follows Redis: a watch breaks when the key is modified, deleted, or expires although it was
 * alive when WATCH came; a key that was expired already and is removed only now does not break it. Nothing here removes
 * an expired key.
 */
import { latin1Of } from '../base/bytes.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import type { ChangeListener, ChangeListeners } from './change-listeners.js'

interface Watch {
  readonly database: number
  readonly key: Uint8Array
  /** Absent, or present but past its expiry, when WATCH came. */
  readonly wasAbsent: boolean
}

interface Watcher {
  readonly watches: Map<string, Watch>
  broken: boolean
}

function watchName(database: number, bytes: Uint8Array, offset: number, length: number): string {
  return `${database}:${latin1Of(bytes, offset, length)}`
}

export class WatchTable implements ChangeListener {
  readonly #keyspace: Keyspace
  readonly #listeners: ChangeListeners
  readonly #watchersByKey = new Map<string, Set<number>>()
  readonly #byConnection = new Map<number, Watcher>()

  constructor(keyspace: Keyspace, listeners: ChangeListeners) {
    this.#keyspace = keyspace
    this.#listeners = listeners
  }

  /** Connections that watch something here. */
  get size(): number {
    return this.#byConnection.size
  }

  watch(connection: number, database: number, key: Uint8Array): void {
    let watcher = this.#byConnection.get(connection)
    if (watcher === undefined) {
      watcher = { watches: new Map(), broken: false }
      this.#byConnection.set(connection, watcher)
    }
    const name = watchName(database, key, 0, key.length)
    if (watcher.watches.has(name)) return
    const wasAbsent = !this.#keyspace.database(database).has(key, 0, key.length)
    watcher.watches.set(name, { database, key, wasAbsent })
    const watchers = this.#watchersByKey.get(name)
    if (watchers === undefined) this.#watchersByKey.set(name, new Set([connection]))
    else watchers.add(connection)
    this.#listeners.add(this)
  }

  unwatch(connection: number): void {
    const watcher = this.#byConnection.get(connection)
    if (watcher === undefined) return
    this.#byConnection.delete(connection)
    for (const name of watcher.watches.keys()) {
      const watchers = this.#watchersByKey.get(name)
      watchers?.delete(connection)
      if (watchers?.size === 0) this.#watchersByKey.delete(name)
    }
    if (this.#byConnection.size === 0) this.#listeners.remove(this)
  }

  /** Whether a watch of the connection has been broken, by a write or by an expiry that nothing has touched yet. */
  isBroken(connection: number): boolean {
    const watcher = this.#byConnection.get(connection)
    if (watcher === undefined) return false
    if (watcher.broken) return true
    for (const watch of watcher.watches.values()) {
      if (watch.wasAbsent) continue
      if (!this.#keyspace.database(watch.database).has(watch.key, 0, watch.key.length)) return true
    }
    return false
  }

  /** SWAPDB: a watched key breaks when it exists on either side of the swap. */
  databasesSwapped(a: number, b: number): void {
    if (a === b) return
    for (const watcher of this.#byConnection.values()) {
      for (const watch of watcher.watches.values()) {
        if (watch.database !== a && watch.database !== b) continue
        const isThere = this.#keyspace.database(a).has(watch.key, 0, watch.key.length)
        if (isThere || this.#keyspace.database(b).has(watch.key, 0, watch.key.length)) watcher.broken = true
      }
    }
  }

  readonly modified = (db: Database): void => {
    const watchers = this.#watchersByKey.get(watchName(db.index, db.bytes, db.keyOffset, db.keyLength))
    if (watchers === undefined) return
    for (const connection of watchers) (this.#byConnection.get(connection) as Watcher).broken = true
  }

  /** Called before a database is emptied: its watched keys that exist are about to go. */
  readonly cleared = (db: Database): void => {
    for (const watcher of this.#byConnection.values()) {
      for (const watch of watcher.watches.values()) {
        if (watch.database === db.index && db.has(watch.key, 0, watch.key.length)) watcher.broken = true
      }
    }
  }
}
