/**
 * Scripts run by our engine, with a store of ours behind it, and by EVAL in a real Redis 7.0: their replies must be the
 * same to the byte, errors with their places included.
 *
 * Only used by tests.
 */
import { expect } from 'vitest'
import { ScriptEngine } from '../../src/lua/script-engine.js'
import type { ScriptOptions } from '../../src/lua/script-host.js'
import { ReplyWriter } from '../../src/resp/reply-writer.js'
import { type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue, readRespValue } from '../support/resp-value.js'
import { StoreHost, scriptArguments } from './store-host.js'

/** An engine that is asked to run texts and answers with values. */
export class OurScripts {
  readonly host = new StoreHost()
  readonly engine: ScriptEngine
  readonly #writer = new ReplyWriter()

  constructor(options?: ScriptOptions) {
    this.engine = new ScriptEngine(this.host, options)
  }

  eval(body: string, keys: readonly string[] = [], args: readonly string[] = [], resp3 = false): RespValue {
    return replyValue(this.reply(body, keys, args, resp3))
  }

  /** The same, encoded. */
  reply(body: string, keys: readonly string[] = [], args: readonly string[] = [], resp3 = false): Uint8Array {
    const number = this.engine.compile(Buffer.from(body, 'latin1'))
    if (typeof number !== 'number') return number
    this.#writer.attachScratch()
    this.#writer.resp3 = resp3
    this.engine.run(number, scriptArguments(keys, args), this.#writer)
    this.engine.forget(number)
    return this.#writer.take()
  }
}

export function replyValue(reply: Uint8Array): RespValue {
  const read = readRespValue(Buffer.from(reply), 0)
  expect(read?.end, 'bytes of the reply').toBe(reply.length)
  return read!.value
}

export class ScriptsBesideRedis {
  readonly ours: OurScripts

  private constructor(
    private readonly redis: RespConnection,
    readonly oracle: RedisOracle,
    options: ScriptOptions | undefined,
  ) {
    this.ours = new OurScripts(options)
  }

  static async start(options?: ScriptOptions, ...redisSettings: string[]): Promise<ScriptsBesideRedis> {
    const oracle = await startRedisOracle(...redisSettings)
    const redis = await RespConnection.open(oracle.client.options.path as string)
    return new ScriptsBesideRedis(redis, oracle, options)
  }

  async stop(): Promise<void> {
    this.redis.close()
    await this.oracle.stop()
  }

  /** Replies from here on are those of this protocol. */
  async speak(resp3: boolean): Promise<void> {
    this.#resp3 = resp3
    await this.redis.call('HELLO', resp3 ? 3 : 2)
  }

  #resp3 = false

  async same(body: string, keys: readonly string[] = [], args: readonly string[] = []): Promise<RespValue> {
    const ours = this.ours.eval(body, keys, args, this.#resp3)
    const redis = await this.redis.call('EVAL', Buffer.from(body, 'latin1'), keys.length, ...keys, ...args)
    expect(ours, body).toEqual(redis)
    return ours
  }

  /** What the two reply, which need not be the same. */
  async each(body: string): Promise<{ readonly ours: RespValue; readonly redis: RespValue }> {
    const redis = await this.redis.call('EVAL', Buffer.from(body, 'latin1'), 0)
    return { ours: this.ours.eval(body, [], [], this.#resp3), redis }
  }

  async allSame(...bodies: readonly string[]): Promise<void> {
    for (const body of bodies) await this.same(body)
  }
}
