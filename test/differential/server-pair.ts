/**
 * Shardkeep and a real Redis 7.0 with the same clients: each exchange goes to both at the same time, and the next one
 * begins when both have answered.
 *
 * Only used by tests. Invariant: after `reset` both have no keys, no watches, and clients as new. Keys past their time go
 * only when they are looked up, so that it does not depend on the clock what DBSIZE counts.
 */
import { type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { EventLog, type PublishedEvent } from '../support/event-log.js'
import { startServer, type TestServer } from '../support/server.js'
import { BULK_BYTES_MAX } from './hazards.js'
import { ReplyConnection } from './reply-connection.js'
import type { Argv, ClientIndex } from './step.js'
import { thresholds } from './thresholds.js'

/** The third client, which is never inside a transaction. */
export const CONTROL = 2

const CLIENTS = 3

/** What an episode may have changed is as it was before, and keys whose time is over go only when they are looked up. */
const BEGINNING = [
  'FLUSHALL',
  'SCRIPT FLUSH SYNC',
  'FUNCTION FLUSH SYNC',
  'DEBUG SET-ACTIVE-EXPIRE 0',
  // Ends with an empty value.
  'CONFIG SET notify-keyspace-events ',
  `CONFIG SET proto-max-bulk-len ${BULK_BYTES_MAX} maxmemory-policy noeviction`,
  ...thresholds.map(({ setting, usual }) => `CONFIG SET ${setting} ${usual}`),
]

/** Replies to the same commands, in their order. */
export interface Replies {
  readonly ours: readonly Buffer[]
  readonly redis: readonly Buffer[]
}

export class ServerPair {
  readonly shards: number
  readonly #oracle: RedisOracle
  #server: TestServer
  #ours: ReplyConnection[] = []
  #redis: ReplyConnection[] = []
  #logs: readonly [ours: EventLog, redis: EventLog] | null = null

  private constructor(shards: number, oracle: RedisOracle, server: TestServer) {
    this.shards = shards
    this.#oracle = oracle
    this.#server = server
  }

  static async start(shards: number): Promise<ServerPair> {
    const oracle = await startRedisOracle('--enable-debug-command', 'yes')
    return new ServerPair(shards, oracle, await startServer({ shards }))
  }

  async stop(): Promise<void> {
    this.#disconnect()
    await this.#server.stop()
    await this.#oracle.stop()
  }

  /** What Shardkeep has printed, for when it ended. */
  output(): string {
    return this.#server.output()
  }

  #disconnect(): void {
    for (const connection of [...this.#ours, ...this.#redis]) connection.close()
    this.#ours = []
    this.#redis = []
    for (const log of this.#logs ?? []) log.close()
    this.#logs = null
  }

  /**
   * Has both servers publish their keyspace events, which `takeEvents` gives, until the next reset. Over several shards
   * without keys that are missed: every shard looks for its own, also where another one answers an error.
   */
  async listen(classes: string): Promise<void> {
    const setting = this.shards > 1 ? classes.replace('m', '') : classes
    await this.exchange(CONTROL, [
      ['CONFIG', 'SET', 'notify-keyspace-events', setting].map((word) => Buffer.from(word)),
    ])
    this.#logs = [
      await EventLog.open(this.#server.port, this.shards),
      await EventLog.open(this.#oracle.client.options.path as string, this.shards),
    ]
  }

  get isListening(): boolean {
    return this.#logs !== null
  }

  /** The events since the last time, after `listen`. */
  async takeEvents(): Promise<{ ours: readonly PublishedEvent[]; redis: readonly PublishedEvent[] }> {
    const [ours, redis] = await Promise.all((this.#logs ?? []).map((log) => log.take()))
    return { ours: ours ?? [], redis: redis ?? [] }
  }

  /** Empties both servers and connects anew. A server of ours that ended, or does not answer, is started again. */
  async reset(): Promise<void> {
    this.#disconnect()
    try {
      await this.#connect()
    } catch {
      this.#disconnect()
      this.#server.process.kill('SIGKILL')
      await this.#server.stop()
      this.#server = await startServer({ shards: this.shards })
      await this.#connect()
    }
  }

  async #connect(): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      this.#ours.push(await ReplyConnection.open(this.#server.port))
      this.#redis.push(await ReplyConnection.open(this.#oracle.client.options.path as string))
    }
    const commands = BEGINNING.map((line) => line.split(' ').map((word) => Buffer.from(word)))
    const { ours, redis } = await this.exchange(CONTROL, commands)
    for (const reply of [...ours, ...redis]) {
      if (reply.toString() !== '+OK\r\n') throw new Error(`cannot begin: ${reply.toString('latin1')}`)
    }
  }

  /** Sends different commands to the two. @throws NoReplyError */
  async exchangeEach(
    client: ClientIndex | typeof CONTROL,
    toOurs: readonly Argv[],
    toRedis: readonly Argv[],
  ): Promise<Replies> {
    const [ours, redis] = await Promise.all([
      (this.#ours[client] as ReplyConnection).exchange(toOurs),
      (this.#redis[client] as ReplyConnection).exchange(toRedis),
    ])
    return { ours, redis }
  }

  /** @throws NoReplyError */
  exchange(client: ClientIndex | typeof CONTROL, commands: readonly Argv[]): Promise<Replies> {
    return this.exchangeEach(client, commands, commands)
  }
}
