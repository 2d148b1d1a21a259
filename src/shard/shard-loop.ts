/**
 * The endless loop of a shard's thread. Worker thread.
 *
 * The time of active expiry and of table growth comes from the ring like every other time: the main thread's cron sends
 * it, which also wakes a sleeping shard, so an idle shard does its periodic work at the server's `hz`.
 */
import type { Rename } from '../commands/table.js'
import type { RingMemory } from '../ring/byte-ring.js'
import type { SnapshotMemory } from '../ring/part-channel.js'
import type { ScriptMemory } from '../ring/script-memory.js'
import type { ShardExecutor } from './executor.js'

/** Frames executed before replies are published: the main thread sends the first replies while the shard does the rest. */
const DRAIN_FRAMES_MAX = 512
/** Sleeps end after this long even if a wake-up were lost. */
const SLEEP_MS_MAX = 100
/** Once no requests have come for so many turns, a snapshot need not leave room for others. */
const QUIET_TURNS = 50

/** What a shard's thread is started with. */
export interface ShardBirth {
  readonly shard: number
  readonly shardCount: number
  readonly requests: RingMemory
  readonly replies: RingMemory
  readonly claims: SharedArrayBuffer
  readonly scriptMemory: ScriptMemory
  /** Wake the shards, in their order. */
  readonly bells: readonly SharedArrayBuffer[]
  readonly databases: number
  readonly renames: readonly Rename[]
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  readonly gauges: SharedArrayBuffer
  readonly trackedKeys: SharedArrayBuffer
  readonly snapshotMemory: SnapshotMemory
}

/** What a shard's thread posts to the main thread, beside its rings. */
export type ShardEvent =
  | { readonly log: { readonly level: number; readonly message: string } }
  | { readonly running: readonly Uint8Array[] }

export function runShard(executor: ShardExecutor): never {
  let quietTurns = 0
  for (;;) {
    const drained = executor.drain(DRAIN_FRAMES_MAX)
    if (drained > 0 && !executor.journal.awaitsRest) executor.periodic()
    if (executor.scripts.attendance.serve()) continue
    const isBusy = quietTurns < QUIET_TURNS
    const pauseMs = executor.snapshots.isOn ? executor.snapshots.step(isBusy) : SLEEP_MS_MAX
    quietTurns = drained > 0 ? 0 : quietTurns + 1
    if (executor.sliceWork() || drained > 0 || pauseMs === 0) continue
    if (!executor.housekeeping.idle()) executor.sleep(pauseMs)
  }
}
