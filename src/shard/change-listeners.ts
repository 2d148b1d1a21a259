/**
 * Shares the hooks of a keyspace for changes of keys among those who want to hear of them: watches, and the keys that
 * clients have cached.
 *
 * Runs in a shard worker. Invariant: a hook is null while nobody listens, and a listener's own function while nobody else
 * does, so that a modification costs one comparison when there are no listeners and one call when there is one.
 */
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'

/** What the hooks of `Keyspace` of these names say holds for each. */
export interface ChangeListener {
  readonly modified?: (db: Database) => void
  readonly cleared?: (db: Database) => void
  readonly expired?: (db: Database) => void
}

type Hook = (db: Database) => void

export class ChangeListeners {
  readonly #keyspace: Keyspace
  readonly #listeners = new Set<ChangeListener>()

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace
  }

  add(listener: ChangeListener): void {
    if (this.#listeners.has(listener)) return
    this.#listeners.add(listener)
    this.#install()
  }

  remove(listener: ChangeListener): void {
    if (this.#listeners.delete(listener)) this.#install()
  }

  #install(): void {
    const listeners = [...this.#listeners]
    this.#keyspace.onModified = oneOf(listeners.flatMap(({ modified }) => modified ?? []))
    this.#keyspace.onCleared = oneOf(listeners.flatMap(({ cleared }) => cleared ?? []))
    this.#keyspace.onExpired = oneOf(listeners.flatMap(({ expired }) => expired ?? []))
  }
}

function oneOf(hooks: readonly Hook[]): Hook | null {
  if (hooks.length <= 1) return hooks[0] ?? null
  return (db) => {
    for (const hook of hooks) hook(db)
  }
}
