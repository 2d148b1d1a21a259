/**
 * What SORT's patterns stand for: the value of the key that an element names, or of a field of it.
 *
 * Used in a shard worker. Looking a key up moves the database's cursor, and counts as a read of that key.
 */
import type { Database } from '../../store/database.js'
import { ValueType } from '../../store/value-type.js'
import type { ByteStrings } from './byte-strings.js'
import type { SortPattern } from './sort-pattern.js'

export class SortLookup {
  /** The value found last. Good until the next lookup. */
  bytes: Uint8Array = new Uint8Array(0)
  offset = 0
  length = 0
  #key = new Uint8Array(256)

  constructor(private readonly db: Database) {}

  /** Looks up what the pattern stands for, for element `i`. @returns false when there is no such string or field */
  find(pattern: SortPattern, elements: ByteStrings, i: number): boolean {
    const elementOffset = elements.offsets[i]!
    const elementLength = elements.lengths[i]!
    if (pattern.isElement) {
      this.#found(elements.bytes, elementOffset, elementLength)
      return true
    }
    if (!pattern.namesKeys) return false
    const keyLength = pattern.keyLength(elementLength)
    if (keyLength > this.#key.length) this.#key = new Uint8Array(keyLength * 2)
    pattern.writeKey(elements.bytes, elementOffset, elementLength, this.#key)
    const { db } = this
    if (!db.find(this.#key, 0, keyLength)) return false
    if (pattern.arrow >= 0) return this.#findField(pattern)
    if (db.type !== ValueType.string) return false
    this.#found(db.bytes, db.valueOffset, db.valueLength)
    return true
  }

  #findField(pattern: SortPattern): boolean {
    const { db } = this
    if (db.type !== ValueType.hash) return false
    const { hashes } = db.keyspace
    if (!hashes.findField(db, pattern.bytes, pattern.fieldOffset, pattern.fieldLength)) return false
    this.#found(hashes.valueBytes, hashes.valueOffset, hashes.valueLength)
    return true
  }

  #found(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes = bytes
    this.offset = offset
    this.length = length
  }
}
