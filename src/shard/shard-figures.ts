/** What a shard reports of itself for INFO, and what CONFIG RESETSTAT sets back. Runs in a shard worker. */
import { getHeapStatistics } from 'node:v8'
import type { CommandStatistics } from '../commands/command-statistics.js'
import type { ShardStatistics } from '../commands/server-services.js'
import type { Keyspace } from '../store/keyspace.js'
import type { Housekeeping } from './housekeeping.js'
import type { ScriptRunner } from './script-runner.js'
import type { TrackingTable } from './tracking-table.js'

/** What has figures of its own. */
export interface ShardParts {
  readonly keyspace: Keyspace
  readonly tracking: TrackingTable
  readonly housekeeping: Housekeeping
  readonly scripts: ScriptRunner
}

export function shardFigures(
  shard: number,
  { keyspace, tracking, housekeeping, scripts }: ShardParts,
  statistics: CommandStatistics,
): ShardStatistics {
  const { stats } = keyspace
  const memory = keyspace.memory()
  const heap = getHeapStatistics()
  const databases = []
  for (let index = 0; index < keyspace.databases; index++) {
    const db = keyspace.database(index)
    if (db.size > 0) {
      databases.push({ index, keys: db.size, expires: db.expiresSize, averageTtlMs: db.averageTtlMs })
    }
  }
  return {
    shard,
    databases,
    hits: stats.hits,
    misses: stats.misses,
    expiredKeys: stats.expiredKeys,
    expiredFields: stats.expiredFields,
    expiredStalePercent: stats.expiredStalePercent,
    expiredTimeCapReached: stats.expiredTimeCapReached,
    expireCycleUs: Math.round(housekeeping.expireCycleUs),
    evictedKeys: stats.evictedKeys,
    lazyFreedValues: stats.lazyFreedValues,
    condemnedValues: keyspace.condemned.count,
    dirty: stats.dirty,
    trackedKeys: tracking.keys,
    trackedItems: tracking.items,
    arenaBytes: memory.arenaBytes,
    usedBytes: memory.usedBytes,
    tableBytes: memory.tableBytes,
    heapUsedBytes: heap.used_heap_size,
    heapTotalBytes: heap.total_heap_size,
    scriptBytes: scripts.table.memoryBytes,
    commands: statistics.snapshot(),
    errors: { ...statistics.errors },
  }
}

export function resetFigures({ stats }: Keyspace): void {
  stats.hits = 0
  stats.misses = 0
  stats.expiredKeys = 0
  stats.expiredFields = 0
  stats.evictedKeys = 0
  stats.lazyFreedValues = 0
  stats.expiredTimeCapReached = 0
  stats.expiredStalePercent = 0
}
