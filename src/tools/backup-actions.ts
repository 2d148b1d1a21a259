/** What `shardkeep backup list|verify|fetch` do. */
import type { BackupEntry } from '../backup/backup-store.js'
import { openBackup, openStore } from './backup-location.js'
import { fetchBackup, proveBackup } from './fetch-backup.js'
import type { TargetOptions } from './target-options.js'
import { ToolError } from './tool-error.js'

export async function list(options: TargetOptions & { readonly json?: true }): Promise<void> {
  const entries = await openStore(options).list()
  if (options.json === true) {
    for (const { id, state, bytes, failure, manifest } of entries) {
      process.stdout.write(`${JSON.stringify({ id, state, bytes, failure, manifest })}\n`)
    }
    return
  }
  if (entries.length === 0) process.stderr.write('There are no backups.\n')
  for (const entry of entries) process.stdout.write(`${lineOf(entry)}\n`)
}

function lineOf({ id, state, bytes, manifest, failure }: BackupEntry): string {
  const facts =
    manifest === null
      ? ''
      : `  ${manifest.keys} keys  gsn ${manifest.gsn}${manifest.encryption === null ? '' : '  encrypted'}${manifest.verifiedAtMs === null ? '' : '  verified'}`
  return `${id}  ${state.padEnd(10)}  ${bytes} bytes${facts}${failure === undefined ? '' : `  (${failure})`}`
}

export async function verify(
  names: readonly string[],
  options: TargetOptions & { readonly temporary: string },
): Promise<void> {
  const wanted = names.length > 0 ? names : idsOf(await openStore(options).list())
  let failed = 0
  for (const name of wanted) {
    try {
      const { store, manifest } = await openBackup(name, options)
      await proveBackup(store, manifest, options.temporary)
      process.stdout.write(`${manifest.id} ok\n`)
    } catch (error) {
      // The others may be whole.
      if (!(error instanceof Error && 'code' in error)) throw error
      failed++
      process.stdout.write(`${name} FAILED: ${error.message}\n`)
    }
  }
  if (failed > 0) throw new ToolError(`${failed} of ${wanted.length} backups did not prove themselves`)
}

function idsOf(entries: readonly BackupEntry[]): string[] {
  return entries.filter(({ state }) => state === 'complete').map(({ id }) => id)
}

export async function fetch(name: string, options: TargetOptions & { readonly out?: string }): Promise<void> {
  const { store, manifest } = await openBackup(name, options)
  const file = options.out ?? `${manifest.id}.rdb`
  await fetchBackup(store, manifest, file)
  process.stdout.write(`${file}\n`)
}
