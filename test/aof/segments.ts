/**
 * Segments of the append-only log made by hand, and what a log that was cut off anywhere must come back as.
 *
 * Only used by tests.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatManifest, type Manifest } from '../../src/aof/manifest.js'

/** Texts hold one character a byte. */
export function record(...argv: string[]): string {
  return argv.reduce((text, word) => `${text}$${word.length}\r\n${word}\r\n`, `*${argv.length}\r\n`)
}

/** A piece of a segment: a unit of records under a number, or a mark. */
export type Piece = { readonly gsn: number; readonly records: readonly string[] } | { readonly mark: number }

/** The bytes of a segment, and where each piece ends. */
export function segmentOf(pieces: readonly Piece[]): { readonly text: string; readonly ends: readonly number[] } {
  let text = ''
  const ends: number[] = []
  for (const piece of pieces) {
    if ('mark' in piece) text += `#M:${piece.mark}\r\n`
    else {
      const body = piece.records.join('')
      text += `#G:${piece.gsn}\r\n${piece.records.length > 1 ? record('MULTI') + body + record('EXEC') : body}`
    }
    ends.push(text.length)
  }
  return { text, ends }
}

export const APPEND_FILE_NAME = 'appendonly.aof'

/** Writes a log without a base: one file for each text. */
export function writeLog(folder: string, texts: readonly (string | Buffer)[]): Manifest {
  mkdirSync(folder, { recursive: true })
  const files = texts.map((_, shard) => ({
    name: `${APPEND_FILE_NAME}.${shard + 1}.s${shard}.incr.aof`,
    seq: shard + 1,
    type: 'i' as const,
    shard,
    gsn: 0,
  }))
  texts.forEach((text, i) => {
    writeFileSync(path.join(folder, (files[i] as { name: string }).name), text, 'latin1')
  })
  const manifest = { shards: texts.length, files, history: [] }
  writeFileSync(path.join(folder, `${APPEND_FILE_NAME}.manifest`), formatManifest(manifest))
  return manifest
}
