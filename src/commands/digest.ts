/**
 * Digests of values and of the whole data set, equal to Redis's for equal data: DEBUG DIGEST and DEBUG DIGEST-VALUE.
 *
 * Values are digested on the shards, and `combineDigests` runs on the main thread.
 * What a type adds to a digest is its kind's business, see value-kind.ts.
 *
 * Algorithm: computeDatasetDigest in Redis's debug.c.
 */
import { DIGEST_BYTES, mixDigest, xorBytes, xorDigest } from '../base/data-digest.js'
import type { Database } from '../store/database.js'
import type { Keyspace } from '../store/keyspace.js'
import { NO_EXPIRY, ValueType } from '../store/value-type.js'

/** Stands in the place of a time to live, so that digests do not depend on when keys expire, only on whether they do. */
const EXPIRE_MARK = Buffer.from('!!expire!!', 'latin1')

function bigEndian(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(n)
  return bytes
}

/** Adds the value in hand, its type and whether it has a time to live. */
export function mixValue(digest: Uint8Array, db: Database): void {
  mixDigest(digest, bigEndian(db.type))
  if (db.type === ValueType.string) {
    mixDigest(digest, db.bytes.subarray(db.valueOffset, db.valueOffset + db.valueLength))
  } else {
    db.kind.addToDigest(db, digest)
  }
  if (db.expireAtMs() !== NO_EXPIRY) xorDigest(digest, EXPIRE_MARK)
}

/** A database's index, then the digest of its keys on one shard. */
export const PART_BYTES = 4 + DIGEST_BYTES

/** Adds the key in hand with its value to the digest of its database's keys. */
export function addKey(keys: Uint8Array, db: Database): void {
  const entry = new Uint8Array(DIGEST_BYTES)
  mixDigest(entry, db.bytes.subarray(db.keyOffset, db.keyOffset + db.keyLength))
  mixValue(entry, db)
  xorDigest(keys, entry)
}

/** The parts of all databases of one shard that hold keys, one behind the other. */
export function keyspaceDigest(keyspace: Keyspace): Uint8Array {
  const digests: [number, Uint8Array][] = []
  for (let index = 0; index < keyspace.databases; index++) {
    const database = keyspace.existingDatabase(index)
    if (database === null || database.size === 0) continue
    const keys = new Uint8Array(DIGEST_BYTES)
    const add = (db: Database): boolean => {
      addKey(keys, db)
      return true
    }
    database.forEach(add)
    digests.push([index, keys])
  }
  return digestParts(digests)
}

/** Parts from the digests of databases, each made with `addKey`. */
export function digestParts(digests: readonly (readonly [index: number, digest: Uint8Array])[]): Uint8Array {
  return Buffer.concat(digests.flatMap(([index, digest]) => [bigEndian(index), digest]))
}

/** The digest of the whole data set from the parts of every shard. Keys are xored, so that it does not matter where they are. */
export function combineDigests(shards: readonly Uint8Array[]): Uint8Array {
  const databases = new Map<number, Uint8Array>()
  for (const parts of shards) {
    const view = new DataView(parts.buffer, parts.byteOffset, parts.length)
    for (let at = 0; at < parts.length; at += PART_BYTES) {
      const index = view.getUint32(at)
      const keys = databases.get(index) ?? new Uint8Array(DIGEST_BYTES)
      xorBytes(keys, parts.subarray(at + 4, at + PART_BYTES))
      databases.set(index, keys)
    }
  }
  const whole = new Uint8Array(DIGEST_BYTES)
  for (const index of [...databases.keys()].sort((a, b) => a - b)) {
    mixDigest(whole, bigEndian(index))
    xorBytes(whole, databases.get(index) as Uint8Array)
  }
  return whole
}

export function hexadecimal(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex')
}
