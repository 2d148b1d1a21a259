/**
 * Which target a tool's options name: `--target` and its kin, or the settings of a server (`--config`), options winning.
 */
import { resolve } from 'node:path'
import { type BackupEntry, BackupStore } from '../backup/backup-store.js'
import { readKeyFile } from '../backup/encryption.js'
import { isBackupId, type Manifest } from '../backup/manifest.js'
import { openTarget } from '../backup/open-target.js'
import { parseBackupLocation } from '../config/backup-location.js'
import { Configuration } from '../config/configuration.js'
import { loadConfiguration } from '../config/redis-conf.js'
import type { TargetOptions } from './target-options.js'
import { ToolError } from './tool-error.js'

/** @throws ToolError, TargetError, EncryptionError, ConfigurationError */
export function openStore(options: TargetOptions): BackupStore {
  const config =
    options.config === undefined
      ? new Configuration()
      : loadConfiguration({ file: resolve(options.config), standardInput: '', options: '' })
  const text = options.target ?? config.text('backup-target')
  const location = parseBackupLocation(text)
  if (typeof location === 'string') throw new ToolError(`the target ${text} ${location}`)
  if (location.kind === 'none')
    throw new ToolError('no target is given: use --target, or --config with a file that has a backup-target')
  const path = options.target === undefined ? config.path('backup-target') : resolve(options.target)
  const keyFile = options.keyFile === undefined ? config.path('backup-encryption-key-file') : resolve(options.keyFile)
  const target = openTarget(
    location.kind === 'directory' ? { kind: 'directory', path } : location,
    {
      endpoint: options.s3Endpoint ?? config.text('backup-s3-endpoint'),
      region: options.s3Region ?? config.text('backup-s3-region'),
      accessKeyId: config.text('backup-s3-access-key-id'),
      secretAccessKey: config.text('backup-s3-secret-access-key'),
      sessionToken: config.text('backup-s3-session-token'),
    },
    process.env,
  )
  return new BackupStore(target, keyFile === '' ? null : readKeyFile(keyFile))
}

/**
 * The backup that an argument names: an id, `latest`, or folder or URL with the id at its end.
 * @throws ToolError, and what `openStore` throws
 */
export async function openBackup(
  name: string,
  options: TargetOptions,
): Promise<{ store: BackupStore; manifest: Manifest }> {
  const [, target, id = name] = /^(.*)\/([^/]+)\/*$/.exec(name) ?? []
  const store = openStore(target === undefined ? options : { ...options, target: target || '/' })
  if (id === 'latest') {
    const manifest = latestOf(await store.list())
    if (manifest === undefined) throw new ToolError(`there is no backup in ${store.target.description}`)
    return { store, manifest }
  }
  if (!isBackupId(id)) throw new ToolError(`${name} names no backup: an id, latest, or a path that ends with an id`)
  return { store, manifest: await store.manifest(id) }
}

function latestOf(entries: readonly BackupEntry[]): Manifest | undefined {
  return entries.findLast(({ state, manifest }) => state === 'complete' && manifest !== null)?.manifest ?? undefined
}
