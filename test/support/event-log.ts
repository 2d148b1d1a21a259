/**
 * Everything that a server publishes as keyspace events, collected by a subscriber of its own.
 *
 * Only used by tests. A mark tells that all events before it have come: it is a key of each shard that is set and deleted
 * again, so it needs a setting of `notify-keyspace-events` with at least `Kg` (or `Eg`).
 */
import { keySlot, shardOfSlot } from '../../src/base/crc16.js'
import { RespConnection } from './resp-value.js'

const MARK = '__mark'

/** One message: its channel and its text. */
export type PublishedEvent = readonly [channel: string, message: string]

export class EventLog {
  readonly #connection: RespConnection
  readonly #marker: RespConnection
  readonly #markKeys: readonly string[]
  #events: PublishedEvent[] = []
  #marksSeen = 0
  #wake: () => void = () => {}

  private constructor(connection: RespConnection, marker: RespConnection, shards: number) {
    this.#connection = connection
    this.#marker = marker
    this.#markKeys = Array.from({ length: shards }, (_, shard) => keyOfShard(shard, shards))
  }

  /** @param target a port of this machine, or a socket file */
  static async open(target: number | string, shards: number): Promise<EventLog> {
    const connection = await RespConnection.open(target)
    await connection.call('psubscribe', '__key*__:*')
    const log = new EventLog(connection, await RespConnection.open(target), shards)
    void log.#listen()
    return log
  }

  async #listen(): Promise<void> {
    for (;;) {
      const message = await this.#connection.read()
      if (message === 'closed') return
      const [, , channel, text] = message as string[] as [string, string, string, string]
      const isMark = channel.includes(MARK) || text.startsWith(MARK)
      if (!isMark) this.#events.push([channel, text])
      else if (channel.endsWith(':del') || text === 'del') this.#marksSeen++
      this.#wake()
    }
  }

  /**
   * Takes the events that have come since the last time, up to those of the commands that were answered before.
   * @param channels how many channels an event goes to: 2 with K and E, else 1
   */
  async take(channels = 2): Promise<PublishedEvent[]> {
    this.#marksSeen = 0
    await Promise.all(
      this.#markKeys.flatMap((key) => [this.#marker.call('set', key, ''), this.#marker.call('del', key)]),
    )
    while (this.#marksSeen < this.#markKeys.length * channels) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const events = this.#events
    this.#events = []
    return events
  }

  close(): void {
    this.#connection.close()
    this.#marker.close()
  }
}

/** The events of each key in their order, with its database: several shards promise no more. */
export function eventsByKey(events: readonly PublishedEvent[]): Record<string, PublishedEvent[]> {
  const byKey: Record<string, PublishedEvent[]> = {}
  for (const event of events) {
    const [, kind, database, rest] = /^__key(space|event)@(\d+)__:(.*)$/s.exec(event[0]) as unknown as string[]
    const name = `${database}:${kind === 'space' ? rest : event[1]}`
    byKey[name] ??= []
    byKey[name].push(event)
  }
  return byKey
}

function keyOfShard(shard: number, shards: number): string {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`${MARK}${i}`)
    if (shardOfSlot(keySlot(key, 0, key.length), shards) === shard) return key.toString()
  }
}
