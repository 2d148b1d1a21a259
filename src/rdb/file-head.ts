/**
 * What stands in an RDB file in front of its keys: version, fields about the file, libraries of functions, and for each
 * database how many keys it has, so that whoever loads the file can make its tables large enough.
 */
import { asciiBytes } from '../base/bytes.js'
import { RdbOpcode } from '../store/rdb/rdb-format.js'
import { RdbWriter } from '../store/rdb/rdb-writer.js'

const VERSION_DIGITS = 4

/** A part of a database. */
export interface DatabaseSize {
  readonly index: number
  readonly keys: number
  readonly expires: number
}

export function fileHead(
  version: number,
  aux: readonly (readonly [name: string, value: string])[],
  libraries: readonly Uint8Array[],
  databases: readonly DatabaseSize[],
): Uint8Array {
  const writer = new RdbWriter()
  const text = (text: string): void => {
    const bytes = Buffer.from(text, 'latin1')
    writer.string(bytes, 0, bytes.length)
  }
  const signature = asciiBytes(`REDIS${String(version).padStart(VERSION_DIGITS, '0')}`)
  writer.raw(signature, 0, signature.length)
  for (const [name, value] of aux) {
    writer.byte(RdbOpcode.aux)
    text(name)
    text(value)
  }
  for (const code of libraries) {
    writer.byte(RdbOpcode.function2)
    writer.string(code, 0, code.length)
  }
  for (const index of [...new Set(databases.map(({ index }) => index))].sort((a, b) => a - b)) {
    const parts = databases.filter((part) => part.index === index)
    writer.byte(RdbOpcode.selectDb)
    writer.length(index)
    writer.byte(RdbOpcode.resizeDb)
    writer.length(parts.reduce((sum, { keys }) => sum + keys, 0))
    writer.length(parts.reduce((sum, { expires }) => sum + expires, 0))
  }
  return writer.take()
}
