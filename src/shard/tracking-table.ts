/**
 * Client-side caching on one shard: which clients have read which keys, so that they can be told when these change.
 *
 * Runs in a shard worker. A read is remembered here and not on the main thread, because only here is it known whether a
 * read or a write of the key came first. Follows Redis: keys of all databases share one name, a key is forgotten when its
 * clients have been told, and clients that have gone are found out only then.
 *
 * Keys are strings here (one character a byte). Invariants: `#items` is the number of clients over all keys; the number
 * of keys over all shards stands in `#keysOfAll`, and stays within `tracking-table-max-keys` but for what one call of
 * `keepWithinLimit` leaves to the next.
 */
import { asciiBytes, latin1Of } from '../base/bytes.js'
import { keySlot, shardOfSlot } from '../base/crc16.js'
import type { ShardSettings, TrackingRegistry } from '../commands/shard-call.js'
import { encodeChange, Notice } from '../ring/frames.js'
import type { Database } from '../store/database.js'
import type { ChangeListener, ChangeListeners } from './change-listeners.js'
import type { Notices } from './notices.js'
import type { ShardOptions } from './shard-options.js'

/** Keys that are dropped at a time when there are too many: about a millisecond, with what the main thread does of it. */
const DROPPED_AT_ONCE_MAX = 1000

const NO_BYTES = new Uint8Array(0)
const NO_CLIENTS: Clients = new Set()

/** One client, as most keys have, or several. */
type Clients = number | Set<number>

function countOf(clients: Clients): number {
  return typeof clients === 'number' ? 1 : clients.size
}

/** What is asked of the command in hand. */
export interface CommandInHand {
  readonly origin: number
  readonly settings: Pick<ShardSettings, 'trackingTableMaxKeys'>
}

export class TrackingTable implements TrackingRegistry, ChangeListener {
  readonly #clientsByKey = new Map<string, Clients>()
  #items = 0
  #isBroadcasting = false
  /** What the command in hand has told of last; a command that changes a key many times tells of it once. */
  #lastKey = ''
  #lastOrigin = 0
  #hasFlushed = false
  /** The batch of notices that this belongs to. When it has left, what is told next is another command's. */
  #toldIn = -1
  readonly #call: CommandInHand
  readonly #notices: Notices
  readonly #listeners: ChangeListeners
  readonly #shard: number
  readonly #shardCount: number
  readonly #keysOfAll: Int32Array
  readonly #ids = new Float64Array(1)
  readonly #idBytes = new Uint8Array(this.#ids.buffer)

  constructor(
    call: CommandInHand,
    notices: Notices,
    listeners: ChangeListeners,
    options: Pick<ShardOptions, 'shard' | 'shardCount' | 'trackedKeys'>,
  ) {
    this.#call = call
    this.#notices = notices
    this.#listeners = listeners
    this.#shard = options.shard
    this.#shardCount = options.shardCount
    this.#keysOfAll = options.trackedKeys ?? new Int32Array(1)
  }

  get keys(): number {
    return this.#clientsByKey.size
  }

  get items(): number {
    return this.#items
  }

  setMode(isActive: boolean, isBroadcasting: boolean): void {
    this.#isBroadcasting = isBroadcasting
    if (isActive) {
      this.#listeners.add(this)
    } else {
      this.#listeners.remove(this)
      this.#forgetAll()
    }
  }

  track(client: number, key: string): void {
    const clients = this.#clientsByKey.get(key)
    if (clients === undefined) {
      this.#clientsByKey.set(key, client)
      Atomics.add(this.#keysOfAll, 0, 1)
    } else if (typeof clients === 'object') {
      if (clients.has(client)) return
      clients.add(client)
    } else {
      if (clients === client) return
      this.#clientsByKey.set(key, new Set([clients, client]))
    }
    this.#items++
  }

  /**
   * Drops keys while all shards together have too many, the oldest of this shard first, and tells the clients as if they
   * had changed. Some at a time: what is left is dropped by the next calls.
   */
  keepWithinLimit(): void {
    const limit = this.#call.settings.trackingTableMaxKeys
    if (limit === 0) return
    for (let dropped = 0; dropped < DROPPED_AT_ONCE_MAX && this.#takeExcess(limit); dropped++) {
      const [oldest] = this.#clientsByKey
      if (oldest === undefined) return
      this.#remove(oldest[0], oldest[1])
      const bytes = asciiBytes(oldest[0])
      this.#tell(oldest[1], false, 0, bytes, 0, bytes.length)
    }
  }

  /** Counts one key less where there are too many and one of them is here. Two shards never take the same one. */
  #takeExcess(limit: number): boolean {
    if (this.#clientsByKey.size === 0) return false
    for (;;) {
      const count = Atomics.load(this.#keysOfAll, 0)
      if (count <= limit) return false
      if (Atomics.compareExchange(this.#keysOfAll, 0, count, count - 1) === count) return true
    }
  }

  readonly modified = (db: Database): void => {
    this.#changed(db, this.#call.origin)
  }

  /** Nobody is to blame for that: a client is told also where its own command has found it out. */
  readonly expired = (db: Database): void => {
    this.#changed(db, 0)
  }

  #changed({ index, bytes, keyOffset, keyLength }: Database, origin: number): void {
    // No client knows the keys of the nursery.
    if (index < 0 || (!this.#isBroadcasting && this.#clientsByKey.size === 0)) return
    const key = latin1Of(bytes, keyOffset, keyLength)
    const clients = this.#clientsByKey.get(key)
    if (clients !== undefined) {
      Atomics.sub(this.#keysOfAll, 0, 1)
      this.#remove(key, clients)
    } else if (!this.#isBroadcasting || this.#isToldAlready(key, origin) || !this.#isOwn(bytes, keyOffset, keyLength)) {
      return
    }
    this.#lastKey = key
    this.#lastOrigin = origin
    this.#hasFlushed = false
    this.#toldIn = this.#notices.batch
    this.#tell(clients ?? NO_CLIENTS, true, origin, bytes, keyOffset, keyLength)
  }

  /** A record that is lent to this shard changes for the world when its own shard gets it back. */
  #isOwn(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.#shardCount === 1 || shardOfSlot(keySlot(bytes, offset, length), this.#shardCount) === this.#shard
  }

  #isToldAlready(key: string, origin: number): boolean {
    return (
      this.#toldIn === this.#notices.batch && !this.#hasFlushed && this.#lastKey === key && this.#lastOrigin === origin
    )
  }

  /**
   * All keys of a database go at once. As in Redis, every client is told that every key has changed: once for all shards,
   * whatever the number of databases. What a client reads after that stands behind this command on every shard.
   */
  readonly cleared = (_db: Database): void => {
    this.#forgetAll()
    if (this.#shard !== 0 || (this.#hasFlushed && this.#toldIn === this.#notices.batch)) return
    this.#hasFlushed = true
    this.#toldIn = this.#notices.batch
    this.#notices.append(NO_BYTES, 0, 0)
    this.#notices.add(Notice.allChanged, 0)
  }

  #remove(key: string, clients: Clients): void {
    this.#clientsByKey.delete(key)
    this.#items -= countOf(clients)
  }

  #forgetAll(): void {
    Atomics.sub(this.#keysOfAll, 0, this.#clientsByKey.size)
    this.#clientsByKey.clear()
    this.#items = 0
  }

  #tell(
    clients: Clients,
    isModified: boolean,
    origin: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (typeof clients === 'number') this.#appendId(clients)
    else for (const client of clients) this.#appendId(client)
    this.#notices.append(bytes, offset, length)
    this.#notices.add(Notice.changed, encodeChange(countOf(clients), isModified, origin))
  }

  #appendId(client: number): void {
    this.#ids[0] = client
    this.#notices.append(this.#idBytes, 0, 8)
  }
}
