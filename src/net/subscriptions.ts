/**
 * Publish and subscribe: who listens to which channels and patterns, and the delivery of messages.
 *
 * Runs on the main thread; no shard is involved. A message is encoded once for each form in which it goes out (as a
 * channel's message, or as that of a matching pattern) and added to what all subscribers are sent together, which is
 * written at the end of the turn, see shared-run.ts. A subscriber that does not read is cut off by its output limit, and
 * nobody waits for it.
 *
 * Invariant: a topic exists as long as it has subscribers, and each of them knows it.
 */
import { asciiBytes, copyOf, latin1Of } from '../base/bytes.js'
import { globMatches } from '../base/glob.js'
import type { ChannelsView, SubscriptionKind } from '../commands/server-services.js'
import { ReplyWriter } from '../resp/reply-writer.js'
import { type Audience, Broadcasts, type Subscriber } from './shared-run.js'

const MESSAGE = asciiBytes('>3\r\n$7\r\nmessage\r\n')
const SHARD_MESSAGE = asciiBytes('>3\r\n$8\r\nsmessage\r\n')
const PATTERN_MESSAGE = asciiBytes('>4\r\n$8\r\npmessage\r\n')
/** What Redis counts for a subscription of a client, the name not included: it belongs to all subscribers together. */
const SUBSCRIPTION_BYTES = 64

/** A connection, as far as it is needed here. */
interface Listener extends Subscriber {
  readonly session: { readonly resp: 2 | 3; subscriptions: ConnectionSubscriptions | null }
  leaveRun(): void
}

interface Topic extends Audience {
  /** One character a byte. */
  readonly key: string
  readonly name: Uint8Array
  readonly subscribers: Set<Listener>
}

/** What one connection listens to; in the order in which it subscribed. */
export class ConnectionSubscriptions {
  readonly channel = new Set<Topic>()
  readonly pattern = new Set<Topic>()
  readonly shardChannel = new Set<Topic>()

  get size(): number {
    return this.channel.size + this.pattern.size + this.shardChannel.size
  }

  /** Bytes that they count for in the client's memory. */
  get bytes(): number {
    return this.size * SUBSCRIPTION_BYTES
  }

  names(kind: SubscriptionKind): Uint8Array[] {
    return Array.from(this[kind], ({ name }) => name)
  }
}

export class Subscriptions implements ChannelsView {
  readonly #topics: Readonly<Record<SubscriptionKind, Map<string, Topic>>> = {
    channel: new Map(),
    pattern: new Map(),
    shardChannel: new Map(),
  }
  readonly #frame = new ReplyWriter()
  readonly #broadcasts = new Broadcasts()

  subscribe(connection: Listener, kind: SubscriptionKind, name: Uint8Array): void {
    const topics = this.#topics[kind]
    const key = latin1Of(name, 0, name.length)
    let topic = topics.get(key)
    if (topic === undefined) {
      topic = { key, name: copyOf(name, 0, name.length), subscribers: new Set(), broadcast: null }
      topics.set(key, topic)
    }
    connection.leaveRun()
    topic.subscribers.add(connection)
    topic.broadcast?.addStray(connection)
    connection.session.subscriptions ??= new ConnectionSubscriptions()
    connection.session.subscriptions[kind].add(topic)
  }

  /** Does nothing where the connection does not listen to it. */
  unsubscribe(connection: Listener, kind: SubscriptionKind, name: Uint8Array): void {
    const topic = this.#topics[kind].get(latin1Of(name, 0, name.length))
    if (topic !== undefined && connection.session.subscriptions?.[kind].delete(topic) === true) {
      this.#leave(connection, kind, topic)
    }
  }

  /** Ends all subscriptions of a connection, without telling it. */
  forget(connection: Listener): void {
    const { session } = connection
    if (session.subscriptions === null) return
    for (const topic of session.subscriptions.channel) this.#leave(connection, 'channel', topic)
    for (const topic of session.subscriptions.pattern) this.#leave(connection, 'pattern', topic)
    for (const topic of session.subscriptions.shardChannel) this.#leave(connection, 'shardChannel', topic)
    session.subscriptions = null
  }

  #leave(connection: Listener, kind: SubscriptionKind, topic: Topic): void {
    connection.leaveRun()
    topic.subscribers.delete(connection)
    topic.broadcast?.forget(connection)
    if (topic.subscribers.size === 0) this.#topics[kind].delete(topic.key)
  }

  /**
   * Sends a message to all who listen to the channel, and to all whose patterns it matches (shard channels have no
   * patterns). A client that listens to it in several ways gets it as often, as in Redis.
   *
   * @returns how many messages were sent
   */
  publish(channel: Uint8Array, message: Uint8Array, isShard: boolean): number {
    let sent = 0
    const topics = isShard ? this.#topics.shardChannel : this.#topics.channel
    if (topics.size > 0) {
      const topic = topics.get(latin1Of(channel, 0, channel.length))
      if (topic !== undefined) {
        this.#frame.attachScratch()
        this.#frame.encoded(isShard ? SHARD_MESSAGE : MESSAGE)
        sent += this.#send(topic, channel, message)
      }
    }
    if (isShard) return sent
    for (const topic of this.#topics.pattern.values()) {
      const { name } = topic
      if (!globMatches(name, 0, name.length, channel, 0, channel.length, false)) continue
      this.#frame.attachScratch()
      this.#frame.encoded(PATTERN_MESSAGE)
      this.#frame.bulkBytes(name)
      sent += this.#send(topic, channel, message)
    }
    return sent
  }

  /** Sends what has been begun in the frame, with channel and message behind it. */
  #send(topic: Topic, channel: Uint8Array, message: Uint8Array): number {
    const frame = this.#frame
    frame.bulkBytes(channel)
    frame.bulkBytes(message)
    const sent = topic.subscribers.size
    this.#broadcasts.send(topic, frame.bytes, frame.start, frame.position - frame.start)
    return sent
  }

  names(kind: SubscriptionKind): readonly Uint8Array[] {
    return Array.from(this.#topics[kind].values(), ({ name }) => name)
  }

  count(kind: SubscriptionKind): number {
    return this.#topics[kind].size
  }

  subscribers(kind: SubscriptionKind, name: Uint8Array): number {
    return this.#topics[kind].get(latin1Of(name, 0, name.length))?.subscribers.size ?? 0
  }
}
