/**
 * How the value in hand is kept, in Redis's words: for OBJECT and DEBUG OBJECT.
 *
 * Runs in a shard worker.
 */
import { assert } from '../base/assert.js'
import { parseUnsigned } from '../base/integer.js'
import type { Database } from '../store/database.js'
import { Encoding, ValueType } from '../store/value-type.js'

/** Redis shares one object for each of the integers below this one, and counts its references as "always". */
const SHARED_INTEGERS = 10000
const SHARED_REFERENCES = 2147483647

const encodingNames: ReadonlyMap<number, string> = new Map([
  [Encoding.raw, 'raw'],
  [Encoding.int, 'int'],
  [Encoding.embstr, 'embstr'],
])

export function encodingName(db: Database): string {
  if (db.type !== ValueType.string) return db.kind.encodingName(db)
  const name = encodingNames.get(db.encoding)
  assert(name !== undefined, 'an encoding without a name')
  return name
}

export function referenceCount(db: Database): number {
  // An access clock that several keys share would say nothing of any of them.
  if (db.keyspace.eviction.usesClocks) return 1
  const value = db.encoding === Encoding.int ? parseUnsigned(db.bytes, db.valueOffset, db.valueLength) : -1
  return value >= 0 && value < SHARED_INTEGERS ? SHARED_REFERENCES : 1
}
