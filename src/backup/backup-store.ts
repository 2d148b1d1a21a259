/**
 * The backups of a target: writing, finding, reading and removing them.
 *
 *   <target>/<id>/data.rdb, or data.rdb.enc       the snapshot, see encryption.ts
 *   <target>/<id>/manifest.json                   written last: the backup is there
 *   <target>/<id>/failed.json                     in its place: the backup did not prove itself
 *
 * Runs on the main thread and in tools. Invariant: what `content` yields to its end is what was written.
 */
import { createHash, type Hash } from 'node:crypto'
import { decrypt, EncryptionError, encrypt, keyFingerprint } from './encryption.js'
import {
  FAILURE_NAME,
  formatManifest,
  isBackupId,
  MANIFEST_BYTES_MAX,
  MANIFEST_NAME,
  type Manifest,
  ManifestError,
  parseManifest,
  type StoredPart,
} from './manifest.js'
import { type BackupTarget, once, readWhole, TargetError } from './target.js'

/** Damage is narrowed down to so many bytes. */
const PART_BYTES = 64 * 1024 * 1024

/** `complete`: can be restored. `failed`: did not prove itself. `unfinished`: being written, or left by a crash. */
export type BackupState = 'complete' | 'failed' | 'unfinished'

export interface BackupEntry {
  readonly id: string
  readonly state: BackupState
  /** Bytes of all its files. */
  readonly bytes: number
  /** Null for unfinished ones, and where `failure` says why it cannot be read. */
  readonly manifest: Manifest | null
  readonly failure: string | undefined
}

/** A backup is not what it was when it was written. */
export class DamagedBackupError extends Error {
  readonly code = 'BACKUP_DAMAGED'
}

export class BackupStore {
  /** @param key what new backups are encrypted with, and what encrypted ones are read with; null for none */
  constructor(
    readonly target: BackupTarget,
    private readonly key: Buffer | null,
  ) {}

  /**
   * All backups of the target, oldest first.
   * @throws TargetError
   */
  async list(): Promise<BackupEntry[]> {
    const files = await this.target.list('')
    const ids = new Map<string, { bytes: number; names: Set<string> }>()
    for (const { name, bytes } of files) {
      const [id = '', file] = name.split('/')
      if (file === undefined || !isBackupId(id)) continue
      const found = ids.get(id) ?? { bytes: 0, names: new Set<string>() }
      found.bytes += bytes
      found.names.add(file)
      ids.set(id, found)
    }
    const entries: BackupEntry[] = []
    for (const [id, { bytes, names }] of [...ids].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const isComplete = names.has(MANIFEST_NAME)
      if (!isComplete && !names.has(FAILURE_NAME)) {
        entries.push({ id, state: 'unfinished', bytes, manifest: null, failure: undefined })
      } else {
        const state = isComplete ? 'complete' : 'failed'
        entries.push({ id, state, bytes, ...(await this.#readable(id, isComplete ? MANIFEST_NAME : FAILURE_NAME)) })
      }
    }
    return entries
  }

  async #readable(id: string, name: string): Promise<Pick<BackupEntry, 'manifest' | 'failure'>> {
    try {
      return await this.#read(id, name)
    } catch (error) {
      // One that somebody has damaged, or is just removing, must not hide the others.
      if (!(error instanceof ManifestError || error instanceof TargetError)) throw error
      return { manifest: null, failure: error.message }
    }
  }

  async #read(id: string, name: string): Promise<Pick<BackupEntry, 'failure'> & { manifest: Manifest }> {
    const { manifest, failure } = parseManifest(
      (await readWhole(this.target.get(`${id}/${name}`), MANIFEST_BYTES_MAX)).toString(),
    )
    if (manifest.id !== id) throw new ManifestError(`the manifest of ${id} is that of ${manifest.id}`)
    return { manifest, failure }
  }

  /**
   * The manifest of a backup that can be restored.
   * @throws TargetError, which `isMissing` when there is no such backup; ManifestError
   */
  async manifest(id: string): Promise<Manifest> {
    if (!isBackupId(id)) throw new TargetError(`${id} is not the id of a backup`, true)
    try {
      return (await this.#read(id, MANIFEST_NAME)).manifest
    } catch (error) {
      if (!(error instanceof TargetError && error.isMissing)) throw error
      throw new TargetError(`there is no backup ${id} in ${this.target.description}`, true)
    }
  }

  /**
   * Writes a backup's file. It is not there before `complete` or `fail` has written its manifest.
   * @throws TargetError
   */
  async write(
    id: string,
    content: AsyncIterable<Uint8Array>,
  ): Promise<Pick<Manifest, 'rdbBytes' | 'file' | 'encryption'>> {
    const { key } = this
    const name = key === null ? 'data.rdb' : 'data.rdb.enc'
    const plain = new Tally()
    const stored = new Tally()
    const parts: StoredPart[] = []
    const counted = plain.over(content)
    const file = `${id}/${name}`
    const coded = key === null ? counted : encrypt(counted, key, file)
    await this.target.put(file, stored.over(hashed(coded, parts)))
    return {
      rdbBytes: plain.bytes,
      file: { name, bytes: stored.bytes, parts },
      encryption: key === null ? null : { algorithm: 'AES-256-GCM', keyFingerprint: keyFingerprint(key) },
    }
  }

  /**
   * Makes a written backup one that can be restored.
   * @throws TargetError
   */
  complete(manifest: Manifest): Promise<void> {
    return this.target.put(`${manifest.id}/${MANIFEST_NAME}`, once(formatManifest(manifest)))
  }

  /**
   * Keeps a written backup apart.
   * @throws TargetError
   */
  fail(manifest: Manifest, reason: string): Promise<void> {
    return this.target.put(`${manifest.id}/${FAILURE_NAME}`, once(formatManifest(manifest, reason)))
  }

  /**
   * The RDB file of a backup, checked part by part.
   * @param onBytes is told how many stored bytes there were so far
   * @throws TargetError, DamagedBackupError, EncryptionError
   */
  content(manifest: Manifest, onBytes: (bytes: number) => void = () => {}): AsyncIterable<Uint8Array> {
    const file = `${manifest.id}/${manifest.file.name}`
    const stored = checked(this.target.get(file), file, manifest.file.parts, onBytes)
    if (manifest.encryption === null) return stored
    const { key } = this
    if (key === null) throw new EncryptionError(`the backup ${manifest.id} is encrypted, and no key file is given`)
    if (keyFingerprint(key) !== manifest.encryption.keyFingerprint) {
      throw new EncryptionError(
        `the backup ${manifest.id} was encrypted with another key: its fingerprint is ` +
          `${manifest.encryption.keyFingerprint}, that of the key file ${keyFingerprint(key)}`,
      )
    }
    return decrypt(stored, key, file)
  }

  /**
   * Removes a backup in any state. @returns false when there is nothing of it
   * @throws TargetError
   */
  async remove(id: string): Promise<boolean> {
    if (!isBackupId(id)) return false
    // Without its manifest it is not there any more, whatever happens to the rest. A crash may have left names unlisted.
    const marks = [`${id}/${MANIFEST_NAME}`, `${id}/${FAILURE_NAME}`]
    const files = await this.target.list(`${id}/`)
    for (const mark of marks) await this.target.remove(mark)
    for (const { name } of files) if (!marks.includes(name)) await this.target.remove(name)
    for (const name of ['data.rdb', 'data.rdb.enc']) await this.target.remove(`${id}/${name}`)
    return files.length > 0
  }
}

class Tally {
  bytes = 0

  async *over(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.bytes += chunk.length
      yield chunk
    }
  }
}

/** Passes a stream on and adds its parts to `parts`. */
async function* hashed(content: AsyncIterable<Uint8Array>, parts: StoredPart[]): AsyncGenerator<Uint8Array> {
  let hash = createHash('sha256')
  let bytes = 0
  const endPart = (): void => {
    parts.push({ bytes, sha256: hash.digest('hex') })
    hash = createHash('sha256')
    bytes = 0
  }
  for await (const chunk of content) {
    for (let rest = chunk; rest.length > 0; ) {
      const taken = rest.subarray(0, PART_BYTES - bytes)
      hash.update(taken)
      bytes += taken.length
      rest = rest.subarray(taken.length)
      if (bytes === PART_BYTES) endPart()
    }
    yield chunk
  }
  if (bytes > 0 || parts.length === 0) endPart()
}

/** Passes a stream on while it is what `parts` say. */
async function* checked(
  content: AsyncIterable<Uint8Array>,
  file: string,
  parts: readonly StoredPart[],
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let hash: Hash = createHash('sha256')
  let number = 0
  let bytes = 0
  let total = 0
  const endPart = (): void => {
    const part = parts[number] as StoredPart
    if (hash.digest('hex') !== part.sha256) {
      throw new DamagedBackupError(
        `${file} is damaged between byte ${total - part.bytes} and ${total}: part ${number + 1} of ${parts.length} ` +
          'does not have the SHA-256 that the manifest says',
      )
    }
    hash = createHash('sha256')
    number++
    bytes = 0
  }
  for await (const chunk of content) {
    for (let rest = chunk; rest.length > 0; ) {
      const part = parts[number]
      if (part === undefined) throw new DamagedBackupError(`${file} is longer than the manifest says: ${total} bytes`)
      const taken = rest.subarray(0, part.bytes - bytes)
      hash.update(taken)
      bytes += taken.length
      total += taken.length
      rest = rest.subarray(taken.length)
      if (bytes === part.bytes) endPart()
    }
    onBytes(total)
    yield chunk
  }
  if (number < parts.length && parts[number]?.bytes === 0) endPart()
  if (number < parts.length) throw new DamagedBackupError(`${file} ends after ${total} bytes: parts of it are missing`)
}
