/** What `shardkeep log` and `shardkeep export-aof` do. */
import { once } from 'node:events'
import { Element, RecordKind, SegmentReader } from '../aof/segment-reader.js'
import { globMatches } from '../base/glob.js'
import type { CommandSpec } from '../commands/spec.js'
import { findRecordId, keyPositions, specs } from '../commands/table.js'
import { quoteArgument } from '../config/arguments.js'
import { type LogNames, openLog, operationsBetween, writeHistory } from './log-folder.js'
import { numberOf } from './point-in-time.js'

export interface ShowLogOptions extends LogNames {
  readonly dir: string
  readonly fromSeq?: string
  readonly toSeq?: string
  readonly key?: string
}

const PLAIN = /^[!#-&(-[\]-~]+$/

/**
 * One line a record: number, time, shard, database, and the command with its arguments quoted as redis-cli reads them.
 */
export async function showLog(options: ShowLogOptions): Promise<void> {
  const log = await openLog(options.dir, options)
  const from = options.fromSeq === undefined ? 0 : numberOf(options.fromSeq)
  const to = options.toSeq === undefined ? log.cut : numberOf(options.toSeq)
  const glob = options.key === undefined ? null : Buffer.from(options.key, 'utf8')
  const reader = new SegmentReader()
  for await (const { gsn, units } of operationsBetween(log, from, to)) {
    for (const { shard, seconds, database, bytes } of units) {
      reader.openBytes(bytes, 0, bytes.length)
      reader.database = database
      const time = seconds === 0 ? '-' : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
      while (reader.next() === Element.record) {
        if (reader.kind !== RecordKind.plain || (glob !== null && !hasKey(reader, glob))) continue
        const line = `${gsn} ${time} shard ${shard} db ${reader.database} ${wordsOf(reader).join(' ')}\n`
        if (!process.stdout.write(line)) await once(process.stdout, 'drain')
      }
    }
  }
}

function wordsOf({ bytes, offsets, lengths, argc }: SegmentReader): string[] {
  return Array.from({ length: argc }, (_, i) => {
    const from = offsets[i] as number
    const word = Buffer.from(bytes.buffer, bytes.byteOffset + from, lengths[i]).toString('latin1')
    return PLAIN.test(word) ? word : quoteArgument(word)
  })
}

function hasKey({ bytes, offsets, lengths, argc }: SegmentReader, glob: Uint8Array): boolean {
  const id = findRecordId(bytes, offsets, lengths, argc)
  if (id < 0) return false
  const spec = specs[id] as CommandSpec
  // What is done to the whole keyspace has to do with every key.
  if (spec.route?.on === 'shards') return true
  const positions: number[] = []
  keyPositions(spec, bytes, offsets, lengths, argc, positions)
  return positions.some((i) =>
    globMatches(glob, 0, glob.length, bytes, offsets[i] as number, lengths[i] as number, false),
  )
}

export interface ExportLogOptions extends LogNames {
  readonly dir: string
  readonly out: string
  readonly toSeq?: string
}

export async function exportLog(options: ExportLogOptions): Promise<void> {
  const log = await openLog(options.dir, options)
  const seq = options.toSeq === undefined ? log.cut : numberOf(options.toSeq)
  await writeHistory(log, seq, options.out, options)
  process.stdout.write(`everything up to ${seq} is in ${options.out}\n`)
}
