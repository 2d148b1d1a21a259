/**
 * Lock owners: who holds keys over several hops, and on which shards. The locks themselves are the shards' (see
 * shard/lock-table.ts). Main thread.
 */
import type { Lock } from '../hops/hops.js'
import { FrameKind, RequestFlag } from '../ring/frames.js'

const NO_BYTES = new Uint8Array(0)
const LOCK_OWNERS_MAX = 0x00ffffff

/** Writes a frame that is no command. */
type SendControl = (shard: number, kind: number, flags: number, owner: number, argv: readonly Uint8Array[]) => void

export class LockOwners {
  readonly #send: SendControl
  readonly #shardOf: (key: Uint8Array) => number
  #last = 0
  /** For whose command an owner acts, where it is one with an origin (see frames.ts). */
  readonly #origins = new Map<number, number>()
  readonly #shardCount: number

  constructor(shardCount: number, shardOf: (key: Uint8Array) => number, send: SendControl) {
    this.#send = send
    this.#shardOf = shardOf
    this.#shardCount = shardCount
  }

  /** The origin of all frames that the owner sends. */
  originOf(owner: number): number {
    return this.#origins.size === 0 ? 0 : (this.#origins.get(owner) ?? 0)
  }

  /** See `Router.lock`. `origin` is that of the command in hand. */
  lock(origin: number, keys: readonly Uint8Array[] | 'all', also?: Uint8Array, besides: readonly number[] = []): Lock {
    this.#last = (this.#last % LOCK_OWNERS_MAX) + 1
    const owner = this.#last
    if (origin !== 0) this.#origins.set(owner, origin)
    if (keys === 'all') {
      const shards = Array.from({ length: this.#shardCount }, (_, shard) => shard)
      for (const shard of shards) this.#lockOn(shard, owner, RequestFlag.lockAll, [NO_BYTES])
      return { owner, shards }
    }
    const byShard = new Map<number, Uint8Array[]>()
    for (const shard of besides) byShard.set(shard, [NO_BYTES])
    for (const key of keys) {
      const shard = this.#shardOf(key)
      const names = byShard.get(shard)
      if (names === undefined) byShard.set(shard, [NO_BYTES, key])
      else names.push(key)
    }
    for (const [shard, names] of byShard) {
      if (also !== undefined) names.push(also)
      this.#lockOn(shard, owner, 0, names)
    }
    return { owner, shards: [...byShard.keys()] }
  }

  #lockOn(shard: number, owner: number, flags: number, argv: readonly Uint8Array[]): void {
    this.#send(shard, FrameKind.lock, flags, owner, argv)
  }

  unlock(owner: number, shards: readonly number[]): void {
    for (const shard of shards) this.#send(shard, FrameKind.unlock, 0, owner, [NO_BYTES])
    this.#origins.delete(owner)
  }
}
