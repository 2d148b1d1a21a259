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
import { damaged } from './payload-damage.js'
import { samples } from './payload-samples.js'

/** More for a long run by hand. */
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 400)
const KEY = new TextEncoder().encode('key')
const COPY = new TextEncoder().encode('copy')

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
