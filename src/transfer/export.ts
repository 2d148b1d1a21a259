/**
 * Writes keys in one of the forms that others read: RDB, commands in RESP, or lines of JSON.
 *
 * Any thread. Memory: that of the largest key.
 */
import { asciiBytes } from '../base/bytes.js'
import { CRC64_BYTES, Crc64 } from '../base/crc64.js'
import { RdbOpcode } from '../store/rdb/rdb-format.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'
import { commandsFor, encodeCommand } from './commands.js'
import { jsonLineOf, jsonLineOfLibrary } from './json-lines.js'
import { isLibrary, rdbVersionNeeded, type SourceItem, ValueReader } from './key-source.js'
import { typedValueOf } from './typed-value.js'

export const EXPORT_FORMATS = ['rdb', 'resp', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Pieces are collected until they are so long. */
const OUTPUT_BYTES = 64 * 1024

/** An RDB file that is to be written in another form. */
export interface ExportJob {
  readonly rdbPath: string
  readonly outPath: string
  readonly format: ExportFormat
  /** Keys whose time is over by then are left out. */
  readonly nowMs: number
}

export interface ExportOptions {
  readonly format: ExportFormat
  /** The version that an RDB file gets, asked for when the first key is there. */
  readonly rdbVersion: () => number
  /** Told of each key. */
  readonly onKey?: () => void
}

/** Something cannot be written in the form that was asked for. */
export class ExportError extends Error {
  readonly code = 'EXPORT'
}

/**
 * The bytes of an export.
 * @throws RdbFileError when a value cannot be read; ExportError
 */
export async function* exported(items: AsyncIterable<SourceItem>, options: ExportOptions): AsyncGenerator<Buffer> {
  const { format, rdbVersion, onKey = () => {} } = options
  const pieces =
    format === 'rdb'
      ? rdbPieces(items, rdbVersion, onKey)
      : format === 'resp'
        ? respPieces(items, onKey)
        : jsonPieces(items, onKey)
  let collected: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    collected.push(piece)
    bytes += piece.length
    if (bytes < OUTPUT_BYTES) continue
    yield Buffer.concat(collected)
    collected = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(collected)
}

async function* rdbPieces(
  items: AsyncIterable<SourceItem>,
  rdbVersion: () => number,
  onKey: () => void,
): AsyncGenerator<Uint8Array> {
  const crc = new Crc64()
  const writer = new RdbWriter()
  const summed = (bytes: Uint8Array): Uint8Array => {
    crc.update(bytes, 0, bytes.length)
    return bytes
  }
  const written = (write: () => void): Uint8Array => {
    writer.reset()
    write()
    return summed(writer.take())
  }
  let database = -1
  // It stands at the very beginning, before it is known what keys there will be.
  let version = 0
  for await (const item of items) {
    if (version === 0) {
      version = rdbVersion()
      yield summed(headerOf(version))
    }
    if (isLibrary(item)) {
      yield written(() => {
        writer.byte(RdbOpcode.function2)
        writer.string(item.library, 0, item.library.length)
      })
      continue
    }
    onKey()
    const needed = rdbVersionNeeded(item.rdbValue[0] as number)
    if (needed > version) {
      throw new ExportError(
        `a value needs version ${needed} of RDB, and the file has version ${version}: ask for --rdb-version ${needed}`,
      )
    }
    yield written(() => {
      if (item.database !== database) {
        writer.byte(RdbOpcode.selectDb)
        writer.length(item.database)
        database = item.database
      }
      if (item.expireAtMs !== null) {
        writer.byte(RdbOpcode.expiryMs)
        writer.int64(item.expireAtMs)
      }
      writer.byte(item.rdbValue[0] as number)
      writer.string(item.key, 0, item.key.length)
      writer.raw(item.rdbValue, 1, item.rdbValue.length - 1)
    })
  }
  if (version === 0) yield summed(headerOf(rdbVersion()))
  yield summed(Uint8Array.of(RdbOpcode.end))
  const checksum = new Uint8Array(CRC64_BYTES)
  crc.writeTo(checksum, 0)
  yield checksum
}

function headerOf(version: number): Uint8Array {
  return asciiBytes(`REDIS${String(version).padStart(4, '0')}`)
}

async function* respPieces(items: AsyncIterable<SourceItem>, onKey: () => void): AsyncGenerator<Uint8Array> {
  const values = new ValueReader()
  let database = 0
  for await (const item of items) {
    if (isLibrary(item)) {
      yield encodeCommand(['FUNCTION', 'LOAD', 'REPLACE', item.library])
      continue
    }
    onKey()
    if (item.database !== database) yield encodeCommand(['SELECT', String(item.database)])
    database = item.database
    const value = typedValueOf(values.read(item))
    // Elements would come on top of those of a key that is there.
    if (value.type !== 'string') yield encodeCommand(['DEL', item.key])
    for (const words of commandsFor(item.key, value, item.expireAtMs)) yield encodeCommand(words)
  }
}

async function* jsonPieces(items: AsyncIterable<SourceItem>, onKey: () => void): AsyncGenerator<Uint8Array> {
  const values = new ValueReader()
  for await (const item of items) {
    if (isLibrary(item)) {
      yield Buffer.from(jsonLineOfLibrary(item.library))
      continue
    }
    onKey()
    const { database, key, expireAtMs } = item
    for (const text of jsonLineOf({ database, key, expireAtMs, value: typedValueOf(values.read(item)) }))
      yield Buffer.from(text)
  }
}
