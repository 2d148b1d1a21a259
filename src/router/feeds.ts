/**
 * Clients that wait for a key whose elements go on to another key (BLMOVE, BRPOPLPUSH), and which keys a write may reach
 * through them.
 *
 * Main thread. Such a client waits on the shard of its source. Where the destination is on another shard, a write to the source
 * must be widened, see feeding.ts. While there is no such client, `isActive` is false, and that is all that anybody asks.
 */
import { latin1Of } from '../base/bytes.js'
import type { RequestKey } from '../hops/request-keys.js'

/** A key to which elements go, and how many clients wait with it as their destination. */
interface Destination extends RequestKey {
  count: number
}

export class Feeds {
  /** Clients that wait for a key of one shard with a destination on another. */
  #acrossShards = 0
  /** Of all clients that wait with a destination, by the name of the source: what one gets may go on to another shard. */
  readonly #bySource = new Map<string, Map<string, Destination>>()
  readonly #shardOf: (key: Uint8Array) => number

  constructor(shardOf: (key: Uint8Array) => number) {
    this.#shardOf = shardOf
  }

  get isActive(): boolean {
    return this.#acrossShards !== 0
  }

  /** A client may wait for the first of these keys, whose elements go to the second; fewer keys are no feed. */
  add([source, destination]: readonly RequestKey[]): void {
    if (source === undefined || destination === undefined) return
    const from = nameOf(source.key)
    const destinations = this.#bySource.get(from) ?? new Map<string, Destination>()
    this.#bySource.set(from, destinations)
    const to = idOf(destination)
    const known = destinations.get(to)
    if (known === undefined) destinations.set(to, { ...destination, count: 1 })
    else known.count++
    if (this.#shardOf(source.key) !== this.#shardOf(destination.key)) this.#acrossShards++
  }

  /** Takes back one `add` of the same keys. */
  remove([source, destination]: readonly RequestKey[]): void {
    if (source === undefined || destination === undefined) return
    const from = nameOf(source.key)
    const destinations = this.#bySource.get(from) as Map<string, Destination>
    const known = destinations.get(idOf(destination)) as Destination
    if (--known.count === 0) destinations.delete(idOf(destination))
    if (destinations.size === 0) this.#bySource.delete(from)
    if (this.#shardOf(source.key) !== this.#shardOf(destination.key)) this.#acrossShards--
  }

  /** The keys, and those that a write to them may write to besides, through clients that wait. Databases do not matter. */
  reach(keys: Iterable<Uint8Array>): readonly Uint8Array[] {
    const reached = new Map<string, Uint8Array>()
    for (const key of keys) reached.set(nameOf(key), key)
    // A map is iterated over what is added to it on the way, too.
    for (const name of reached.keys()) {
      for (const { key } of this.#bySource.get(name)?.values() ?? []) {
        if (!reached.has(nameOf(key))) reached.set(nameOf(key), key)
      }
    }
    return [...reached.values()]
  }

  /** The keys that such clients wait for. */
  sources(): readonly Uint8Array[] {
    return [...this.#bySource.keys()].map((name) => Buffer.from(name, 'latin1'))
  }

  /** Destinations on other shards of those who wait for one of these keys, by the shard on which they wait. */
  foreignDestinations(keys: readonly Uint8Array[]): ReadonlyMap<number, readonly RequestKey[]> {
    const byShard = new Map<number, Map<string, RequestKey>>()
    for (const source of keys) {
      const shard = this.#shardOf(source)
      for (const [id, destination] of this.#bySource.get(nameOf(source)) ?? []) {
        if (this.#shardOf(destination.key) === shard) continue
        const foreign = byShard.get(shard) ?? new Map<string, RequestKey>()
        byShard.set(shard, foreign.set(id, destination))
      }
    }
    return new Map([...byShard].map(([shard, foreign]) => [shard, [...foreign.values()]]))
  }
}

function nameOf(key: Uint8Array): string {
  return latin1Of(key, 0, key.length)
}

function idOf({ key, database }: RequestKey): string {
  return `${database}:${nameOf(key)}`
}
