/**
 * Settings of backups and of periodic exports.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { CronPattern } from 'croner'
import { parseBackupLocation } from '../backup-location.js'
import { Refusal, type SettingArea, setting, type ValueType } from '../setting.js'
import { duration, integer, oneOf, optionalPath, string } from '../value-types.js'

const active = { effect: 'active' } as const
const DAY_SECONDS = 86400n

function checkSchedule(text: string): string | undefined {
  if (text === '') return undefined
  try {
    new CronPattern(text)
    return undefined
  } catch (error) {
    return `argument must be a schedule as cron has them: ${error instanceof Error ? error.message : String(error)}`
  }
}

function checkLocation(text: string): string | undefined {
  const location = parseBackupLocation(text)
  return typeof location === 'string' ? location : undefined
}

function checkEndpoint(text: string): string | undefined {
  if (text === '') return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return 'argument must be an http or https URL'
  if (url.username !== '' || url.password !== '') return 'argument must not hold credentials'
  return url.search === '' && url.hash === '' ? undefined : 'argument must be a URL without ? and #'
}

function checkRegion(text: string): string | undefined {
  return /^[a-z0-9-]*$/.test(text) ? undefined : 'argument must be a region such as eu-central-1'
}

const schedule = string({
  emptyIsUnset: true,
  check: checkSchedule,
  description: 'schedule such as `0 3 * * *`, as cron has them',
})
const location = string({ emptyIsUnset: true, check: checkLocation, description: 'folder or s3://bucket/prefix' })

/** What CONFIG GET shows in the place of a secret. Given to CONFIG SET it changes nothing, so that what was read can be written. */
const MASK = '********'

/** A text that nobody gets to see any more once it is set, but for the configuration file. */
const secret: ValueType<string> = {
  ...string({ emptyIsUnset: true, description: 'text, which CONFIG GET does not show' }),
  parse: (words, current) => (words[0] === MASK ? current : (words[0] as string)),
  print: (value) => (value === '' ? '' : MASK),
}

const RETENTION_COUNT = integer(0n, 100000n)
const RETENTION_AGE = duration(0n, 36500n * DAY_SECONDS)

/** `<count> [<age>]`, each 0 for no bound. */
const retention: ValueType<readonly string[]> = {
  description: 'number of backups to keep, and the age up to which they are kept, such as `7 30d`; 0 for no bound',
  takesSeveralWords: true,
  addsUp: false,
  parse(words) {
    if (words.length < 1 || words.length > 2) return new Refusal('argument must be a count and an age, such as 7 30d')
    const count = RETENTION_COUNT.parse(words.slice(0, 1), 0n)
    if (count instanceof Refusal) return count
    const age = RETENTION_AGE.parse([words[1] ?? '0'], 0n)
    if (age instanceof Refusal) return age
    return [String(count), RETENTION_AGE.print(age)]
  },
  print: (value) => value.join(' '),
  rewriteLines: (value, defaultValue) => [{ text: value.join(' '), force: value.join(' ') !== defaultValue.join(' ') }],
}

const NO_RETENTION = ['0', '0'] as const

export const backupSettings: SettingArea = {
  title: 'Backups and exports',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('backup-target', location, '', 'Where backups go: a folder (relative to `dir`) or `s3://bucket/prefix`; empty for none.', { ...active, guarded: true }),
    setting('backup-schedule', schedule, '', 'When a backup is made, in local time; empty for only when BACKUP NOW asks for it.', active),
    setting('backup-retention', retention, NO_RETENTION, 'Which backups are kept after one has succeeded; the last one that is proved stays always.', active),
    setting('backup-encryption-key-file', optionalPath, '', 'File with a key of 32 bytes (raw, 64 hexadecimal digits or Base64) that backups are encrypted with; empty for not at all.', { ...active, guarded: true }),
    setting('backup-s3-endpoint', string({ emptyIsUnset: true, check: checkEndpoint, description: 'URL' }), '', 'Server of the S3 protocol; empty for `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, or else that of AWS.', { ...active, guarded: true }),
    setting('backup-s3-region', string({ emptyIsUnset: true, check: checkRegion, description: 'region' }), '', 'Region; empty for `AWS_REGION`, `AWS_DEFAULT_REGION`, or else `us-east-1`.', active),
    setting('backup-s3-access-key-id', string({ emptyIsUnset: true }), '', 'Access key; empty for `AWS_ACCESS_KEY_ID` and its kin.', active),
    setting('backup-s3-secret-access-key', secret, '', 'Its secret.', { ...active, sensitive: true }),
    setting('backup-s3-session-token', secret, '', 'Token of temporary credentials.', { ...active, sensitive: true }),
    setting('export-target', location, '', 'Where periodic exports go: a folder (relative to `dir`) or `s3://bucket/prefix`; empty for none.', { ...active, guarded: true }),
    setting('export-schedule', schedule, '', 'When an export is made, in local time; empty for never.', active),
    setting('export-format', oneOf(['jsonl', 'resp', 'rdb']), 'jsonl', 'Form of periodic exports.', active),
    setting('export-retention', retention, NO_RETENTION, 'Which exports are kept after one has succeeded.', active),
  ],
}
