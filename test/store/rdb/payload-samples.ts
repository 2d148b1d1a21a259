/**
 * Payloads to load: those recorded from Redis, and some in forms of later versions, made here.
 *
 * Only used by tests. Bytes are written with the writer under test; that Redis reads what it writes is shown elsewhere.
 */
import { asciiBytes, joinBytes } from '../../../src/base/bytes.js'
import { Crc64 } from '../../../src/base/crc64.js'
import { Listpack } from '../../../src/store/listpack.js'
import { RdbType } from '../../../src/store/rdb/rdb-format.js'
import { RdbWriter } from '../../../src/store/rdb/rdb-writer.js'
import { recordedPayloads } from './recorded-payloads.js'

export interface Sample {
  readonly name: string
  readonly payload: Uint8Array
}

/** A payload with the checksum that it should have, whatever is in it. */
export function sealed(body: Uint8Array, version = 10): Uint8Array {
  const crc = new Crc64()
  const whole = joinBytes([body, Uint8Array.of(version & 0xff, version >>> 8), new Uint8Array(8)])
  crc.update(whole, 0, whole.length - 8)
  crc.writeTo(whole, whole.length - 8)
  return whole
}

/** A listpack of these values, numbers as integers. */
export function listpackOf(...values: readonly (string | number)[]): Uint8Array {
  const listpack = new Listpack()
  for (const value of values) {
    const bytes = asciiBytes(String(value))
    listpack.put(bytes, 0, bytes.length)
  }
  return listpack.putAsBytes()
}

/** A body of a payload; strings and listpacks are written as strings. */
export function body(
  rdbType: number,
  write: (writer: RdbWriter, string: (value: string | Uint8Array) => void) => void,
): Uint8Array {
  const writer = new RdbWriter()
  writer.byte(rdbType)
  write(writer, (value) => {
    const bytes = typeof value === 'string' ? asciiBytes(value) : value
    writer.string(bytes, 0, bytes.length)
  })
  return writer.take()
}

/** The ID `ms`-1 as 16 bytes. */
function rawId(ms: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes[7] = ms
  bytes[15] = 1
  return bytes
}

/** A node with the entries 1-1 (fields of the master) and 3-1 (a field of its own). */
const streamNode = listpackOf(2, 0, 1, 'f', 0, 2, 0, 0, 'v', 4, 0, 2, 0, 1, 'g', 'w', 6)

/** A stream of one node, which has the entries 1-1 and 3-1. */
export function writeStream(
  version: 1 | 3,
  node = streamNode,
): (writer: RdbWriter, string: (value: string | Uint8Array) => void) => void {
  return (writer, string) => {
    writer.length(1)
    string(rawId(1))
    string(node)
    const ids = version === 1 ? [2, 3, 1] : [2, 3, 1, 1, 1, 0, 0, 2]
    for (const length of ids) writer.length(length)
    writer.length(1)
    string('group')
    for (const length of version === 1 ? [1, 1] : [1, 1, 1]) writer.length(length)
    writer.length(1)
    writer.raw(rawId(1), 0, 16)
    writer.int64(1_700_000_000_000)
    writer.length(2)
    writer.length(1)
    string('consumer')
    writer.int64(1_700_000_000_001)
    if (version === 3) writer.int64(1_700_000_000_002)
    writer.length(1)
    writer.raw(rawId(1), 0, 16)
  }
}

export const FIELD_EXPIRY_MS = 1_900_000_000_000

const later: readonly Sample[] = [
  {
    name: 'set, listpack',
    payload: sealed(
      body(RdbType.setListpack, (_, string) => string(listpackOf('a', 7, 'b'))),
      11,
    ),
  },
  {
    name: 'hash, listpack with times',
    payload: sealed(
      body(RdbType.hashListpackEx, (writer, string) => {
        writer.int64(FIELD_EXPIRY_MS)
        string(listpackOf('soon', 'v', FIELD_EXPIRY_MS, 'later', 5, FIELD_EXPIRY_MS + 1000, 'never', 'w', 0))
      }),
      12,
    ),
  },
  {
    name: 'hash with times',
    payload: sealed(
      body(RdbType.hashMetadata, (writer, string) => {
        writer.int64(FIELD_EXPIRY_MS)
        writer.length(3)
        for (const [time, field, value] of [
          [1, 'soon', 'v'],
          [1001, 'later', 'l'.repeat(100)],
          [0, 'never', 'w'],
        ] as const) {
          writer.length(time)
          string(field)
          string(value)
        }
      }),
      12,
    ),
  },
  {
    name: 'hash, listpack with times, of a release candidate',
    payload: sealed(
      body(RdbType.hashListpackExPreGa, (_writer, string) => {
        string(listpackOf('soon', 'v', FIELD_EXPIRY_MS, 'later', 5, FIELD_EXPIRY_MS + 1000, 'never', 'w', 0))
      }),
      12,
    ),
  },
  {
    name: 'hash with times, of a release candidate',
    payload: sealed(
      body(RdbType.hashMetadataPreGa, (writer, string) => {
        writer.length(3)
        for (const [time, field, value] of [
          [FIELD_EXPIRY_MS, 'soon', 'v'],
          [FIELD_EXPIRY_MS + 1000, 'later', 'l'.repeat(100)],
          [0, 'never', 'w'],
        ] as const) {
          writer.length(time)
          string(field)
          string(value)
        }
      }),
      12,
    ),
  },
  { name: 'stream of version 1', payload: sealed(body(RdbType.streamListpacks, writeStream(1)), 9) },
  { name: 'stream of version 3', payload: sealed(body(RdbType.streamListpacks3, writeStream(3)), 11) },
]

export const samples: readonly Sample[] = [
  ...recordedPayloads.map(({ name, payload }) => ({ name, payload: new Uint8Array(Buffer.from(payload, 'base64')) })),
  ...later,
]
