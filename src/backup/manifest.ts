/**
 * A backup's manifest: what it holds and how to tell that it is whole. JSON, written last: a backup without one is not there.
 *
 * Any thread.
 */
import { randomBytes } from 'node:crypto'

export const MANIFEST_NAME = 'manifest.json'
/** Has a manifest as well, and what was wrong: such a backup is kept apart from those that can be restored. */
export const FAILURE_NAME = 'failed.json'
export const MANIFEST_BYTES_MAX = 64 * 1024 * 1024

const FORMAT = 'shardkeep-backup'
const VERSION = 1

/** What a data set was at the moment that a snapshot shows. */
export interface SnapshotFacts {
  /** The sequence number of the last operation that is in it. */
  readonly gsn: number
  /** Unix time in ms. */
  readonly cutAtMs: number
  readonly keys: number
  /** DEBUG DIGEST at that moment: 40 hexadecimal digits. */
  readonly digest: string
}

/** A part of the file as it is stored. */
export interface StoredPart {
  readonly bytes: number
  readonly sha256: string
}

export interface Manifest extends SnapshotFacts {
  readonly id: string
  /** Version of the server that made it. */
  readonly serverVersion: string
  /** Bytes of the RDB file, before encryption. */
  readonly rdbBytes: number
  /** As it is stored: its name beside the manifest, and its parts one behind the other. */
  readonly file: { readonly name: string; readonly bytes: number; readonly parts: readonly StoredPart[] }
  readonly encryption: { readonly algorithm: 'AES-256-GCM'; readonly keyFingerprint: string } | null
  /** When it was read back, loaded, and found to have the digest; null for a backup that was not. */
  readonly verifiedAtMs: number | null
}

/** The manifest is none, or one that this version does not know. */
export class ManifestError extends Error {
  readonly code = 'BACKUP_MANIFEST'
}

/** The time and a part drawn by chance: `20261122T213000Z-3fa9c1b2`. They sort by time. */
export function newBackupId(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '')
  return `${time}-${randomBytes(4).toString('hex')}`
}

export function isBackupId(text: string): boolean {
  return /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(text)
}

export function formatManifest(manifest: Manifest, failure?: string): Buffer {
  const times = { cutAt: isoTime(manifest.cutAtMs), verifiedAt: isoTime(manifest.verifiedAtMs) }
  const document = {
    format: FORMAT,
    version: VERSION,
    ...manifest,
    ...times,
    ...(failure === undefined ? {} : { failure }),
  }
  return Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`)
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/** @throws ManifestError */
export function parseManifest(text: string): { readonly manifest: Manifest; readonly failure: string | undefined } {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new ManifestError('the manifest is no JSON')
  }
  const fields = new Fields(document, 'the manifest')
  if (fields.text('format') !== FORMAT) throw new ManifestError('the manifest is not that of a backup')
  const version = fields.number('version')
  if (version !== VERSION) throw new ManifestError(`the manifest has version ${version}, and ${VERSION} is known`)
  const file = fields.part('file')
  const encryption = fields.optionalPart('encryption')
  const manifest: Manifest = {
    id: fields.matching('id', /^\d{8}T\d{6}Z-[0-9a-f]{8}$/),
    serverVersion: fields.text('serverVersion'),
    gsn: fields.number('gsn'),
    cutAtMs: fields.number('cutAtMs'),
    keys: fields.number('keys'),
    digest: fields.matching('digest', /^[0-9a-f]{40}$/),
    rdbBytes: fields.number('rdbBytes'),
    file: {
      name: file.matching('name', /^[a-z][a-z0-9.]*$/),
      bytes: file.number('bytes'),
      parts: file.parts('parts').map((part) => ({
        bytes: part.number('bytes'),
        sha256: part.matching('sha256', /^[0-9a-f]{64}$/),
      })),
    },
    encryption:
      encryption === null
        ? null
        : {
            algorithm: encryption.matching('algorithm', /^AES-256-GCM$/) as 'AES-256-GCM',
            keyFingerprint: encryption.matching('keyFingerprint', /^[0-9a-f]{16}$/),
          },
    verifiedAtMs: fields.optionalNumber('verifiedAtMs'),
  }
  return { manifest, failure: fields.optionalText('failure') }
}

/** The fields of an object of unknown shape. */
class Fields {
  readonly #fields: Record<string, unknown>

  constructor(
    value: unknown,
    private readonly where: string,
  ) {
    if (typeof value !== 'object' || value === null) throw new ManifestError(`${where} is no object`)
    this.#fields = value as Record<string, unknown>
  }

  #fail(name: string): never {
    throw new ManifestError(`${this.where} has no valid ${name}`)
  }

  text(name: string): string {
    const value = this.#fields[name]
    return typeof value === 'string' ? value : this.#fail(name)
  }

  optionalText(name: string): string | undefined {
    return this.#fields[name] === undefined ? undefined : this.text(name)
  }

  matching(name: string, pattern: RegExp): string {
    const value = this.text(name)
    return pattern.test(value) ? value : this.#fail(name)
  }

  number(name: string): number {
    const value = this.#fields[name]
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : this.#fail(name)
  }

  optionalNumber(name: string): number | null {
    return this.#fields[name] === null ? null : this.number(name)
  }

  part(name: string): Fields {
    return new Fields(this.#fields[name], `${name} of ${this.where}`)
  }

  optionalPart(name: string): Fields | null {
    return this.#fields[name] === null ? null : this.part(name)
  }

  parts(name: string): Fields[] {
    const value = this.#fields[name]
    if (!Array.isArray(value)) return this.#fail(name)
    return value.map((part, i) => new Fields(part, `${name}[${i}] of ${this.where}`))
  }
}
