/** The targets that a server's settings name. Main thread. */
import { parseBackupLocation } from '../config/backup-location.js'
import type { Configuration } from '../config/configuration.js'
import { openTarget } from './open-target.js'
import type { BackupTarget } from './target.js'

/** Settings that cannot be obeyed: the server must not start with them. */
export class BackupSettingsError extends Error {
  readonly code = 'BACKUP_SETTINGS'
}

/** Settings that a target of S3 goes by. */
export const S3_SETTINGS = ['backup-s3-access-key-id', 'backup-s3-secret-access-key', 'backup-s3-session-token']

/** @throws BackupSettingsError, TargetError */
export function configuredTarget(config: Configuration, name: 'backup-target' | 'export-target'): BackupTarget {
  const location = parseBackupLocation(config.text(name))
  if (typeof location === 'string') throw new BackupSettingsError(`${name} ${location}`)
  if (location.kind === 'none') throw new BackupSettingsError(`There is no ${name}`)
  return openTarget(
    location.kind === 'directory' ? { kind: 'directory', path: config.path(name) } : location,
    {
      endpoint: config.text('backup-s3-endpoint'),
      region: config.text('backup-s3-region'),
      accessKeyId: config.text('backup-s3-access-key-id'),
      secretAccessKey: config.text('backup-s3-secret-access-key'),
      sessionToken: config.text('backup-s3-session-token'),
    },
    process.env,
  )
}
