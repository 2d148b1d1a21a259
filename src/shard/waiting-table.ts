/**
 * The clients that wait for keys of one shard, and the keys that have become ready for them.
 *
 * Runs in a shard worker. Clients that wait for a key stand in the order in which they were parked, and ready keys in the
 * order in which they became ready. Who is served when is decided in blocking.ts.
 *
 * While nobody waits, the keyspace's hooks are null, so that all this costs a comparison where a key is made.
 */
import { latin1Of } from '../base/bytes.js'
import { Flows } from '../base/flows.js'
import type { CommandSpec } from '../commands/spec.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { ValueType } from '../store/value-type.js'

/** A client that waits. */
export interface Waiter {
  /** The claim's, see ring/claims.ts. */
  readonly slot: number
  readonly ticket: number
  readonly spec: CommandSpec
  /** The type of value that the command takes; a key that holds another one is not ready for it. */
  readonly type: number
  /** A private copy of the frame. */
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly database: number
  /** Its keys here and the arguments that they are. */
  readonly keys: ReadonlyMap<string, number>
  /** The destination, where it is another key of this shard. */
  readonly flow: { readonly from: string; readonly to: string } | undefined
  /** The destination is a key of another shard: it can be served only while that key's record is lent to this one. */
  readonly needsFeed: boolean
}

/** A key that somebody waits for. */
export interface WaitedKey {
  readonly database: number
  readonly key: Uint8Array
  /** One character a byte; what locks know the key by. */
  readonly name: string
  readonly waiters: Set<Waiter>
  /** How many of them are to hear of it when the key has gone. */
  endingWithKey: number
  readiness: Readiness
}

const Readiness = {
  none: 0,
  /** By the command in hand. */
  now: 1,
  /** By an earlier command, but a lock held the key. */
  before: 2,
  /** By a transaction that is not over. */
  deferred: 3,
} as const
type Readiness = (typeof Readiness)[keyof typeof Readiness]

export class WaitingTable {
  /** Keys that are ready and not taken yet. The executor looks at it after every command. */
  readyCount = 0
  /** From sources to destinations that are both keys of this shard. */
  readonly flows = new Flows()
  readonly #keyspace: Keyspace
  readonly #keys = new Map<string, WaitedKey>()
  readonly #waiters = new Map<number, Waiter>()
  #ready: WaitedKey[] = []

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace
  }

  get size(): number {
    return this.#waiters.size
  }

  add(waiter: Waiter): void {
    this.#waiters.set(waiter.ticket, waiter)
    for (const name of waiter.keys.keys()) {
      const id = keyId(waiter.database, name)
      let waited = this.#keys.get(id)
      if (waited === undefined) {
        waited = {
          database: waiter.database,
          key: Buffer.from(name, 'latin1'),
          name,
          waiters: new Set(),
          endingWithKey: 0,
          readiness: Readiness.none,
        }
        this.#keys.set(id, waited)
      }
      waited.waiters.add(waiter)
      if (waiter.spec.blocking?.endsWithKey === true) waited.endingWithKey++
    }
    if (waiter.flow !== undefined) this.flows.add(waiter.flow.from, waiter.flow.to)
    this.#keyspace.onReady = this.#keyReady
    this.#keyspace.onReplaced = this.#databaseReplaced
  }

  /** The waiter with the ticket does not wait any more; it need not be here. */
  remove(ticket: number): void {
    const waiter = this.#waiters.get(ticket)
    if (waiter === undefined) return
    this.#waiters.delete(ticket)
    for (const name of waiter.keys.keys()) {
      const id = keyId(waiter.database, name)
      const waited = this.#keys.get(id) as WaitedKey
      waited.waiters.delete(waiter)
      if (waiter.spec.blocking?.endsWithKey === true) waited.endingWithKey--
      if (waited.waiters.size === 0) this.#keys.delete(id)
    }
    if (waiter.flow !== undefined) this.flows.remove(waiter.flow.from, waiter.flow.to)
    if (this.#waiters.size > 0) return
    this.#keyspace.onReady = null
    this.#keyspace.onReplaced = null
  }

  /** The command in hand, which has made keys ready, belongs to a transaction that is not over. */
  defer(): void {
    for (const waited of this.#ready) if (waited.readiness === Readiness.now) waited.readiness = Readiness.deferred
  }

  /** A transaction is over that may have made this key ready; an empty name stands for all keys. */
  undefer(name: string): void {
    for (const waited of this.#ready) {
      const isMeant = name === '' || waited.name === name
      if (isMeant && waited.readiness === Readiness.deferred) waited.readiness = Readiness.before
    }
  }

  /** Takes the ready keys that are not deferred and that `mayBeServed` lets go, in order; the others stay ready. */
  takeReady(mayBeServed: (name: string) => boolean): readonly WaitedKey[] {
    if (this.readyCount === 0) return []
    const taken: WaitedKey[] = []
    const left: WaitedKey[] = []
    for (const waited of this.#ready) {
      if (waited.readiness !== Readiness.deferred && mayBeServed(waited.name)) {
        waited.readiness = Readiness.none
        taken.push(waited)
      } else {
        if (waited.readiness === Readiness.now) waited.readiness = Readiness.before
        left.push(waited)
      }
    }
    this.#ready = left
    this.readyCount = left.length
    return taken
  }

  #signal(waited: WaitedKey): void {
    if (waited.readiness !== Readiness.none) return
    waited.readiness = Readiness.now
    this.#ready.push(waited)
    this.readyCount = this.#ready.length
  }

  readonly #keyReady = (db: Database): void => {
    const waited = this.#keys.get(keyId(db.index, latin1Of(db.bytes, db.keyOffset, db.keyLength)))
    if (waited !== undefined) this.#signal(waited)
  }

  /** What the keys hold now will be seen when they are served. */
  readonly #databaseReplaced = (index: number): void => {
    for (const waited of this.#keys.values()) if (waited.database === index) this.#signal(waited)
  }
}

function keyId(database: number, name: string): string {
  return `${database}:${name}`
}

/** The type of value that a blocking command takes. */
export function waitedTypeOf(spec: CommandSpec): number {
  switch (spec.group) {
    case 'list':
      return ValueType.list
    case 'sorted-set':
      return ValueType.zset
    case 'stream':
      return ValueType.stream
    default:
      throw new Error(`${spec.name} waits for keys, but its group does not say for which type of value`)
  }
}
