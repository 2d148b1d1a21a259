/**
 * The endless loop of a shard's thread. Worker thread.
 *
 * The time of active expiry and of table growth comes from the ring like every other time: the main thread's cron sends
 * it, which also wakes a sleeping shard, so an idle shard does its periodic work at the server's `hz`.
 */
import type { RingMemory } from '../ring/byte-ring.js'
import type { ShardExecutor } from './executor.js'

/** Frames executed before replies are published: the main thread sends the first replies while the shard does the rest. */
const DRAIN_FRAMES_MAX = 512
/** Sleeps end after this long even if a wake-up were lost. */
const SLEEP_MS_MAX = 100

/** What a shard's thread is started with. */
export interface ShardBirth {
  readonly shard: number
  readonly shardCount: number
  readonly requests: RingMemory
  readonly replies: RingMemory
  readonly claims: SharedArrayBuffer
  readonly databases: number
  readonly hashSeed: readonly [number, number]
  readonly randomSeed: number
  readonly gauges: SharedArrayBuffer
}

export function runShard(executor: ShardExecutor): never {
  for (;;) {
    const drained = executor.drain(DRAIN_FRAMES_MAX)
    if (drained > 0) executor.periodic()
    if (executor.sliceWork() || drained > 0) continue
    if (!executor.housekeeping.idle()) executor.sleep(SLEEP_MS_MAX)
  }
}
