/**
 * Publishes keyspace events, which shards tell of in notices, to the channels `__keyspace@<db>__:<key>` and
 * `__keyevent@<db>__:<event>`.
 *
 * Runs on the main thread. Invariant: the events of one key are published in the order in which they happened. Those of keys
 * of several shards have no order among each other. A key whose record is lent has its events from the shard that it is lent
 * to: they must have come before its own shard goes on with it (hops/lending.ts, router/scripts.ts).
 */
import { asciiBytes, joinBytes } from '../base/bytes.js'
import { eventDatabase, eventIsForKeyevent, eventIsForKeyspace } from '../ring/frames.js'
import type { Subscriptions } from './subscriptions.js'

export class KeyspaceChannels {
  readonly #subscriptions: Subscriptions

  constructor(subscriptions: Subscriptions) {
    this.#subscriptions = subscriptions
  }

  /** Publishes an event; the arguments are those of its notice, see `Notice` in frames.ts. */
  publish(number: number, bytes: Uint8Array, offset: number, length: number): void {
    const subscriptions = this.#subscriptions
    if (subscriptions.count('channel') === 0 && subscriptions.count('pattern') === 0) return
    const database = eventDatabase(number)
    const nameEnd = bytes.indexOf(0, offset)
    const event = bytes.subarray(offset, nameEnd)
    const key = bytes.subarray(nameEnd + 1, offset + length)
    if (eventIsForKeyspace(number)) {
      subscriptions.publish(joinBytes([asciiBytes(`__keyspace@${database}__:`), key]), event, false)
    }
    if (eventIsForKeyevent(number)) {
      subscriptions.publish(joinBytes([asciiBytes(`__keyevent@${database}__:`), event]), key, false)
    }
  }
}
