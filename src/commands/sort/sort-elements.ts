/**
 * Elements of the collections that SORT sorts, and the list that it stores.
 *
 * Used in a shard worker. In each call the cursor of the database stands on the collection.
 */
import type { Database } from '../../store/database.js'
import type { MemberVisitor } from '../../store/set/open-set.js'
import { NO_EXPIRY, ValueType } from '../../store/value-type.js'
import type { ByteStrings } from './byte-strings.js'

/** How many elements a collection that can be sorted has. */
export function elementCount(db: Database): number {
  return db.kind.elementCount(db)
}

/**
 * Copies elements out of a list, a set or a sorted set in the collection's own order.
 * @param start the first one, and `count` how many; all of them of a set, whose order is none
 */
export function addElements(db: Database, elements: ByteStrings, start: number, count: number): void {
  if (count === 0) return
  switch (db.type) {
    case ValueType.list:
      addFromList(db, elements, start, count)
      return
    case ValueType.zset:
      addFromSortedSet(db, elements, start, count)
      return
    default:
      addFromSet(db, elements)
  }
}

function addFromList(db: Database, elements: ByteStrings, start: number, count: number): void {
  const { cursor } = db.keyspace.lists
  const { listpack } = cursor
  cursor.open(db)
  cursor.goTo(start)
  for (let left = count; ; cursor.forward()) {
    cursor.readElement()
    elements.add(listpack.valueBytes, listpack.valueOffset, listpack.valueLength)
    if (--left === 0) return
  }
}

function addFromSortedSet(db: Database, elements: ByteStrings, start: number, count: number): void {
  const set = db.keyspace.sortedSets.open(db)
  set.seek(start)
  for (let left = count; ; set.next()) {
    elements.add(set.memberBytes, set.memberOffset, set.memberLength)
    if (--left === 0) return
  }
}

function addFromSet(db: Database, elements: ByteStrings): void {
  const addMember: MemberVisitor = {
    member(bytes, offset, length) {
      elements.add(bytes, offset, length)
      return true
    },
  }
  db.keyspace.sets.open(db).visit(addMember)
}

/** The key of a list in the making: no other command runs before it is whole. */
const NURSERY_KEY = new Uint8Array(0)

/**
 * Gives a key a list of these elements, of which there must be one, over whatever stands there. One modification.
 * @throws ArenaFullError with what stood there as it was
 */
export function storeList(db: Database, key: Uint8Array, elements: ByteStrings): void {
  const { lists, nursery, stats } = db.keyspace
  const { dirty } = stats
  lists.create(nursery, NURSERY_KEY, 0, 0)
  try {
    for (let i = 0; i < elements.count; i++) {
      lists.push(nursery, false, elements.bytes, elements.offsets[i]!, elements.lengths[i]!)
    }
    const { bytes, valueOffset, valueLength, encoding } = nursery
    const value = bytes.subarray(valueOffset, valueOffset + valueLength)
    db.setCollection(key, 0, key.length, ValueType.list, encoding, value, NO_EXPIRY)
  } catch (error) {
    nursery.remove()
    stats.dirty = dirty
    throw error
  }
  nursery.removeWithoutValue()
  stats.dirty = dirty + 1
}
