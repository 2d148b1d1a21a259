/**
 * INFO's sections on the server, its clients, traffic, replication and processor time, and its own section
 * Shardkeep.
 *
 * Runs on the main thread. Field names and their order are Redis's. A field about something that does not exist here
 * (forks, modules, active defragmentation, I/O threads) or not yet (replicas, the append-only file, scripts) shows what
 * Redis shows when it is off.
 */

import { readFileSync } from 'node:fs'
import { machine, release, type } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { typeOfSession } from './client-list.js'
import { type InfoSources, overShards } from './info-sources.js'
import { countsByError } from './info-statistics.js'

const SECONDS_PER_DAY = 24 * 60 * 60
/** Redis keeps access times in seconds, in 24 bits. */
const ACCESS_CLOCK_MASK = 0xffffff

export function serverLines({ server, nowMs }: InfoSources): string[] {
  const uptimeSeconds = Math.floor((nowMs - server.startedAtMs) / 1000)
  const hz = server.config.number('hz')
  return [
    `redis_version:${server.redisVersion}`,
    'redis_git_sha1:00000000',
    'redis_git_dirty:0',
    'redis_build_id:0',
    'redis_mode:standalone',
    `os:${type()} ${release()} ${machine()}`,
    'arch_bits:64',
    'monotonic_clock:POSIX clock_gettime',
    `multiplexing_api:${process.platform === 'linux' ? 'epoll' : 'kqueue'}`,
    'atomicvar_api:ecmascript',
    // What Redis prints when it was not compiled by gcc.
    'gcc_version:0.0.0',
    `process_id:${process.pid}`,
    'process_supervised:no',
    `run_id:${server.runId}`,
    `tcp_port:${server.config.number('port')}`,
    `server_time_usec:${server.clock.nowUs()}`,
    `uptime_in_seconds:${uptimeSeconds}`,
    `uptime_in_days:${Math.floor(uptimeSeconds / SECONDS_PER_DAY)}`,
    `hz:${hz}`,
    `configured_hz:${hz}`,
    `lru_clock:${Math.floor(nowMs / 1000) & ACCESS_CLOCK_MASK}`,
    `executable:${server.executable}`,
    `config_file:${server.configFile}`,
    'io_threads_active:0',
  ]
}

export function clientLines({ server }: InfoSources): string[] {
  let connected = 0
  let blocked = 0
  let subscribed = 0
  let watching = 0
  let watchedKeys = 0
  for (const session of server.sessions()) {
    connected++
    if (session.isBlocked || session.isPaused) blocked++
    if (typeOfSession(session) === 'pubsub') subscribed++
    if (session.watchedKeys > 0) watching++
    watchedKeys += session.watchedKeys
  }
  return [
    `connected_clients:${connected}`,
    'cluster_connections:0',
    `maxclients:${server.config.number('maxclients')}`,
    `client_recent_max_input_buffer:${server.network.maxInputBufferBytes}`,
    `client_recent_max_output_buffer:${server.network.maxOutputBufferBytes}`,
    `blocked_clients:${blocked}`,
    `tracking_clients:${server.tracking.clientCount}`,
    `pubsub_clients:${subscribed}`,
    `watching_clients:${watching}`,
    `clients_in_timeout_table:${server.timedClients}`,
    `total_watched_keys:${watchedKeys}`,
  ]
}

export function trafficLines(sources: InfoSources): string[] {
  const { network } = sources.server
  let errorReplies = 0
  for (const count of countsByError(sources).values()) errorReplies += count
  // Each shard has its own share of stale keys; the largest is the one to worry about.
  const stalePercent = Math.max(0, ...sources.shards.map((shard) => shard.expiredStalePercent))
  return [
    `total_connections_received:${network.connectionsReceived}`,
    `total_commands_processed:${network.commandsProcessed}`,
    `instantaneous_ops_per_sec:${Math.round(network.instantaneousOpsPerSecond)}`,
    `total_net_input_bytes:${network.inputBytes}`,
    `total_net_output_bytes:${network.outputBytes}`,
    'total_net_repl_input_bytes:0',
    'total_net_repl_output_bytes:0',
    `instantaneous_input_kbps:${network.instantaneousInputKbps.toFixed(2)}`,
    `instantaneous_output_kbps:${network.instantaneousOutputKbps.toFixed(2)}`,
    'instantaneous_input_repl_kbps:0.00',
    'instantaneous_output_repl_kbps:0.00',
    `rejected_connections:${network.connectionsRejected}`,
    'sync_full:0',
    'sync_partial_ok:0',
    'sync_partial_err:0',
    `expired_subkeys:${overShards(sources, (shard) => shard.expiredFields)}`,
    `expired_keys:${overShards(sources, (shard) => shard.expiredKeys)}`,
    `expired_stale_perc:${stalePercent.toFixed(2)}`,
    `expired_time_cap_reached_count:${overShards(sources, (shard) => shard.expiredTimeCapReached)}`,
    `expire_cycle_cpu_milliseconds:${Math.floor(overShards(sources, (shard) => shard.expireCycleUs) / 1000)}`,
    `evicted_keys:${overShards(sources, (shard) => shard.evictedKeys)}`,
    `evicted_clients:${network.evictedClients}`,
    `total_eviction_exceeded_time:${sources.server.evictionExceeded.totalMs}`,
    `current_eviction_exceeded_time:${sources.server.evictionExceeded.currentMs}`,
    `keyspace_hits:${overShards(sources, (shard) => shard.hits)}`,
    `keyspace_misses:${overShards(sources, (shard) => shard.misses)}`,
    `pubsub_channels:${sources.server.channels.count('channel')}`,
    `pubsub_patterns:${sources.server.channels.count('pattern')}`,
    `pubsubshard_channels:${sources.server.channels.count('shardChannel')}`,
    'latest_fork_usec:0',
    'total_forks:0',
    `migrate_cached_sockets:${sources.server.migrationLinksKept}`,
    'slave_expires_tracked_keys:0',
    'active_defrag_hits:0',
    'active_defrag_misses:0',
    'active_defrag_key_hits:0',
    'active_defrag_key_misses:0',
    'total_active_defrag_time:0',
    'current_active_defrag_time:0',
    `tracking_total_keys:${overShards(sources, (shard) => shard.trackedKeys)}`,
    `tracking_total_items:${overShards(sources, (shard) => shard.trackedItems)}`,
    `tracking_total_prefixes:${sources.server.tracking.prefixCount}`,
    `unexpected_error_replies:${network.unexpectedErrorReplies}`,
    `total_error_replies:${errorReplies}`,
    'dump_payload_sanitizations:0',
    `total_reads_processed:${network.readsProcessed}`,
    `total_writes_processed:${network.writesProcessed}`,
    'io_threaded_reads_processed:0',
    'io_threaded_writes_processed:0',
    `client_query_buffer_limit_disconnections:${network.clientQueryBufferLimitDisconnections}`,
    `client_output_buffer_limit_disconnections:${network.clientOutputBufferLimitDisconnections}`,
    'reply_buffer_shrinks:0',
    'reply_buffer_expands:0',
  ]
}

export function replicationLines({ server }: InfoSources): string[] {
  return [
    'role:master',
    'connected_slaves:0',
    'master_failover_state:no-failover',
    `master_replid:${server.replicationId}`,
    'master_replid2:0000000000000000000000000000000000000000',
    'master_repl_offset:0',
    'second_repl_offset:-1',
    'repl_backlog_active:0',
    `repl_backlog_size:${server.config.number('repl-backlog-size')}`,
    'repl_backlog_first_byte_offset:0',
    'repl_backlog_histlen:0',
  ]
}

/** Seconds with six decimals. */
function cpuSeconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6)
}

export function cpuLines(): string[] {
  const usage = process.cpuUsage()
  const lines = [
    `used_cpu_sys:${cpuSeconds(usage.system)}`,
    `used_cpu_user:${cpuSeconds(usage.user)}`,
    'used_cpu_sys_children:0.000000',
    'used_cpu_user_children:0.000000',
  ]
  const mainThread = mainThreadCpu()
  if (mainThread !== undefined) {
    lines.push(`used_cpu_sys_main_thread:${cpuSeconds(mainThread.system)}`)
    lines.push(`used_cpu_user_main_thread:${cpuSeconds(mainThread.user)}`)
  }
  return lines
}

/** Linux reports times in hundredths of a second, whatever the kernel's own tick. */
const CLOCK_TICK_US = 10_000

/**
 * Processor time of the main thread in microseconds, from proc(5), because Node.js 20 knows only the process's; on Linux
 * the main thread's id is the process's. Undefined elsewhere, where Redis leaves these fields out as well.
 */
function mainThreadCpu(): { user: number; system: number } | undefined {
  if (process.platform !== 'linux') return undefined
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
  // The second field, the name in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]) * CLOCK_TICK_US, system: Number(fields[12]) * CLOCK_TICK_US }
}

/** What only this server has: its version, what its threads hold, and a line for each shard. */
export function shardkeepLines(sources: InfoSources): string[] {
  const { server, shards } = sources
  return [
    `shardkeep_version:${server.version}`,
    `node_version:${process.versions.node}`,
    `shards:${server.shardCount}`,
    `shardkeep_v8_heap_used:${getHeapStatistics().used_heap_size + overShards(sources, (shard) => shard.heapUsedBytes)}`,
    `shardkeep_arena_bytes:${overShards(sources, (shard) => shard.arenaBytes)}`,
    `shardkeep_arena_used_bytes:${overShards(sources, (shard) => shard.usedBytes)}`,
    `shardkeep_table_bytes:${overShards(sources, (shard) => shard.tableBytes)}`,
    ...shards.map((shard) => {
      let keys = 0
      let expires = 0
      for (const database of shard.databases) {
        keys += database.keys
        expires += database.expires
      }
      return (
        `shard${shard.shard}:keys=${keys},expires=${expires},arena_bytes=${shard.arenaBytes}` +
        `,arena_used_bytes=${shard.usedBytes},table_bytes=${shard.tableBytes},v8_heap_used=${shard.heapUsedBytes}`
      )
    }),
  ]
}
