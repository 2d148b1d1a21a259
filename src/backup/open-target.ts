/**
 * Makes the target that a location names.
 *
 * Runs on the main thread and in tools.
 */
import type { BackupLocation } from '../config/backup-location.js'
import { DirectoryTarget } from './directory-target.js'
import { type S3Access, S3Target } from './s3-target.js'
import type { BackupTarget } from './target.js'

/** What the settings say about S3, each empty for what the environment says. */
export interface S3Settings {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

export const NO_S3_SETTINGS: S3Settings = {
  endpoint: '',
  region: '',
  accessKeyId: '',
  secretAccessKey: '',
  sessionToken: '',
}

/** @throws TargetError when there are no credentials */
export function openTarget(
  location: Exclude<BackupLocation, { kind: 'none' }>,
  settings: S3Settings,
  environment: NodeJS.ProcessEnv,
): BackupTarget {
  if (location.kind === 'directory') return new DirectoryTarget(location.path)
  return new S3Target(location, accessFrom(settings, environment))
}

/** Credentials belong together: either all are the settings', or all the environment's. */
function accessFrom(settings: S3Settings, environment: NodeJS.ProcessEnv): S3Access {
  const isSet = settings.accessKeyId !== '' || settings.secretAccessKey !== ''
  return {
    endpoint: settings.endpoint || environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || '',
    region: settings.region || environment.AWS_REGION || environment.AWS_DEFAULT_REGION || 'us-east-1',
    accessKeyId: isSet ? settings.accessKeyId : (environment.AWS_ACCESS_KEY_ID ?? ''),
    secretAccessKey: isSet ? settings.secretAccessKey : (environment.AWS_SECRET_ACCESS_KEY ?? ''),
    sessionToken: isSet ? settings.sessionToken : (environment.AWS_SESSION_TOKEN ?? ''),
  }
}
