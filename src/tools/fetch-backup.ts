/**
 * Brings a backup's RDB file to this machine, checked and decrypted, and proves it: shared by the tools that need one.
 */
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type BackupStore, DamagedBackupError } from '../backup/backup-store.js'
import type { Manifest } from '../backup/manifest.js'
import { digestOfRdb } from '../backup/rdb-digest.js'
import { startProgress } from './progress.js'

/**
 * Writes the RDB file, which has its name only when it has proved itself.
 * @throws TargetError, DamagedBackupError, EncryptionError, RdbFileError, an error of the operating system
 */
export async function fetchBackup(store: BackupStore, manifest: Manifest, file: string): Promise<void> {
  await fetchAnd(store, manifest, file, async (unfinished) => {
    const handle = await open(unfinished, 'r+')
    await handle.sync().finally(() => handle.close())
    await rename(unfinished, file)
    const folder = await open(path.dirname(path.resolve(file)), 'r')
    await folder.sync().finally(() => folder.close())
  })
}

/**
 * Reads a backup and proves it; nothing is left of the file.
 * @param near the folder in which there is room for the file
 * @throws as `fetchBackup`
 */
export async function proveBackup(store: BackupStore, manifest: Manifest, near: string): Promise<void> {
  await fetchAnd(store, manifest, path.join(near, `shardkeep-${process.pid}-${manifest.id}.rdb`), async () => {})
}

async function fetchAnd(
  store: BackupStore,
  manifest: Manifest,
  file: string,
  then: (unfinished: string) => Promise<void>,
): Promise<void> {
  const unfinished = `${file}.unfinished`
  try {
    const reading = startProgress(`Reading ${manifest.id}`, 'bytes')
    const content = store.content(manifest, (bytes) => reading.update(bytes, manifest.file.bytes))
    await pipeline(content, createWriteStream(unfinished, { mode: 0o600 }))
    reading.end(`Backup ${manifest.id}: ${manifest.file.bytes} bytes, every part as the manifest says`)
    const loading = startProgress(`Loading ${manifest.id}`, 'bytes')
    const { digest, keys } = await digestOfRdb(unfinished, (bytes) => loading.update(bytes, manifest.rdbBytes))
    if (digest !== manifest.digest || keys !== manifest.keys) {
      throw new DamagedBackupError(
        `backup ${manifest.id} has ${keys} keys with the digest ${digest}, and its manifest says ${manifest.keys} keys with ` +
          manifest.digest,
      )
    }
    loading.end(`Backup ${manifest.id}: ${keys} keys, digest ${digest}, as at its moment`)
    await then(unfinished)
  } finally {
    await rm(unfinished, { force: true })
  }
}
