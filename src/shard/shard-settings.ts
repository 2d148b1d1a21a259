/**
 * The settings that shards look at: their names here are CONFIG's. The main thread sends each at start and on change.
 */
import type { ShardSettings } from '../commands/shard-call.js'
import type { Keyspace } from '../store/keyspace.js'

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
  'slowlog-log-slower-than',
  'latency-monitor-threshold',
  'lfu-log-factor',
  'lfu-decay-time',
] as const

export function applyShardSetting(
  settings: ShardSettings,
  keyspace: Keyspace,
  thresholds: ObservedThresholds,
  name: string,
  value: string,
): void {
  switch (name) {
    case 'proto-max-bulk-len':
      settings.protoMaxBulkLen = Number(value)
      return
    case 'maxmemory-policy':
      settings.maxmemoryPolicy = value
      keyspace.lfu = value.endsWith('-lfu')
      return
    case 'lazyfree-lazy-user-del':
      settings.lazyfreeLazyUserDel = value === 'yes'
      return
    case 'slowlog-log-slower-than':
      thresholds.slowlogUs = Number(value)
      return
    case 'latency-monitor-threshold':
      thresholds.latencyMonitorMs = Number(value)
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
