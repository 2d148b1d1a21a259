/**
 * Copying and moving records between keys and databases of one shard.
 *
 * Owned by one shard's thread. This is the one place that knows how a record of each type is duplicated: commands such
 * as RENAME, COPY and MOVE do not look at what they carry.
 * Invariant: type, encoding and expiry go along with the value.
 */
import { assert } from '../base/assert.js'
import type { Database } from './database.js'
import { ValueType } from './value-type.js'

/**
 * Copies the record of `sourceKey` to `targetKey`, over whatever stands there. The source must exist, and source and
 * target must not be the same. Counts as one modification. The target's cursor stands on the copy.
 */
export function copyRecord(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  // The lookup of the target may have moved the cursor, when both are in one database.
  const found = source.peek(sourceKey, 0, sourceKey.length)
  assert(found, 'a record that is copied must exist')
  switch (source.type) {
    case ValueType.string:
      target.setString(
        targetKey,
        0,
        targetKey.length,
        source.bytes,
        source.valueOffset,
        source.valueLength,
        source.encoding,
        source.expireAtMs(),
      )
      break
    default:
      assert(false, 'a record of this type cannot be copied')
  }
}

/** As `copyRecord`, and removes the source. Counts as one modification, as one command's work. */
export function moveRecord(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  copyRecord(source, sourceKey, target, targetKey)
  const found = source.peek(sourceKey, 0, sourceKey.length)
  assert(found, 'a record that was copied must still exist')
  source.remove()
  // The copy and the removal were counted as one modification each, but together they are one.
  source.keyspace.stats.dirty--
}
