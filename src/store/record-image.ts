/**
 * A record as bytes, for a move between shards (the two sides are different threads with different arenas) or a copy.
 *
 * Owned by one shard's thread. Image: type (1 byte), encoding (1 byte), expiry in ms (float64, little endian, NO_EXPIRY
 * for none), then the value: flat encodings as they lie in the record, the others as their kind writes them.
 */
import { assert } from '../base/assert.js'
import { ByteSink, ByteSource } from '../base/byte-sink.js'
import type { Database } from './database.js'
import { WHOLE } from './value-kind.js'
import { isFlat, ValueType } from './value-type.js'

/** The image of the record in hand. */
export function exportRecord(db: Database): Uint8Array {
  const image = new RecordExport()
  image.step(db, WHOLE)
  return image.bytes
}

/** Puts the record of `image` under `key`, in the place of whatever stands there. */
export function importRecord(db: Database, key: Uint8Array, image: Uint8Array): void {
  new RecordImport().step(db, key, image, WHOLE)
}

/** Makes the image of a record that may be large, in portions between which nobody changes it. */
export class RecordExport {
  private readonly sink = new ByteSink()
  private position = -1

  /** Takes a portion of the record in hand. @returns whether it was the last */
  step(db: Database, elementsMax: number): boolean {
    const { sink } = this
    if (sink.length === 0) {
      sink.u8(db.type)
      sink.u8(db.encoding)
      sink.f64(db.expireAtMs())
      if (isFlat(db.encoding)) {
        sink.raw(db.bytes, db.valueOffset, db.valueLength)
        return true
      }
      this.position = 0
    }
    this.position = db.kind.writeSome(db, sink, this.position, elementsMax)
    return this.position === -1
  }

  /** The image, when it is complete. */
  get bytes(): Uint8Array {
    return this.sink.written()
  }
}

/** Makes a record of an image that may be large, in portions between which nobody looks at the key. */
export class RecordImport {
  private position = 0

  /**
   * Adds a portion. The first one takes the place of what stands under the key. The image may lie somewhere else each time.
   * @returns whether it was the last
   */
  step(db: Database, key: Uint8Array, image: Uint8Array, elementsMax: number): boolean {
    return db.keyspace.quietly(() => this.read(db, key, image, elementsMax))
  }

  private read(db: Database, key: Uint8Array, image: Uint8Array, elementsMax: number): boolean {
    const source = new ByteSource(image, this.position)
    if (this.position === 0) {
      const type = source.u8()
      const encoding = source.u8()
      const expireAtMs = source.f64()
      if (isFlat(encoding)) {
        db.setCollection(key, 0, key.length, type, encoding, image.subarray(source.at), expireAtMs)
        adoptFields(db)
        return true
      }
      if (db.findForWrite(key, 0, key.length)) db.remove()
      db.keyspace.kindOf(type).createEmpty(db, key, 0, key.length, encoding, expireAtMs)
    } else {
      const found = db.findForWrite(key, 0, key.length)
      assert(found, 'a record that is being imported must exist')
    }
    db.kind.readSome(db, source, elementsMax)
    this.position = source.at
    return source.isAtEnd
  }
}

/** A hash whose value was not made by its type: its fields that expire are not known to the database yet. */
export function adoptFields(db: Database): void {
  if (db.type === ValueType.hash) db.keyspace.hashes.adopt(db)
}
