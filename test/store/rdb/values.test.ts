/** Values of every form: what Redis wrote has the digest that Redis gave it, and what is written here loads the same. */
import { describe, expect, it } from 'vitest'
import { DIGEST_BYTES } from '../../../src/base/data-digest.js'
import { hexadecimal, mixValue } from '../../../src/commands/digest.js'
import type { Database } from '../../../src/store/database.js'
import type { Keyspace } from '../../../src/store/keyspace.js'
import { isDumpPayload, loadDumpPayload, writeDumpPayload } from '../../../src/store/rdb/dump-payload.js'
import { RdbWriter } from '../../../src/store/rdb/rdb-writer.js'
import { StreamId } from '../../../src/store/stream/stream-id.js'
import { NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace } from '../keyspaces.js'
import { body, FIELD_EXPIRY_MS, listpackOf, samples, sealed, writeStream } from './payload-samples.js'
import { recordedPayloads } from './recorded-payloads.js'

const KEY = new TextEncoder().encode('key')

function load(db: Database, payload: Uint8Array, expireAtMs = NO_EXPIRY): boolean {
  return loadDumpPayload(payload, 0, payload.length, { db, key: KEY, expireAtMs }) === null
}

/** The value under the key, as a payload. */
function dumped(db: Database): Uint8Array {
  const writer = new RdbWriter()
  expect(db.peek(KEY, 0, KEY.length)).toBe(true)
  writeDumpPayload(db, writer)
  return writer.take()
}

function digestOf(db: Database): string {
  const digest = new Uint8Array(DIGEST_BYTES)
  expect(db.peek(KEY, 0, KEY.length)).toBe(true)
  mixValue(digest, db)
  return hexadecimal(digest)
}

/** Leaves nothing in use but the tables of the databases. */
function expectNothingLeft(keyspace: Keyspace): void {
  const { usedBytes, tableBytes } = keyspace.memory()
  expect(usedBytes).toBe(tableBytes)
}

describe('values in RDB', () => {
  it.each(recordedPayloads)('load as Redis has them: $name', ({ payload, digest }) => {
    const db = makeKeyspace().database(0)
    const bytes = new Uint8Array(Buffer.from(payload, 'base64'))
    expect(isDumpPayload(bytes, 0, bytes.length)).toBe(true)
    expect(load(db, bytes)).toBe(true)
    expect(digestOf(db)).toBe(digest)
  })

  it.each(samples)('load again after they were written: $name', ({ payload }) => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    expect(load(db, payload)).toBe(true)
    const digest = digestOf(db)
    const first = dumped(db)
    expect(isDumpPayload(first, 0, first.length)).toBe(true)

    const other = makeKeyspace(2).database(0)
    expect(load(other, first)).toBe(true)
    expect(digestOf(other)).toBe(digest)
    expect(dumped(other)).toEqual(first)

    db.remove()
    expectNothingLeft(keyspace)
  })

  it.each(samples)('take an expiry along: $name', ({ payload }) => {
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const expireAtMs = keyspace.nowMs + 1000
    expect(load(db, payload, expireAtMs)).toBe(true)
    expect(db.peek(KEY, 0, KEY.length)).toBe(true)
    expect(db.expireAtMs()).toBe(expireAtMs)
    expect(db.expiresSize).toBe(1)
    keyspace.nowMs = expireAtMs + 1
    expect(db.peek(KEY, 0, KEY.length)).toBe(false)
    expectNothingLeft(keyspace)
  })

  it('become large by the limits of this server', () => {
    for (const limit of [1, 2, 3, 4, 5]) {
      for (const { name, payload } of samples.filter((sample) =>
        /^(hash|zset), (listpack|ziplist|zipmap)$/.test(sample.name),
      )) {
        const keyspace = makeKeyspace()
        Object.assign(keyspace.limits, { hashMaxListpackEntries: limit, zsetMaxListpackEntries: limit })
        const db = keyspace.database(0)
        expect(load(db, payload), name).toBe(true)
        expect(db.peek(KEY, 0, KEY.length)).toBe(true)
        const isPacked = db.kind.encodingName(db) === 'listpack'
        // Of the zipmap one value is too long in any case.
        expect(isPacked, name).toBe(name !== 'hash, zipmap' && db.kind.elementCount(db) <= limit)
      }
    }
  })

  it('find a member that was packed as a text although it is an integer', () => {
    const pack = listpackOf('xx', 'v', 'b', 'w')
    // The text "xx" becomes "12", which every listpack of ours would keep as a number.
    pack.set([0x31, 0x32], 7)
    const db = makeKeyspace().database(0)
    expect(load(db, sealed(body(16, (_, string) => string(pack))))).toBe(true)
    const { hashes } = db.keyspace
    expect(db.peek(KEY, 0, KEY.length)).toBe(true)
    hashes.open(db)
    expect(hashes.find(new TextEncoder().encode('12'), 0, 2)).toBe(true)
  })

  it('keep the times of fields', () => {
    for (const name of ['hash, listpack with times', 'hash with times']) {
      const db = makeKeyspace().database(0)
      const sample = samples.find((one) => one.name === name)
      expect(load(db, sample?.payload as Uint8Array)).toBe(true)
      expect(db.peek(KEY, 0, KEY.length)).toBe(true)
      const { hashes } = db.keyspace
      hashes.open(db)
      const times: Record<string, number> = {}
      hashes.rewind()
      while (hashes.next()) {
        const field = hashes.fieldBytes.slice(hashes.fieldOffset, hashes.fieldOffset + hashes.fieldLength)
        times[Buffer.from(field).toString()] = hashes.expireAtMs
      }
      expect(times).toEqual({ soon: FIELD_EXPIRY_MS, later: FIELD_EXPIRY_MS + 1000, never: NO_EXPIRY })
    }
  })

  it('are streams like any other when their numbers stand in longer forms than they need', () => {
    const head = [2, 1, 0, 1, 1, 1, 0x81, 0x66, 2, 0, 1]
    const first = [0xc0, 2, 2, 0, 1, 0, 1, 0x81, 0x76, 2, 4, 1]
    const wideZero = [0xf4, 0, 0, 0, 0, 0, 0, 0, 0, 9]
    const second = [...wideZero, 2, 1, 0, 1, 1, 1, 0x81, 0x67, 2, 0x81, 0x77, 2, 6, 1]
    const entries = [...head, ...first, ...second, 0xff]
    const node = Uint8Array.of(6 + entries.length, 0, 0, 0, 17, 0, ...entries)
    for (const ms of [1, 3]) {
      const keyspace = makeKeyspace()
      const db = keyspace.database(0)
      const { streams } = keyspace
      expect(load(db, sealed(body(15, writeStream(1, node))))).toBe(true)
      streams.open(db)
      expect(streams.deleteEntry(new StreamId().set(0, ms, 0, 1))).toBe(true)
      const walk = streams.entries
      walk.walk(new StreamId(), new StreamId().setMax(), false)
      expect(walk.next()).toBe(true)
      expect(walk.id.toString()).toBe(ms === 1 ? '3-1' : '1-1')
      walk.readField()
      const { valueBytes, valueOffset } = walk.node.listpack
      expect(Buffer.from(valueBytes).toString('latin1', valueOffset, valueOffset + 1)).toBe(ms === 1 ? 'g' : 'f')
      expect(walk.next()).toBe(false)
      expect(load(makeKeyspace().database(0), dumped(db))).toBe(true)
      db.remove()
      expectNothingLeft(keyspace)
    }
  })

  it('are streams with a deleted entry whose ID is greater than that of a live one behind it, as XSETID allows', () => {
    const node = listpackOf(2, 1, 1, 'f', 0, 2, 0, 0, 'v', 4, 3, 4, 0, 'v', 4, 2, 2, 0, 'w', 4)
    const db = makeKeyspace().database(0)
    expect(load(db, sealed(body(15, writeStream(1, node))))).toBe(true)
    expect(load(makeKeyspace().database(0), dumped(db))).toBe(true)
  })

  it('are refused when an element is missing, is there twice or cannot be', () => {
    const wrong: readonly (readonly [string, Uint8Array])[] = [
      ['no elements', body(1, (writer) => writer.length(0))],
      ['no pieces', body(18, (writer) => writer.length(0))],
      ['a count too large', body(2, (writer) => writer.length(1000))],
      ['a member twice', body(2, (writer, string) => [writer.length(2), string('a'), string('a')])],
      ['a packed member twice', body(20, (_, string) => string(listpackOf('a', 'a')))],
      ['a field twice', body(4, (writer, string) => [writer.length(2), ...['a', 'b', 'a', 'c'].map(string)])],
      ['a packed field twice', body(16, (_, string) => string(listpackOf('a', 'b', 'a', 'c')))],
      ['a field without value', body(16, (_, string) => string(listpackOf('a', 'b', 'c')))],
      ['a score that is none', body(17, (_, string) => string(listpackOf('a', 'b')))],
      ['a member with two scores', body(17, (_, string) => string(listpackOf('a', 1, 'a', 2)))],
      ['a member without a score', body(17, (_, string) => string(listpackOf('a')))],
      [
        'a score that is not a number',
        body(5, (writer, string) => [writer.length(1), string('a'), writer.double(Number.NaN)]),
      ],
      ['an intset out of order', body(11, (_, string) => string(Uint8Array.of(2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 1, 0)))],
      ['an empty intset', body(11, (_, string) => string(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)))],
      ['an empty listpack', body(16, (_, string) => string(listpackOf()))],
      [
        'a form of a piece that is none',
        body(18, (writer, string) => [writer.length(1), writer.length(3), string('a')]),
      ],
      ['a module', body(7, (writer) => writer.length(1))],
      ['an unknown type', body(99, (writer) => writer.length(1))],
    ]
    for (const [name, bytes] of wrong) {
      const keyspace = makeKeyspace()
      const db = keyspace.database(0)
      expect(load(db, sealed(bytes)), name).toBe(false)
      if (db.peek(KEY, 0, KEY.length)) db.remove()
      expectNothingLeft(keyspace)
    }
  })

  it('are no payload when version or checksum are wrong', () => {
    const { payload } = samples[0] as { payload: Uint8Array }
    const inner = payload.subarray(0, payload.length - 10)
    expect(isDumpPayload(sealed(inner, 12), 0, payload.length)).toBe(true)
    expect(isDumpPayload(sealed(inner, 13), 0, payload.length)).toBe(false)
    expect(isDumpPayload(payload, 0, payload.length - 1)).toBe(false)
    expect(isDumpPayload(payload, 0, 9)).toBe(false)
    const changed = payload.slice()
    changed[1]! ^= 1
    expect(isDumpPayload(changed, 0, changed.length)).toBe(false)
  })
})
