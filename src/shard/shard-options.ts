/**
 * What a shard is made with, and what it reports to whoever made it. Types only.
 */
import type { Clock } from '../base/clock.js'
import type { Portions } from '../commands/shard-call.js'
import type { RingMemory } from '../ring/byte-ring.js'
import type { SnapshotMemory } from '../ring/part-channel.js'
import type { ScriptMemory } from '../ring/script-memory.js'

/** How long commands are cut where time stands still and collections are small. */
export interface Slicing {
  readonly portions: Portions
  /** Asked after each step: whether others have their turn now. */
  readonly isSliceOver: () => boolean
}

/** What a shard reports without being asked. */
export interface ShardEvents {
  /** A script has something for the log. The level is the script's, see lua/script-host.ts. */
  log?(level: number, message: string): void
  /** A function runs, and has for a while: the command that has called it. */
  running?(command: readonly Uint8Array[]): void
}

export interface ShardOptions {
  readonly shard: number
  readonly shardCount: number
  readonly requests: RingMemory
  readonly replies: RingMemory
  /** See ring/claims.ts. */
  readonly claims: SharedArrayBuffer
  /** Shared by all shards; without it, scripts are for one shard alone. */
  readonly scriptMemory?: ScriptMemory
  /** Wake the shards, in their order. */
  readonly bells?: readonly SharedArrayBuffer[]
  readonly databases: number
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  readonly clock: Clock
  /** Where the shard says what it holds, see gauges.ts. */
  readonly gauges?: Float64Array
  /** The way of snapshots to their file. */
  readonly snapshotMemory?: SnapshotMemory
  /** How many keys all shards remember for client-side caching: one word that they share. */
  readonly trackedKeys?: Int32Array
  /** Smaller chunks for simulations with many shards; see `Arena`. */
  readonly arenaChunkBytes?: number
  readonly events: ShardEvents
  /** For simulations; otherwise a slice takes half a millisecond. */
  readonly slicing?: Slicing
  /** Called instead of blocking when the reply ring is full. */
  readonly onRepliesFull?: () => void
}
