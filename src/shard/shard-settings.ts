/**
 * The settings that shards look at: their names here are CONFIG's. The main thread sends each at start and on change.
 */
import type { ShardSettings } from '../commands/shard-call.js'
import { LIMIT_SETTINGS } from '../store/collection-limits.js'
import type { Keyspace } from '../store/keyspace.js'
import { eventClassesOf } from '../store/keyspace-events.js'

/** When a command is slow enough to be reported. */
export interface ObservedThresholds {
  /** Microseconds; negative: never. */
  slowlogUs: number
  /** Milliseconds; 0: never. */
  latencyMonitorMs: number
}

export const SHARD_SETTING_NAMES = [
  'proto-max-bulk-len',
  'maxmemory-policy',
  'lazyfree-lazy-user-del',
  'hll-sparse-max-bytes',
  'rdbcompression',
  'slowlog-log-slower-than',
  'latency-monitor-threshold',
  'lfu-log-factor',
  'lfu-decay-time',
  'active-expire-effort',
  'maxmemory',
  'maxmemory-samples',
  'maxmemory-eviction-tenacity',
  'lazyfree-lazy-eviction',
  'tracking-table-max-keys',
  'notify-keyspace-events',
  ...Object.keys(LIMIT_SETTINGS),
] as const

export function applyShardSetting(
  settings: ShardSettings,
  keyspace: Keyspace,
  thresholds: ObservedThresholds,
  name: string,
  value: string,
): void {
  const limit = LIMIT_SETTINGS[name]
  if (limit !== undefined) {
    keyspace.limits[limit] = Number(value)
    return
  }
  switch (name) {
    case 'proto-max-bulk-len':
      settings.protoMaxBulkLen = Number(value)
      return
    case 'maxmemory-policy':
      settings.maxmemoryPolicy = value
      keyspace.lfu = value.endsWith('-lfu')
      keyspace.eviction.policy = value
      return
    case 'lazyfree-lazy-user-del':
      settings.lazyfreeLazyUserDel = value === 'yes'
      return
    case 'rdbcompression':
      settings.rdbCompression = value === 'yes'
      return
    case 'hll-sparse-max-bytes':
      settings.hllSparseMaxBytes = Number(value)
      return
    case 'slowlog-log-slower-than':
      thresholds.slowlogUs = Number(value)
      return
    case 'latency-monitor-threshold':
      thresholds.latencyMonitorMs = Number(value)
      return
    case 'active-expire-effort':
      keyspace.activeExpireEffort = Number(value)
      return
    case 'maxmemory':
      keyspace.eviction.isLimited = value !== '0'
      return
    case 'maxmemory-eviction-tenacity':
      keyspace.eviction.tenacity = Number(value)
      return
    case 'maxmemory-samples':
      keyspace.eviction.samples = Number(value)
      return
    case 'lazyfree-lazy-eviction':
      keyspace.eviction.isLazy = value === 'yes'
      return
    case 'notify-keyspace-events':
      keyspace.eventClasses = eventClassesOf(value)
      return
    case 'tracking-table-max-keys':
      settings.trackingTableMaxKeys = Number(value)
      return
    case 'lfu-log-factor':
      keyspace.lfuLogFactor = Number(value)
      return
    case 'lfu-decay-time':
      keyspace.lfuDecayMinutes = Number(value)
      return
    default:
      throw new Error(`setting ${name} is none of a shard's`)
  }
}
