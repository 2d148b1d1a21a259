/**
 * FUNCTION DUMP's payload: the code of libraries, as an RDB file has it.
 *
 *   for each library: | 245 | code, an RDB string |
 *   then:             | version, u16 | CRC-64 of all before it |         numbers with the lowest byte first
 *
 * Main thread. The version and checksum are those of DUMP's payloads.
 */
import { asciiBytes, joinBytes } from '../../base/bytes.js'
import { CRC64_BYTES, Crc64 } from '../../base/crc64.js'
import { isDumpPayload } from '../../store/rdb/dump-payload.js'
import { DUMP_FOOTER_BYTES, RDB_VERSION } from '../../store/rdb/rdb-format.js'
import { RdbFormatError, RdbReader } from '../../store/rdb/rdb-reader.js'
import { RdbWriter } from '../../store/rdb/rdb-writer.js'

/** A library's code. */
const OPCODE_FUNCTION = 245
/** What release candidates of Redis 7.0 wrote: name, engine, perhaps a description, and code without a first line. */
const OPCODE_FUNCTION_OLD = 246

export function writeFunctionPayload(codes: Iterable<Uint8Array>, compresses: boolean): Uint8Array {
  const writer = new RdbWriter(compresses)
  for (const code of codes) {
    writer.byte(OPCODE_FUNCTION)
    writer.string(code, 0, code.length)
  }
  writer.byte(RDB_VERSION & 0xff)
  writer.byte(RDB_VERSION >>> 8)
  const crc = new Crc64()
  crc.update(writer.bytes, 0, writer.position)
  writer.ensure(CRC64_BYTES)
  crc.writeTo(writer.bytes, writer.position)
  writer.position += CRC64_BYTES
  return writer.take()
}

/** @returns the libraries' code, or the text of an error */
export function readFunctionPayload(payload: Uint8Array): readonly Uint8Array[] | string {
  if (!isDumpPayload(payload, 0, payload.length)) return 'ERR DUMP payload version or checksum are wrong'
  const reader = new RdbReader()
  reader.open(payload, 0, payload.length - DUMP_FOOTER_BYTES)
  const codes: Uint8Array[] = []
  let reading = 'library payload'
  try {
    while (reader.remaining > 0) {
      const opcode = reader.byte()
      if (opcode === OPCODE_FUNCTION) {
        reading = 'library payload'
        codes.push(reader.stringCopy())
      } else if (opcode === OPCODE_FUNCTION_OLD) {
        reading = 'library name'
        const name = reader.stringCopy()
        reading = 'engine name'
        const engine = reader.stringCopy()
        reading = 'library description indicator'
        const hasDescription = reader.length() > 0
        reading = 'library description'
        if (hasDescription) reader.string()
        reading = 'library blob'
        const code = reader.stringCopy()
        codes.push(joinBytes([asciiBytes('#!'), engine, asciiBytes(' name='), name, asciiBytes('\n'), code]))
      } else {
        return 'ERR given type is not a function'
      }
    }
  } catch (error) {
    if (error instanceof RdbFormatError) return `ERR Failed loading ${reading}`
    throw error
  }
  return codes
}
