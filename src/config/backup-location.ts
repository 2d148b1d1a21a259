/**
 * Where backups and exports go, as a setting or an argument names it: a folder, or `s3://bucket/prefix`.
 *
 * Any thread. Invariant: a location never holds a secret, so that it may be logged.
 */

export type BackupLocation =
  | { readonly kind: 'none' }
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3'
      readonly bucket: string
      /** Without slashes at its ends; empty for none. */
      readonly prefix: string
    }

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i
/** S3's rules for the names of buckets. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** Characters of object names that no tool has trouble with. */
const PREFIX = /^[A-Za-z0-9!_.*'()/-]*$/

/** @returns the location, or why the text names none */
export function parseBackupLocation(text: string): BackupLocation | string {
  if (text === '') return { kind: 'none' }
  if (!SCHEME.test(text)) return { kind: 'directory', path: text }
  const parts = /^s3:\/\/([^/]*)\/?(.*)$/i.exec(text)
  if (parts === null) return 'must be a directory or s3://bucket/prefix'
  const [, bucket = '', rest = ''] = parts
  if (bucket.includes('@')) return 'must not hold credentials: there are settings for them'
  if (!BUCKET.test(bucket)) return 'the name of the bucket must have 3 to 63 small letters, digits, dots and hyphens'
  const prefix = rest.replace(/^\/+|\/+$/g, '')
  if (!PREFIX.test(prefix)) return "the prefix may have letters, digits and the characters ! _ . * ' ( ) / -"
  if (prefix.split('/').some((segment) => segment === '.' || segment === '..')) {
    return 'the prefix must not go up or stay: no segment may be . or ..'
  }
  return { kind: 's3', bucket, prefix }
}
