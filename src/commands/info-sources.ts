/**
 * What INFO's sections are made from: the server, every shard's statistics at one place in the order, and the time.
 *
 * Main thread.
 */
import type { ServerServices, ShardStatistics } from './server-services.js'

export interface InfoSources {
  readonly server: ServerServices
  readonly shards: readonly ShardStatistics[]
  readonly nowMs: number
}

/** The sum over all shards. */
export function overShards(sources: InfoSources, figure: (shard: ShardStatistics) => number): number {
  let total = 0
  for (const shard of sources.shards) total += figure(shard)
  return total
}
