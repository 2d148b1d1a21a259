/** Active expiry of fields beside other work on the same hash, and the memory that it gives back. */
import { expect, test } from 'vitest'
import type { Database } from '../../../src/store/database.js'
import { importRecord, RecordExport } from '../../../src/store/record-image.js'
import { NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace, peekText, START_MS } from '../keyspaces.js'

const KEY = Buffer.from('k')
const noClock = (): number => 0

/** Makes a hash of so many fields, of which those up to `expiring` have a time. */
function makeHash(db: Database, fields: number, expiring: number, timeMs: number): void {
  const { hashes } = db.keyspace
  hashes.create(db, KEY, 0, KEY.length)
  for (let i = 0; i < fields; i++) {
    const field = Buffer.from(`field:${i}`)
    hashes.append(field, 0, field.length, field, 0, field.length, i < expiring ? timeMs : NO_EXPIRY)
  }
  hashes.settle(true)
}

function fieldsOf(db: Database): string[] {
  const { hashes } = db.keyspace
  hashes.open(db)
  hashes.rewind()
  const fields: string[] = []
  while (hashes.next()) {
    fields.push(
      Buffer.from(hashes.fieldBytes).toString('latin1', hashes.fieldOffset, hashes.fieldOffset + hashes.fieldLength),
    )
  }
  return fields.sort()
}

test('a hash that is being copied in portions keeps its fields where they are', () => {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  makeHash(db, 3000, 2900, START_MS + 10)
  keyspace.nowMs = START_MS + 11
  peekText(db, 'k')
  const before = fieldsOf(db)
  keyspace.eviction.isProtected = () => true
  const image = new RecordExport()
  for (let done = false; !done; ) {
    peekText(db, 'k')
    done = image.step(db, 100)
    keyspace.activeExpire(1000, noClock)
  }
  keyspace.nowMs = START_MS
  const target = keyspace.database(1)
  importRecord(target, KEY, image.bytes)
  peekText(target, 'k')
  expect(fieldsOf(target)).toEqual(before)

  keyspace.nowMs = START_MS + 11
  keyspace.eviction.isProtected = () => false
  for (let i = 0; i < 100; i++) keyspace.activeExpire(1000, noClock)
  peekText(db, 'k')
  expect(fieldsOf(db).length).toBe(100)
})

test('when fields have expired, what the hash held for their times goes back', () => {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  makeHash(db, 5000, 4999, START_MS + 10)
  makeHash(keyspace.database(1), 1, 0, NO_EXPIRY)
  keyspace.limits.hashMaxListpackEntries = 0
  makeHash(keyspace.database(2), 1, 0, NO_EXPIRY)
  keyspace.nowMs = START_MS + 11
  for (let i = 0; i < 100; i++) keyspace.activeExpire(1000, noClock)
  peekText(db, 'k')
  expect(fieldsOf(db)).toEqual(['field:4999'])
  peekText(keyspace.database(2), 'k')
  const least = keyspace.database(2).memoryUsage(0)
  peekText(db, 'k')
  expect(db.memoryUsage(0)).toBeLessThan(least + 512)
})

test('while fields expire in portions, the table of times shrinks with them', () => {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  makeHash(db, 5000, 5000, START_MS + 10)
  for (let i = 0; i < 50; i++) {
    const field = Buffer.from(`later:${i}`)
    peekText(db, 'k')
    keyspace.hashes.openForWrite(db)
    keyspace.hashes.append(field, 0, field.length, field, 0, field.length, START_MS + 100_000)
    keyspace.hashes.settle(true)
  }
  keyspace.nowMs = START_MS + 11
  for (let i = 0; i < 100; i++) keyspace.activeExpire(1000, noClock)
  peekText(db, 'k')
  expect(fieldsOf(db).length).toBe(50)
  peekText(db, 'k')
  // Fifty elements of less than 64 bytes, and two small tables.
  expect(db.memoryUsage(0)).toBeLessThan(50 * 64 + 3000)
})
