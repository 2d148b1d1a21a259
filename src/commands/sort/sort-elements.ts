/**
 * Elements of the collections that SORT sorts, and the list that it stores.
 *
 * Used in a shard worker. In each call the cursor of the database stands on the collection.
 */
import type { Database } from '../../store/database.js'
import type { MemberVisitor } from '../../store/set/open-set.js'
import { ValueType } from '../../store/value-type.js'
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
  cursor.open(db)
  cursor.goTo(start)
  for (let left = count; ; cursor.forward()) {
    cursor.readElement()
    elements.add(cursor.valueBytes, cursor.valueOffset, cursor.valueLength)
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

/** Makes a key that does not exist, with a list of these elements, of which there must be one. */
export function storeList(db: Database, key: Uint8Array, elements: ByteStrings): void {
  const { lists } = db.keyspace
  lists.create(db, key, 0, key.length)
  for (let i = 0; i < elements.count; i++) {
    lists.push(db, false, elements.bytes, elements.offsets[i]!, elements.lengths[i]!)
  }
}
