/**
 * INFO's section on saving and loading. Main thread. Field names and their order are Redis's; what is about forks
 * shows what Redis shows when there is none.
 */
import type { AppendLogState } from './append-log-services.js'
import { type InfoSources, overShards } from './info-sources.js'
import type { LoadingState } from './persistence-services.js'

const MS_PER_SECOND = 1000

export function persistenceLines(sources: InfoSources): string[] {
  const { state } = sources.server.persistence
  const log = sources.server.appendLog.state
  return [
    `loading:${state.loading === null ? 0 : 1}`,
    'async_loading:0',
    'current_cow_peak:0',
    'current_cow_size:0',
    'current_cow_size_age:0',
    'current_fork_perc:0.00',
    `current_save_keys_processed:${state.saveKeysProcessed}`,
    `current_save_keys_total:${state.saveKeysTotal}`,
    `rdb_changes_since_last_save:${overShards(sources, (shard) => shard.dirty) - state.savedChanges}`,
    `rdb_bgsave_in_progress:${state.isSavingInBackground ? 1 : 0}`,
    `rdb_last_save_time:${Math.floor(state.lastSaveAtMs / MS_PER_SECOND)}`,
    `rdb_last_bgsave_status:${state.isLastBackgroundSaveOk ? 'ok' : 'err'}`,
    `rdb_last_bgsave_time_sec:${state.lastBackgroundSeconds}`,
    `rdb_current_bgsave_time_sec:${state.currentBackgroundSeconds}`,
    `rdb_saves:${state.saves}`,
    `rdb_last_cow_size:${state.lastSaveWaitingBytes}`,
    `rdb_last_load_keys_expired:${state.lastLoadKeysExpired}`,
    `rdb_last_load_keys_loaded:${state.lastLoadKeysLoaded}`,
    `aof_enabled:${log.isOn ? 1 : 0}`,
    `aof_rewrite_in_progress:${log.isRewriting ? 1 : 0}`,
    `aof_rewrite_scheduled:${log.isRewriteScheduled ? 1 : 0}`,
    `aof_last_rewrite_time_sec:${log.lastRewriteSeconds}`,
    `aof_current_rewrite_time_sec:${log.currentRewriteSeconds}`,
    `aof_last_bgrewrite_status:${log.isLastRewriteOk ? 'ok' : 'err'}`,
    `aof_rewrites:${log.rewrites}`,
    `aof_rewrites_consecutive_failures:${log.consecutiveFailures}`,
    `aof_last_write_status:${log.isLastWriteOk ? 'ok' : 'err'}`,
    'aof_last_cow_size:0',
    'module_fork_in_progress:0',
    'module_fork_last_cow_size:0',
    ...(log.isOn ? logLines(log) : []),
    ...(state.loading === null ? [] : loadingLines(state.loading, sources.nowMs)),
  ]
}

function logLines(log: AppendLogState): string[] {
  return [
    `aof_current_size:${log.currentBytes}`,
    `aof_base_size:${log.baseBytes}`,
    'aof_pending_rewrite:0',
    `aof_buffer_length:${log.bufferBytes}`,
    `aof_pending_bio_fsync:${log.pendingSyncs}`,
    `aof_delayed_fsync:${log.delayedSyncs}`,
  ]
}

function loadingLines(
  { startedAtMs, totalBytes, loadedBytes, writtenUsedBytes }: LoadingState,
  nowMs: number,
): string[] {
  const elapsedSeconds = Math.floor((nowMs - startedAtMs) / MS_PER_SECOND)
  const percent = totalBytes === 0 ? 0 : (loadedBytes / totalBytes) * 100
  // Nothing can be said in the first second.
  const etaSeconds =
    elapsedSeconds <= 0 ? 1 : Math.floor((elapsedSeconds * (totalBytes - loadedBytes)) / (loadedBytes + 1))
  return [
    `loading_start_time:${Math.floor(startedAtMs / MS_PER_SECOND)}`,
    `loading_total_bytes:${totalBytes}`,
    `loading_rdb_used_mem:${writtenUsedBytes}`,
    `loading_loaded_bytes:${loadedBytes}`,
    `loading_loaded_perc:${percent.toFixed(2)}`,
    `loading_eta_seconds:${etaSeconds}`,
  ]
}
