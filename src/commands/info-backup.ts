/** INFO's section on backups, which Redis has not. Main thread. */
import type { InfoSources } from './info-sources.js'

const MS_PER_SECOND = 1000

function seconds(ms: number): number {
  return Math.floor(ms / MS_PER_SECOND)
}

export function backupLines({ server, nowMs }: InfoSources): string[] {
  const { figures } = server.backups
  const { last, lastSuccess, lastExport } = figures
  return [
    `backup_in_progress:${figures.phase === 'idle' ? 0 : 1}`,
    `backup_phase:${figures.phase}`,
    `backup_current_time_sec:${figures.phase === 'idle' ? -1 : seconds(nowMs - figures.startedAtMs)}`,
    `backup_succeeded:${figures.succeeded}`,
    `backup_failed:${figures.failed}`,
    `backup_last_status:${last === null ? 'none' : last.isOk ? 'ok' : 'err'}`,
    `backup_last_time_sec:${last === null ? -1 : seconds(last.durationMs)}`,
    `backup_last_bytes:${last?.bytes ?? 0}`,
    `backup_last_success_time:${seconds(lastSuccess?.endedAtMs ?? 0)}`,
    `backup_last_success_id:${lastSuccess?.id ?? ''}`,
    `backup_next_time:${seconds(figures.nextAtMs)}`,
    `export_last_status:${lastExport === null ? 'none' : lastExport.isOk ? 'ok' : 'err'}`,
    `export_last_time:${seconds(lastExport?.endedAtMs ?? 0)}`,
    `export_next_time:${seconds(figures.nextExportAtMs)}`,
  ]
}
