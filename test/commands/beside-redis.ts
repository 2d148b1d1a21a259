/**
 * A Shardkeep server and a real Redis 7.0 side by side: every command goes to both, and their replies must be the same
 * to the byte, types included.
 *
 * Only used by tests.
 */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { type RedisOracle, startRedisOracle } from '../base/redis-oracle.js'
import { RespConnection, type RespValue } from '../support/resp-value.js'
import { startServer, type TestServer } from '../support/server.js'

export type Argument = string | number | Buffer

export class BesideRedis {
  private constructor(
    readonly ours: RespConnection,
    readonly redis: RespConnection,
    readonly server: TestServer,
    readonly oracle: RedisOracle,
  ) {}

  /** @param redisSettings command-line arguments for the real one, see `startRedisOracle` */
  static async start(shards: number, ...redisSettings: string[]): Promise<BesideRedis> {
    const oracle = await startRedisOracle(...redisSettings)
    const server = await startServer({ shards })
    const redis = await RespConnection.open(oracle.client.options.path as string)
    const ours = await RespConnection.open(server.port)
    return new BesideRedis(ours, redis, server, oracle)
  }

  async stop(): Promise<void> {
    this.redis.close()
    this.ours.close()
    await this.server.stop()
    await this.oracle.stop()
  }

  /** Sends one command to both; the reply of Redis must be ours. */
  async same(...argv: Argument[]): Promise<RespValue> {
    const [ours, redis] = await Promise.all([this.ours.call(...argv), this.redis.call(...argv)])
    const at = longDifferenceAt(ours, redis)
    if (at >= 0)
      expect.fail(
        `reply to ${shown(argv)}: ${lengthOf(ours)} characters, Redis ${lengthOf(redis)}, differ from ${at} on`,
      )
    // `toEqual` takes seconds for replies of many elements.
    if (!isDeepStrictEqual(ours, redis)) expect(ours, `reply to ${shown(argv)}`).toEqual(redis)
    return ours
  }

  /** Sends commands one after the other to both, comparing each reply. */
  async allSame(...commands: readonly (readonly Argument[])[]): Promise<void> {
    for (const argv of commands) await this.same(...argv)
  }

  /** The same where a reply tells a time: the two servers see a command a few milliseconds apart. */
  async sameWithin(toleranceMs: number, ...argv: Argument[]): Promise<number> {
    const [ours, redis] = await Promise.all([this.ours.call(...argv), this.redis.call(...argv)])
    const difference = Math.abs((ours as number) - (redis as number))
    expect(difference, `${shown(argv)}: ours ${ours} redis ${redis}`).toBeLessThanOrEqual(toleranceMs)
    return ours as number
  }

  /** Sends a command to both whose reply need not be the same, and returns the two. */
  async each(...argv: Argument[]): Promise<{ ours: RespValue; redis: RespValue }> {
    const [ours, redis] = await Promise.all([this.ours.call(...argv), this.redis.call(...argv)])
    return { ours, redis }
  }
}

const SHOWN_LENGTH_MAX = 200

/** A command as it stands in a message, cut where it is long. */
function shown(argv: readonly Argument[]): string {
  return JSON.stringify(argv.map((argument) => String(argument).slice(0, SHOWN_LENGTH_MAX))).slice(
    0,
    SHOWN_LENGTH_MAX * 4,
  )
}

/** Where two long texts differ, which nobody wants to see printed; -1 when they are equal or not long. */
function longDifferenceAt(left: RespValue, right: RespValue): number {
  if (typeof left !== 'string' || typeof right !== 'string' || left === right) return -1
  if (left.length <= SHOWN_LENGTH_MAX && right.length <= SHOWN_LENGTH_MAX) return -1
  let at = 0
  while (left[at] === right[at]) at++
  return at
}

function lengthOf(value: RespValue): number {
  return typeof value === 'string' ? value.length : 0
}
