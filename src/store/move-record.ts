/**
 * Copying and moving records between keys and databases of one shard, whatever they carry.
 *
 * Owned by one shard's thread. Invariant: type, encoding and expiry go along with the value.
 */
import { assert } from '../base/assert.js'
import type { Database } from './database.js'
import { keyEvents } from './keyspace-events.js'
import { adoptFields, exportRecord, importRecord } from './record-image.js'
import { isFlat, ValueType } from './value-type.js'

/**
 * Copies the record of `sourceKey` to `targetKey`, over whatever stands there. The source must exist, and source and
 * target must not be the same. Counts as one modification. The target's cursor stands on the copy.
 */
export function copyRecord(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  source.keyspace.quietly(() => putCopy(source, sourceKey, target, targetKey))
  // As in Redis it is a new key also where it takes the place of another one.
  target.notify(keyEvents.new)
}

function putCopy(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  // The lookup of the target may have moved the cursor, when both are in one database.
  const found = source.peek(sourceKey, 0, sourceKey.length)
  assert(found, 'a record that is copied must exist')
  if (source.type === ValueType.string) {
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
    return
  }
  const { dirty } = source.keyspace.stats
  importRecord(target, targetKey, exportRecord(source))
  source.keyspace.stats.dirty = dirty + 1
}

/** As `copyRecord`, and removes the source. Counts as one modification, as one command's work. */
export function moveRecord(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  const found = source.peek(sourceKey, 0, sourceKey.length)
  assert(found, 'a record that is moved must exist')
  const { dirty } = source.keyspace.stats
  if (isFlat(source.encoding)) {
    copyRecord(source, sourceKey, target, targetKey)
    const stillFound = source.peek(sourceKey, 0, sourceKey.length)
    assert(stillFound, 'a record that was copied must still exist')
    source.remove()
  } else {
    moveRoot(source, sourceKey, target, targetKey)
    target.notify(keyEvents.new)
  }
  source.keyspace.stats.dirty = dirty + 1
}

/** The root changes its key, and everything that hangs on it stays where it is. */
function moveRoot(source: Database, sourceKey: Uint8Array, target: Database, targetKey: Uint8Array): void {
  const { type, encoding } = source
  const expireAtMs = source.expireAtMs()
  const root = source.bytes.slice(source.valueOffset, source.valueOffset + source.valueLength)
  source.keyspace.quietly(() => {
    target.setCollection(targetKey, 0, targetKey.length, type, encoding, root, expireAtMs)
  })
  const found = source.peek(sourceKey, 0, sourceKey.length)
  assert(found, 'a record that was moved must still exist')
  source.removeWithoutValue()
  const isThere = target.peek(targetKey, 0, targetKey.length)
  assert(isThere, 'a record that was moved must be there')
  adoptFields(target)
}
