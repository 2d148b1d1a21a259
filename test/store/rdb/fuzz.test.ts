/**
 * Damaged payloads with right checksums: each is either refused or makes a value that can be used like any other, and
 * neither leaves anything behind in the arena.
 */
import { describe, expect, it } from 'vitest'
import { DIGEST_BYTES } from '../../../src/base/data-digest.js'
import { Prng } from '../../../src/base/prng.js'
import { hexadecimal, mixValue } from '../../../src/commands/digest.js'
import type { Database } from '../../../src/store/database.js'
import { loadDumpPayload, writeDumpPayload } from '../../../src/store/rdb/dump-payload.js'
import { RdbWriter } from '../../../src/store/rdb/rdb-writer.js'
import { StreamId } from '../../../src/store/stream/stream-id.js'
import { NO_EXPIRY, ValueType } from '../../../src/store/value-type.js'
import { makeKeyspace } from '../keyspaces.js'
import { samples, sealed } from './payload-samples.js'

/** More for a long run by hand. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 400)
const FOOTER_BYTES = 10
const KEY = new TextEncoder().encode('key')
const COPY = new TextEncoder().encode('copy')

/** Changes a few bytes, cuts some out, doubles some or puts others in. */
function damaged(payload: Uint8Array, prng: Prng): Uint8Array {
  let bytes = Buffer.from(payload.subarray(0, payload.length - FOOTER_BYTES))
  for (let changes = 1 + prng.below(3); changes > 0; changes--) {
    const at = prng.below(bytes.length + 1)
    const length = prng.below(6)
    switch (prng.below(6)) {
      case 0:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, prng.below(256)), bytes.subarray(at)])
        break
      case 3:
        if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0x81, 0xc3, 0xfe, 0xff][prng.below(8)] as number
        break
      case 4:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8))
        break
      default:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) + (prng.below(2) === 0 ? 1 : 255)
    }
  }
  return sealed(bytes)
}

function digestOf(db: Database, key: Uint8Array): string {
  const digest = new Uint8Array(DIGEST_BYTES)
  expect(db.peek(key, 0, key.length)).toBe(true)
  mixValue(digest, db)
  return hexadecimal(digest)
}

/** Removes the elements of the list or stream in hand one by one. */
function takeApart(db: Database): void {
  const { lists, streams } = db.keyspace
  if (db.type === ValueType.list) {
    for (let left = lists.length(db); left > 0; left--) lists.pop(db, left % 2 === 0, 1)
  } else if (db.type === ValueType.stream) {
    streams.open(db)
    const id = new StreamId()
    while (streams.readLastEntryId(id)) expect(streams.deleteEntry(id)).toBe(true)
    expect(streams.root.length).toBe(0)
  }
}

describe('damaged payloads', () => {
  it.each(samples)('do no harm: $name', ({ payload }) => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
    const prng = new Prng(seed)
    const keyspace = makeKeyspace()
    const db = keyspace.database(0)
    const writer = new RdbWriter()
    let loaded = 0
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = damaged(payload, prng)
      const which = `seed ${seed}, round ${round}: ${Buffer.from(bytes).toString('base64')}`
      let isLoaded: boolean
      try {
        isLoaded = loadDumpPayload(bytes, 0, bytes.length, { db, key: KEY, expireAtMs: NO_EXPIRY }) === null
      } catch (error) {
        throw new Error(which, { cause: error })
      }
      if (isLoaded) {
        loaded++
        const digest = digestOf(db, KEY)
        writer.reset()
        writeDumpPayload(db, writer)
        const again = writer.take()
        const target = { db, key: COPY, expireAtMs: NO_EXPIRY }
        expect(loadDumpPayload(again, 0, again.length, target), which).toBe(null)
        expect(digestOf(db, COPY), which).toBe(digest)
        db.memoryUsage()
        takeApart(db)
        if (db.peek(COPY, 0, COPY.length)) db.remove()
      }
      if (db.peek(KEY, 0, KEY.length)) db.remove()
      const { usedBytes, tableBytes } = keyspace.memory()
      expect(usedBytes, which).toBe(tableBytes)
    }
    // Damage in a text makes another text: a fuzzer that nothing passes would find nothing either.
    expect(loaded, `seed ${seed}`).toBeGreaterThan(0)
  })
})
