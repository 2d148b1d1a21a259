/**
 * INFO's section Memory.
 *
 * Runs on the main thread. The figures are those of MEMORY STATS (memory-overhead.ts), under INFO's names. Scripts,
 * functions, replication, the append-only file and the cluster hold no memory as long as they do not exist.
 */
import { totalmem } from 'node:os'
import { type InfoSources, overShards } from './info-sources.js'
import { memoryOverhead } from './memory-overhead.js'

const SUFFIXES = ['B', 'K', 'M', 'G', 'T', 'P'] as const

/** A number of bytes for people, as Redis writes it: `512B`, `1.50K`, `3.00G`. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  let exponent = 1
  while (exponent < SUFFIXES.length - 1 && bytes >= 1024 ** (exponent + 1)) exponent++
  return `${(bytes / 1024 ** exponent).toFixed(2)}${SUFFIXES[exponent]}`
}

/** 1, "nothing is lost", where there is nothing yet to divide by. */
function ratio(held: number, needed: number): string {
  return (needed > 0 ? held / needed : 1).toFixed(2)
}

function percent(part: number, whole: number): string {
  return `${(whole > 0 ? (part * 100) / whole : 0).toFixed(2)}%`
}

export function memoryLines(sources: InfoSources): string[] {
  const { server, shards } = sources
  const memory = memoryOverhead(server, shards)
  const { used, peak, startup, overhead, allocated, active, residentSet } = memory
  // The periodic check may have come before and after a short peak; what is shown must not go down again.
  server.peakMemoryBytes = peak
  const systemBytes = totalmem()
  const limitBytes = server.config.number('maxmemory')
  const dataset = used - overhead
  // The system does not say which of the resident pages are the arenas', so that all of them count as resident.
  const resident = active
  const { scripts } = server
  let scriptBytes = 0
  for (const shard of shards) scriptBytes += shard.scriptBytes
  return [
    `used_memory:${used}`,
    `used_memory_human:${humanBytes(used)}`,
    `used_memory_rss:${residentSet}`,
    `used_memory_rss_human:${humanBytes(residentSet)}`,
    `used_memory_peak:${peak}`,
    `used_memory_peak_human:${humanBytes(peak)}`,
    `used_memory_peak_perc:${percent(used, peak)}`,
    `used_memory_overhead:${overhead}`,
    `used_memory_startup:${startup}`,
    `used_memory_dataset:${dataset}`,
    `used_memory_dataset_perc:${percent(dataset, used - startup)}`,
    `allocator_allocated:${allocated}`,
    `allocator_active:${active}`,
    `allocator_resident:${resident}`,
    `total_system_memory:${systemBytes}`,
    `total_system_memory_human:${humanBytes(systemBytes)}`,
    `used_memory_lua:${scriptBytes}`,
    `used_memory_vm_eval:${scriptBytes}`,
    `used_memory_lua_human:${humanBytes(scriptBytes)}`,
    `used_memory_scripts_eval:${scripts.textBytes}`,
    `number_of_cached_scripts:${scripts.count}`,
    'number_of_functions:0',
    'number_of_libraries:0',
    'used_memory_vm_functions:0',
    `used_memory_vm_total:${scriptBytes}`,
    `used_memory_vm_total_human:${humanBytes(scriptBytes)}`,
    'used_memory_functions:0',
    `used_memory_scripts:${scripts.textBytes}`,
    `used_memory_scripts_human:${humanBytes(scripts.textBytes)}`,
    `maxmemory:${limitBytes}`,
    `maxmemory_human:${humanBytes(limitBytes)}`,
    `maxmemory_policy:${server.config.text('maxmemory-policy')}`,
    `allocator_frag_ratio:${ratio(active, allocated)}`,
    `allocator_frag_bytes:${active - allocated}`,
    `allocator_rss_ratio:${ratio(resident, active)}`,
    `allocator_rss_bytes:${resident - active}`,
    `rss_overhead_ratio:${ratio(residentSet, resident)}`,
    `rss_overhead_bytes:${residentSet - resident}`,
    `mem_fragmentation_ratio:${ratio(residentSet, used)}`,
    `mem_fragmentation_bytes:${residentSet - used}`,
    'mem_not_counted_for_evict:0',
    'mem_replication_backlog:0',
    'mem_total_replication_buffers:0',
    'mem_clients_slaves:0',
    `mem_clients_normal:${memory.clients}`,
    'mem_cluster_links:0',
    'mem_aof_buffer:0',
    'mem_allocator:arena',
    'active_defrag_running:0',
    `lazyfree_pending_objects:${overShards(sources, (shard) => shard.condemnedValues)}`,
    `lazyfreed_objects:${overShards(sources, (shard) => shard.lazyFreedValues)}`,
  ]
}
