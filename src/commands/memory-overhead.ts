/**
 * Where the server's memory goes: the figures behind MEMORY STATS and MEMORY DOCTOR.
 *
 * Runs on the main thread, on the statistics that all shards have sent. All figures are bytes unless named otherwise.
 */
import type { ServerServices, ShardStatistics } from './server-services.js'

/** A time to live stands in the key's own record. */
const EXPIRY_BYTES = 8

export interface DatabaseOverhead {
  readonly index: number
  readonly table: number
  readonly expiries: number
}

export interface MemoryOverhead {
  readonly used: number
  readonly peak: number
  readonly startup: number
  readonly clients: number
  readonly clientCount: number
  readonly databases: readonly DatabaseOverhead[]
  /** All that is not keys and values. */
  readonly overhead: number
  readonly keys: number
  /** What keys, values and tables fill of the arenas, and what the arenas occupy. */
  readonly allocated: number
  readonly active: number
  readonly residentSet: number
}

/**
 * Bytes in use: keys, values and tables in the arenas, and the clients' buffers. That is what `maxmemory` limits. The
 * threads' own JavaScript heaps are not part of it, as they come and go with garbage collection; INFO shows them apart.
 */
export function usedMemoryBytes(shards: readonly ShardStatistics[], clientBytes: number): number {
  let used = clientBytes
  for (const shard of shards) used += shard.usedBytes
  return used
}

export function memoryOverhead(server: ServerServices, shards: readonly ShardStatistics[]): MemoryOverhead {
  let clients = 0
  let clientCount = 0
  for (const session of server.sessions()) {
    clients += session.totalMemoryBytes
    clientCount++
  }
  const used = usedMemoryBytes(shards, clients)
  const databases = databaseOverheads(shards)
  let overhead = server.startupMemoryBytes + clients
  for (const database of databases) overhead += database.table + database.expiries
  return {
    used,
    peak: Math.max(server.peakMemoryBytes, used),
    startup: server.startupMemoryBytes,
    clients,
    clientCount,
    databases,
    overhead: Math.min(overhead, used),
    keys: sum(shards, keysOf),
    allocated: sum(shards, (shard) => shard.usedBytes),
    active: sum(shards, (shard) => shard.arenaBytes),
    residentSet: process.memoryUsage.rss(),
  }
}

/** A shard reports the bytes of all its tables together; a database is charged by its share of the shard's keys. */
function databaseOverheads(shards: readonly ShardStatistics[]): DatabaseOverhead[] {
  const overheads = new Map<number, { index: number; table: number; expiries: number }>()
  for (const shard of shards) {
    const shardKeys = keysOf(shard)
    for (const { index, keys, expires } of shard.databases) {
      if (keys === 0) continue
      let overhead = overheads.get(index)
      if (overhead === undefined) {
        overhead = { index, table: 0, expiries: 0 }
        overheads.set(index, overhead)
      }
      overhead.table += Math.round((shard.tableBytes * keys) / shardKeys)
      overhead.expiries += expires * EXPIRY_BYTES
    }
  }
  return [...overheads.values()].sort((a, b) => a.index - b.index)
}

function keysOf(shard: ShardStatistics): number {
  let keys = 0
  for (const database of shard.databases) keys += database.keys
  return keys
}

function sum(shards: readonly ShardStatistics[], figure: (shard: ShardStatistics) => number): number {
  let total = 0
  for (const shard of shards) total += figure(shard)
  return total
}
