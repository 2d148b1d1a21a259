/**
 * What the coordinators of commands over several shards need: ways to ask shards, and to wait for what they answer.
 *
 * Two have them. The router, on the main thread, sends frames and gathers replies as they come. A script that holds the locks
 * of all shards, in its shard's worker, has each request answered before `send` returns. So each such command is written once.
 *
 * Invariant: requests to one shard are executed in the order in which they were sent.
 */
import type { Prng } from '../base/prng.js'
import type { CommandSpec } from '../commands/spec.js'
import type { Answer, CommandRequest } from './request.js'

/** Keys that are locked on behalf of an owner, and the shards that they are on. */
export interface Lock {
  readonly owner: number
  readonly shards: readonly number[]
}

export interface Hops {
  readonly shardCount: number
  readonly databases: number
  readonly random: Prng

  /** The shard that has a key. */
  shardOf(bytes: Uint8Array, offset: number, length: number): number

  /** Gives the next sequence number; what is sent from now on carries it. */
  nextGsn(): void

  /** Opens a gather of so many parts and returns its target. `done` gets copies that it may keep. */
  gather(partCount: number, done: (parts: readonly Uint8Array[]) => void): number

  /** Asks a shard for one part of a gather. `argv[0]` does not travel. */
  send(
    shard: number,
    target: number,
    part: number,
    spec: CommandSpec,
    database: number,
    flags: number,
    argv: readonly Uint8Array[],
    owner?: number,
  ): void

  /** The same with the arguments as ranges of `bytes`. */
  sendRanges(
    shard: number,
    target: number,
    part: number,
    idAndDb: number,
    flags: number,
    owner: number,
    bytes: Uint8Array,
    offsets: Int32Array,
    lengths: Int32Array,
    argc: number,
  ): void

  /** Has a command executed by one shard as it is. */
  ask(shard: number, request: CommandRequest, answer: Answer, owner?: number): void

  /**
   * Locks keys, or with 'all' every key of every shard, and returns the owner that requests under these locks name.
   * @param also a name that is locked on each of the shards besides
   */
  lock(keys: readonly Uint8Array[] | 'all', also?: Uint8Array): Lock

  /** Gives locks back. */
  unlock(owner: number, shards: readonly number[], then?: () => void): void
}
