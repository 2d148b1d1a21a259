/**
 * A record as bytes, for a move between shards: the two sides are different threads with different arenas.
 *
 * Image: type (1 byte), encoding (1 byte), 6 bytes zero, expiry in ms (float64, little endian, NO_EXPIRY for none), value.
 */
import type { Database } from './database.js'

const HEADER_BYTES = 16

/** The image of the record in hand. */
export function exportRecord(db: Database): Uint8Array {
  const image = new Uint8Array(HEADER_BYTES + db.valueLength)
  image[0] = db.type
  image[1] = db.encoding
  new DataView(image.buffer).setFloat64(8, db.expireAtMs(), true)
  image.set(db.bytes.subarray(db.valueOffset, db.valueOffset + db.valueLength), HEADER_BYTES)
  return image
}

/** Puts the record of `image` under `key`, in the place of whatever stands there. */
export function importRecord(db: Database, key: Uint8Array, image: Uint8Array): void {
  const expireAtMs = new DataView(image.buffer, image.byteOffset).getFloat64(8, true)
  const valueLength = image.length - HEADER_BYTES
  if (db.findForWrite(key, 0, key.length)) db.remove()
  db.create(key, 0, key.length, image[0] as number, image[1] as number, valueLength, expireAtMs)
  db.bytes.set(image.subarray(HEADER_BYTES), db.valueOffset)
}
