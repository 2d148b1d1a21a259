/** A large hash with times, while a snapshot writes it in portions and its fields come to their times. */
import { expect, it } from 'vitest'
import type { Database } from '../../../src/store/database.js'
import type { Keyspace } from '../../../src/store/keyspace.js'
import { RdbReader } from '../../../src/store/rdb/rdb-reader.js'
import { type SnapshotPart, SnapshotWalk } from '../../../src/store/rdb/snapshot-walk.js'
import { readValue } from '../../../src/store/rdb/value-forms.js'
import { NO_EXPIRY } from '../../../src/store/value-type.js'
import { makeKeyspace, peekText, START_MS } from '../keyspaces.js'

const KEY = Buffer.from('key')
const FIELDS = 6000
/** A portion is 200 elements, and what else lies in the last of its buckets. */
const PORTION_ELEMENTS_MAX = 220
const SOON_MS = START_MS + 1000
const noClock = (): number => 0

/** Every third field is due soon, every third some day. */
function timeOf(i: number): number {
  return i % 3 === 0 ? SOON_MS + (i % 2) : i % 3 === 1 ? START_MS + 10_000_000 + i : NO_EXPIRY
}

function makeHash(db: Database): void {
  const { hashes, limits } = db.keyspace
  limits.hashMaxListpackEntries = 0
  hashes.create(db, KEY, 0, KEY.length)
  for (let i = 0; i < FIELDS; i++) {
    const field = Buffer.from(`field:${i}`)
    hashes.append(field, 0, field.length, field, 0, field.length, timeOf(i))
  }
  hashes.settle(true)
}

function timesOf(db: Database): Map<string, number> {
  const { hashes } = db.keyspace
  const times = new Map<string, number>()
  expect(peekText(db, 'key')).toBe(true)
  hashes.open(db)
  hashes.rewind()
  while (hashes.next()) {
    const { fieldBytes, fieldOffset, fieldLength } = hashes
    times.set(Buffer.from(fieldBytes).toString('latin1', fieldOffset, fieldOffset + fieldLength), hashes.expireAtMs)
  }
  return times
}

/** Takes what is ready. @returns its bytes */
function taken(walk: SnapshotWalk): Uint8Array[] {
  const bytes: Uint8Array[] = []
  for (let part: SnapshotPart | undefined = walk.firstPart; part !== undefined; part = walk.firstPart) {
    bytes.push(part.bytes.slice())
    walk.dropPart()
  }
  return bytes
}

/** Loads a part that holds the one key. */
function loaded(bytes: Uint8Array): Map<string, number> {
  const db = makeKeyspace().database(0)
  const reader = new RdbReader()
  reader.open(bytes, 0, bytes.length)
  // SELECTDB 0
  reader.byte()
  reader.length()
  const rdbType = reader.byte()
  reader.string()
  readValue(reader, rdbType, { db, key: KEY, expireAtMs: NO_EXPIRY })
  expect(reader.position).toBe(bytes.length)
  return timesOf(db)
}

/** A snapshot of a database with the one hash, and the times that its fields have at the cut. */
function beginWalk(): { keyspace: Keyspace; db: Database; before: Map<string, number>; walk: SnapshotWalk } {
  const keyspace = makeKeyspace()
  const db = keyspace.database(0)
  makeHash(db)
  const before = timesOf(db)
  return {
    keyspace,
    db,
    before,
    walk: new SnapshotWalk(keyspace, { compresses: false, clock: 'none', addToDigest: null }),
  }
}

it('is written some fields at a time, as it was at the cut, and loses fields only before or behind it', () => {
  const { keyspace, db, before, walk } = beginWalk()
  const written: Uint8Array[] = []
  const field = Buffer.from('field:0')
  let steps = 0
  while (!walk.isThrough) {
    walk.step()
    steps++
    written.push(...taken(walk))
    expect(peekText(db, 'key')).toBe(true)
    if (!walk.isWriting(db)) continue
    keyspace.nowMs = SOON_MS + 10
    for (let i = 0; i < 3; i++) keyspace.activeExpire(1000, noClock)
    // Who reads finds what is over no more, and leaves it.
    expect(peekText(db, 'key')).toBe(true)
    expect(keyspace.hashes.findField(db, field, 0, field.length)).toBe(false)
    expect(keyspace.hashes.length).toBe(FIELDS)
  }
  expect(steps).toBeGreaterThan(FIELDS / PORTION_ELEMENTS_MAX)
  expect(loaded(Buffer.concat(written))).toEqual(before)
  for (let i = 0; i < 200; i++) keyspace.activeExpire(1000, noClock)
  expect(timesOf(db).size).toBe(before.size - Math.ceil(FIELDS / 3))
})

it('is written to its end before a field is chosen among those that are not over', () => {
  const { keyspace, db, before, walk } = beginWalk()
  const written: Uint8Array[] = []
  // The first step meets the hash, or an empty bucket before it.
  while (!(peekText(db, 'key') && walk.isWriting(db))) {
    expect(walk.isThrough).toBe(false)
    walk.step()
  }
  keyspace.nowMs = SOON_MS + 10
  keyspace.hashes.open(db)
  keyspace.hashes.expireAll()
  expect(keyspace.hashes.length).toBe(before.size - Math.ceil(FIELDS / 3))
  while (!walk.isThrough) walk.step()
  written.push(...taken(walk))
  expect(loaded(Buffer.concat(written))).toEqual(before)
})
