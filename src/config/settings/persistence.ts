/**
 * Settings of snapshots and of the append-only file.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { savePoints } from '../special-types.js'
import { count, duration, INT_MAX, INT_MIN, integer, LONG_MAX, memory, oneOf, string, yesNo } from '../value-types.js'

const MIB = 1024n ** 2n

const fixed = { mutable: false } as const
const active = { effect: 'active' } as const

function isPath(text: string): boolean {
  return text.includes('/') || text.includes('\\')
}

function checkSnapshotName(text: string): string | undefined {
  return isPath(text) ? "dbfilename can't be a path, just a filename" : undefined
}

function checkAofName(text: string): string | undefined {
  if (text === '') return "appendfilename can't be empty"
  return isPath(text) ? "appendfilename can't be a path, just a filename" : undefined
}

function checkAofFolder(text: string): string | undefined {
  if (text === '') return "appenddirname can't be empty"
  return isPath(text) ? "appenddirname can't be a path, just a dirname" : undefined
}

export const persistenceSettings: SettingArea = {
  title: 'Snapshots and the append-only file',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('save', savePoints, ['3600', '1', '300', '100', '60', '10000'], 'When to write a snapshot: after so many seconds with so many changes.', active),
    setting('dbfilename', string({ check: checkSnapshotName, description: 'file name' }), 'dump.rdb', 'The snapshot, in `dir`.', { ...active, guarded: true }),
    setting('rdbcompression', yesNo, true, 'Compress texts in snapshots.', active),
    setting('rdbchecksum', yesNo, true, 'Write and check the checksum of snapshots.', { ...active, ...fixed }),
    setting('sanitize-dump-payload', oneOf(['no', 'yes', 'clients']), 'no', 'Check the inside of values from snapshots and RESTORE.'),
    setting('stop-writes-on-bgsave-error', yesNo, true, 'Refuse writes after a snapshot failed.', active),
    setting('rdb-del-sync-files', yesNo, false, 'Delete snapshots that only replication needed.'),
    setting('rdb-save-incremental-fsync', yesNo, true, 'Sync a snapshot piece by piece while it is written.', active),
    setting('rdb-key-save-delay', integer(INT_MIN, INT_MAX), 0n, 'Delay for each key while saving, for tests.', { ...active, hidden: true }),
    setting('loading-process-events-interval-bytes', integer(1024n, INT_MAX), 2n * MIB, 'Bytes loaded between two looks at the clients.', { effect: 'not-applicable', hidden: true }),
    setting('appendonly', yesNo, false, 'Log every write, so that a crash loses little or nothing.', { ...active, deniedWhileLoading: true }),
    setting('appendfilename', string({ check: checkAofName, description: 'file name' }), 'appendonly.aof', 'Beginning of the names of the append-only files.', { ...active, ...fixed }),
    setting('appenddirname', string({ check: checkAofFolder, description: 'folder name' }), 'appendonlydir', 'Folder of the append-only files, in `dir`.', { ...active, ...fixed }),
    setting('appendfsync', oneOf(['everysec', 'always', 'no']), 'everysec', 'When the log is synced to disk.', active),
    setting('no-appendfsync-on-rewrite', yesNo, false, 'Do not sync the log while a snapshot or compaction is written.'),
    setting('auto-aof-rewrite-percentage', count, 100n, 'Growth of the log at which it is compacted; 0 for never.', active),
    setting('auto-aof-rewrite-min-size', memory(0n, LONG_MAX), 64n * MIB, 'Size below which the log is not compacted.', active),
    setting('aof-load-truncated', yesNo, true, 'Start when the end of the log is cut off.', active),
    setting('aof-use-rdb-preamble', yesNo, true, 'Compact the log into a snapshot instead of commands.', active),
    setting('aof-timestamp-enabled', yesNo, false, 'Write times into the log.', active),
    setting('aof-rewrite-incremental-fsync', yesNo, true, 'Sync a compacted log piece by piece while it is written.'),
    setting('aof-disable-auto-gc', yesNo, false, 'Keep log files that are no longer needed.', { ...active, hidden: true }),
    setting('aof-history-retention', duration(0n, 315360000n), 0n, 'How long log files that compaction has replaced are kept, to restore any point of that time.', active),
  ],
}
