/**
 * What a shard is made with, and what it reports to whoever made it. Types only.
 */
import type { Clock } from '../base/clock.js'
import type { Portions } from '../commands/shard-call.js'
import type { RingMemory } from '../ring/byte-ring.js'

/** How long commands are cut where time stands still and collections are small. */
export interface Slicing {
  readonly portions: Portions
  /** Asked after each step: whether others have their turn now. */
  readonly isSliceOver: () => boolean
}

/** What a shard reports without being asked. */
export interface ShardEvents {
  /** A command took at least the slow log's or the latency monitor's threshold. */
  slow(event: SlowCommand): void
}

export interface SlowCommand {
  readonly target: number
  readonly id: number
  readonly durationUs: number
  /** Cut to the slow log's limits. */
  readonly argv: readonly string[]
}

export interface ShardOptions {
  readonly shard: number
  readonly shardCount: number
  readonly requests: RingMemory
  readonly replies: RingMemory
  /** See ring/claims.ts. */
  readonly claims: SharedArrayBuffer
  readonly databases: number
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  readonly clock: Clock
  /** Where the shard says what it holds, see gauges.ts. */
  readonly gauges?: Float64Array
  /** Smaller chunks for simulations with many shards; see `Arena`. */
  readonly arenaChunkBytes?: number
  readonly events: ShardEvents
  /** For simulations; otherwise a slice takes half a millisecond. */
  readonly slicing?: Slicing
  /** Called instead of blocking when the reply ring is full. */
  readonly onRepliesFull?: () => void
}
