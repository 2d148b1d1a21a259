/** Which backups have had their time, and manifests that are not what they should be. */
import { describe, expect, it } from 'vitest'
import { formatManifest, isBackupId, type Manifest, newBackupId, parseManifest } from '../../src/backup/manifest.js'
import { outlived, retentionIn } from '../../src/backup/retention.js'

const DAY_MS = 86_400_000

describe('retention', () => {
  const kept = [1, 2, 3, 4, 5].map((day) => ({ id: `b${day}`, madeAtMs: day * DAY_MS }))
  const gone = (words: readonly string[], nowMs: number): string[] =>
    outlived(kept, retentionIn(words), nowMs).map(({ id }) => id)

  it.each([
    [['0', '0'], 100, []],
    [['2', '0'], 6, ['b3', 'b2', 'b1']],
    [['0', '2d'], 6, ['b3', 'b2', 'b1']],
    [['4', '3d'], 7, ['b3', 'b2', 'b1']],
    [['1', '1h'], 100, ['b4', 'b3', 'b2', 'b1']],
  ])('%j on day %i lets %j go', (words, day, expected) => {
    expect(gone(words, day * DAY_MS)).toEqual(expected)
  })
})

describe('a manifest', () => {
  const manifest: Manifest = {
    id: newBackupId(1_795_383_848_123),
    serverVersion: '0.1.0',
    gsn: 12,
    cutAtMs: 1_795_383_848_123,
    keys: 3,
    digest: '0'.repeat(40),
    rdbBytes: 100,
    file: { name: 'data.rdb.enc', bytes: 200, parts: [{ bytes: 200, sha256: 'a'.repeat(64) }] },
    encryption: { algorithm: 'AES-256-GCM', keyFingerprint: 'b'.repeat(16) },
    verifiedAtMs: null,
  }

  it('is read as it was written', () => {
    expect(isBackupId(manifest.id)).toBe(true)
    expect(parseManifest(formatManifest(manifest).toString())).toEqual({ manifest, failure: undefined })
    expect(parseManifest(formatManifest(manifest, 'why').toString()).failure).toBe('why')
  })

  it.each([
    ['{', 'no JSON'],
    ['[]', 'format'],
    ['null', 'is no object'],
    [formatManifest(manifest).toString().replace('"version": 1', '"version": 2'), 'has version 2, and 1 is known'],
    [formatManifest(manifest).toString().replace('data.rdb.enc', '../../passwd'), 'no valid name'],
    [formatManifest(manifest).toString().replace('"keys": 3', '"keys": -3'), 'no valid keys'],
    [formatManifest(manifest).toString().replace('aaaa', 'AAAA'), 'no valid sha256'],
  ])('that is none is refused: %j', (text, reason) => {
    expect(() => parseManifest(text)).toThrow(reason)
  })
})
