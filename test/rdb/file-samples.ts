/**
 * RDB files put together byte by byte, for tests of reading them. Only used by tests.
 */
import { asciiBytes, joinBytes } from '../../src/base/bytes.js'
import { Crc64 } from '../../src/base/crc64.js'
import { RdbOpcode } from '../../src/store/rdb/rdb-format.js'
import { RdbWriter } from '../../src/store/rdb/rdb-writer.js'
import { samples } from '../store/rdb/payload-samples.js'

const DUMP_FOOTER_BYTES = 10

/** A file of this version: header, what `write` writes, end mark, checksum (or zeros). */
export function fileOf(version: number, write: (writer: RdbWriter) => void, hasChecksum = true): Uint8Array {
  const writer = new RdbWriter()
  const header = asciiBytes(`REDIS${String(version).padStart(4, '0')}`)
  writer.raw(header, 0, header.length)
  write(writer)
  writer.byte(RdbOpcode.end)
  const checksum = new Uint8Array(8)
  if (hasChecksum) {
    const crc = new Crc64()
    crc.update(writer.bytes, 0, writer.position)
    crc.writeTo(checksum, 0)
  }
  return joinBytes([writer.take(), checksum])
}

export function writeText(writer: RdbWriter, text: string): void {
  const bytes = asciiBytes(text)
  writer.string(bytes, 0, bytes.length)
}

export function writeStringKey(writer: RdbWriter, key: string, value: string): void {
  writer.byte(0)
  writeText(writer, key)
  writeText(writer, value)
}

/** A key for each sample of a value, named after it. */
export function writeSamples(writer: RdbWriter): void {
  for (const { name, payload } of samples) {
    writer.byte(payload[0] as number)
    writeText(writer, name)
    writer.raw(payload, 1, payload.length - 1 - DUMP_FOOTER_BYTES)
  }
}

/** The code of a library of functions. */
export const LIBRARY = "#!lua name=library\nredis.register_function('one', function() return 1 end)"

/** A file with every opcode and a value of every form. */
export function everyForm(): Uint8Array {
  return fileOf(12, (writer) => {
    writer.byte(RdbOpcode.aux)
    writeText(writer, 'redis-ver')
    writeText(writer, '7.4.0')
    writer.byte(RdbOpcode.moduleAux)
    // "shardtest", version 3, as the ids of module types are put together; then when, a number, a text and the end.
    writer.length64(0xb216ab76, 0xd7acb403)
    writer.length(2)
    writer.length(1)
    writer.length(1)
    writer.length(77)
    writer.length(4)
    writer.double(1.5)
    writer.length(3)
    writer.raw(new Uint8Array(4), 0, 4)
    writer.length(5)
    writeText(writer, 'text')
    writer.length(0)
    writer.byte(RdbOpcode.function2)
    writeText(writer, LIBRARY)
    writer.byte(RdbOpcode.selectDb)
    writer.length(0)
    writer.byte(RdbOpcode.resizeDb)
    writer.length(samples.length)
    writer.length(2)
    writeSamples(writer)
    writer.byte(RdbOpcode.selectDb)
    writer.length(9)
    writer.byte(RdbOpcode.slotInfo)
    writer.length(1)
    writer.length(2)
    writer.length(3)
    writer.byte(RdbOpcode.expiryMs)
    writer.int64(4_000_000_000_123)
    writer.byte(RdbOpcode.idle)
    writer.length(1000)
    writeStringKey(writer, 'expires', 'in ms')
    writer.byte(RdbOpcode.expirySeconds)
    writer.raw(Uint8Array.of(0x00, 0x94, 0x35, 0x77), 0, 4)
    writer.byte(RdbOpcode.frequency)
    writer.byte(200)
    writeStringKey(writer, 'expires in seconds', 'x'.repeat(5000))
  })
}
